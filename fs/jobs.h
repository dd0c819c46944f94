/*
 * Requests that take long, or have to wait for those that do: the worker answers
 * them, in the order in which they were asked.
 */
#ifndef CFS_JOBS_H
#define CFS_JOBS_H

#include "fs/cfs.h"
#include "fs/handle.h"

/*
 * FLUSH, FSYNC (sync) and RELEASE (req is NULL) of an entry file. 0; -ENOMEM, which whoever
 * waits has been told.
 */
int cfs_job_commit(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, bool sync);

/* WRITE while a commit of the same handle is under way. */
void cfs_job_write(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, const void *buf,
		   size_t len, uint64_t off);

/* truncate(2) by path: answers with the new attributes. */
void cfs_job_truncate(struct cfs *fs, fuse_req_t req, fuse_ino_t ino, const struct cfs_ref *ref,
		      uint64_t size);

/* SETATTR that has to wait for commits: of the same handle, or of the image. */
void cfs_job_setattr(struct cfs *fs, fuse_req_t req, fuse_ino_t ino, struct cfs_handle *h,
		     const struct stat *attr, int to_set);

/* FSYNCDIR and FSYNC: sync a directory of the dump, an image, or a file of it. */
void cfs_job_sync(struct cfs *fs, fuse_req_t req, struct cfs_node *dir, struct cfs_image *image,
		  struct cfs_handle *h);

/* A request about names: UNLINK, RMDIR, RENAME. Names are borrowed. */
struct cfs_call {
	fuse_ino_t parent;
	const char *name;
	fuse_ino_t new_parent; /* of RENAME, else 0 */
	const char *new_name;  /* likewise, else NULL */
	unsigned flags;
};

/* Run `fn` on the worker, with the lock held, and answer with what it returns, 0 or -errno. */
void cfs_job_call(struct cfs *fs, fuse_req_t req,
		  int (*fn)(struct cfs *fs, fuse_req_t req, const struct cfs_call *call),
		  const struct cfs_call *call);

#endif
