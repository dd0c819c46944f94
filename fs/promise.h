/*
 * What the kernel may believe of entry files without asking: where their names lead and
 * what their attributes are. A promise can't be taken back by name: the kernel would
 * want the directory's lock for that, which may be held by who waits for us. So none is
 * longer than a change from outside may stay unseen, and one is given only for what
 * changes by nothing but being opened and written to. Who opens such a file to write is
 * sent back (-ESTALE) to look its name up again, which ends the promise.
 */
#ifndef CFS_PROMISE_H
#define CFS_PROMISE_H

#include "fs/image.h"

/*
 * For how long the name of an entry file may be believed to lead to its node id, seconds;
 * 0: it has to be looked up each time. The image is open.
 */
double cfs_promise(struct cfs *fs, const struct cfs_ref *ref);

/* Does the kernel believe in a node id for this file, that it was given before? */
bool cfs_promise_holds(const struct cfs_ref *ref);

/* The image is being edited: there are no new promises for a while. */
void cfs_promise_pause(struct cfs_image *image);

/*
 * What was promised of the image, under the serial that it has or had, is no longer so
 * other than by somebody writing to the file: the kernel has to ask again for the
 * attributes of all of them. Drops the lock meanwhile, so on a worker only.
 */
void cfs_promise_break(struct cfs *fs, struct cfs_image *image, unsigned serial);

#endif
