/*
 * When entry files were changed through the mount; all others have the time that the
 * image had when it was read.
 */
#ifndef CFS_TIMES_H
#define CFS_TIMES_H

#include "fs/image.h"

/*
 * The time that an entry file was last changed; setting it (NULL: to that of the
 * image); and forgetting it, because the file is gone.
 */
struct timespec cfs_times_of(const struct cfs_image *image, const struct cfs_ref *ref);
void cfs_times_touch(struct cfs_image *image, const struct cfs_ref *ref,
		     const struct timespec *when);
void cfs_times_untouch(struct cfs_image *image, const struct cfs_ref *ref);

/* The image was read anew: nobody has changed anything. */
void cfs_times_forget(struct cfs_image *image);

#endif
