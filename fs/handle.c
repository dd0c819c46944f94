/*
 * Open files and directories.
 */
#include "fs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <utlist.h>

#include "decoder/document.h"
#include "fs/document.h"
#include "fs/entry.h"
#include "fs/procfile.h"
#include "fs/scratch.h"
#include "fs/snapshot.h"

struct cfs_handle *cfs_handle_new(struct cfs *fs, enum cfs_handle_kind kind, uint64_t ino,
				  struct cfs_node *node)
{
	struct cfs_handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->kind = kind;
	h->refs = 1;
	h->ino = ino;
	h->node = node;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &h->since);
	if (node)
		cfs_node_ref(node);
	DL_APPEND(fs->handles, h);
	return h;
}

void cfs_handle_ref(struct cfs_handle *h)
{
	h->refs++;
}

void cfs_handle_unref(struct cfs *fs, struct cfs_handle *h)
{
	if (--h->refs)
		return;
	DL_DELETE(fs->handles, h);
	if (h->kind == CFS_HANDLE_PASSED && !h->flushed)
		h->node->writers--;
	cfs_draft_put(h->draft);
	crit_buf_fini(&h->text);
	crit_document_free(h->document);
	crit_file_put(h->file);
	cfs_names_free(h->names);
	cfs_procfile_close(fs, h->proc);
	cfs_node_unref(&fs->nodes, h->node);
	free(h);
}

void cfs_handle_set_access(struct cfs_handle *h, const struct fuse_file_info *fi)
{
	h->readable = (fi->flags & O_ACCMODE) != O_WRONLY;
	h->writable = (fi->flags & O_ACCMODE) != O_RDONLY;
	h->append = fi->flags & O_APPEND;
	h->truncated = h->writable && (fi->flags & O_TRUNC);
}

void cfs_handle_give(struct cfs_handle *h, struct fuse_file_info *fi)
{
	fi->fh = (uintptr_t)h;
	/* there is nothing to hear of a close that wrote nothing */
	fi->noflush = !h->writable;
}

static bool same_entry(const struct cfs_ref *a, const struct cfs_ref *b)
{
	return a->image == b->image && a->place.n == b->place.n && a->place.m == b->place.m;
}

struct cfs_readers cfs_handle_readers(struct cfs *fs, uint64_t ino)
{
	struct cfs_readers readers = {0};
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h) {
		if (h->kind != CFS_HANDLE_ENTRY || h->ino != ino)
			continue;
		readers.any = true;
		readers.writers |= h->writable;
		readers.cached |= h->cached;
		/* an empty text is nothing yet */
		if (h->cached && h->draft &&
		    (cfs_draft_size(h->draft) || !cfs_part_is_text(h->ref.part)))
			readers.mapped = h;
	}
	return readers;
}

bool cfs_handle_has_writer(struct cfs *fs, const struct cfs_ref *ref)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h)
		if (h->kind == CFS_HANDLE_ENTRY && h->writable && h->ref.image == ref->image &&
		    cfs_ref_same(&h->ref, ref))
			return true;
	return false;
}

void cfs_handle_mark_stale(struct cfs *fs, const struct cfs_ref *ref)
{
	struct cfs_ref json = *ref;
	struct cfs_handle *h;

	/* an N.json says how long the extras are, so it goes with each of them */
	json.part = CRIT_PART_JSON;
	DL_FOREACH(fs->handles, h)
		if (h->kind == CFS_HANDLE_ENTRY && same_entry(&h->ref, ref) &&
		    (h->ref.part == ref->part || h->ref.part == CRIT_PART_JSON))
			h->stale = true;
	cfs_entry_renew(fs, ref);
	if (ref->part != CFS_PART_DOCUMENT)
		cfs_entry_renew(fs, &json);
}

void cfs_handle_mark_image(struct cfs *fs, const struct cfs_image *image)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h)
		if (h->kind == CFS_HANDLE_ENTRY && h->ref.image == image)
			h->stale = true;
}

