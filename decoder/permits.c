/*
 * Narrowing permissions.
 */
#include "decoder/permits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/parents.h"

static bool is_image(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, ".img");
}

/* What he can't read, this process can't read either; root can. */
static mode_t always(const struct stat *st)
{
	return st->st_uid == geteuid() || !st->st_uid ? S_IRUSR : 0;
}

/* Who of those that *st speaks of may read the image, as bits of S_IRUSR, S_IRGRP, S_IROTH. */
static mode_t readers(const struct stat *image, const struct stat *st)
{
	mode_t others = image->st_mode & S_IROTH;
	mode_t group = image->st_gid == st->st_gid ? image->st_mode & S_IRGRP : others << 3;
	mode_t owner = image->st_uid == st->st_uid ? image->st_mode & S_IRUSR : others << 6;

	return always(st) | owner | group | others;
}

static int narrow(int dirfd, struct stat *st)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	mode_t may = S_IRUSR | S_IRGRP | S_IROTH;
	const struct dirent *d;
	struct stat image;
	int ret;

	if (!dir) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	for (errno = 0; may != always(st) && (d = readdir(dir)); errno = 0)
		if (is_image(d->d_name) && fstatat(fd, d->d_name, &image, 0) == 0)
			may &= readers(&image, st);
	ret = -errno;
	closedir(dir);
	st->st_mode &= ~(mode_t)0777 | may | may >> 1 | may >> 2;
	return ret;
}

int crit_permits_narrow(int dirfd, struct stat *st)
{
	const struct crit_dump dump = {.dirfd = dirfd};
	struct crit_parents *parents = malloc(sizeof(*parents));
	struct crit_error err;
	unsigned i;
	int ret;

	if (!parents)
		return -ENOMEM;
	/* of a chain that is broken, what can be opened is all that is shown */
	crit_parents_open(&dump, parents, &err);
	ret = narrow(dirfd, st);
	for (i = 0; ret == 0 && i < parents->n; i++)
		ret = narrow(parents->dump[i].dirfd, st);
	crit_parents_close(parents);
	free(parents);
	return ret;
}
