/*
 * Setting attributes and sizes.
 */
#ifndef CFS_SETATTR_H
#define CFS_SETATTR_H

#include "fs/cfs.h"

void cfs_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		    struct fuse_file_info *fi);

/* Set and answer, with the lock held and no commit under way that it has to wait for. */
void cfs_setattr_now(struct cfs *fs, fuse_req_t req, fuse_ino_t ino, struct cfs_handle *h,
		     const struct stat *attr, int to_set);

#endif
