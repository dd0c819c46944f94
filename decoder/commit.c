/*
 * Atomic replacement of an image file.
 */
#include "decoder/commit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "decoder/attributes.h"
#include "decoder/overlay.h"
#include "decoder/whiteout.h"

#define PREFIX   ".critfs."
#define SUFFIX   ".tmp"
#define RANDOM   6 /* characters between them */
#define NAME_LEN (sizeof(PREFIX) - 1 + RANDOM + sizeof(SUFFIX) - 1)

/* Bytes below which copying an image is as fast as sharing its blocks. */
#define CLONE_MIN (128 << 10)

_Static_assert(NAME_LEN < CRIT_TEMPORARY_NAME, "names of temporary files are longer");

bool crit_commit_is_temporary(const char *name)
{
	return strlen(name) == NAME_LEN && !strncmp(name, PREFIX, sizeof(PREFIX) - 1) &&
	       !strcmp(name + NAME_LEN - (sizeof(SUFFIX) - 1), SUFFIX);
}

void crit_commit_temporary_name(char name[CRIT_TEMPORARY_NAME])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	uint8_t r[RANDOM] = {0};
	unsigned i;

	if (getrandom(r, sizeof(r), 0) < 0)
		r[0] = (uint8_t)getpid(); /* O_EXCL finds what is taken */
	memcpy(name, PREFIX, sizeof(PREFIX) - 1);
	for (i = 0; i < RANDOM; i++)
		name[sizeof(PREFIX) - 1 + i] = letters[r[i] & 31];
	memcpy(name + sizeof(PREFIX) - 1 + RANDOM, SUFFIX, sizeof(SUFFIX));
}

/*
 * A new file, locked, so that a sweep leaves it alone. One may come between
 * creating and locking; then the file goes, and another is made.
 */
int crit_commit_temporary(int dirfd, char name[CRIT_TEMPORARY_NAME])
{
	struct stat st;
	int fd, tries;

	for (tries = 0; tries < 100; tries++) {
		crit_commit_temporary_name(name);
		fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			    0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		/* where nothing can be locked, no sweep can either, and leaves it alone */
		if ((flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) &&
		    fstat(fd, &st) == 0 && st.st_nlink)
			return fd;
		close(fd);
	}
	return -EEXIST;
}

/* Remove what has the name of a temporary file, if nobody is at it. */
static void sweep_one(int dirfd, const char *name)
{
	struct stat st;
	int tmp;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	/* that was to be a whiteout, or was hidden by one */
	if (S_ISCHR(st.st_mode))
		unlinkat(dirfd, name, 0);
	else if (S_ISDIR(st.st_mode))
		crit_whiteout_rmdir(dirfd, name);
	/* none of ours is anything else */
	if (!S_ISREG(st.st_mode))
		return;
	tmp = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (tmp < 0)
		return;
	if (flock(tmp, LOCK_EX | LOCK_NB) == 0)
		unlinkat(dirfd, name, 0);
	close(tmp);
}

void crit_commit_sweep(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((d = readdir(dir)))
		if (crit_commit_is_temporary(d->d_name))
			sweep_one(dirfd, d->d_name);
	closedir(dir);
}

static int check_unchanged(const struct crit_dir *dir, const char *name,
			   const struct crit_file *old, struct crit_error *err)
{
	struct crit_identity was = crit_identity_of(&old->st), is;
	struct stat st;
	int ret;

	ret = crit_dir_stat(dir, name, &st);
	if (ret == -ENOENT)
		return crit_fail(err, CRIT_CHANGED, "the image was removed underneath");
	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't look at the image");
	is = crit_identity_of(&st);
	if (!crit_identity_same(&was, &is))
		return crit_fail(err, CRIT_CHANGED, "the image was changed underneath");
	return 0;
}

/* What a commit is to do. */
struct commit {
	const struct crit_dir *dir;
	int dirfd; /* where it is written to */
	const char *name;
	const struct crit_file *old;
	const struct crit_edit *edit;
	enum crit_sync sync;
	struct crit_error *err;
};

/*
 * A copy that shares the disk's blocks with the old file, where the file system can, up to
 * where nothing is as it was: what is written over is slower than what is new. 1; 0 if
 * the file is still empty; -errno.
 */
