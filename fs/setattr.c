/*
 * Setting attributes and sizes. Owner, mode and times of entries are their
 * image's; setting them succeeds and changes nothing, so that cp -p and rsync
 * work. Those of an image directory are the image file's.
 */
#include "fs/setattr.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "decoder/overlay.h"
#include "fs/attr.h"
#include "fs/jobs.h"
#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/passed.h"
#include "fs/promise.h"
#include "fs/reading.h"
#include "fs/scratch.h"
#include "fs/watch.h"

static void times_of(const struct stat *attr, int to_set, struct timespec times[2])
{
	times[0] = attr->st_atim;
	times[1] = attr->st_mtim;
	if (!(to_set & FUSE_SET_ATTR_ATIME))
		times[0].tv_nsec = UTIME_OMIT;
	else if (to_set & FUSE_SET_ATTR_ATIME_NOW)
		times[0].tv_nsec = UTIME_NOW;
	if (!(to_set & FUSE_SET_ATTR_MTIME))
		times[1].tv_nsec = UTIME_OMIT;
	else if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		times[1].tv_nsec = UTIME_NOW;
}

/* On an open file or directory; a symlink by its name in `dirfd`, fd being -1. */
static int set_on_file(int fd, int dirfd, const char *name, const struct stat *attr, int to_set)
{
	uid_t uid = to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;
	struct timespec times[2];
	int flags = AT_SYMLINK_NOFOLLOW;

	if (fd >= 0) {
		dirfd = fd;
		name = "";
		flags = AT_EMPTY_PATH;
	}
	if ((to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) &&
	    fchownat(dirfd, name, uid, gid, flags) < 0)
		return -errno;
	if ((to_set & FUSE_SET_ATTR_MODE) && (fd < 0 || fchmod(fd, attr->st_mode & 07777) < 0))
		return fd < 0 ? -EOPNOTSUPP : -errno;
	times_of(attr, to_set, times);
	if ((to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)) &&
	    (fd >= 0 ? futimens(fd, times) : utimensat(dirfd, name, times, flags)) < 0)
		return -errno;
	return 0;
}

/* Of a file that is not open, or not where it is written to. */
static int set_by_name(struct cfs *fs, struct cfs_node *node, const struct stat *attr,
		       int to_set)
{
	bool resize = to_set & FUSE_SET_ATTR_SIZE;
	const struct crit_dir *dir = node->parent->dir;
	const char *name;
	struct stat st;
	int fd, ret = cfs_passed_copy_up(fs, node, resize && !attr->st_size);

	name = cfs_node_name(node);
	if (ret == 0)
		ret = name ? crit_dir_stat(dir, name, &st) : -ESTALE;
	if (ret < 0)
		return ret == -ENOENT ? -ESTALE : ret;
	if (!S_ISREG(st.st_mode))
		return set_on_file(-1, crit_dir_writable(dir), name, attr, to_set);
	fd = crit_dir_open_file(dir, name, resize ? O_WRONLY : O_RDONLY, 0);
	if (fd < 0)
		return fd;
	ret = resize && ftruncate(fd, attr->st_size) < 0 ? -errno : 0;
	if (ret == 0)
		ret = set_on_file(fd, -1, NULL, attr, to_set);
	close(fd);
	return ret;
}

static int set_passed(struct cfs *fs, struct cfs_node *node, struct cfs_handle *h,
		      const struct stat *attr, int to_set)
{
	int fd;

	if (node->kind == CFS_DIR) {
		fd = crit_dir_writable(node->dir);
		return fd < 0 ? fd : set_on_file(fd, -1, NULL, attr, to_set);
	}
	if (node->parent->kind == CFS_VIEW)
		return -EROFS;
	if (!h || h->kind != CFS_HANDLE_PASSED)
		h = cfs_handle_of_passed(fs, node);
	/* who only reads may have open what is below, and nothing can be resized by that */
	if (!h || (!h->writable &&
		   ((to_set & FUSE_SET_ATTR_SIZE) || crit_dir_is_overlaid(node->parent->dir))))
		/* what was removed, and is only read, is nobody's any more */
		return h && !node->key ? 0 : set_by_name(fs, node, attr, to_set);
	if (to_set & FUSE_SET_ATTR_SIZE && ftruncate(h->file->fd, attr->st_size) < 0)
		return -errno;
	return set_on_file(h->file->fd, -1, NULL, attr, to_set);
}

/*
 * On an image's file. It changes the file, but not from underneath: what is known
 * of it stays true, if it was true until now.
 */
static int set_image(struct cfs *fs, struct cfs_image *image, const struct stat *attr,
		     int to_set)
{
	struct stat file = *attr;
	struct crit_file *now;
	int ret;

	ret = cfs_image_copy_up(fs, image);
	if (ret < 0)
		return ret;
	ret = crit_dir_file(image->node->parent->dir, cfs_node_name(image->node), &now);
	if (ret < 0)
		return ret;
	file.st_mode &= ~(mode_t)0111; /* a directory's x, which the file has not */
	if (!cfs_image_is(image, &now->st))
		ret = -EBUSY; /* replaced this very moment */
	if (ret == 0)
		ret = set_on_file(now->fd, -1, NULL, &file, to_set);
	if (ret == 0)
		ret = cfs_image_attributes_set(image, now, to_set & FUSE_SET_ATTR_MTIME);
	if (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		cfs_promise_remind(fs, image);
		cfs_watch_settle(fs);
	}
	crit_file_put(now);
	return ret;
}

