/*
 * Images as documents. A document is made by steps; each appends some text to the
 * piece at hand and leaves the document in the stage that the next one begins with.
 */
#include "decoder/document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/image.h"
#include "decoder/print.h"
#include "decoder/text.h"

#define PIECE         ((size_t)64 << 10) /* bytes of text, about */
#define BLOB_AT_ONCE  ((size_t)CRIT_BASE64_LINE * 1024)
#define SEMS_AT_ONCE  4096                /* values */
#define MARK_DISTANCE ((uint64_t)1 << 20) /* bytes of text between two marks */

/* How deep the lines of a document stand. */
enum { KEY = 1, ENTRY = 2, FIELD = 3, ITEM = 4 };

enum stage {
	STAGE_HEAD,
	STAGE_ENTRY, /* entry n comes next, or the end */
	STAGE_EXTRA, /* the entry's fields were printed */
	STAGE_BYTES, /* within a string of base64, see `bytes` */
	STAGE_OUTQ,  /* the other queue of a TCP socket */
	STAGE_QUEUES_END,
	STAGE_SEMS,
	STAGE_MSG, /* message m comes next, or the end of the list */
	STAGE_MSG_DATA,
	STAGE_ENTRY_END,
	STAGE_END,
	STAGE_DONE,
};

/* Where an entry begins. */
struct mark {
	uint64_t text; /* offset in the document */
	uint64_t n;
};

struct crit_document {
	struct crit_image *img; /* owned */
	struct crit_document_style style;
	struct crit_style spelling;

	struct crit_buf piece; /* owned: text that was made last */
	uint64_t pos;          /* offset of the piece in the document */
	uint64_t wanted;       /* what is before this offset need not be spelled out */

	enum stage stage;
	uint64_t n, m;
	struct crit_entry entry, msg;
	bool raw; /* the entry's message can't be decoded */
	struct crit_span bytes;  /* of STAGE_BYTES and STAGE_SEMS: what is still to come */
	enum stage behind_bytes; /* the stage that follows STAGE_BYTES */

	struct mark *marks; /* owned; rising */
	size_t n_marks, cap_marks;
	uint64_t size;
	bool sized; /* size is known */
};

int crit_document_new(struct crit_file *file, const char *name,
		      struct crit_document_style style, struct crit_document **out,
		      struct crit_error *err)
{
	struct crit_document *d = calloc(1, sizeof(*d));
	int ret;

	*out = NULL;
	if (!d)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for a document");
	ret = crit_image_new(file, name, &d->img, err);
	if (ret < 0) {
		free(d);
		return ret;
	}
	d->style = style;
	d->spelling = crit_image_style(d->img, style.plain);
	d->spelling.one_line = style.one_line;
	*out = d;
	return 0;
}

void crit_document_free(struct crit_document *d)
{
	if (!d)
		return;
	crit_image_free(d->img);
	crit_buf_fini(&d->piece);
	free(d->marks);
	free(d);
}

static uint64_t text_end(const struct crit_document *d)
{
	return d->pos + d->piece.len;
}

/* A new line and its indent; nothing where all is one line. */
static void new_line(struct crit_document *d, unsigned depth)
{
	if (d->style.one_line)
		return;
	crit_buf_byte(&d->piece, '\n');
	crit_buf_fill(&d->piece, ' ', (size_t)CRIT_PRINT_INDENT * depth);
}

static void comma(struct crit_document *d, unsigned depth)
{
	crit_buf_byte(&d->piece, ',');
	if (d->style.one_line)
		crit_buf_byte(&d->piece, ' ');
	else
		new_line(d, depth);
}

static void put(struct crit_document *d, const char *text)
{
	crit_buf_str(&d->piece, text);
}

/* Go on with a string of base64, whose opening quote is put here, and then with `behind`. */
static void begin_bytes(struct crit_document *d, struct crit_span bytes, enum stage behind)
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

/* Print a message at `depth`; false if it has to be shown raw. */
static int print_message(struct crit_document *d, const struct crit_entry *e, unsigned depth,
			 struct crit_error *err)
{
	size_t start = d->piece.len;
	const uint8_t *data;
	int ret;

	if (e->message.len > CRIT_MESSAGE_MAX)
		return 0;
	data = crit_image_bytes(d->img, e->message, err);
	if (!data)
		return -EIO;
	ret = crit_print(e->type, data, e->message.len, &d->spelling, depth, &d->piece);
	if (ret == -EBADMSG) {
		d->piece.len = start;
		return 0;
	}
	return ret < 0 ? ret : 1;
}

