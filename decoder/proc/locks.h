/*
 * Locks on files (filelocks.img), by the descriptor that holds them.
 */
#ifndef CRIT_PROC_LOCKS_H
#define CRIT_PROC_LOCKS_H

#include "decoder/buf.h"
#include "decoder/dump.h"
#include "files.pb-c.h"

struct crit_proc_lock {
	FileLockEntry entry;
	size_t n; /* its place in the image, from 1 */
};

/* All of a dump; zeros to begin with. */
struct crit_proc_locks {
	bool read;
	struct crit_proc_lock *all; /* owned; by process, descriptor and place */
	size_t n;
};

/* Unless that is done. */
void crit_proc_locks_read(struct crit_dump *dump, struct crit_proc_locks *locks);
void crit_proc_locks_fini(struct crit_proc_locks *locks);

/* Append the lines of a descriptor's locks, as fdinfo has them. */
void crit_proc_put_locks(const struct crit_proc_locks *locks, uint32_t pid, uint32_t fd,
			 struct crit_buf *out);

#endif
