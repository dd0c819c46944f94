/*
 * Promises to the kernel.
 */
#include "fs/promise.h"

#include <stdlib.h>

#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/ids.h"

#define SEEN_S  0.9 /* after which a change from outside is seen */
#define PAUSE_S 1   /* without writers before there are promises again */

static double seconds_between(const struct timespec *a, const struct timespec *b)
{
	return (double)(b->tv_sec - a->tv_sec) + (double)(b->tv_nsec - a->tv_nsec) / 1e9;
}

static struct timespec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t;
}

/*
 * Can it change only by being written to? Where there are blobs, an N.json says how long
 * they are, and all go with it when it is removed or moved.
 */
static bool stands_alone(const struct cfs_ref *ref)
{
	return ref->part == CRIT_PART_JSON && ref->place.m == CRIT_NO_MSG &&
	       crit_image_header(ref->image->open)->type->extra == CRIT_EXTRA_NONE;
}

double cfs_promise(struct cfs *fs, const struct cfs_ref *ref)
{
	struct cfs_image *image = ref->image;
	struct timespec t = now();
	double left = SEEN_S - seconds_between(&image->checked, &t);

	if (left <= 0)
		return 0;
	if (fs->opt.read_only)
		return left;
	if (!stands_alone(ref) || seconds_between(&image->paused, &t) < PAUSE_S ||
	    cfs_handle_has_writer(fs, ref))
		return 0;
	image->promised = t;
	if (image->n_promised <= ref->place.n)
		image->n_promised = ref->place.n + 1;
	return left;
}

/* Was there one for any slot before this one, and is it still good? */
static bool holds_below(const struct cfs_image *image, uint64_t slot)
{
	struct timespec t = now();

	return slot < image->n_promised && seconds_between(&image->promised, &t) <= SEEN_S;
}

bool cfs_promise_holds(const struct cfs_ref *ref)
{
	/* there was none since somebody was sent back */
	return ref->place.m == CRIT_NO_MSG && holds_below(ref->image, ref->place.n) &&
	       !cfs_layout_is_contended(&ref->image->layout, ref);
}

void cfs_promise_pause(struct cfs_image *image)
{
	image->paused = now();
}

/* The ids of its entry files that have none that is computed; *out to be freed. */
static size_t list_nodes(struct cfs *fs, const struct cfs_image *image, uint64_t **out)
{
	struct cfs_node *node, *next;
	size_t n = 0, cap = 0;

	*out = NULL;
	HASH_ITER(by_id, fs->nodes.by_id, node, next) {
		if (node->ref.image != image ||
		    (node->kind != CFS_ENTRY && node->kind != CFS_OLD))
			continue;
		if (n == cap) {
			uint64_t *grown = realloc(*out, (cap ? cap * 2 : 64) * sizeof(*grown));

			if (!grown)
				break; /* then they are right when the promise ends */
			cap = cap ? cap * 2 : 64;
			*out = grown;
		}
		(*out)[n++] = node->id;
	}
	return n;
}

/* Attributes only (-1), which waits for nobody. */
static void forget_attributes(struct cfs *fs, uint64_t ino)
{
	fuse_lowlevel_notify_inval_inode(fs->session, ino, -1, 0);
}

void cfs_promise_break(struct cfs *fs, struct cfs_image *image, unsigned serial)
{
	uint64_t slot, n = image->n_promised, *nodes;
	size_t n_nodes;

	if (!holds_below(image, 0))
		return;
	n_nodes = list_nodes(fs, image, &nodes);
	image->n_promised = 0;
	cfs_unlock(fs);
	for (slot = 0; slot < n; slot++)
		forget_attributes(fs, cfs_id_of(serial, slot, CRIT_PART_JSON));
	while (n_nodes)
		forget_attributes(fs, nodes[--n_nodes]);
	free(nodes);
	cfs_lock(fs);
}
