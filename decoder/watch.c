/*
 * Identities of files by name, in the C library's tree.
 */
#include "decoder/watch.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/dump.h"
#include "decoder/file.h"

struct item {
	const struct crit_dir *dir; /* borrowed */
	char name[NAME_MAX + 1];
	struct crit_identity identity; /* zeros: there was no such file */
};

static int compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->dir != y->dir)
		return x->dir < y->dir ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct crit_identity identity_at(const struct crit_dir *dir, const char *name)
{
	struct stat st;

	if (crit_dir_stat(dir, name, &st) < 0)
		return (struct crit_identity){0};
	return crit_identity_of(&st);
}

static bool is_same(const struct item *item)
{
	struct crit_identity now = identity_at(item->dir, item->name);

	return crit_identity_same(&item->identity, &now);
}

static struct item *find(const struct crit_watch *w, const struct crit_dir *dir,
			 const char *name)
{
	struct item wanted = {.dir = dir}, **found;

	snprintf(wanted.name, sizeof(wanted.name), "%s", name);
	found = tfind(&wanted, &w->root, compare);
	return found ? *found : NULL;
}

void crit_watch_fini(struct crit_watch *w)
{
	tdestroy(w->root, free);
	w->root = NULL;
}

int crit_watch_add(struct crit_watch *w, const struct crit_dir *dir, const char *name)
{
	struct item *item;

	if (find(w, dir, name))
		return 0;
	item = malloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->dir = dir;
	snprintf(item->name, sizeof(item->name), "%s", name);
	item->identity = identity_at(dir, name);
	if (tsearch(item, &w->root, compare))
		return 0;
	free(item);
	return -ENOMEM;
}

static void see(const void *node, VISIT visit, void *all_same)
{
	bool *same = all_same;

	/* each node once */
	if (*same && (visit == postorder || visit == leaf))
		*same = is_same(*(const struct item *const *)node);
}

bool crit_watch_same(const struct crit_watch *w)
{
	bool same = true;

	twalk_r(w->root, see, &same);
	return same;
}

bool crit_watch_same_name(const struct crit_watch *w, const struct crit_dir *dir,
			  const char *name)
{
	const struct item *item = find(w, dir, name);

	return item && is_same(item);
}

void crit_watch_renew(struct crit_watch *w, const struct crit_dir *dir, const char *name)
{
	struct item *item = find(w, dir, name);

	if (item)
		item->identity = identity_at(dir, name);
}

static void date(const void *node, VISIT visit, void *latest)
{
	if (visit == postorder || visit == leaf)
		crit_time_later(&(*(const struct item *const *)node)->identity.ctime, latest);
}

void crit_watch_changed(const struct crit_watch *w, struct timespec *latest)
{
	twalk_r(w->root, date, latest);
}
