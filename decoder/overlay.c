/*
 * Changes to a directory of a dump, in whichever layer takes them.
 */
#include "decoder/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "decoder/attributes.h"
#include "decoder/commit.h"
#include "decoder/copy.h"
#include "decoder/dir-inside.h"
#include "decoder/whiteout.h"

/* ---------------------------------------------------------------- where changes go */

/* Is there something else under the name of a directory by now, or nothing? */
static bool is_replaced(const struct crit_dir *dir)
{
	struct stat st;

	return crit_dir_above(dir->up, dir->name, &st) == CRIT_ABOVE_REMOVED;
}

/*
 * Owner, mode and times of what is below, on the directory that is to be above it; of one of
 * an archive no bits that make others take its owner or group.
 */
static int be_like(int fd, const struct crit_dir *dir, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (geteuid() == 0 && fchown(fd, st->st_uid, st->st_gid) < 0)
		return -errno;
	if (fchmod(fd, st->st_mode & (dir->member ? 01777 : 07777)) < 0 ||
	    futimens(fd, times) < 0)
		return -errno;
	return 0;
}

/* Make the directory above what is below. 0, -ESTALE, -errno. */
static int make_upper(const struct crit_dir *dir)
{
	int up = crit_dir_writable(dir->up), fd, ret;
	bool made;
	struct stat st;

	if (up < 0)
		return up;
	ret = is_replaced(dir) ? -ESTALE : crit_dir_self(dir, &st);
	if (ret < 0)
		return ret;
	made = mkdirat(up, dir->name, 0700) == 0;
	if (!made && errno != EEXIST)
		return -errno;
	fd = crit_open_sub(up, dir->name);
	if (fd < 0)
		return fd;
	if (made)
		ret = be_like(fd, dir, &st);
	else if (crit_is_opaque(fd))
		ret = -ESTALE; /* another directory that has this one's name */
	if (ret < 0) {
		close(fd);
		if (made)
			unlinkat(up, dir->name, AT_REMOVEDIR);
		return ret;
	}
	crit_dir_set_upper(dir, fd);
	return 0;
}

int crit_dir_writable(const struct crit_dir *dir)
{
	int ret;

	if (!dir->overlaid)
		return dir->lower >= 0 ? dir->lower : -EROFS;
	if (crit_dir_upper(dir) < 0) {
		ret = make_upper(dir);
		if (ret < 0)
			return ret;
	}
	return crit_dir_upper(dir);
}

int crit_dir_changed(const struct crit_dir *dir)
{
	return dir->overlaid ? crit_dir_upper(dir) : dir->lower;
}

int crit_dir_sync(const struct crit_dir *dir)
{
	int fd = crit_dir_changed(dir);

	return fd < 0 ? 0 : crit_sync_directory(fd);
}

bool crit_dir_is_below(const struct crit_dir *dir, const char *name)
{
	struct stat st;

	return dir->overlaid && crit_dir_above(dir, name, &st) == CRIT_ABOVE_NOTHING;
}

/* Has it a whiteout? */
static bool is_removed(const struct crit_dir *dir, const char *name)
{
	struct stat st;

	return dir->overlaid && crit_dir_above(dir, name, &st) == CRIT_ABOVE_REMOVED;
}

static bool is_there(const struct crit_dir *dir, const char *name)
{
	struct stat st;

	return crit_dir_stat(dir, name, &st) == 0;
}

/* Is there something that it would show again if it went from the upper directory? */
static bool hides(const struct crit_dir *dir, const char *name)
{
	struct stat st;
	int ret = dir->overlaid ? crit_dir_stat_below(dir, name, &st) : -ENOENT;

	return ret != -ENOENT && ret != -ENOTDIR;
}

