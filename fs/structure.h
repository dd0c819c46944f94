/*
 * Removing and moving what an image has. Called on the worker with the lock held,
 * which is dropped while something is written. Such changes are in the file when
 * these return, and synced within a second.
 */
#ifndef CFS_STRUCTURE_H
#define CFS_STRUCTURE_H

#include "fs/image.h"

/*
 * Remove an entry file that the image has, hidden or not: an N.json or N.raw with all
 * its entry, whose extras are kept for a new one; an extra, which is empty then; the
 * messages' directory of a queue without any; the tail; a document, but not its image. -EBUSY
 * if the image is another than in `generation`; 0, -ENOENT, -ENOTEMPTY, -EPERM, -errno; what
 * has no plain errno is told to the log.
 */
int cfs_structure_remove(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation);

/* An N.json goes to another slot with all its entry; what was there is gone. */
int cfs_structure_move(struct cfs *fs, const struct cfs_ref *from, const struct cfs_ref *to);

/* The node of an entry file, made if need be; one with a computed id gets it now. */
struct cfs_node *cfs_structure_node(struct cfs *fs, const struct cfs_ref *ref);

#endif
