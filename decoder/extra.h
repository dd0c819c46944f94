/*
 * What follows an entry's message in the image: how long each blob is and which
 * field says so. The only code that knows single image types.
 */
#ifndef CRIT_EXTRA_H
#define CRIT_EXTRA_H

#include "decoder/image.h"

/* One blob behind a message. */
struct crit_blob_rule {
	enum crit_part part;
	const char *length; /* the field that counts it; NULL: it reaches to the end */
	unsigned unit;      /* bytes that the field counts as one */
};

/* All blobs behind a message. */
struct crit_extra_rule {
	unsigned n_blobs;
	struct crit_blob_rule blob[CRIT_BLOBS_MAX];
	unsigned pad; /* zeros follow up to a multiple of this many bytes; 1: none */
};

/*
 * The rule for entry `n` of a type with this message, in which blobs that this
 * very message says are not there are left out. 0, or -EBADMSG where the
 * message can't be read that far.
 */
int crit_extra_rule(const struct crit_type *type, uint64_t n, const uint8_t *message,
		    size_t len, struct crit_extra_rule *rule);

/* Can an entry of this type, whatever its message says, have such a part? */
bool crit_extra_allows(const struct crit_type *type, uint64_t n, enum crit_part part);

/* The rule for a message within a CRIT_PART_MSGS. */
extern const struct crit_extra_rule crit_msg_rule;

/* Zeros that follow blobs of `len` bytes in all. */
static inline uint64_t crit_padding(const struct crit_extra_rule *rule, uint64_t len)
{
	return (rule->pad - len % rule->pad) % rule->pad;
}

/*
 * Fill in the blobs of an entry by `rule`: e->message is known, `message` are
 * its bytes, the file ends at `size`. -EBADMSG if a length is missing or reaches
 * beyond the end. CRIT_PART_MSGS gets its count, not its length.
 */
int crit_extra_layout(const struct crit_extra_rule *rule, const struct crit_message *type,
		      const uint8_t *message, uint64_t size, struct crit_entry *e);

#endif