static int write_clone(const struct commit *c, int fd)
{
	const struct crit_edit *edit = c->edit;
	int old = c->old->fd;
	struct crit_extent stale = crit_patch_extent(old, (uint64_t)c->old->st.st_size,
						     edit->pieces, edit->n_pieces);

	if (c->old->is_span || c->old->st.st_size < CLONE_MIN || ioctl(fd, FICLONE, old) < 0)
		return 0;
	if (stale.to < UINT64_MAX)
		stale = (struct crit_extent){0, 0};
	else if (ftruncate(fd, (off_t)stale.from) < 0)
		return -errno;
	if (crit_patch(fd, old, stale, edit->pieces, edit->n_pieces,
		       c->sync != CRIT_SYNC_NONE) == 0)
		return 1;
	return ftruncate(fd, 0) < 0 ? -errno : 0;
}

/* Write all of the new image into an empty file. */
static int write_bytes(const struct commit *c, int fd)
{
	int ret = write_clone(c, fd);

	if (ret)
		return ret < 0 ? ret : 0;
	return crit_patch(fd, -1, CRIT_EXTENT_ALL, c->edit->pieces, c->edit->n_pieces,
			  c->sync != CRIT_SYNC_NONE);
}

/* The bytes are there: make the rest so that the file can be the image. */
static int finish(const struct commit *c, int fd)
{
	int ret = crit_attributes_keep(fd, c->old, c->err);

	if (ret < 0)
		return ret;
	if (c->sync != CRIT_SYNC_NONE && fsync(fd) < 0)
		return crit_fail_errno(c->err, errno, "can't sync the new image");
	return check_unchanged(c->dir, c->name, c->old, c->err);
}

/* A new file with what is to be the image, and its name. */
static int make_new(const struct commit *c, char name[CRIT_TEMPORARY_NAME],
		    struct crit_file **out)
{
	struct crit_file *file;
	int fd, ret;

	fd = crit_commit_temporary(c->dirfd, name);
	if (fd < 0) {
		name[0] = '\0';
		return crit_fail_errno(c->err, -fd, "can't write beside the image");
	}
	ret = crit_file_adopt(fd, &file);
	if (ret < 0) {
		close(fd);
		return crit_fail(c->err, CRIT_NO_MEMORY, "no memory for the new image");
	}
	ret = write_bytes(c, fd);
	if (ret < 0)
		crit_fail_errno(c->err, -ret, "can't write the new image");
	else
		ret = finish(c, fd);
	if (ret < 0)
		crit_file_put(file);
	else
		*out = file;
	return ret;
}

/* The same out of the spare file. Whatever is wrong with it, a new one can still be made. */
static int make_of_spare(const struct commit *c, struct crit_spare *spare,
			 struct crit_file **out)
{
	struct commit quiet = *c;
	int ret;

	quiet.err = NULL;
	ret = crit_spare_patch(c->dirfd, spare, c->old, c->edit, c->sync != CRIT_SYNC_NONE);
	if (ret == 0)
		ret = finish(&quiet, spare->file->fd);
	if (ret < 0) {
		crit_spare_drop(c->dirfd, spare);
		return ret;
	}
	*out = spare->file;
	spare->file = NULL;
	return 0;
}

static int replace(const struct commit *c, const char *temporary)
{
	if (renameat(c->dirfd, temporary, c->dirfd, c->name) < 0)
		return crit_fail_errno(c->err, errno, "can't replace the image");
	return 0;
}

