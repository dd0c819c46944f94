/*
 * Requests that make, remove or rename.
 */
#ifndef CFS_CHANGE_H
#define CFS_CHANGE_H

#include "fs/cfs.h"

void cfs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi);
void cfs_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void cfs_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void cfs_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void cfs_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void cfs_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void cfs_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void cfs_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		   const char *new_name, unsigned flags);

#endif
