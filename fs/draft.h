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

#define CFS_DRAFT_MEMORY ((size_t)1 << 20)    /* bytes */
#define CFS_STORE_MEMORY ((uint64_t)16 << 20) /* bytes of all drafts */

struct cfs_draft;

/* What all drafts together may store, and where what is large goes. */
struct cfs_store {
	uint64_t used, max; /* bytes */
	uint64_t in_memory; /* bytes of those; beyond CFS_STORE_MEMORY all go to files */
	int dirfd;          /* opened before the mount, which $TMPDIR may lie in; -1: none */
};

/* Open the directory for large drafts, $TMPDIR or /var/tmp. */
void cfs_store_init(struct cfs_store *store, uint64_t max);
void cfs_store_fini(struct cfs_store *store);

/* Empty contents. `store` outlives them. NULL: no memory. */
struct cfs_draft *cfs_draft_new(struct cfs_store *store);

/* The bytes of a span; takes a reference of its own to `file`. */
struct cfs_draft *cfs_draft_of_span(struct cfs_store *store, struct crit_file *file,
				    struct crit_span span);

/*
 * A copy of the bytes of a span, holes left out, which does not keep the file as
 * long as it lives. NULL: no memory, no room, unreadable.
 */
struct cfs_draft *cfs_draft_of_copy(struct cfs_store *store, const struct crit_file *file,
				    struct crit_span span);

/* A copy of some text. NULL: no memory, no room. */
struct cfs_draft *cfs_draft_of_text(struct cfs_store *store, const void *text, size_t len);

/*
 * Share a draft as it is now, and give a share back (NULL is fine). Who wants to
 * change one makes it his own first: *d becomes a copy if others share it. 0 or
 * -errno, *d as it was.
 */
struct cfs_draft *cfs_draft_get(struct cfs_draft *d);
void cfs_draft_put(struct cfs_draft *d);
int cfs_draft_own(struct cfs_draft **d);

uint64_t cfs_draft_size(const struct cfs_draft *d);

/* Read up to `len` bytes, fewer at the end; -errno. */
ssize_t cfs_draft_read(const struct cfs_draft *d, void *buf, size_t len, uint64_t off);

/*
 * Write all of `len` bytes; what lies between the end and `off` becomes zeros.
 * 0, -ENOSPC beyond the store's maximum, -EFBIG, -errno.
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
