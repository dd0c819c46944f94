/*
 * The spellings of bytes in JSON text: UTF-8, JSON strings, base64 and
 * quoted-printable, as Python's json, base64 and quopri write them, because
 * that is what crit's documents hold.
 */
#ifndef CRIT_TEXT_H
#define CRIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/sink.h"

/* Bytes of `data` up to the first that is no UTF-8; `len` if all is well. */
size_t crit_utf8_valid(const void *data, size_t len);

/* Are these bytes, which are no UTF-8 as they are, the beginning of a sequence? */
bool crit_utf8_is_cut(const void *data, size_t len);

/* What a hexadecimal digit stands for; -1: it is none. */
static inline int crit_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Append code point `c` (at most 0x10ffff) as UTF-8. */
void crit_utf8_put(struct crit_buf *out, uint32_t c);

/* Valid UTF-8 as a JSON string with its quotes; non-ASCII as it is. */
void crit_quote_put(struct crit_sink *to, const void *data, size_t len);

static inline void crit_quote(struct crit_buf *out, const void *data, size_t len)
{
	struct crit_sink to = crit_sink_of(out);

	crit_quote_put(&to, data, len);
	crit_sink_close(&to);
}

/*
 * Base64 as it stands in a JSON string: lines of 76 characters, "\n" behind each, the
 * last one too. Texts of multiples of a line's bytes can be put together.
 */
void crit_base64_put(struct crit_sink *to, const void *data, size_t len);

static inline void crit_base64_lines(struct crit_buf *out, const void *data, size_t len)
{
	struct crit_sink to = crit_sink_of(out);

	crit_base64_put(&to, data, len);
	crit_sink_close(&to);
}

#define CRIT_BASE64_LINE      57 /* bytes that make a line, */
#define CRIT_BASE64_LINE_TEXT 78 /* and the bytes it takes in a JSON string */

/* The same with the string's quotes. */
void crit_quote_base64_put(struct crit_sink *to, const void *data, size_t len);

static inline void crit_quote_base64(struct crit_buf *out, const void *data, size_t len)
{
	struct crit_sink to = crit_sink_of(out);

	crit_quote_base64_put(&to, data, len);
	crit_sink_close(&to);
}

/* Base64 that comes in pieces; fill with zeros to begin with. */
struct crit_base64 {
	uint32_t v;      /* the digits of a group that is not whole yet */
	unsigned n, pad; /* how many, and '=' behind them */
};

/*
 * Append what a piece of base64 stands for: the number of characters that were good,
 * fewer than `len` where one is none of base64's. White space is skipped.
 */
size_t crit_base64_feed(struct crit_base64 *b, const char *text, size_t len,
			struct crit_buf *out);

/* The end: append what is left; false if the last group is cut. */
bool crit_base64_end(const struct crit_base64 *b, struct crit_buf *out);

/*
 * Append what base64 text stands for. White space is skipped; any other
 * character, and a last group that is cut, is refused. false: no base64.
 */
bool crit_base64_read(const char *text, size_t len, struct crit_buf *out);

/*
 * Append bytes as quoted-printable, lines of at most 76 characters. Unlike
 * Python, a carriage return is always quoted: it is lost there if the data
 * mix line ends.
 */
void crit_qp_write(struct crit_buf *out, const void *data, size_t len);

/* Append what quoted-printable text stands for; false at a bad '='. */
bool crit_qp_read(const char *text, size_t len, struct crit_buf *out);

/* Append a number of bytes to be read by people, as crit does: "12B", "1.5KB". */
void crit_human_size(struct crit_buf *out, uint64_t bytes);

#endif
