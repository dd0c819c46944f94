/*
 * Files of a read-only mount: the kernel is told not to ask for opens and releases, which
 * are half of what reading a small file costs. So each read says only which file, by its
 * node id, and what was made for one is kept for the next ones.
 */
#ifndef CFS_STATELESS_H
#define CFS_STATELESS_H

#include "fs/cfs.h"

/* Answers that there is no such request. */
void cfs_op_no_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

void cfs_op_read_by_id(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi);

void cfs_op_lseek_by_id(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
			struct fuse_file_info *fi);

/* Let go of what nobody has read from lately; a second's work of the watch. With the lock. */
void cfs_stateless_expire(struct cfs *fs);

#endif
