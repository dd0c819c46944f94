/*
 * Images as documents. A document is made by steps; each appends some text to the
 * piece at hand and leaves the document in the stage that the next one begins with.
 */
#include "decoder/document-steps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "decoder/print.h"
#include "decoder/text.h"

#define BLOB_AT_ONCE ((size_t)CRIT_BASE64_LINE * 1024)
#define SEMS_AT_ONCE 4096 /* values */

/* Texts up to so many bytes can be printed in any case, if they are measured instead. */
#define MEASURED_MAX ((uint64_t)128 << 20)

/* How deep the lines of a document stand. */
enum { KEY = 1, ENTRY = 2, FIELD = 3, ITEM = 4 };

/* The comma before a line, the line break, and the deepest indent. */
static const char line[] = ",\n                    ";

/* From one of the line's first bytes on, up to its indent. */
static void put_line(struct crit_document *d, unsigned from, unsigned depth)
{
	uint8_t *at = crit_buf_room(&d->piece, sizeof(line));

	if (!at)
		return;
	memcpy(at, line + from, sizeof(line) - 1 - from);
	d->piece.len += 2 - from + CRIT_PRINT_INDENT * depth;
}

/* A new line and its indent; nothing where all is one line. */
static void new_line(struct crit_document *d, unsigned depth)
{
	if (!d->style.one_line)
		put_line(d, 1, depth);
}

static void comma(struct crit_document *d, unsigned depth)
{
	if (d->style.one_line)
		crit_buf_add(&d->piece, ", ", 2);
	else
		put_line(d, 0, depth);
}

static void put(struct crit_document *d, const char *text)
{
	crit_buf_str(&d->piece, text);
}

/* Go on with a string of base64, whose opening quote is put here, and then with `behind`. */
static void begin_bytes(struct crit_document *d, struct crit_span bytes,
			enum crit_document_stage behind)
{
	put(d, "\"");
	d->bytes = bytes;
	d->behind_bytes = behind;
	d->stage = STAGE_BYTES;
}

/*
 * Whole lines of base64 before the wanted offset are counted only. There is nothing
 * before them in the piece: it begins with them, and they are not part of it.
 */
static void skip_lines(struct crit_document *d)
{
	uint64_t lines = d->bytes.len / CRIT_BASE64_LINE, far;

	if (d->piece.len || d->wanted <= d->pos)
		return;
	far = (d->wanted - d->pos) / CRIT_BASE64_LINE_TEXT;
	if (lines > far)
		lines = far;
	d->pos += lines * CRIT_BASE64_LINE_TEXT;
	d->bytes.off += lines * CRIT_BASE64_LINE;
	d->bytes.len -= lines * CRIT_BASE64_LINE;
}

static int step_bytes(struct crit_document *d, struct crit_error *err)
{
	const uint8_t *data;
	size_t n;

	skip_lines(d);
	n = d->bytes.len < BLOB_AT_ONCE ? (size_t)d->bytes.len : BLOB_AT_ONCE;
	if (n) {
		data = crit_image_bytes(d->img, (struct crit_span){d->bytes.off, n}, err);
		if (!data)
			return -EIO;
		crit_base64_lines(&d->piece, data, n);
		d->bytes.off += n;
		d->bytes.len -= n;
	}
	if (!d->bytes.len) {
		put(d, "\"");
		d->stage = d->behind_bytes;
	}
	return 0;
}

/* What the header is called if it is not the usual one of its type, else NULL. */
static const char *header_name(const struct crit_header *h)
{
	uint32_t first = h->len == CRIT_HEADER_MAX ? crit_get_u32(h, h->bytes) : 0;

	if (first == h->type->first)
		return NULL;
	return !first ? "v1.0" : first == CRIT_MAGIC_COMMON ? "common" : "service";
}

static void put_pair(struct crit_document *d, const char *key, const char *value)
{
	put(d, "\"");
	put(d, key);
	put(d, "\": \"");
	put(d, value);
	put(d, "\"");
	comma(d, KEY);
}

static void step_head(struct crit_document *d)
{
	const struct crit_header *h = crit_image_header(d->img);

	put(d, "{");
	new_line(d, KEY);
	put_pair(d, "magic", h->type->name);
	if (header_name(h))
		put_pair(d, CRIT_KEY_HEADER, header_name(h));
	if (h->big_endian)
		put_pair(d, CRIT_KEY_BYTEORDER, "big");
	put(d, "\"entries\": [");
	d->stage = STAGE_ENTRY;
}

