/*
 * The page maps of one name in a dump and in its parents, as one: what the upper does not
 * have itself it has from the one below. They are opened as they are needed. No thread
 * safety.
 */
#ifndef CRIT_LAYERS_H
#define CRIT_LAYERS_H

#include "decoder/pagemap.h"
#include "decoder/parents.h"
#include "decoder/space.h"

/* What all page maps of an address space have in common. */
struct crit_chain {
	struct crit_dump dump; /* owned; no listener, since it outlives those */
	struct crit_parents parents;
	struct crit_watch watch; /* all files that were opened, or looked for */
	uint32_t page_size;
};

struct crit_layers;

/* `chain` is borrowed and lives longer. Opens nothing. NULL: no memory. */
struct crit_layers *crit_layers_new(struct crit_chain *chain, const char *name);
void crit_layers_free(struct crit_layers *l); /* NULL is fine */

/*
 * The page map at a level, 0 being the dump's own; NULL if it can't be had, with the
 * reason unless that was given before.
 */
struct crit_pagemap *crit_layers_map(struct crit_layers *l, unsigned level,
				     struct crit_error *err);

/*
 * Where the page with `addr` is: 1 and all of *s; 0 if the page map does not speak of it,
 * with start and end of that hole. -errno and the reason if an image can't be read.
 */
int crit_layers_find(struct crit_layers *l, uint64_t addr, struct crit_stretch *s,
		     struct crit_error *err);

/* Wait until what was written into the dump's own pages is on the disk. 0, -errno. */
int crit_layers_sync(struct crit_layers *l);

/* The latest change of the pages files that were opened; not before *latest. */
void crit_layers_changed(const struct crit_layers *l, struct timespec *latest);

#endif
