/*
 * What an archive consists of, for those who implement archive.h.
 */
#ifndef CRIT_ARCHIVE_INSIDE_H
#define CRIT_ARCHIVE_INSIDE_H

#include <stdatomic.h>

#include "decoder/archive/archive.h"
#include "decoder/archive/unpack.h"

struct crit_archive {
	atomic_uint refs;
	struct crit_file *file; /* a reference: the archive, or what was unpacked of it */
	struct crit_unpacked unpacked; /* what is not in it as it is */
	struct crit_file *of;          /* a reference: the archive itself */
	struct crit_member *top;       /* owned */
	uint64_t n;                    /* inode numbers that were given out */
};

/* A directory that is in none, for now; `name` is copied. NULL: no memory. */
struct crit_member *crit_member_new(struct crit_archive *a, const char *name);
void crit_member_free(void *node); /* with all that is in it */

/* Give it an inode number that none has had. */
void crit_member_renumber(struct crit_archive *a, struct crit_member *m);

/* The next name of a path, and behind it; "." is none. False at the end. */
bool crit_member_next_name(const char **path, const char **name, size_t *len);

/* Why a path can't be that of a member; NULL if it can. */
const char *crit_member_path_error(const char *path);

/*
 * The member of such a path; with `make`, made with all directories on the way if need be.
 * What is no directory but has members becomes one. NULL: there is none, or no memory.
 */
struct crit_member *crit_member_at(struct crit_archive *a, const char *path, bool make);

/* Read all headers of a->file into a->top. As crit_archive_open(). */
int crit_archive_index(struct crit_archive *archive, struct crit_archive_listener *listener,
		       struct crit_error *err);

#endif
