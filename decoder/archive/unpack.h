/*
 * Decompressing into temporary files without a name, where zeros take no room.
 */
#ifndef CRIT_ARCHIVE_UNPACK_H
#define CRIT_ARCHIVE_UNPACK_H

#include "decoder/archive/archive.h"
#include "decoder/archive/input.h"

/* A temporary file that grows. Fill with zeros, fd with -1, to begin with. */
struct crit_unpacked {
	int fd;        /* owned; -1 until something is written */
	uint64_t size; /* bytes, holes too */
	uint64_t max;  /* what `size` may become */
};

/*
 * Append the data of the member that `in` is at. 0; -EBADMSG, -EFBIG, -ENOSPC, -errno and
 * the reason.
 */
int crit_unpack_member(struct crit_input *in, struct crit_unpacked *to,
		       struct crit_archive_listener *listener, struct crit_error *err);

#endif
