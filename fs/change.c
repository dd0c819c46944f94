/*
 * Making and removing. In an image directory, what is no entry is a
 * scratch file; in the dump's own directories, plain files are what they are.
 */
#include "fs/change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/commit.h"
#include "fs/entry.h"
#include "fs/file.h"
#include "fs/ids.h"
#include "fs/scratch.h"
#include "fs/special.h"
#include "fs/tree.h"

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

void cfs_change_remove_scratch(struct cfs *fs, struct cfs_node *node)
{
	cfs_image_release(node->ref.image, node);
	cfs_node_rename(&fs->nodes, node, 0, NULL);
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
		node->kind = CFS_GONE;
		cfs_node_rename(&fs->nodes, node, 0, NULL);
		return -ENOMEM;
	}
	*out = node;
	return 0;
}

int cfs_change_check_plain(const char *name)
{
	if (!strcmp(name, CFS_SPECIAL_NAME) || crit_commit_is_temporary(name))
		return -EPERM;
	return crit_type_by_name(name) ? -EPERM : 0;
}

bool cfs_change_is_image(struct cfs *fs, struct cfs_node *dir, const char *name)
{
	struct cfs_image *image;
	struct stat st;

	return fstatat(dir->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && cfs_image_get(fs, dir, name, &st, &image) == 0;
}

/* What a privileged daemon makes belongs to who asked for it. */
static void give_to_caller(fuse_req_t req, struct cfs_node *dir, const char *name)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	if (geteuid() == 0 && (ctx->uid || ctx->gid) &&
	    fchownat(dir->dirfd, name, ctx->uid, ctx->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* then it stays the daemon's, as on a file system without owners */
}

/* Open an entry file that is made anew where one was renamed away. */
static int create_entry(struct cfs *fs, const struct cfs_place *place, const char *name,
			const struct cfs_ref *ref, struct fuse_file_info *fi,
			struct fuse_entry_param *e)
{
	bool vacant = cfs_image_vacant(ref->image, ref);
	struct cfs_node *node;
	int ret;

	if (vacant)
		cfs_image_fill(ref->image, ref);
	ret = cfs_tree_lookup(fs, place, name, e);
	if (ret == -ENOENT)
		return -EPERM; /* entries can't be added yet */
	if (ret < 0)
		return ret;
	if (!vacant && (fi->flags & O_EXCL))
		return -EEXIST;
	if (vacant)
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
	int fd, ret;

	ret = cfs_change_check_plain(name);
	if (ret < 0)
		return ret;
	fd = openat(dir->dirfd, name,
		    (fi->flags & (O_ACCMODE | O_EXCL | O_TRUNC | O_APPEND)) | O_CREAT |
			    O_NOFOLLOW | O_CLOEXEC,
		    mode);
	if (fd < 0)
		return -errno;
	give_to_caller(req, dir, name);
	ret = cfs_tree_lookup(fs, place, name, e);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return cfs_file_open_passed(fs, cfs_node_by_id(&fs->nodes, e->ino), fd, fi);
}

static int create(struct cfs *fs, fuse_req_t req, fuse_ino_t parent, const char *name,
		  mode_t mode, struct fuse_file_info *fi, struct fuse_entry_param *e)
{
	struct cfs_place place;
	struct cfs_node *node;
	struct cfs_ref ref;
	int ret;

	ret = cfs_place_find(fs, parent, &place);
	if (ret < 0)
		return ret;
	if (place.kind == CFS_IN_SPECIAL)
		return -EROFS;
	if (place.kind == CFS_IN_DUMP)
		return create_plain(fs, req, &place, name, mode, fi, e);
	if (cfs_place_ref(&place, name, &ref))
		return create_entry(fs, &place, name, &ref, fi, e);
	ret = new_scratch(fs, req, &place, name, mode, &node);
	if (ret == 0)
		ret = cfs_tree_entry(fs, node, e);
	return ret < 0 ? ret : cfs_file_open_scratch(fs, node, fi);
}

void cfs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi)
{
	struct cfs *fs = fs_of(req);
	struct fuse_entry_param e;
	int ret;

	cfs_lock(fs);
	ret = create(fs, req, parent, name, S_IFREG | (mode & 07777), fi, &e);
	if (ret < 0)
		fuse_reply_err(req, -ret);
	else
		cfs_tree_reply_create(fs, req, &e, fi);
	cfs_unlock(fs);
}

/* What mknod, mkdir and symlink make: in the dump, or as a scratch file. */
static int make(struct cfs *fs, fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode, const char *target, struct fuse_entry_param *e)
{
	struct cfs_place place;
	struct cfs_node *node;
	struct cfs_ref ref;
	int ret, dirfd;

	ret = cfs_place_find(fs, parent, &place);
	if (ret < 0)
		return ret;
	if (place.kind == CFS_IN_SPECIAL)
		return -EROFS;
	if (place.kind == CFS_IN_IMAGE) {
		if (S_ISDIR(mode) || cfs_place_ref(&place, name, &ref))
			return -EPERM;
		ret = new_scratch(fs, req, &place, name, mode, &node);
		if (ret == 0 && target && !(node->scratch->target = strdup(target)))
			ret = -ENOMEM;
		return ret < 0 ? ret : cfs_tree_entry(fs, node, e);
	}
	ret = cfs_change_check_plain(name);
	if (ret < 0)
		return ret;
	dirfd = place.object.node->dirfd;
	if (S_ISDIR(mode))
		ret = mkdirat(dirfd, name, mode & 07777);
	else if (target)
		ret = symlinkat(target, dirfd, name);
	else
		ret = mknodat(dirfd, name, mode, 0);
	if (ret < 0)
		return -errno;
	give_to_caller(req, place.object.node, name);
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
	size_t len = strlen(name);

	/* a name in .img would be an image, and those can't be made yet */
	if (len > 4 && !strcmp(name + len - 4, ".img"))
		fuse_reply_err(req, EPERM);
	else
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

static int remove_name(struct cfs *fs, fuse_ino_t parent, const char *name, int flags)
{
	struct cfs_place place;
	struct cfs_node *node;
	int ret;

	ret = cfs_place_find(fs, parent, &place);
	if (ret < 0)
		return ret;
	if (place.kind == CFS_IN_SPECIAL)
		return -EROFS;
	if (place.kind == CFS_IN_IMAGE) {
		node = cfs_change_scratch_at(fs, &place, name);
		if (!node)
			return -EPERM; /* entries can't be removed yet */
		cfs_change_remove_scratch(fs, node);
		return 0;
	}
	node = place.object.node;
	if (!strcmp(name, CFS_SPECIAL_NAME) || crit_commit_is_temporary(name) ||
	    cfs_change_is_image(fs, node, name))
		return -EPERM;
	if (unlinkat(node->dirfd, name, flags) < 0)
		return -errno;
	node = cfs_node_by_name(&fs->nodes, place.id, name);
	if (node)
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	return 0;
}

static void remove_and_reply(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
	struct cfs *fs = fs_of(req);

	cfs_lock(fs);
	fuse_reply_err(req, -remove_name(fs, parent, name, flags));
	cfs_unlock(fs);
}

void cfs_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_and_reply(req, parent, name, 0);
}

void cfs_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_and_reply(req, parent, name, AT_REMOVEDIR);
}
