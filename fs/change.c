/*
 * Making and removing. In an image directory, what is no entry is a
 * scratch file; in the dump's own directories, plain files are what they are.
 */
#include "fs/change.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "decoder/commit.h"
#include "decoder/overlay.h"
#include "fs/document.h"
#include "fs/entry.h"
#include "fs/file.h"
#include "fs/ids.h"
#include "fs/jobs.h"
#include "fs/jsondir.h"
#include "fs/listing.h"
#include "fs/log.h"
#include "fs/passed.h"
#include "fs/pending.h"
#include "fs/promise.h"
#include "fs/reading.h"
#include "fs/scratch.h"
#include "fs/special.h"
#include "fs/structure.h"
#include "fs/whole.h"

static struct cfs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

struct cfs_node *cfs_change_scratch_at(struct cfs *fs, const struct cfs_place *place,
				       const char *name)
{
	struct cfs_node *node = cfs_node_by_name(&fs->nodes, place->id, name);

	return node && node->kind == CFS_SCRATCH ? node : NULL;
}

int cfs_change_remove_scratch(struct cfs *fs, struct cfs_node *node)
{
	struct cfs_image *image = node->ref.image;
	struct cfs_layout *l = cfs_image_layout(image);
	struct cfs_ref held;
	int ret = 0;

	while (ret == 0 && cfs_layout_holds(l, node, &held)) {
		held.image = image;
		cfs_layout_fill(l, &held);
		/* a document is only a view of the image, and seen again */
		if (held.part != CFS_PART_DOCUMENT)
			ret = cfs_structure_remove(fs, &held, image->generation);
	}
	if (ret < 0)
		return ret;
	/* an extra that was made and removed again is not the one that was there before */
	if (node->pending)
		cfs_pending_unmark(node);
	cfs_layout_release(l, node);
	cfs_node_rename(&fs->nodes, node, 0, NULL);
	return 0;
}

static int new_scratch(struct cfs *fs, fuse_req_t req, const struct cfs_place *place,
		       const char *name, mode_t mode, struct cfs_node **out)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct cfs_node *node;
	int ret;

	ret = cfs_scratch_check_name(name);
	if (ret < 0)
		return ret;
	if (cfs_node_by_name(&fs->nodes, place->id, name))
		return -EEXIST;
	node = cfs_node_new(&fs->nodes, 0, CFS_SCRATCH, NULL, place->id, name);
	if (!node)
		return -ENOMEM;
	node->ref.image = place->object.ref.image;
	node->scratch = cfs_scratch_new(&fs->store, mode, ctx->uid, ctx->gid);
	if (!node->scratch) {
		cfs_node_become(&fs->nodes, node, CFS_GONE);
		cfs_node_rename(&fs->nodes, node, 0, NULL);
		return -ENOMEM;
	}
	if (place->documents && S_ISREG(mode) && cfs_jsondir_makes_image(name)) {
		struct cfs_ref ref = cfs_document_ref(NULL);

		cfs_pending_mark(node, &ref);
	}
	*out = node;
	return 0;
}

int cfs_change_check_name(const char *name)
{
	return !strcmp(name, CFS_SPECIAL_NAME) || crit_commit_is_temporary(name) ? -EPERM : 0;
}

struct cfs_image *cfs_change_image_at(struct cfs *fs, struct cfs_node *dir, const char *name)
{
	struct cfs_image *image;
	struct stat st;

	if (crit_dir_stat(dir->dir, name, &st) < 0 || !S_ISREG(st.st_mode) ||
	    cfs_image_get(fs, dir, name, &st, &image) < 0)
		return NULL;
	return image;
}

/* It was made this moment; but another name of some other file may be in its place now. */
static bool is_new(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	       (S_ISDIR(st.st_mode) || st.st_nlink == 1);
}