/* Take back the closing bracket of an object at `depth`, to add another key to it. */
static void reopen(struct crit_document *d, unsigned depth)
{
	struct crit_buf *p = &d->piece;

	if (p->error)
		return;
	if (p->data[p->len - 2] == '{') { /* {} */
		p->len--;
		new_line(d, depth + 1);
		return;
	}
	p->len -= d->style.one_line ? 1 : 2 + (size_t)CRIT_PRINT_INDENT * depth;
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

/* "12B", "1.5KB" as crit has them. */
static void put_human(struct crit_document *d, uint64_t len)
{
	static const char units[] = "\0KMGTPE";
	double v = (double)len;
	char text[32];
	unsigned u = 0;

	for (; v >= 1024; u++)
		v /= 1024;
	if (v == (double)(uint64_t)v)
		snprintf(text, sizeof(text), "%.0f", v);
	else
		snprintf(text, sizeof(text), "%.1f", v);
	put(d, text);
	if (u)
		crit_buf_byte(&d->piece, (uint8_t)units[u]);
	put(d, "B");
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
		put_human(d, len);
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

/* One more stretch of text, which may be empty. */
static int step(struct crit_document *d, struct crit_error *err)
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

static int add_mark(struct crit_document *d)
{
	uint64_t last = d->n_marks ? d->marks[d->n_marks - 1].text : 0;

	if (d->stage != STAGE_ENTRY || text_end(d) < last + MARK_DISTANCE)
		return 0;
	if (d->n_marks == d->cap_marks) {
		size_t cap = d->cap_marks ? d->cap_marks * 2 : 16;
		struct mark *marks = realloc(d->marks, cap * sizeof(*marks));

		if (!marks)
			return -ENOMEM;
		d->marks = marks;
		d->cap_marks = cap;
	}
	d->marks[d->n_marks++] = (struct mark){text_end(d), d->n};
	return 0;
}

static void restart(struct crit_document *d, struct mark at)
{
	crit_buf_reset(&d->piece);
	d->pos = at.text;
	d->n = at.n;
	d->stage = at.text ? STAGE_ENTRY : STAGE_HEAD;
}

/* Is the piece at hand long enough? What can be skipped begins one of its own. */
static bool is_piece(const struct crit_document *d)
{
	return d->stage == STAGE_DONE || d->piece.len >= PIECE ||
	       (d->stage == STAGE_BYTES && d->piece.len && d->wanted > text_end(d));
}

/* Replace the piece by the next one; it is empty only at the end. */
static int next_piece(struct crit_document *d, struct crit_error *err)
{
	int ret = 0;

	d->pos = text_end(d);
	crit_buf_reset(&d->piece);
	while (ret == 0 && !is_piece(d)) {
		ret = step(d, err);
		if (ret == 0)
			ret = d->piece.error;
		if (ret == 0)
			ret = add_mark(d);
	}
	if (ret < 0)
		restart(d, (struct mark){0, 0});
	if (ret == -ENOMEM)
		crit_fail(err, CRIT_NO_MEMORY, "no memory for a document");
	else if (ret == -EFBIG)
		crit_fail(err, CRIT_TOO_BIG, "entry %llu is too big for a document",
			  (unsigned long long)d->n);
	return ret;
}

ssize_t crit_document_next(struct crit_document *d, const void **piece, struct crit_error *err)
{
	int ret = next_piece(d, err);

	*piece = d->piece.data;
	return ret < 0 ? ret : (ssize_t)d->piece.len;
}

/* Go to the last place at or before `off` that can be gone to. */
static void rewind_to(struct crit_document *d, uint64_t off)
{
	size_t lo = 0, hi = d->n_marks, mid;
	struct mark at = {0, 0};

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (d->marks[mid].text <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo)
		at = d->marks[lo - 1];
	if (d->pos <= off && d->pos >= at.text)
		return; /* going on from here is as near */
	restart(d, at);
}

/* Make the piece that holds offset `off`, or the empty one at the end. */
static int go_to(struct crit_document *d, uint64_t off, struct crit_error *err)
{
	int ret = 0;

	if (off < d->pos || off >= text_end(d)) {
		rewind_to(d, off);
		d->wanted = off;
		while (ret == 0 && text_end(d) <= off && d->stage != STAGE_DONE)
			ret = next_piece(d, err);
		d->wanted = 0;
	}
	return ret;
}

int crit_document_size(struct crit_document *d, uint64_t *size, struct crit_error *err)
{
	int ret = 0;

	if (!d->sized) {
		ret = go_to(d, UINT64_MAX, err);
		d->size = text_end(d);
		d->sized = ret == 0;
	}
	*size = d->size;
	return ret;
}

ssize_t crit_document_read(struct crit_document *d, void *buf, size_t len, uint64_t off,
			   struct crit_error *err)
{
	uint8_t *out = buf;
	size_t done = 0, n;
	int ret;

	while (done < len) {
		ret = go_to(d, off + done, err);
		if (ret < 0)
			return ret;
		if (off + done >= text_end(d))
			break;
		n = (size_t)(text_end(d) - (off + done));
		if (n > len - done)
			n = len - done;
		memcpy(out + done, d->piece.data + (off + done - d->pos), n);
		done += n;
	}
	return (ssize_t)done;
}
