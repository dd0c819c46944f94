/*
 * What a dump says of its processes, for .critfs/proc: a snapshot of each dump, made anew
 * where it is no longer good. Snapshots and all that comes from them have no lock of
 * their own: only the reading worker touches them, and it lets others in meanwhile.
 */
#ifndef CFS_PROCS_H
#define CFS_PROCS_H

#include "decoder/proc/proc.h"
#include "fs/cfs.h"

struct cfs_procs;

/*
 * Begin to ask about the processes of a dump, the CFS_DIR of its directory: drops the
 * lock. On the reading worker only. 0; -errno, with the lock held still.
 */
int cfs_procs_enter(struct cfs *fs, struct cfs_node *dump, struct crit_proc **proc);

/* The end of it: takes the lock again. */
void cfs_procs_leave(struct cfs *fs, struct cfs_node *dump);

/* The address space of a process was asked for, so it is open from now on. */
void cfs_procs_note(struct cfs_node *dump, uint32_t pid);

/* Is it open, in a snapshot that is good? Then it takes no time to ask for its pages. */
bool cfs_procs_is_at_hand(const struct cfs *fs, const struct cfs_node *dump, uint32_t pid);

/* Nobody is in it, and nobody has anything that came from it. NULL is fine. */
void cfs_procs_free(struct cfs_procs *procs);

#endif
