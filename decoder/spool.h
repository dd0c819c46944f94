/*
 * Bytes that are put by: in memory up to a mebibyte, beyond that in an unlinked
 * temporary file. They are appended, and read once they are all there.
 */
#ifndef CRIT_SPOOL_H
#define CRIT_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "decoder/buf.h"
#include "decoder/edit.h"
#include "decoder/error.h"

#define CRIT_SPOOL_MEMORY ((size_t)1 << 20) /* bytes */

struct crit_spool {
	struct crit_buf memory; /* owned: all of it, or what the file has not yet */
	int fd;                 /* owned; -1: all is in memory */
	int dirfd;              /* borrowed, where the file is made; -1: $TMPDIR or /var/tmp */
	uint64_t filed;         /* bytes in the file */
};

void crit_spool_init(struct crit_spool *s, int dirfd);
void crit_spool_fini(struct crit_spool *s);

/* Empty it for another use; keeps the memory and the file. */
void crit_spool_reset(struct crit_spool *s);

uint64_t crit_spool_len(const struct crit_spool *s);

/* Append. 0, -ENOMEM, -ENOSPC, -errno. */
int crit_spool_add(struct crit_spool *s, const void *data, size_t len);

/* If `ret` is a failure to append, say that `what` can't be put by. Returns `ret`. */
int crit_spool_failed(int ret, const char *what, struct crit_error *err);

/* Read up to `len` bytes, fewer at the end; -errno. */
ssize_t crit_spool_read(const struct crit_spool *s, void *buf, size_t len, uint64_t off);

/* Append all that another spool holds. */
int crit_spool_add_spool(struct crit_spool *s, const struct crit_spool *from);

/* All of it as at most two pieces, good until it changes. Their number. */
size_t crit_spool_pieces(const struct crit_spool *s, struct crit_piece pieces[2]);

#endif
