/*
 * Scratch files.
 */
#include "fs/scratch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct cfs_scratch *cfs_scratch_new(struct cfs_store *store, mode_t mode, uid_t uid, gid_t gid)
{
	struct cfs_scratch *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->contents = cfs_draft_new(store);
	if (!s->contents) {
		free(s);
		return NULL;
	}
	s->mode = mode;
	s->uid = uid;
	s->gid = gid;
	cfs_scratch_touch(s);
	s->atime = s->mtime;
	return s;
}

void cfs_scratch_free(struct cfs_scratch *s)
{
	if (!s)
		return;
	cfs_draft_put(s->contents);
	free(s->target);
	free(s);
}

void cfs_scratch_touch(struct cfs_scratch *s)
{
	clock_gettime(CLOCK_REALTIME, &s->mtime);
	s->ctime = s->mtime;
}

int cfs_scratch_own(struct cfs_scratch *s)
{
	int ret = cfs_draft_own(&s->contents);

	if (ret < 0)
		return ret;
	s->ours = false;
	s->dirty = true;
	s->accepted = false;
	s->refused = 0;
	cfs_scratch_touch(s);
	return 0;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len >= n && !strcmp(name + len - n, suffix);
}

int cfs_scratch_check_name(const char *name)
{
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	return ends_in(name, ".img") ? -EPERM : 0;
}

bool cfs_scratch_is_litter(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' || name[0] == '#' || (len && name[len - 1] == '~') ||
	       ends_in(name, ".swp") || ends_in(name, ".err") || !strcmp(name, "4913");
}
