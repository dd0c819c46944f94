/*
 * Freeing images. Each look goes through all that may refer to one, so there is none before
 * a number of images was removed since the last.
 */
#include "fs/reap.h"

#include <utlist.h>

#include "fs/handle.h"
#include "fs/image.h"
#include "fs/worker.h"

#define BETWEEN_LOOKS 64 /* images */

static void mark(struct cfs_image *image)
{
	if (image)
		image->needed = true;
}

static void mark_needed(struct cfs *fs)
{
	struct cfs_node *node, *next;
	struct cfs_handle *h;
	size_t i;

	for (i = 0; i < fs->n_images; i++)
		if (fs->images[i])
			fs->images[i]->needed = false;
	DL_FOREACH(fs->handles, h)
		mark(h->ref.image);
	HASH_ITER(by_id, fs->nodes.by_id, node, next) {
		if (node->kind != CFS_IMAGE)
			mark(node->ref.image);
	}
}

/* Has it gone, and is it in nobody's hands? Its node is referred to by itself. */
static bool is_over(const struct cfs_image *image)
{
	const struct cfs_node *node = image->node;

	return image->removed && !image->needed && !image->writing && !image->unsynced &&
	       !image->burst && !node->lookups && node->refs == 1;
}

static void reap(struct cfs *fs)
{
	size_t i = fs->n_images;

	mark_needed(fs);
	while (i--) {
		struct cfs_image *image = fs->images[i];

		if (!image || !is_over(image))
			continue;
		fs->images[i] = NULL;
		if (image->number == i) /* the lowest of those that lead to it */
			cfs_image_free(fs, image);
	}
}

void cfs_reap(struct cfs *fs)
{
	struct cfs_worker *workers[] = {fs->changes, fs->reads, fs->makes};
	size_t n = 0;

	if (fs->n_removed < BETWEEN_LOOKS)
		return;
	/* a job may have one in hand */
	while (n < 3 && cfs_worker_borrow(workers[n]))
		n++;
	if (n == 3) {
		reap(fs);
		fs->n_removed = 0;
	}
	while (n--)
		cfs_worker_return(workers[n]);
}
