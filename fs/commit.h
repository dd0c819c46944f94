/*
 * From drafts to the dump: the jobs that commit, and what they leave behind.
 * Each answers its request when it is done.
 */
#ifndef CFS_COMMIT_H
#define CFS_COMMIT_H

#include "fs/cfs.h"
#include "fs/handle.h"

/*
 * Make the contents of `d` those of an entry file; called and returning with the
 * lock held, drops it while it writes. The caller shares `d`, so that it does not
 * change meanwhile. 0; -errno after it was refused: the contents are kept beside
 * the entry, and why.
 */
int cfs_commit(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
	       struct cfs_draft *d, bool sync_dir);

/* FLUSH, FSYNC (sync) and RELEASE (req is NULL) of an entry file. */
void cfs_commit_handle(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, bool sync);

/* WRITE while a commit of the same handle is under way: it waits its turn. */
void cfs_commit_then_write(struct cfs *fs, fuse_req_t req, struct cfs_handle *h,
			   const void *buf, size_t len, uint64_t off);

/* truncate(2) by path: answers with the new attributes. */
void cfs_commit_truncated(struct cfs *fs, fuse_req_t req, fuse_ino_t ino,
			  const struct cfs_ref *ref, uint64_t size);

/* SETATTR that has to wait for commits: of the same handle, or of the image. */
void cfs_commit_then_setattr(struct cfs *fs, fuse_req_t req, fuse_ino_t ino,
			     struct cfs_handle *h, const struct stat *attr, int to_set);

/* FSYNCDIR and FSYNC: sync a directory of the dump, or (dir is NULL) a file of it. */
void cfs_commit_sync(struct cfs *fs, fuse_req_t req, struct cfs_node *dir,
		     struct cfs_handle *h);

/* Rename of a scratch file onto an entry's name in a directory. */
void cfs_commit_renamed(struct cfs *fs, fuse_req_t req, struct cfs_node *scratch,
			const struct cfs_ref *ref, uint64_t container, const char *name);

/* At the end of the mount: all that is dirty still. With the lock held. */
void cfs_commit_all(struct cfs *fs);

#endif
