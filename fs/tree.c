/*
 * Names to objects.
 */
#include "fs/tree.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>

#include "decoder/commit.h"
#include "decoder/overlay.h"
#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/ids.h"
#include "fs/jsondir.h"
#include "fs/names.h"
#include "fs/passed.h"
#include "fs/pending.h"
#include "fs/proc.h"
#include "fs/promise.h"
#include "fs/reading.h"
#include "fs/reap.h"
#include "fs/scratch.h"
#include "fs/special.h"
#include "fs/view.h"

static struct cfs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

int cfs_place_find(struct cfs *fs, fuse_ino_t ino, struct cfs_place *place)
{
	int ret = cfs_object_find(fs, ino, &place->object);

	if (ret < 0)
		return ret;
	place->id = ino;
	place->documents = false;
	place->msgs = cfs_object_is_queue(&place->object);
	if (place->msgs) {
		place->kind = CFS_IN_IMAGE;
		place->id = cfs_entry_queue(&place->object.ref);
		return 0;
	}
	if (place->object.is_entry)
		return -ENOTDIR;
	switch (place->object.node->kind) {
	case CFS_DIR:
		place->kind = CFS_IN_DUMP;
		return 0;
	case CFS_IMAGE:
		place->kind = CFS_IN_IMAGE;
		return 0;
	case CFS_DOCUMENTS:
		place->kind = CFS_IN_IMAGE;
		place->documents = true;
		return 0;
	case CFS_SPECIAL_DIR:
	case CFS_PROC:
	case CFS_VIEW:
		place->kind = CFS_IN_SPECIAL;
		return 0;
	default:
		return -ENOTDIR;
	}
}

bool cfs_place_ref(struct cfs *fs, const struct cfs_place *place, const char *name,
		   struct cfs_ref *ref)
{
	uint64_t number;
	unsigned part;

	if (place->documents)
		return cfs_jsondir_ref(fs, place->object.node, name, ref);
	if (!cfs_name_parse(name, &number, &part))
		return false;
	if (place->msgs && part != CRIT_PART_JSON && part != CRIT_PART_EXTRA &&
	    part != CRIT_PART_RAW)
		return false;
	ref->image = place->object.ref.image;
	ref->part = part;
	if (place->msgs)
		ref->place = (struct crit_place){place->object.ref.place.n, number};
	else
		ref->place = (struct crit_place){number, CRIT_NO_MSG};
	return true;
}

/* A commit may lead the name of an entry file to another node. */
static void promise(struct cfs *fs, const struct cfs_ref *ref, struct cfs_node *node,
		    struct fuse_entry_param *e)
{
	e->entry_timeout = cfs_promise(fs, ref, node);
	if (e->attr_timeout < e->entry_timeout)
		e->attr_timeout = e->entry_timeout;
}

int cfs_tree_entry(struct cfs *fs, struct cfs_node *node, struct fuse_entry_param *e)
{
	struct cfs_object o;
	int ret = cfs_object_find(fs, node->id, &o);

	memset(e, 0, sizeof(*e));
	e->ino = node->id;
	e->generation = 1;
	cfs_node_ref(node); /* the lock may be dropped meanwhile */
	if (ret == 0 && node->kind == CFS_SPECIAL)
		ret = cfs_special_entry(fs, node, &e->attr);
	else if (ret == 0)
		ret = cfs_attr(fs, node->id, &o, &e->attr, &e->attr_timeout);
	node->refs--;
	e->entry_timeout = e->attr_timeout;
	if (ret == 0 && node->kind == CFS_ENTRY)
		promise(fs, &node->ref, node, e);
	if (node->kind == CFS_SPECIAL_DIR || node->kind == CFS_SPECIAL ||
	    node->kind == CFS_DOCUMENTS || node->kind == CFS_VIEW)
		e->entry_timeout = CFS_TIMEOUT;
	/* a plain file may become an image */
	if (node->kind == CFS_PASSED && !fs->opt.read_only)
		e->entry_timeout = 0;
	if (ret < 0)
		cfs_node_release(&fs->nodes, node);
	return ret;
}

