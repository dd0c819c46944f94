/*
 * Renaming: scratch files onto entries, which commits them; entries to scratch
 * names, as editors make their backups, and to other slots; files of the dump. All
 * of it runs on the worker.
 */
#include "fs/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "decoder/overlay.h"
#include "fs/change.h"
#include "fs/commit.h"
#include "fs/document.h"
#include "fs/entry.h"
#include "fs/jobs.h"
#include "fs/jsondir.h"
#include "fs/passed.h"
#include "fs/pending.h"
#include "fs/refusal.h"
#include "fs/replace.h"
#include "fs/scratch.h"
#include "fs/structure.h"
#include "fs/whole.h"

/* A scratch file, or an entry's file that becomes one, takes a scratch name. */
static int take_scratch_name(struct cfs *fs, const struct cfs_place *place,
			     struct cfs_node *node, const char *name)
{
	struct cfs_node *other = cfs_change_scratch_at(fs, place, name);
	int ret = cfs_scratch_check_name(name);

	if (ret < 0 || other == node)
		return ret;
	if (other)
		ret = cfs_change_remove_scratch(fs, other);
	if (ret < 0)
		return ret;
	if (node->scratch)
		node->scratch->ours = false; /* it has a name of the user's now */
	return cfs_node_rename(&fs->nodes, node, place->id, name);
}

/* Whoever has the file open for writing has the scratch file open now. */
static void take_handles(struct cfs *fs, struct cfs_node *node, const struct cfs_ref *ref)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h) {
		if (h->kind != CFS_HANDLE_ENTRY || !h->writable || h->gone ||
		    h->ref.image != ref->image || !cfs_ref_same(&h->ref, ref))
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
		node->scratch->dirty = true;
	}
}

/* What an entry's file says now, as a scratch file. */
static struct cfs_scratch *scratch_of_entry(struct cfs *fs, const struct cfs_ref *ref, int *ret)
{
	struct cfs_object o = {.is_entry = true, .ref = *ref};
	struct cfs_scratch *s;
	struct stat st;
	double timeout;

