/*
 * Making, removing and renaming. In an image directory, what is no entry is a
 * scratch file; in the dump's own directories, plain files are what they are.
 */
#include "fs/change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "decoder/commit.h"
#include "fs/commit.h"
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

/* The node of a scratch file, or NULL. */
static struct cfs_node *scratch_at(struct cfs *fs, const struct cfs_place *place,
				   const char *name)
{
	struct cfs_node *node = cfs_node_by_name(&fs->nodes, place->id, name);

	return node && node->kind == CFS_SCRATCH ? node : NULL;
}

/*
 * Take a scratch file's name away; whoever has it open reads on. If it was an
 * entry's file and nothing took the entry's place, the entry is back.
 */
static void remove_scratch(struct cfs *fs, struct cfs_node *node)
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

/* Names that a plain file of the dump can't have through the mount. */
static int check_plain_name(const char *name)
{
	if (!strcmp(name, CFS_SPECIAL_NAME) || crit_commit_is_temporary(name))
		return -EPERM;
	return crit_type_by_name(name) ? -EPERM : 0;
}

/* Is it an image now, and so nothing that is handled as a plain file? */
static bool is_image(struct cfs *fs, struct cfs_node *dir, const char *name)
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

	ret = check_plain_name(name);
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
	ret = check_plain_name(name);
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
		node = scratch_at(fs, &place, name);
		if (!node)
			return -EPERM; /* entries can't be removed yet */
		remove_scratch(fs, node);
		return 0;
	}
	node = place.object.node;
	if (!strcmp(name, CFS_SPECIAL_NAME) || crit_commit_is_temporary(name) ||
	    is_image(fs, node, name))
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

/* A scratch file, or an entry's file that becomes one, takes a scratch name. */
static int take_scratch_name(struct cfs *fs, const struct cfs_place *place,
			     struct cfs_node *node, const char *name)
{
	struct cfs_node *other = scratch_at(fs, place, name);
	int ret = cfs_scratch_check_name(name);

	if (ret < 0 || other == node)
		return ret;
	if (other)
		remove_scratch(fs, other);
	if (node->scratch)
		node->scratch->ours = false; /* it has a name of the user's now */
	return cfs_node_rename(&fs->nodes, node, place->id, name);
}

/* Whoever has the file open for writing has the scratch file open now. */
static void take_handles(struct cfs *fs, struct cfs_node *node)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h)
	{
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
	struct cfs_node *node = scratch_at(fs, place, name);
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
	cfs_commit_renamed(fs, req, node, &to, place->id, new_name);
	return 1; /* answered when it is committed */
}

static int rename_plain(struct cfs *fs, const struct cfs_place *from, const char *name,
			const struct cfs_place *to, const char *new_name, unsigned flags)
{
	struct cfs_node *a = from->object.node, *b = to->object.node, *node;
	int ret;

	ret = check_plain_name(new_name);
	if (ret == 0)
		ret = strcmp(name, CFS_SPECIAL_NAME) && !crit_commit_is_temporary(name)
			      ? 0
			      : -EPERM;
	if (ret < 0)
		return ret;
	if (is_image(fs, a, name) || is_image(fs, b, new_name))
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
	struct cfs *fs = fs_of(req);
	int ret;

	cfs_lock(fs);
	ret = do_rename(fs, req, parent, name, new_parent, new_name, flags);
	if (ret <= 0)
		fuse_reply_err(req, -ret);
	cfs_unlock(fs);
}
