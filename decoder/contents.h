/*
 * The new contents of an entry while an edit is built: its message, and which of
 * its blobs are other bytes than before. Shared by edit.c and structure.c.
 */
#ifndef CRIT_CONTENTS_H
#define CRIT_CONTENTS_H

#include "decoder/edit.h"
#include "decoder/extra.h"

struct crit_contents {
	struct crit_buf message;     /* owned */
	struct crit_extra_rule rule; /* of the new message */
	/* by the rule's index: new bytes, or NULL where the old entry's stay; borrowed */
	const struct crit_blob *blob[CRIT_BLOBS_MAX];
};

void crit_contents_fini(struct crit_contents *c);

/* c->message becomes what a text says, and c->rule that of it; as crit_edit_json(). */
int crit_contents_parse(struct crit_image *img, struct crit_place place,
			const struct crit_message *type, const char *text, size_t len,
			struct crit_contents *c, struct crit_error *err);

/* c->rule becomes that of c->message. 0, -EBADMSG. */
int crit_contents_rule(struct crit_image *img, struct crit_place place,
		       struct crit_contents *c);

/* Take those of the blobs that the rule allows for, and mark them as used. */
void crit_contents_take(struct crit_contents *c, struct crit_blob *blobs, size_t n);

/* Make the message's counting fields say what the blobs are, `old` being the entry's. */
int crit_contents_count(const struct crit_entry *old, struct crit_contents *c,
			struct crit_error *err);

/*
 * What the entry's own text would make of it: to tell whether another text says
 * anything new. Of its blobs only the counts.
 */
int crit_contents_own(struct crit_image *img, struct crit_place place,
		      const struct crit_entry *e, struct crit_contents *own);

/*
 * Append an entry of these contents to the edit's pieces; the frame goes to
 * `frame`, which must be empty and live as long as the pieces. *len: bytes in all.
 */
int crit_contents_add(struct crit_image *img, const struct crit_entry *old,
		      const struct crit_contents *c, struct crit_buf *frame,
		      struct crit_edit *edit, uint64_t *len, struct crit_error *err);

/*
 * The pieces of the whole file with an entry of these contents in place of `old`.
 * Fills in all of *edit for an edit that does not renumber.
 */
int crit_contents_replace(struct crit_image *img, struct crit_place place,
			  const struct crit_entry *old, const struct crit_contents *c,
			  struct crit_edit *edit, struct crit_error *err);

/* Append bytes to the pieces of an edit. 0, -ENOMEM. */
int crit_edit_add(struct crit_edit *edit, struct crit_piece piece);
int crit_edit_add_span(struct crit_edit *edit, struct crit_image *img, uint64_t from,
		       uint64_t to);

uint64_t crit_pieces_len(const struct crit_piece *pieces, size_t n);

/* Fail because there was no memory for the edit. */
int crit_edit_no_memory(struct crit_error *err);

#endif
