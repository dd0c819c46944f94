/*
 * What was refused and why: N.json.rej and N.json.err beside the entry, a line
 * in .critfs/errors and in the log.
 */
#ifndef CFS_REFUSAL_H
#define CFS_REFUSAL_H

#include "fs/cfs.h"
#include "fs/draft.h"

/*
 * Keep a share of the contents that were refused, and say why. `node`: the scratch file
 * that has the name, which tells more than a ref of no image does; else it may be NULL.
 */
void cfs_refuse(struct cfs *fs, const struct cfs_ref *ref, const struct cfs_node *node,
		struct cfs_draft *refused, const struct crit_error *why);

/* Are these contents, of an entry file, what is kept of it as refused? */
bool cfs_refusal_keeps(struct cfs *fs, const struct cfs_ref *ref, const struct cfs_draft *d);

/* Say why something that has no contents was refused: in the log and .critfs/errors. */
void cfs_refusal_log(struct cfs *fs, const struct cfs_ref *ref, const struct crit_error *why);

/* The same of a name in a directory of the dump. */
void cfs_refusal_log_name(struct cfs *fs, const struct cfs_node *dir, const char *name,
			  const struct crit_error *why);

/* The entry was committed: what was refused before is settled. */
void cfs_refusal_settle(struct cfs *fs, const struct cfs_ref *ref);

/* The line that N.json.err holds, without newline, appended; 0 or -ENODATA. */
int cfs_refusal_line(struct cfs *fs, const struct cfs_ref *ref, struct crit_buf *out);

#endif
