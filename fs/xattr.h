/*
 * Extended attributes: the requests of libfuse.
 */
#ifndef CFS_XATTR_H
#define CFS_XATTR_H

#include "fs/cfs.h"

void cfs_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void cfs_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

#endif
