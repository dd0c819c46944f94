/*
 * Whole images from documents. Called on the worker that changes things, with the lock
 * held; it is dropped while a text is read and an image written.
 */
#ifndef CFS_REPLACE_H
#define CFS_REPLACE_H

#include "decoder/commit.h"
#include "fs/image.h"

/*
 * Make an image what the text of `d` says; see cfs_commit(), which this is for documents.
 * Its entries are numbered afresh. *written: the file has been replaced. 0, -errno and
 * the reason.
 */
int cfs_replace(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
		struct cfs_draft *d, const struct timespec *when, enum crit_sync sync,
		bool *written, struct crit_error *err);

/*
 * Make the image that there is not, but whose document the scratch file is called, of the
 * text of `d`. 0 and *ref, the document's; -errno after it was refused.
 */
int cfs_replace_none(struct cfs *fs, const struct cfs_node *scratch, struct cfs_draft *d,
		     enum crit_sync sync, struct cfs_ref *ref);

#endif
