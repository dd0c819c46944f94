/*
 * Composing images from documents.
 */
#include "decoder/compose.h"

#include <errno.h>
#include <string.h>

#include "decoder/compose-entries.h"
#include "decoder/document.h"

/* What a pipe gave, to be read again. */
struct kept {
	struct crit_source source; /* must be the first */
	struct crit_spool bytes;
	uint64_t from; /* their offset in the document */
};

/* Keys of a document. */
enum key { KEY_MAGIC, KEY_HEADER, KEY_BYTEORDER, KEY_ENTRIES, KEY_TAIL, N_KEYS };

static const char *const keys[N_KEYS] = {
	[KEY_MAGIC] = "magic",
	[KEY_HEADER] = CRIT_KEY_HEADER,
	[KEY_BYTEORDER] = CRIT_KEY_BYTEORDER,
	[KEY_ENTRIES] = "entries",
	[KEY_TAIL] = CRIT_KEY_TAIL,
};

struct composer {
	struct crit_json json;
	struct crit_entries entries;
	struct crit_source *doc;
	const struct crit_header *header; /* what the image has to be; borrowed; or NULL */
	bool composed;                    /* the entries were */
	bool later;                       /* they come before what has to be known first, */
	struct crit_json_mark place;      /* here */
	struct kept kept;
	struct crit_spool tail;
};

static int spool_failed(struct composer *c, int ret)
{
	return crit_spool_failed(ret, "the image", c->entries.err);
}

static bool is_value(const struct crit_json *j, const char *text)
{
	return strlen(text) == j->value_len && !memcmp(text, j->value, j->value_len);
}

/* Where the header's first word is missing, or is another than it is here. */
static void set_header(struct crit_header *h, const struct crit_type *type, uint32_t first)
{
	h->type = type;
	h->len = 0;
	if (first) {
		crit_set_u32(h, first, h->bytes);
		h->len += 4;
	}
	crit_set_u32(h, type->magic, h->bytes + h->len);
	h->len += 4;
}

static uint32_t first_word(const struct crit_header *h)
{
	return h->len == CRIT_HEADER_MAX ? crit_get_u32(h, h->bytes) : 0;
}

static int read_magic(struct composer *c)
{
	const struct crit_type *type = crit_type_by_title(c->json.value, c->json.value_len);

	if (!type)
		return crit_parse_expected(&c->entries.parser, "the name of an image type");
	if (c->header && type != c->header->type)
		return crit_parse_reject(&c->entries.parser, "expected \"%s\", got \"%s\"",
					 c->entries.header.type->name, type->name);
	c->entries.header.type = type;
	return 0;
}

/* Words of the header that the document names; the type's usual ones else. */
struct words {
	bool named;
	uint32_t first;
};

static int read_header(struct composer *c, struct words *w)
{
	static const struct {
		const char *name;
		uint32_t first;
	} headers[] = {
		{"v1.0", 0}, {"common", CRIT_MAGIC_COMMON}, {"service", CRIT_MAGIC_SERVICE}};
	size_t i;

	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (!is_value(&c->json, headers[i].name))
			continue;
		*w = (struct words){true, headers[i].first};
		return 0;
	}
	return crit_parse_expected(&c->entries.parser, "\"v1.0\", \"common\" or \"service\"");
}

static int read_byteorder(struct composer *c)
{
	if (!is_value(&c->json, "big") && !is_value(&c->json, "little"))
		return crit_parse_expected(&c->entries.parser, "\"big\" or \"little\"");
	c->entries.header.big_endian = is_value(&c->json, "big");
	return 0;
}

/* Make the header what has been said of it, now that the type is known. */
static void settle_header(struct composer *c, const struct words *w)
{
	uint32_t first = c->entries.header.type->first;

	if (w->named)
		first = w->first;
	else if (c->header)
		first = first_word(c->header);
	/* old entries have their lengths in the old order */
	if (c->header && c->entries.header.big_endian != c->header->big_endian)
		c->entries.old = NULL;
	set_header(&c->entries.header, c->entries.header.type, first);
}

static ssize_t read_kept(struct crit_source *s, void *buf, size_t len, uint64_t off)
{
	const struct kept *k = (const struct kept *)s;

	return crit_spool_read(&k->bytes, buf, len, off - k->from);
}

/* Keep all that a pipe still has, to read it twice. */
static int keep_rest(struct composer *c)
{
	struct crit_json *j = &c->json;
	struct crit_json_mark here = crit_json_tell(j);
	uint64_t off = here.off + (uint64_t)(j->end - j->at);
	uint8_t buf[4096];
	ssize_t n = 1;
	int ret;

	c->kept.source.read = read_kept;
	c->kept.from = here.off;
	ret = crit_spool_add(&c->kept.bytes, j->at, (size_t)(j->end - j->at));
	while (ret == 0 && j->source && n > 0) {
		n = c->doc->read(c->doc, buf, sizeof(buf), off);
		if (n > 0)
			ret = crit_spool_add(&c->kept.bytes, buf, (size_t)n);
		off += n > 0 ? (uint64_t)n : 0;
	}
	if (n < 0)
		return crit_fail_errno(c->entries.err, (int)-n, "can't read the text");
	c->doc = &c->kept.source;
	crit_json_go(j, c->doc, here);
	return spool_failed(c, ret);
}

/* Entries of a type that is not known yet: come back to them. */
static int put_off(struct composer *c)
{
	int ret = c->doc->sequential ? keep_rest(c) : 0;

	if (ret < 0)
		return ret;
	c->later = true;
	c->place = crit_json_tell(&c->json);
	ret = crit_json_next(&c->json);
	return ret < 0 ? ret : crit_json_skip(&c->json);
}

