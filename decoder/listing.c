/*
 * Reading a directory.
 */
#include "decoder/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/grow.h"

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add(struct crit_listing *list, const char *name)
{
	char **names = crit_grow(list->name, list->n, &list->room, sizeof(*names));

	if (!names)
		return -ENOMEM;
	list->name = names;
	list->name[list->n] = strdup(name);
	if (!list->name[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

static int read_all(DIR *dir, struct crit_listing *list)
{
	struct dirent *e;
	int ret = 0;

	while (ret == 0 && (errno = 0, e = readdir(dir)))
		if (e->d_name[0] != '.')
			ret = add(list, e->d_name);
	return ret < 0 ? ret : -errno;
}

int crit_listing_read(int dirfd, struct crit_listing *list)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	*list = (struct crit_listing){0};
	if (!dir) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	ret = read_all(dir, list);
	closedir(dir);
	if (list->n)
		qsort(list->name, list->n, sizeof(*list->name), compare);
	return ret;
}

void crit_listing_fini(struct crit_listing *list)
{
	while (list->n)
		free(list->name[--list->n]);
	free(list->name);
}
