/*
 * The address spaces of the processes that were asked for last: to open one takes a walk
 * through its page map, and so does measuring it; so they outlive the snapshot as long as their
 * files stay the same.
 */
#ifndef CRIT_PROC_SPACES_H
#define CRIT_PROC_SPACES_H

#include "decoder/proc/usage.h"
#include "decoder/space.h"

#define CRIT_PROC_SPACES_MAX 8

struct crit_proc_spaces {
	struct crit_proc_kept {
		uint32_t pid;
		struct crit_space *space; /* a reference */
		bool measured;
		struct crit_proc_usage usage; /* then */
	} all[CRIT_PROC_SPACES_MAX];          /* latest first */
	unsigned n;
};

/* A reference to that of a process, opened if need be; NULL if it has none. */
struct crit_space *crit_proc_spaces_get(struct crit_proc_spaces *s, struct crit_dump *dump,
					const struct crit_process *p);

/* How much memory the one is that was asked for last; measured once. */
const struct crit_proc_usage *crit_proc_spaces_usage(struct crit_proc_spaces *s);

/* Take those over that are what they were when they were opened. */
void crit_proc_spaces_take(struct crit_proc_spaces *s, struct crit_proc_spaces *from);

void crit_proc_spaces_fini(struct crit_proc_spaces *s);

#endif
