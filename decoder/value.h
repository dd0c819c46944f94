/*
 * One integer, enum or bool as text and back, by the marks of its field:
 * hexadecimal, flag names, device numbers, table names, IP addresses.
 */
#ifndef CRIT_VALUE_H
#define CRIT_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/error.h"
#include "decoder/sink.h"
#include "proto/schema.h"

/* How values are spelled. */
struct crit_style {
	bool plain;      /* marks are not applied, as `crit decode` without --pretty */
	bool one_line;   /* no line breaks and no indents, likewise */
	bool big_endian; /* byte order of the image: it shows in stored addresses */
};

/* Words of an IPv4 and of an IPv6 address in a list marked `ipadd`. */
enum { CRIT_IPV4_WORDS = 1, CRIT_IPV6_WORDS = 4 };

/* The kernel's own layout of a device number (`dev`): the minor is the low 20 bits. */
#define CRIT_KDEV_MINOR_BITS 20
#define CRIT_KDEV_MINOR_MAX  ((UINT32_C(1) << CRIT_KDEV_MINOR_BITS) - 1)

/* A JSON scalar as the scanner found it. */
struct crit_scalar {
	bool is_string; /* text is what the string says, else a JSON number */
	const char *text;
	size_t len;
};

/* The JSON value of a number that is neither decimal nor hexadecimal, or has a name. */
void crit_value_put_name(struct crit_sink *to, const struct crit_field *field, uint64_t v);

/* How a number is spelled. `hex`: a message around this field bears the mark. */
static inline enum crit_spelling crit_value_spelling(const struct crit_field *field, bool plain,
						     bool hex)
{
	if (field->spelling < CRIT_SPELL_ENUM && (plain || hex))
		return plain ? CRIT_SPELL_DECIMAL : CRIT_SPELL_HEX;
	return field->spelling;
}

/*
 * The JSON value of `wire`, the number as it stands on the wire; `hex` as above.
 */
static inline void crit_value_put(struct crit_sink *to, const struct crit_field *field,
				  const struct crit_style *style, uint64_t wire, bool hex)
{
	enum crit_spelling spelling = crit_value_spelling(field, style->plain, hex);
	uint64_t v = crit_number_of_wire(field->range, wire);

	crit_sink_room(to, CRIT_NUMBER_MAX);
	if (spelling == CRIT_SPELL_DECIMAL)
		to->at = crit_number_put(to->data, to->at, field->range, v);
	else if (spelling == CRIT_SPELL_HEX)
		to->at = crit_hex_number_put(to->data, to->at,
					     crit_is_negative(field->range, v), v);
	else
		crit_value_put_name(to, field, v);
}

/* The same, appended to a buffer. */
static inline void crit_value_print(struct crit_buf *out, const struct crit_field *field,
				    const struct crit_style *style, uint64_t wire, bool hex)
{
	struct crit_sink to = crit_sink_of(out);

	crit_value_put(&to, field, style, wire, hex);
	crit_sink_close(&to);
}

/*
 * The wire number that a JSON scalar stands for. 0, or -EBADMSG: no number, no such
 * name, out of the type's range.
 */
int crit_value_read(const struct crit_field *field, const struct crit_scalar *s, uint64_t *wire,
		    struct crit_error *err);

/*
 * Up to which a number without a sign is the same in a field's text and on the wire; 0 for
 * types where it is not, and those that are no numbers.
 */
static inline uint64_t crit_value_plain_max(const struct crit_field *field)
{
	switch (field->pb->type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return UINT32_MAX;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM:
		return INT32_MAX;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return UINT64_MAX;
	case PROTOBUF_C_TYPE_INT64:
		return INT64_MAX;
	default:
		return 0;
	}
}

/* A JSON string with the address in 1 or 4 words. */
void crit_address_put(struct crit_sink *to, const uint32_t *words, unsigned n_words,
		      const struct crit_style *style);

static inline void crit_address_print(struct crit_buf *out, const uint32_t *words,
				      unsigned n_words, const struct crit_style *style)
{
	struct crit_sink to = crit_sink_of(out);

	crit_address_put(&to, words, n_words, style);
	crit_sink_close(&to);
}

/* The words of an address; their number, or 0 if the text is none. */
unsigned crit_address_read(const struct crit_scalar *s, const struct crit_style *style,
			   uint32_t words[CRIT_IPV6_WORDS]);

#endif
