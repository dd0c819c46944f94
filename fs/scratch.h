/*
 * Scratch files: everything in an image directory that is no entry. Editors'
 * swap and backup files, the output of a filter before it is renamed onto an
 * entry, and what critfs itself puts beside an entry when it refuses one. They
 * are in memory (see draft.h) and gone at unmount.
 */
#ifndef CFS_SCRATCH_H
#define CFS_SCRATCH_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "fs/draft.h"

/* All scratch files and drafts together take at most so many bytes, if not told else. */
#define CFS_SCRATCH_MAX ((uint64_t)4 << 30)

struct cfs_scratch {
	struct cfs_draft *contents; /* owned */
	char *target;               /* owned: of a symlink, else NULL */
	mode_t mode;                /* with its type */
	uid_t uid;
	gid_t gid;
	struct timespec atime, mtime, ctime;
	bool ours;     /* a .rej or .err that critfs made, and nobody wrote to since */
	bool dirty;    /* of a pending file: written since it was committed or refused */
	bool accepted; /* of a pending N.json: it is good, and waits for another entry */
	int refused;   /* of a pending file: -errno of the last refusal */
};

struct cfs_scratch *cfs_scratch_new(struct cfs_store *store, mode_t mode, uid_t uid, gid_t gid);
void cfs_scratch_free(struct cfs_scratch *s);

void cfs_scratch_touch(struct cfs_scratch *s);

/*
 * Before its contents are changed by whoever has it open: they are nobody else's
 * then, critfs's neither, and the time is now. 0, -errno.
 */
int cfs_scratch_own(struct cfs_scratch *s);

/*
 * May a scratch file have this name? -EPERM for one in `.img`: it would be an
 * image that was copied to the wrong place, and lost at unmount. -ENAMETOOLONG.
 */
int cfs_scratch_check_name(const char *name);

/* Is this the name of something that editors leave behind, of no worth to anyone? */
bool cfs_scratch_is_litter(const char *name);

#endif
