/*
 * Numbers to text by the marks of their fields. Which spelling is whose is told
 * in the tables of proto/names.c; the spellings themselves are crit's.
 */
#include "decoder/value.h"

#include <sys/sysmacros.h>

static void put_flags(struct crit_sink *to, const struct crit_names *flags, uint64_t v)
{
	const struct crit_name *n;
	bool first = true;

	crit_sink_byte(to, '"');
	for (n = flags->names; v && n->name; n++) {
		if (n->input_only || !(v & n->value))
			continue;
		if (!first)
			crit_sink_add(to, " | ", 3);
		first = false;
		crit_sink_add(to, n->name, n->len);
		v &= ~n->value;
	}
	if (v) { /* bits that have no name */
		crit_sink_str(to, first ? "0x" : " | 0x");
		crit_sink_hex(to, v);
	}
	crit_sink_byte(to, '"');
}

static const char *name_of(const struct crit_names *dict, uint64_t v)
{
	const struct crit_name *n;

	for (n = dict->names; n->name; n++)
		if (n->value == v && !n->input_only)
			return n->name;
	return NULL;
}

static void put_device(struct crit_sink *to, const struct crit_field *field, uint64_t v)
{
	uint64_t major_part = v >> CRIT_KDEV_MINOR_BITS, minor_part = v & CRIT_KDEV_MINOR_MAX;

	if (field->odev) {
		major_part = major(v);
		minor_part = minor(v);
	}
	crit_sink_byte(to, '"');
	crit_sink_decimal(to, major_part);
	crit_sink_byte(to, ':');
	crit_sink_decimal(to, minor_part);
	crit_sink_byte(to, '"');
}

static const char *enum_name(const ProtobufCFieldDescriptor *pb, uint64_t v)
{
	const ProtobufCEnumValue *e = protobuf_c_enum_descriptor_get_value(pb->descriptor,
									   (int32_t)v);

	return e ? e->name : NULL;
}

/* The name that a value has, or the number. */
static void put_name(struct crit_sink *to, const char *name, const struct crit_field *field,
		     uint64_t v)
{
	if (!name) {
		crit_sink_number(to, field->range, v);
		return;
	}
	crit_sink_byte(to, '"');
	crit_sink_str(to, name);
	crit_sink_byte(to, '"');
}

void crit_value_put_name(struct crit_sink *to, const struct crit_field *field, uint64_t v)
{
	switch (field->spelling) {
	case CRIT_SPELL_FLAGS:
		put_flags(to, field->flags, v);
		break;
	case CRIT_SPELL_DICT:
		put_name(to, name_of(field->dict, v), field, v);
		break;
	case CRIT_SPELL_DEVICE:
		put_device(to, field, v);
		break;
	case CRIT_SPELL_BOOL:
		crit_sink_str(to, v ? "true" : "false");
		break;
	default:
		put_name(to, enum_name(field->pb, v), field, v);
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
static void put_ipv6(struct crit_sink *to, const uint8_t *bytes)
{
	unsigned best = 8, best_len = 1, i, run;

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
			crit_sink_str(to, "::");
			i += best_len - 1;
			continue;
		}
		if (i && i != best + best_len)
			crit_sink_byte(to, ':');
		crit_sink_hex(to, (uint64_t)bytes[2 * i] << 8 | bytes[2 * i + 1]);
	}
}

void crit_address_put(struct crit_sink *to, const uint32_t *words, unsigned n_words,
		      const struct crit_style *style)
{
	uint8_t bytes[4 * CRIT_IPV6_WORDS];
	unsigned i;

	address_bytes(words, n_words, style->big_endian, bytes);
	crit_sink_byte(to, '"');
	if (n_words == CRIT_IPV6_WORDS)
		put_ipv6(to, bytes);
	for (i = 0; n_words == CRIT_IPV4_WORDS && i < 4; i++) {
		if (i)
			crit_sink_byte(to, '.');
		crit_sink_decimal(to, bytes[i]);
	}
	crit_sink_byte(to, '"');
}
