/*
 * A message in protobuf's text format, as protobuf's own tools print and read it. For
 * looking at and for those tools; the way back into an image is JSON.
 */
#ifndef CRIT_TEXTFORMAT_H
#define CRIT_TEXTFORMAT_H

#include <stddef.h>

#include "decoder/buf.h"
#include "proto/schema.h"

/*
 * Append the fields of a message, one a line, known ones in number order. What the
 * tools could not read, fields that the schema has not, is in comments ("# 7: 12").
 * `indent`: levels of four spaces. 0; -EBADMSG where crit_wire_check() finds fault,
 * -ENOMEM, -EFBIG, and then nothing was appended.
 */
int crit_textformat(const struct crit_message *message, const void *data, size_t len,
		    unsigned indent, struct crit_buf *out);

/* Append so many levels of indentation. */
void crit_textformat_indent(struct crit_buf *out, unsigned indent);

#endif
