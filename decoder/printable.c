/*
 * Escaping what a terminal would obey.
 */
#include "decoder/printable.h"

#include "decoder/text.h"

/* Bytes of a control character at p: C0 and DEL are one byte, U+0080 to U+009F two. */
static size_t control(const uint8_t *p, size_t left)
{
	if (p[0] < 0x20 || p[0] == 0x7f)
		return 1;
	return p[0] == 0xc2 && left > 1 && p[1] < 0xa0 ? 2 : 0;
}

static void escape(struct crit_buf *out, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (; n; n--, p++) {
		crit_buf_str(out, "\\x");
		crit_buf_byte(out, (uint8_t)digits[*p >> 4]);
		crit_buf_byte(out, (uint8_t)digits[*p & 15]);
	}
}

static void valid(struct crit_buf *out, const uint8_t *p, size_t len, const char *also)
{
	size_t i = 0, n;

	while (i < len) {
		n = control(p + i, len - i);
		if (!n && strchr(also, p[i]))
			n = 1;
		if (n)
			escape(out, p + i, n);
		else
			crit_buf_byte(out, p[i]);
		i += n ? n : 1;
	}
}

void crit_printable(struct crit_buf *out, const void *data, size_t len, const char *also)
{
	const uint8_t *p = data;
	size_t good;

	while (len) {
		good = crit_utf8_valid(p, len);
		valid(out, p, good, also);
		p += good;
		len -= good;
		if (len) {
			escape(out, p++, 1);
			len--;
		}
	}
}
