/*
 * Text to numbers by the marks of their fields, see value-print.c.
 */
#include "decoder/value.h"

#include <arpa/inet.h>
#include <sys/sysmacros.h>

#include "decoder/number.h"
#include "decoder/text.h"

static uint64_t to_wire(const ProtobufCFieldDescriptor *pb, struct crit_range r, uint64_t value)
{
	if (r.zigzag) {
		value = value << 1 ^ (uint64_t)((int64_t)value >> 63);
		return r.bits == 32 ? (uint32_t)value : value;
	}
	/* a negative int32 takes ten bytes as a varint, but four as sfixed32 */
	return pb->type == PROTOBUF_C_TYPE_SFIXED32 ? (uint32_t)value : value;
}

/* Compare text that is not NUL-terminated. */
static bool same(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && !memcmp(name, text, len);
}

static bool find_name(const struct crit_names *names, const char *text, size_t len, uint64_t *v)
{
	const struct crit_name *n;

	for (n = names->names; n->name; n++) {
		if (same(n->name, text, len)) {
			*v = n->value;
			return true;
		}
	}
	return false;
}

enum number { NUMBER_OK, NUMBER_NONE, NUMBER_RANGE };

/*
 * "12", "-1", and with `prefixes` "0x1f", "0o17", "0b1". Checked against the
 * range; a negative result is its two's complement.
 */
static enum number read_number(const char *text, size_t len, bool prefixes, struct crit_range r,
			       uint64_t *out)
{
	uint64_t v = 0, max = r.bits == 32 ? UINT32_MAX : UINT64_MAX;
	bool minus = len && text[0] == '-', over = false;
	unsigned base = 10;
	size_t i = minus;

	if (prefixes && len - i > 2 && text[i] == '0') {
		int c = text[i + 1] | 0x20;

		base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
		if (base != 10)
			i += 2;
	}
	if (i == len || (base == 10 && text[i] == '0' && len - i > 1))
		return NUMBER_NONE;
	for (; i < len; i++) {
		unsigned d = (unsigned char)text[i] - '0';

		if (d > 9 && base == 16)
			d = (unsigned)crit_hex_digit(text[i]);
		if (d >= base)
			return NUMBER_NONE;
		/* a division a digit would cost more than all the rest */
		over |= v > UINT64_MAX / 16 && v > (UINT64_MAX - d) / base;
		v = v * base + d;
	}
	if (r.is_signed)
		max = (max >> 1) + minus;
	else if (minus && v)
		return NUMBER_RANGE;
	*out = minus ? ~v + 1 : v;
	return over || v > max ? NUMBER_RANGE : NUMBER_OK;
}

static int fail_range(const struct crit_scalar *s, struct crit_range r, struct crit_error *err)
{
	return crit_fail(err, CRIT_REJECTED, "%.*s is out of range (%s, %u bits)",
			 (int)(s->len < 80 ? s->len : 80), s->text,
			 r.is_signed ? "signed" : "unsigned", r.bits);
}

static int fail_expected(const char *expected, const struct crit_scalar *s,
			 struct crit_error *err)
{
	const char *quote = s->is_string ? "\"" : "";

	return crit_fail(err, CRIT_REJECTED, "expected %s, got %s%.*s%s", expected, quote,
			 (int)(s->len < 80 ? s->len : 80), s->text, quote);
}

static bool read_device(const struct crit_field *field, const char *text, size_t len,
			uint64_t *v)
{
	const struct crit_range u32 = {false, false, 32};
	const char *colon = memchr(text, ':', len);
	uint64_t major_part, minor_part;
	size_t n;

	if (!colon)
		return false;
	n = (size_t)(colon - text);
	if (read_number(text, n, false, u32, &major_part) != NUMBER_OK ||
	    read_number(colon + 1, len - n - 1, false, u32, &minor_part) != NUMBER_OK)
		return false;
	if (field->odev) {
		*v = makedev(major_part, minor_part);
		return *v <= UINT32_MAX;
	}
	*v = major_part << CRIT_KDEV_MINOR_BITS | minor_part;
	return minor_part <= CRIT_KDEV_MINOR_MAX && *v <= UINT32_MAX;
}

