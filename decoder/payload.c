/*
 * Reading extras: crit's spellings, and go-criu's, which puts what is no base64 into a
 * string as JSON once more.
 */
#include "decoder/payload.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/contents.h"
#include "decoder/document.h"
#include "decoder/text.h"
#include "schema-messages.h"

#define SPOOL_AT_ONCE ((size_t)16 << 10) /* bytes */

const char *const crit_raw_keys[] = {CRIT_KEY_RAW, NULL};

void crit_payload_init(struct crit_payload *p)
{
	unsigned i;

	*p = (struct crit_payload){.given = 0};
	for (i = 0; i < CRIT_BLOBS_MAX; i++)
		crit_spool_init(&p->blob[i], -1);
}

void crit_payload_fini(struct crit_payload *p)
{
	unsigned i;

	for (i = 0; i < CRIT_BLOBS_MAX; i++)
		crit_spool_fini(&p->blob[i]);
}

void crit_payload_reset(struct crit_payload *p)
{
	unsigned i;

	p->given = 0;
	p->n_msgs = 0;
	for (i = 0; i < CRIT_BLOBS_MAX; i++)
		crit_spool_reset(&p->blob[i]);
}

int crit_payload_reject(const struct crit_payload *payload, struct crit_parser *p,
			const char *fmt, ...)
{
	struct crit_path here = {.outer = p->path, .name = "extra"};
	char what[256];
	va_list ap;
	int ret;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	p->path = &here;
	ret = crit_parse_reject(p, "%s", what);
	p->path = here.outer;
	crit_error_at(p->err, payload->line, payload->col);
	return ret;
}

static int spool_failed(struct crit_parser *p, int ret)
{
	return crit_spool_failed(ret, "the extra", p->err);
}

/* Say which character of a string is none of base64's; `good` of them are. */
static int bad_base64(struct crit_parser *p, uint64_t good, char c)
{
	if (isprint((unsigned char)c))
		return crit_parse_reject(p, "expected base64, got '%c' as character %llu", c,
					 (unsigned long long)good + 1);
	return crit_parse_reject(p, "expected base64, got byte 0x%02x as character %llu",
				 (unsigned char)c, (unsigned long long)good + 1);
}

/* The characters of a string whose opening quote was just read, as bytes into a spool. */
static int read_string(struct crit_parser *p, struct crit_spool *out)
{
	struct crit_base64 base64 = {0};
	struct crit_buf bytes = {0};
	uint64_t seen = 0;
	const char *piece;
	size_t len, good;
	int ret;

	while ((ret = crit_parse_failed(p, crit_json_piece(p->json, &piece, &len))) > 0) {
		good = crit_base64_feed(&base64, piece, len, &bytes);
		if (good < len) {
			ret = bad_base64(p, seen + good, piece[good]);
			break;
		}
		seen += len;
		if (bytes.error) {
			ret = crit_fail(p->err, CRIT_NO_MEMORY, "no memory for the extra");
			break;
		}
		if (bytes.len < SPOOL_AT_ONCE)
			continue;
		ret = spool_failed(p, crit_spool_add(out, bytes.data, bytes.len));
		if (ret < 0)
			break;
		crit_buf_reset(&bytes);
	}
	if (ret == 0 && !crit_base64_end(&base64, &bytes))
		ret = crit_parse_reject(p, "expected base64, got a string that ends within it");
	if (ret == 0)
		ret = spool_failed(p, bytes.error ? bytes.error
						  : crit_spool_add(out, bytes.data, bytes.len));
	crit_buf_fini(&bytes);
	return ret;
}

int crit_payload_bytes(struct crit_parser *p, struct crit_spool *out)
{
	if (crit_json_next_open(p->json) != CRIT_JSON_STRING)
		return crit_parse_expected(p, "a string of base64");
	return read_string(p, out);
}

/* JSON within the string that was just read: `read` its value, first token and all. */
static int read_embedded(struct crit_parser *p, int (*read)(struct crit_parser *p, void *ctx),
			 void *ctx)
{
	struct crit_json *outer = p->json, inner;
	int ret;

	crit_json_init(&inner, outer->value, outer->value_len, p->err);
	p->json = &inner;
	crit_json_next(&inner);
	ret = read(p, ctx);
	if (ret == 0 && crit_json_next(&inner) != CRIT_JSON_END)
		ret = crit_parse_expected(p, "nothing behind the value");
	p->json = outer;
	crit_json_fini(&inner);
	/* lines and columns of the string within are no help */
	if (ret == -EBADMSG)
		crit_json_error_here(outer);
	return ret;
}

