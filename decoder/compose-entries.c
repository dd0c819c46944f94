/*
 * The entries of documents as bytes of images.
 */
#include "decoder/compose-entries.h"

#include <errno.h>
#include <string.h>

#include "decoder/document.h"
#include "decoder/extra.h"
#include "decoder/wire.h"

#define COPY_AT_ONCE ((size_t)64 << 10) /* bytes */

/* Keys of an entry that are no fields; the second is only of types that have extras. */
static const char *const entry_keys[] = {CRIT_KEY_RAW, "extra", NULL};

static int spool_failed(struct crit_entries *c, int ret)
{
	return crit_spool_failed(ret, "the image", c->err);
}

static int add_word(struct crit_entries *c, uint32_t v)
{
	uint8_t word[4];

	crit_set_u32(&c->header, v, word);
	return spool_failed(c, crit_spool_add(c->out, word, sizeof(word)));
}

static int read_other(struct crit_parser *p, unsigned which)
{
	struct crit_entries *c = p->ctx;

	return which ? crit_payload_read(&c->payload, p, &c->header) : crit_read_raw(p, which);
}

void crit_entries_init(struct crit_entries *c, struct crit_json *json, struct crit_spool *out,
		       struct crit_error *err)
{
	*c = (struct crit_entries){.out = out, .err = err};
	c->parser = (struct crit_parser){.json = json,
					 .out = &c->contents.message,
					 .err = err,
					 .read_other = read_other,
					 .ctx = c};
	crit_payload_init(&c->payload);
}

void crit_entries_fini(struct crit_entries *c)
{
	crit_shape_fini(&c->shape);
	crit_payload_fini(&c->payload);
	crit_contents_fini(&c->contents);
}

static int reject_missing(struct crit_entries *c, unsigned blob, const char *length,
			  uint64_t count)
{
	static const char *const queues[] = {"inq", "outq"};

	if (c->payload.given)
		return crit_parse_reject(&c->parser,
					 "its \"%s\" is %llu, but its \"extra\" has no \"%s\"",
					 length, (unsigned long long)count, queues[blob]);
	return crit_parse_reject(&c->parser, "its \"%s\" is %llu, but it has no \"extra\"",
				 length, (unsigned long long)count);
}

/* An entry without an extra where a field says that it has one would lose bytes. */
static int check_missing(struct crit_entries *c, const struct crit_message *type)
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
			return reject_missing(c, i, rule->length ? rule->length : "size",
					      count);
	}
	return 0;
}

/* The blobs that were given, by the rule: keys and values are told apart by their fields. */
static int take_blobs(struct crit_entries *c, const struct crit_message *type,
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
		(unsigned long long)counts[0] + counts[1], rule->blob[0].length,
		rule->blob[1].length, (unsigned long long)len);
}

/* Has the old image the same message, or one of which the same text would be made? */
static bool same_message(struct crit_entries *c, const struct crit_entry *e)
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

/* Do these bytes stand in a spool at *off? Then *off is behind them. */
static bool spool_has(const struct crit_spool *s, uint64_t *off, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t there[4096];
	ssize_t n;

	for (; len; p += n, len -= (size_t)n, *off += (uint64_t)n) {
		n = crit_spool_read(s, there, len < sizeof(there) ? len : sizeof(there), *off);
		if (n <= 0 || memcmp(there, p, (size_t)n))
			return false;
	}
	return true;
}

static bool spool_has_span(struct crit_entries *c, uint64_t *off, struct crit_span span)
{
	const uint8_t *data;
	uint64_t n;

	for (; span.len; span.off += n, span.len -= n) {
		n = span.len < COPY_AT_ONCE ? span.len : COPY_AT_ONCE;
		data = crit_image_bytes(c->old, (struct crit_span){span.off, n}, NULL);
		if (!data || !spool_has(&c->payload.blob[0], off, data, (size_t)n))
			return false;
	}
	return true;
}

/* Is the message of an old queue what stands at *off of the new one, but for its spelling? */
static bool same_msg(struct crit_entries *c, uint64_t m, const struct crit_entry *msg,
		     uint64_t *off)
{
	static const uint8_t zeros[8];
	struct crit_contents own = {0};
	uint8_t size[4];
	bool same;

	same = crit_contents_own(c->old, (struct crit_place){c->n, m}, msg, &own) == 0;
	if (!same && !own.message.error) { /* it was given raw, if it was */
		const uint8_t *raw = crit_image_bytes(c->old, msg->message, NULL);

		crit_buf_reset(&own.message);
		crit_buf_add(&own.message, raw, raw ? msg->message.len : 0);
		same = raw && !own.message.error;
	}
	crit_set_u32(&c->header, (uint32_t)own.message.len, size);
	same = same && spool_has(&c->payload.blob[0], off, size, sizeof(size)) &&
	       spool_has(&c->payload.blob[0], off, own.message.data, own.message.len) &&
	       spool_has_span(c, off, msg->blob[0]) &&
	       spool_has(&c->payload.blob[0], off, zeros,
			 crit_padding(&crit_msg_rule, msg->blob[0].len));
	crit_contents_fini(&own);
	return same;
}