void cfs_tree_keep(struct cfs *fs, const struct fuse_entry_param *e)
{
	struct cfs_node *node = cfs_node_by_id(&fs->nodes, e->ino);

	if (node)
		node->lookups++;
}

void cfs_tree_reply(struct cfs *fs, fuse_req_t req, const struct fuse_entry_param *e)
{
	/* first: the request may be over, and forgotten, before the reply returns */
	cfs_tree_keep(fs, e);
	if (fuse_reply_entry(req, e) < 0)
		cfs_node_forget(&fs->nodes, e->ino, 1);
}

void cfs_tree_reply_create(struct cfs *fs, fuse_req_t req, const struct fuse_entry_param *e,
			   const struct fuse_file_info *fi)
{
	cfs_tree_keep(fs, e);
	if (fuse_reply_create(req, e, fi) < 0) {
		cfs_handle_unref(fs, cfs_handle_of(fi));
		cfs_node_forget(&fs->nodes, e->ino, 1);
	}
}

/* An entry file: its computed id, unless that went elsewhere with a rename. */
static int lookup_entry(struct cfs *fs, const struct cfs_place *place, const char *name,
			const struct cfs_ref *ref, struct fuse_entry_param *e)
{
	uint64_t id = cfs_entry_id(ref);
	struct cfs_object o = {.is_entry = true, .ref = *ref};
	struct cfs_node *node;
	int ret;

	ret = cfs_entry_find(fs, ref, NULL);
	if (ret < 0)
		return ret;
	if (!id || cfs_node_by_id(&fs->nodes, id)) {
		node = cfs_node_new(&fs->nodes, 0, CFS_ENTRY, NULL, place->id, name);
		if (!node)
			return -ENOMEM;
		node->ref = *ref;
		return cfs_tree_entry(fs, node, e);
	}
	memset(e, 0, sizeof(*e));
	e->ino = id;
	e->generation = 1;
	ret = cfs_attr(fs, id, &o, &e->attr, &e->attr_timeout);
	if (ret == 0)
		promise(fs, ref, NULL, e);
	return ret;
}

static int lookup_in_image(struct cfs *fs, const struct cfs_place *place, const char *name,
			   struct fuse_entry_param *e)
{
	struct cfs_node *node;
	struct cfs_ref ref;
	int ret;

	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	/* it may have been read anew under the same names */
	ret = cfs_image_open(fs, place->object.ref.image, NULL);
	if (ret < 0)
		return ret;
	if (place->object.ref.image->expired)
		cfs_pending_expire(fs, place->object.ref.image);
	node = cfs_node_by_name(&fs->nodes, place->id, name);
	if (node && node->kind == CFS_ENTRY)
		ret = cfs_entry_find(fs, &node->ref, NULL);
	if (node)
		return ret < 0 ? ret : cfs_tree_entry(fs, node, e);
	if (!cfs_place_ref(fs, place, name, &ref))
		return -ENOENT;
	return lookup_entry(fs, place, name, &ref, e);
}

static int lookup_document(struct cfs *fs, const struct cfs_place *place, const char *name,
			   struct fuse_entry_param *e)
{
	struct cfs_node *node = cfs_node_by_name(&fs->nodes, place->id, name);
	struct cfs_ref ref;
	bool there;
	int ret;

	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	if (node && node->kind == CFS_SCRATCH)
		return cfs_tree_entry(fs, node, e);
	there = cfs_place_ref(fs, place, name, &ref);
	/* the image that had the name went, or has another one */
	if (node && (!there || node->ref.image != ref.image)) {
		cfs_node_rename(&fs->nodes, node, 0, NULL);
		node = NULL;
	}
	ret = there ? cfs_entry_find(fs, &ref, NULL) : -ENOENT;
	if (ret < 0)
		return ret;
	return node ? cfs_tree_entry(fs, node, e) : lookup_entry(fs, place, name, &ref, e);
}

static int open_dir_node(struct cfs *fs, struct cfs_node *dir, const char *name,
			 struct cfs_node **out)
{
	struct crit_dir *sub;
	int ret = crit_dir_sub(dir->dir, name, &sub);

