/*
 * Headings, entries and what stands behind them. One entry's text at a time is in
 * memory.
 */
#include "decoder/critic/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "decoder/image.h"
#include "decoder/textformat.h"

#define KEEP ((size_t)1 << 20) /* bytes of memory kept from entry to entry */

/* The longest text of an entry: bytes may become four characters each. */
#define LIMIT (KEEP + 4 * (size_t)CRIT_MESSAGE_MAX)

struct text {
	struct crit_image *img; /* owned */
	struct crit_buf buf;    /* owned: what is not written yet */
	FILE *out;              /* borrowed */
	struct crit_error *err; /* borrowed */
};

/* What a comment calls the blobs of an entry, and their units. */
static const struct {
	const char *name, *unit;
	unsigned size; /* bytes of a unit */
} blob_names[] = {
	[CRIT_PART_EXTRA] = {"extra", "byte", 1},   [CRIT_PART_INQ] = {"inq", "byte", 1},
	[CRIT_PART_OUTQ] = {"outq", "byte", 1},     [CRIT_PART_KEYS] = {"keys", "byte", 1},
	[CRIT_PART_VALUES] = {"values", "byte", 1}, [CRIT_PART_SEMS] = {"sems", "value", 2},
};

static void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append a short line. */
static void put(struct text *t, const char *fmt, ...)
{
	char line[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	crit_buf_str(&t->buf, line);
}

/* Write what has gathered. */
static int flush(struct text *t)
{
	if (t->buf.error)
		return crit_fail(t->err, CRIT_NO_MEMORY, "no memory for the text");
	if (t->buf.len && fwrite(t->buf.data, 1, t->buf.len, t->out) < t->buf.len)
		return crit_fail_errno(t->err, errno, "can't write");
	crit_buf_reset(&t->buf);
	crit_buf_trim(&t->buf, KEEP);
	return 0;
}

static int put_message(struct text *t, const struct crit_entry *e)
{
	const char *why = "can't be decoded";
	const uint8_t *bytes;
	int ret = -EFBIG;

	if (e->message.len <= CRIT_MESSAGE_MAX) {
		bytes = crit_image_bytes(t->img, e->message, t->err);
		if (!bytes)
			return -EIO;
		ret = crit_textformat(e->type, bytes, e->message.len, 1, &t->buf);
	}
	if (ret == -EFBIG) {
		why = "is too large to be shown";
		t->buf.error = 0;
	} else if (ret != -EBADMSG) {
		return ret < 0 ? crit_fail(t->err, CRIT_NO_MEMORY, "no memory for the text")
			       : 0;
	}
	crit_textformat_indent(&t->buf, 1);
	put(t, "# %s: %" PRIu64 " bytes\n", why, e->message.len);
	return 0;
}

static void put_blobs(struct text *t, const struct crit_entry *e)
{
	unsigned i;

	for (i = 0; i < e->n_blobs; i++) {
		enum crit_part part = e->part[i];
		uint64_t n;

		if (part == CRIT_PART_MSGS)
			continue; /* entries of their own, below this one */
		n = e->blob[i].len / blob_names[part].size;
		crit_textformat_indent(&t->buf, 1);
		put(t, "# %s: %" PRIu64 " %s%s\n", blob_names[part].name, n,
		    blob_names[part].unit, n == 1 ? "" : "s");
	}
}

static int put_entry(struct text *t, const struct crit_entry *e)
{
	int ret = put_message(t, e);

	if (ret < 0)
		return ret;
	put_blobs(t, e);
	return flush(t);
}

/* The messages in a queue, numbered below their entry `n`. */
static int put_msgs(struct text *t, const struct crit_entry *e, uint64_t n)
{
	struct crit_entry msg;
	uint64_t m;
	int ret;

	for (m = 0; m < e->n_msgs; m++) {
		ret = crit_image_msg(t->img, e, m, &msg, t->err);
		if (ret < 0)
			return ret;
		put(t, "#%" PRIu64 ".%" PRIu64 " %s\n", n, m, msg.type->pb->name);
		ret = put_entry(t, &msg);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int put_entries(struct text *t)
{
	struct crit_entry e;
	uint64_t n;
	int ret;

	for (n = 0; (ret = crit_image_entry(t->img, n, &e, t->err)) == 0; n++) {
		put(t, "#%" PRIu64 " %s\n", n, e.type->pb->name);
		ret = put_entry(t, &e);
		if (ret == 0)
			ret = put_msgs(t, &e, n);
		if (ret < 0)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

static int put_image(struct text *t)
{
	struct crit_span tail;
	int ret;

	put(t, "#%s\n", crit_image_header(t->img)->type->name);
	ret = put_entries(t);
	if (ret == 0)
		ret = crit_image_tail(t->img, &tail, t->err);
	if (ret < 0)
		return ret;
	if (tail.len)
		put(t, "# tail: %" PRIu64 " byte%s no entries\n", tail.len,
		    tail.len == 1 ? " is" : "s are");
	ret = flush(t);
	if (ret == 0 && fflush(t->out))
		return crit_fail_errno(t->err, errno, "can't write");
	return ret;
}

int critic_text(struct crit_file *file, const char *name, FILE *out, struct crit_error *err)
{
	struct text t = {.buf.limit = LIMIT, .out = out, .err = err};
	int ret = crit_image_new(file, name, &t.img, err);

	if (ret == 0)
		ret = put_image(&t);
	crit_image_free(t.img);
	crit_buf_fini(&t.buf);
	return ret;
}
