/*
 * How much memory a process has, by what it is used for, as status and statm tell it.
 */
#ifndef CRIT_PROC_USAGE_H
#define CRIT_PROC_USAGE_H

#include "decoder/space.h"

/* All in bytes. Resident is what the dump has pages of. */
struct crit_proc_usage {
	uint64_t size, locked, data, stack, text, lib;
	uint64_t anon, file, shmem; /* resident */
};

void crit_proc_measure(struct crit_space *space, struct crit_proc_usage *usage);

static inline uint64_t crit_proc_resident(const struct crit_proc_usage *usage)
{
	return usage->anon + usage->file + usage->shmem;
}

#endif
