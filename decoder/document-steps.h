/*
 * Shared by document.c, which hands out pieces of a document, and document-steps.c,
 * which makes them.
 */
#ifndef CRIT_DOCUMENT_STEPS_H
#define CRIT_DOCUMENT_STEPS_H

#include "decoder/document.h"
#include "decoder/image.h"
#include "decoder/stencil.h"

/* What comes next. */
enum crit_document_stage {
	STAGE_HEAD,
	STAGE_ENTRY, /* entry n comes next, or the end */
	STAGE_EXTRA, /* the entry's fields were printed */
	STAGE_BYTES, /* within a string of base64, see `bytes` */
	STAGE_OUTQ,  /* the other queue of a TCP socket */
	STAGE_QUEUES_END,
	STAGE_SEMS,
	STAGE_MSG, /* message m comes next, or the end of the list */
	STAGE_MSG_DATA,
	STAGE_ENTRY_END,
	STAGE_END,
	STAGE_DONE,
};

/* A place to come back to: an entry, or something within a long list of its own. */
struct crit_document_mark {
	uint64_t text; /* offset in the document */
	enum crit_document_stage stage;
	uint64_t n, m;
	struct crit_span bytes;
};

struct crit_document {
	struct crit_image *img; /* owned */
	struct crit_document_style style;
	struct crit_style spelling;

	struct crit_buf piece; /* owned: text that was made last */
	uint64_t pos;          /* offset of the piece in the document */
	/*
	 * Only lengths are wanted: pos counts the text of messages, which is not in the piece,
	 * so of the two only the sum says anything.
	 */
	bool measuring;
	uint64_t wanted; /* what is before this offset need not be spelled out */

	enum crit_document_stage stage;
	uint64_t n, m;
	struct crit_entry entry, msg;
	uint64_t object_len;         /* bytes, of the message that was printed last */
	struct crit_stencil stencil; /* of entries */
	bool raw;                    /* the entry's message can't be decoded */
	struct crit_span bytes;      /* of STAGE_BYTES and STAGE_SEMS: what is still to come */
	enum crit_document_stage behind_bytes; /* the stage that follows STAGE_BYTES */

	struct crit_document_mark *marks; /* owned; rising */
	size_t n_marks, cap_marks;
	uint64_t size;
	bool sized; /* size is known */
};

/* Where the piece ends, in the document. */
static inline uint64_t crit_document_end(const struct crit_document *d)
{
	return d->pos + d->piece.len;
}

/* Append one more stretch of text, which may be empty, to the piece. 0, -errno. */
int crit_document_step(struct crit_document *d, struct crit_error *err);

#endif