void cfs_change_give_to_caller(fuse_req_t req, struct cfs_node *dir, const char *name)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	int fd, ret = 0;

	if (geteuid() || (!ctx->uid && !ctx->gid))
		return;
	fd = openat(crit_dir_writable(dir->dir), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (is_new(fd))
		ret = fchownat(fd, "", ctx->uid, ctx->gid, AT_EMPTY_PATH);
	close(fd);
	if (ret < 0)
		return; /* then it stays the daemon's, as on a file system without owners */
}

/* A scratch file under the name of an entry file that there is not yet. */
static int make_entry(struct cfs *fs, fuse_req_t req, const struct cfs_place *place,
		      const char *name, const struct cfs_ref *ref, mode_t mode,
		      struct cfs_node **out)
{
	struct cfs_ref raw = *ref;
	int ret;

	raw.part = CRIT_PART_RAW;
	ret = cfs_pending_check(fs, ref);
	/* what can't be decoded is replaced by what can */
	if (ret == 0 && ref->part == CRIT_PART_JSON && cfs_entry_find(fs, &raw, NULL) == 0)
		cfs_log(fs, "%s takes the place of an entry that can't be decoded", name);
	if (ret == 0)
		ret = new_scratch(fs, req, place, name, mode, out);
	if (ret == 0)
		cfs_pending_mark(*out, ref);
	return ret;
}

/*
 * A file that was renamed away or removed, but is in the image, is made anew: it is
 * there again. To the kernel it is another file than the one that went. 1, 0, -ENOMEM.
 */
static int make_again(struct cfs *fs, const struct cfs_ref *ref, const char *name)
{
	struct cfs_layout *l = &ref->image->layout;
	struct cfs_node *node;

	if (!cfs_layout_hides(l, ref) || cfs_entry_has(fs, ref) <= 0)
		return 0;
	node = cfs_node_new(&fs->nodes, 0, CFS_ENTRY, NULL, cfs_entry_container(ref), name);
	if (!node)
		return -ENOMEM;
	node->ref = *ref;
	cfs_layout_cover(l, ref);
	cfs_layout_set_present(l, ref);
	return 1;
}

/* Open an entry file, one that is made anew with nothing in it. */
static int create_entry(struct cfs *fs, const struct cfs_place *place, const char *name,
			const struct cfs_ref *ref, bool anew, struct fuse_file_info *fi,
			struct fuse_entry_param *e)
{
	struct cfs_node *node;
	int ret;

	if (!anew && (fi->flags & O_EXCL))
		return -EEXIST;
	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		cfs_promise_pause(ref->image);
	ret = cfs_tree_lookup(fs, place, name, e);
	if (ret < 0)
		return ret;
	if (anew)
		fi->flags |= O_TRUNC;
	node = cfs_node_by_id(&fs->nodes, e->ino);
	ret = cfs_file_open_entry(fs, e->ino, node, ref, fi);
	if (ret < 0)
		cfs_node_release(&fs->nodes, node);
	return ret;
}

static int create_plain(struct cfs *fs, fuse_req_t req, const struct cfs_place *place,
			const char *name, mode_t mode, struct fuse_file_info *fi,
			struct fuse_entry_param *e)
{
	struct cfs_node *dir = place->object.node;
	struct crit_file *file;
	int fd, ret;

	ret = cfs_change_check_name(name);
	if (ret < 0)
		return ret;
	fd = crit_dir_open_file(dir->dir, name,
				(fi->flags & (O_ACCMODE | O_APPEND)) | O_CREAT | O_EXCL, mode);
	/* somebody else was quicker: the kernel is to look again, and at who may open it */
	if (fd == -EEXIST && !(fi->flags & O_EXCL))
		return -ESTALE;
	if (fd < 0)
		return fd;
	cfs_change_give_to_caller(req, dir, name);
	ret = cfs_tree_lookup(fs, place, name, e);
	if (ret == 0 && !S_ISREG(e->attr.st_mode))
		ret = -EISDIR; /* somebody else made an image of it this moment */
	if (ret == 0)
		ret = crit_file_adopt(fd, &file);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return cfs_passed_open(fs, cfs_node_by_id(&fs->nodes, e->ino), file, fi);
}

