/*
 * What a directory consists of, for those who implement dir.h and overlay.h.
 */
#ifndef CRIT_DIR_INSIDE_H
#define CRIT_DIR_INSIDE_H

#include <stdatomic.h>

#include "decoder/archive/archive.h"
#include "decoder/dir.h"

struct crit_dir {
	atomic_uint refs;
	struct crit_dir *up;              /* a reference; NULL for what was opened */
	char *name;                       /* owned: in it */
	int lower;                        /* owned: on disk, -1 if it is not there, or hidden */
	struct crit_archive *archive;     /* a reference, and what of it this is; else NULL */
	const struct crit_member *member; /* borrowed from it; NULL: not in it, or hidden */
	bool overlaid;
	bool heeds_acls;
	atomic_int upper; /* owned; -1: none that is known, see crit_dir_upper() */
};

#define CRIT_WHITEOUT_PREFIX ".wh."
#define CRIT_OPAQUE_NAME     ".wh..wh..opq"

/*
 * The upper directory, -1 without. It is looked for as long as there is none: who has the
 * same directory open otherwise may make it.
 */
int crit_dir_upper(const struct crit_dir *dir);

/* Take over `fd` as the upper directory, unless somebody was quicker. */
void crit_dir_set_upper(const struct crit_dir *dir, int fd);

/* What an upper directory says of a name. */
enum crit_above {
	CRIT_ABOVE_NOTHING,
	CRIT_ABOVE_THERE,   /* it has it: *st */
	CRIT_ABOVE_REMOVED, /* there is a whiteout */
};

/* One of these, -errno. */
int crit_dir_above(const struct crit_dir *dir, const char *name, struct stat *st);

/* lstat(2) of a name below the upper directory, as it is. 0, -errno. */
int crit_dir_stat_below(const struct crit_dir *dir, const char *name, struct stat *st);

/* Open a directory in another one, not through a symlink. A descriptor, -errno. */
int crit_open_sub(int fd, const char *name);

/* Is nothing of what is below an upper directory to be seen in it? */
bool crit_is_opaque(int fd);

/* A name that is the layout's own business. */
bool crit_dir_is_whiteout_name(const struct crit_dir *dir, const char *name);

#endif
