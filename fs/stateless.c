/*
 * Reading without opening.
 */
#include "fs/stateless.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fs/attr.h"
#include "fs/file.h"
#include "fs/handle.h"
#include "fs/reading.h"
#include "fs/seek.h"
#include "fs/soon.h"
#include "fs/watch.h"

#define KEPT_S     5                  /* it may be the last reference to a large file */
#define KEPT_BYTES ((size_t)64 << 20) /* of texts; what is read last is kept in any case */

void cfs_op_no_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

static void drop_last(struct cfs *fs)
{
	cfs_handle_unref(fs, fs->kept[--fs->n_kept].h);
}

void cfs_stateless_expire(struct cfs *fs)
{
	while (fs->n_kept && cfs_seconds_since(&fs->kept[fs->n_kept - 1].used) > KEPT_S)
		drop_last(fs);
}

/* Put what was read from just now first. */
static void put_first(struct cfs *fs, unsigned i, struct cfs_handle *h)
{
	memmove(fs->kept + 1, fs->kept, i * sizeof(*fs->kept));
	fs->kept[0].h = h;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &fs->kept[0].used);
}

/* Other files have another node id when they say something else. */
static bool is_old(const struct cfs_handle *h)
{
	return (h->kind == CFS_HANDLE_SPECIAL || h->kind == CFS_HANDLE_PROC) &&
	       cfs_seconds_since(&h->since) > CFS_TIMEOUT;
}

static struct cfs_handle *find(struct cfs *fs, fuse_ino_t ino)
{
	struct cfs_handle *h;
	unsigned i;

	for (i = 0; i < fs->n_kept && fs->kept[i].h->ino != ino; i++)
		;
	if (i == fs->n_kept)
		return NULL;
	h = fs->kept[i].h;
	if (!is_old(h)) {
		put_first(fs, i, h);
		return h;
	}
	fs->n_kept--;
	memmove(fs->kept + i, fs->kept + i + 1, (fs->n_kept - i) * sizeof(*fs->kept));
	cfs_handle_unref(fs, h);
	return NULL;
}

/* Texts can be a gigabyte each. */
static void drop_large(struct cfs *fs)
{
	size_t bytes = 0;
	unsigned i;

	for (i = 0; i < fs->n_kept; i++)
		bytes += fs->kept[i].h->text.cap;
	while (fs->n_kept > 1 && bytes > KEPT_BYTES) {
		bytes -= fs->kept[fs->n_kept - 1].h->text.cap;
		drop_last(fs);
	}
}

/* What has a node id is what it was; of another one the kernel has to hear first. */
static int open_by_id(struct cfs *fs, fuse_ino_t ino, struct cfs_handle **out)
{
	struct fuse_file_info fi = {.flags = O_RDONLY};
	struct cfs_object o;
	int ret = cfs_object_find(fs, ino, &o);

	if (ret == 0)
		ret = cfs_file_open(fs, ino, &fi);
	if (ret < 0)
		return ret;
	*out = cfs_handle_of(&fi);
	if (fs->n_kept == CFS_KEPT_MAX)
		drop_last(fs);
	put_first(fs, fs->n_kept++, *out);
	drop_large(fs);
	cfs_watch_wake(fs);
	return 0;
}

static int get(struct cfs *fs, const struct cfs_asked *a, struct cfs_handle **h)
{
	fs->asker = fuse_req_ctx(a->req)->pid;
	*h = find(fs, a->ino);
	return *h ? 0 : open_by_id(fs, a->ino, h);
}

static void answer_read(struct cfs *fs, const struct cfs_asked *a)
{
	struct cfs_handle *h;
	int ret = get(fs, a, &h);

	if (ret < 0)
		fuse_reply_err(a->req, -ret);
	else
		cfs_file_read(fs, a->req, h, a->size, a->off, a->flags);
}

static void answer_seek(struct cfs *fs, const struct cfs_asked *a)
{
	struct cfs_handle *h;
	int ret = get(fs, a, &h);

	if (ret < 0)
		fuse_reply_err(a->req, -ret);
	else
		cfs_seek(fs, a->req, h, a->off, a->whence);
}

/* To open it may be for another worker to do. */
static void answer(struct cfs *fs, void (*fn)(struct cfs *fs, const struct cfs_asked *a),
		   const struct cfs_asked *a)
{
	if (cfs_reading_is_needed(fs, a->ino) && !find(fs, a->ino))
		cfs_reading_post(fs, NULL, fn, a);
	else
		cfs_reading_answer(fs, cfs_reading_image(fs, a->ino), fn, a);
}

void cfs_op_read_by_id(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	struct cfs_asked asked = {
		.req = req, .ino = ino, .size = size, .off = off, .flags = fi->flags};
	struct cfs *fs = fuse_req_userdata(req);

	cfs_lock(fs);
	answer(fs, answer_read, &asked);
	cfs_unlock(fs);
}

void cfs_op_lseek_by_id(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
			struct fuse_file_info *fi)
{
	struct cfs_asked asked = {.req = req, .ino = ino, .off = off, .whence = whence};
	struct cfs *fs = fuse_req_userdata(req);

	(void)fi;
	cfs_lock(fs);
	answer(fs, answer_seek, &asked);
	cfs_unlock(fs);
}
