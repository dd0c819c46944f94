/*
 * Bytes that have waited for an entry: files that came before its N.json, or what it
 * had when it was removed.
 */
#ifndef CFS_WAITING_H
#define CFS_WAITING_H

#include "fs/draft.h"
#include "fs/image.h"

struct cfs_waiting {
	size_t n;
	struct crit_blob blob[CRIT_BLOBS_MAX];
	struct cfs_draft *contents[CRIT_BLOBS_MAX]; /* shares */
	struct cfs_node *node[CRIT_BLOBS_MAX];      /* references; NULL: it was parked */
	struct crit_piece *pieces[CRIT_BLOBS_MAX];  /* owned */
	struct crit_piece values;                   /* of semaphores, in `sems` */
	struct crit_buf sems;
};

/*
 * What waits for the entry of an N.json, for an image that is open; `fresh`: the image
 * has no such entry. 0, -errno and the reason; then there is nothing to give back.
 */
int cfs_waiting_gather(struct cfs *fs, const struct cfs_ref *json, bool fresh,
		       struct cfs_waiting *w, struct crit_error *err);
void cfs_waiting_fini(struct cfs *fs, struct cfs_waiting *w);

#endif