static int create(struct cfs *fs, fuse_req_t req, fuse_ino_t parent, const char *name,
		  mode_t mode, struct fuse_file_info *fi, struct fuse_entry_param *e)
{
	struct cfs_place place;
	struct cfs_node *node = NULL;
	struct cfs_ref ref;
	int ret;

	ret = cfs_place_find(fs, parent, &place);
	if (ret < 0)
		return ret;
	if (place.kind == CFS_IN_SPECIAL)
		return -EROFS;
	if (place.kind == CFS_IN_DUMP)
		return create_plain(fs, req, &place, name, mode, fi, e);
	node = cfs_change_scratch_at(fs, &place, name);
	if (!node && cfs_place_ref(fs, &place, name, &ref)) {
		ret = make_again(fs, &ref, name);
		if (ret < 0)
			return ret;
		if (cfs_entry_find(fs, &ref, NULL) == 0)
			return create_entry(fs, &place, name, &ref, ret, fi, e);
		ret = make_entry(fs, req, &place, name, &ref, mode, &node);
	} else {
		ret = new_scratch(fs, req, &place, name, mode, &node);
	}
	if (ret < 0)
		return ret;
	ret = cfs_tree_entry(fs, node, e);
	if (ret == 0)
		ret = cfs_file_open_scratch(fs, node, fi);
	if (ret < 0) /* what can't be opened was not made */
		cfs_change_remove_scratch(fs, node);
	return ret;
}

static void answer_create(struct cfs *fs, const struct cfs_asked *a)
{
	struct fuse_entry_param e;
	int ret;

	fs->asker = fuse_req_ctx(a->req)->pid;
	ret = create(fs, a->req, a->ino, a->name, a->mode, a->fi, &e);
	if (ret < 0)
		fuse_reply_err(a->req, -ret);
	else
		cfs_tree_reply_create(fs, a->req, &e, a->fi);
}

void cfs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi)
{
	struct cfs_asked asked = {.req = req,
				  .ino = parent,
				  .name = name,
				  .mode = S_IFREG | (mode & 07777),
				  .fi = fi};
	struct cfs *fs = fs_of(req);

	cfs_lock(fs);
	cfs_reading_answer(fs, cfs_jsondir_image(fs, parent, name), answer_create, &asked);
	cfs_unlock(fs);
}

/* What mknod, mkdir and symlink make: in the dump, or as a scratch file. */
static int make(struct cfs *fs, fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode, const char *target, struct fuse_entry_param *e)
{
	struct cfs_place place;
	struct cfs_node *node;
	struct cfs_ref ref;
	const struct crit_dir *dir;
	int ret;

	ret = cfs_place_find(fs, parent, &place);
	if (ret < 0)
		return ret;
	if (place.kind == CFS_IN_SPECIAL)
		return -EROFS;
	if (place.kind == CFS_IN_IMAGE) {
		bool entry = !cfs_change_scratch_at(fs, &place, name) &&
			     cfs_place_ref(fs, &place, name, &ref);

		if (S_ISDIR(mode) != (entry && ref.part == CRIT_PART_MSGS) || (entry && target))
			return -EPERM;
		ret = entry ? make_again(fs, &ref, name) : 0;
		if (ret)
			return ret < 0 ? ret : cfs_tree_lookup(fs, &place, name, e);
		if (entry && cfs_entry_find(fs, &ref, NULL) == 0)
			return -EEXIST;
		ret = entry ? make_entry(fs, req, &place, name, &ref, mode, &node)
			    : new_scratch(fs, req, &place, name, mode, &node);
		if (ret < 0)
			return ret;
		if (target && !(node->scratch->target = strdup(target)))
			ret = -ENOMEM;
		else
			ret = cfs_tree_entry(fs, node, e);
		if (ret < 0)
			cfs_change_remove_scratch(fs, node);
		return ret;
	}
	ret = cfs_change_check_name(name);
	if (ret < 0)
		return ret;
	dir = place.object.node->dir;
	cfs_changed(fs);
	if (S_ISDIR(mode) && cfs_whole_is_name(name))
		return cfs_whole_make(fs, req, &place, name, mode, e);
	if (S_ISDIR(mode))
		ret = crit_dir_mkdir(dir, name, mode);
	else if (target)
		ret = crit_dir_symlink(dir, name, target);
	else
		ret = crit_dir_mknod(dir, name, mode);
	if (ret < 0)
		return ret;
	cfs_change_give_to_caller(req, place.object.node, name);
	return cfs_tree_lookup(fs, &place, name, e);
}

