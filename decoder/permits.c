/*
 * Narrowing permissions.
 */
#include "decoder/permits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/dir.h"
#include "decoder/parents.h"

#define LEVELS 128 /* of directories within each other that are looked at */

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

/*
 * Who of those that *st speaks of may do with a file what the bits S_IRUSR, S_IRGRP, S_IROTH
 * of `mode`, which is its mode or made of it, say. These bits.
 */
static mode_t who_may(const struct stat *file, mode_t mode, const struct stat *st)
{
	mode_t others = mode & S_IROTH;
	mode_t group = file->st_gid == st->st_gid ? mode & S_IRGRP : others << 3;
	mode_t owner = file->st_uid == st->st_uid ? mode & S_IRUSR : others << 6;

	return always(st) | owner | group | others;
}

static mode_t readers(const struct stat *image, const struct stat *st)
{
	return who_may(image, image->st_mode, st);
}

/* Who may go through a directory. */
static mode_t passers(const struct stat *dir, const struct stat *st)
{
	return who_may(dir, dir->st_mode << 2, st);
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

static void take_away(struct stat *st, mode_t may)
{
	st->st_mode &= ~(mode_t)0777 | may | may >> 1 | may >> 2;
}

static int narrow(const struct crit_dir *dir, struct stat *st)
{
	struct narrowing n = {dir, st, S_IRUSR | S_IRGRP | S_IROTH};
	int ret = crit_dir_each(dir, narrow_by, &n);

	take_away(st, n.may);
	return ret < 0 ? ret : 0;
}

/* A directory and those around it, up to the root. */
struct path {
	struct stat at[LEVELS];
	unsigned n;
};

static void path_of(const struct crit_dir *dir, struct path *path)
{
	const struct crit_dir *top = dir;
	struct stat st = {0}, inner;
	int fd, up;

	path->n = 0;
	for (; dir && path->n < LEVELS; top = dir, dir = crit_dir_up(dir))
		if (crit_dir_self(dir, &st) == 0)
			path->at[path->n++] = st;
	fd = crit_dir_lower(top) < 0 ? -1 : fcntl(crit_dir_lower(top), F_DUPFD_CLOEXEC, 0);
	while (fd >= 0 && path->n < LEVELS) {
		inner = st;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
		if (fd < 0 || fstat(fd, &st) < 0 ||
		    (st.st_dev == inner.st_dev && st.st_ino == inner.st_ino))
			break; /* around the root is the root */
		path->at[path->n++] = st;
	}
	if (fd >= 0)
		close(fd);
}

static bool holds(const struct path *path, const struct stat *st)
{
	unsigned i;

	for (i = 0; i < path->n; i++)
		if (path->at[i].st_dev == st->st_dev && path->at[i].st_ino == st->st_ino)
			return true;
	return false;
}

/*
 * Whoever wrote the dump wrote its link too: that a parent is read by who runs this lets
 * nobody else in where he can't go. What is around the dump as well is no matter: to show
 * the dump was a choice.
 */
static void narrow_by_way(const struct crit_dir *parent, const struct path *dump,
			  struct path *way, struct stat *st)
{
	unsigned i;

	path_of(parent, way);
	for (i = 0; i < way->n && !holds(dump, &way->at[i]); i++)
		take_away(st, passers(&way->at[i], st));
}

int crit_permits_narrow(const struct crit_dir *dir, struct stat *st)
{
	const struct crit_dump dump = {.dir = dir};
	struct {
		struct crit_parents parents;
		struct path dump, way;
	} *m = malloc(sizeof(*m));
	struct crit_error err;
	unsigned i;
	int ret;

	if (!m)
		return -ENOMEM;
	/* of a chain that is broken, what can be opened is all that is shown */
	crit_parents_open(&dump, &m->parents, &err);
	if (m->parents.n)
		path_of(dir, &m->dump);
	ret = narrow(dir, st);
	for (i = 0; ret == 0 && i < m->parents.n; i++) {
		narrow_by_way(m->parents.dump[i].dir, &m->dump, &m->way, st);
		ret = narrow(m->parents.dump[i].dir, st);
	}
	crit_parents_close(&m->parents);
	free(m);
	return ret;
}
