/*
 * Images that were removed go when the kernel has forgotten them and nobody here has
 * anything of theirs any more. Their numbers do not come back: the kernel may still know
 * node ids that were computed from one.
 */
#ifndef CFS_REAP_H
#define CFS_REAP_H

#include "fs/cfs.h"

/*
 * The kernel forgot something: free what goes with it, if there is enough of that. For the
 * request loop, which has the lock, and no image in hand.
 */
void cfs_reap(struct cfs *fs);

#endif
