/*
 * Renaming.
 */
#ifndef CFS_RENAME_H
#define CFS_RENAME_H

#include "fs/cfs.h"

void cfs_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		   const char *new_name, unsigned flags);

#endif
