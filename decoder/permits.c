/*
 * Narrowing permissions.
 */
#include "decoder/permits.h"

#include <errno.h>
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

/* What all images allow for. */
struct narrowing {
	const struct crit_dir *dir;
	const struct stat *st;
	mode_t may;
};

static int narrow_by(void *arg, const char *name, unsigned char type)
{
	struct narrowing *n = arg;
	struct stat image;

	(void)type;
	if (is_image(name) && crit_dir_stat(n->dir, name, &image) == 0 &&
	    !S_ISLNK(image.st_mode))
		n->may &= readers(&image, n->st);
	return n->may == always(n->st); /* which is as narrow as it gets */
}

static int narrow(const struct crit_dir *dir, struct stat *st)
{
	struct narrowing n = {dir, st, S_IRUSR | S_IRGRP | S_IROTH};
	int ret = crit_dir_each(dir, narrow_by, &n);

	st->st_mode &= ~(mode_t)0777 | n.may | n.may >> 1 | n.may >> 2;
	return ret < 0 ? ret : 0;
}

int crit_permits_narrow(const struct crit_dir *dir, struct stat *st)
{
	const struct crit_dump dump = {.dir = dir};
	struct crit_parents *parents = malloc(sizeof(*parents));
	struct crit_error err;
	unsigned i;
	int ret;

	if (!parents)
		return -ENOMEM;
	/* of a chain that is broken, what can be opened is all that is shown */
	crit_parents_open(&dump, parents, &err);
	ret = narrow(dir, st);
	for (i = 0; ret == 0 && i < parents->n; i++)
		ret = narrow(parents->dump[i].dir, st);
	crit_parents_close(parents);
	free(parents);
	return ret;
}
