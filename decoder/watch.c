/*
 * Identities of files by name.
 */
#include "decoder/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct crit_watched {
	int dirfd; /* borrowed */
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_identity identity; /* zeros: there was no such file */
};

static struct crit_identity identity_at(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return (struct crit_identity){0};
	return crit_identity_of(&st);
}

void crit_watch_fini(struct crit_watch *w)
{
	free(w->all);
	*w = (struct crit_watch){0};
}

int crit_watch_add(struct crit_watch *w, int dirfd, const char *name)
{
	struct crit_watched *all, *one;
	size_t room;

	if (w->n == w->room) {
		room = w->room ? w->room * 2 : 8;
		all = realloc(w->all, room * sizeof(*all));
		if (!all)
			return -ENOMEM;
		w->all = all;
		w->room = room;
	}
	one = &w->all[w->n++];
	one->dirfd = dirfd;
	snprintf(one->name, sizeof(one->name), "%s", name);
	one->identity = identity_at(dirfd, name);
	return 0;
}

static bool is_same(const struct crit_watched *one)
{
	struct crit_identity now = identity_at(one->dirfd, one->name);

	return crit_identity_same(&one->identity, &now);
}

bool crit_watch_same(const struct crit_watch *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (!is_same(&w->all[i]))
			return false;
	return true;
}

static struct crit_watched *find(const struct crit_watch *w, int dirfd, const char *name)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->all[i].dirfd == dirfd && !strcmp(w->all[i].name, name))
			return &w->all[i];
	return NULL;
}

bool crit_watch_same_name(const struct crit_watch *w, int dirfd, const char *name)
{
	const struct crit_watched *one = find(w, dirfd, name);

	return one && is_same(one);
}

void crit_watch_renew(struct crit_watch *w, int dirfd, const char *name)
{
	struct crit_watched *one = find(w, dirfd, name);

	if (one)
		one->identity = identity_at(dirfd, name);
}
