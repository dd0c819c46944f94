/*
 * From drafts to the dump.
 */
#include "fs/commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "decoder/commit.h"
#include "fs/entry.h"
#include "fs/refusal.h"

static int prepare_text(const struct cfs_ref *ref, const struct cfs_draft *d,
			struct crit_edit *edit, struct crit_error *err)
{
	struct crit_image *img = ref->image->open;
	struct crit_buf text = {0};
	int ret;

	ret = cfs_draft_text(d, &text);
	if (ret < 0)
		ret = crit_fail_errno(err, -ret, "can't read what was written");
	else if (ref->part == CRIT_PART_SEMS)
		ret = crit_edit_sems(img, ref->place, (char *)text.data, text.len, edit, err);
	else
		ret = crit_edit_json(img, ref->place, (char *)text.data, text.len, edit, err);
	crit_buf_fini(&text);
	return ret;
}

static int prepare_blob(const struct cfs_ref *ref, const struct crit_piece *pieces, size_t n,
			struct crit_edit *edit, struct crit_error *err)
{
	if (cfs_part_is_raw(ref->part))
		return crit_fail_errno(err, EPERM, "what can't be decoded can't be edited");
	return crit_edit_blob(ref->image->open, ref->place, ref->part, pieces, n, edit, err);
}

/* The image as the draft's owner saw it, or not at all. */
static int open_same(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
		     struct crit_error *err)
{
	int ret = cfs_image_open(fs, ref->image, err);

	if (ret == 0 && ref->image->generation != generation)
		ret = crit_fail(err, CRIT_CHANGED, "the image was changed underneath");
	return ret;
}

/* Is a blob what it was? Large ones take long to compare, so without the lock. */
static bool blob_unchanged(struct cfs *fs, const struct cfs_ref *ref,
			   const struct crit_piece *pieces, size_t n)
{
	struct crit_file *file;
	struct crit_span span;
	bool same;

	if (cfs_entry_span(fs, ref, &span, NULL) < 0)
		return false;
	file = crit_file_get(crit_image_file(ref->image->open));
	cfs_unlock(fs);
	same = crit_blob_same(file->fd, span, pieces, n);
	cfs_lock(fs);
	crit_file_put(file);
	return same;
}

/* The parts whose contents or counted lengths the edit changed got new times. */
static void touch(const struct cfs_ref *ref)
{
	struct cfs_ref other = *ref;

	cfs_image_touch(ref->image, ref);
	if (ref->part == CRIT_PART_JSON)
		return;
	other.part = CRIT_PART_JSON;
	cfs_image_touch(ref->image, &other);
}

/* Write the edit; the lock is dropped meanwhile, `writing` keeps the image as it is. */
static int write_edit(struct cfs *fs, const struct cfs_ref *ref, const struct crit_edit *edit,
		      bool sync_dir, struct crit_error *err)
{
	struct cfs_image *image = ref->image;
	struct crit_file *old = crit_file_get(crit_image_file(image->open)), *file;
	const struct cfs_node *node = image->node;
	char *name = strdup(cfs_node_name(node));
	int dirfd = node->parent->dirfd, ret;

	if (!name) {
		crit_file_put(old);
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for the edit");
	}
	image->writing = true;
	cfs_unlock(fs);
	ret = crit_commit(dirfd, name, old, edit, sync_dir, &file, err);
	/*
	 * The image directory's time and size have changed. Only its attributes are
	 * dropped (-1), and directories have no pages, so this waits for nobody.
	 */
	fuse_lowlevel_notify_inval_inode(fs->session, node->id, -1, 0);
	cfs_lock(fs);
	image->writing = false;
	if (file) {
		cfs_image_committed(image, file, edit);
		crit_file_put(file);
		touch(ref);
		cfs_handle_mark_stale(fs, ref);
	}
	crit_file_put(old);
	free(name);
	return ret;
}

static int commit_text(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
		       const struct cfs_draft *d, bool sync_dir, struct crit_error *err)
{
	struct crit_edit edit = {0};
	int ret;

	ret = open_same(fs, ref, generation, err);
	if (ret == 0)
		ret = prepare_text(ref, d, &edit, err);
	if (ret == 0 && edit.changes)
		ret = write_edit(fs, ref, &edit, sync_dir, err);
	crit_edit_fini(&edit);
	return ret;
}

static int commit_blob(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
		       const struct cfs_draft *d, bool sync_dir, struct crit_error *err)
{
	struct crit_piece *pieces = NULL;
	struct crit_edit edit = {0};
	bool same = false;
	size_t n;
	int ret;

	ret = cfs_draft_pieces(d, &pieces, &n);
	if (ret < 0)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for the edit");
	ret = open_same(fs, ref, generation, err);
	if (ret == 0)
		same = blob_unchanged(fs, ref, pieces, n);
	/* again: the lock was dropped */
	if (ret == 0)
		ret = open_same(fs, ref, generation, err);
	if (ret == 0 && !same)
		ret = prepare_blob(ref, pieces, n, &edit, err);
	if (ret == 0 && edit.changes)
		ret = write_edit(fs, ref, &edit, sync_dir, err);
	crit_edit_fini(&edit);
	free(pieces);
	return ret;
}

int cfs_commit(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
	       struct cfs_draft *d, bool sync_dir)
{
	struct crit_error err = {0};
	int ret;

	if (cfs_part_is_text(ref->part))
		ret = commit_text(fs, ref, generation, d, sync_dir, &err);
	else
		ret = commit_blob(fs, ref, generation, d, sync_dir, &err);
	if (ret < 0)
		cfs_refuse(fs, ref, d, &err);
	else
		cfs_refusal_settle(fs, ref);
	return ret;
}

int cfs_commit_handle(struct cfs *fs, struct cfs_handle *h, bool sync)
{
	struct cfs_draft *d;
	int ret;

	if (!h->dirty || h->kind != CFS_HANDLE_ENTRY)
		return h->refused;
	/* a shell flushes what it has just emptied before it writes the new text */
	if (cfs_part_is_text(h->ref.part) && !cfs_draft_size(h->draft))
		return 0;
	/* what is written meanwhile goes to a copy, and is committed next time */
	d = cfs_draft_get(h->draft);
	h->dirty = false;
	ret = cfs_commit(fs, &h->ref, h->generation, d, sync);
	cfs_draft_put(d);
	h->refused = ret;
	return ret;
}

void cfs_commit_all(struct cfs *fs)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h)
		if (h->dirty)
			cfs_commit_handle(fs, h, true);
}
