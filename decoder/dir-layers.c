/*
 * What an upper directory has, and what is below it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "decoder/dir-inside.h"

bool crit_dir_is_whiteout_name(const struct crit_dir *dir, const char *name)
{
	return dir->overlaid &&
	       !strncmp(name, CRIT_WHITEOUT_PREFIX, sizeof(CRIT_WHITEOUT_PREFIX) - 1);
}

int crit_open_sub(int fd, const char *name)
{
	int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return sub < 0 ? -errno : sub;
}

bool crit_is_opaque(int fd)
{
	static const char *const attributes[] = {"trusted.overlay.opaque",
						 "user.overlay.opaque"};
	struct stat st;
	size_t i;
	char yes;

	for (i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (fgetxattr(fd, attributes[i], &yes, 1) == 1 && yes == 'y')
			return true;
	return fstatat(fd, CRIT_OPAQUE_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void crit_dir_set_upper(const struct crit_dir *dir, int fd)
{
	int none = -1;

	if (!atomic_compare_exchange_strong(&((struct crit_dir *)dir)->upper, &none, fd))
		close(fd);
}

int crit_dir_upper(const struct crit_dir *dir)
{
	int fd = atomic_load(&((struct crit_dir *)dir)->upper), up;

	if (fd >= 0 || !dir->overlaid || !dir->up)
		return fd;
	up = crit_dir_upper(dir->up);
	fd = up < 0 ? -1 : crit_open_sub(up, dir->name);
	if (fd < 0)
		return -1;
	/* an opaque one is another directory, which has this one's name now */
	if (crit_is_opaque(fd)) {
		close(fd);
		return -1;
	}
	crit_dir_set_upper(dir, fd);
	return atomic_load(&((struct crit_dir *)dir)->upper);
}

/* Is it that there is no such name, and nothing worse? */
static bool is_nothing(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == ENAMETOOLONG;
}

static bool has_whiteout_file(int fd, const char *name)
{
	char whiteout[NAME_MAX + sizeof(CRIT_WHITEOUT_PREFIX)];
	struct stat st;

	snprintf(whiteout, sizeof(whiteout), CRIT_WHITEOUT_PREFIX "%s", name);
	return fstatat(fd, whiteout, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int crit_dir_above(const struct crit_dir *dir, const char *name, struct stat *st)
{
	int fd = crit_dir_upper(dir);

	if (fd < 0)
		return CRIT_ABOVE_NOTHING;
	/* a removal may have been interrupted between whiteout and file: it is still there */
	if (fstatat(fd, name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISCHR(st->st_mode) && !st->st_rdev ? CRIT_ABOVE_REMOVED
							    : CRIT_ABOVE_THERE;
	if (!is_nothing(errno))
		return -errno;
	return has_whiteout_file(fd, name) ? CRIT_ABOVE_REMOVED : CRIT_ABOVE_NOTHING;
}

int crit_dir_stat_below(const struct crit_dir *dir, const char *name, struct stat *st)
{
	if (dir->member) {
		const struct crit_member *m = crit_member_find(dir->member, name);

		if (!m)
			return -ENOENT;
		*st = m->st;
		/* nothing that was read of it counts any more */
		if (!crit_archive_is_intact(dir->archive))
			st->st_ctim = (struct timespec){0};
		return 0;
	}
	if (dir->lower < 0)
		return -ENOENT;
	return fstatat(dir->lower, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}
