/*
 * What open files are called in links and maps: by a path, or as proc(5) has it by their kind
 * and a number.
 */
#ifndef CRIT_NAMING_H
#define CRIT_NAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/buf.h"
#include "decoder/descriptors.h"
#include "decoder/lookup.h"

/* Images that names come from, each read when it is first needed. */
struct crit_naming {
	struct crit_dump *dump;       /* borrowed */
	struct crit_files *files;     /* borrowed; of that dump */
	struct crit_lookup remaps;    /* remap-fpath.img */
	struct crit_lookup memories;  /* memfd.img */
	struct crit_lookup terminals; /* tty-info.img */
};

void crit_naming_init(struct crit_naming *naming, struct crit_dump *dump,
		      struct crit_files *files);
void crit_naming_fini(struct crit_naming *naming); /* zeros are fine, too */

/*
 * Append the name of an open file (enum fd_types, and its id). false if the dump has no such
 * file; the name is made of its type and id then.
 */
bool crit_naming_put(struct crit_naming *naming, uint32_t type, uint64_t id,
		     struct crit_buf *out);

struct crit_inode {
	uint32_t major, minor; /* of the file system */
	uint64_t ino;
};

/* The inode of a file opened by its path: known if the dump has its contents, too. */
bool crit_naming_inode(struct crit_naming *naming, uint64_t id, struct crit_inode *inode);

#endif
