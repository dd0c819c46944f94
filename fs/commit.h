/*
 * From drafts to the dump. Called on the worker, with the lock held; it is dropped
 * while something is written.
 */
#ifndef CFS_COMMIT_H
#define CFS_COMMIT_H

#include "fs/cfs.h"
#include "fs/handle.h"

/*
 * Make the contents of `d` those of an entry file. The caller shares `d`, so that
 * it does not change meanwhile. 0; -errno after it was refused: the contents are
 * kept beside the entry, and why.
 */
int cfs_commit(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
	       struct cfs_draft *d, bool sync_dir);

/*
 * Commit a handle's draft if it is dirty. An empty text is nothing yet. 0; -errno
 * if it is refused now, or was and has not changed since.
 */
int cfs_commit_handle(struct cfs *fs, struct cfs_handle *h, bool sync_dir);

/* At the end of the mount: all that is dirty still. */
void cfs_commit_all(struct cfs *fs);

#endif
