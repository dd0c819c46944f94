/*
 * Copying bytes of files, holes left holes.
 */
#ifndef CRIT_COPY_H
#define CRIT_COPY_H

#include <stdint.h>

/* Copy `len` bytes; `out` is long enough already and has holes there. 0, -errno. */
int crit_copy_span(int in, uint64_t from, int out, uint64_t to, uint64_t len);

#endif
