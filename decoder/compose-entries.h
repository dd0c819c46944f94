/*
 * The list of entries in a document as the bytes of an image, header and all. For
 * compose.c, which reads what is around it.
 */
#ifndef CRIT_COMPOSE_ENTRIES_H
#define CRIT_COMPOSE_ENTRIES_H

#include "decoder/contents.h"
#include "decoder/image.h"
#include "decoder/parse.h"
#include "decoder/payload.h"
#include "decoder/spool.h"

struct crit_entries {
	struct crit_parser parser; /* of the document's text */
	struct crit_header header; /* to be set before the entries are composed */
	struct crit_image *old;    /* whose entries keep their bytes; borrowed; NULL: none */
	struct crit_spool *out;    /* borrowed */
	struct crit_error *err;    /* borrowed */

	uint64_t n;
	struct crit_contents contents; /* of entry n */
	struct crit_payload payload;
	struct crit_shape shape;
	bool no_more; /* a ghost file that is not in chunks has one entry */
};

void crit_entries_init(struct crit_entries *c, struct crit_json *json, struct crit_spool *out,
		       struct crit_error *err);
void crit_entries_fini(struct crit_entries *c);

/*
 * Append the image: the header, and what the value of "entries" says, the first token of
 * which is still to come. 0, -errno.
 */
int crit_entries_compose(struct crit_entries *c);

#endif
