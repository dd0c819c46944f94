/*
 * Numbers ⇄ text by the marks of their fields. Which spelling is whose is told
 * in the tables of proto/names.c; the spellings themselves are crit's.
 */
#include "decoder/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "decoder/text.h"

/* The kernel's own layout of a device number: the minor is the low 20 bits. */
#define KDEV_MINOR_BITS 20
#define KDEV_MINOR_MAX  ((UINT32_C(1) << KDEV_MINOR_BITS) - 1)

/* The integer types as ranges. */
struct range {
	bool is_signed;
	bool zigzag;
	uint8_t bits;
};

static struct range range_of(const ProtobufCFieldDescriptor *pb)
{
	static const struct range ranges[] = {
		[PROTOBUF_C_TYPE_INT32] = {true, false, 32},
		[PROTOBUF_C_TYPE_SINT32] = {true, true, 32},
		[PROTOBUF_C_TYPE_SFIXED32] = {true, false, 32},
		[PROTOBUF_C_TYPE_INT64] = {true, false, 64},
		[PROTOBUF_C_TYPE_SINT64] = {true, true, 64},
		[PROTOBUF_C_TYPE_SFIXED64] = {true, false, 64},
		[PROTOBUF_C_TYPE_UINT32] = {false, false, 32},
		[PROTOBUF_C_TYPE_FIXED32] = {false, false, 32},
		[PROTOBUF_C_TYPE_UINT64] = {false, false, 64},
		[PROTOBUF_C_TYPE_FIXED64] = {false, false, 64},
		[PROTOBUF_C_TYPE_ENUM] = {true, false, 32},
		[PROTOBUF_C_TYPE_MESSAGE] = {false, false, 0}, /* the last one; no number */
	};

	return ranges[pb->type];
}

/* What the wire number means: sign-extended if the type is signed. */
static uint64_t from_wire(struct range r, uint64_t wire)
{
	if (r.zigzag) {
		if (r.bits == 32)
			wire = (uint32_t)wire;
		wire = wire >> 1 ^ (~(wire & 1) + 1);
	}
	if (r.bits == 32)
		return r.is_signed ? (uint64_t)(int64_t)(int32_t)wire : (uint32_t)wire;
	return wire;
}

static uint64_t to_wire(const ProtobufCFieldDescriptor *pb, struct range r, uint64_t value)
{
	if (r.zigzag) {
		value = value << 1 ^ (uint64_t)((int64_t)value >> 63);
		return r.bits == 32 ? (uint32_t)value : value;
	}
	/* a negative int32 takes ten bytes as a varint, but four as sfixed32 */
	return pb->type == PROTOBUF_C_TYPE_SFIXED32 ? (uint32_t)value : value;
}

