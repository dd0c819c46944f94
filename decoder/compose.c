/*
 * Composing images from documents.
 */
#include "decoder/compose.h"

#include <errno.h>
#include <string.h>

#include "decoder/contents.h"
#include "decoder/document.h"
#include "decoder/extra.h"
#include "decoder/parse.h"
#include "decoder/payload.h"
#include "decoder/text.h"
#include "decoder/wire.h"

#define COPY_AT_ONCE ((size_t)64 << 10) /* bytes */

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

/* Keys of an entry that are no fields; the second is only of types that have extras. */
static const char *const entry_keys[] = {CRIT_KEY_RAW, "extra", NULL};

struct composer {
	struct crit_json json;
	struct crit_parser parser;
	struct crit_source *doc;
	struct crit_error *err;
	struct crit_spool *out;
	struct crit_image *old; /* whose entries keep their bytes; NULL: none */

	struct crit_header header; /* its type is NULL until it is known */
	bool keep_type;            /* the document has to be of this type */
	bool composed;             /* the entries were */
	bool later;                /* they come before what has to be known first */
	struct crit_json_mark entries;
	struct kept kept;
	struct crit_spool tail;

	uint64_t n;
	struct crit_contents contents; /* of entry n */
	struct crit_payload payload;
	bool no_more; /* a ghost file that is not in chunks has one entry */
};

static int spool_failed(struct composer *c, int ret)
{
	return ret < 0 ? crit_fail_errno(c->err, -ret, "can't put the image by") : 0;
}

static int add_word(struct composer *c, uint32_t v)
{
	uint8_t word[4];

	crit_set_u32(&c->header, v, word);
	return spool_failed(c, crit_spool_add(c->out, word, sizeof(word)));
}

static int read_other(struct crit_parser *p, unsigned which)
{
	struct composer *c = p->ctx;

	return which ? crit_payload_read(&c->payload, p, &c->header) : crit_read_raw(p, which);
}

/* An entry without an extra where a field says that it has one would lose bytes. */
static int check_missing(struct composer *c, const struct crit_message *type)
{
	const struct crit_buf *m = &c->contents.message;
	const struct crit_blob_rule *rule;
	uint64_t count;
	unsigned i;

	for (i = 0; i < c->contents.rule.n_blobs; i++) {
		rule = &c->contents.rule.blob[i];
		if (c->payload.given & 1u << i)
			continue;
		if (crit_wire_uint(type, m->data, m->len, rule->length ? rule->length : "size",
				   &count) > 0 &&
		    count)
			return crit_parse_reject(&c->parser,
						 "its \"%s\" is %llu, but it has no \"extra\"",
						 rule->length ? rule->length : "size",
						 (unsigned long long)count);
	}
	return 0;
}

/* The blobs that were given, by the rule: keys and values are told apart by their fields. */
static int take_blobs(struct composer *c, const struct crit_message *type,
		      struct crit_blob blobs[CRIT_BLOBS_MAX],
		      struct crit_piece pieces[CRIT_BLOBS_MAX][2])
{
	const struct crit_extra_rule *rule = &c->contents.rule;
	const struct crit_buf *m = &c->contents.message;
	uint64_t len = crit_spool_len(&c->payload.blob[0]), counts[2] = {0};
	unsigned i;

	if (!rule->n_blobs && len)
		return crit_payload_reject(&c->payload, &c->parser,
					   "this entry has none here, got %llu bytes",
					   (unsigned long long)len);
	for (i = 0; i < rule->n_blobs; i++) {
		blobs[i] = (struct crit_blob){.part = rule->blob[i].part,
					      .source = pieces[i],
					      .n_msgs = c->payload.n_msgs};
		blobs[i].n_source = crit_spool_pieces(&c->payload.blob[i], pieces[i]);
		c->contents.blob[i] = &blobs[i];
	}
	if (!rule->n_blobs || rule->blob[0].part != CRIT_PART_KEYS)
		return 0;
	for (i = 0; i < 2; i++)
		crit_wire_uint(type, m->data, m->len, rule->blob[i].length, &counts[i]);
	if (!c->payload.given || len == counts[0] + counts[1])
		return 0;
	return crit_payload_reject(
		&c->payload, &c->parser, "expected %llu bytes (%s + %s), got %llu",
		(unsigned long long)(counts[0] + counts[1]), rule->blob[0].length,
		rule->blob[1].length, (unsigned long long)len);
}

