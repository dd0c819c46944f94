/*
 * Reading a directory.
 */
#include "decoder/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/dir.h"
#include "decoder/grow.h"

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add(void *arg, const char *name, unsigned char type)
{
	struct crit_listing *list = arg;
	char **names;

	(void)type;
	names = crit_grow(list->name, list->n, &list->room, sizeof(*names));
	if (!names)
		return -ENOMEM;
	list->name = names;
	list->name[list->n] = strdup(name);
	if (!list->name[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

static int add_visible(void *list, const char *name, unsigned char type)
{
	return name[0] == '.' ? 0 : add(list, name, type);
}

static int read_names(const struct crit_dir *dir, crit_dir_visit visit,
		      struct crit_listing *list)
{
	int ret;

	*list = (struct crit_listing){0};
	ret = crit_dir_each(dir, visit, list);
	if (list->n)
		qsort(list->name, list->n, sizeof(*list->name), compare);
	return ret;
}

int crit_listing_read(const struct crit_dir *dir, struct crit_listing *list)
{
	return read_names(dir, add_visible, list);
}

int crit_listing_read_all(const struct crit_dir *dir, struct crit_listing *list)
{
	return read_names(dir, add, list);
}

void crit_listing_fini(struct crit_listing *list)
{
	while (list->n)
		free(list->name[--list->n]);
	free(list->name);
}
