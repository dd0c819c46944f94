/*
 * The segments of a core, its PT_LOADs: stretches of an address space that a core file has, or
 * only names. There may be a million, so they are found through marks, one for some hundred
 * segments, from which they are worked out again. No thread safety.
 */
#ifndef CRIT_CORE_LOADS_H
#define CRIT_CORE_LOADS_H

#include "decoder/space.h"

/* Some addresses of one mapping. */
struct crit_load {
	uint64_t n;          /* which one, from 0 */
	uint64_t start, end; /* addresses */
	uint64_t off;        /* bytes of the segments before it */
	size_t vma;          /* the mapping's place in the address space */
	bool stored;         /* its bytes are in the core */
};

static inline uint64_t crit_load_size(const struct crit_load *seg)
{
	return seg->stored ? seg->end - seg->start : 0;
}

struct crit_loads {
	struct crit_space *space; /* borrowed */
	uint64_t n;
	uint64_t size; /* bytes of all that are stored; below 2^63 */

	struct crit_load *marks; /* owned; the first segment is one */
	size_t n_marks, room;
	struct crit_load last; /* found last, end 0: none */

	/* what crit_space_run() said last: there are no pages from `from` to `until` */
	uint64_t from, until;
};

/*
 * Work them out. Mappings are cut where bytes are in the dump on one side and in a mapped
 * file, or lost, on the other; of one without any page in the dump, or that was not to be
 * dumped, nothing is stored. 0, -EIO and the reason, -EFBIG, -ENOMEM; to be freed whichever.
 */
int crit_loads_init(struct crit_loads *s, struct crit_space *space, struct crit_error *err);
void crit_loads_fini(struct crit_loads *s);

/* What a segment is looked for by. */
enum crit_load_key {
	CRIT_LOAD_N,
	CRIT_LOAD_OFFSET,  /* the one with the byte there */
	CRIT_LOAD_ADDRESS, /* or the next behind it */
};

/* 1, 0 if there is none, -EIO and the reason. */
int crit_loads_find(struct crit_loads *s, enum crit_load_key key, uint64_t value,
		    struct crit_load *seg, struct crit_error *err);

/* Which addresses it has may be read, written, executed: the mapping's. */
const VmaEntry *crit_load_mapping(const struct crit_loads *s, const struct crit_load *seg);

#endif
