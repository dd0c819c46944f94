/*
 * Protobuf's wire format: reading a message field by field as the schema's
 * tables drive it, without unpacking it into structs, and writing fields.
 * Spelled out here because every entry of every listing goes through it.
 */
#ifndef CRIT_WIRE_H
#define CRIT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/buf.h"
#include "proto/schema.h"

/* Messages nest at most this deep, as in python-protobuf. */
#define CRIT_DEPTH_MAX 100

enum crit_wire_type {
	CRIT_WIRE_VARINT = 0,
	CRIT_WIRE_64BIT = 1,
	CRIT_WIRE_BYTES = 2,
	CRIT_WIRE_32BIT = 5,
};

struct crit_wire {
	const uint8_t *at, *end;
	const struct crit_message *message;
};

/* One field as it stands on the wire. */
struct crit_wire_field {
	/*
	 * NULL if the schema has no such field, or not with this wire type: such
	 * fields are kept, not understood. A packed list is understood.
	 */
	const struct crit_field *field;
	unsigned index; /* of field in its message */
	unsigned wire_type;
	const uint8_t *start; /* of the tag */
	const uint8_t *data;  /* of CRIT_WIRE_BYTES */
	size_t len;           /* bytes of data */
	uint64_t value;       /* of the other wire types, as it stands there */
};

static inline struct crit_wire crit_wire_open(const struct crit_message *message,
					      const void *data, size_t len)
{
	/* of no bytes, data may be NULL, to which C adds nothing, not even 0 */
	const uint8_t *at = data;
	struct crit_wire w = {at, len ? at + len : at, message};

	return w;
}

/* Read a varint of any length at `at`; its end, or NULL if it is cut or too long. */
const uint8_t *crit_varint_get_long(const uint8_t *at, const uint8_t *end, uint64_t *value);

/* Read a varint at *at, not beyond end; false if it is cut or too long. */
static inline bool crit_varint_get(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	const uint8_t *p = *at;

	if (p < end && *p < 0x80) { /* most are */
		*value = *p++;
	} else {
		p = crit_varint_get_long(p, end, value);
		if (!p)
			return false;
	}
	*at = p;
	return true;
}

/*
 * The next field: 1 and *f, 0 at the end, -EBADMSG where the bytes are no
 * fields (a cut field, a group, field number 0).
 */
int crit_wire_next(struct crit_wire *w, struct crit_wire_field *f);

/* The wire type that values of this field have (outside packed lists). */
static inline enum crit_wire_type crit_wire_type_of(const ProtobufCFieldDescriptor *pb)
{
	static const uint8_t types[] = {
		[PROTOBUF_C_TYPE_FIXED64] = CRIT_WIRE_64BIT,
		[PROTOBUF_C_TYPE_SFIXED64] = CRIT_WIRE_64BIT,
		[PROTOBUF_C_TYPE_DOUBLE] = CRIT_WIRE_64BIT,
		[PROTOBUF_C_TYPE_FIXED32] = CRIT_WIRE_32BIT,
		[PROTOBUF_C_TYPE_SFIXED32] = CRIT_WIRE_32BIT,
		[PROTOBUF_C_TYPE_FLOAT] = CRIT_WIRE_32BIT,
		[PROTOBUF_C_TYPE_STRING] = CRIT_WIRE_BYTES,
		[PROTOBUF_C_TYPE_BYTES] = CRIT_WIRE_BYTES,
		[PROTOBUF_C_TYPE_MESSAGE] = CRIT_WIRE_BYTES, /* all others: varint */
	};

	return (enum crit_wire_type)types[pb->type];
}

/* The next value of a packed list at *at; false if it is cut. */
bool crit_wire_packed_next(const ProtobufCFieldDescriptor *pb, const uint8_t **at,
			   const uint8_t *end, uint64_t *value);

/* Does a singular message that was just met come again further on? */
bool crit_wire_comes_again(struct crit_wire w, const struct crit_wire_field *f);

/*
 * Check that `data` decodes as `message`: whole fields, all required ones, to
 * every depth. Prints nothing, allocates nothing in the normal case.
 * 0, -EBADMSG, -ENOMEM.
 */
int crit_wire_check(const struct crit_message *message, const void *data, size_t len);

/*
 * The same for those who unpack it: 1 if a singular message stands twice in it, which is in
 * `merged` (empty before) as crit_wire_canonical() makes it. Who merges piece by piece, as
 * protobuf-c does, takes the square of the pieces.
 */
int crit_wire_whole(const struct crit_message *message, const void *data, size_t len,
		    struct crit_buf *merged);

/*
 * Append to `out` the same message with its known fields in number order and
 * each singular one once, by protobuf's rules (the last scalar wins, messages
 * merge), unknown ones at the end; likewise all messages in it, so that who
 * prints the result never has to order anything again. 0, -EBADMSG, -ENOMEM.
 */
int crit_wire_canonical(const struct crit_message *message, const void *data, size_t len,
			struct crit_buf *out);

/*
 * The value of the singular integer field called `name` at the top level.
 * 1 and *value if it is there, 0 and *value = 0 if not, -EBADMSG.
 */
int crit_wire_uint(const struct crit_message *message, const void *data, size_t len,
		   const char *name, uint64_t *value);

/*
 * Append to `out` the message with that field set to `value`, everything else
 * byte for byte as it was. 0 or -errno.
 */
int crit_wire_set_uint(const struct crit_message *message, const void *data, size_t len,
		       const char *name, uint64_t value, struct crit_buf *out);

#define CRIT_VARINT_MAX 10 /* bytes */

/* Write a varint at `p`, where there is room for CRIT_VARINT_MAX; returns its end. */
static inline uint8_t *crit_varint_set(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

static inline void crit_varint_put(struct crit_buf *b, uint64_t v)
{
	uint8_t *p = crit_buf_room(b, CRIT_VARINT_MAX);

	if (p)
		b->len += (size_t)(crit_varint_set(p, v) - p);
}

static inline void crit_wire_put_tag(struct crit_buf *b, uint32_t id, enum crit_wire_type type)
{
	crit_varint_put(b, (uint64_t)id << 3 | type);
}

/* A message, or bytes, whose length is not known yet: 1 byte is left free for it. */
static inline size_t crit_wire_open_message(struct crit_buf *b)
{
	crit_buf_byte(b, 0);
	return b->len - 1;
}

/* Its end, and so its length. `from` is what was returned when it was opened. */
void crit_wire_close_message(struct crit_buf *b, size_t from);

/* A field that is a number of any wire type, with its tag. */
void crit_wire_put_number(struct crit_buf *b, const ProtobufCFieldDescriptor *pb,
			  uint64_t wire);

/* A field that is a varint, with its tag. */
static inline void crit_wire_put_varint(struct crit_buf *b, uint32_t id, uint64_t v)
{
	uint8_t *p = crit_buf_room(b, 2 * CRIT_VARINT_MAX);

	if (!p)
		return;
	p = crit_varint_set(p, (uint64_t)id << 3 | CRIT_WIRE_VARINT);
	b->len = (size_t)(crit_varint_set(p, v) - b->data);
}

#endif