/* Has the old image the same message, or one of which the same text would be made? */
static bool same_message(struct composer *c, const struct crit_entry *e)
{
	const struct crit_buf *m = &c->contents.message;
	struct crit_contents own = {0};
	const uint8_t *data;
	bool same;

	data = crit_image_bytes(c->old, e->message, NULL);
	if (data && e->message.len == m->len && (!m->len || !memcmp(data, m->data, m->len)))
		return true;
	same = crit_contents_own(c->old, (struct crit_place){c->n, CRIT_NO_MSG}, e, &own) ==
		       0 &&
	       own.message.len == m->len &&
	       (!m->len || !memcmp(own.message.data, m->data, m->len));
	crit_contents_fini(&own);
	return same;
}

/* Does entry n of the old image say just the same? Then *e is it. */
static bool is_old(struct composer *c, struct crit_entry *e)
{
	struct crit_span span;
	unsigned i;

	if (!c->old || crit_image_entry(c->old, c->n, e, NULL) < 0 ||
	    e->n_blobs != c->contents.rule.n_blobs)
		return false;
	for (i = 0; i < e->n_blobs; i++) {
		span = e->blob[i];
		if (e->part[i] == CRIT_PART_KEYS) /* with the values, as they were given */
			span.len += e->blob[++i].len;
		if (!crit_blob_same(crit_image_file(c->old)->fd, span,
				    c->contents.blob[0]->source, c->contents.blob[0]->n_source))
			return false;
	}
	return same_message(c, e);
}

static int add_old(struct composer *c, const struct crit_entry *e)
{
	uint64_t off, n;
	const uint8_t *data;
	int ret = 0;

	for (off = e->off; ret == 0 && off < e->end; off += n) {
		n = e->end - off < COPY_AT_ONCE ? e->end - off : COPY_AT_ONCE;
		data = crit_image_bytes(c->old, (struct crit_span){off, n}, c->err);
		if (!data)
			return -EIO;
		ret = spool_failed(c, crit_spool_add(c->out, data, (size_t)n));
	}
	return ret;
}

static int add_blobs(struct composer *c)
{
	const struct crit_extra_rule *rule = &c->contents.rule;
	bool one = rule->n_blobs && rule->blob[0].part == CRIT_PART_KEYS;
	static const uint8_t zeros[8];
	uint64_t len = 0;
	unsigned i;
	int ret = 0;

	for (i = 0; ret == 0 && i < rule->n_blobs - one; i++) {
		len += crit_spool_len(&c->payload.blob[i]);
		ret = crit_spool_add_spool(c->out, &c->payload.blob[i]);
	}
	if (ret == 0)
		ret = crit_spool_add(c->out, zeros, (size_t)crit_padding(rule, len));
	return spool_failed(c, ret);
}

/* The lengths in the message become those of the blobs. */
static int count_blobs(struct composer *c, const struct crit_message *type)
{
	const struct crit_extra_rule *rule = &c->contents.rule;
	const struct crit_entry nothing = {.type = type};

	/* what keys and values are is told by these fields alone */
	if (!rule->n_blobs || rule->blob[0].part == CRIT_PART_KEYS)
		return 0;
	return crit_contents_count(&nothing, &c->contents, c->err);
}

/* Make the entry's extra what follows its message. */
static int take_payload(struct composer *c, const struct crit_message *type,
			struct crit_blob blobs[CRIT_BLOBS_MAX],
			struct crit_piece pieces[CRIT_BLOBS_MAX][2])
{
	struct crit_contents *contents = &c->contents;
	uint64_t count;
	int ret;

