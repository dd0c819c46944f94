/*
 * Spare files of images that are changed again and again.
 */
#include "fs/spare.h"

#include <stdlib.h>
#include <utlist.h>

#include "decoder/overlay.h"
#include "fs/soon.h"

#define LAST_MS  500                /* that they go on after a change: scripts start programs */
#define MANY     8                  /* changes in a row after which a spare is kept */
#define WORTH_IT ((off_t)256 << 10) /* bytes of an image; smaller ones are written as fast */

/* Changes of one image, each soon after the one before. */
struct cfs_burst {
	struct cfs_image *image;
	struct cfs_node *dir; /* a reference */
	unsigned changes;
	struct crit_spare spare; /* in dir */
	struct timespec due;     /* when it is over */
	struct cfs_burst *next, *prev;
};

static void end(struct cfs *fs, struct cfs_burst *b)
{
	DL_DELETE(fs->bursts, b);
	b->image->burst = NULL;
	crit_spare_drop(crit_dir_writable(b->dir->dir), &b->spare);
	cfs_node_unref(&fs->nodes, b->dir);
	free(b);
}

static struct cfs_burst *begin(struct cfs *fs, struct cfs_image *image)
{
	struct cfs_burst *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL; /* it is slower without */
	b->image = image;
	b->dir = image->node->parent;
	cfs_node_ref(b->dir);
	image->burst = b;
	DL_APPEND(fs->bursts, b);
	return b;
}

struct crit_spare *cfs_spare_begin(struct cfs *fs, struct cfs_image *image)
{
	struct cfs_burst *b = image->burst;

	if (b && b->dir != image->node->parent) {
		end(fs, b);
		b = NULL;
	}
	if (!b && image->st.st_size >= WORTH_IT)
		b = begin(fs, image);
	if (!b)
		return NULL;
	b->due = cfs_in_ms(LAST_MS);
	if (++b->changes < MANY)
		return NULL;
	/* somebody reads on what the image was */
	if (b->spare.file && b->spare.file->refs > 1)
		crit_spare_drop(crit_dir_writable(b->dir->dir), &b->spare);
	return &b->spare;
}

void cfs_spare_end(struct cfs_image *image, struct crit_file *old)
{
	struct cfs_burst *b = image->burst;

	crit_spare_keep(crit_dir_writable(b->dir->dir), &b->spare, old);
	b->due = cfs_in_ms(LAST_MS);
}

void cfs_spare_forget(struct cfs *fs, struct cfs_image *image)
{
	if (image->burst)
		end(fs, image->burst);
}

void cfs_spare_appended(struct cfs_image *image, const struct crit_file *was,
			const struct crit_file *is)
{
	if (image->burst)
		crit_spare_appended(&image->burst->spare, was, is);
}

void cfs_spare_settle(struct cfs *fs)
{
	struct cfs_burst *b;

	/* the list is the worker's, with the lock or without */
	DL_FOREACH(fs->bursts, b) {
		if (!b->spare.file || b->spare.settled || b->image->made)
			continue;
		cfs_unlock(fs);
		crit_spare_settle(crit_dir_writable(b->dir->dir), &b->spare);
		cfs_lock(fs);
	}
}

bool cfs_spare_next(const struct cfs *fs, struct timespec *when)
{
	const struct cfs_burst *b;

	if (!fs->bursts)
		return false;
	*when = fs->bursts->due;
	DL_FOREACH(fs->bursts, b)
		if (cfs_earlier(&b->due, when))
			*when = b->due;
	return true;
}

void cfs_spare_due(struct cfs *fs, const struct timespec *now)
{
	struct cfs_burst *b, *next;

	DL_FOREACH_SAFE(fs->bursts, b, next)
	if (!now || !cfs_earlier(now, &b->due))
		end(fs, b);
}