static int read_value(struct composer *c, enum key key, struct words *w)
{
	if (key == KEY_TAIL)
		return crit_payload_bytes(&c->entries.parser, &c->tail);
	if (key == KEY_ENTRIES && !c->entries.header.type)
		return put_off(c);
	if (key == KEY_ENTRIES) {
		settle_header(c, w);
		c->composed = true;
		return crit_entries_compose(&c->entries);
	}
	if (crit_json_next(&c->json) != CRIT_JSON_STRING)
		return crit_parse_expected(&c->entries.parser, "a string");
	if (key == KEY_MAGIC)
		return read_magic(c);
	return key == KEY_HEADER ? read_header(c, w) : read_byteorder(c);
}

/* Which key of a document was just read; -errno. */
static int find_key(struct composer *c, unsigned seen)
{
	const struct crit_json *j = &c->json;
	unsigned key;

	if (j->token != CRIT_JSON_STRING)
		return crit_parse_expected(&c->entries.parser, "a key in double quotes");
	for (key = 0; key < N_KEYS && !is_value(j, keys[key]); key++)
		;
	if (key == N_KEYS)
		return crit_parse_reject(
			&c->entries.parser, "unknown key \"%.*s\" of a document",
			(int)(j->value_len < 80 ? j->value_len : 80), j->value);
	if (seen & 1u << key)
		return crit_parse_reject(&c->entries.parser, "key \"%s\" stands here twice",
					 keys[key]);
	if (c->composed && (key == KEY_HEADER || key == KEY_BYTEORDER))
		return crit_parse_reject(&c->entries.parser,
					 "\"%s\" has to stand before \"entries\"", keys[key]);
	return (int)key;
}

static int read_pair(struct composer *c, unsigned *seen, struct words *w)
{
	struct crit_path here = {.outer = NULL};
	int key = find_key(c, *seen), ret;

	if (key < 0)
		return key;
	*seen |= 1u << key;
	here.name = keys[key];
	if (crit_json_next(&c->json) != ':')
		return crit_parse_expected(&c->entries.parser, "':' behind a key");
	c->entries.parser.path = &here;
	ret = read_value(c, (enum key)key, w);
	c->entries.parser.path = NULL;
	return ret;
}

static int read_pairs(struct composer *c, unsigned *seen, struct words *w)
{
	struct crit_json *j = &c->json;
	int ret;

	if (crit_json_next(j) != '{')
		return crit_parse_expected(&c->entries.parser,
					   "an object with \"magic\" and \"entries\"");
	if (crit_json_next(j) == '}')
		return 0;
	for (;;) {
		ret = read_pair(c, seen, w);
		if (ret < 0)
			return ret;
		if (crit_json_next(j) == '}')
			return 0;
		if (j->token != ',')
			return crit_parse_expected(&c->entries.parser, "',' or '}'");
		crit_json_next(j);
	}
}

static int compose(struct composer *c)
{
	struct words w = {false, 0};
	unsigned seen = 0;
	int ret = read_pairs(c, &seen, &w);

	if (ret == 0 && !(seen & 1u << KEY_MAGIC))
		ret = crit_parse_reject(&c->entries.parser,
					"required key \"magic\" is missing");
	if (ret == 0 && !(seen & 1u << KEY_ENTRIES))
		ret = crit_parse_reject(&c->entries.parser,
					"required key \"entries\" is missing");
	if (ret == 0 && crit_json_next(&c->json) != CRIT_JSON_END)
		ret = crit_parse_expected(&c->entries.parser, "nothing behind the document");
	if (ret == 0 && c->later) {
		settle_header(c, &w);
		crit_json_go(&c->json, c->doc, c->place);
		ret = crit_entries_compose(&c->entries);
	}
	if (ret == 0 && c->entries.no_more && crit_spool_len(&c->tail))
		ret = crit_parse_reject(&c->entries.parser,
					"\"$tail\" would become contents of the ghost file");
	if (ret == 0)
		ret = spool_failed(c, crit_spool_add_spool(c->entries.out, &c->tail));
	return ret;
}

static int compose_with(struct crit_source *doc, const struct crit_header *header,
			struct crit_image *old, struct crit_spool *out, struct crit_error *err)
{
	struct composer c = {.doc = doc, .header = header};
	int ret;

	crit_json_init_source(&c.json, doc, err);
	crit_entries_init(&c.entries, &c.json, out, err);
	c.entries.old = old;
	if (header)
		c.entries.header = *header;
	crit_spool_init(&c.kept.bytes, -1);
	crit_spool_init(&c.tail, -1);
	ret = compose(&c);
	if (ret < 0 && ret != -EBADMSG)
		crit_error_at(err, 0, 0);
	crit_entries_fini(&c.entries);
	crit_spool_fini(&c.tail);
	crit_spool_fini(&c.kept.bytes);
	crit_json_fini(&c.json);
	return ret;
}

int crit_compose(struct crit_source *doc, const struct crit_header *header,
		 struct crit_spool *out, struct crit_error *err)
{
	return compose_with(doc, header, NULL, out, err);
}

int crit_edit_document(struct crit_image *img, struct crit_source *doc, struct crit_spool *out,
		       struct crit_edit *edit, struct crit_error *err)
{
	const struct crit_file *file = crit_image_file(img);
	struct crit_span all = {0, (uint64_t)file->st.st_size};
	struct crit_piece pieces[2];
	size_t n, i;
	int ret;

	ret = compose_with(doc, crit_image_header(img), img, out, err);
	if (ret < 0)
		return ret;
	n = crit_spool_pieces(out, pieces);
	for (i = 0; ret == 0 && i < n; i++)
		ret = crit_edit_add(edit, pieces[i]);
	if (ret < 0)
		return crit_edit_no_memory(err);
	edit->changes = !crit_blob_same(file, all, pieces, n);
	return 0;
}