void cfs_handle_renumber(struct cfs *fs, const struct cfs_image *image, uint64_t generation)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h)
		if (h->kind == CFS_HANDLE_ENTRY && h->ref.part == CFS_PART_DOCUMENT &&
		    h->ref.image == image && h->generation == generation)
			h->generation = image->generation;
}

struct cfs_handle *cfs_handle_of_entry(struct cfs *fs, uint64_t ino)
{
	struct cfs_handle *h, *found = NULL;

	DL_FOREACH(fs->handles, h) {
		if (h->kind != CFS_HANDLE_ENTRY || h->ino != ino)
			continue;
		if (h->cached)
			return h;
		/* who only reads is told what he reads */
		if (!found || found->writable)
			found = h;
	}
	return found;
}

/* Is the handle's file the one of `ref`, or one of its entry, or of its queue? */
static bool belongs_to(const struct cfs_handle *h, const struct cfs_ref *ref, bool whole)
{
	if (h->kind != CFS_HANDLE_ENTRY || h->ref.image != ref->image ||
	    h->ref.place.n != ref->place.n)
		return false;
	if (ref->place.m != CRIT_NO_MSG && h->ref.place.m != ref->place.m)
		return false;
	return whole || (h->ref.part == ref->part && h->ref.place.m == ref->place.m);
}

void cfs_handle_remove(struct cfs *fs, const struct cfs_ref *ref, bool whole)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h)
		if (belongs_to(h, ref, whole))
			h->gone = h->stale = true;
}

void cfs_handle_move(struct cfs *fs, const struct cfs_ref *from, const struct cfs_ref *to)
{
	bool whole = from->part == CRIT_PART_JSON;
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h) {
		if (h->gone || !belongs_to(h, from, whole))
			continue;
		h->ref.place.n = to->place.n;
		if (to->place.m != CRIT_NO_MSG)
			h->ref.place.m = to->place.m;
		if (!whole)
			h->ref.part = to->part;
	}
}

uint64_t cfs_handle_size(const struct cfs_handle *h)
{
	if (h->draft)
		return cfs_draft_size(h->draft);
	if (h->document)
		return h->document_size;
	return h->file ? h->span.len : h->text.len;
}

struct cfs_handle *cfs_handle_of_passed(struct cfs *fs, const struct cfs_node *node)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h)
		if (h->node == node && h->kind == CFS_HANDLE_PASSED)
			return h;
	return NULL;
}

bool cfs_handle_draft_is_slow(const struct cfs_handle *h)
{
	return h->kind == CFS_HANDLE_ENTRY && h->document && !h->draft;
}

bool cfs_handle_is_intact(const struct cfs_handle *h)
{
	const struct cfs_image *image = h->ref.image;
	struct stat st;

	return crit_file_stat(h->file, &st) == 0 &&
	       (crit_bytes_same(&st, &h->file->st) ||
		(h->generation == image->generation && crit_bytes_same(&st, &image->st)));
}

int cfs_handle_own_draft(struct cfs *fs, struct cfs_handle *h)
{
	int ret = -ENOMEM;

	if (h->draft)
		return cfs_draft_own(&h->draft);
	if (h->document)
		h->draft = cfs_document_draft(fs, h->ref.image, h->file, &ret);
	else if (h->file)
		h->draft = cfs_draft_of_span(&fs->store, h->file, h->span);
	else
		h->draft = cfs_draft_of_text(&fs->store, h->text.data, h->text.len);
	return h->draft ? 0 : ret;
}

void cfs_handle_fell_short(struct cfs_handle *h, uint64_t off, int ret)
{
	if (h->kind != CFS_HANDLE_ENTRY || (h->short_of && h->short_from <= off))
		return;
	h->short_of = ret;
	h->short_from = off;
}

void cfs_handle_drafted(struct cfs_handle *h, uint64_t off)
{
	h->dirty = true;
	h->refused = 0;
	if (off <= h->short_from)
		h->short_of = 0;
	clock_gettime(CLOCK_REALTIME, &h->mtime);
}
