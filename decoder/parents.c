/*
 * Following `parent` from dump to dump.
 */
#include "decoder/parents.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINK "parent"

/* Fail with the link itself in the reason, and how far up it is. */
static int refuse(int dirfd, unsigned level, int errnum, const char *why,
		  struct crit_error *err)
{
	char target[128];
	ssize_t len = readlinkat(dirfd, LINK, target, sizeof(target));

	if (len < 0)
		len = 0;
	return crit_fail_errno(err, errnum, "%s%.*s, %u up: %s", len ? LINK " -> " : LINK,
			       (int)len, target, level + 1, why);
}

/* Is it the dump itself, or one of those that were met before? */
static bool is_known(const struct crit_dump *dump, const struct crit_parents *parents,
		     const struct stat *st)
{
	struct stat known;
	unsigned i;

	for (i = 0; i <= parents->n; i++) {
		int fd = i ? parents->dump[i - 1].dirfd : dump->dirfd;

		if (fstat(fd, &known) == 0 && known.st_dev == st->st_dev &&
		    known.st_ino == st->st_ino)
			return true;
	}
	return false;
}

/* The parent of the last one: 1 and *fd, 0 if it has none, -errno. */
static int open_next(const struct crit_dump *dump, const struct crit_parents *parents, int *fd,
		     struct crit_error *err)
{
	unsigned level = parents->n;
	int dirfd = level ? parents->dump[level - 1].dirfd : dump->dirfd;
	struct stat st;

	if (fstatat(dirfd, LINK, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return refuse(dirfd, level, errno, "can't be looked at", err);
	}
	if (level == CRIT_PARENTS_MAX)
		return refuse(dirfd, level, ELOOP, "too many parents", err);
	*fd = openat(dirfd, LINK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return refuse(dirfd, level, errno, "can't open the parent dump", err);
	if (fstat(*fd, &st) < 0 || is_known(dump, parents, &st)) {
		close(*fd);
		return refuse(dirfd, level, ELOOP, "leads back to a dump that builds on it",
			      err);
	}
	return 1;
}

int crit_parents_open(const struct crit_dump *dump, struct crit_parents *parents,
		      struct crit_error *err)
{
	int fd = -1, ret;

	parents->n = 0;
	while ((ret = open_next(dump, parents, &fd, err)) > 0)
		parents->dump[parents->n++] = (struct crit_dump){fd, dump->listener};
	return ret;
}

void crit_parents_close(struct crit_parents *parents)
{
	while (parents->n)
		crit_dump_close(&parents->dump[--parents->n]);
}
