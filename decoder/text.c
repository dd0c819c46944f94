/*
 * UTF-8, JSON strings, base64 and quoted-printable.
 */
#include "decoder/text.h"

#include <stdio.h>

#include "decoder/plain.h"

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

#define CUT 5 /* longer than any sequence */

/*
 * Length of the UTF-8 sequence at p (RFC 3629's table), 0 if there is none, CUT if
 * all that is left is the beginning of one.
 */
static unsigned utf8_sequence(const uint8_t *p, size_t left)
{
	uint8_t lo = 0x80, hi = 0xbf;
	unsigned n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0; /* no overlong forms */
	else if (p[0] == 0xed)
		hi = 0x9f; /* no surrogates */
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f; /* not beyond 0x10ffff */
	for (i = 1; i < n && i < left; i++, lo = 0x80, hi = 0xbf)
		if (p[i] < lo || p[i] > hi)
			return 0;
	return left < n ? CUT : n;
}

size_t crit_utf8_valid(const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t i = 0;
	unsigned n;

	while (i < len) {
		n = utf8_sequence(p + i, len - i);
		if (!n || n == CUT)
			break;
		i += n;
	}
	return i;
}

bool crit_utf8_is_cut(const void *data, size_t len)
{
	return len && utf8_sequence(data, len) == CUT;
}

