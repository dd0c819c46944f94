/*
 * Frames and the lazy index.
 */
#include "decoder/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/extra.h"
#include "decoder/index.h"
#include "decoder/print.h"
#include "decoder/wire.h"
#include "schema-messages.h"

#define STRIDE    32 /* entries between two offsets of the index */
#define WINDOW    ((size_t)128 << 10)
#define SIZE_WORD 4  /* bytes before each message */
#define LONG      64 /* messages of a queue whose end is kept: to find it again costs */

/* Where a walk stands: number `n` begins at `off`. */
struct cursor {
	uint64_t n, off;
};

struct crit_image {
	struct crit_header header;
	struct crit_file *file; /* a reference */
	uint64_t size;          /* of the file, bytes */

	uint64_t *marks; /* owned: marks[i] is the offset of entry i * STRIDE */
	size_t n_marks, cap_marks;
	struct cursor known; /* what was indexed ends here */
	bool complete;       /* known is all there is; a tail may follow */
	struct cursor last;  /* behind the entry that was asked for last */

	uint64_t msgs_of;  /* offset of the entry that this one is within */
	struct cursor msg; /* the message that was asked for last: it may be once more */
	uint64_t queue, queue_end; /* offsets of the queue that was measured last, */
	struct crit_index ends;    /* and the ends of long ones, by their offsets */

	struct crit_stencil stencil; /* of the entry that was printed last */
	/* what the last answers were, by the offset of the message; 0: none */
	struct {
		uint64_t off;
		bool decodes;
	} checked;
	struct {
		uint64_t off, size;
		bool plain;
	} sized;

	uint8_t *window; /* owned */
	size_t window_cap, window_len;
	uint64_t window_off;
};

int crit_image_new(struct crit_file *file, const char *name, struct crit_image **out,
		   struct crit_error *err)
{
	uint64_t size = (uint64_t)file->st.st_size;
	uint8_t bytes[CRIT_HEADER_MAX];
	size_t n = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
	struct crit_image *img;
	struct crit_header h;
	int ret;

	ret = crit_file_read(file, bytes, n, 0);
	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't read its header");
	if (!crit_header_read(name, bytes, n, &h))
		return crit_header_fail(bytes, n, err);
	img = calloc(1, sizeof(*img));
	if (!img)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for an image");
	img->header = h;
	img->size = size;
	img->file = crit_file_get(file);
	img->known.off = h.len;
	img->last = img->known;
	*out = img;
	return 0;
}

void crit_image_free(struct crit_image *img)
{
	if (!img)
		return;
	crit_file_put(img->file);
	crit_stencil_fini(&img->stencil);
	crit_index_fini(&img->ends);
	free(img->marks);
	free(img->window);
	free(img);
}

const struct crit_header *crit_image_header(const struct crit_image *img)
{
	return &img->header;
}

struct crit_file *crit_image_file(struct crit_image *img)
{
	return img->file;
}

struct crit_style crit_image_style(const struct crit_image *img, bool plain)
{
	return (struct crit_style){.plain = plain, .big_endian = img->header.big_endian};
}

/* Make the window hold the span; it is within the file. */
static int fill_window(struct crit_image *img, struct crit_span span, struct crit_error *err)
{
	size_t usual = img->size < WINDOW ? (size_t)img->size : WINDOW;
	size_t want = span.len > usual ? (size_t)span.len : usual;
	uint64_t left = img->size - span.off;
	int ret;

	if (want != img->window_cap) {
		free(img->window);
		img->window_cap = img->window_len = 0;
		img->window = malloc(want);
		if (!img->window)
			return crit_fail(err, CRIT_NO_MEMORY, "no memory for %zu bytes", want);
		img->window_cap = want;
	}
	img->window_off = span.off;
	img->window_len = left < want ? (size_t)left : want;
	ret = crit_file_read(img->file, img->window, img->window_len, span.off);
	if (ret < 0) {
		img->window_len = 0;
		return crit_fail_errno(err, -ret, "can't read %zu bytes at offset %llu", want,
				       (unsigned long long)span.off);
	}
	return 0;
}

/* A span's bytes if they are in the window, else NULL. */
static inline const uint8_t *in_window(const struct crit_image *img, struct crit_span span)
{
	uint64_t at = span.off - img->window_off; /* what is before it is far behind it */

	if (at > img->window_len || span.len > img->window_len - at)
		return NULL;
	return img->window + at;
}

