/*
 * Documents handed out in pieces, and read at any offset.
 */
#include "decoder/document-steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE         ((size_t)64 << 10)  /* bytes of text, about */
#define PIECE_MAX     ((size_t)256 << 20) /* of the text of one entry */
#define MARK_DISTANCE ((uint64_t)1 << 20) /* bytes of text between two marks */

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
	d->piece.limit = PIECE_MAX;
	*out = d;
	return 0;
}

void crit_document_free(struct crit_document *d)
{
	if (!d)
		return;
	crit_image_free(d->img);
	crit_stencil_fini(&d->stencil);
	crit_buf_fini(&d->piece);
	free(d->marks);
	free(d);
}

static int add_mark(struct crit_document *d)
{
	uint64_t last = d->n_marks ? d->marks[d->n_marks - 1].text : 0;

	if ((d->stage != STAGE_ENTRY && d->stage != STAGE_MSG && d->stage != STAGE_SEMS) ||
	    crit_document_end(d) < last + MARK_DISTANCE)
		return 0;
	if (d->n_marks == d->cap_marks) {
		size_t cap = d->cap_marks ? d->cap_marks * 2 : 16;
		struct crit_document_mark *marks = realloc(d->marks, cap * sizeof(*marks));

		if (!marks)
			return -ENOMEM;
		d->marks = marks;
		d->cap_marks = cap;
	}
	d->marks[d->n_marks++] = (struct crit_document_mark){crit_document_end(d), d->stage,
							     d->n, d->m, d->bytes};
	return 0;
}

static void restart(struct crit_document *d, struct crit_document_mark at)
{
	crit_buf_reset(&d->piece);
	/* within an entry only what it is made of is known */
	if (at.stage != STAGE_HEAD && at.stage != STAGE_ENTRY &&
	    crit_image_entry(d->img, at.n, &d->entry, NULL) < 0)
		at = (struct crit_document_mark){.stage = STAGE_HEAD};
	d->pos = at.text;
	d->n = at.n;
	d->m = at.m;
	d->bytes = at.bytes;
	d->stage = at.stage;
}

/* Is the piece at hand long enough? What can be skipped begins one of its own. */
static bool is_piece(const struct crit_document *d)
{
	return d->stage == STAGE_DONE || d->piece.len >= PIECE ||
	       (d->stage == STAGE_BYTES && d->piece.len && d->wanted > crit_document_end(d));
}

/* Replace the piece by the next one; it is empty only at the end. */
static int next_piece(struct crit_document *d, struct crit_error *err)
{
	int ret = 0;

	d->pos = crit_document_end(d);
	crit_buf_reset(&d->piece);
	while (ret == 0 && !is_piece(d)) {
		ret = crit_document_step(d, err);
		if (ret == 0)
			ret = d->piece.error;
		if (ret == 0)
			ret = add_mark(d);
	}
	if (ret == -ENOMEM)
		crit_fail(err, CRIT_NO_MEMORY, "no memory for a document");
	else if (ret == -EFBIG)
		crit_fail(err, CRIT_TOO_BIG, "entry %llu is too big for a document",
			  (unsigned long long)d->n);
	if (ret < 0)
		restart(d, (struct crit_document_mark){.stage = STAGE_HEAD});
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
	struct crit_document_mark at = {.stage = STAGE_HEAD};

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

	if (off < d->pos || off >= crit_document_end(d)) {
		rewind_to(d, off);
		d->wanted = off;
		while (ret == 0 && crit_document_end(d) <= off && d->stage != STAGE_DONE)
			ret = next_piece(d, err);
		d->wanted = 0;
	}
	return ret;
}

int crit_document_size(struct crit_document *d, uint64_t *size, struct crit_error *err)
{
	int ret = 0;

	if (!d->sized) {
		d->measuring = true;
		ret = go_to(d, UINT64_MAX, err);
		d->measuring = false;
		d->size = crit_document_end(d);
		d->sized = ret == 0;
		/* what is in the piece is no text */
		d->pos = d->size;
		crit_buf_reset(&d->piece);
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
		if (off + done >= crit_document_end(d))
			break;
		n = (size_t)(crit_document_end(d) - (off + done));
		if (n > len - done)
			n = len - done;
		memcpy(out + done, d->piece.data + (off + done - d->pos), n);
		done += n;
	}
	return (ssize_t)done;
}