/* Print a message, or count its bytes if that will do. */
static int print_bytes(struct crit_document *d, const struct crit_entry *e, const uint8_t *data,
		       unsigned depth)
{
	struct crit_stencil *stencil = depth == ENTRY ? &d->stencil : NULL;
	size_t start = d->piece.len;
	int ret;

	if (d->measuring) {
		ret = crit_print_size(e->type, data, e->message.len, &d->spelling, depth,
				      stencil, &d->object_len);
		if (ret < 0)
			return ret;
		if (d->object_len <= MEASURED_MAX) {
			d->pos += d->object_len;
			return 0;
		}
	}
	ret = crit_print_next(e->type, data, e->message.len, &d->spelling, depth, stencil,
			      &d->piece);
	d->object_len = d->piece.len - start;
	/* some texts are a hundred times as long as their messages */
	if (ret == -EBADMSG || ret == -EFBIG) {
		d->piece.len = start;
		d->piece.error = 0;
	}
	return ret;
}

/* Print a message at `depth`: 1, 0 if it has to be shown raw, -errno. */
static int print_message(struct crit_document *d, const struct crit_entry *e, unsigned depth,
			 struct crit_error *err)
{
	const uint8_t *data;
	int ret;

	if (e->message.len > CRIT_MESSAGE_MAX)
		return 0;
	data = crit_image_bytes(d->img, e->message, err);
	if (!data)
		return -EIO;
	ret = print_bytes(d, e, data, depth);
	if (ret == -EBADMSG || ret == -EFBIG)
		return 0;
	return ret < 0 ? ret : 1;
}

/* Take back the closing bracket of the object at `depth`, to add another key to it. */
static void reopen(struct crit_document *d, unsigned depth)
{
	bool empty = d->object_len == 2; /* {} */
	size_t back = empty || d->style.one_line ? 1 : 2 + (size_t)CRIT_PRINT_INDENT * depth;

	if (d->piece.error)
		return;
	if (d->measuring)
		d->pos -= back;
	else
		d->piece.len -= back;
	if (empty)
		new_line(d, depth + 1);
	else
		comma(d, depth + 1);
}

static int begin_tail(struct crit_document *d, struct crit_error *err)
{
	struct crit_span tail;
	int ret = crit_image_tail(d->img, &tail, err);

	if (ret < 0)
		return ret;
	if (d->n)
		new_line(d, KEY);
	put(d, "]");
	d->stage = STAGE_END;
	if (tail.len) {
		comma(d, KEY);
		put(d, "\"" CRIT_KEY_TAIL "\": ");
		begin_bytes(d, tail, STAGE_END);
	}
	return 0;
}

static int step_entry(struct crit_document *d, struct crit_error *err)
{
	struct crit_entry *e = &d->entry;
	int ret = crit_image_entry(d->img, d->n, e, err);

	if (ret == -ENOENT)
		return begin_tail(d, err);
	if (ret < 0)
		return ret;
	if (d->n)
		comma(d, ENTRY);
	else
		new_line(d, ENTRY);
	ret = print_message(d, e, ENTRY, err);
	if (ret < 0)
		return ret;
	d->raw = ret == 0;
	if (d->raw) {
		put(d, "{");
		new_line(d, FIELD);
		put(d, "\"" CRIT_KEY_RAW "\": ");
		begin_bytes(d, e->message, STAGE_EXTRA);
		return 0;
	}
	if (e->n_blobs) {
		reopen(d, ENTRY); /* now: later it may be in a piece that was given away */
		d->stage = STAGE_EXTRA;
	} else {
		d->n++;
	}
	return 0;
}

/* The bytes of an entry's payload; of messages of a queue with their messages. */
static int payload_len(struct crit_document *d, uint64_t *len, struct crit_error *err)
{
	struct crit_entry msg;
	unsigned i;
	int ret;

	*len = 0;
	for (i = 0; i < d->entry.n_blobs; i++)
		*len += d->entry.blob[i].len;
	if (d->entry.part[0] != CRIT_PART_MSGS)
		return 0;
	*len = 0;
	for (d->m = 0; d->m < d->entry.n_msgs; d->m++) {
		ret = crit_image_msg(d->img, &d->entry, d->m, &msg, err);
		if (ret < 0)
			return ret;
		*len += msg.message.len + msg.blob[0].len;
	}
	return 0;
}

