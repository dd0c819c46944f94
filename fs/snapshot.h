/*
 * The names in a directory as they are when it is opened, in natural order (core-2 before
 * core-10).
 */
#ifndef CFS_SNAPSHOT_H
#define CFS_SNAPSHOT_H

#include "fs/cfs.h"

struct cfs_name {
	char *name; /* owned */
	mode_t mode;
	ino_t ino;
};

struct cfs_names {
	struct cfs_name *names; /* owned */
	size_t n, cap;
};

/* The names in a directory of the dump; *out is owned by the caller. -errno */
int cfs_names_read(struct cfs *fs, struct cfs_node *dir, struct cfs_names **out);

/* The documents, and all else, in a .critfs/json; as cfs_names_read(). */
int cfs_names_read_documents(struct cfs *fs, struct cfs_node *jsondir, struct cfs_names **out);

void cfs_names_free(struct cfs_names *names); /* NULL is fine */

#endif
