/*
 * A process beside the daemon that stays outside of its sandbox and does what it can't do
 * from within, when it asks or has ended, killed too: it unmounts, and removes the daemon's
 * directory for temporary files. It has nothing of the dump open, and reads nothing from it.
 */
#ifndef CFS_KEEPER_H
#define CFS_KEEPER_H

struct cfs_keeper;
struct fuse_session;

/*
 * Start it: before there are threads, when the session is mounted. `place` (borrowed, or
 * NULL) is an empty directory that it removes at the end. 0 and *out, -errno.
 */
int cfs_keeper_start(struct fuse_session *session, const char *place, struct cfs_keeper **out);

/*
 * Have it unmount, unless somebody did, and wait until it has. The session is no longer
 * connected then. 0, -EPIPE if the keeper is gone and the mount is left behind.
 */
int cfs_keeper_unmount(struct cfs_keeper *keeper, struct fuse_session *session);

/* The daemon is done. */
void cfs_keeper_free(struct cfs_keeper *keeper);

#endif