	*ret = ref->part == CFS_PART_DOCUMENT ? cfs_document_measure(fs, ref->image) : 0;
	if (*ret == 0)
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

/*
 * An entry's file is renamed away, as editors do to keep a backup: it becomes a
 * scratch file with what it says; neither image nor extras change. Nothing is
 * lost if it ends here: the entry is still in the image.
 */
static int vacate(struct cfs *fs, const struct cfs_place *place, const struct cfs_ref *ref,
		  const char *new_name)
{
	uint64_t generation = ref->image->generation;
	struct cfs_scratch *s;
	struct cfs_node *node;
	int ret;

	if (cfs_part_is_raw(ref->part) || ref->part == CRIT_PART_MSGS)
		return -EPERM;
	ret = cfs_entry_find(fs, ref, NULL);
	if (ret < 0)
		return ret;
	node = cfs_structure_node(fs, ref);
	if (!node)
		return -ENOMEM;
	cfs_node_ref(node); /* the lock may be dropped before it has its scratch file */
	s = scratch_of_entry(fs, ref, &ret);
	if (!s) {
		cfs_node_unref(&fs->nodes, node);
		return ret;
	}
	/* making the text of a document takes long */
	ret = ref->image->generation == generation ? 0 : -EBUSY;
	if (ret == 0)
		ret = cfs_layout_vacate(&ref->image->layout, ref, node);
	if (ret == 0)
		ret = take_scratch_name(fs, place, node, new_name);
	if (ret < 0) {
		cfs_layout_release(&ref->image->layout, node);
		cfs_scratch_free(s);
	} else {
		cfs_node_become(&fs->nodes, node, CFS_SCRATCH);
		node->ref = (struct cfs_ref){.image = ref->image};
		node->scratch = s;
		s->dirty = false;
		take_handles(fs, node, ref);
	}
	cfs_node_unref(&fs->nodes, node);
	return ret;
}

/*
 * A scratch file gets the name of an entry file: what it says is committed, or waits
 * under that name for the entry that it belongs to.
 */
static int rename_onto(struct cfs *fs, const struct cfs_place *place, struct cfs_node *node,
		       const struct cfs_ref *to, const char *name)
{
	struct cfs_scratch *s = node->scratch;
	bool text = cfs_part_is_text(to->part), there;
	bool report = s->ours; /* it is what was refused before */
	struct timespec when = s->mtime;
	struct cfs_draft *d;
	int ret = cfs_pending_check(fs, to);

	if (ret < 0 || to->part == CRIT_PART_MSGS || !S_ISREG(s->mode))
		return ret < 0 ? ret : -EPERM;
	if (cfs_layout_came_from(&to->image->layout, node, to) && !s->dirty &&
	    to->part != CFS_PART_DOCUMENT) { /* whose entries may have changed meanwhile */
		/* back where it was; what was refused meanwhile stays refused */
		cfs_pending_become(fs, node, to, s->contents);
		return 0;
	}
	ret = cfs_entry_has(fs, to);
	if (ret < 0)
		return ret;
	there = ret > 0;
	d = cfs_draft_get(s->contents);
	if (there || (text && cfs_draft_size(d)))
		ret = cfs_commit(fs, to, to->image->generation, d, &when, CRIT_SYNC_FILE);
	else
		ret = 1; /* nothing to say yet, or nowhere to say it */
	if (ret < 0) {   /* if the name was renamed away before, it shows what is committed */
		cfs_layout_fill(&to->image->layout, to);
		if (to->part == CFS_PART_DOCUMENT)
			cfs_layout_set_present(&to->image->layout, to);
	}
	if (ret >= 0 && report)
		cfs_refusal_settle(fs, to);
	if (ret == 0 && node->kind == CFS_SCRATCH) {
		cfs_pending_become(fs, node, to, d);
	} else if (ret > 0 && node->kind == CFS_SCRATCH) {
		ret = take_scratch_name(fs, place, node, name);
		if (ret == 0) {
			cfs_pending_mark(node, to);
			s->accepted = text && cfs_draft_size(d);
			s->dirty = s->contents != d;
		}
	}
	cfs_draft_put(d);
	return ret < 0 ? ret : 0;
}

/* A scratch file gets the name of the document of an image that there is not. */
static int rename_onto_new(struct cfs *fs, const struct cfs_place *place, struct cfs_node *node,
			   const char *name, const char *new_name)
{
	struct cfs_scratch *s = node->scratch;
	struct cfs_ref to = cfs_document_ref(NULL), was = node->ref;
	bool pending = node->pending;
	struct cfs_draft *d;
	int ret;

	if (!S_ISREG(s->mode))
		return -EPERM;
	ret = take_scratch_name(fs, place, node, new_name);
	if (ret < 0)
		return ret;
	cfs_pending_mark(node, &to);
	d = cfs_draft_get(s->contents);
	s->dirty = !cfs_draft_size(d);
	if (!s->dirty) /* else there is nothing to say yet */
		ret = cfs_replace_none(fs, node, d, CRIT_SYNC_FILE, &to);
	if (ret < 0 && node->kind == CFS_SCRATCH && node->pending) {
		take_scratch_name(fs, place, node, name);
		node->pending = pending;
		node->ref = was;
	} else {
		cfs_layout_release(cfs_image_layout(was.image), node);
		if (ret == 0 && to.image && node->kind == CFS_SCRATCH)
			cfs_pending_become(fs, node, &to, d);
	}
	cfs_draft_put(d);
	return ret;
}

/* An extra goes to another entry, or to another part of its own. */
static int move_blob(struct cfs *fs, const struct cfs_place *place, const struct cfs_ref *from,
		     const struct cfs_ref *to, const char *name)
{
	uint64_t generation = from->image->generation;
	struct cfs_node *node, *before;
	struct cfs_draft *d;
	int ret = cfs_pending_check(fs, to);

	if (ret == 0)
		ret = cfs_entry_has(fs, to);
	if (ret < 0)
		return ret;
	node = cfs_structure_node(fs, from);
	if (!node)
		return -ENOMEM;
	if (ret == 0) { /* it waits for its entry, and the image keeps what it is until then */
		ret = vacate(fs, place, from, name);
		if (ret == 0)
			cfs_pending_mark(node, to);
		return ret;
	}
	d = cfs_entry_draft(fs, from, &ret);
	if (!d)
		return ret;
	cfs_node_ref(node);
	ret = cfs_commit(fs, to, generation, d, NULL, CRIT_SYNC_FILE);
	cfs_draft_put(d);
	if (ret < 0) {
		cfs_node_unref(&fs->nodes, node);
		return ret;
	}
	before = cfs_node_by_name(&fs->nodes, place->id, name);
	if (before)
		cfs_node_rename(&fs->nodes, before, 0, NULL);
	node->ref = *to;
	cfs_layout_fill(&to->image->layout, to);
	cfs_layout_set_present(&to->image->layout, to);
	if (cfs_node_rename(&fs->nodes, node, place->id, name) < 0)
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	cfs_node_unref(&fs->nodes, node);
	cfs_handle_move(fs, from, to);
	return cfs_structure_remove(fs, from, generation);
}

static int rename_entry(struct cfs *fs, const struct cfs_place *place,
			const struct cfs_ref *from, const struct cfs_ref *to,
			const char *new_name)
{
	struct cfs_node *other = cfs_change_scratch_at(fs, place, new_name);
	int ret;

	if (from->part != CRIT_PART_JSON || to->part != CRIT_PART_JSON) {
		/* bytes are bytes; what has a meaning of its own keeps it */
		if (from->part >= CRIT_PART_SEMS || to->part >= CRIT_PART_SEMS)
			if (from->part != to->part || from->part != CRIT_PART_SEMS)
				return -EPERM;
		return move_blob(fs, place, from, to, new_name);
	}
	ret = other ? cfs_change_remove_scratch(fs, other) : 0;
	return ret < 0 ? ret : cfs_structure_move(fs, from, to);
}

static int rename_in_image(struct cfs *fs, const struct cfs_place *place, const char *name,
			   const char *new_name, unsigned flags)
{
	struct cfs_node *node = cfs_change_scratch_at(fs, place, name);
	struct cfs_ref from, to;
	bool onto_entry = cfs_place_ref(fs, place, new_name, &to);
	bool onto_new = place->documents && !onto_entry && cfs_jsondir_makes_image(new_name);
	struct fuse_entry_param e;
	int ret;

	if ((flags & RENAME_NOREPLACE) && cfs_tree_lookup(fs, place, new_name, &e) == 0)
		return -EEXIST;
	if (node && S_ISDIR(node->scratch->mode))
		return -EPERM;
	if (node && onto_entry)
		return rename_onto(fs, place, node, &to, new_name);
	if (node && onto_new)
		return rename_onto_new(fs, place, node, name, new_name);
	if (node) {
		ret = take_scratch_name(fs, place, node, new_name);
		if (ret == 0 && node->pending)
			cfs_pending_unmark(node);
		return ret;
	}
	if (!cfs_place_ref(fs, place, name, &from) || cfs_entry_find(fs, &from, NULL) < 0)
		return -ENOENT;
	/* it is a view of its own image; cp makes another image like it */
	if (place->documents && (onto_entry || onto_new))
		return -EPERM;
	return onto_entry ? rename_entry(fs, place, &from, &to, new_name)
			  : vacate(fs, place, &from, new_name);
}

/* What ".." in it leads to is another directory now. */
static void move_directory(struct cfs_node *node)
{
	struct crit_dir *dir;

	if (!node->key || crit_dir_sub(node->parent->dir, cfs_node_name(node), &dir) < 0)
		return; /* the next lookup will see */
	crit_dir_put(node->dir);
	node->dir = dir;
}

static int rename_in_dump(struct cfs *fs, const struct cfs_place *from, const char *name,
			  const struct cfs_place *to, const char *new_name, unsigned flags)
{
	struct cfs_node *a = from->object.node, *b = to->object.node, *node;
	struct cfs_image *image = cfs_change_image_at(fs, a, name);
	int ret = cfs_change_check_name(name);

	if (ret == 0)
		ret = cfs_change_check_name(new_name);
	if (ret < 0)
		return ret;
	if (image)
		return cfs_whole_rename(fs, image, b, new_name, flags);
	if (cfs_change_image_at(fs, b, new_name))
		return -EISDIR;
	ret = crit_dir_rename(a->dir, name, b->dir, new_name, flags);
	if (ret < 0)
		return ret;
	node = cfs_node_by_name(&fs->nodes, to->id, new_name);
	if (node)
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	node = cfs_node_by_name(&fs->nodes, from->id, name);
	if (!node)
		return 0;
	cfs_node_move(&fs->nodes, node, b, new_name);
	if (node->kind == CFS_DIR)
		move_directory(node);
	else if (node->kind == CFS_PASSED)
		cfs_passed_follow(fs, node);
	return 0;
}

static int do_rename(struct cfs *fs, fuse_req_t req, const struct cfs_call *call)
{
	struct cfs_place from, to;
	int ret;

	(void)req;
	ret = cfs_place_find(fs, call->parent, &from);
	if (ret == 0)
		ret = cfs_place_find(fs, call->new_parent, &to);
	if (ret < 0)
		return ret;
	if (from.kind == CFS_IN_SPECIAL || to.kind == CFS_IN_SPECIAL)
		return -EROFS;
	if (from.kind == CFS_IN_DUMP && to.kind == CFS_IN_DUMP)
		return rename_in_dump(fs, &from, call->name, &to, call->new_name, call->flags);
	if (call->parent != call->new_parent)
		return -EXDEV; /* mv copies then */
	return rename_in_image(fs, &from, call->name, call->new_name, call->flags);
}

void cfs_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		   const char *new_name, unsigned flags)
{
	struct cfs_call call = {parent, name, new_parent, new_name, flags};
	struct cfs *fs = fuse_req_userdata(req);

	if (flags & ~(unsigned)RENAME_NOREPLACE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	cfs_lock(fs);
	cfs_job_call(fs, req, do_rename, &call);
	cfs_unlock(fs);
}
