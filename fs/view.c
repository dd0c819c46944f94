/*
 * .critfs/img and .critfs/tar.
 */
#include "fs/view.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/archive/archive.h"
#include "decoder/commit.h"
#include "decoder/create.h"
#include "decoder/parents.h"
#include "decoder/upgrade.h"
#include "fs/log.h"
#include "fs/paths.h"
#include "fs/passed.h"
#include "fs/reading.h"
#include "fs/special.h"
#include "fs/tree.h"

static struct cfs_node *new_view(struct cfs *fs, struct cfs_node *in, const char *name,
				 enum cfs_view_kind view, const struct crit_dir *dir)
{
	struct cfs_node *node = cfs_node_new(&fs->nodes, 0, CFS_VIEW, in, in->id, name);

	if (!node)
		return NULL;
	node->view = view;
	node->dir = dir ? crit_dir_get(dir) : NULL;
	return node;
}

int cfs_view_new_top(struct cfs *fs, struct cfs_node *dir, unsigned special,
		     struct cfs_node **out)
{
	*out = new_view(fs, dir, cfs_special_names[special],
			special == CFS_SPECIAL_IMG ? CFS_VIEW_IMAGES : CFS_VIEW_TARS,
			dir->parent->dir);
	return *out ? 0 : -ENOMEM;
}

/* ------------------------------------------------------------------------ archives */

/* The directory of the dump that a name of the view is in. */
static const struct cfs_node *dump_of(const struct cfs_node *view)
{
	while (view->kind != CFS_DIR)
		view = view->parent;
	return view;
}

/* Log what the archive says of its members. */
struct teller {
	struct crit_archive_listener listener; /* must be the first */
	struct cfs *fs;
	const char *path;
};

static void tell(struct crit_archive_listener *l, const char *text)
{
	const struct teller *t = (const struct teller *)l;

	cfs_log(t->fs, "%s: %s", t->path, text);
}

static bool go_on(struct crit_archive_listener *l, uint64_t done, uint64_t of)
{
	(void)done;
	(void)of;
	return !((const struct teller *)l)->fs->stopping;
}

/* Open an archive in a directory. 0 and *top, a reference; -errno, which is logged. */
static int open_archive(struct cfs *fs, const struct crit_dir *dir, const char *name,
			const char *path, struct crit_dir **top)
{
	struct teller teller = {{tell, go_on}, fs, path};
	struct crit_error err = {0};
	struct crit_file *file;
	int ret = crit_dir_file(dir, name, &file);

	if (ret < 0)
		return ret;
	ret = crit_dir_of_archive(file, fs->opt.unpacked_max, &teller.listener, top, &err);
	crit_file_put(file);
	if (ret < 0)
		cfs_log(fs, "%s: %s", path, err.text);
	return ret == -EBADMSG ? -EIO : ret;
}

/* Is it an archive that nobody has looked into yet? */
static bool is_closed(const struct cfs_node *node)
{
	return !node->dir && !node->failed;
}

/* Somebody looks into it. Drops the lock while an archive is opened. 0, -errno. */
static int enter(struct cfs *fs, struct cfs_node *node)
{
	char path[PATH_MAX], name[NAME_MAX + 1];
	struct cfs_node *dir = node->parent;
	struct crit_dir *top = NULL;
	int ret;

	if (!is_closed(node))
		return node->failed;
	if (!node->key)
		return -ESTALE;
	snprintf(name, sizeof(name), "%s", cfs_node_name(node));
	cfs_path_in(dump_of(dir), name, path, sizeof(path));
	cfs_node_ref(node);
	cfs_unlock(fs);
	ret = open_archive(fs, dir->dir, name, path, &top);
	cfs_lock(fs);
	/* all who open archives are in one worker's queue */
	node->dir = top;
	if (ret < 0 && !crit_is_passing(ret))
		node->failed = ret;
	cfs_node_unref(&fs->nodes, node);
	return ret;
}

/* ------------------------------------------------------------------------- lookups */

/* What a directory becomes in a view; -ENOENT if it is not in it. */
static int view_of_directory(const struct cfs_node *dir, const char *name,
			     enum cfs_view_kind *view, struct crit_dir **sub)
{
	struct stat st;
	int ret;

	if (dir->view == CFS_VIEW_IMAGES)
		return -ENOENT;
	ret = crit_dir_sub(dir->dir, name, sub);
	if (ret < 0)
		return ret;
	*view = dir->view;
	/* a dump has a .critfs of its own */
	if (dir->view != CFS_VIEW_TARS || crit_dir_stat(*sub, CRIT_INVENTORY, &st) < 0)
		return 0;
	crit_dir_put(*sub);
	return -ENOENT;
}

static int enter_directory(struct cfs *fs, struct cfs_node *dir, const char *name,
			   struct cfs_node **out)
{
	enum cfs_view_kind view;
	struct crit_dir *sub;
	int ret = view_of_directory(dir, name, &view, &sub);

	if (ret < 0)
		return ret;
	*out = new_view(fs, dir, name, view, sub);
	crit_dir_put(sub);
	return *out ? 0 : -ENOMEM;
}

