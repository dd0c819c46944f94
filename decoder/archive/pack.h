/*
 * Writing archives: a directory of a dump, or what was made of an archive by an upper
 * directory over it.
 */
#ifndef CRIT_ARCHIVE_PACK_H
#define CRIT_ARCHIVE_PACK_H

#include "decoder/dir.h"
#include "decoder/error.h"

struct crit_pack_output {
	/* Append. 0, -errno and the reason. */
	int (*write)(struct crit_pack_output *out, const void *data, size_t len,
		     struct crit_error *err);
	/* A member is left out; a line, no newline. */
	void (*tell)(struct crit_pack_output *out, const char *text);
	struct stat self; /* of the file that it is, which is not packed; zeros: none */
};

/*
 * Write what `top` shows as a tar. With `original`, the archive that is below: its members
 * come in its order, under its spelling of their names, with all that it says of them, and
 * it is compressed in the same way; what is new comes behind. Else it is compressed as the
 * name of the archive says (`name`, such as x.tar.zst; NULL: not). 0; -errno and the
 * reason, which names the member.
 */
int crit_pack(const struct crit_dir *top, const struct crit_file *original, const char *name,
	      struct crit_pack_output *out, struct crit_error *err);

#endif
