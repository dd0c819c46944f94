/*
 * Files that something was read from, by name: are they still the same? What was not
 * there is remembered as well, since it may come. No thread safety.
 */
#ifndef CRIT_WATCH_H
#define CRIT_WATCH_H

#include <stdbool.h>
#include <time.h>

struct crit_dir;

/* Fill with zeros to begin with. */
struct crit_watch {
	void *root; /* owned, see tsearch(3) */
};

void crit_watch_fini(struct crit_watch *w);

/*
 * Remember what a name leads to, links not followed; to be called before it is opened.
 * Nothing is done if it was added before. `dir` is borrowed as long as *w lives. 0,
 * -ENOMEM.
 */
int crit_watch_add(struct crit_watch *w, const struct crit_dir *dir, const char *name);

/* Are all names those of the same files with the same bytes? */
bool crit_watch_same(const struct crit_watch *w);

/* Is this one, which was added, so? */
bool crit_watch_same_name(const struct crit_watch *w, const struct crit_dir *dir,
			  const char *name);

/* Take the file of a name as it is now: it was changed on purpose. */
void crit_watch_renew(struct crit_watch *w, const struct crit_dir *dir, const char *name);

/* Make *latest the time of the latest change of any of them, as they were, if it is later. */
void crit_watch_changed(const struct crit_watch *w, struct timespec *latest);

#endif
