/*
 * Listing directories: a dump's from a snapshot of its names, in natural order
 * (core-2 before core-10); an image's entry by entry, by a cookie that says which
 * slot and part came last, so that a million of them need no memory.
 */
#ifndef CFS_LISTING_H
#define CFS_LISTING_H

#include "fs/cfs.h"

struct cfs_names;

/* The names in a directory of the dump; *out is owned by the caller. -errno */
int cfs_names_read(struct cfs *fs, struct cfs_node *dir, struct cfs_names **out);

/* The documents, and all else, in a .critfs/json; as cfs_names_read(). */
int cfs_names_read_documents(struct cfs *fs, struct cfs_node *jsondir, struct cfs_names **out);

void cfs_names_free(struct cfs_names *names); /* NULL is fine */

/* Are there scratch files in an image, or in the messages of a queue? */
bool cfs_listing_has_scratch(struct cfs *fs, uint64_t container);

/* Answer READDIR on an open directory. */
void cfs_listing_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		       off_t off);

#endif
