/*
 * Open files of the dump.
 */
#include "fs/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "decoder/file.h"
#include "decoder/overlay.h"
#include "fs/reading.h"
#include "fs/seek.h"
#include "fs/soon.h"
#include "fs/view.h"

/*
 * A file of the dump that is being written stays a plain file; when all who write it
 * are done, it may turn out to be an image.
 */
static void note_written(struct cfs *fs, struct cfs_handle *h)
{
	cfs_changed(fs);
	if (h->flushed)
		h->node->writers++;
	h->flushed = false;
}

void cfs_passed_flushed(struct cfs_handle *h)
{
	if (!h->flushed)
		h->node->writers--;
	h->flushed = true;
}

/*
 * Are the pages of it still good? The kernel drops them when it sees another time or size;
 * but who writes to a file outside may give it the old ones.
 */
static bool opened_before(struct cfs_node *node, const struct crit_file *file)
{
	struct timespec before = node->opened;
	struct stat st;

	if (crit_file_stat(file, &st) < 0)
		return false;
	node->opened = cfs_is_past(&st.st_ctim) ? st.st_ctim : (struct timespec){0};
	return crit_time_same(&before, &st.st_ctim);
}

int cfs_passed_open(struct cfs *fs, struct cfs_node *node, struct crit_file *file,
		    struct fuse_file_info *fi)
{
	struct cfs_handle *h = cfs_handle_new(fs, CFS_HANDLE_PASSED, node->id, node);

	if (!h) {
		crit_file_put(file);
		return -ENOMEM;
	}
	cfs_handle_set_access(h, fi);
	h->file = file;
	fi->keep_cache = opened_before(node, file);
	h->flushed = true;
	if (h->writable)
		note_written(fs, h);
	cfs_handle_give(h, fi);
	return 0;
}

void cfs_passed_note(struct cfs_node *node, const struct stat *st)
{
	node->dev = st->st_dev;
	node->inode = st->st_ino;
}

void cfs_passed_follow(struct cfs *fs, struct cfs_node *node)
{
	const struct crit_dir *dir = node->parent->dir;
	struct crit_file *file;
	struct cfs_handle *h;
	struct stat st;

	if (!node->key || !crit_dir_is_overlaid(dir) ||
	    crit_dir_stat(dir, cfs_node_name(node), &st) < 0)
		return;
	cfs_passed_note(node, &st);
	DL_FOREACH(fs->handles, h) {
		if (h->kind != CFS_HANDLE_PASSED || h->node != node || h->writable ||
		    (h->file->st.st_dev == st.st_dev && h->file->st.st_ino == st.st_ino) ||
		    crit_dir_file(dir, cfs_node_name(node), &file) < 0)
			continue;
		crit_file_put(h->file);
		h->file = file;
	}
}

bool cfs_passed_is_slow(const struct cfs_node *node)
{
	return node->kind == CFS_PASSED && node->key && node->parent->kind != CFS_VIEW &&
	       crit_dir_is_below(node->parent->dir, cfs_node_name(node));
}

int cfs_passed_copy_up(struct cfs *fs, struct cfs_node *node, bool empty)
{
	char *name;
	int ret;

	if (!cfs_passed_is_slow(node))
		return 0;
	name = strdup(cfs_node_name(node));
	if (!name)
		return -ENOMEM;
	cfs_node_ref(node);
	cfs_unlock(fs);
	ret = crit_dir_copy_up(node->parent->dir, name, empty);
	cfs_lock(fs);
	free(name);
	if (ret == 0)
		cfs_passed_follow(fs, node);
	cfs_node_unref(&fs->nodes, node);
	return ret;
}

/* Open it to be written, where that may be done. */
static int open_to_write(struct cfs *fs, struct cfs_node *node, int flags,
			 struct crit_file **file)
{
	int fd, ret;

	if (node->parent->kind == CFS_VIEW)
		return -EROFS;
	/* what is emptied is copied as it is opened, or not at all */
	ret = flags & O_TRUNC ? 0 : cfs_passed_copy_up(fs, node, false);
	if (ret == 0 && !node->key)
		ret = -ESTALE;
	if (ret < 0)
		return ret;
	fd = crit_dir_open_file(node->parent->dir, cfs_node_name(node),
				flags & (O_ACCMODE | O_TRUNC | O_APPEND), 0);
	if (fd < 0)
		return fd;
	ret = crit_file_adopt(fd, file);
	if (ret < 0)
		close(fd);
	else
		cfs_passed_follow(fs, node);
	return ret;
}

int cfs_passed_open_name(struct cfs *fs, struct cfs_node *node, struct fuse_file_info *fi)
{
	struct crit_file *file;
	struct stat st;
	int ret;

	if (!node->key)
		return -ESTALE;
	/* pipes and devices are the kernel's, sockets can't be opened at all */
	ret = crit_dir_stat(node->parent->dir, cfs_node_name(node), &st);
	if (ret == 0 && !S_ISREG(st.st_mode))
		ret = -EPERM;
	if (ret < 0)
		return ret;
	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		ret = open_to_write(fs, node, fi->flags, &file);
	else
		ret = crit_dir_file(node->parent->dir, cfs_node_name(node), &file);
	if (ret < 0)
		return ret;
	ret = cfs_passed_open(fs, node, file, fi);
	return ret < 0 || node->parent->kind != CFS_VIEW ? ret : cfs_view_opened(fs, node, fi);
}

void cfs_passed_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		      off_t off, int flags)
{
	const struct crit_file *file = h->file;

	if (file->is_span && !h->upgraded) {
		uint64_t left = (uint64_t)off < (uint64_t)file->st.st_size
					? (uint64_t)(file->st.st_size - off)
					: 0;

		size = size < left ? size : (size_t)left;
	}
	if (!size)
		fuse_reply_buf(req, NULL, 0);
	else if (file->is_span && !crit_file_is_intact(file))
		fuse_reply_err(req, EIO); /* they would be anybody's bytes */
	else if (h->upgraded)
		cfs_view_reply(fs, req, h, size, off, flags);
	else
		cfs_reading_reply_fd(fs, req, file->fd, size, (off_t)file->base + off, flags);
}

int cfs_passed_seek(const struct cfs_handle *h, off_t off, int whence, off_t *found)
{
	const struct crit_file *file = h->file;

	if (h->upgraded || file->is_span)
		return cfs_seek_plain(h->upgraded ? h->text.len + h->span.len
						  : (uint64_t)file->st.st_size,
				      off, whence == SEEK_DATA, found);
	*found = lseek(file->fd, off, whence);
	return *found < 0 ? -errno : 0;
}

int cfs_passed_write(struct cfs *fs, struct cfs_handle *h, const void *buf, size_t size,
		     uint64_t off)
{
	note_written(fs, h);
	return crit_pwrite_full(h->file->fd, buf, size, off);
}
