/*
 * Escaping what a terminal would obey.
 */
#include "decoder/printable.h"

#include "decoder/text.h"

#define LINE_SIZE 8192 /* bytes of a line, as it is before it is escaped */

/* Bytes of the character at p, if it is one in UTF-8; else 0. */
static size_t character(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	return n <= left && crit_utf8_valid(p, n) == n ? n : 0;
}

/* Is it a control character, or one that does to a line what these do? */
static bool is_obeyed(const uint8_t *p, size_t n)
{
	switch (n) {
	case 1:
		return p[0] < 0x20 || p[0] == 0x7f;
	case 2: /* U+0080 to U+009F; U+061C turns the direction around */
		return (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xd8 && p[1] == 0x9c);
	case 3: /* U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069; U+2028, U+2029 */
		if (p[0] != 0xe2)
			return false;
		return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f)) ||
		       (p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
		       (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
	default:
		return false;
	}
}

/* What is at p: so many bytes, which are to be escaped, or not. */
static size_t next(const uint8_t *p, size_t left, const char *also, bool *escaped)
{
	size_t n = character(p, left);

	*escaped = !n || is_obeyed(p, n) || (n == 1 && strchr(also, p[0]));
	return n ? n : 1;
}

/* 4 characters, no NUL. */
static void escape(uint8_t byte, char out[4])
{
	static const char digits[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'x';
	out[2] = digits[byte >> 4];
	out[3] = digits[byte & 15];
}

void crit_printable(struct crit_buf *out, const void *data, size_t len, const char *also)
{
	const uint8_t *p = data, *end = p + len, *after;
	char text[4];
	bool escaped;

	while (p < end) {
		after = p + next(p, (size_t)(end - p), also, &escaped);
		if (!escaped)
			crit_buf_add(out, p, (size_t)(after - p));
		for (; escaped && p < after; p++) {
			escape(*p, text);
			crit_buf_add(out, text, sizeof(text));
		}
		p = after;
	}
}

size_t crit_printable_text(char *out, size_t size, const char *text)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
	size_t at = 0, n, i;
	bool escaped;

	for (; p < end; p += n) {
		n = next(p, (size_t)(end - p), "", &escaped);
		if (size - at <= (escaped ? 4 * n : n))
			break;
		for (i = 0; i < n; i++, at += escaped ? 4 : 1) {
			if (escaped)
				escape(p[i], out + at);
			else
				out[at] = (char)p[i];
		}
	}
	out[at] = '\0';
	return at;
}

void crit_say_v(FILE *to, const char *fmt, va_list ap)
{
	char raw[LINE_SIZE], line[2 * LINE_SIZE];

	vsnprintf(raw, sizeof(raw), fmt, ap);
	crit_printable_text(line, sizeof(line), raw);
	fprintf(to, "%s\n", line);
}

void crit_say(FILE *to, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	crit_say_v(to, fmt, ap);
	va_end(ap);
}
