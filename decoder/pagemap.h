/*
 * One page map: which pages of an address space or of a shared segment a dump has, and
 * where they are in its pages file. Looked up through a mark every 256 entries, so a
 * million entries cost some kilobytes; going on behind the last answer costs nothing.
 * Entries that are out of order or overlap those before are left out, as nobody can say
 * what they mean; their pages count. No thread safety.
 */
#ifndef CRIT_PAGEMAP_H
#define CRIT_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/pages-file.h"

struct crit_pagemap;

enum crit_pages {
	CRIT_PAGES_NONE,   /* the page map does not speak of them */
	CRIT_PAGES_HERE,   /* in the pages file */
	CRIT_PAGES_PARENT, /* in the dump that this one builds on */
	CRIT_PAGES_LOST,   /* see reason */
};

struct crit_piece {
	uint64_t start, end; /* addresses, of whole pages; a hole may reach to UINT64_MAX */
	enum crit_pages pages;
	uint64_t off;       /* of the pages HERE in the pages file */
	const char *reason; /* of LOST, as a clause; static */
};

/*
 * Open the page map `name` of a dump, and its pages file, and read the page map once;
 * whose files they are is added to `watch`, which lives longer. A page has `page_size`
 * bytes, a power of 2. 0, -errno and the reason. A missing pages file is no error, nor
 * are bad entries.
 */
int crit_pagemap_open(struct crit_dump *dump, const char *name, uint32_t page_size,
		      struct crit_watch *watch, struct crit_pagemap **out,
		      struct crit_error *err);
void crit_pagemap_free(struct crit_pagemap *map); /* NULL is fine */

/* The first thing that was wrong with it or its pages file; NULL if all was well. */
const struct crit_error *crit_pagemap_complaint(const struct crit_pagemap *map);

/*
 * The size of a page by the size of the pages file, as no dump says it; 0 if that tells
 * nothing.
 */
uint32_t crit_pagemap_guess(const struct crit_pagemap *map);

/* Read it again as one of such pages. 0, -errno. */
int crit_pagemap_resize(struct crit_pagemap *map, uint32_t page_size, struct crit_error *err);

/* The piece with `addr` in it. 0; -errno and the reason if the image can't be read. */
int crit_pagemap_find(struct crit_pagemap *map, uint64_t addr, struct crit_piece *piece,
		      struct crit_error *err);

/* The pages file, borrowed. */
struct crit_pages_file *crit_pagemap_pages(struct crit_pagemap *map);

/*
 * Make ready to write into its pages file: as crit_pages_file_prepare(); -EBUSY as well if
 * the page map itself changed, since the pages may be others now.
 */
int crit_pagemap_prepare(struct crit_pagemap *map, struct crit_error *err);

#endif
