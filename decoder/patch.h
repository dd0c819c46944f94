/*
 * Making a file what the pieces of an edit describe: all of it, or, where the file is
 * much like the one that was edited already, what it lacks of them.
 */
#ifndef CRIT_PATCH_H
#define CRIT_PATCH_H

#include <stdbool.h>

#include "decoder/edit.h"

/* Bytes of a file from one offset up to another; both the same: none. */
struct crit_extent {
	uint64_t from, to;
};

#define CRIT_EXTENT_ALL ((struct crit_extent){0, UINT64_MAX})

/* The range from the lower begin to the higher end. Either may be none. */
struct crit_extent crit_extent_both(struct crit_extent a, struct crit_extent b);

/*
 * What `fd` has besides `stale` is as in the file that `image` is open on, from which the
 * pieces were taken; what is empty is all stale. Holes of the pieces become holes.
 * `sync`: the caller syncs next, so the kernel may begin to write at once. 0; -EFBIG,
 * -EIO for pieces of files that have become shorter, -errno; then the file is of no use.
 */
int crit_patch(int fd, int image, struct crit_extent stale, const struct crit_piece *pieces,
	       size_t n, bool sync);

/* Where the pieces differ from the `size` bytes of `image`, from which they were taken. */
struct crit_extent crit_patch_extent(int image, uint64_t size, const struct crit_piece *pieces,
				     size_t n);

#endif
