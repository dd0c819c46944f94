/*
 * What processes share in a dump: terminals by their session, and filters of system calls.
 */
#ifndef CRIT_PROC_TABLES_H
#define CRIT_PROC_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/dump.h"
#include "decoder/index.h"

/* Read when they are first asked for; zeros to begin with. */
struct crit_proc_tables {
	bool terminals_read, filters_read;
	struct crit_index terminals; /* by session: device and foreground group */
	uint32_t *filters;           /* owned; how many a chain has that ends with this one */
	size_t n_filters;
};

void crit_proc_tables_fini(struct crit_proc_tables *tables);

/* The terminal that a session has: its device as in stat, and its foreground group. */
bool crit_proc_terminal(struct crit_dump *dump, struct crit_proc_tables *tables, uint32_t sid,
			uint32_t *device, uint32_t *group);

/* How many filters a thread has whose last one this is; 0 if there is no such filter. */
uint32_t crit_proc_filters(struct crit_dump *dump, struct crit_proc_tables *tables,
			   uint32_t last);

#endif
