/*
 * Entry files. Nothing is kept between calls: texts are made when asked for.
 */
#include "fs/entry.h"

#include <errno.h>

#include "decoder/sems.h"
#include "fs/document.h"
#include "fs/draft.h"
#include "fs/ids.h"
#include "fs/names.h"
#include "fs/promise.h"

#define TEXT_KEPT ((size_t)1 << 20) /* bytes of the render buffer kept between uses */

/* The entry, or message, that the image has for a slot. 0, -ENOENT, -errno. */
static int entry_at(struct cfs_image *image, struct crit_place slot, struct crit_entry *e,
		    struct crit_error *err)
{
	struct crit_place at;

	if (!cfs_layout_find(&image->layout, slot, &at))
		return -ENOENT;
	return crit_image_at(image->open, at, e, err);
}

int cfs_entry_parts(struct cfs *fs, struct cfs_image *image, struct crit_place place,
		    bool sized, unsigned parts[CFS_PARTS_MAX], struct crit_error *err)
{
	struct cfs_ref ref = {.image = image, .place = place};
	uint64_t size;
	struct crit_entry e;
	unsigned i, n = 0, shown = 0;
	int ret;

	ret = entry_at(image, place, &e, err);
	if (ret < 0)
		return ret;
	for (i = 0; i < e.n_blobs; i++)
		parts[n++] = e.part[i];
	if (sized) /* what has a text decodes: one walk instead of two */
		crit_image_print_size(image->open, &e, fs->opt.plain, &size, NULL);
	ret = crit_image_decodes(image->open, &e, err);
	if (ret < 0)
		return ret;
	parts[n++] = ret ? CRIT_PART_JSON : CRIT_PART_RAW;
	for (i = 0; i < n; i++) {
		ref.part = parts[i];
		if (!cfs_layout_hides(&image->layout, &ref))
			parts[shown++] = parts[i];
	}
	return (int)shown;
}

int cfs_entry_at(struct cfs_image *image, struct crit_place slot, struct crit_place *at,
		 struct crit_error *err)
{
	struct crit_entry e;
	int ret;

	/* slots that nobody has counted yet are all taken */
	if (!cfs_layout_find(&image->layout, slot, at))
		return 0;
	ret = crit_image_at(image->open, *at, &e, err);
	return ret == -ENOENT ? 0 : ret < 0 ? ret : 1;
}

int cfs_entry_load(struct cfs *fs, const struct cfs_ref *ref, struct crit_entry *e,
		   struct crit_error *err)
{
	int ret = cfs_image_open(fs, ref->image, err);

	return ret < 0 ? ret : entry_at(ref->image, ref->place, e, err);
}

/* The entry and, for a blob, which one of them. */
static int find(struct cfs *fs, const struct cfs_ref *ref, struct crit_entry *e, unsigned *blob,
		struct crit_error *err)
{
	int ret;

	*blob = 0;
	if (ref->part == CFS_PART_TAIL || ref->part == CFS_PART_DOCUMENT)
		return cfs_image_open(fs, ref->image, err);
	ret = cfs_entry_load(fs, ref, e, err);
	if (ret < 0)
		return ret;
	for (; *blob < e->n_blobs; ++*blob)
		if (e->part[*blob] == ref->part)
			return 0;
	if (ref->part != CRIT_PART_JSON && ref->part != CRIT_PART_RAW)
		return -ENOENT;
	return 0;
}

int cfs_entry_has(struct cfs *fs, const struct cfs_ref *ref)
{
	struct crit_entry e;
	unsigned blob;
	int ret = find(fs, ref, &e, &blob, NULL);

	return ret == -ENOENT ? 0 : ret < 0 ? ret : 1;
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
	if (cfs_layout_hides(&ref->image->layout, ref))
		return -ENOENT;
	if (ref->part == CFS_PART_DOCUMENT)
		return 0;
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
		return crit_sems_print(ref->image->open, e.blob[blob], out, err);
	ret = crit_image_print(ref->image->open, &e, fs->opt.plain, out, err);
	return ret == -EBADMSG ? -ENOENT : ret; /* it is an N.raw now */
}

