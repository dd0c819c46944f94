/*
 * Building the new frame of an edited entry.
 */
#include "decoder/edit.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/contents.h"
#include "decoder/parse.h"
#include "decoder/payload.h"
#include "decoder/sems.h"
#include "decoder/wire.h"

void crit_edit_fini(struct crit_edit *edit)
{
	free(edit->pieces);
	crit_buf_fini(&edit->frame);
	crit_buf_fini(&edit->values);
	*edit = (struct crit_edit){0};
}

int crit_image_at(struct crit_image *img, struct crit_place place, struct crit_entry *e,
		  struct crit_error *err)
{
	struct crit_entry outer;
	int ret;

	if (place.m == CRIT_NO_MSG)
		return crit_image_entry(img, place.n, e, err);
	ret = crit_image_entry(img, place.n, &outer, err);
	return ret < 0 ? ret : crit_image_msg(img, &outer, place.m, e, err);
}

/* An edit of the message must not make bytes mean something else, or nothing. */
static int keep_blobs(struct crit_image *img, const struct crit_entry *old,
		      const struct crit_contents *c, struct crit_error *err)
{
	uint64_t size = (uint64_t)crit_image_file(img)->st.st_size;
	bool to_end = c->rule.n_blobs && !c->rule.blob[0].length;
	uint64_t count;
	int ret;

	if (!c->rule.n_blobs && old->n_blobs && old->blob[0].len) {
		crit_error_at(err, 1, 1);
		return crit_fail(err, CRIT_REJECTED,
				 "this would leave no place for the %llu bytes of its extra; "
				 "empty that first",
				 (unsigned long long)old->blob[0].len);
	}
	if (c->rule.n_blobs && !old->n_blobs && !to_end && !c->blob[0]) {
		ret = crit_wire_uint(old->type, c->message.data, c->message.len,
				     c->rule.blob[0].length, &count);
		if (ret > 0 && count) {
			crit_error_at(err, 1, 1);
			return crit_fail(err, CRIT_REJECTED,
					 "%s says %llu bytes would follow, but there are none",
					 c->rule.blob[0].length, (unsigned long long)count);
		}
	}
	if (to_end && !old->n_blobs && old->end != size) {
		crit_error_at(err, 1, 1);
		return crit_fail(err, CRIT_REJECTED,
				 "this would turn the chunks that follow into plain contents");
	}
	return 0;
}

/* Are these the contents that the entry has? New blobs are taken for other ones. */
static bool same_contents(struct crit_image *img, struct crit_place place,
			  const struct crit_entry *e, const struct crit_contents *c)
{
	struct crit_contents own = {0};
	bool same;
	unsigned i;

	for (i = 0; i < c->rule.n_blobs; i++)
		if (c->blob[i])
			return false;
	same = crit_contents_own(img, place, e, &own) == 0 &&
	       own.message.len == c->message.len &&
	       (!own.message.len ||
		!memcmp(own.message.data, c->message.data, own.message.len));
	crit_contents_fini(&own);
	return same;
}

int crit_edit_json_and_blobs(struct crit_image *img, struct crit_place place, const char *text,
			     size_t len, struct crit_blob *blobs, size_t n_blobs,
			     struct crit_edit *edit, struct crit_error *err)
{
	struct crit_contents c = {0};
	struct crit_entry e;
	int ret;

	ret = crit_image_at(img, place, &e, err);
	if (ret < 0)
		return ret;
	ret = crit_contents_parse(img, place, e.type, text, len, &c, err);
	if (ret == 0) {
		crit_contents_take(&c, blobs, n_blobs);
		ret = keep_blobs(img, &e, &c, err);
	}
	if (ret == 0)
		ret = crit_contents_count(&e, &c, err);
	if (ret == 0 && !same_contents(img, place, &e, &c))
		ret = crit_contents_replace(img, place, &e, &c, edit, err);
	crit_contents_fini(&c);
	return ret;
}

