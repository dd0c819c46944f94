/*
 * Images as a whole: made by mkdir, removed by rmdir, renamed.
 */
#ifndef CFS_WHOLE_H
#define CFS_WHOLE_H

#include "fs/image.h"
#include "fs/tree.h"

/* Does the name say that a directory so called is an image, or wants to be one? */
bool cfs_whole_is_name(const char *name);

/* Make an empty image. 0 and *e; -EPERM if the name gives no type; -errno. */
int cfs_whole_make(struct cfs *fs, fuse_req_t req, const struct cfs_place *place,
		   const char *name, mode_t mode, struct fuse_entry_param *e);

/* Remove an image that shows nothing any more. On the worker. -ENOTEMPTY, -errno. */
int cfs_whole_remove(struct cfs *fs, struct cfs_image *image);

/*
 * Give it another name, in its directory or another one of the dump. On the worker.
 * -EPERM if it would be no image there, or one of another type; -ENOTEMPTY, -errno.
 */
int cfs_whole_rename(struct cfs *fs, struct cfs_image *image, struct cfs_node *dir,
		     const char *name, unsigned flags);

#endif
