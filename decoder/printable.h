/*
 * Bytes from a dump as text that is safe to show on a terminal.
 */
#ifndef CRIT_PRINTABLE_H
#define CRIT_PRINTABLE_H

#include <stddef.h>

#include "decoder/buf.h"

/*
 * Append bytes with control characters, and what is no UTF-8, as \xNN; so no escape
 * sequence gets through, nor a line end. All else stays as it is, backslashes too:
 * the text is for people. Also escaped is each ASCII character in `also`.
 */
void crit_printable(struct crit_buf *out, const void *data, size_t len, const char *also);

#endif
