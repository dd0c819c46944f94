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

/* Build such a list: 0, -ENOMEM; and bring it into order, or (ret < 0) drop it. ret. */
int cfs_names_add(struct cfs_names *names, const char *name, mode_t mode, ino_t ino);
int cfs_names_finish(struct cfs_names *names, int ret, struct cfs_names **out);

void cfs_names_free(struct cfs_names *names); /* NULL is fine */

#endif