	if (ret < 0)
		return ret;
	*out = cfs_node_new(&fs->nodes, 0, CFS_DIR, dir, dir->id, name);
	if (!*out) {
		crit_dir_put(sub);
		return -ENOMEM;
	}
	(*out)->dir = sub;
	if (!fs->opt.read_only && crit_dir_changed(sub) >= 0)
		crit_commit_sweep(crit_dir_changed(sub));
	return 0;
}

/* Is the directory behind the node still the one that has the name? */
static bool same_dir(const struct cfs_node *node, const struct stat *st)
{
	struct stat own;

	return crit_dir_self(node->dir, &own) == 0 && own.st_dev == st->st_dev &&
	       own.st_ino == st->st_ino;
}

/* Another file has another node: who has the old one open reads on in pages of his own. */
static bool same_passed(const struct cfs_node *node, const struct stat *st)
{
	return node->dev == st->st_dev && node->inode == st->st_ino;
}

static int lookup_in_dump(struct cfs *fs, struct cfs_node *dir, const char *name,
			  struct fuse_entry_param *e)
{
	enum cfs_kind kind = CFS_PASSED;
	struct cfs_image *image;
	struct cfs_node *node;
	struct stat st;
	int ret;

	if (crit_commit_is_temporary(name))
		return -ENOENT;
	ret = crit_dir_stat(dir->dir, name, &st);
	if (ret < 0) {
		if (!strcmp(name, CFS_SPECIAL_NAME) && cfs_special_dir(fs, dir, &node) == 0)
			return cfs_tree_entry(fs, node, e);
		return ret;
	}
	if (S_ISREG(st.st_mode)) {
		ret = cfs_image_get(fs, dir, name, &st, &image);
		if (ret == 0)
			return cfs_tree_entry(fs, image->node, e);
		/* what can't be opened is a file that can't be opened */
		if (ret != -ENOENT && ret != -EACCES && ret != -ENODATA)
			return ret;
	} else if (S_ISDIR(st.st_mode)) {
		kind = CFS_DIR;
	}
	node = cfs_node_by_name(&fs->nodes, dir->id, name);
	if (node &&
	    (node->kind != kind || !(kind == CFS_DIR ? same_dir : same_passed)(node, &st))) {
		if (node->kind == CFS_IMAGE)
			cfs_image_lost(fs, node->ref.image);
		else
			cfs_node_rename(&fs->nodes, node, 0, NULL);
		node = NULL;
	}
	if (!node && kind == CFS_DIR && (ret = open_dir_node(fs, dir, name, &node)) < 0)
		return ret;
	if (!node)
		node = cfs_node_new(&fs->nodes, 0, kind, dir, dir->id, name);
	if (!node)
		return -ENOMEM;
	cfs_passed_note(node, &st);
	return cfs_tree_entry(fs, node, e);
}

int cfs_tree_lookup(struct cfs *fs, const struct cfs_place *place, const char *name,
		    struct fuse_entry_param *e)
{
	struct cfs_node *node;
	int ret;

	if (place->kind == CFS_IN_DUMP)
		return lookup_in_dump(fs, place->object.node, name, e);
	if (place->documents)
		return lookup_document(fs, place, name, e);
	if (place->kind == CFS_IN_IMAGE)
		return lookup_in_image(fs, place, name, e);
	if (place->object.node->kind == CFS_PROC)
		return cfs_proc_lookup(fs, place->object.node, name, e);
	if (place->object.node->kind == CFS_VIEW)
		return cfs_view_lookup(fs, place->object.node, name, e);
	ret = cfs_special_find(fs, place->object.node, name, &node);
	return ret < 0 ? ret : cfs_tree_entry(fs, node, e);
}

static void answer_lookup(struct cfs *fs, const struct cfs_asked *a)
{
	struct fuse_entry_param e;
	struct cfs_place place;
	int ret = cfs_place_find(fs, a->ino, &place);

	fs->asker = fuse_req_ctx(a->req)->pid;
	if (ret == 0)
		ret = cfs_tree_lookup(fs, &place, a->name, &e);
	if (ret < 0)
		fuse_reply_err(a->req, -ret);
	else
		cfs_tree_reply(fs, a->req, &e);
	if (ret == 0 && place.object.ref.image)
		place.object.ref.image->asked++;
}

