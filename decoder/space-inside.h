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
	/*
	 * The one before, if it stays good: who looks for the end of a run has seen what
	 * follows it, and goes back to read it. Finding it again would cost much more.
	 */
	struct crit_stretch before;
};

#endif
