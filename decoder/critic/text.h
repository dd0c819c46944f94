/*
 * A whole image in protobuf's text format, as CRIU's first crit showed images: what is
 * no message, is in comments, so that protobuf's own tools read each entry.
 */
#ifndef CRITIC_TEXT_H
#define CRITIC_TEXT_H

#include <stdio.h>

#include "decoder/error.h"
#include "decoder/file.h"

/*
 * Write the text of an image to `out`, entry by entry: a line "#CORE", then for each
 * entry "#0 core_entry" and its fields. An entry that can't be decoded is a comment in
 * its place. `name` as in crit_document_new(). 0, -EIO where it is no image, -ENOMEM,
 * -errno of reading and writing.
 */
int critic_text(struct crit_file *file, const char *name, FILE *out, struct crit_error *err);

#endif