/* The image and the file beside it change places; where that can't be done, it goes. */
static int exchange(const struct commit *c, char temporary[CRIT_TEMPORARY_NAME])
{
	struct stat st;
	int ret;

	if (renameat2(c->dirfd, temporary, c->dirfd, c->name, RENAME_EXCHANGE) < 0) {
		ret = replace(c, temporary);
		if (ret == 0)
			temporary[0] = '\0';
		return ret;
	}
	if (fstatat(c->dirfd, temporary, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		temporary[0] = '\0'; /* it is not locked yet, and was swept */
		return 0;
	}
	if (st.st_dev == c->old->st.st_dev && st.st_ino == c->old->st.st_ino)
		return 0;
	/* somebody else's took the image's place in this very moment: give it back */
	if (renameat2(c->dirfd, temporary, c->dirfd, c->name, RENAME_EXCHANGE) < 0)
		temporary[0] = '\0';
	return crit_fail(c->err, CRIT_CHANGED, "the image was changed underneath");
}

int crit_sync_directory(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	/* some file systems can't; then the rename is as safe as it gets there */
	if (fsync(fd) < 0 && errno != EINVAL)
		ret = -errno;
	close(fd);
	return ret;
}

/* Put `file`, which is called `temporary`, in the image's place. */
static int publish(const struct commit *c, char temporary[CRIT_TEMPORARY_NAME],
		   struct crit_file *file, struct crit_spare *spare)
{
	int ret = spare ? exchange(c, temporary) : replace(c, temporary);

	if (ret < 0)
		return ret;
	/* the new image is in place, whatever happens now */
	flock(file->fd, LOCK_UN);
	fstat(file->fd, &file->st);
	if (spare) {
		spare->image = crit_identity_of(&file->st);
		spare->stale = crit_patch_extent(c->old->fd, (uint64_t)c->old->st.st_size,
						 c->edit->pieces, c->edit->n_pieces);
		spare->settled = false;
	}
	return 0;
}

int crit_commit(const struct crit_dir *dir, const char *name, const struct crit_file *old,
		const struct crit_edit *edit, enum crit_sync sync, struct crit_spare *spare,
		struct crit_file **out, struct crit_error *err)
{
	int dirfd = crit_dir_writable(dir);
	const struct commit c = {dir, dirfd, name, old, edit, sync, err};
	char own[CRIT_TEMPORARY_NAME] = "";
	char *temporary = spare ? spare->name : own;
	struct crit_file *file = NULL;
	int ret;

	*out = NULL;
	if (!edit->changes)
		return crit_fail_errno(err, EINVAL, "there is nothing to write");
	if (dirfd < 0)
		return crit_fail_errno(err, -dirfd, "can't write beside the image");
	ret = check_unchanged(dir, name, old, err);
	if (ret < 0)
		return ret;
	if (!spare || !spare->file || make_of_spare(&c, spare, &file) < 0)
		ret = make_new(&c, temporary, &file);
	if (ret == 0)
		ret = publish(&c, temporary, file, spare);
	if (ret < 0) {
		if (temporary[0])
			unlinkat(dirfd, temporary, 0);
		temporary[0] = '\0';
		crit_file_put(file);
		return ret;
	}
	*out = file;
	if (sync != CRIT_SYNC_DIR)
		return 0;
	ret = crit_sync_directory(dirfd);
	if (ret < 0)
		crit_fail_errno(err, -ret, "can't sync the directory");
	else if (spare)
		spare->settled = true;
	return ret;
}

int crit_commit_append(const struct crit_dir *dir, const char *name,
		       const struct crit_file *old, const struct crit_edit *edit,
		       struct crit_file **out, struct crit_error *err)
{
	int fd = crit_dir_open_file(dir, name, O_RDWR, 0), ret;
	struct crit_identity was = crit_identity_of(&old->st), is;
	struct crit_file *file;

	*out = NULL;
	if (fd < 0)
		return crit_fail_errno(err, -fd, "can't write to the image");
	ret = crit_file_adopt(fd, &file);
	if (ret < 0) {
		close(fd);
		return crit_fail_errno(err, -ret, "can't write to the image");
	}
	is = crit_identity_of(&file->st);
	if (!crit_identity_same(&was, &is)) {
		crit_file_put(file);
		return crit_fail(err, CRIT_CHANGED, "the image was changed underneath");
	}
	ret = crit_patch(fd, old->fd, (struct crit_extent){0, 0}, edit->pieces, edit->n_pieces,
			 false);
	if (ret < 0) {
		crit_fail_errno(err, -ret, "can't write to the image");
		if (ftruncate(fd, old->st.st_size) < 0)
			ret = -EIO; /* what was written of it is a damaged tail now */
	}
	/* even then: its times are others */
	fstat(fd, &file->st);
	*out = file;
	return ret;
}

int crit_commit_new(const struct crit_dir *dir, const char *name,
		    const struct crit_piece *pieces, size_t n_pieces, enum crit_sync sync,
		    mode_t mode, uid_t uid, gid_t gid)
{
	char temporary[CRIT_TEMPORARY_NAME];
	int dirfd = crit_dir_writable(dir);
	int fd = dirfd < 0 ? dirfd : crit_commit_temporary(dirfd, temporary), ret;

	if (fd < 0)
		return fd;
	ret = crit_patch(fd, -1, CRIT_EXTENT_ALL, pieces, n_pieces, sync != CRIT_SYNC_NONE);
	if (ret == 0 && geteuid() == 0 && fchown(fd, uid, gid) < 0)
		ret = -errno;
	if (ret == 0 && fchmod(fd, mode) < 0)
		ret = -errno;
	if (ret == 0 && sync != CRIT_SYNC_NONE && fsync(fd) < 0)
		ret = -errno;
	if (ret == 0)
		ret = crit_dir_publish(dir, temporary, name);
	if (ret < 0)
		unlinkat(dirfd, temporary, 0);
	close(fd);
	return ret;
}