static const uint8_t *read_bytes(struct crit_image *img, struct crit_span span,
				 struct crit_error *err)
{
	if (span.off > img->size || span.len > img->size - span.off) {
		crit_fail(err, CRIT_BROKEN, "offset %llu is beyond the end",
			  (unsigned long long)span.off);
		return NULL;
	}
	if (span.len > CRIT_MESSAGE_MAX) {
		crit_fail(err, CRIT_TOO_BIG, "a message of %llu bytes",
			  (unsigned long long)span.len);
		return NULL;
	}
	return fill_window(img, span, err) < 0 ? NULL : img->window;
}

static inline const uint8_t *get_bytes(struct crit_image *img, struct crit_span span,
				       struct crit_error *err)
{
	const uint8_t *bytes = in_window(img, span);

	return bytes ? bytes : read_bytes(img, span, err);
}

const uint8_t *crit_image_bytes(struct crit_image *img, struct crit_span span,
				struct crit_error *err)
{
	return get_bytes(img, span, err);
}

/* The frame at `off`, its message only: 0, -ENOENT at the end, -EBADMSG, -EIO. */
static inline int read_frame(struct crit_image *img, uint64_t off, struct crit_entry *e,
			     struct crit_error *err)
{
	const uint8_t *word;
	uint32_t size;

	if (off == img->size)
		return -ENOENT;
	if (img->size - off < SIZE_WORD)
		return -EBADMSG;
	word = get_bytes(img, (struct crit_span){off, SIZE_WORD}, err);
	if (!word)
		return -EIO;
	size = crit_get_u32(&img->header, word);
	if (size > img->size - off - SIZE_WORD)
		return -EBADMSG;
	e->off = off;
	e->message = (struct crit_span){off + SIZE_WORD, size};
	e->n_blobs = 0;
	e->n_msgs = 0;
	e->end = off + SIZE_WORD + size;
	return 0;
}

/* A frame within the messages of a queue, with its blob. */
static int read_msg(struct crit_image *img, uint64_t off, struct crit_entry *msg,
		    struct crit_error *err)
{
	const uint8_t *bytes;
	int ret;

	ret = read_frame(img, off, msg, err);
	if (ret < 0)
		return ret == -ENOENT ? -EBADMSG : ret;
	msg->type = &crit_msg_ipc_msg;
	if (msg->message.len > CRIT_MESSAGE_MAX)
		return -EBADMSG;
	bytes = crit_image_bytes(img, msg->message, err);
	if (!bytes)
		return -EIO;
	return crit_extra_layout(&crit_msg_rule, msg->type, bytes, img->size, msg);
}

/* Walk the messages of a queue to find where its entry ends. */
static int measure_msgs(struct crit_image *img, struct crit_entry *e, struct crit_error *err)
{
	bool was_last = img->queue == e->off;
	bool known = was_last ||
		     (e->n_msgs > LONG && crit_index_find(&img->ends, e->off, &e->end));
	struct crit_entry msg;
	uint64_t m;
	int ret;

	for (m = 0; m < e->n_msgs && !known; m++) {
		ret = read_msg(img, e->end, &msg, err);
		if (ret < 0)
			return ret;
		e->end = msg.end;
	}
	/* all that is asked of a queue's messages begins with its entry */
	if (was_last)
		e->end = img->queue_end;
	img->queue = e->off;
	img->queue_end = e->end;
	/* without memory for it, it is found again */
	if (e->n_msgs > LONG && !known)
		crit_index_put(&img->ends, e->off, e->end, NULL);
	e->blob[0].len = e->end - e->blob[0].off;
	return 0;
}

/* What follows the message of entry `n`. */
static int read_blobs(struct crit_image *img, uint64_t n, struct crit_entry *e,
		      struct crit_error *err)
{
	const struct crit_type *type = img->header.type;
	struct crit_extra_rule rule;
	const uint8_t *bytes;
	int ret;

	if (e->message.len > CRIT_MESSAGE_MAX)
		return -EBADMSG;
	bytes = get_bytes(img, e->message, err);
	if (!bytes)
		return -EIO;
	ret = crit_extra_rule(type, n, bytes, e->message.len, &rule);
	if (ret == 0)
		ret = crit_extra_layout(&rule, e->type, bytes, img->size, e);
	if (ret == 0 && e->n_blobs && e->part[0] == CRIT_PART_MSGS)
		ret = measure_msgs(img, e, err);
	return ret;
}

