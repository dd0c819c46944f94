/*
 * A spare file: what an image was before its last commit, kept beside it under a hidden
 * name. While edits follow each other, the next image is made of it by writing only
 * what differs. That is done only if nobody else has it open or mapped, nor a link to it,
 * and (but for an image that nobody relies on yet) after it is on the disk that the
 * image has another file. No thread safety.
 */
#ifndef CRIT_SPARE_H
#define CRIT_SPARE_H

#include "decoder/patch.h"

/* Bytes that the name of a temporary file takes, with its NUL. */
#define CRIT_TEMPORARY_NAME 24

/* Fill with zeros to begin with. */
struct crit_spare {
	char name[CRIT_TEMPORARY_NAME]; /* "": none */
	struct crit_file *file;         /* a reference; NULL until it is kept */
	struct crit_identity image;     /* of the file that took its place, */
	struct crit_extent stale;       /* and where that one differs */
	bool settled;                   /* the directory was synced since */
};

/*
 * Keep `old`, which a commit has just put aside under spare->name; or drop it if it can't
 * be written to later. Takes a reference of its own to it.
 */
void crit_spare_keep(int dirfd, struct crit_spare *spare, struct crit_file *old);

/* Remove it. Fine without one. */
void crit_spare_drop(int dirfd, struct crit_spare *spare);

/* Something was appended to the image, `was`, in place; it is `is` now. */
void crit_spare_appended(struct crit_spare *spare, const struct crit_file *was,
			 const struct crit_file *is);

/*
 * Sync the directory, after which it may be written to; a commit does so first if it was
 * not done before. 0, -errno.
 */
int crit_spare_settle(int dirfd, struct crit_spare *spare);

/*
 * Make it what `edit` makes of `old`, but for the attributes. The caller has its only
 * reference. 0; -errno if that can't be done, whereupon it has to be dropped.
 */
int crit_spare_patch(int dirfd, struct crit_spare *spare, const struct crit_file *old,
		     const struct crit_edit *edit, bool sync);

#endif
