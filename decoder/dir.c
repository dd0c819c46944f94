/*
 * Looking names up in a directory of a dump.
 */
#include "decoder/dir-inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/acl.h"

static struct crit_dir *new_dir(const struct crit_dir *up, const char *name)
{
	struct crit_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	atomic_init(&dir->refs, 1);
	atomic_init(&dir->upper, -1);
	dir->lower = -1;
	if (name && !(dir->name = strdup(name))) {
		free(dir);
		return NULL;
	}
	if (up) {
		dir->up = crit_dir_get(up);
		dir->overlaid = up->overlaid;
		dir->heeds_acls = up->heeds_acls;
	}
	return dir;
}

int crit_dir_adopt(int fd, struct crit_dir **out)
{
	*out = new_dir(NULL, NULL);
	if (!*out)
		return -ENOMEM;
	(*out)->lower = fd;
	return 0;
}

/* What openat(2) gave. */
static int adopt(int fd, struct crit_dir **out)
{
	int ret;

	if (fd < 0)
		return -errno;
	ret = crit_dir_adopt(fd, out);
	if (ret < 0)
		close(fd);
	return ret;
}

int crit_dir_open(const char *path, struct crit_dir **out)
{
	return adopt(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), out);
}

int crit_dir_of_archive(const struct crit_file *file, uint64_t unpacked_max,
			struct crit_archive_listener *listener, struct crit_dir **out,
			struct crit_error *err)
{
	struct crit_dir *dir = new_dir(NULL, NULL);
	int ret;

	if (!dir)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory to open it");
	ret = crit_archive_open(file, unpacked_max, listener, &dir->archive, err);
	if (ret < 0) {
		crit_dir_put(dir);
		return ret;
	}
	dir->member = crit_archive_top(dir->archive);
	*out = dir;
	return 0;
}

int crit_dir_over(const struct crit_dir *below, int upperfd, struct crit_dir **out)
{
	struct crit_dir *dir = new_dir(NULL, NULL);

	if (!dir)
		return -ENOMEM;
	if (below->lower >= 0) {
		dir->lower = fcntl(below->lower, F_DUPFD_CLOEXEC, 0);
		if (dir->lower < 0) {
			int ret = -errno;

			crit_dir_put(dir);
			return ret;
		}
	}
	dir->archive = below->archive ? crit_archive_get(below->archive) : NULL;
	dir->member = below->member;
	dir->overlaid = true;
	dir->heeds_acls = below->heeds_acls;
	atomic_store(&dir->upper, upperfd);
	*out = dir;
	return 0;
}

void crit_dir_heed_acls(struct crit_dir *dir)
{
	dir->heeds_acls = true;
}

struct crit_dir *crit_dir_get(const struct crit_dir *dir)
{
	/* who may only read it counts as well */
	atomic_fetch_add(&((struct crit_dir *)dir)->refs, 1);
	return (struct crit_dir *)dir;
}

void crit_dir_put(const struct crit_dir *shared)
{
	struct crit_dir *dir = (struct crit_dir *)shared, *up;

	for (; dir && atomic_fetch_sub(&dir->refs, 1) == 1; dir = up) {
		up = dir->up;
		if (dir->lower >= 0)
			close(dir->lower);
		if (atomic_load(&dir->upper) >= 0)
			close(atomic_load(&dir->upper));
		crit_archive_put(dir->archive);
		free(dir->name);
		free(dir);
	}
}

const struct crit_dir *crit_dir_up(const struct crit_dir *dir)
{
	return dir->up;
}

const char *crit_dir_name(const struct crit_dir *dir)
{
	return dir->name;
}

bool crit_dir_is_overlaid(const struct crit_dir *dir)
{
	return dir->overlaid;
}

int crit_dir_lower(const struct crit_dir *dir)
{
	return dir->lower;
}

int crit_dir_fd(const struct crit_dir *dir)
{
	for (; dir; dir = dir->up) {
		if (crit_dir_upper(dir) >= 0)
			return crit_dir_upper(dir);
		if (!dir->overlaid && dir->lower >= 0)
			return dir->lower;
		if (!dir->overlaid && dir->archive)
			return crit_archive_fd(dir->archive);
	}
	return -1;
}

/* ------------------------------------------------------------------ attributes */

/* The attributes of a copy that he makes who may not give it away. */
static void own(const struct crit_dir *dir, const char *name, struct stat *st)
{
	bool readable = true;
	mode_t others = st->st_mode & S_IROTH;

	if (!dir->overlaid || geteuid() == 0 || st->st_uid == geteuid())
		return;
	if (dir->lower >= 0 && !S_ISLNK(st->st_mode))
		readable = faccessat(dir->lower, name, R_OK, AT_EACCESS) == 0;
	st->st_uid = geteuid();
	st->st_gid = getegid();
	st->st_mode &= S_IFMT;
	st->st_mode |= (readable ? S_IRUSR | S_IWUSR : 0) | others | others << 3;
	if (S_ISDIR(st->st_mode))
		st->st_mode |= (st->st_mode & 0444) >> 2;
	if (S_ISLNK(st->st_mode))
		st->st_mode |= 0777;
}