/* The frame at `off` as entry `n`, with its blobs. */
static inline int read_entry(struct crit_image *img, uint64_t n, uint64_t off,
			     struct crit_entry *e, struct crit_error *err)
{
	const struct crit_type *type = img->header.type;
	int ret = read_frame(img, off, e, err);

	if (ret < 0)
		return ret;
	e->type = n ? type->rest : type->head;
	return type->extra == CRIT_EXTRA_NONE ? 0 : read_blobs(img, n, e, err);
}

static int add_mark(struct crit_image *img, uint64_t off, struct crit_error *err)
{
	if (img->n_marks == img->cap_marks) {
		size_t cap = img->cap_marks ? img->cap_marks * 2 : 16;
		uint64_t *marks = realloc(img->marks, cap * sizeof(*marks));

		if (!marks)
			return crit_fail(err, CRIT_NO_MEMORY, "no memory for its index");
		img->marks = marks;
		img->cap_marks = cap;
	}
	img->marks[img->n_marks++] = off;
	return 0;
}

/* Index the entry behind those that are known, which is *e then. 0, -ENOENT, -errno. */
static inline int index_next(struct crit_image *img, struct crit_entry *e,
			     struct crit_error *err)
{
	struct cursor c = img->known;
	int ret;

	if (img->complete)
		return -ENOENT;
	ret = c.n == CRIT_ENTRIES_MAX ? -ENOENT : read_entry(img, c.n, c.off, e, err);
	if (ret == -ENOENT || ret == -EBADMSG) {
		img->complete = true; /* what does not parse is the tail */
		return -ENOENT;
	}
	if (ret == 0 && c.n % STRIDE == 0)
		ret = add_mark(img, c.off, err);
	if (ret == 0)
		img->known = (struct cursor){c.n + 1, e->end};
	return ret;
}

/* Index up to and with entry `n`, or to the end. */
static int extend_index(struct crit_image *img, uint64_t n, struct crit_entry *e,
			struct crit_error *err)
{
	int ret = 0;

	while (ret == 0 && img->known.n <= n)
		ret = index_next(img, e, err);
	return ret;
}

/* Entry `n`, which is indexed. */
static int find_known(struct crit_image *img, uint64_t n, struct crit_entry *e,
		      struct crit_error *err)
{
	struct cursor c = img->last;
	int ret;

	if (c.n > n || n - c.n >= STRIDE)
		c = (struct cursor){n - n % STRIDE, img->marks[n / STRIDE]};
	for (;; c.n++, c.off = e->end) {
		ret = read_entry(img, c.n, c.off, e, err);
		if (ret == -ENOENT || ret == -EBADMSG)
			return crit_fail(err, CRIT_CHANGED, "the file changed underneath");
		if (ret < 0 || c.n == n)
			return ret;
	}
}

int crit_image_entry(struct crit_image *img, uint64_t n, struct crit_entry *e,
		     struct crit_error *err)
{
	int ret = n < img->known.n ? find_known(img, n, e, err) : extend_index(img, n, e, err);

	if (ret == 0)
		img->last = (struct cursor){n + 1, e->end};
	return ret;
}

int crit_image_msg(struct crit_image *img, const struct crit_entry *e, uint64_t m,
		   struct crit_entry *msg, struct crit_error *err)
{
	struct cursor c = img->msg;
	int ret;

	if (m >= e->n_msgs)
		return -ENOENT;
	if (img->msgs_of != e->off || c.n > m)
		c = (struct cursor){0, e->blob[0].off};
	for (;; c.n++, c.off = msg->end) {
		ret = read_msg(img, c.off, msg, err);
		if (ret == -EBADMSG)
			return crit_fail(err, CRIT_CHANGED, "the file changed underneath");
		if (ret < 0)
			return ret;
		if (c.n == m)
			break;
	}
	img->msgs_of = e->off;
	img->msg = (struct cursor){m, msg->off};
	return 0;
}

int crit_image_count(struct crit_image *img, uint64_t *n, struct crit_error *err)
{
	struct crit_entry last;
	int ret = extend_index(img, UINT64_MAX, &last, err);

	*n = img->known.n;
	return ret == -ENOENT ? 0 : ret;
}

