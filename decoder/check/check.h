/*
 * Is a dump whole? Everything in it that points to something else is followed, and what
 * leads nowhere is a finding. A dump that CRIU restores has none.
 */
#ifndef CRIT_CHECK_H
#define CRIT_CHECK_H

#include <stdbool.h>

#include "decoder/buf.h"

struct crit_dir;

/* Who hears of what was found; to be the first member of a struct that knows more. */
struct crit_findings {
	/*
	 * `path`: the image in the dump, and where it is of an entry, its file in a mount:
	 * "files.img/3.json". Text and path have no control characters.
	 */
	void (*tell)(struct crit_findings *f, const char *path, bool is_error,
		     const char *text);
};

/*
 * Check the dump in a directory. Of an image with more than a hundred findings the others
 * are only counted, in a finding "… and N more" at the end. 0; -errno if the directory
 * itself can't be read, or there is no memory.
 */
int crit_check(const struct crit_dir *dir, struct crit_findings *findings);

/* The same as text: a line "PATH: error: TEXT" for each, nothing if all is well. */
int crit_check_text(const struct crit_dir *dir, struct crit_buf *out);

#endif
