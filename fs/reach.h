/*
 * What a mount has to do with: the dump, what is over it, the dumps it builds on, and the
 * place for temporary files. All else is out of reach for whoever takes the daemon over.
 */
#ifndef CFS_REACH_H
#define CFS_REACH_H

#include "fs/cfs.h"

/*
 * Make a directory for this mount's temporary files, and have all that makes some find it, in
 * $TMPDIR or where that is; where it can't be made they find that one. Before there are
 * threads.
 */
void cfs_reach_make_place(struct cfs *fs);

/* Remove it, where no keeper does. */
void cfs_reach_drop_place(struct cfs *fs);

/*
 * Begin the sandbox, with these in it. Of the parents, those of the dump and those of the
 * dumps in its top directory. 0, or -1 after saying what is wrong.
 */
int cfs_reach_allow(struct cfs *fs);

#endif