void crit_dir_narrow(const struct crit_dir *dir, int fd, struct stat *st)
{
	if (dir->heeds_acls)
		crit_acl_narrow(fd, st);
}

static void narrow_at(const struct crit_dir *dir, int fd, const char *name, struct stat *st)
{
	if (dir->heeds_acls && fd >= 0)
		crit_acl_narrow_at(fd, name, st);
}

/* A directory keeps the number that it had below: who walks through it goes by that. */
static void keep_number(const struct crit_dir *dir, const char *name, struct stat *st)
{
	struct stat below;
	int fd;

	if (!S_ISDIR(st->st_mode) || crit_dir_stat_below(dir, name, &below) < 0 ||
	    !S_ISDIR(below.st_mode))
		return;
	fd = crit_open_sub(crit_dir_upper(dir), name);
	if (fd >= 0 && !crit_is_opaque(fd)) {
		st->st_dev = below.st_dev;
		st->st_ino = below.st_ino;
	}
	if (fd >= 0)
		close(fd);
}

int crit_dir_stat(const struct crit_dir *dir, const char *name, struct stat *st)
{
	int above, ret;

	if (crit_dir_is_whiteout_name(dir, name))
		return -ENOENT;
	above = crit_dir_above(dir, name, st);
	switch (above) {
	case CRIT_ABOVE_THERE:
		keep_number(dir, name, st);
		narrow_at(dir, crit_dir_upper(dir), name, st);
		return 0;
	case CRIT_ABOVE_REMOVED:
		return -ENOENT;
	case CRIT_ABOVE_NOTHING:
		ret = crit_dir_stat_below(dir, name, st);
		if (ret == 0) {
			narrow_at(dir, dir->lower, name, st);
			own(dir, name, st);
		}
		return ret;
	default:
		return above;
	}
}

/* What it is itself below: 0, -ENOENT. */
static int self_below(const struct crit_dir *dir, struct stat *st)
{
	if (dir->member) {
		*st = dir->member->st;
		return 0;
	}
	if (dir->lower < 0)
		return -ENOENT;
	return fstat(dir->lower, st) < 0 ? -errno : 0;
}

int crit_dir_self(const struct crit_dir *dir, struct stat *st)
{
	int fd = crit_dir_upper(dir), ret;
	struct stat below;

	if (fd < 0) {
		ret = self_below(dir, st);
		if (ret == 0) {
			narrow_at(dir, dir->lower, ".", st);
			own(dir, ".", st);
		}
		return ret;
	}
	if (fstat(fd, st) < 0)
		return -errno;
	narrow_at(dir, fd, ".", st);
	if (self_below(dir, &below) == 0) {
		st->st_dev = below.st_dev;
		st->st_ino = below.st_ino;
	}
	return 0;
}

/* ------------------------------------------------------------------------ files */

static ssize_t read_link(const struct crit_dir *dir, const char *name, char *out, size_t size)
{
	const struct crit_member *m;
	int fd = dir->lower, above;
	struct stat st;
	ssize_t n;

	if (crit_dir_is_whiteout_name(dir, name))
		return -ENOENT;
	above = crit_dir_above(dir, name, &st);
	if (above < 0 || above == CRIT_ABOVE_REMOVED)
		return above < 0 ? above : -ENOENT;
	if (above == CRIT_ABOVE_THERE)
		fd = crit_dir_upper(dir);
	if (fd >= 0) {
		n = readlinkat(fd, name, out, size);
		return n < 0 ? -errno : n;
	}
	m = dir->member ? crit_member_find(dir->member, name) : NULL;
	if (!m || !m->target)
		return m ? -EINVAL : -ENOENT;
	n = (ssize_t)strlen(m->target);
	memcpy(out, m->target, (size_t)n < size ? (size_t)n : size);
	return n;
}

ssize_t crit_dir_readlink(const struct crit_dir *dir, const char *name, char *out, size_t size)
{
	ssize_t n = read_link(dir, name, out, size);

	if (n < 0)
		return n;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	out[n] = '\0';
	return n;
}

static int open_file(const struct crit_dir *dir, const char *name, struct crit_file **out)
{
	const struct crit_member *m;
	int above, ret;
	struct stat st;

	if (!dir->overlaid && dir->lower >= 0)
		return crit_file_open(dir->lower, name, out);
	if (crit_dir_is_whiteout_name(dir, name))
		return -ENOENT;
	above = crit_dir_above(dir, name, &st);
	if (above < 0 || above == CRIT_ABOVE_REMOVED)
		return above < 0 ? above : -ENOENT;
	if (above == CRIT_ABOVE_THERE)
		return crit_file_open(crit_dir_upper(dir), name, out);
	if (dir->member) {
		m = crit_member_find(dir->member, name);
		ret = m ? crit_archive_file(dir->archive, m, out) : -ENOENT;
	} else {
		ret = dir->lower < 0 ? -ENOENT : crit_file_open(dir->lower, name, out);
	}
	if (ret == 0)
		own(dir, name, &(*out)->st);
	return ret;
}

