/*
 * .critfs: the directory with what critfs itself has to say. It is in the root
 * and in each directory that holds a dump, and not listed there.
 */
#ifndef CFS_SPECIAL_H
#define CFS_SPECIAL_H

#include <sys/stat.h>

#include "fs/cfs.h"

#define CFS_SPECIAL_NAME ".critfs"

enum cfs_special {
	CFS_SPECIAL_VERSION,
	CFS_SPECIAL_ERRORS,  /* every refusal since the mount began, a line each */
	CFS_SPECIAL_SCRATCH, /* every scratch file, a line each */
	CFS_SPECIAL_STATS,   /* numbers of the dump, as JSON */
	CFS_SPECIAL_CHECK,   /* what is wrong with it, a line each */
	CFS_SPECIAL_JSON,    /* a directory, see jsondir.h */
	CFS_SPECIAL_PROC,    /* likewise, see proc.h */
	CFS_SPECIAL_IMG,     /* likewise, see view.h */
	CFS_SPECIAL_TAR,     /* likewise */
	CFS_N_SPECIAL,
};

extern const char *const cfs_special_names[CFS_N_SPECIAL];

/* An enum cfs_special; CFS_N_SPECIAL if it is no such name. */
unsigned cfs_special_by_name(const char *name);

/* Is it a directory? */
bool cfs_special_is_dir(unsigned special);

/* Is it a text that takes long to make, see made.h? */
bool cfs_special_is_made(unsigned special);

/* The node of `dir`/.critfs, made if need be. 0, -ENOENT if `dir` is no dump. */
int cfs_special_dir(struct cfs *fs, struct cfs_node *dir, struct cfs_node **out);

/* The node of a name in it. 0, -ENOENT. */
int cfs_special_find(struct cfs *fs, struct cfs_node *dir, const char *name,
		     struct cfs_node **out);

/* Of a text that is made, on the worker that makes it. */
int cfs_special_attr(struct cfs *fs, struct cfs_node *node, struct stat *st);

/*
 * Attributes of a CFS_SPECIAL for who looks its name up, at once: the kernel lets nobody else
 * look into the directory meanwhile, and asks for those of a text that is made before it
 * believes them.
 */
int cfs_special_entry(struct cfs *fs, struct cfs_node *node, struct stat *st);

/* Append the text as it is now. 0, -errno. */
int cfs_special_text(struct cfs *fs, struct cfs_node *node, struct crit_buf *out);

#endif
