/*
 * One integer, enum or bool as text and back, by the marks of its field:
 * hexadecimal, flag names, device numbers, table names, IP addresses.
 */
#ifndef CRIT_VALUE_H
#define CRIT_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/buf.h"
#include "decoder/error.h"
#include "proto/schema.h"

/* How values are spelled. */
struct crit_style {
	bool plain;      /* marks are not applied, as `crit decode` without --pretty */
	bool one_line;   /* no line breaks and no indents, likewise */
	bool big_endian; /* byte order of the image: it shows in stored addresses */
};

/* Words of an IPv4 and of an IPv6 address in a list marked `ipadd`. */
enum { CRIT_IPV4_WORDS = 1, CRIT_IPV6_WORDS = 4 };

/* A JSON scalar as the scanner found it. */
struct crit_scalar {
	bool is_string; /* text is what the string says, else a JSON number */
	const char *text;
	size_t len;
};

/*
 * Append the JSON value of `wire`, the number as it stands on the wire. `hex`:
 * a message around this field bears the mark.
 */
void crit_value_print(struct crit_buf *out, const struct crit_field *field,
		      const struct crit_style *style, uint64_t wire, bool hex);

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

/* Append a JSON string with the address in 1 or 4 words. */
void crit_address_print(struct crit_buf *out, const uint32_t *words, unsigned n_words,
			const struct crit_style *style);

/* The words of an address; their number, or 0 if the text is none. */
unsigned crit_address_read(const struct crit_scalar *s, const struct crit_style *style,
			   uint32_t words[CRIT_IPV6_WORDS]);

#endif