int crit_edit_json(struct crit_image *img, struct crit_place place, const char *text,
		   size_t len, struct crit_edit *edit, struct crit_error *err)
{
	return crit_edit_json_and_blobs(img, place, text, len, NULL, 0, edit, err);
}

#define COMPARE_AT_ONCE ((size_t)64 << 10) /* bytes */

/* Are the file's bytes at `off` those of the piece? Unreadable is different. */
static bool same_bytes(const struct crit_file *file, uint64_t off,
		       const struct crit_piece *piece)
{
	uint8_t *ours = malloc(2 * COMPARE_AT_ONCE), *theirs = ours + COMPARE_AT_ONCE;
	bool same = ours != NULL;
	uint64_t done;
	size_t n;

	for (done = 0; same && done < piece->len; done += n) {
		n = piece->len - done < COMPARE_AT_ONCE ? (size_t)(piece->len - done)
							: COMPARE_AT_ONCE;
		same = crit_file_read(file, ours, n, off + done) == 0;
		if (!same)
			break;
		if (piece->fd >= 0)
			same = crit_pread_full(piece->fd, theirs, n, piece->off + done) == 0;
		else if (piece->data)
			memcpy(theirs, piece->data + done, n);
		else
			memset(theirs, 0, n);
		same = same && !memcmp(ours, theirs, n);
	}
	free(ours);
	return same;
}

bool crit_blob_same(const struct crit_file *file, struct crit_span span,
		    const struct crit_piece *source, size_t n_source)
{
	uint64_t off = span.off;
	size_t i;

	if (crit_pieces_len(source, n_source) != span.len)
		return false;
	for (i = 0; i < n_source; i++) {
		/* what was never written over is the file's own */
		if ((source[i].fd != file->fd || source[i].off != file->base + off) &&
		    !same_bytes(file, off, &source[i]))
			return false;
		off += source[i].len;
	}
	return true;
}

static int find_blob(const struct crit_entry *e, enum crit_part part)
{
	unsigned i;

	for (i = 0; i < e->n_blobs; i++)
		if (e->part[i] == part)
			return (int)i;
	return -1;
}

int crit_edit_blob(struct crit_image *img, struct crit_place place, enum crit_part part,
		   const struct crit_piece *source, size_t n_source, struct crit_edit *edit,
		   struct crit_error *err)
{
	struct crit_blob blob = {.part = part, .source = source, .n_source = n_source};
	struct crit_contents c = {0};
	const uint8_t *message;
	struct crit_entry e;
	int ret;

	ret = crit_image_at(img, place, &e, err);
	if (ret < 0)
		return ret;
	if (find_blob(&e, part) < 0)
		return crit_fail_errno(err, ENOENT, "the entry has no such part");
	message = crit_image_bytes(img, e.message, err);
	if (!message)
		return -EIO;
	crit_buf_add(&c.message, message, e.message.len);
	ret = c.message.error ? crit_edit_no_memory(err) : crit_contents_rule(img, place, &c);
	if (ret == 0) {
		crit_contents_take(&c, &blob, 1);
		ret = crit_contents_count(&e, &c, err);
	}
	if (ret == 0)
		ret = crit_contents_replace(img, place, &e, &c, edit, err);
	crit_contents_fini(&c);
	return ret;
}

int crit_edit_sems(struct crit_image *img, struct crit_place place, const char *text,
		   size_t len, struct crit_edit *edit, struct crit_error *err)
{
	struct crit_piece piece;
	struct crit_entry e;
	int ret, i;

	ret = crit_sems_parse(img, text, len, &edit->values, err);
	if (ret < 0)
		return ret;
	piece = (struct crit_piece){
		.fd = -1, .data = edit->values.data, .len = edit->values.len};
	ret = crit_image_at(img, place, &e, err);
	if (ret < 0)
		return ret;
	i = find_blob(&e, CRIT_PART_SEMS);
	if (i >= 0 && crit_blob_same(crit_image_file(img), e.blob[i], &piece, 1))
		return 0;
	return crit_edit_blob(img, place, CRIT_PART_SEMS, &piece, 1, edit, err);
}
