/*
 * The `extra` of an entry in a document, read as the bytes that follow the entry's
 * message in the image. It may stand before the fields that count it.
 */
#ifndef CRIT_PAYLOAD_H
#define CRIT_PAYLOAD_H

#include "decoder/image.h"
#include "decoder/parse.h"
#include "decoder/spool.h"

struct crit_payload {
	unsigned given;     /* bit i: blob i is there; 0: the entry has no `extra` */
	unsigned line, col; /* where it stands */
	/* The blobs that it is; keys and values of a map are one. */
	struct crit_spool blob[CRIT_BLOBS_MAX];
	uint64_t n_msgs; /* of CRIT_EXTRA_MSG: how many messages blob[0] is */
};

void crit_payload_init(struct crit_payload *p);
void crit_payload_fini(struct crit_payload *p);
void crit_payload_reset(struct crit_payload *p);

/* Read the value of the key, the first token of which is still to come. 0, -errno. */
int crit_payload_read(struct crit_payload *payload, struct crit_parser *p,
		      const struct crit_header *header);

/* A string of base64 of any length, still to come, as bytes into a spool. 0, -errno. */
int crit_payload_bytes(struct crit_parser *p, struct crit_spool *out);

/* Append the bytes of a list of semaphores' values, the '[' of which was just read. */
int crit_payload_sems(struct crit_parser *p, const struct crit_header *header,
		      struct crit_buf *out);

/* Fail at the place of the `extra`, and about it. */
int crit_payload_reject(const struct crit_payload *payload, struct crit_parser *p,
			const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Put the object {"$raw": …} in place of a message's fields: hooks for struct
 * crit_parser.
 */
extern const char *const crit_raw_keys[];
int crit_read_raw(struct crit_parser *p, unsigned which);

#endif
