/*
 * The watch: a thread that looks whether images of which something was promised (see
 * promise.h) were changed from outside, and tells the kernel what it has to forget. No
 * request waits for it, and it holds no lock while it tells names: the kernel wants the
 * directory's lock then, whose holder may be waiting for us.
 */
#ifndef CFS_WATCH_H
#define CFS_WATCH_H

#include "fs/cfs.h"
#include "fs/image.h"

struct cfs_watch;

/* Start the thread; not before the process has become a daemon. 0, -errno. */
int cfs_watch_start(struct cfs *fs);

/* End it, serving requests for as long as it waits for one. Without the lock; NULL is fine. */
void cfs_watch_stop(struct cfs *fs);

/* Something was promised: look after it. With the lock, as all below. */
void cfs_watch_wake(struct cfs *fs);

/*
 * Soon, have the kernel forget the attributes of all that was promised of the image under
 * the serial that it has now, and (`names`) the names that must not lead there any more.
 */
void cfs_watch_tell_image(struct cfs *fs, struct cfs_image *image, bool names);

/*
 * The same for the attributes of the node id that an entry file had, now and again in the
 * next second, and for its name if that leads to somebody who has it open.
 */
void cfs_watch_tell_later(struct cfs *fs, const struct cfs_ref *ref, uint64_t ino);

/*
 * All attributes that were to be forgotten until now are, and the names too unless somebody
 * is at work in their directory. Drops the lock: on a worker only.
 */
void cfs_watch_settle(struct cfs *fs);

#endif