static int set_scratch(struct cfs_node *node, const struct stat *attr, int to_set)
{
	struct cfs_scratch *s = node->scratch;
	struct timespec times[2];

	if (to_set & FUSE_SET_ATTR_SIZE) {
		int ret = cfs_scratch_own(s);

		if (ret == 0)
			ret = cfs_draft_truncate(s->contents, (uint64_t)attr->st_size);
		if (ret < 0)
			return ret;
	}
	if (to_set & FUSE_SET_ATTR_MODE)
		s->mode = (s->mode & S_IFMT) | (attr->st_mode & 07777);
	if (to_set & FUSE_SET_ATTR_UID)
		s->uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		s->gid = attr->st_gid;
	times_of(attr, to_set, times);
	clock_gettime(CLOCK_REALTIME, &s->ctime);
	if (times[0].tv_nsec != UTIME_OMIT)
		s->atime = times[0].tv_nsec == UTIME_NOW ? s->ctime : times[0];
	if (times[1].tv_nsec != UTIME_OMIT)
		s->mtime = times[1].tv_nsec == UTIME_NOW ? s->ctime : times[1];
	return 0;
}

/* ftruncate(2): the draft's size, committed when it is flushed. */
static int resize_draft(struct cfs *fs, struct cfs_handle *h, uint64_t size)
{
	int ret = 0;

	if (!size && !h->draft) /* what it was is no matter */
		ret = (h->draft = cfs_draft_new(&fs->store)) ? 0 : -ENOMEM;
	else
		ret = cfs_handle_own_draft(fs, h);
	if (ret == 0)
		ret = cfs_draft_truncate(h->draft, size);
	if (ret == 0)
		cfs_handle_drafted(h, size);
	return ret;
}

/* 1: it will be answered later. */
static int set_entry(struct cfs *fs, fuse_req_t req, fuse_ino_t ino, const struct cfs_object *o,
		     const struct stat *attr, int to_set)
{
	if (!(to_set & FUSE_SET_ATTR_SIZE))
		return 0;
	if (cfs_part_is_raw(o->ref.part))
		return -EPERM;
	if (cfs_handle_readers(fs, ino).cached || cfs_promise_holds(&o->ref, o->node))
		return cfs_entry_contend(fs, &o->ref);
	/* truncate(2): an empty text is nothing yet, an empty blob is contents */
	if (cfs_part_is_text(o->ref.part) && !attr->st_size)
		return 0;
	cfs_job_truncate(fs, req, ino, &o->ref, (uint64_t)attr->st_size);
	return 1;
}

static int set(struct cfs *fs, fuse_req_t req, fuse_ino_t ino, const struct cfs_object *o,
	       struct cfs_handle *h, const struct stat *attr, int to_set)
{
	/* the open file, wherever its name and node went meanwhile */
	if (h && h->kind == CFS_HANDLE_ENTRY && h->writable && (to_set & FUSE_SET_ATTR_SIZE))
		return resize_draft(fs, h, (uint64_t)attr->st_size);
	if (o->is_entry)
		return set_entry(fs, req, ino, o, attr, to_set);
	switch (o->node->kind) {
	case CFS_SCRATCH:
		return set_scratch(o->node, attr, to_set);
	case CFS_PASSED:
	case CFS_DIR:
		cfs_changed(fs);
		return set_passed(fs, o->node, h, attr, to_set);
	case CFS_IMAGE:
		return set_image(fs, o->ref.image, attr, to_set);
	case CFS_PROC:
		/* as truncate(2) of what can be written has it */
		return to_set & FUSE_SET_ATTR_SIZE ? -EPERM : -EROFS;
	default:
		return -EROFS;
	}
}

static void reply(struct cfs *fs, fuse_req_t req, fuse_ino_t ino, const struct cfs_handle *h)
{
	struct stat st;
	double timeout;
	int ret = cfs_attr_open(fs, ino, h, &st, &timeout);

	if (ret < 0)
		fuse_reply_err(req, -ret);
	else
		fuse_reply_attr(req, &st, timeout);
}

void cfs_setattr_now(struct cfs *fs, fuse_req_t req, fuse_ino_t ino, struct cfs_handle *h,
		     const struct stat *attr, int to_set)
{
	struct cfs_object o;
	int ret = cfs_object_find(fs, ino, &o);

	fs->asker = fuse_req_ctx(req)->pid;
	if (ret == 0)
		ret = set(fs, req, ino, &o, h, attr, to_set);
	else if ((h = h ? h : cfs_handle_of_entry(fs, ino)) &&
		 h->kind == CFS_HANDLE_ENTRY) /* it was removed, but is open still */
		ret = to_set & FUSE_SET_ATTR_SIZE && h->writable
			      ? resize_draft(fs, h, (uint64_t)attr->st_size)
			      : 0;
	else if (o.old && (to_set & FUSE_SET_ATTR_SIZE)) /* he comes again, once */
		ret = cfs_entry_contend(fs, &o.ref);
	if (ret < 0)
		fuse_reply_err(req, -ret);
	else if (ret == 0)
		reply(fs, req, ino, h);
}

void cfs_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		    struct fuse_file_info *fi)
{
	struct cfs_handle *h = fi ? cfs_handle_of(fi) : NULL;
	struct cfs *fs = fuse_req_userdata(req);
	bool resize = h && (to_set & FUSE_SET_ATTR_SIZE) && attr->st_size;
	struct cfs_object o;

	cfs_lock(fs);
	if ((h && h->jobs) || (resize && cfs_handle_draft_is_slow(h)) ||
	    cfs_reading_image_of_attr(fs, ino) ||
	    (cfs_object_find(fs, ino, &o) == 0 && o.node &&
	     (o.node->kind == CFS_IMAGE || cfs_passed_is_slow(o.node))))
		cfs_job_setattr(fs, req, ino, h, attr, to_set);
	else
		cfs_setattr_now(fs, req, ino, h, attr, to_set);
	cfs_unlock(fs);
}
