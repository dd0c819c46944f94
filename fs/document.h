/*
 * Documents: an image as one JSON text. To make one takes a walk through the image, so
 * its length is remembered as long as the image stays what it is, and nothing of that
 * walk is done while others wait for the lock.
 */
#ifndef CFS_DOCUMENT_H
#define CFS_DOCUMENT_H

#include "fs/image.h"

struct cfs_handle;

/* What stands for the document of an image; of NULL, for one of an image to come. */
struct cfs_ref cfs_document_ref(struct cfs_image *image);

/* "core-42.img.json", into CFS_NAME_SIZE bytes. */
void cfs_document_name(const struct cfs_image *image, char *name);

/* Is the length known? Looks at the image's file no more than others do. */
bool cfs_document_is_measured(const struct cfs_image *image);

/* Find out its length. On a worker: drops the lock. 0, -errno. */
int cfs_document_measure(struct cfs *fs, struct cfs_image *image);

/* The length, bytes, of an image that is open. If it is not known, everybody waits. */
int cfs_document_size(struct cfs *fs, struct cfs_image *image, uint64_t *size,
		      struct crit_error *err);

/* Let a handle read the document of its image, which is open, as it is now. 0, -errno. */
int cfs_document_open(struct cfs *fs, struct cfs_handle *h);

/*
 * The text, of an image as it was in `file`, to be edited. On a worker: drops the lock.
 * NULL and *ret if that fails.
 */
struct cfs_draft *cfs_document_draft(struct cfs *fs, struct cfs_image *image,
				     struct crit_file *file, int *ret);

/* The image was written to: its document is another one. */
void cfs_document_changed(struct cfs *fs, struct cfs_image *image);

/* If the document was removed, it is seen again, and the log says why. */
void cfs_document_reappear(struct cfs *fs, struct cfs_image *image);

#endif
