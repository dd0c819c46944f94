/*
 * Spare files (see decoder/spare.h) of images of which many changes follow each other.
 * They can be seen in the dump and take as much room as the image, so they go soon after
 * the last change. Called on the worker, with the lock held.
 */
#ifndef CFS_SPARE_H
#define CFS_SPARE_H

#include "decoder/spare.h"
#include "fs/image.h"

struct cfs_burst;

/*
 * The image is about to be changed: the spare file to do it with, or NULL where none is
 * worth it. Nobody else has a reference to spare->file then.
 */
struct crit_spare *cfs_spare_begin(struct cfs *fs, struct cfs_image *image);

/* It was changed, with cfs_spare_begin()'s spare; `old` is what it was before. */
void cfs_spare_end(struct cfs_image *image, struct crit_file *old);

/* It was changed without: a spare that there is is of no use any more. */
void cfs_spare_forget(struct cfs *fs, struct cfs_image *image);

/* Something was appended to it in place. */
void cfs_spare_appended(struct cfs_image *image, const struct crit_file *was,
			const struct crit_file *is);

/*
 * Do what the next changes would have to wait for, if they come. Drops the lock
 * meanwhile.
 */
void cfs_spare_settle(struct cfs *fs);

/* When the next spare has to go; false if there are none. */
bool cfs_spare_next(const struct cfs *fs, struct timespec *when);

/* Remove those whose time has come by `now` (NULL: all). */
void cfs_spare_due(struct cfs *fs, const struct timespec *now);

#endif