int crit_image_offset(struct crit_image *img, uint64_t n, uint64_t *off, struct crit_error *err)
{
	struct crit_entry e;
	int ret = crit_image_entry(img, n, &e, err);

	if (ret == -ENOENT && n == img->known.n) {
		*off = img->known.off;
		return 0;
	}
	*off = e.off;
	return ret;
}

int crit_image_tail(struct crit_image *img, struct crit_span *tail, struct crit_error *err)
{
	uint64_t n;
	int ret = crit_image_count(img, &n, err);

	*tail = (struct crit_span){img->known.off, img->size - img->known.off};
	return ret;
}

int crit_image_decodes(struct crit_image *img, const struct crit_entry *e,
		       struct crit_error *err)
{
	const uint8_t *bytes;
	int ret;

	if (e->message.len > CRIT_MESSAGE_MAX)
		return 0;
	/* a file that is listed, looked up and opened is asked for each time */
	if (e->message.off == img->checked.off)
		return img->checked.decodes;
	bytes = get_bytes(img, e->message, err);
	if (!bytes)
		return -EIO;
	ret = crit_wire_check(e->type, bytes, e->message.len);
	if (ret < 0 && ret != -EBADMSG)
		return ret;
	img->checked.off = e->message.off;
	img->checked.decodes = ret == 0;
	return img->checked.decodes;
}

int crit_image_print(struct crit_image *img, const struct crit_entry *e, bool plain,
		     struct crit_buf *out, struct crit_error *err)
{
	struct crit_style style = crit_image_style(img, plain);
	const uint8_t *bytes = crit_image_bytes(img, e->message, err);
	struct crit_stencil *stencil = &img->stencil;
	int ret;

	if (!bytes)
		return -EIO;
	/* no stencil is made for an entry that may be the only one */
	if (e->message.off == img->sized.off && !stencil->good)
		stencil = NULL;
	ret = crit_print_next(e->type, bytes, e->message.len, &style, 0, stencil, out);
	if (ret < 0)
		return ret;
	crit_buf_byte(out, '\n');
	return out->error;
}

int crit_image_print_size(struct crit_image *img, const struct crit_entry *e, bool plain,
			  uint64_t *size, struct crit_error *err)
{
	struct crit_style style = crit_image_style(img, plain);
	const uint8_t *bytes;
	int ret;

	*size = img->sized.size;
	if (e->message.off == img->sized.off && plain == img->sized.plain)
		return 0;
	bytes = get_bytes(img, e->message, err);
	if (!bytes)
		return -EIO;
	ret = crit_print_size(e->type, bytes, e->message.len, &style, 0, &img->stencil, size);
	++*size; /* the newline */
	if (ret == 0 && *size > CRIT_BUF_LIMIT)
		ret = -EFBIG;
	if (ret < 0)
		return ret;
	img->sized.off = e->message.off;
	img->sized.size = *size;
	img->sized.plain = plain;
	img->checked.off = e->message.off;
	img->checked.decodes = true;
	return 0;
}

/* Forget what the index says of entry `n`, which begins at `off`, and those behind. */
static void cut_index(struct crit_image *img, uint64_t n, uint64_t off)
{
	if (img->known.n > n) {
		img->n_marks = (size_t)((n + STRIDE - 1) / STRIDE);
		img->known = (struct cursor){n, off};
	}
	img->complete = false;
}

void crit_image_replaced(struct crit_image *img, struct crit_file *file,
			 const struct crit_change *change)
{
	uint64_t shift = change->new_end - change->old_end;
	size_t i;

	crit_file_get(file);
	crit_file_put(img->file);
	img->file = file;
	img->size = (uint64_t)file->st.st_size;
	img->window_len = 0;
	img->msgs_of = img->queue = 0;
	crit_index_fini(&img->ends);
	img->checked.off = img->sized.off = 0;
	img->last = (struct cursor){0, img->header.len};
	/* a ghost's first entry decides whether any others follow */
	if (img->header.type->extra == CRIT_EXTRA_GHOST) {
		cut_index(img, 0, img->header.len);
	} else if (change->renumbers) {
		cut_index(img, change->n, change->off);
	} else {
		for (i = change->n / STRIDE + 1; i < img->n_marks; i++)
			img->marks[i] += shift;
		if (img->known.n > change->n)
			img->known.off += shift;
	}
}