int crit_dir_file(const struct crit_dir *dir, const char *name, struct crit_file **out)
{
	int ret = open_file(dir, name, out);

	if (ret == 0 && !(*out)->is_span)
		crit_dir_narrow(dir, (*out)->fd, &(*out)->st);
	return ret;
}

/* ------------------------------------------------------------------ directories */

/* What it is below; that there is no such thing there is no error. */
static int open_below(const struct crit_dir *up, const char *name, struct crit_dir *dir)
{
	const struct crit_member *m;
	int fd;

	if (up->member) {
		m = crit_member_find(up->member, name);
		if (m && S_ISDIR(m->st.st_mode)) {
			dir->member = m;
			dir->archive = crit_archive_get(up->archive);
		}
		return m && !dir->member ? -ENOTDIR : 0;
	}
	fd = up->lower < 0 ? -ENOENT : crit_open_sub(up->lower, name);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir->lower = fd;
	return 0;
}

int crit_dir_sub(const struct crit_dir *up, const char *name, struct crit_dir **out)
{
	struct crit_dir *dir;
	struct stat st;
	int fd = -1, ret = 0, above;

	if (crit_dir_is_whiteout_name(up, name))
		return -ENOENT;
	dir = new_dir(up, name);
	if (!dir)
		return -ENOMEM;
	above = crit_dir_above(up, name, &st);
	if (above < 0 || above == CRIT_ABOVE_REMOVED)
		ret = above < 0 ? above : -ENOENT;
	if (above == CRIT_ABOVE_THERE) {
		fd = crit_open_sub(crit_dir_upper(up), name);
		if (fd < 0)
			ret = fd;
		else
			atomic_store(&dir->upper, fd);
	}
	if (ret == 0 && (above == CRIT_ABOVE_NOTHING || !crit_is_opaque(fd))) {
		ret = open_below(up, name, dir);
		/* something else is below, which the upper directory hides */
		if (ret < 0 && above == CRIT_ABOVE_THERE)
			ret = 0;
	}
	if (ret == 0 && fd < 0 && dir->lower < 0 && !dir->member)
		ret = -ENOENT;
	if (ret < 0) {
		crit_dir_put(dir);
		return ret;
	}
	*out = dir;
	return 0;
}

/* Walk along a relative path within what was opened. -EXDEV where it leads out of it. */
static int walk(const struct crit_dir *from, const char *path, struct crit_dir **out)
{
	struct crit_dir *dir = crit_dir_get(from), *next;
	char name[NAME_MAX + 1];
	size_t len;
	int ret = 0;

	for (; ret == 0 && *path; path += len + strspn(path + len, "/")) {
		len = strcspn(path, "/");
		if (len > NAME_MAX) {
			ret = -ENAMETOOLONG;
			break;
		}
		memcpy(name, path, len);
		name[len] = '\0';
		if (!strcmp(name, ".") || !len)
			continue;
		if (strcmp(name, ".."))
			ret = crit_dir_sub(dir, name, &next);
		else if (!dir->up)
			ret = -EXDEV;
		else
			next = crit_dir_get(dir->up);
		if (ret == 0) {
			crit_dir_put(dir);
			dir = next;
		}
	}
	if (ret < 0)
		crit_dir_put(dir);
	else
		*out = dir;
	return ret;
}

/* Is what was opened an archive, whatever is over it? Its links must not lead out of it. */
static bool is_in_archive(const struct crit_dir *dir)
{
	while (dir->up)
		dir = dir->up;
	return dir->archive != NULL;
}

int crit_dir_follow(const struct crit_dir *dir, const char *name, struct crit_dir **out)
{
	char target[PATH_MAX + 1];
	ssize_t len = crit_dir_readlink(dir, name, target, sizeof(target));
	int ret = -EXDEV;

	if (len < 0)
		return (int)len;
	/* what is opened is what is shown, with what was changed in it */
	if (target[0] != '/')
		ret = walk(dir, target, out);
	/* the rest is a way that only the file system knows, seen from below */
	if (ret != -EXDEV && ret != -ENOTDIR && ret != -ELOOP)
		return ret;
	if (is_in_archive(dir) || (dir->lower < 0 && target[0] != '/'))
		return -ENOENT;
	ret = adopt(openat(dir->lower < 0 ? AT_FDCWD : dir->lower, target,
			   O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		    out);
	if (ret == 0)
		(*out)->heeds_acls = dir->heeds_acls;
	return ret;
}
