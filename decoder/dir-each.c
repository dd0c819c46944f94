/*
 * The names in a directory of a dump, those of both layers of it once.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/dir-inside.h"

static DIR *open_stream(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream && fd >= 0)
		close(fd);
	return stream;
}

static int each_on_disk(int dirfd, crit_dir_visit visit, void *arg)
{
	DIR *stream = open_stream(dirfd);
	const struct dirent *d;
	int ret = 0;

	if (!stream)
		return -errno;
	while (ret == 0 && (errno = 0, d = readdir(stream)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			ret = visit(arg, d->d_name, d->d_type);
	if (ret == 0)
		ret = -errno;
	closedir(stream);
	return ret;
}

static int each_below(const struct crit_dir *dir, crit_dir_visit visit, void *arg)
{
	if (dir->member)
		return crit_member_each(dir->member, visit, arg);
	return dir->lower >= 0 ? each_on_disk(dir->lower, visit, arg) : 0;
}

/* A walk through both layers: names that the upper one has, to be freed, hide others. */
struct merge {
	const struct crit_dir *dir;
	void *above; /* tsearch(3) */
	crit_dir_visit visit;
	void *arg;
};

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int hide(struct merge *m, const char *name)
{
	char *own = strdup(name), **found;

	if (!own)
		return -ENOMEM;
	found = tsearch(own, &m->above, compare);
	if (!found || *found != own)
		free(own);
	return found ? 0 : -ENOMEM;
}

static int visit_above(void *arg, const char *name, unsigned char type)
{
	struct merge *m = arg;
	struct stat st;
	int ret;

	if (crit_dir_is_whiteout_name(m->dir, name))
		return hide(m, name + sizeof(CRIT_WHITEOUT_PREFIX) - 1);
	ret = hide(m, name);
	if (ret < 0)
		return ret;
	/* few are character devices, which a whiteout is */
	if ((type == DT_CHR || type == DT_UNKNOWN) &&
	    crit_dir_above(m->dir, name, &st) != CRIT_ABOVE_THERE)
		return 0;
	return m->visit(m->arg, name, type);
}

static int visit_below(void *arg, const char *name, unsigned char type)
{
	struct merge *m = arg;

	if (crit_dir_is_whiteout_name(m->dir, name) || tfind(name, &m->above, compare))
		return 0;
	return m->visit(m->arg, name, type);
}

int crit_dir_each(const struct crit_dir *dir, crit_dir_visit visit, void *arg)
{
	struct merge m = {.dir = dir, .visit = visit, .arg = arg};
	int ret = 0;

	if (!dir->overlaid)
		return each_below(dir, visit, arg);
	if (crit_dir_upper(dir) >= 0)
		ret = each_on_disk(crit_dir_upper(dir), visit_above, &m);
	if (ret == 0)
		ret = each_below(dir, visit_below, &m);
	tdestroy(m.above, free);
	return ret;
}
