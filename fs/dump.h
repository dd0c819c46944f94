/*
 * What is mounted: a directory, or an archive, and an upper directory over it. What is wrong
 * with it is told on stderr, as all that is before the mount is there.
 */
#ifndef CFS_DUMP_H
#define CFS_DUMP_H

#include "fs/cfs.h"

/* Open what fs->opt names, and make the root's node. 0, -1. */
int cfs_dump_open(struct cfs *fs);

/*
 * Set opt.read_only where nothing can be written, having said so; else remove what commits
 * that were killed left there.
 */
void cfs_dump_choose_access(struct cfs *fs);

#endif