/* It is opened when somebody looks into it: `ls -l` does not. */
static int show_archive(struct cfs *fs, struct cfs_node *dir, const char *name,
			const struct stat *st, struct cfs_node **out)
{
	*out = new_view(fs, dir, name, CFS_VIEW_TREE, NULL);
	if (!*out)
		return -ENOMEM;
	(*out)->archived = crit_identity_of(st);
	return 0;
}

/* Is what the node stands for what the name leads to? */
static bool is_same(const struct cfs_node *dir, const struct cfs_node *node,
		    const struct stat *st)
{
	struct crit_identity now = crit_identity_of(st);
	struct stat own;

	if (S_ISDIR(st->st_mode))
		return node->kind == CFS_VIEW && crit_dir_self(node->dir, &own) == 0 &&
		       own.st_dev == st->st_dev && own.st_ino == st->st_ino;
	if (dir->view == CFS_VIEW_TARS)
		return node->kind == CFS_VIEW && crit_identity_same(&node->archived, &now);
	return node->kind == CFS_PASSED && node->dev == st->st_dev && node->inode == st->st_ino;
}

int cfs_view_lookup(struct cfs *fs, struct cfs_node *dir, const char *name,
		    struct fuse_entry_param *e)
{
	struct cfs_node *node;
	struct stat st;
	int ret;

	if (dir->view != CFS_VIEW_TREE && crit_commit_is_temporary(name))
		return -ENOENT;
	ret = enter(fs, dir);
	if (ret == 0)
		ret = crit_dir_stat(dir->dir, name, &st);
	if (ret < 0)
		return ret;
	node = cfs_node_by_name(&fs->nodes, dir->id, name);
	if (node && !is_same(dir, node, &st)) {
		cfs_node_rename(&fs->nodes, node, 0, NULL);
		node = NULL;
	}
	if (!node && S_ISDIR(st.st_mode)) {
		ret = enter_directory(fs, dir, name, &node);
	} else if (!node && dir->view == CFS_VIEW_TARS) {
		ret = S_ISREG(st.st_mode) && crit_archive_is_name(name)
			      ? show_archive(fs, dir, name, &st, &node)
			      : -ENOENT;
	} else if (!node) {
		node = cfs_node_new(&fs->nodes, 0, CFS_PASSED, dir, dir->id, name);
		if (node)
			cfs_passed_note(node, &st);
		else
			ret = -ENOMEM;
	}
	return ret < 0 ? ret : cfs_tree_entry(fs, node, e);
}

bool cfs_view_is_slow(struct cfs *fs, fuse_ino_t ino)
{
	const struct cfs_node *node = cfs_node_by_id(&fs->nodes, ino);

	return node && node->kind == CFS_VIEW && is_closed(node);
}

struct naming {
	const struct cfs *fs;
	struct cfs_node *dir;
	struct cfs_names *names;
};

static int add_name(void *arg, const char *name, unsigned char type)
{
	const struct naming *n = arg;
	enum cfs_view_kind view;
	struct crit_dir *sub;
	struct stat st;

	(void)type;
	if (n->dir->view != CFS_VIEW_TREE && crit_commit_is_temporary(name))
		return 0;
	if (crit_dir_stat(n->dir->dir, name, &st) < 0)
		return 0; /* it has gone meanwhile */
	if (S_ISDIR(st.st_mode)) {
		if (view_of_directory(n->dir, name, &view, &sub) < 0)
			return 0;
		crit_dir_put(sub);
	} else if (n->dir->view == CFS_VIEW_TARS) {
		if (!S_ISREG(st.st_mode) || !crit_archive_is_name(name))
			return 0;
		st.st_mode = S_IFDIR;
	}
	return cfs_names_add(n->names, name, st.st_mode,
			     cfs_ino_passed(st.st_ino, st.st_dev != n->fs->dev));
}

int cfs_view_names(struct cfs *fs, struct cfs_node *dir, struct cfs_names **out)
{
	struct naming n = {fs, dir, NULL};
	int ret = enter(fs, dir);

	if (ret < 0)
		return ret;
	n.names = calloc(1, sizeof(*n.names));
	ret = n.names ? crit_dir_each(dir->dir, add_name, &n) : -ENOMEM;
	return cfs_names_finish(n.names, ret, out);
}

/* ---------------------------------------------------------------------- attributes */

/* As a directory: who may read the archive may look into it. */
static int stat_archive(const struct cfs *fs, const struct cfs_node *node, struct stat *st)
{
	int ret = node->key ? crit_dir_stat(node->parent->dir, cfs_node_name(node), st)
			    : -ESTALE;

	st->st_ino = cfs_ino_passed(node->archived.ino, node->archived.dev != fs->dev);
	st->st_mode = S_IFDIR | (st->st_mode & 0666) | (st->st_mode & 0444) >> 2;
	st->st_size = st->st_blocks = 0;
	return ret;
}

