/*
 * Numbers that stay: which of the numbers 0, 1, 2, … are taken, as runs of
 * neighbours. An image (and a queue of messages in it) hands out its entries under
 * such numbers while it is mounted, whatever is removed and added between them.
 * Until that happens, nothing is stored: entry n has number n.
 */
#ifndef CFS_SLOTS_H
#define CFS_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cfs_slots {
	bool counted;         /* false: every number is taken, and is its own position */
	struct cfs_run *runs; /* owned; sorted, apart from each other */
	size_t n, cap;
};

void cfs_slots_fini(struct cfs_slots *s); /* back to nothing stored */

/* From now on 0 … n-1 are the ones taken. 0, -ENOMEM. */
int cfs_slots_count(struct cfs_slots *s, uint64_t n);

/* Is it taken? Then *position is how many are below it. */
bool cfs_slots_find(const struct cfs_slots *s, uint64_t slot, uint64_t *position);

/* How many are taken below it. */
uint64_t cfs_slots_below(const struct cfs_slots *s, uint64_t slot);

/* The first that is taken at or behind it; false if there is none. */
bool cfs_slots_next(const struct cfs_slots *s, uint64_t slot, uint64_t *next);

/*
 * Make sure that two numbers can be removed and one added without memory, and do it
 * then. `slot` must be free, or taken. Only after cfs_slots_count().
 */
int cfs_slots_reserve(struct cfs_slots *s);
void cfs_slots_add(struct cfs_slots *s, uint64_t slot);
void cfs_slots_remove(struct cfs_slots *s, uint64_t slot);

#endif
