/*
 * What came from a dump, or from anywhere else, as text that is safe to show on a terminal
 * and to put in a log. All messages go through here: crit_fail() and crit_error_format()
 * (error.h), critic's and critfs's own lines.
 *
 * Escaped as \xNN, byte by byte, are control characters, what is no UTF-8, and the
 * characters that part lines or turn the direction of writing around (U+2028, U+202E, ...):
 * so no escape sequence gets through, nothing begins a line of its own, and no name looks
 * like another. All else stays as it is, backslashes too: the text is for people. What was
 * escaped once is not changed by doing it again.
 */
#ifndef CRIT_PRINTABLE_H
#define CRIT_PRINTABLE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "decoder/buf.h"

/* Append bytes. Also escaped is each ASCII character in `also`. */
void crit_printable(struct crit_buf *out, const void *data, size_t len, const char *also);

/*
 * The same into `size` bytes (not 0), with a NUL, and without allocating; what does not fit
 * is left out, by whole characters. Returns the length.
 */
size_t crit_printable_text(char *out, size_t size, const char *text);

/* Write a line, as printf(3) makes it, safe and with its newline; cut at some kilobytes. */
void crit_say(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void crit_say_v(FILE *to, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#endif