/* What is read, for those that may be embedded. */
struct reading {
	struct crit_payload *payload;
	const struct crit_header *header;
};

/* A queue of a TCP socket by its key: crit's, go-criu's now and earlier; -1: none. */
static int find_queue(const struct crit_json *j)
{
	static const char *const names[][2] = {
		{"inq", "outq"}, {"in_q", "out_q"}, {"inQ", "outQ"}};
	unsigned i;

	for (i = 0; i < 6; i++)
		if (strlen(names[i / 2][i % 2]) == j->value_len &&
		    !memcmp(names[i / 2][i % 2], j->value, j->value_len))
			return (int)(i % 2);
	return -1;
}

static int read_queue(struct crit_parser *p, struct crit_payload *payload, unsigned *seen)
{
	static const char *const names[] = {"inq", "outq"};
	struct crit_path here = {.outer = p->path};
	int queue, ret;

	if (p->json->token != CRIT_JSON_STRING)
		return crit_parse_expected(p, "a key in double quotes");
	queue = find_queue(p->json);
	if (queue < 0)
		return crit_parse_expected(p, "the key \"inq\" or \"outq\"");
	if (*seen & 1u << queue)
		return crit_parse_reject(p, "key \"%s\" stands here twice", names[queue]);
	*seen |= 1u << queue;
	if (crit_json_next(p->json) != ':')
		return crit_parse_expected(p, "':' behind a key");
	here.name = names[queue];
	p->path = &here;
	ret = crit_payload_bytes(p, &payload->blob[queue]);
	p->path = here.outer;
	return ret;
}

static int read_queues(struct crit_parser *p, void *ctx)
{
	struct reading *r = ctx;
	unsigned seen = 0;
	int ret;

	if (p->json->token != '{')
		return crit_parse_expected(p, "an object with the queues \"inq\" and \"outq\"");
	if (crit_json_next(p->json) != '}') {
		for (;;) {
			ret = read_queue(p, r->payload, &seen);
			if (ret < 0)
				return ret;
			if (crit_json_next(p->json) == '}')
				break;
			if (p->json->token != ',')
				return crit_parse_expected(p, "',' or '}'");
			crit_json_next(p->json);
		}
	}
	r->payload->given = seen;
	return 0;
}

static int read_sem(struct crit_parser *p, const struct crit_header *h, struct crit_buf *out)
{
	const struct crit_json *j = p->json;
	char number[8] = "";
	unsigned long v;

	if (j->token == CRIT_JSON_NUMBER && j->value_len < sizeof(number))
		memcpy(number, j->value, j->value_len);
	v = strtoul(number, NULL, 10);
	if (!*number || v > UINT16_MAX || strspn(number, "0123456789") != j->value_len)
		return crit_parse_expected(p, "a number from 0 to 65535");
	crit_put_u16(h, (uint16_t)v, out);
	return out->error ? crit_fail(p->err, CRIT_NO_MEMORY, "no memory for semaphores") : 0;
}

int crit_payload_sems(struct crit_parser *p, const struct crit_header *h, struct crit_buf *out)
{
	struct crit_path item = {.outer = p->path};
	int ret;

	if (p->json->token != '[')
		return crit_parse_expected(p, "a list of numbers");
	if (crit_json_next(p->json) == ']')
		return 0;
	for (;; item.index++) {
		p->path = p->path ? &item : NULL;
		ret = read_sem(p, h, out);
		p->path = item.outer;
		if (ret < 0)
			return ret;
		if (crit_json_next(p->json) == ']')
			return 0;
		if (p->json->token != ',')
			return crit_parse_expected(p, "',' or ']'");
		crit_json_next(p->json);
	}
}

static int read_sems(struct crit_parser *p, void *ctx)
{
	struct reading *r = ctx;
	struct crit_buf values = {0};
	int ret = crit_payload_sems(p, r->header, &values);

	if (ret == 0)
		ret = spool_failed(
			p, crit_spool_add(&r->payload->blob[0], values.data, values.len));
	crit_buf_fini(&values);
	return ret;
}

int crit_read_raw(struct crit_parser *p, unsigned which)
{
	(void)which;
	if (crit_json_next(p->json) != CRIT_JSON_STRING)
		return crit_parse_expected(p, "a string of base64");
	p->given = true;
	return crit_parse_base64(p);
}

static int read_msg_object(struct crit_parser *p, void *ctx)
{
	(void)ctx;
	return crit_parse_object(p, &crit_msg_ipc_msg);
}

