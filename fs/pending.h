/*
 * Files that have the name of an entry file before the image has the entry: a new
 * N.json until its text is committed, an extra that came before its N.json, the
 * messages of a queue that is still to come, the document of an image that there is
 * not (whose ref has no image). They are scratch files whose node is marked as pending;
 * when the image has what they stand for, they become entry files.
 */
#ifndef CFS_PENDING_H
#define CFS_PENDING_H

#include "fs/handle.h"
#include "fs/image.h"

/*
 * Can there be an entry file of this name in the image, now or with other entries?
 * 0, -EPERM. Opens the image.
 */
int cfs_pending_check(struct cfs *fs, const struct cfs_ref *ref);

/* The pending file that stands for an entry file, or NULL. */
struct cfs_node *cfs_pending_find(struct cfs *fs, const struct cfs_ref *ref);

/* A scratch file has the name of an entry file now, or no more. */
void cfs_pending_mark(struct cfs_node *node, const struct cfs_ref *ref);
void cfs_pending_unmark(struct cfs_node *node);

/* Take its name away, after what it says was refused; who has it open may try again. */
void cfs_pending_drop(struct cfs *fs, struct cfs_node *node);

/*
 * The image has what the scratch file says as the contents of an entry file: it is
 * that file now, and has its name. Handles that are open on it become the entry's;
 * what they wrote since `committed` was is their draft.
 */
void cfs_pending_become(struct cfs *fs, struct cfs_node *node, const struct cfs_ref *ref,
			const struct cfs_draft *committed);

/*
 * Pending N.json that were accepted and wait: of the image, or (msgs) of the queue in
 * ref's slot; or, with ref NULL, all that were written and not committed. In number
 * order, each with a reference. Their number; *out is the caller's to free.
 */
size_t cfs_pending_list(struct cfs *fs, const struct cfs_ref *ref, bool msgs,
			struct cfs_node ***out);

/* The image was changed underneath: what waited for its entries is refused. */
void cfs_pending_expire(struct cfs *fs, struct cfs_image *image);

#endif