static bool read_flags(const struct crit_names *flags, const char *text, size_t len,
		       struct crit_range r, uint64_t *v, const char **bad, size_t *bad_len)
{
	const char *end = text + len, *bar, *from, *to;
	uint64_t bit;

	*v = 0;
	if (!len)
		return true;
	for (from = text; from <= end; from = bar + 1) {
		bar = memchr(from, '|', (size_t)(end - from));
		if (!bar)
			bar = end;
		for (to = bar; to > from && to[-1] == ' '; to--)
			;
		while (from < to && *from == ' ')
			from++;
		if (!find_name(flags, from, (size_t)(to - from), &bit) &&
		    read_number(from, (size_t)(to - from), true, r, &bit) != NUMBER_OK) {
			*bad = from;
			*bad_len = (size_t)(to - from);
			return false;
		}
		*v |= bit;
	}
	return true;
}

static int read_enum(const struct crit_field *field, const struct crit_scalar *s, uint64_t *v,
		     struct crit_error *err)
{
	const ProtobufCEnumDescriptor *e = field->pb->descriptor;
	struct crit_range r = field->range;
	unsigned i;

	for (i = 0; s->is_string && i < e->n_value_names; i++) {
		if (same(e->values_by_name[i].name, s->text, s->len)) {
			*v = (uint64_t)(int64_t)e->values[e->values_by_name[i].index].value;
			return 0;
		}
	}
	switch (read_number(s->text, s->len, s->is_string, r, v)) {
	case NUMBER_OK:
		return 0;
	case NUMBER_RANGE:
		return fail_range(s, r, err);
	default:
		return fail_expected("a name of its enum or a number", s, err);
	}
}

int crit_value_read(const struct crit_field *field, const struct crit_scalar *s, uint64_t *wire,
		    struct crit_error *err)
{
	struct crit_range r = field->range;
	const char *expected = "an integer";
	size_t bad_len;
	const char *bad;
	uint64_t v;
	int ret;

	if (field->pb->type == PROTOBUF_C_TYPE_ENUM) {
		ret = read_enum(field, s, &v, err);
		*wire = v;
		return ret;
	}
	if (s->is_string && (field->dev || field->odev)) {
		expected = "\"major:minor\" or a number";
		if (memchr(s->text, ':', s->len)) {
			if (!read_device(field, s->text, s->len, wire))
				return fail_expected(expected, s, err);
			return 0;
		}
	}
	if (s->is_string && field->flags) {
		if (read_flags(field->flags, s->text, s->len, r, wire, &bad, &bad_len))
			return 0;
		return crit_fail(err, CRIT_REJECTED, "\"%.*s\" is no flag of %s and no number",
				 (int)(bad_len < 80 ? bad_len : 80), bad, field->flags->title);
	}
	if (s->is_string && field->dict) {
		if (find_name(field->dict, s->text, s->len, wire))
			return 0;
		expected = "a name from its table or a number";
	}
	switch (read_number(s->text, s->len, s->is_string, r, &v)) {
	case NUMBER_OK:
		*wire = to_wire(field->pb, r, v);
		return 0;
	case NUMBER_RANGE:
		return fail_range(s, r, err);
	default:
		return fail_expected(expected, s, err);
	}
}

unsigned crit_address_read(const struct crit_scalar *s, const struct crit_style *style,
			   uint32_t words[CRIT_IPV6_WORDS])
{
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[4 * CRIT_IPV6_WORDS];
	unsigned n, i, j;

	if (!s->is_string || s->len >= sizeof(text) || memchr(s->text, '\0', s->len))
		return 0;
	memcpy(text, s->text, s->len);
	text[s->len] = '\0';
	if (inet_pton(AF_INET, text, bytes) == 1)
		n = CRIT_IPV4_WORDS;
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		n = CRIT_IPV6_WORDS;
	else
		return 0;
	for (i = 0; i < n; i++)
		for (words[i] = 0, j = 0; j < 4; j++)
			words[i] |= (uint32_t)bytes[4 * i + j]
				    << 8 * (style->big_endian ? 3 - j : j);
	return n;
}
