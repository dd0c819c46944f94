/*
 * Making whiteouts, and putting something else in their place.
 */
#include "decoder/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "decoder/commit.h"
#include "decoder/dir-inside.h"

/* The name of the file that stands for a removed name. 0, -ENAMETOOLONG. */
static int file_name(const char *name, char out[NAME_MAX + 1])
{
	int n = snprintf(out, NAME_MAX + 1, CRIT_WHITEOUT_PREFIX "%s", name);

	return n > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int put_file(int fd, const char *name)
{
	char whiteout[NAME_MAX + 1];
	int ret = file_name(name, whiteout), made;

	if (ret < 0)
		return ret;
	made = openat(fd, whiteout, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (made < 0)
		return -errno;
	close(made);
	return 0;
}

void crit_whiteout_drop(int fd, const char *name)
{
	char whiteout[NAME_MAX + 1];

	if (file_name(name, whiteout) == 0)
		unlinkat(fd, whiteout, 0);
}

/* A device that is to be a whiteout, under a name that is hidden. 0, -errno. */
static int make_device(int fd, char temporary[CRIT_TEMPORARY_NAME])
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		crit_commit_temporary_name(temporary);
		if (mknodat(fd, temporary, S_IFCHR, 0) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return -errno;
}

static bool is_directory(int fd, const char *name)
{
	struct stat st;

	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool is_whiteout(int fd, const char *name)
{
	struct stat st;

	if (!strncmp(name, CRIT_WHITEOUT_PREFIX, sizeof(CRIT_WHITEOUT_PREFIX) - 1))
		return true;
	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       !st.st_rdev;
}

int crit_whiteout_rmdir(int fd, const char *name)
{
	int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = sub < 0 ? NULL : fdopendir(sub);
	const struct dirent *d;

	if (!stream) {
		int ret = -errno;

		if (sub >= 0)
			close(sub);
		return ret;
	}
	while ((d = readdir(stream)))
		if (is_whiteout(sub, d->d_name) || crit_commit_is_temporary(d->d_name))
			unlinkat(sub, d->d_name, 0);
	closedir(stream);
	return unlinkat(fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* What has the name goes, so that the whiteout that is there already counts. */
static int remove_above(int fd, const char *name)
{
	char hidden[CRIT_TEMPORARY_NAME];

	if (!is_directory(fd, name))
		return unlinkat(fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	/* whiteouts in it must not go while it is what the name leads to */
	crit_commit_temporary_name(hidden);
	if (renameat(fd, name, fd, hidden) < 0)
		return -errno;
	return crit_whiteout_rmdir(fd, hidden);
}

/* 0, -errno; is_impossible() where it has to be a file. */
static int put_device(int fd, const char *name)
{
	bool dir = is_directory(fd, name); /* which can only change places with it */
	char device[CRIT_TEMPORARY_NAME];
	int ret = make_device(fd, device);

	if (ret < 0)
		return ret;
	if (renameat2(fd, device, fd, name, dir ? RENAME_EXCHANGE : 0) == 0)
		return dir ? crit_whiteout_rmdir(fd, device) : 0;
	ret = -errno;
	unlinkat(fd, device, 0);
	return ret;
}

/* Not on this file system, or not for this user? */
static bool is_impossible(int ret)
{
	return ret == -EPERM || ret == -EINVAL || ret == -EOPNOTSUPP || ret == -ENOSYS;
}

int crit_whiteout_put(int fd, const char *name)
{
	int ret = put_device(fd, name);

	if (!is_impossible(ret))
		return ret;
	/* until what is above has gone, it is what the name leads to */
	ret = put_file(fd, name);
	if (ret < 0)
		return ret;
	ret = remove_above(fd, name);
	if (ret < 0)
		crit_whiteout_drop(fd, name);
	return ret;
}

static int make_marker(int fd)
{
	int made = openat(fd, CRIT_OPAQUE_NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			  0600);

	if (made < 0)
		return -errno;
	close(made);
	return 0;
}

int crit_whiteout_make_opaque(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), ret;
	struct stat st;

	if (fd < 0)
		return -errno;
	ret = fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0 ? make_marker(fd) : 0;
	/* its owner may not write to it */
	if (ret == -EACCES && fstat(fd, &st) == 0 && fchmod(fd, st.st_mode | S_IRWXU) == 0) {
		ret = make_marker(fd);
		if (fchmod(fd, st.st_mode & 07777) < 0 && ret == 0)
			ret = -errno;
	}
	close(fd);
	return ret;
}

int crit_whiteout_replace(int fd, const char *temporary, const char *name, bool dir)
{
	struct stat st;
	int ret = dir ? crit_whiteout_make_opaque(fd, temporary) : 0;
	bool device = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;

	if (ret < 0)
		return ret;
	if (renameat2(fd, temporary, fd, name, dir && device ? RENAME_EXCHANGE : 0) < 0)
		return -errno;
	if (dir && device)
		unlinkat(fd, temporary, 0);
	crit_whiteout_drop(fd, name);
	return 0;
}

int crit_whiteout_leave(int fd, const char *name, int to, const char *new_name)
{
	int ret;

	if (renameat2(fd, name, to, new_name, RENAME_WHITEOUT) == 0)
		return 0;
	if (!is_impossible(-errno))
		return -errno;
	ret = put_file(fd, name);
	if (ret < 0)
		return ret;
	ret = renameat(fd, name, to, new_name) < 0 ? -errno : 0;
	/* now it may be a device all the same */
	if (ret < 0 || put_device(fd, name) == 0)
		crit_whiteout_drop(fd, name);
	return ret;
}
