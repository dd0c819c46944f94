/*
 * Replacing an image by its edited self: written beside it, synced, renamed over
 * it. At any instant the name leads to the old image or to the new one, whole.
 */
#ifndef CRIT_COMMIT_H
#define CRIT_COMMIT_H

#include <stdbool.h>

#include "decoder/dir.h"
#include "decoder/edit.h"
#include "decoder/error.h"
#include "decoder/file.h"
#include "decoder/spare.h"

/* What has to be on the disk when a commit returns. */
enum crit_sync {
	CRIT_SYNC_NONE, /* nothing: the caller syncs later */
	CRIT_SYNC_FILE, /* the new image, before it takes its name */
	CRIT_SYNC_DIR,  /* and that it has the name */
};

/*
 * Make `name` in `dir`, which was read as `old`, the file that edit->pieces
 * describe, with the old one's owner, mode, ACL, extended attributes and holes.
 * Touches neither `old`'s count nor anything else that a lock would have to
 * guard. Only for an edit that changes something. 0 and *out, a new reference;
 * -EBUSY if the name no longer leads to `old`, -EPERM if its owner can't be kept,
 * or what writing gave (-ENOSPC, -EIO, …). *out is NULL if the old image is still
 * in place; an error with *out set means that the new one is there but may not
 * have reached the disk. With `spare` (may be NULL) the new image is made of that, if
 * there is one and it can be; and `old` is put aside as the next one, which the caller
 * has to keep (crit_spare_keep()); there must be none for an image that is below an upper
 * directory (crit_dir_is_below()).
 */
int crit_commit(const struct crit_dir *dir, const char *name, const struct crit_file *old,
		const struct crit_edit *edit, enum crit_sync sync, struct crit_spare *spare,
		struct crit_file **out, struct crit_error *err);

/*
 * The same for an edit that only appends (crit_edit_appends()) to a file that
 * nobody relies on yet: written in place, unsynced. Returns as crit_commit() does.
 */
int crit_commit_append(const struct crit_dir *dir, const char *name,
		       const struct crit_file *old, const struct crit_edit *edit,
		       struct crit_file **out, struct crit_error *err);

/*
 * Make a new file of the bytes of `pieces`; it appears with them or not at all, and is
 * synced before (CRIT_SYNC_FILE) if that is asked for. `mode` as given, the owner where
 * that is permitted. 0, -EEXIST, -errno.
 */
int crit_commit_new(const struct crit_dir *dir, const char *name,
		    const struct crit_piece *pieces, size_t n_pieces, enum crit_sync sync,
		    mode_t mode, uid_t uid, gid_t gid);

/* Sync a directory, so that renames in it last. 0, -errno. */
int crit_sync_directory(int dirfd);

/*
 * A new file for what is to be renamed later: open for reading and writing, its name,
 * locked so that no sweep removes it. A descriptor that the caller owns, -errno.
 */
int crit_commit_temporary(int dirfd, char name[CRIT_TEMPORARY_NAME]);

/* Another name like that, random. */
void crit_commit_temporary_name(char name[CRIT_TEMPORARY_NAME]);

/* Is this the name of a file that a commit is still writing, or left behind? */
bool crit_commit_is_temporary(const char *name);

/* Remove what commits that were killed left in a directory. */
void crit_commit_sweep(int dirfd);

#endif
