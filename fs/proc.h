/*
 * .critfs/proc: the processes of a dump as files, see decoder/proc/proc.h. Names,
 * attributes and links; those that are opened are in procfile.h. Nothing can be made or
 * removed there. Runs of pages have computed ids, as there may be a million of them.
 */
#ifndef CFS_PROC_H
#define CFS_PROC_H

#include "decoder/proc/proc.h"
#include "fs/attr.h"
#include "fs/cfs.h"

#define CFS_PROC_NAME "proc"

struct cfs_proc_node {
	struct crit_proc_file file;
	unsigned memory;         /* of map_files: its number in fs->memories; see numbered */
	bool numbered;           /* it has one */
	uint64_t print;          /* a fingerprint of what it said last, 0: not taken */
	struct timespec changed; /* when that became another one */
};

void cfs_proc_node_free(struct cfs_proc_node *proc); /* NULL is fine */

/* Make the node of .critfs/proc. 0, -ENOMEM. */
int cfs_proc_new_top(struct cfs *fs, struct cfs_node *special, struct cfs_node **out);

/* The CFS_DIR of the dump that a node in it is of. */
struct cfs_node *cfs_proc_dump(const struct cfs_node *node);

/* The inode number of a file, whichever node id it has. */
ino_t cfs_proc_ino(const struct cfs_node *dump, const struct crit_proc_file *file);

/* Is it a run of pages, or map_files, that can be told of without waiting for an image? */
bool cfs_proc_is_at_hand(struct cfs *fs, fuse_ino_t ino);

/* Which file is meant, by whom. */
struct cfs_proc_at {
	struct cfs_node *dump; /* borrowed */
	struct crit_proc_file file;
	bool is_run; /* `file` is only its directory, until cfs_proc_enter() */
	uint64_t address;
	uint32_t caller;
};

/* What a node id stands for, which is a CFS_PROC; fs->asker asks. */
void cfs_proc_find(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o,
		   struct cfs_proc_at *at);

/*
 * Begin to ask about it, see cfs_procs_enter(): to be ended by cfs_procs_leave(). -ESTALE if
 * there is no such run any more.
 */
int cfs_proc_enter(struct cfs *fs, struct cfs_proc_at *at, struct crit_proc **proc);

/* All of these drop the lock, on the reading worker. 0, -ENOENT, -ESTALE, -errno. */
int cfs_proc_lookup(struct cfs *fs, struct cfs_node *dir, const char *name,
		    struct fuse_entry_param *e);
int cfs_proc_attr(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o, struct stat *st,
		  double *timeout);
int cfs_proc_readlink(struct cfs *fs, struct cfs_node *node, char *out, size_t size);

#endif
