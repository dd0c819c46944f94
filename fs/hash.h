/*
 * uthash, which ends the program where there is no memory unless it is told not to. After
 * HASH_ADD who added something asks whether it is in the table.
 */
#ifndef CFS_HASH_H
#define CFS_HASH_H

#include <stdbool.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Is it in the table that it was added to? If not there was no memory. */
static inline bool cfs_is_hashed(const UT_hash_handle *hh)
{
	return hh->tbl != NULL;
}

#endif
