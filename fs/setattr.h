/*
 * Setting attributes and sizes.
 */
#ifndef CFS_SETATTR_H
#define CFS_SETATTR_H

#include "fs/cfs.h"

void cfs_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		    struct fuse_file_info *fi);

#endif
