/*
 * Listing directories: a dump's from a snapshot of its names; an image's entry by entry,
 * by a cookie that says which slot and part came last, so that a million of them need no
 * memory.
 */
#ifndef CFS_LISTING_H
#define CFS_LISTING_H

#include "fs/cfs.h"

/* Are there scratch files in an image, or in the messages of a queue? */
bool cfs_listing_has_scratch(struct cfs *fs, uint64_t container);

/* Answer READDIR, or READDIRPLUS (`plus`), on an open directory. */
void cfs_listing_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		       off_t off, bool plus);

#endif
