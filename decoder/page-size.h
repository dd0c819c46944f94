/*
 * The size of a page, which no dump says: it follows from the sizes of pages files.
 */
#ifndef CRIT_PAGE_SIZE_H
#define CRIT_PAGE_SIZE_H

#include <stdint.h>

#include "decoder/dump.h"

enum { CRIT_PAGE_SIZE_MIN = 4096, CRIT_PAGE_SIZE_MAX = 65536 };

/* The size of which so many pages are a file of so many bytes; 0 if there is none. */
uint32_t crit_page_size_by(uint64_t n_pages, uint64_t bytes);

/* By the page map `name` and its pages file, bytes; 0 if none fits, or there are no pages. */
uint32_t crit_page_size_of(struct crit_dump *dump, const char *name);

/* The pages_id in the head of a page map. 0, -errno. */
int crit_pages_id(struct crit_dump *dump, const char *name, uint32_t *pages_id);

#endif
