/*
 * Contents that are being edited: a span of a file that is only read, with what
 * was written over it. New bytes are in memory up to 1 MiB, beyond that in an
 * unlinked temporary file, so contents of any size can be edited.
 */
#ifndef CFS_DRAFT_H
#define CFS_DRAFT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "decoder/buf.h"
#include "decoder/edit.h"
#include "decoder/file.h"

#define CFS_DRAFT_MEMORY ((size_t)1 << 20) /* bytes */

struct cfs_draft;

/* What all drafts together may store, bytes. */
struct cfs_quota {
	uint64_t used, max;
};

/* Empty contents. `q` (NULL: none) outlives the draft. NULL: no memory. */
struct cfs_draft *cfs_draft_new(struct cfs_quota *q);

/* The bytes of a span; takes a reference of its own to `file`. */
struct cfs_draft *cfs_draft_of_span(struct cfs_quota *q, struct crit_file *file,
				    struct crit_span span);

/* A copy of some text; of all that another one holds. NULL: no memory, no room. */
struct cfs_draft *cfs_draft_of_text(struct cfs_quota *q, const void *text, size_t len);
struct cfs_draft *cfs_draft_copy(struct cfs_quota *q, const struct cfs_draft *from);

void cfs_draft_free(struct cfs_draft *d);

uint64_t cfs_draft_size(const struct cfs_draft *d);

/* Read up to `len` bytes, fewer at the end; -errno. */
ssize_t cfs_draft_read(const struct cfs_draft *d, void *buf, size_t len, uint64_t off);

/*
 * Write all of `len` bytes; what lies between the end and `off` becomes zeros.
 * 0, -ENOSPC beyond the quota, -EFBIG, -errno.
 */
int cfs_draft_write(struct cfs_draft *d, const void *buf, size_t len, uint64_t off);

int cfs_draft_truncate(struct cfs_draft *d, uint64_t size);

/* Append all of it to `out`; -errno, -EFBIG. */
int cfs_draft_text(const struct cfs_draft *d, struct crit_buf *out);

/*
 * The contents as pieces, *out to be freed by the caller; they point into the
 * draft and are good until it is changed.
 */
int cfs_draft_pieces(const struct cfs_draft *d, struct crit_piece **out, size_t *n);

#endif
