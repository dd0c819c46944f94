/*
 * The dumps that a dump builds on: `parent` in its directory leads to the one made before,
 * which has the pages that did not change since. The link is the only one that is
 * followed, and only for memory; nothing is ever written there.
 */
#ifndef CRIT_PARENTS_H
#define CRIT_PARENTS_H

#include "decoder/dump.h"

#define CRIT_PARENT      "parent" /* the link's name */
#define CRIT_PARENTS_MAX 64

struct crit_parents {
	struct crit_dump dump[CRIT_PARENTS_MAX]; /* owned; the nearest first */
	unsigned n;
};

/*
 * Open all of them; the listener is the dump's. What can't be opened ends the chain: it is
 * too long (-ELOOP), leads back into itself (-ELOOP), or to nothing (-ENOENT, …). Returns 0
 * where it ends because there is no link any more; else -errno and the reason, which names
 * the link, and *parents holds what could be opened. To be closed in any case.
 */
int crit_parents_open(const struct crit_dump *dump, struct crit_parents *parents,
		      struct crit_error *err);
void crit_parents_close(struct crit_parents *parents);

/* Is a file of this name opened in parents? Nothing else there is. */
bool crit_parents_need(const char *name);

#endif
