/*
 * Entry files. Nothing is kept between calls: texts are made when asked for.
 */
#include "fs/entry.h"

#include <errno.h>

#include "fs/draft.h"
#include "fs/ids.h"

#define TEXT_KEPT ((size_t)1 << 20) /* bytes of the render buffer kept between uses */

int cfs_entry_parts(struct cfs_image *image, struct crit_place place,
		    unsigned parts[CFS_PARTS_MAX], struct crit_error *err)
{
	struct cfs_ref ref = {.image = image, .place = place};
	struct crit_entry e;
	int n = 0, ret;
	unsigned i;

	ret = crit_image_at(image->open, place, &e, err);
	if (ret < 0)
		return ret;
	for (i = 0; i < e.n_blobs; i++)
		parts[n++] = e.part[i];
	ret = crit_image_decodes(image->open, &e, err);
	if (ret < 0)
		return ret;
	parts[n++] = ret ? CRIT_PART_JSON : CRIT_PART_RAW;
	if (!image->n_vacant)
		return n;
	for (ret = 0, i = 0; i < (unsigned)n; i++) {
		ref.part = parts[i];
		if (!cfs_image_vacant(image, &ref))
			parts[ret++] = parts[i];
	}
	return ret;
}

/* The entry and, for a blob, which one of them. */
static int find(struct cfs *fs, const struct cfs_ref *ref, struct crit_entry *e, unsigned *blob,
		struct crit_error *err)
{
	int ret = cfs_image_open(fs, ref->image, err);

	if (ret < 0)
		return ret;
	if (ref->part == CFS_PART_TAIL)
		return 0;
	ret = crit_image_at(ref->image->open, ref->place, e, err);
	if (ret < 0)
		return ret;
	for (*blob = 0; *blob < e->n_blobs; ++*blob)
		if (e->part[*blob] == ref->part)
			return 0;
	if (ref->part != CRIT_PART_JSON && ref->part != CRIT_PART_RAW)
		return -ENOENT;
	return 0;
}

int cfs_entry_find(struct cfs *fs, const struct cfs_ref *ref, struct crit_error *err)
{
	struct crit_span tail;
	struct crit_entry e;
	unsigned blob;
	int ret;

	ret = find(fs, ref, &e, &blob, err);
	if (ret < 0)
		return ret;
	if (cfs_image_vacant(ref->image, ref))
		return -ENOENT;
	if (ref->part == CFS_PART_TAIL) {
		ret = crit_image_tail(ref->image->open, &tail, err);
		return ret < 0 ? ret : tail.len ? 0 : -ENOENT;
	}
	if (ref->part != CRIT_PART_JSON && ref->part != CRIT_PART_RAW)
		return 0;
	ret = crit_image_decodes(ref->image->open, &e, err);
	if (ret < 0)
		return ret;
	return ret == (ref->part == CRIT_PART_JSON) ? 0 : -ENOENT;
}

int cfs_entry_span(struct cfs *fs, const struct cfs_ref *ref, struct crit_span *span,
		   struct crit_error *err)
{
	struct crit_entry e;
	unsigned blob;
	int ret;

	ret = find(fs, ref, &e, &blob, err);
	if (ret < 0)
		return ret;
	if (ref->part == CFS_PART_TAIL)
		return crit_image_tail(ref->image->open, span, err);
	*span = ref->part == CRIT_PART_RAW ? e.message : e.blob[blob];
	return 0;
}

int cfs_entry_text(struct cfs *fs, const struct cfs_ref *ref, struct crit_buf *out,
		   struct crit_error *err)
{
	struct crit_entry e;
	unsigned blob;
	int ret;

	ret = find(fs, ref, &e, &blob, err);
	if (ret < 0)
		return ret;
	if (ref->part == CRIT_PART_SEMS)
		return crit_image_print_sems(ref->image->open, e.blob[blob], out, err);
	ret = crit_image_print(ref->image->open, &e, fs->opt.plain, out, err);
	return ret == -EBADMSG ? -ENOENT : ret; /* it is an N.raw now */
}

int cfs_entry_size(struct cfs *fs, const struct cfs_ref *ref, uint64_t *size,
		   struct crit_error *err)
{
	struct crit_span span;
	int ret;

	if (cfs_part_is_text(ref->part)) {
		crit_buf_reset(&fs->text);
		ret = cfs_entry_text(fs, ref, &fs->text, err);
		*size = fs->text.len;
		if (fs->text.cap > TEXT_KEPT)
			crit_buf_trim(&fs->text, TEXT_KEPT);
		return ret;
	}
	ret = cfs_entry_span(fs, ref, &span, err);
	*size = span.len;
	return ret;
}

struct cfs_draft *cfs_entry_draft(struct cfs *fs, const struct cfs_ref *ref, int *ret)
{
	struct cfs_draft *d = NULL;
	struct crit_span span;

	if (cfs_part_is_text(ref->part)) {
		crit_buf_reset(&fs->text);
		*ret = cfs_entry_text(fs, ref, &fs->text, NULL);
		if (*ret == 0)
			d = cfs_draft_of_text(&fs->store, fs->text.data, fs->text.len);
	} else {
		*ret = cfs_entry_span(fs, ref, &span, NULL);
		if (*ret == 0)
			d = cfs_draft_of_span(&fs->store, crit_image_file(ref->image->open),
					      span);
	}
	if (*ret == 0 && !d)
		*ret = -ENOMEM;
	return d;
}
