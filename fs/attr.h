/*
 * What a node id stands for, and its attributes.
 */
#ifndef CFS_ATTR_H
#define CFS_ATTR_H

#include <sys/stat.h>

#include "fs/cfs.h"
#include "fs/image.h"

struct cfs_handle;

/* What a node id stands for: a node of the table, or an entry file, or both. */
struct cfs_object {
	struct cfs_node *node; /* borrowed; NULL for entry files with a computed id */
	bool is_entry;
	bool is_run;        /* a run of pages with a computed id; node: its directory */
	bool old;           /* it was this entry file, which has another node id now */
	struct cfs_ref ref; /* of an entry file, there or pending; else only the image */
};

/*
 * 0; -ESTALE if there is no such object (any more), or it is an old version of an entry
 * file: the kernel looks the name up again then. *o is filled in for those, too.
 */
int cfs_object_find(struct cfs *fs, fuse_ino_t ino, struct cfs_object *o);

/* Is it a directory of messages, there or to come? */
bool cfs_object_is_queue(const struct cfs_object *o);

/*
 * 0, -errno. *timeout: for how long the kernel may believe it, seconds. What only the reading
 * worker can tell (see reading.h) is asked of it there, and it drops the lock meanwhile.
 */
int cfs_attr(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o, struct stat *st,
	     double *timeout);

/*
 * The same for an open file (NULL: by its node alone). An entry file that is open
 * is what it was when it was opened, or its draft, even where it is no more.
 */
int cfs_attr_open(struct cfs *fs, fuse_ino_t ino, const struct cfs_handle *h, struct stat *st,
		  double *timeout);

/* The inode number of a scratch file. */
ino_t cfs_scratch_ino(const struct cfs_node *node);

/* The inode number of an entry file, whichever node id it has. */
ino_t cfs_entry_ino(const struct cfs_ref *ref);

#endif