	ret = crit_extra_rule(c->header.type, c->n, contents->message.data,
			      contents->message.len, &contents->rule);
	if (ret == 0 && contents->rule.n_blobs && contents->rule.blob[0].length)
		ret = crit_wire_uint(type, contents->message.data, contents->message.len,
				     contents->rule.blob[0].length, &count);
	if (ret < 0)
		return crit_parse_reject(&c->parser,
					 "what follows these raw bytes can't be told");
	c->no_more = c->header.type->extra == CRIT_EXTRA_GHOST && contents->rule.n_blobs &&
		     !contents->rule.blob[0].length;
	ret = check_missing(c, type);
	if (ret == 0)
		ret = take_blobs(c, type, blobs, pieces);
	return ret < 0 ? ret : count_blobs(c, type);
}

static int add_entry(struct composer *c, const struct crit_message *type)
{
	struct crit_piece pieces[CRIT_BLOBS_MAX][2];
	struct crit_blob blobs[CRIT_BLOBS_MAX];
	struct crit_contents *contents = &c->contents;
	struct crit_entry e;
	int ret = 0;

	if (c->header.type->extra != CRIT_EXTRA_NONE)
		ret = take_payload(c, type, blobs, pieces);
	if (ret < 0)
		return ret;
	if (is_old(c, &e))
		return add_old(c, &e);
	if (contents->message.len > UINT32_MAX)
		return crit_fail(c->err, CRIT_TOO_BIG, "a message of %zu bytes",
				 contents->message.len);
	ret = add_word(c, (uint32_t)contents->message.len);
	if (ret == 0)
		ret = spool_failed(c, crit_spool_add(c->out, contents->message.data,
						     contents->message.len));
	return ret < 0 || !contents->rule.n_blobs ? ret : add_blobs(c);
}

/* An entry whose first token was just read. */
static int compose_entry(struct composer *c)
{
	const struct crit_type *type = c->header.type;
	const struct crit_message *message = c->n ? type->rest : type->head;
	int ret;

	if (c->no_more)
		return crit_parse_reject(&c->parser,
					 "a ghost file that is not in chunks has one entry");
	crit_buf_reset(&c->contents.message);
	if (type->extra != CRIT_EXTRA_NONE)
		crit_payload_reset(&c->payload);
	ret = crit_parse_object(&c->parser, message);
	return ret < 0 ? ret : add_entry(c, message);
}

static int add_header(struct composer *c)
{
	return spool_failed(c, crit_spool_add(c->out, c->header.bytes, c->header.len));
}

/* The value of "entries", the first token of which is still to come. */
static int compose_entries(struct composer *c)
{
	struct crit_path list = {.name = keys[KEY_ENTRIES]}, item = {.outer = &list};
	struct crit_json *j = &c->json;
	struct crit_parser *p = &c->parser;
	int ret = add_header(c);

	p->style = (struct crit_style){.big_endian = c->header.big_endian};
	p->other_keys = c->header.type->extra == CRIT_EXTRA_NONE ? crit_raw_keys : entry_keys;
	p->path = &list;
	c->composed = true;
	if (ret == 0 && crit_json_next(j) == CRIT_JSON_NULL)
		return 0; /* go-criu's empty list */
	if (ret == 0 && j->token != '[')
		ret = crit_parse_expected(p, "a list");
	if (ret == 0 && crit_json_next(j) == ']')
		return 0;
	for (; ret == 0; c->n++) {
		item.index = c->n;
		p->path = &item;
		ret = compose_entry(c);
		p->path = &list;
		if (ret < 0 || crit_json_next(j) == ']')
			break;
		if (j->token != ',')
			return crit_parse_expected(p, "',' or ']'");
		crit_json_next(j);
	}
	p->path = NULL;
	return ret;
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
		return crit_parse_expected(&c->parser, "the name of an image type");
	if (c->keep_type && type != c->header.type)
		return crit_parse_reject(&c->parser, "expected \"%s\", got \"%s\"",
					 c->header.type->name, type->name);
	if (!c->keep_type)
		c->header.type = type;
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
	return crit_parse_expected(&c->parser, "\"v1.0\", \"common\" or \"service\"");
}

static int read_byteorder(struct composer *c)
{
	if (!is_value(&c->json, "big") && !is_value(&c->json, "little"))
		return crit_parse_expected(&c->parser, "\"big\" or \"little\"");
	c->header.big_endian = is_value(&c->json, "big");
	return 0;
}

