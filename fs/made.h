/*
 * Texts of .critfs that take long to make: they are made by a worker of their own, and kept
 * for a moment, since who opens one has asked for its size just before.
 */
#ifndef CFS_MADE_H
#define CFS_MADE_H

#include "decoder/buf.h"
#include "fs/cfs.h"

struct cfs_made;

/*
 * The text of a CFS_SPECIAL, made anew if it is old; on that worker, drops the lock.
 * Borrowed, until the lock is dropped again. *changed: when it was found to be another than
 * before, else 0. 0, -errno.
 */
int cfs_made_get(struct cfs *fs, struct cfs_node *node, const struct crit_buf **text,
		 struct timespec *changed);

/* Keep the attributes that are told of it now; those that were told last, if there were any. */
void cfs_made_note(struct cfs_node *node, const struct stat *st);
bool cfs_made_told(const struct cfs_node *node, struct stat *st);

void cfs_made_free(struct cfs_made *made); /* NULL is fine */

#endif