static void make_and_reply(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			   const char *target)
{
	struct cfs *fs = fs_of(req);
	struct fuse_entry_param e;
	int ret;

	cfs_lock(fs);
	ret = make(fs, req, parent, name, mode, target, &e);
	if (ret < 0)
		fuse_reply_err(req, -ret);
	else
		cfs_tree_reply(fs, req, &e);
	cfs_unlock(fs);
}

void cfs_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	(void)rdev;
	if (!S_ISREG(mode))
		fuse_reply_err(req, EPERM);
	else
		make_and_reply(req, parent, name, mode, NULL);
}

void cfs_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make_and_reply(req, parent, name, S_IFDIR | (mode & 07777), NULL);
}

void cfs_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	make_and_reply(req, parent, name, S_IFLNK | 0777, target);
}

void cfs_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino;
	(void)parent;
	(void)name;
	fuse_reply_err(req, EPERM);
}

static int remove_in_image(struct cfs *fs, const struct cfs_place *place, const char *name,
			   bool dir)
{
	struct cfs_node *node = cfs_change_scratch_at(fs, place, name);
	struct cfs_ref ref;

	if (node && S_ISDIR(node->scratch->mode) &&
	    cfs_listing_has_scratch(fs, cfs_entry_queue(&node->ref)))
		return -ENOTEMPTY;
	if (node)
		return cfs_change_remove_scratch(fs, node);
	if (!cfs_place_ref(fs, place, name, &ref) || cfs_entry_find(fs, &ref, NULL) < 0)
		return -ENOENT;
	if (dir != (ref.part == CRIT_PART_MSGS))
		return dir ? -ENOTDIR : -EISDIR;
	return cfs_structure_remove(fs, &ref, ref.image->generation);
}

static int remove_in_dump(struct cfs *fs, const struct cfs_place *place, const char *name,
			  bool dir)
{
	struct cfs_node *node = place->object.node;
	struct cfs_image *image = cfs_change_image_at(fs, node, name);
	int ret = cfs_change_check_name(name);

	if (ret < 0)
		return ret;
	if (image)
		return dir ? cfs_whole_remove(fs, image) : -EISDIR;
	ret = crit_dir_unlink(node->dir, name, dir ? AT_REMOVEDIR : 0);
	if (ret < 0)
		return ret;
	node = cfs_node_by_name(&fs->nodes, place->id, name);
	if (node)
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	return 0;
}

static int remove_name(struct cfs *fs, fuse_req_t req, const struct cfs_call *call)
{
	struct cfs_place place;
	int ret = cfs_place_find(fs, call->parent, &place);

	(void)req;
	if (ret < 0)
		return ret;
	switch (place.kind) {
	case CFS_IN_DUMP:
		return remove_in_dump(fs, &place, call->name, call->flags);
	case CFS_IN_IMAGE:
		return remove_in_image(fs, &place, call->name, call->flags);
	default:
		return -EROFS;
	}
}

static void remove_and_reply(fuse_req_t req, fuse_ino_t parent, const char *name, bool dir)
{
	struct cfs_call call = {.parent = parent, .name = name, .flags = dir};
	struct cfs *fs = fs_of(req);

	cfs_lock(fs);
	cfs_job_call(fs, req, remove_name, &call);
	cfs_unlock(fs);
}

void cfs_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_and_reply(req, parent, name, false);
}

void cfs_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_and_reply(req, parent, name, true);
}
