/*
 * Times of entry files.
 */
#include "fs/times.h"

#include <stdlib.h>

/* An entry file that was changed through the mount, and when. */
struct changed_key {
	uint64_t n, m, part;
};

struct cfs_changed {
	struct changed_key key;
	struct timespec mtime;
	UT_hash_handle hh;
};

void cfs_times_forget(struct cfs_image *image)
{
	struct cfs_changed *c, *next;

	HASH_ITER(hh, image->changed, c, next) {
		HASH_DEL(image->changed, c);
		free(c);
	}
}

static struct changed_key key_of(const struct cfs_ref *ref)
{
	return (struct changed_key){ref->place.n, ref->place.m, ref->part};
}

struct timespec cfs_times_of(const struct cfs_image *image, const struct cfs_ref *ref)
{
	struct changed_key key = key_of(ref);
	struct cfs_changed *c = NULL;

	if (image->changed)
		HASH_FIND(hh, image->changed, &key, sizeof(key), c);
	if (c)
		return c->mtime;
	return ref->part == CFS_PART_DOCUMENT ? image->st.st_mtim : image->base;
}

void cfs_times_touch(struct cfs_image *image, const struct cfs_ref *ref,
		     const struct timespec *when)
{
	struct changed_key key = key_of(ref);
	struct cfs_changed *c;

	HASH_FIND(hh, image->changed, &key, sizeof(key), c);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return; /* an old time is no reason to fail */
		c->key = key;
		HASH_ADD(hh, image->changed, key, sizeof(key), c);
		if (!cfs_is_hashed(&c->hh)) {
			free(c);
			return;
		}
	}
	c->mtime = when ? *when : image->st.st_mtim;
}

void cfs_times_untouch(struct cfs_image *image, const struct cfs_ref *ref)
{
	struct changed_key key = key_of(ref);
	struct cfs_changed *c = NULL;

	if (image->changed)
		HASH_FIND(hh, image->changed, &key, sizeof(key), c);
	if (!c)
		return;
	HASH_DEL(image->changed, c);
	free(c);
}
