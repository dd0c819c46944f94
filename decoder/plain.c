/*
 * Text that is seen to be what it is without a scanner.
 */
#include "decoder/plain.h"

#include <endian.h>
#include <string.h>

#include "decoder/text.h"

/*
 * How many of the eight bytes at `p` come before a quote, a backslash, a control or what
 * is no ASCII. A byte that borrows from the next makes that look special too, but then it
 * is special itself and comes first.
 */
static unsigned plain_of_eight(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
	uint64_t bytes, quote, backslash, special;

	memcpy(&bytes, p, sizeof(bytes));
	bytes = le64toh(bytes);
	quote = bytes ^ ones * '"';
	backslash = bytes ^ ones * '\\';
	special = (bytes | (bytes - ones * 0x20) | (quote - ones) | (backslash - ones)) & highs;
	return special ? (unsigned)__builtin_ctzll(special) / 8 : 8;
}

const char *crit_plain_run(const char *p, const char *end, bool *high)
{
	unsigned char bits = 0;
	unsigned n = 8;

	for (; n == 8 && end - p >= 8; p += n)
		n = plain_of_eight(p);
	for (; p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20; p++)
		bits |= (unsigned char)*p;
	*high = bits & 0x80;
	return p;
}

/* What may stand right behind a number; anything else is looked at token by token. */
static bool ends_number(char c)
{
	return c == ',' || c == '\n' || c == '}' || c == ']';
}

/* Digits at `p` as long as they are few; where they end, or NULL. */
static const char *take_decimal(const char *p, const char *end, uint64_t *number)
{
	const char *from = p;
	uint64_t v = 0;
	unsigned d;

	for (; p < end && (d = (unsigned char)*p - '0') <= 9; p++)
		v = v * 10 + d;
	*number = v;
	if (p == end || !ends_number(*p) || p == from || p - from > 18 ||
	    (*from == '0' && p - from > 1))
		return NULL;
	return p;
}

static const char *take_hexadecimal(const char *p, const char *end, uint64_t *number)
{
	const char *from = p += 3; /* "0x */
	uint64_t v = 0;
	int d;

	if (end - p < 2 || p[-2] != '0' || p[-1] != 'x')
		return NULL;
	for (; p < end && (d = crit_hex_digit(*p)) >= 0; p++)
		v = v << 4 | (unsigned)d;
	*number = v;
	if (p == end || *p != '"' || p == from || p - from > 15)
		return NULL;
	return p + 1;
}

const char *crit_plain_number(const char *p, const char *end, uint64_t max, uint64_t *number)
{
	const char *behind;

	if (end - p < 4)
		return NULL;
	behind = *p == '"' ? take_hexadecimal(p, end, number) : take_decimal(p, end, number);
	return behind && *number <= max ? behind : NULL;
}
