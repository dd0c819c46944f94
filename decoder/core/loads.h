/*
 * The segments of a core, its PT_LOADs: stretches of an address space that a core file has, or
 * only names. There may be a million, so they are found through marks, one for some hundred
 * segments, from which they are worked out again. No thread safety.
 */
#ifndef CRIT_CORE_LOADS_H
#define CRIT_CORE_LOADS_H

#include "decoder/space.h"

/* What a core has of a segment. */
enum crit_load_kind {
	CRIT_LOAD_STORED, /* its bytes */
	CRIT_LOAD_ABSENT, /* none, as in the kernel's own cores: zeros, or in a file */

	/*
	 * None, though the kernel would have written some: pages that are lost, and the ELF
	 * headers of mapped files. It must not have a size either, since debuggers take
	 * memory without bytes for zeros, and with such headers don't know their programs.
	 */
	CRIT_LOAD_LOST,
};

/* Some addresses of one mapping. */
struct crit_load {
	uint64_t n;          /* which one, from 0 */
	uint64_t start, end; /* addresses */
	uint64_t off;        /* bytes of the segments before it */
	size_t vma;          /* the mapping's place in the address space */
	enum crit_load_kind kind;
};

/* Bytes in the file. */
static inline uint64_t crit_load_size(const struct crit_load *load)
{
	return load->kind == CRIT_LOAD_STORED ? load->end - load->start : 0;
}

struct crit_loads {
	struct crit_space *space; /* borrowed */
	uint64_t n;
	uint64_t size; /* bytes of all that are stored; below 2^63 */

	struct crit_load *marks; /* owned; the first segment is one */
	size_t n_marks, room;
	struct crit_load last; /* found last, end 0: none */
	uint64_t lost_at;      /* the first page that is not to be had */
	const char *lost_why;  /* static; NULL: all are */
	uint64_t left;         /* stretches that may still be looked at; 0: any number */

	/* what crit_space_run() said last: there are no pages from `from` to `until` */
	uint64_t from, until;
	const VmaEntry *paged; /* but in this mapping there are; borrowed */
};

/*
 * Work them out: a mapping is cut where the kind changes. What was never written to is
 * stored if the mapping has any page in the dump. 0, -EIO and the reason, -EFBIG, -ENOMEM;
 * to be freed whichever.
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
		    struct crit_load *load, struct crit_error *err);

/* Which addresses it has may be read, written, executed: the mapping's. */
const VmaEntry *crit_load_mapping(const struct crit_loads *s, const struct crit_load *load);

#endif