int cfs_view_attr(const struct cfs *fs, const struct cfs_node *node, struct stat *st)
{
	int ret = node->archived.ino ? stat_archive(fs, node, st)
				     : crit_dir_self(node->dir, st);

	if (ret < 0)
		return ret;
	if (!node->archived.ino)
		st->st_ino = node->id;
	if (node->view != CFS_VIEW_TREE)
		st->st_mode &= ~(mode_t)0222;
	st->st_nlink = 1; /* directories in it are not counted */
	return 0;
}

/* Is it a file that is shown as of another version? */
static bool may_be_upgraded(const struct cfs *fs, const struct cfs_node *node)
{
	return fs->opt.upgrade && node->parent->view == CFS_VIEW_IMAGES;
}

/* As it is shown: 1, *head and *rest; 0 if that is as it is; -errno. */
static int upgrade(const struct cfs_node *node, struct crit_file *file, struct crit_buf *head,
		   struct crit_span *rest)
{
	crit_buf_reset(head);
	return crit_upgrade(file, cfs_node_name(node), head, rest);
}

int cfs_view_adjust(struct cfs *fs, const struct cfs_node *node, struct stat *st)
{
	char target[PATH_MAX + 1];
	struct crit_file *file;
	struct crit_span rest;
	int ret;

	if (S_ISLNK(st->st_mode)) {
		ret = cfs_view_readlink(fs, node, target, sizeof(target));
		st->st_size = ret < 0 ? st->st_size : (off_t)strlen(target);
		return 0;
	}
	if (!S_ISREG(st->st_mode) || !may_be_upgraded(fs, node))
		return 0;
	ret = crit_dir_file(node->parent->dir, cfs_node_name(node), &file);
	if (ret < 0)
		return ret;
	ret = upgrade(node, file, &fs->text, &rest);
	if (ret > 0)
		st->st_size = (off_t)(fs->text.len + rest.len);
	crit_file_put(file);
	return ret < 0 ? ret : 0;
}

/* Does a link of the dump lead to a directory of this mount? Is that a dump? */
static bool leads_inside(struct cfs *fs, const struct crit_dir *dir, bool *dump)
{
	const struct crit_dir *top;
	struct crit_dir *there;
	struct stat st;
	bool inside;

	if (crit_dir_follow(dir, CRIT_PARENT, &there) < 0)
		return false;
	for (top = there; crit_dir_up(top);)
		top = crit_dir_up(top);
	inside = top == fs->dump;
	*dump = there == fs->dump || crit_dir_stat(there, CRIT_INVENTORY, &st) == 0;
	crit_dir_put(there);
	return inside;
}

/* CRIU follows it from here as from the dump itself. */
static int redirect(struct cfs *fs, const struct cfs_node *view, char *out, size_t size)
{
	char target[PATH_MAX + 1], path[PATH_MAX];
	int n;
	bool dump;

	snprintf(target, sizeof(target), "%s", out);
	if (leads_inside(fs, view->dir, &dump)) {
		n = snprintf(out, size, "../../%s%s", target, dump ? "/.critfs/img" : "");
	} else if (fs->source && !fs->archive && target[0] != '/') {
		cfs_path_in(dump_of(view), "", path, sizeof(path));
		n = snprintf(out, size, "%s/%s%s", fs->source, path, target);
	} else {
		return 0;
	}
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int cfs_view_readlink(struct cfs *fs, const struct cfs_node *node, char *out, size_t size)
{
	const struct cfs_node *view = node->parent;
	ssize_t len = crit_dir_readlink(view->dir, cfs_node_name(node), out, size);

	if (len < 0)
		return (int)len;
	if (view->view != CFS_VIEW_IMAGES || strcmp(cfs_node_name(node), CRIT_PARENT))
		return 0;
	return redirect(fs, view, out, size);
}

/* --------------------------------------------------------------------------- files */

int cfs_view_opened(struct cfs *fs, const struct cfs_node *node, struct fuse_file_info *fi)
{
	struct cfs_handle *h = cfs_handle_of(fi);
	int ret;

	if (!may_be_upgraded(fs, node))
		return 0;
	ret = upgrade(node, h->file, &h->text, &h->span);
	h->upgraded = ret > 0;
	if (ret < 0)
		cfs_handle_unref(fs, h);
	return ret < 0 ? ret : 0;
}

void cfs_view_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		    off_t off, int flags)
{
	uint64_t at = (uint64_t)off, head = h->text.len, end = head + h->span.len;
	uint8_t *buf;
	size_t n;
	int ret = 0;

	size = at >= end ? 0 : end - at < size ? (size_t)(end - at) : size;
	if (at >= head && size) {
		cfs_reading_reply_fd(fs, req, h->file->fd, size,
				     (off_t)(h->file->base + h->span.off + (at - head)), flags);
		return;
	}
	buf = size ? malloc(size) : NULL;
	if (size && !buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (size) {
		n = head - at < size ? (size_t)(head - at) : size;
		memcpy(buf, h->text.data + at, n);
		ret = crit_file_read(h->file, buf + n, size - n, h->span.off);
	}
	if (ret < 0)
		fuse_reply_err(req, -ret);
	else
		fuse_reply_buf(req, (char *)buf, size);
	free(buf);
}
