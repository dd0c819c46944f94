/*
 * Open files of the dump.
 */
#include "fs/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "decoder/file.h"
#include "fs/soon.h"

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
static bool opened_before(struct cfs_node *node, int fd)
{
	struct timespec before = node->opened;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	node->opened = cfs_is_past(&st.st_ctim) ? st.st_ctim : (struct timespec){0};
	return crit_time_same(&before, &st.st_ctim);
}

int cfs_passed_open(struct cfs *fs, struct cfs_node *node, int fd, struct fuse_file_info *fi)
{
	struct cfs_handle *h = cfs_handle_new(fs, CFS_HANDLE_PASSED, node->id, node);

	if (!h) {
		close(fd);
		return -ENOMEM;
	}
	cfs_handle_set_access(h, fi);
	h->fd = fd;
	fi->keep_cache = opened_before(node, fd);
	h->flushed = true;
	if (h->writable)
		note_written(fs, h);
	cfs_handle_give(h, fi);
	return 0;
}

int cfs_passed_open_name(struct cfs *fs, struct cfs_node *node, struct fuse_file_info *fi)
{
	int flags = (fi->flags & (O_ACCMODE | O_TRUNC | O_APPEND)) | O_NOFOLLOW | O_NONBLOCK |
		    O_CLOEXEC;
	struct stat st;
	int fd;

	if (!node->key)
		return -ESTALE;
	/* pipes and devices are the kernel's, sockets can't be opened at all */
	if (fstatat(node->parent->dirfd, cfs_node_name(node), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EPERM;
	fd = openat(node->parent->dirfd, cfs_node_name(node), flags);
	if (fd < 0)
		return -errno;
	return cfs_passed_open(fs, node, fd, fi);
}

int cfs_passed_write(struct cfs *fs, struct cfs_handle *h, const void *buf, size_t size,
		     uint64_t off)
{
	note_written(fs, h);
	return crit_pwrite_full(h->fd, buf, size, off);
}
