/*
 * Open files that are shown as they are in the dump: reading and writing goes straight there.
 */
#ifndef CFS_PASSED_H
#define CFS_PASSED_H

#include "fs/cfs.h"
#include "fs/handle.h"

/* A handle for a new open file that `fd` is open on, which it takes over. 0, -ENOMEM. */
int cfs_passed_open(struct cfs *fs, struct cfs_node *node, int fd, struct fuse_file_info *fi);

/* The same for the file that has the node's name. 0, -EPERM for what is no file, -errno. */
int cfs_passed_open_name(struct cfs *fs, struct cfs_node *node, struct fuse_file_info *fi);

int cfs_passed_write(struct cfs *fs, struct cfs_handle *h, const void *buf, size_t size,
		     uint64_t off);

/* It was flushed: if nobody else writes to it, it may be an image from now on. */
void cfs_passed_flushed(struct cfs_handle *h);

#endif
