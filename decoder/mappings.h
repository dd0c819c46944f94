/*
 * The mappings of a process as an address space can have them: by address, none over
 * another.
 */
#ifndef CRIT_MAPPINGS_H
#define CRIT_MAPPINGS_H

#include "decoder/memory.h"

/* No process has memory from there on, but for the kernel's vsyscall page. */
#define CRIT_ADDRESS_TOP (UINT64_C(1) << 63)

/*
 * Bring m->vmas into rising order; those that are empty, not of whole pages, beyond all
 * addresses, or over one before are left out: m->n_vmas is less then. Returns how many
 * that are, and what is wrong with one of them in *err.
 */
size_t crit_mappings_sort(struct crit_memory *m, struct crit_error *err);

/*
 * The number of the mapping around `addr`, or of the next one behind it; n_vmas if there
 * is none. They are sorted.
 */
size_t crit_mappings_find(const struct crit_memory *m, uint64_t addr);

#endif