/* Messages of a queue may be spelled otherwise than here, with padding that is not zero. */
static bool same_queue(struct crit_entries *c, const struct crit_entry *e)
{
	struct crit_entry msg;
	uint64_t off = 0, m;

	if (e->n_msgs != c->payload.n_msgs)
		return false;
	for (m = 0; m < e->n_msgs; m++)
		if (crit_image_msg(c->old, e, m, &msg, NULL) < 0 || !same_msg(c, m, &msg, &off))
			return false;
	return off == crit_spool_len(&c->payload.blob[0]);
}

/* Does entry n of the old image say just the same? Then *e is it. */
static bool is_old(struct crit_entries *c, struct crit_entry *e)
{
	const struct crit_blob *blob;
	struct crit_span span;
	unsigned i;

	if (!c->old || crit_image_entry(c->old, c->n, e, NULL) < 0 ||
	    e->n_blobs != c->contents.rule.n_blobs)
		return false;
	for (i = 0; i < e->n_blobs; i++) {
		blob = c->contents.blob[i];
		span = e->blob[i];
		if (e->part[i] == CRIT_PART_KEYS) /* with the values, as they were given */
			span.len += e->blob[++i].len;
		if (crit_blob_same(crit_image_file(c->old), span, blob->source, blob->n_source))
			continue;
		if (e->part[i] != CRIT_PART_MSGS || !same_queue(c, e))
			return false;
	}
	return same_message(c, e);
}

static int add_old(struct crit_entries *c, const struct crit_entry *e)
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

static int add_blobs(struct crit_entries *c)
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
static int count_blobs(struct crit_entries *c, const struct crit_message *type)
{
	const struct crit_extra_rule *rule = &c->contents.rule;
	const struct crit_entry nothing = {.type = type};

	/* what keys and values are is told by these fields alone */
	if (!rule->n_blobs || rule->blob[0].part == CRIT_PART_KEYS)
		return 0;
	return crit_contents_count(&nothing, &c->contents, c->err);
}

/* Make the entry's extra what follows its message. */
static int take_payload(struct crit_entries *c, const struct crit_message *type,
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

static int add_entry(struct crit_entries *c, const struct crit_message *type)
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
static int compose_entry(struct crit_entries *c)
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
	if (ret < 0)
		return ret;
	crit_shape_end(c->parser.shape, c->parser.json);
	return add_entry(c, message);
}

/* An entry behind another one, its first token is still to come. */
static int compose_next(struct crit_entries *c)
{
	struct crit_shape *shape = c->parser.shape;
	struct crit_json *j = c->parser.json;

	crit_buf_reset(&c->contents.message);
	if (shape && crit_shape_take(shape, j, &c->contents.message))
		return add_entry(c, c->header.type->rest);
	if (shape)
		crit_shape_begin(shape, j);
	crit_json_next(j);
	return compose_entry(c);
}

static int add_header(struct crit_entries *c)
{
	return spool_failed(c, crit_spool_add(c->out, c->header.bytes, c->header.len));
}

int crit_entries_compose(struct crit_entries *c)
{
	struct crit_path list = {.name = "entries"}, item = {.outer = &list};
	struct crit_json *j = c->parser.json;
	struct crit_parser *p = &c->parser;
	int ret = add_header(c);

	p->style = (struct crit_style){.big_endian = c->header.big_endian};
	p->other_keys = c->header.type->extra == CRIT_EXTRA_NONE ? crit_raw_keys : entry_keys;
	/* extras are not remembered */
	p->shape = c->header.type->extra == CRIT_EXTRA_NONE ? &c->shape : NULL;
	p->path = &list;
	/* null is go-criu's empty list */
	if (ret == 0 && crit_json_next(j) != CRIT_JSON_NULL && j->token != '[')
		ret = crit_parse_expected(p, "a list");
	if (ret < 0 || j->token == CRIT_JSON_NULL || crit_json_next(j) == ']') {
		p->path = NULL;
		return ret;
	}
	p->path = &item;
	ret = compose_entry(c);
	while (ret == 0 && crit_json_next(j) == ',') {
		item.index = ++c->n;
		ret = compose_next(c);
	}
	p->path = &list;
	if (ret == 0 && j->token != ']')
		ret = crit_parse_expected(p, "',' or ']'");
	p->path = NULL;
	return ret;
}