void crit_utf8_put(struct crit_buf *out, uint32_t c)
{
	if (c < 0x80) {
		crit_buf_byte(out, (uint8_t)c);
		return;
	}
	if (c < 0x800) {
		crit_buf_byte(out, (uint8_t)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			crit_buf_byte(out, (uint8_t)(0xe0 | c >> 12));
		} else {
			crit_buf_byte(out, (uint8_t)(0xf0 | c >> 18));
			crit_buf_byte(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		}
		crit_buf_byte(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
	}
	crit_buf_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
}

static void escape(struct crit_sink *to, uint8_t c)
{
	static const char letters[] = "btn\0fr"; /* from 0x08 on */
	char u[6] = {'\\', 'u', '0', '0', hex_lower[c >> 4], hex_lower[c & 15]};
	char two[2] = {'\\', (char)c};

	if (c >= 0x08 && c <= 0x0d && letters[c - 0x08])
		two[1] = letters[c - 0x08];
	else if (c < 0x20) {
		crit_sink_add(to, u, sizeof(u));
		return;
	}
	crit_sink_add(to, two, sizeof(two));
}

void crit_quote_put(struct crit_sink *to, const void *data, size_t len)
{
	const char *p = data, *end = len ? p + len : p, *from; /* data may be NULL then */
	bool high;

	crit_sink_byte(to, '"');
	while (p < end) {
		from = p;
		p = crit_plain_run(p, end, &high);
		crit_sink_add(to, from, (size_t)(p - from));
		if (p < end)
			escape(to, (uint8_t)*p++);
	}
	crit_sink_byte(to, '"');
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_group(uint8_t *o, const uint8_t *p, unsigned n)
{
	uint32_t v = (uint32_t)p[0] << 16;

	if (n > 1)
		v |= (uint32_t)p[1] << 8;
	if (n > 2)
		v |= p[2];
	o[0] = (uint8_t)base64_digits[v >> 18];
	o[1] = (uint8_t)base64_digits[v >> 12 & 63];
	o[2] = n > 1 ? (uint8_t)base64_digits[v >> 6 & 63] : '=';
	o[3] = n > 2 ? (uint8_t)base64_digits[v & 63] : '=';
}

static size_t base64_len(size_t len)
{
	size_t lines = len / CRIT_BASE64_LINE, rest = len % CRIT_BASE64_LINE;

	return lines * CRIT_BASE64_LINE_TEXT + (rest ? (rest + 2) / 3 * 4 + 2 : 0);
}

void crit_base64_put(struct crit_sink *to, const void *data, size_t len)
{
	size_t text_len = base64_len(len), n, i;
	const uint8_t *p = data;
	uint8_t *o;

	crit_sink_room(to, text_len);
	o = to->data ? to->data + to->at : NULL;
	to->at += text_len;
	for (; o && len; len -= n, p += n) {
		n = len < CRIT_BASE64_LINE ? len : CRIT_BASE64_LINE;
		for (i = 0; i + 3 <= n; i += 3, o += 4)
			put_group(o, p + i, 3);
		if (i < n) {
			put_group(o, p + i, (unsigned)(n - i));
			o += 4;
		}
		*o++ = '\\';
		*o++ = 'n';
	}
}

void crit_quote_base64_put(struct crit_sink *to, const void *data, size_t len)
{
	crit_sink_byte(to, '"');
	crit_base64_put(to, data, len);
	crit_sink_byte(to, '"');
}

/* Classes of characters that are no digits. */
enum { OTHER = 64, SPACE, PAD };

static unsigned base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	switch (c) {
	case '+':
		return 62;
	case '/':
		return 63;
	case '=':
		return PAD;
	case '\n':
	case '\r':
	case '\t':
	case ' ':
		return SPACE;
	default:
		return OTHER;
	}
}

/* Whole groups of four digits, as far as nothing else stands between: characters read. */
static size_t feed_groups(const char *text, size_t len, struct crit_buf *out)
{
	uint8_t *o = crit_buf_room(out, len / 4 * 3);
	unsigned a, b, c, d;
	size_t i;

	for (i = 0; o && len - i >= 4; i += 4, o += 3) {
		a = base64_value(text[i]);
		b = base64_value(text[i + 1]);
		c = base64_value(text[i + 2]);
		d = base64_value(text[i + 3]);
		if ((a | b | c | d) >= OTHER)
			break;
		o[0] = (uint8_t)(a << 2 | b >> 4);
		o[1] = (uint8_t)(b << 4 | c >> 2);
		o[2] = (uint8_t)(c << 6 | d);
	}
	if (o)
		out->len = (size_t)(o - out->data);
	return i;
}

size_t crit_base64_feed(struct crit_base64 *b, const char *text, size_t len,
			struct crit_buf *out)
{
	unsigned d;
	size_t i;

	for (i = 0; i < len; i++) {
		if (!b->n && !b->pad && (i += feed_groups(text + i, len - i, out)) == len)
			break;
		d = base64_value(text[i]);
		if (d == SPACE)
			continue;
		if (d == PAD) {
			if (b->n < 2 || b->n + b->pad >= 4)
				return i;
			b->pad++;
			continue;
		}
		if (d == OTHER || b->pad)
			return i;
		b->v = b->v << 6 | d;
		if (++b->n == 4) {
			uint8_t three[3] = {(uint8_t)(b->v >> 16), (uint8_t)(b->v >> 8),
					    (uint8_t)b->v};

			crit_buf_add(out, three, 3);
			b->n = 0;
			b->v = 0;
		}
	}
	return len;
}

bool crit_base64_end(const struct crit_base64 *b, struct crit_buf *out)
{
	if (b->n + b->pad != 0 && b->n + b->pad != 4)
		return false;
	if (b->n == 2) {
		crit_buf_byte(out, (uint8_t)(b->v >> 4));
	} else if (b->n == 3) {
		crit_buf_byte(out, (uint8_t)(b->v >> 10));
		crit_buf_byte(out, (uint8_t)(b->v >> 2));
	}
	return true;
}

bool crit_base64_read(const char *text, size_t len, struct crit_buf *out)
{
	struct crit_base64 b = {0};

	return crit_base64_feed(&b, text, len, out) == len && crit_base64_end(&b, out);
}

#define QP_LINE 76

/* Must data[i] be quoted? The rules of Python's quopri. */
static bool qp_quoted(const uint8_t *data, size_t len, size_t i, size_t column)
{
	uint8_t c = data[i];
	bool last = i + 1 == len;

	if (c > 126 || c == '=' || c == '\r')
		return true;
	if (c == ' ' || c == '\t')
		return last || data[i + 1] == '\n';
	/* a lone dot ends a mail; Python looks at the next byte for a line's end */
	if (c == '.' && column == 0)
		return last || data[i + 1] == '\n' || data[i + 1] == '\r' || data[i + 1] == 0;
	return c < 33;
}

void crit_qp_write(struct crit_buf *out, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t i, column = 0;

	for (i = 0; i < len; i++) {
		if (p[i] == '\n') {
			crit_buf_byte(out, '\n');
			column = 0;
		} else if (qp_quoted(p, len, i, column)) {
			char quoted[3] = {'=', hex_upper[p[i] >> 4], hex_upper[p[i] & 15]};

			if (column + 3 >= QP_LINE) {
				crit_buf_str(out, "=\n");
				column = 0;
			}
			crit_buf_add(out, quoted, 3);
			column += 3;
		} else {
			if (i + 1 != len && p[i + 1] != '\n' && column + 1 >= QP_LINE) {
				crit_buf_str(out, "=\n");
				column = 0;
			}
			crit_buf_byte(out, p[i]);
			column++;
		}
	}
}

bool crit_qp_read(const char *text, size_t len, struct crit_buf *out)
{
	size_t i = 0;

	while (i < len) {
		if (text[i] != '=') {
			crit_buf_byte(out, (uint8_t)text[i++]);
		} else if (i + 1 == len) {
			i++; /* a soft line break whose line end is gone */
		} else if (text[i + 1] == '\n') {
			i += 2;
		} else if (i + 2 < len && text[i + 1] == '\r' && text[i + 2] == '\n') {
			i += 3;
		} else {
			if (i + 2 >= len || crit_hex_digit(text[i + 1]) < 0 ||
			    crit_hex_digit(text[i + 2]) < 0)
				return false;
			crit_buf_byte(out, (uint8_t)(crit_hex_digit(text[i + 1]) << 4 |
						     crit_hex_digit(text[i + 2])));
			i += 3;
		}
	}
	return true;
}

void crit_human_size(struct crit_buf *out, uint64_t bytes)
{
	static const char *const units[] = {"", "K", "M", "G", "T", "P", "E"};
	double n = (double)bytes;
	unsigned unit = 0;
	char text[32];

	while (n >= 1024) {
		n /= 1024;
		unit++;
	}
	snprintf(text, sizeof(text), "%.*f%sB", n == (double)(uint64_t)n ? 0 : 1, n,
		 units[unit]);
	crit_buf_str(out, text);
}