/* The length of an N.json, which is not made for that. */
static int json_size(struct cfs *fs, const struct cfs_ref *ref, uint64_t *size,
		     struct crit_error *err)
{
	struct crit_entry e;
	unsigned blob;
	int ret;

	ret = find(fs, ref, &e, &blob, err);
	if (ret < 0)
		return ret;
	ret = crit_image_print_size(ref->image->open, &e, fs->opt.plain, size, err);
	return ret == -EBADMSG ? -ENOENT : ret;
}

int cfs_entry_size(struct cfs *fs, const struct cfs_ref *ref, uint64_t *size,
		   struct crit_error *err)
{
	struct crit_span span;
	int ret;

	if (ref->part == CFS_PART_DOCUMENT) {
		ret = cfs_image_open(fs, ref->image, err);
		return ret < 0 ? ret : cfs_document_size(fs, ref->image, size, err);
	}
	if (ref->part == CRIT_PART_JSON)
		return json_size(fs, ref, size, err);
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

	if (ref->part == CFS_PART_DOCUMENT) {
		*ret = cfs_image_open(fs, ref->image, NULL);
		return *ret < 0 ? NULL
				: cfs_document_draft(fs, ref->image,
						     crit_image_file(ref->image->open), ret);
	}
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

uint64_t cfs_entry_id(const struct cfs_ref *ref)
{
	if (ref->place.m != CRIT_NO_MSG ||
	    cfs_layout_is_retired(&ref->image->layout, ref->place.n, ref->part))
		return 0;
	return cfs_id_of(ref->image->serial, ref->place.n, ref->part);
}

void cfs_entry_renew(struct cfs *fs, const struct cfs_ref *ref)
{
	char name[CFS_NAME_SIZE];
	struct cfs_node *node;

	cfs_entry_name(ref, name);
	node = cfs_node_by_name(&fs->nodes, cfs_entry_container(ref), name);
	if (node && node->kind == CFS_ENTRY) {
		cfs_node_become(&fs->nodes, node, CFS_OLD);
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	}
	if (ref->place.m == CRIT_NO_MSG) {
		cfs_layout_retire(&ref->image->layout, ref->place.n, ref->part);
	} else { /* which says how many messages there are */
		const struct cfs_ref queue = {
			ref->image, {ref->place.n, CRIT_NO_MSG}, CRIT_PART_JSON};

		cfs_entry_renew(fs, &queue);
	}
}

int cfs_entry_contend(struct cfs *fs, const struct cfs_ref *ref)
{
	char name[CFS_NAME_SIZE];
	struct cfs_node *node;

	cfs_entry_name(ref, name);
	node = cfs_node_by_name(&fs->nodes, cfs_entry_container(ref), name);
	cfs_promise_withdraw(fs, ref, node ? node->id : cfs_entry_id(ref));
	cfs_entry_renew(fs, ref);
	cfs_promise_pause(ref->image);
	cfs_layout_contend(&ref->image->layout, ref, fs->asker);
	return -ESTALE;
}

uint64_t cfs_entry_queue(const struct cfs_ref *ref)
{
	return cfs_id_of(ref->image->number, ref->place.n, CRIT_PART_MSGS);
}

uint64_t cfs_entry_container(const struct cfs_ref *ref)
{
	const struct cfs_node *documents = ref->image->node->parent->documents;

	if (ref->part == CFS_PART_DOCUMENT)
		return documents ? documents->id : 0; /* if nobody looked, none is known */
	if (ref->place.m == CRIT_NO_MSG)
		return ref->image->node->id;
	return cfs_entry_queue(ref);
}

void cfs_entry_name(const struct cfs_ref *ref, char *name)
{
	bool msg = ref->place.m != CRIT_NO_MSG;

	if (ref->part == CFS_PART_DOCUMENT)
		cfs_document_name(ref->image, name);
	else
		cfs_name_format(name, msg ? ref->place.m : ref->place.n, ref->part);
}
