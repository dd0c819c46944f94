/*
 * A message as JSON text, in one walk over its wire bytes.
 */
#ifndef CRIT_PRINT_H
#define CRIT_PRINT_H

#include "decoder/buf.h"
#include "decoder/stencil.h"
#include "decoder/value.h"
#include "proto/schema.h"

/* Keys that are no field names: what JSON or the schema can't say. */
#define CRIT_KEY_UNKNOWN "$unknown" /* base64 of a message's unknown fields */
#define CRIT_KEY_BASE64  "$base64"  /* a string that is no UTF-8 */

/* Spaces that a level is indented by, as Python's json with indent 4. */
#define CRIT_PRINT_INDENT 4

/*
 * Append the JSON object of a message, laid out as Python's json with indent 4
 * at nesting `depth`; no newline behind it.
 * 0, -EBADMSG where crit_wire_check() finds fault, -ENOMEM, -EFBIG.
 */
int crit_print(const struct crit_message *message, const void *data, size_t len,
	       const struct crit_style *style, unsigned depth, struct crit_buf *out);

/* The same for messages one after another: those that look alike cost less. */
int crit_print_next(const struct crit_message *message, const void *data, size_t len,
		    const struct crit_style *style, unsigned depth,
		    struct crit_stencil *stencil, struct crit_buf *out);

/*
 * The bytes that crit_print_next() would append, without making them; `stencil` may be
 * NULL. Its errors, but that a text for which there is no room or memory has a length too.
 */
int crit_print_size(const struct crit_message *message, const void *data, size_t len,
		    const struct crit_style *style, unsigned depth,
		    struct crit_stencil *stencil, uint64_t *size);

#endif