void cfs_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cfs_asked asked = {.req = req, .ino = parent, .name = name};
	struct cfs *fs = fs_of(req);

	cfs_lock(fs);
	if (cfs_reading_is_needed_for(fs, parent, name))
		cfs_reading_post(fs, NULL, answer_lookup, &asked);
	else
		cfs_reading_answer(fs, cfs_jsondir_image(fs, parent, name), answer_lookup,
				   &asked);
	cfs_unlock(fs);
}

void cfs_op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	struct cfs *fs = fs_of(req);

	cfs_lock(fs);
	cfs_node_forget(&fs->nodes, ino, n);
	cfs_reap(fs);
	cfs_unlock(fs);
	fuse_reply_none(req);
}

void cfs_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct cfs *fs = fs_of(req);
	size_t i;

	cfs_lock(fs);
	for (i = 0; i < count; i++)
		cfs_node_forget(&fs->nodes, forgets[i].ino, forgets[i].nlookup);
	cfs_reap(fs);
	cfs_unlock(fs);
	fuse_reply_none(req);
}

static void answer_getattr(struct cfs *fs, const struct cfs_asked *a)
{
	struct stat st;
	double timeout;
	int ret;

	fs->asker = fuse_req_ctx(a->req)->pid;
	ret = cfs_attr_open(fs, a->ino, a->fi ? cfs_handle_of(a->fi) : NULL, &st, &timeout);

	if (ret < 0)
		fuse_reply_err(a->req, -ret);
	else
		fuse_reply_attr(a->req, &st, timeout);
}

void cfs_op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cfs_asked asked = {.req = req, .ino = ino, .fi = fi};
	struct cfs *fs = fs_of(req);

	cfs_lock(fs);
	if (cfs_reading_is_needed(fs, ino))
		cfs_reading_post(fs, NULL, answer_getattr, &asked);
	else
		cfs_reading_answer(fs, cfs_reading_image_of_attr(fs, ino), answer_getattr,
				   &asked);
	cfs_unlock(fs);
}

static int read_link(struct cfs *fs, struct cfs_node *node, char *out, size_t size)
{
	ssize_t n;

	if (node->kind == CFS_PROC)
		return cfs_proc_readlink(fs, node, out, size);
	if (node->kind == CFS_SCRATCH && node->scratch->target) {
		if (strlen(node->scratch->target) >= size)
			return -ENAMETOOLONG;
		strcpy(out, node->scratch->target);
		return 0;
	}
	if (node->kind != CFS_PASSED || !node->key)
		return -EINVAL;
	if (node->parent->kind == CFS_VIEW)
		return cfs_view_readlink(fs, node, out, size);
	n = crit_dir_readlink(node->parent->dir, cfs_node_name(node), out, size);
	return n < 0 ? (int)n : 0;
}

static void answer_readlink(struct cfs *fs, const struct cfs_asked *a)
{
	char target[PATH_MAX + 1];
	struct cfs_object o;
	int ret = cfs_object_find(fs, a->ino, &o);

	fs->asker = fuse_req_ctx(a->req)->pid;
	if (ret == 0)
		ret = o.node ? read_link(fs, o.node, target, sizeof(target)) : -EINVAL;
	if (ret < 0)
		fuse_reply_err(a->req, -ret);
	else
		fuse_reply_readlink(a->req, target);
}

void cfs_op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct cfs_asked asked = {.req = req, .ino = ino};
	struct cfs *fs = fs_of(req);

	cfs_lock(fs);
	if (cfs_reading_is_needed(fs, ino))
		cfs_reading_post(fs, NULL, answer_readlink, &asked);
	else
		answer_readlink(fs, &asked);
	cfs_unlock(fs);
}

void cfs_op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct cfs *fs = fs_of(req);
	struct statvfs st;

	(void)ino;
	if (fstatvfs(crit_dir_fd(fs->dump), &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}