/* Digits, the last one first, into what ends at `end`; returns where they begin. */
static char *put_decimal(char *end, uint64_t v)
{
	do {
		*--end = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return end;
}

static char *put_hex(char *end, uint64_t v)
{
	do {
		*--end = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	return end;
}

static void print_decimal(struct crit_buf *out, uint64_t v)
{
	char digits[24], *end = digits + sizeof(digits), *from = put_decimal(end, v);

	crit_buf_add(out, from, (size_t)(end - from));
}

static void print_number(struct crit_buf *out, struct range r, uint64_t v)
{
	bool minus = r.is_signed && (int64_t)v < 0;
	char text[24], *end = text + sizeof(text), *from;

	from = put_decimal(end, minus ? ~v + 1 : v);
	if (minus)
		*--from = '-';
	crit_buf_add(out, from, (size_t)(end - from));
}

static void print_hex(struct crit_buf *out, struct range r, uint64_t v)
{
	bool minus = r.is_signed && (int64_t)v < 0;
	char text[24], *end = text + sizeof(text), *from;

	*--end = '"';
	from = put_hex(end, minus ? ~v + 1 : v);
	*--from = 'x';
	*--from = '0';
	if (minus)
		*--from = '-';
	*--from = '"';
	crit_buf_add(out, from, (size_t)(end + 1 - from));
}

/* Bits of a flag map that have no name there. */
static void print_bits(struct crit_buf *out, uint64_t v)
{
	char digits[24], *end = digits + sizeof(digits), *from = put_hex(end, v);

	crit_buf_add(out, "0x", 2);
	crit_buf_add(out, from, (size_t)(end - from));
}

static void print_flags(struct crit_buf *out, const struct crit_names *flags, uint64_t v)
{
	const struct crit_name *n;
	const char *between = "";

	crit_buf_byte(out, '"');
	for (n = flags->names; n->name; n++) {
		if (n->input_only || !(v & n->value))
			continue;
		crit_buf_str(out, between);
		crit_buf_str(out, n->name);
		between = " | ";
		v &= ~n->value;
	}
	if (v) {
		crit_buf_str(out, between);
		print_bits(out, v);
	}
	crit_buf_byte(out, '"');
}

static const char *name_of(const struct crit_names *dict, uint64_t v)
{
	const struct crit_name *n;

	for (n = dict->names; n->name; n++)
		if (n->value == v && !n->input_only)
			return n->name;
	return NULL;
}

static void print_device(struct crit_buf *out, const struct crit_field *field, uint64_t v)
{
	uint64_t major_part = v >> KDEV_MINOR_BITS, minor_part = v & KDEV_MINOR_MAX;

	if (field->odev) {
		major_part = major(v);
		minor_part = minor(v);
	}
	crit_buf_byte(out, '"');
	print_decimal(out, major_part);
	crit_buf_byte(out, ':');
	print_decimal(out, minor_part);
	crit_buf_byte(out, '"');
}

static void print_name(struct crit_buf *out, const char *name)
{
	crit_buf_byte(out, '"');
	crit_buf_str(out, name);
	crit_buf_byte(out, '"');
}

static const char *enum_name(const ProtobufCFieldDescriptor *pb, uint64_t v)
{
	const ProtobufCEnumValue *e = protobuf_c_enum_descriptor_get_value(pb->descriptor,
									   (int32_t)v);

	return e ? e->name : NULL;
}

void crit_value_print(struct crit_buf *out, const struct crit_field *field,
		      const struct crit_style *style, uint64_t wire, bool hex)
{
	struct range r = range_of(field->pb);
	const char *name = NULL;
	uint64_t v;

	if (field->pb->type == PROTOBUF_C_TYPE_BOOL) {
		crit_buf_str(out, wire ? "true" : "false");
		return;
	}
	v = from_wire(r, wire);
	if (field->pb->type == PROTOBUF_C_TYPE_ENUM) {
		name = enum_name(field->pb, v);
	} else if (!style->plain) {
		if (hex || field->hex) {
			print_hex(out, r, v);
			return;
		}
		if (field->dev || field->odev) {
			print_device(out, field, v);
			return;
		}
		if (field->flags) {
			print_flags(out, field->flags, v);
			return;
		}
		if (field->dict)
			name = name_of(field->dict, v);
	}
	if (name)
		print_name(out, name);
	else
		print_number(out, r, v);
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
static enum number read_number(const char *text, size_t len, bool prefixes, struct range r,
			       uint64_t *out)
{
	uint64_t v = 0, max = r.bits == 32 ? UINT32_MAX : UINT64_MAX;
	bool minus = len && text[0] == '-', over = false;
	unsigned base = 10;
	size_t i = minus;

	if (prefixes && len - i > 2 && text[i] == '0') {
		char c = text[i + 1] | 0x20;

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

static int fail_range(const struct crit_scalar *s, struct range r, struct crit_error *err)
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
	const struct range u32 = {false, false, 32};
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
	*v = major_part << KDEV_MINOR_BITS | minor_part;
	return minor_part <= KDEV_MINOR_MAX && *v <= UINT32_MAX;
}

static bool read_flags(const struct crit_names *flags, const char *text, size_t len,
		       struct range r, uint64_t *v, const char **bad, size_t *bad_len)
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
	struct range r = range_of(field->pb);
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
	struct range r = range_of(field->pb);
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

/* The address's bytes in network order, from words of the image's byte order. */
static void address_bytes(const uint32_t *words, unsigned n, bool big_endian, uint8_t *bytes)
{
	unsigned i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < 4; j++)
			bytes[4 * i + j] = (uint8_t)(words[i] >> 8 * (big_endian ? 3 - j : j));
}

/* As Python prints it: the longest run of zero groups is cut, no dotted part. */
static void print_ipv6(struct crit_buf *out, const uint8_t *bytes)
{
	unsigned best = 8, best_len = 1, i, run;
	char digits[8], *end = digits + sizeof(digits), *from;

	for (i = 0; i < 8; i++) {
		for (run = 0;
		     i + run < 8 && !bytes[2 * (i + run)] && !bytes[2 * (i + run) + 1];)
			run++;
		if (run > best_len) {
			best = i;
			best_len = run;
		}
	}
	for (i = 0; i < 8; i++) {
		if (i == best) {
			crit_buf_str(out, "::");
			i += best_len - 1;
			continue;
		}
		if (i && i != best + best_len)
			crit_buf_byte(out, ':');
		from = put_hex(end, (uint64_t)bytes[2 * i] << 8 | bytes[2 * i + 1]);
		crit_buf_add(out, from, (size_t)(end - from));
	}
}

void crit_address_print(struct crit_buf *out, const uint32_t *words, unsigned n_words,
			const struct crit_style *style)
{
	uint8_t bytes[4 * CRIT_IPV6_WORDS];
	unsigned i;

	address_bytes(words, n_words, style->big_endian, bytes);
	crit_buf_byte(out, '"');
	if (n_words == CRIT_IPV6_WORDS)
		print_ipv6(out, bytes);
	for (i = 0; n_words == CRIT_IPV4_WORDS && i < 4; i++) {
		if (i)
			crit_buf_byte(out, '.');
		print_decimal(out, bytes[i]);
	}
	crit_buf_byte(out, '"');
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