/* Rename over nothing, also where the file system can't do that at once. 0, -EEXIST. */
static int take_free_name(int fd, const char *temporary, const char *name)
{
	if (renameat2(fd, temporary, fd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if ((errno != EINVAL && errno != ENOSYS) || linkat(fd, temporary, fd, name, 0) < 0)
		return -errno;
	unlinkat(fd, temporary, 0);
	return 0;
}

int crit_dir_publish(const struct crit_dir *dir, const char *temporary, const char *name)
{
	int fd = crit_dir_writable(dir);

	if (fd < 0)
		return fd;
	if (crit_dir_is_whiteout_name(dir, name))
		return -EPERM;
	if (is_removed(dir, name))
		return crit_whiteout_replace(fd, temporary, name, false);
	if (dir->overlaid && is_there(dir, name))
		return -EEXIST;
	return take_free_name(fd, temporary, name);
}

/* ------------------------------------------------------------------------- copying */

static int fill_copy(int fd, const struct crit_file *file, bool empty)
{
	const struct timespec times[2] = {file->st.st_atim, file->st.st_mtim};
	uint64_t size = empty ? 0 : (uint64_t)file->st.st_size;
	int ret = crit_attributes_keep(fd, file, NULL);

	if (ret == 0 && ftruncate(fd, (off_t)size) < 0)
		ret = -errno;
	if (ret == 0 && size)
		ret = crit_copy_span(file->fd, file->base, fd, 0, size);
	if (ret == 0 && futimens(fd, times) < 0)
		ret = -errno;
	if (ret == 0 && !empty && !crit_file_is_intact(file))
		ret = -EBUSY; /* somebody wrote to it meanwhile */
	/* before it hides what is below */
	if (ret == 0 && !empty && fsync(fd) < 0)
		ret = -errno;
	return ret;
}

/*
 * The copy; with `out`, opened with these flags before it hides what is below, so that what
 * can't be opened is not emptied either. -EEXIST if somebody else was quicker.
 */
static int copy_file_up(const struct crit_dir *dir, const char *name, bool empty, int flags,
			int *out)
{
	char temporary[CRIT_TEMPORARY_NAME];
	int up = crit_dir_writable(dir), fd, ret;
	struct crit_file *file;

	if (up < 0)
		return up;
	ret = crit_dir_file(dir, name, &file);
	if (ret < 0)
		return ret;
	fd = crit_commit_temporary(up, temporary);
	ret = fd < 0 ? fd : fill_copy(fd, file, empty);
	if (ret == 0 && out) {
		*out = openat(up, temporary, flags);
		ret = *out < 0 ? -errno : 0;
	}
	if (ret == 0)
		ret = take_free_name(up, temporary, name);
	if (ret < 0 && out && *out >= 0) {
		close(*out);
		*out = -1;
	}
	if (ret < 0 && fd >= 0)
		unlinkat(up, temporary, 0);
	if (fd >= 0)
		close(fd);
	crit_file_put(file);
	return ret;
}

static int copy_link_up(const struct crit_dir *dir, const char *name)
{
	char target[PATH_MAX + 1];
	ssize_t len = crit_dir_readlink(dir, name, target, sizeof(target));
	int up = crit_dir_writable(dir);

	if (len < 0 || up < 0)
		return len < 0 ? (int)len : up;
	return symlinkat(target, up, name) < 0 && errno != EEXIST ? -errno : 0;
}

int crit_dir_copy_up(const struct crit_dir *dir, const char *name, bool empty)
{
	struct crit_dir *sub;
	struct stat st;
	int ret, up;

	if (!crit_dir_is_below(dir, name))
		return 0;
	ret = crit_dir_stat(dir, name, &st);
	if (ret < 0)
		return ret;
	if (S_ISREG(st.st_mode)) {
		ret = copy_file_up(dir, name, empty, 0, NULL);
		return ret == -EEXIST ? 0 : ret;
	}
	/* those of an archive are not this machine's */
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return -EPERM;
	if (S_ISDIR(st.st_mode)) {
		ret = crit_dir_sub(dir, name, &sub);
		if (ret < 0)
			return ret;
		ret = crit_dir_writable(sub);
		crit_dir_put(sub);
		return ret < 0 ? ret : 0;
	}
	if (S_ISLNK(st.st_mode)) {
		ret = copy_link_up(dir, name);
		up = crit_dir_writable(dir);
	} else {
		up = crit_dir_writable(dir);
		ret = up < 0 ? up : mknodat(up, name, st.st_mode, st.st_rdev) < 0 ? -errno : 0;
	}
	if (ret == 0 && geteuid() == 0 &&
	    fchownat(up, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		ret = -errno;
	return ret == -EEXIST ? 0 : ret;
}

/* ------------------------------------------------------------------------- changes */

/* Create it where a whiteout is. */
static int open_in_place(const struct crit_dir *dir, int up, const char *name, int flags,
			 mode_t mode)
{
	char temporary[CRIT_TEMPORARY_NAME];
	int fd, ret;

	crit_commit_temporary_name(temporary);
	fd = openat(up, temporary, flags | O_EXCL, mode);
	if (fd < 0)
		return -errno;
	ret = crit_dir_publish(dir, temporary, name);
	if (ret == 0)
		return fd;
	unlinkat(up, temporary, 0);
	close(fd);
	return ret;
}

int crit_dir_open_file(const struct crit_dir *dir, const char *name, int flags, mode_t mode)
{
	int up, fd, ret;

	flags |= O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	if (crit_dir_is_whiteout_name(dir, name))
		return flags & O_CREAT ? -EPERM : -ENOENT;
	if (crit_dir_is_below(dir, name) && is_there(dir, name)) {
		if (flags & O_EXCL)
			return -EEXIST;
		fd = -1;
		ret = copy_file_up(dir, name, flags & O_TRUNC, flags & ~(O_CREAT | O_TRUNC),
				   &fd);
		if (ret != -EEXIST)
			return ret < 0 ? ret : fd;
	}
	up = crit_dir_writable(dir);
	if (up < 0)
		return up;
	if (is_removed(dir, name))
		return flags & O_CREAT ? open_in_place(dir, up, name, flags, mode) : -ENOENT;
	fd = openat(up, name, flags, mode);
	return fd < 0 ? -errno : fd;
}

/* Make something by `make`, where a whiteout may be. */
static int make_node(const struct crit_dir *dir, const char *name, mode_t mode,
		     const char *target,
		     int (*make)(int fd, const char *name, mode_t mode, const char *target))
{
	char temporary[CRIT_TEMPORARY_NAME];
	int up = crit_dir_writable(dir), ret;

	if (up < 0)
		return up;
	if (crit_dir_is_whiteout_name(dir, name))
		return -EPERM;
	if (!is_removed(dir, name))
		return is_there(dir, name)                ? -EEXIST
		       : make(up, name, mode, target) < 0 ? -errno
							  : 0;
	crit_commit_temporary_name(temporary);
	if (make(up, temporary, mode, target) < 0)
		return -errno;
	ret = crit_whiteout_replace(up, temporary, name, S_ISDIR(mode));
	if (ret < 0)
		unlinkat(up, temporary, S_ISDIR(mode) ? AT_REMOVEDIR : 0);
	return ret;
}

static int make_directory(int fd, const char *name, mode_t mode, const char *target)
{
	(void)target;
	return mkdirat(fd, name, mode & 07777);
}

static int make_link(int fd, const char *name, mode_t mode, const char *target)
{
	(void)mode;
	return symlinkat(target, fd, name);
}

static int make_file(int fd, const char *name, mode_t mode, const char *target)
{
	(void)target;
	return mknodat(fd, name, S_IFREG | (mode & 07777), 0);
}

int crit_dir_mkdir(const struct crit_dir *dir, const char *name, mode_t mode)
{
	return make_node(dir, name, S_IFDIR | mode, NULL, make_directory);
}

int crit_dir_symlink(const struct crit_dir *dir, const char *name, const char *target)
{
	return make_node(dir, name, S_IFLNK, target, make_link);
}

int crit_dir_mknod(const struct crit_dir *dir, const char *name, mode_t mode)
{
	return make_node(dir, name, S_IFREG | mode, NULL, make_file);
}

static int visit_any(void *arg, const char *name, unsigned char type)
{
	(void)arg;
	(void)type;
	return !crit_commit_is_temporary(name); /* which nobody sees */
}

/* 1, 0, -errno. */
static int is_empty(const struct crit_dir *dir, const char *name)
{
	struct crit_dir *sub;
	int ret = crit_dir_sub(dir, name, &sub);

	if (ret < 0)
		return ret;
	ret = crit_dir_each(sub, visit_any, NULL);
	crit_dir_put(sub);
	return ret < 0 ? ret : !ret;
}

int crit_dir_unlink(const struct crit_dir *dir, const char *name, int flags)
{
	bool rmdir = flags & AT_REMOVEDIR;
	struct stat st;
	int ret, up;

	if (!dir->overlaid) {
		up = crit_dir_writable(dir);
		return up < 0 ? up : unlinkat(up, name, flags) < 0 ? -errno : 0;
	}
	ret = crit_dir_stat(dir, name, &st);
	if (ret < 0)
		return ret;
	if (rmdir != S_ISDIR(st.st_mode))
		return rmdir ? -ENOTDIR : -EISDIR;
	if (rmdir) {
		ret = is_empty(dir, name);
		if (ret <= 0)
			return ret < 0 ? ret : -ENOTEMPTY;
	}
	up = crit_dir_writable(dir);
	if (up < 0)
		return up;
	if (hides(dir, name))
		return crit_whiteout_put(up, name);
	if (rmdir)
		return crit_whiteout_rmdir(up, name);
	return unlinkat(up, name, 0) < 0 ? -errno : 0;
}

/* Has the directory something that is not in the upper directory? */
static bool is_partly_below(const struct crit_dir *dir, const char *name)
{
	struct crit_dir *sub;
	bool partly;

	if (crit_dir_sub(dir, name, &sub) < 0)
		return true;
	partly = sub->lower >= 0 || sub->member;
	crit_dir_put(sub);
	return partly;
}

/* A directory takes the place of a whiteout, which is a device if `device` says so. */
static int rename_directory(int a, const char *name, int b, const char *new_name, bool device,
			    bool leaves)
{
	int ret = crit_whiteout_make_opaque(a, name);

	if (ret < 0)
		return ret;
	if (!device)
		return leaves ? crit_whiteout_leave(a, name, b, new_name)
		       : renameat(a, name, b, new_name) < 0 ? -errno
							    : 0;
	/* the whiteout may be of use where it comes to be */
	if (renameat2(a, name, b, new_name, RENAME_EXCHANGE) < 0)
		return -errno;
	if (!leaves)
		unlinkat(a, name, 0);
	return 0;
}

/* The new name is free, a whiteout's, or that of something which is replaced. */
static int rename_above(const struct crit_dir *from, const char *name,
			const struct crit_dir *to, const char *new_name, bool dir)
{
	int a = crit_dir_writable(from), b = crit_dir_writable(to), ret;
	bool leaves = hides(from, name), removed = is_removed(to, new_name);
	struct stat st;

	if (a < 0 || b < 0)
		return a < 0 ? a : b;
	if (dir && removed)
		ret = rename_directory(a, name, b, new_name,
				       fstatat(b, new_name, &st, AT_SYMLINK_NOFOLLOW) == 0,
				       leaves);
	else if (leaves)
		ret = crit_whiteout_leave(a, name, b, new_name);
	else
		ret = renameat(a, name, b, new_name) < 0 ? -errno : 0;
	if (ret == 0 && removed)
		crit_whiteout_drop(b, new_name);
	return ret;
}

int crit_dir_rename(const struct crit_dir *from, const char *name, const struct crit_dir *to,
		    const char *new_name, unsigned flags)
{
	struct stat st, other;
	bool replaces;
	int ret;

	if (!from->overlaid || !to->overlaid) {
		int a = crit_dir_writable(from), b = crit_dir_writable(to);

		if (a < 0 || b < 0)
			return a < 0 ? a : b;
		return renameat2(a, name, b, new_name, flags) < 0 ? -errno : 0;
	}
	if (crit_dir_is_whiteout_name(to, new_name))
		return -EPERM;
	ret = crit_dir_stat(from, name, &st);
	if (ret < 0)
		return ret;
	replaces = crit_dir_stat(to, new_name, &other) == 0;
	if (replaces && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (S_ISDIR(st.st_mode) && is_partly_below(from, name))
		return -EXDEV;
	if (replaces && S_ISDIR(st.st_mode) != S_ISDIR(other.st_mode))
		return S_ISDIR(st.st_mode) ? -ENOTDIR : -EISDIR;
	/* what is replaced must be empty, and then it may as well not be there */
	if (replaces && S_ISDIR(other.st_mode))
		ret = crit_dir_unlink(to, new_name, AT_REMOVEDIR);
	if (ret == 0)
		ret = crit_dir_copy_up(from, name, false);
	return ret < 0 ? ret : rename_above(from, name, to, new_name, S_ISDIR(st.st_mode));
}
