/*
 * What a dump is made of, in numbers.
 */
#ifndef CRIT_STATS_H
#define CRIT_STATS_H

#include "decoder/buf.h"

struct crit_dir;

/* Append a JSON object about the dump in a directory, with a newline. 0, -errno. */
int crit_stats(const struct crit_dir *dir, struct crit_buf *out);

#endif
