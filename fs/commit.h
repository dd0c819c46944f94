/*
 * From drafts to the dump. Called on the worker, with the lock held; it is dropped
 * while something is written.
 */
#ifndef CFS_COMMIT_H
#define CFS_COMMIT_H

#include "decoder/commit.h"
#include "fs/cfs.h"
#include "fs/handle.h"

/*
 * Make the contents of `d` those of an entry file; a text whose slot is free becomes
 * a new entry. The caller shares `d`, so that it does not change meanwhile. `when` is
 * the file's time then (NULL: now). 0; 1 for a new text that is good, but has to wait
 * for another entry (see pending.h); -errno after it was refused: the contents are
 * kept beside the entry, and why.
 */
int cfs_commit(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
	       struct cfs_draft *d, const struct timespec *when, enum crit_sync sync);

/* Commit a pending file as it is now; if there is nothing to do, 0. As cfs_commit(). */
int cfs_commit_pending(struct cfs *fs, struct cfs_node *node, enum crit_sync sync);

/*
 * Commit a handle's draft if it is dirty. An empty text is nothing yet. 0; -errno
 * if it is refused now, or was and has not changed since.
 */
int cfs_commit_handle(struct cfs *fs, struct cfs_handle *h, enum crit_sync sync);

/*
 * The same at its end. What its user was told is refused is not committed, but kept, if it
 * could not be kept then.
 */
int cfs_commit_closed(struct cfs *fs, struct cfs_handle *h, enum crit_sync sync);

/* Was it refused, and is it not kept but by the handle? */
bool cfs_commit_is_left(const struct cfs_handle *h);

/* Leave it, a reference, for later; and try again with what was left, one at a time. */
void cfs_commit_leave(struct cfs *fs, struct cfs_handle *h);
void cfs_commit_left(struct cfs *fs);

/* At the end of the mount: all that is dirty still. */
void cfs_commit_all(struct cfs *fs);

#endif
