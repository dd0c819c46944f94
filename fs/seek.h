/*
 * SEEK_DATA and SEEK_HOLE, of any open file.
 */
#ifndef CFS_SEEK_H
#define CFS_SEEK_H

#include "fs/cfs.h"
#include "fs/handle.h"

void cfs_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		  struct fuse_file_info *fi);

/* Answer LSEEK. */
void cfs_seek(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, off_t off, int whence);

/* In a file of that size without holes. 0 and *found, -ENXIO. */
int cfs_seek_plain(uint64_t size, off_t off, bool data, off_t *found);

#endif