/* A message, its first token was read; the fields into `message`. */
static int read_msg(struct crit_parser *p, struct crit_buf *message)
{
	struct crit_parser msg = *p;
	int ret;

	msg.out = message;
	msg.other_keys = crit_raw_keys;
	msg.read_other = crit_read_raw;
	msg.shape = NULL;
	if (msg.json->token == CRIT_JSON_STRING)
		ret = read_embedded(&msg, read_msg_object, NULL);
	else
		ret = read_msg_object(&msg, NULL);
	return ret;
}

/* Append a message and its data to the bytes of the queue. */
static int add_msg(struct crit_parser *p, struct reading *r, struct crit_contents *c,
		   const struct crit_spool *data)
{
	const struct crit_entry nothing = {.type = &crit_msg_ipc_msg};
	struct crit_spool *out = &r->payload->blob[0];
	static const uint8_t zeros[8];
	struct crit_piece pieces[2];
	struct crit_blob blob = {.part = CRIT_PART_EXTRA, .source = pieces};
	struct crit_buf size = {0};
	int ret;

	blob.n_source = crit_spool_pieces(data, pieces);
	c->rule = crit_msg_rule;
	crit_contents_take(c, &blob, 1);
	ret = crit_contents_count(&nothing, c, p->err);
	if (ret < 0) {
		crit_json_error_here(p->json);
		return crit_parse_failed(p, ret);
	}
	crit_put_u32(r->header, (uint32_t)c->message.len, &size);
	ret = size.error ? size.error : crit_spool_add(out, size.data, size.len);
	if (ret == 0)
		ret = crit_spool_add(out, c->message.data, c->message.len);
	if (ret == 0)
		ret = crit_spool_add_spool(out, data);
	if (ret == 0)
		ret = crit_spool_add(out, zeros, crit_padding(&c->rule, crit_spool_len(data)));
	r->payload->n_msgs++;
	crit_buf_fini(&size);
	return spool_failed(p, ret);
}

/* A message and, behind a comma, its data; the message's first token was read. */
static int read_pair(struct crit_parser *p, struct reading *r, struct crit_path *item)
{
	struct crit_contents c = {0};
	struct crit_spool data;
	int ret;

	crit_spool_init(&data, -1);
	p->path = item;
	ret = read_msg(p, &c.message);
	if (ret == 0 && crit_json_next(p->json) != ',')
		ret = crit_parse_expected(p, "the message's data behind a ','");
	item->index++;
	if (ret == 0)
		ret = crit_payload_bytes(p, &data);
	item->index++;
	p->path = item->outer;
	if (ret == 0)
		ret = add_msg(p, r, &c, &data);
	crit_contents_fini(&c);
	crit_spool_fini(&data);
	return ret;
}

static int read_msgs(struct crit_parser *p, void *ctx)
{
	struct crit_path item = {.outer = p->path};
	int ret;

	if (p->json->token != '[')
		return crit_parse_expected(p, "a list of messages and their data");
	if (crit_json_next(p->json) == ']')
		return 0;
	for (;;) {
		ret = read_pair(p, ctx, &item);
		if (ret < 0)
			return ret;
		if (crit_json_next(p->json) == ']')
			return 0;
		if (p->json->token != ',')
			return crit_parse_expected(p, "',' or ']'");
		crit_json_next(p->json);
	}
}

static void note_place(struct crit_payload *payload, const struct crit_parser *p)
{
	payload->given = ~0u;
	crit_json_place(p->json, &payload->line, &payload->col);
}

/* The value, or the string that holds it. */
static int read_or_embedded(struct crit_parser *p, struct reading *r,
			    int (*read)(struct crit_parser *p, void *ctx))
{
	int token = crit_json_next(p->json);

	note_place(r->payload, p);
	return token == CRIT_JSON_STRING ? read_embedded(p, read, r) : read(p, r);
}

int crit_payload_read(struct crit_payload *payload, struct crit_parser *p,
		      const struct crit_header *header)
{
	struct reading r = {payload, header};
	int token;

	switch (header->type->extra) {
	case CRIT_EXTRA_TCP:
		return read_or_embedded(p, &r, read_queues);
	case CRIT_EXTRA_SEM:
		return read_or_embedded(p, &r, read_sems);
	case CRIT_EXTRA_MSG:
		return read_or_embedded(p, &r, read_msgs);
	default:
		token = crit_json_next_open(p->json);
		note_place(payload, p);
		if (token != CRIT_JSON_STRING)
			return crit_parse_expected(p, "a string of base64");
		return read_string(p, &payload->blob[0]);
	}
}
