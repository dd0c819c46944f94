/*
 * What an address space is made of; for the files that make up decoder/space.h only.
 */
#ifndef CRIT_SPACE_INSIDE_H
#define CRIT_SPACE_INSIDE_H

#include "decoder/mappings.h"
#include "decoder/segments.h"
#include "decoder/space.h"

struct crit_space {
	unsigned refs;
	struct crit_chain chain;
	struct crit_memory memory;
	struct crit_layers *own;        /* owned: its own pages */
	struct crit_segments *segments; /* owned */
	struct crit_stretch last;       /* the last answer */
};

#endif
