/*
 * Renaming: scratch files onto entries, which commits them; entries to scratch
 * names, as editors make their backups; plain files in the dump.
 */
#include "fs/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "decoder/commit.h"
#include "fs/change.h"
#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/ids.h"
#include "fs/jobs.h"
#include "fs/scratch.h"
#include "fs/special.h"
#include "fs/tree.h"

/* A scratch file, or an entry's file that becomes one, takes a scratch name. */
static int take_scratch_name(struct cfs *fs, const struct cfs_place *place,
			     struct cfs_node *node, const char *name)
{
	struct cfs_node *other = cfs_change_scratch_at(fs, place, name);
	int ret = cfs_scratch_check_name(name);

	if (ret < 0 || other == node)
		return ret;
	if (other)
		cfs_change_remove_scratch(fs, other);
	if (node->scratch)
		node->scratch->ours = false; /* it has a name of the user's now */
	return cfs_node_rename(&fs->nodes, node, place->id, name);
}

/* Whoever has the file open for writing has the scratch file open now. */
static void take_handles(struct cfs *fs, struct cfs_node *node)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h) {
		if (h->ino != node->id || h->kind != CFS_HANDLE_ENTRY || !h->writable)
			continue;
		h->kind = CFS_HANDLE_SCRATCH;
		if (!h->node) {
			h->node = node;
			cfs_node_ref(node);
		}
		if (!h->dirty)
			continue;
		cfs_draft_put(node->scratch->contents);
		node->scratch->contents = cfs_draft_get(h->draft);
	}
}

/* What an entry's file says now, as a scratch file. */
static struct cfs_scratch *scratch_of_entry(struct cfs *fs, const struct cfs_ref *ref, int *ret)
{
	struct cfs_object o = {.is_entry = true, .ref = *ref};
	struct cfs_scratch *s;
	struct stat st;
	double timeout;

	*ret = cfs_attr(fs, 0, &o, &st, &timeout);
	if (*ret < 0)
		return NULL;
	s = cfs_scratch_new(&fs->store, st.st_mode, st.st_uid, st.st_gid);
	if (!s) {
		*ret = -ENOMEM;
		return NULL;
	}
	cfs_draft_put(s->contents);
	s->contents = cfs_entry_draft(fs, ref, ret);
	s->mtime = s->ctime = s->atime = st.st_mtim;
	if (*ret == 0)
		return s;
	cfs_scratch_free(s);
	return NULL;
}

/* The node of an entry's file; one with a computed id gets it now. */
static struct cfs_node *entry_node(struct cfs *fs, const struct cfs_place *place,
				   const char *name, const struct cfs_ref *ref)
{
	uint64_t id = cfs_id_of(ref->image->number, ref->place.n, ref->part);
	struct cfs_node *node = cfs_node_by_name(&fs->nodes, place->id, name);

	if (node)
		return node;
	if (cfs_node_by_id(&fs->nodes, id))
		id = 0; /* what had it went elsewhere long ago */
	node = cfs_node_new(&fs->nodes, id, CFS_ENTRY, NULL, place->id, name);
	if (!node)
		return NULL;
	node->forever = id != 0;
	node->ref = *ref;
	return node;
}

/*
 * An entry's file is renamed away, as editors do to keep a backup: it becomes a
 * scratch file with what it says; neither image nor extras change. Nothing is
 * lost if it ends here: the entry is still in the image.
 */
static int vacate(struct cfs *fs, const struct cfs_place *place, const char *name,
		  const struct cfs_ref *ref, const char *new_name)
{
	struct cfs_scratch *s;
	struct cfs_node *node;
	int ret;

	if (cfs_part_is_raw(ref->part) || ref->part == CRIT_PART_MSGS)
		return -EPERM;
	ret = cfs_entry_find(fs, ref, NULL);
	if (ret < 0)
		return ret;
	node = entry_node(fs, place, name, ref);
	s = node ? scratch_of_entry(fs, ref, &ret) : NULL;
	if (!s)
		return node ? ret : -ENOMEM;
	ret = cfs_image_vacate(ref->image, ref, node);
	if (ret == 0)
		ret = take_scratch_name(fs, place, node, new_name);
	if (ret < 0) {
		cfs_image_release(ref->image, node);
		cfs_scratch_free(s);
		return ret;
	}
	node->kind = CFS_SCRATCH;
	node->ref = *ref;
	node->scratch = s;
	take_handles(fs, node);
	return 0;
}

