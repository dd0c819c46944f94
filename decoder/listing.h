/*
 * The names of the files in a dump, in an order that is the same each time.
 */
#ifndef CRIT_LISTING_H
#define CRIT_LISTING_H

#include <stddef.h>

struct crit_dir;

struct crit_listing {
	char **name; /* owned, and each */
	size_t n, room;
};

/*
 * List a directory, sorted by bytes. Names that begin with a dot are left out: no image
 * has one, but temporary files do. 0, -errno; to be freed whichever.
 */
int crit_listing_read(const struct crit_dir *dir, struct crit_listing *list);

/* The same with those that begin with a dot. */
int crit_listing_read_all(const struct crit_dir *dir, struct crit_listing *list);

void crit_listing_fini(struct crit_listing *list);

#endif