/* Make the header what has been said of it, now that the type is known. */
static void settle_header(struct composer *c, const struct words *w)
{
	uint32_t first = c->header.type->first;

	if (w->named)
		first = w->first;
	else if (c->keep_type)
		first = first_word(&c->header);
	set_header(&c->header, c->header.type, first);
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
		return crit_fail_errno(c->err, (int)-n, "can't read the text");
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
	c->entries = crit_json_tell(&c->json);
	ret = crit_json_next(&c->json);
	return ret < 0 ? ret : crit_json_skip(&c->json);
}

static int read_value(struct composer *c, enum key key, struct words *w)
{
	if (key == KEY_TAIL)
		return crit_payload_bytes(&c->parser, &c->tail);
	if (key == KEY_ENTRIES && !c->header.type)
		return put_off(c);
	if (key == KEY_ENTRIES) {
		settle_header(c, w);
		return compose_entries(c);
	}
	if (crit_json_next(&c->json) != CRIT_JSON_STRING)
		return crit_parse_expected(&c->parser, "a string");
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
		return crit_parse_expected(&c->parser, "a key in double quotes");
	for (key = 0; key < N_KEYS && !is_value(j, keys[key]); key++)
		;
	if (key == N_KEYS)
		return crit_parse_reject(&c->parser, "unknown key \"%.*s\" of a document",
					 (int)(j->value_len < 80 ? j->value_len : 80),
					 j->value);
	if (seen & 1u << key)
		return crit_parse_reject(&c->parser, "key \"%s\" stands here twice", keys[key]);
	if (c->composed && (key == KEY_HEADER || key == KEY_BYTEORDER))
		return crit_parse_reject(&c->parser, "\"%s\" has to stand before \"entries\"",
					 keys[key]);
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
		return crit_parse_expected(&c->parser, "':' behind a key");
	c->parser.path = &here;
	ret = read_value(c, (enum key)key, w);
	c->parser.path = NULL;
	return ret;
}

static int read_pairs(struct composer *c, unsigned *seen, struct words *w)
{
	struct crit_json *j = &c->json;
	int ret;

	if (crit_json_next(j) != '{')
		return crit_parse_expected(&c->parser,
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
			return crit_parse_expected(&c->parser, "',' or '}'");
		crit_json_next(j);
	}
}

static int compose(struct composer *c)
{
	struct words w = {false, 0};
	unsigned seen = 0;
	int ret = read_pairs(c, &seen, &w);

	if (ret == 0 && !(seen & 1u << KEY_MAGIC))
		ret = crit_parse_reject(&c->parser, "required key \"magic\" is missing");
	if (ret == 0 && !(seen & 1u << KEY_ENTRIES))
		ret = crit_parse_reject(&c->parser, "required key \"entries\" is missing");
	if (ret == 0 && crit_json_next(&c->json) != CRIT_JSON_END)
		ret = crit_parse_expected(&c->parser, "nothing behind the document");
	if (ret == 0 && c->later) {
		settle_header(c, &w);
		crit_json_go(&c->json, c->doc, c->entries);
		ret = compose_entries(c);
	}
	if (ret == 0)
		ret = spool_failed(c, crit_spool_add_spool(c->out, &c->tail));
	return ret;
}

static int compose_with(struct crit_source *doc, const struct crit_header *header,
			struct crit_image *old, struct crit_spool *out, struct crit_error *err)
{
	struct composer c = {.doc = doc, .err = err, .out = out, .old = old};
	int ret;

	if (header) {
		c.header = *header;
		c.keep_type = true;
	}
	crit_json_init_source(&c.json, doc, err);
	c.parser = (struct crit_parser){.json = &c.json,
					.out = &c.contents.message,
					.err = err,
					.read_other = read_other,
					.ctx = &c};
	crit_spool_init(&c.kept.bytes, -1);
	crit_spool_init(&c.tail, -1);
	crit_payload_init(&c.payload);
	ret = compose(&c);
	if (ret < 0 && ret != -EBADMSG)
		crit_error_at(err, 0, 0);
	crit_payload_fini(&c.payload);
	crit_contents_fini(&c.contents);
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
	edit->changes = !crit_blob_same(file->fd, all, pieces, n);
	return 0;
}
