/*
 * Open files: the requests of libfuse from open to release. All but
 * cfs_file_write() take the lock themselves.
 */
#ifndef CFS_FILE_H
#define CFS_FILE_H

#include "fs/cfs.h"
#include "fs/handle.h"

void cfs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cfs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi);
void cfs_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		  struct fuse_file_info *fi);
void cfs_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cfs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void cfs_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* A handle of whatever has the node id, in fi->fh. 0, -errno. */
int cfs_file_open(struct cfs *fs, fuse_ino_t ino, struct fuse_file_info *fi);

/* Answer READ; `flags` are those of open(2). */
void cfs_file_read(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size, off_t off,
		   int flags);

/* A handle of an entry file for a new open file; fills in *fi. 0, -errno. */
int cfs_file_open_entry(struct cfs *fs, fuse_ino_t ino, struct cfs_node *node,
			const struct cfs_ref *ref, struct fuse_file_info *fi);

/* The same for a scratch file. */
int cfs_file_open_scratch(struct cfs *fs, struct cfs_node *node, struct fuse_file_info *fi);

/* Write and answer; with the lock held and no job under way. */
void cfs_file_write(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, const void *buf,
		    size_t size, uint64_t off);

#endif