static int step_extra(struct crit_document *d, struct crit_error *err)
{
	const struct crit_entry *e = &d->entry;
	uint64_t len;
	int ret;

	d->stage = STAGE_ENTRY_END;
	if (!e->n_blobs)
		return 0;
	if (d->raw)
		comma(d, FIELD); /* else it is there */
	put(d, "\"extra\": ");
	if (d->style.no_payload) {
		ret = payload_len(d, &len, err);
		put(d, "\"... <");
		crit_human_size(&d->piece, len);
		put(d, ">\"");
		return ret;
	}
	switch (e->part[0]) {
	case CRIT_PART_INQ:
		put(d, "{");
		new_line(d, ITEM);
		put(d, "\"inq\": ");
		begin_bytes(d, e->blob[0], STAGE_OUTQ);
		break;
	case CRIT_PART_KEYS: /* and behind them the values, in one string */
		begin_bytes(d,
			    (struct crit_span){e->blob[0].off, e->blob[0].len + e->blob[1].len},
			    STAGE_ENTRY_END);
		break;
	case CRIT_PART_SEMS:
		put(d, "[");
		d->bytes = e->blob[0];
		d->stage = STAGE_SEMS;
		break;
	case CRIT_PART_MSGS:
		put(d, "[");
		d->m = 0;
		d->stage = STAGE_MSG;
		break;
	default:
		begin_bytes(d, e->blob[0], STAGE_ENTRY_END);
	}
	return 0;
}

static void step_outq(struct crit_document *d)
{
	comma(d, ITEM);
	put(d, "\"outq\": ");
	begin_bytes(d, d->entry.blob[1], STAGE_QUEUES_END);
}

static void step_queues_end(struct crit_document *d)
{
	new_line(d, FIELD);
	put(d, "}");
	d->stage = STAGE_ENTRY_END;
}

static int step_sems(struct crit_document *d, struct crit_error *err)
{
	const struct crit_span *all = &d->entry.blob[0];
	uint64_t n = d->bytes.len < 2 * SEMS_AT_ONCE ? d->bytes.len : 2 * SEMS_AT_ONCE, i;
	const uint8_t *p = crit_image_bytes(d->img, (struct crit_span){d->bytes.off, n}, err);
	char number[8];

	if (!p)
		return -EIO;
	for (i = 0; i < n; i += 2) {
		if (d->bytes.len == all->len && !i)
			new_line(d, ITEM);
		else
			comma(d, ITEM);
		snprintf(number, sizeof(number), "%u",
			 crit_get_u16(crit_image_header(d->img), p + i));
		put(d, number);
	}
	d->bytes.off += n;
	d->bytes.len -= n;
	if (!d->bytes.len) {
		if (all->len)
			new_line(d, FIELD);
		put(d, "]");
		d->stage = STAGE_ENTRY_END;
	}
	return 0;
}

static int step_msg(struct crit_document *d, struct crit_error *err)
{
	int ret;

	if (d->m == d->entry.n_msgs) {
		if (d->m)
			new_line(d, FIELD);
		put(d, "]");
		d->stage = STAGE_ENTRY_END;
		return 0;
	}
	ret = crit_image_msg(d->img, &d->entry, d->m, &d->msg, err);
	if (ret < 0)
		return ret;
	if (d->m)
		comma(d, ITEM);
	else
		new_line(d, ITEM);
	ret = print_message(d, &d->msg, ITEM, err);
	if (ret < 0)
		return ret;
	if (ret == 0) {
		const uint8_t *raw = crit_image_bytes(d->img, d->msg.message, err);

		if (!raw)
			return -EIO;
		put(d, "{");
		new_line(d, ITEM + 1);
		put(d, "\"" CRIT_KEY_RAW "\": ");
		crit_quote_base64(&d->piece, raw, d->msg.message.len);
		new_line(d, ITEM);
		put(d, "}");
	}
	d->stage = STAGE_MSG_DATA;
	return 0;
}

static void step_msg_data(struct crit_document *d)
{
	comma(d, ITEM);
	d->m++;
	begin_bytes(d, d->msg.blob[0], STAGE_MSG);
}

static void step_end(struct crit_document *d)
{
	new_line(d, 0);
	put(d, "}");
	if (d->style.newline)
		put(d, "\n");
	d->stage = STAGE_DONE;
}

int crit_document_step(struct crit_document *d, struct crit_error *err)
{
	switch (d->stage) {
	case STAGE_HEAD:
		step_head(d);
		return 0;
	case STAGE_ENTRY:
		return step_entry(d, err);
	case STAGE_EXTRA:
		return step_extra(d, err);
	case STAGE_BYTES:
		return step_bytes(d, err);
	case STAGE_OUTQ:
		step_outq(d);
		return 0;
	case STAGE_QUEUES_END:
		step_queues_end(d);
		return 0;
	case STAGE_SEMS:
		return step_sems(d, err);
	case STAGE_MSG:
		return step_msg(d, err);
	case STAGE_MSG_DATA:
		step_msg_data(d);
		return 0;
	case STAGE_ENTRY_END:
		new_line(d, ENTRY);
		put(d, "}");
		d->n++;
		d->stage = STAGE_ENTRY;
		return 0;
	case STAGE_END:
		step_end(d);
		return 0;
	default:
		return 0;
	}
}
