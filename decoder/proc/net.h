/*
 * The sockets of a network namespace.
 */
#ifndef CRIT_PROC_NET_H
#define CRIT_PROC_NET_H

#include "decoder/proc/snapshot.h"

/* A walk through those of a type (enum fd_types). */
struct crit_proc_sockets {
	struct crit_files_walk walk;
	bool any; /* of all namespaces: the process' own is not known */
	uint32_t ns_id;
};

/*
 * Begin with the first one that a process' namespace has. Those of old dumps don't tell where
 * they are, and are in all.
 */
void crit_proc_sockets_begin(struct crit_proc *proc, uint32_t pid, uint32_t type,
			     struct crit_proc_sockets *sockets);
void crit_proc_sockets_end(struct crit_proc_sockets *sockets);

/* The next one, to be ended with crit_open_file_fini(). false at the end. */
bool crit_proc_sockets_next(struct crit_proc_sockets *sockets, struct crit_open_file *file);

#endif