static int rename_in_image(struct cfs *fs, fuse_req_t req, const struct cfs_place *place,
			   const char *name, const char *new_name, unsigned flags)
{
	struct cfs_node *node = cfs_change_scratch_at(fs, place, name);
	struct cfs_ref from, to;
	bool onto_entry = cfs_place_ref(place, new_name, &to);
	struct fuse_entry_param e;
	int ret;

	if ((flags & RENAME_NOREPLACE) && cfs_tree_lookup(fs, place, new_name, &e) == 0)
		return -EEXIST;
	if (!node) {
		if (!cfs_place_ref(place, name, &from))
			return -ENOENT;
		if (onto_entry)
			return -EPERM; /* entries can't be moved yet */
		return vacate(fs, place, name, &from, new_name);
	}
	if (!onto_entry)
		return take_scratch_name(fs, place, node, new_name);
	if (node->scratch->target || cfs_part_is_raw(to.part) || to.part == CRIT_PART_MSGS)
		return -EPERM;
	ret = cfs_entry_find(fs, &to, NULL);
	if (ret == -ENOENT)
		ret = cfs_image_vacant(to.image, &to) ? 0 : -EPERM; /* can't be added yet */
	if (ret < 0)
		return ret;
	cfs_job_rename(fs, req, node, &to, place->id, new_name);
	return 1; /* answered when it is committed */
}

static int rename_plain(struct cfs *fs, const struct cfs_place *from, const char *name,
			const struct cfs_place *to, const char *new_name, unsigned flags)
{
	struct cfs_node *a = from->object.node, *b = to->object.node, *node;
	int ret;

	ret = cfs_change_check_plain(new_name);
	if (ret == 0)
		ret = strcmp(name, CFS_SPECIAL_NAME) && !crit_commit_is_temporary(name)
			      ? 0
			      : -EPERM;
	if (ret < 0)
		return ret;
	if (cfs_change_is_image(fs, a, name) || cfs_change_is_image(fs, b, new_name))
		return -EPERM;
	if (renameat2(a->dirfd, name, b->dirfd, new_name, flags) < 0)
		return -errno;
	node = cfs_node_by_name(&fs->nodes, to->id, new_name);
	if (node)
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	node = cfs_node_by_name(&fs->nodes, from->id, name);
	if (node && cfs_node_rename(&fs->nodes, node, to->id, new_name) < 0)
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	if (node && node->parent != b) {
		cfs_node_ref(b);
		cfs_node_unref(&fs->nodes, node->parent);
		node->parent = b;
	}
	return 0;
}

static int do_rename(struct cfs *fs, fuse_req_t req, fuse_ino_t parent, const char *name,
		     fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	struct cfs_place from, to;
	int ret;

	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	ret = cfs_place_find(fs, parent, &from);
	if (ret == 0)
		ret = cfs_place_find(fs, new_parent, &to);
	if (ret < 0)
		return ret;
	if (from.kind == CFS_IN_SPECIAL || to.kind == CFS_IN_SPECIAL)
		return -EROFS;
	if (from.kind == CFS_IN_DUMP && to.kind == CFS_IN_DUMP)
		return rename_plain(fs, &from, name, &to, new_name, flags);
	if (parent != new_parent)
		return -EXDEV; /* mv copies then */
	return rename_in_image(fs, req, &from, name, new_name, flags);
}

void cfs_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		   const char *new_name, unsigned flags)
{
	struct cfs *fs = fuse_req_userdata(req);
	int ret;

	cfs_lock(fs);
	ret = do_rename(fs, req, parent, name, new_parent, new_name, flags);
	if (ret <= 0)
		fuse_reply_err(req, -ret);
	cfs_unlock(fs);
}
