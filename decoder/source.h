/*
 * Where a text comes from that is not in memory as a whole.
 */
#ifndef CRIT_SOURCE_H
#define CRIT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* To be the first member of a struct that knows more. */
struct crit_source {
	/* As pread(2): fewer bytes than `len` only at the end; -errno. */
	ssize_t (*read)(struct crit_source *s, void *buf, size_t len, uint64_t off);
	bool sequential; /* a pipe: each byte can be had once only, in order */
};

#endif
