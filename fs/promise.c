/*
 * Promises to the kernel.
 */
#include "fs/promise.h"

#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/soon.h"
#include "fs/ids.h"
#include "fs/watch.h"

#define LONG_S    60     /* somebody reads 100,000 names (fts) before he opens the first */
#define HELD_S    70     /* to the kernel it begins when the answer is read */
#define SHORT_S   0.9    /* a change from outside has to be seen within a second */
#define PAUSE_S   1      /* without writers before there are promises again */
#define RETRY_S   1      /* in which who was sent back has come again */
#define SLOTS_MAX 400000 /* whose attributes the kernel is made to forget in that second */

/*
 * Can it change only by being written to? Where there are blobs, an N.json says how long
 * they are, and all go with it when it is removed or moved.
 */
static bool stands_alone(const struct cfs_ref *ref)
{
	return ref->part == CRIT_PART_JSON && ref->place.m == CRIT_NO_MSG &&
	       crit_image_header(ref->image->open)->type->extra == CRIT_EXTRA_NONE;
}

double cfs_promise(struct cfs *fs, const struct cfs_ref *ref, struct cfs_node *node)
{
	struct cfs_image *image = ref->image;

	if (!stands_alone(ref) || ref->place.n >= SLOTS_MAX) {
		double left = SHORT_S - cfs_seconds_since(&image->checked);

		return fs->opt.read_only && left > 0 ? left : 0;
	}
	if (!fs->opt.read_only &&
	    (cfs_seconds_since(&image->paused) < PAUSE_S || cfs_handle_has_writer(fs, ref)))
		return 0;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &image->promised);
	if (node)
		node->promised = true;
	else if (image->n_promised <= ref->place.n)
		image->n_promised = ref->place.n + 1;
	cfs_watch_wake(fs);
	return LONG_S;
}

bool cfs_promise_holds_any(const struct cfs_image *image)
{
	return image->promised.tv_sec && cfs_seconds_since(&image->promised) <= HELD_S;
}

bool cfs_promise_holds(const struct cfs_ref *ref, const struct cfs_node *node)
{
	if (!cfs_promise_holds_any(ref->image))
		return false;
	return node ? node->promised
		    : ref->part == CRIT_PART_JSON && ref->place.n < ref->image->n_promised;
}

bool cfs_promise_recall(struct cfs *fs, const struct cfs_ref *ref)
{
	struct cfs_recalled *r;
	unsigned i;

	for (i = 0; i < CFS_RECALLED_MAX; i++) {
		r = &fs->recalled[i];
		if (r->ref.image == ref->image && cfs_ref_same(&r->ref, ref) &&
		    cfs_seconds_since(&r->when) < RETRY_S)
			return false;
	}
	r = &fs->recalled[fs->n_recalled++ % CFS_RECALLED_MAX];
	r->ref = *ref;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &r->when);
	return true;
}

void cfs_promise_pause(struct cfs_image *image)
{
	clock_gettime(CLOCK_MONOTONIC_COARSE, &image->paused);
}

void cfs_promise_break(struct cfs *fs, struct cfs_image *image)
{
	unsigned i;

	for (i = 0; i < CFS_RECALLED_MAX; i++)
		if (fs->recalled[i].ref.image == image)
			fs->recalled[i].ref.image = NULL;
	if (!cfs_promise_holds_any(image))
		return;
	cfs_watch_tell_image(fs, image, true);
	image->n_promised = 0;
	image->promised.tv_sec = 0;
}

void cfs_promise_remind(struct cfs *fs, struct cfs_image *image)
{
	if (cfs_promise_holds_any(image))
		cfs_watch_tell_image(fs, image, false);
}

void cfs_promise_withdraw(struct cfs *fs, const struct cfs_ref *ref, uint64_t ino)
{
	cfs_promise_recall(fs, ref);
	cfs_watch_tell_later(fs, ref, ino);
}
