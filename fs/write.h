/*
 * Edits on their way to the disk: written at once, and synced at once or, where
 * many small changes follow each other, within a second. Called on the worker with
 * the lock held, which is dropped while something is written or synced.
 */
#ifndef CFS_WRITE_H
#define CFS_WRITE_H

#include "decoder/commit.h"
#include "fs/image.h"

/*
 * Make an edit of the open image its file. CRIT_SYNC_NONE: synced within a second;
 * so is all that is written to an image that is still being made, unless `sync` is
 * CRIT_SYNC_DIR. *written: the file has been replaced, which an error that came
 * late does not undo. 0, -errno and the reason.
 */
int cfs_write(struct cfs *fs, struct cfs_image *image, const struct crit_edit *edit,
	      enum crit_sync sync, bool *written, struct crit_error *err);

/* The same for an edit that leaves nothing of the image as it was: it is read anew. */
int cfs_write_anew(struct cfs *fs, struct cfs_image *image, const struct crit_edit *edit,
		   enum crit_sync sync, bool *written, struct crit_error *err);

/* The image was written to, and is to be synced within a second. */
void cfs_sync_image_soon(struct cfs *fs, struct cfs_image *image);

/* It is removed: nothing has to be synced but its directory. */
void cfs_sync_forget(struct cfs *fs, struct cfs_image *image);

/* Names in a directory of the dump changed; it is synced within a second. */
void cfs_sync_directory_soon(struct cfs *fs, struct cfs_node *dir);

/* What was written to the image, and its name, is on the disk. 0, -errno. */
int cfs_sync_image(struct cfs *fs, struct cfs_image *image);

/* When something has to be synced next; false if all is. */
bool cfs_sync_next(struct cfs *fs, struct timespec *when);

/* Sync what is due by now, or `all` there is; and do what could wait for an answer. */
void cfs_sync_due(struct cfs *fs, bool all);

#endif
