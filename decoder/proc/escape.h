/*
 * Names in texts whose fields are parted by blanks or line ends.
 */
#ifndef CRIT_PROC_ESCAPE_H
#define CRIT_PROC_ESCAPE_H

#include <stdio.h>
#include <string.h>

#include "decoder/buf.h"

/* Append a name as the kernel does: with bytes that are among `special` as \NNN. */
static inline void crit_proc_escape(struct crit_buf *out, const char *name, size_t len,
				    const char *special)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (name[i] && strchr(special, name[i]))
			crit_buf_printf(out, "\\%03o", (unsigned char)name[i]);
		else
			crit_buf_byte(out, (uint8_t)name[i]);
	}
}

#endif
