/*
 * Numbers found by a number: where an id is in an image, which process a pid is. A
 * balanced tree, so that numbers chosen by an enemy find as fast as all others.
 */
#ifndef CRIT_INDEX_H
#define CRIT_INDEX_H

#include <stdbool.h>
#include <stdint.h>

/* Fill with zeros to begin with. */
struct crit_index {
	void *root; /* owned, see tsearch(3) */
	uint64_t n; /* keys */
};

void crit_index_fini(struct crit_index *x);

/*
 * Put `value` under `key`, unless something is there already. *there (may be NULL)
 * is what is there now. 0, -ENOMEM.
 */
int crit_index_put(struct crit_index *x, uint64_t key, uint64_t value, uint64_t *there);

/* Is there something under `key`? Then it is *value. */
bool crit_index_find(const struct crit_index *x, uint64_t key, uint64_t *value);

#endif
