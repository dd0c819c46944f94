/*
 * Temporary files.
 */
#include "decoder/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/commit.h"

#define TRIES 100

const char *crit_temporary_path(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir == '/' ? dir : "/var/tmp";
}

int crit_temporary_directory(void)
{
	int fd = open(crit_temporary_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* A directory in it that nobody else can enter. 0 and its name, -errno. */
static int make_private(int dirfd, char name[CRIT_TEMPORARY_NAME])
{
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		crit_commit_temporary_name(name);
		*strrchr(name, '.') = '\0'; /* which another mount of ours would refuse */
		if (mkdirat(dirfd, name, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return -errno;
}

/* A file that has a name for a moment, where nobody else can come upon it. */
static int make_named(int dirfd)
{
	char name[CRIT_TEMPORARY_NAME];
	int ret = make_private(dirfd, name), sub, fd = -1;

	if (ret < 0)
		return ret;
	sub = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub >= 0)
		fd = openat(sub, "file", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
	ret = fd < 0 ? -errno : fd;
	if (fd >= 0)
		unlinkat(sub, "file", 0);
	if (sub >= 0)
		close(sub);
	unlinkat(dirfd, name, AT_REMOVEDIR);
	return ret;
}

int crit_temporary_file(int dirfd)
{
	/* O_EXCL: it can't be given a name later either */
	int fd = openat(dirfd, ".", O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : make_named(dirfd); /* not on every file system */
}
