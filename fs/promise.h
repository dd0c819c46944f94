/*
 * What the kernel may believe of entry files without asking: where their names lead and
 * what their attributes are. That can't be taken back by name while somebody waits: the
 * kernel would want the directory's lock, which may be held by who waits for us. So it is
 * promised only of files that change by nothing but being opened and written to, and who
 * opens one to write is sent back (-ESTALE) to look its name up again, which ends the
 * promise. What changes otherwise, from outside above all, the watch sees (watch.h) and
 * has the kernel forget.
 */
#ifndef CFS_PROMISE_H
#define CFS_PROMISE_H

#include "fs/image.h"

/*
 * For how long the name of an entry file may be believed to lead to its node id, and its
 * attributes to be what they are, seconds; 0: it has to be asked for each time. The image
 * is open. `node` is the file's, NULL where the id is computed; so below.
 */
double cfs_promise(struct cfs *fs, const struct cfs_ref *ref, struct cfs_node *node);

/* Does the kernel believe in a node id for this file, that it was given before? */
bool cfs_promise_holds(const struct cfs_ref *ref, const struct cfs_node *node);

/* Does it of any file of the image? */
bool cfs_promise_holds_any(const struct cfs_image *image);

/*
 * Somebody opens the file by a node id that was given up. If a name led him there in which
 * the kernel believed too long, he had better look it up again: true, but not twice. He
 * may have no name to look up (/proc/self/fd), or meet with the next commit.
 */
bool cfs_promise_recall(struct cfs *fs, const struct cfs_ref *ref);

/* The image is being edited: there are no new promises for a while. */
void cfs_promise_pause(struct cfs_image *image);

/*
 * What was promised of the image under its serial is no longer so, other than by
 * somebody writing to the file. The kernel is told soon.
 */
void cfs_promise_break(struct cfs *fs, struct cfs_image *image);

/* Names and sizes stay what they are, but owner or mode of all its files changed. */
void cfs_promise_remind(struct cfs *fs, struct cfs_image *image);

/*
 * The node id of the file, of which something was promised, was given up, and who asked for
 * it sent back. The kernel may be about to hear of it still, with a listing that is on its
 * way: it is told again later.
 */
void cfs_promise_withdraw(struct cfs *fs, const struct cfs_ref *ref, uint64_t ino);

#endif
