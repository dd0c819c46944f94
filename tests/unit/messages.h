/*
 * Random messages of any type, made through protobuf-c's descriptors and packed
 * by protobuf-c, which knows nothing of the codec under test.
 */
#ifndef UNIT_MESSAGES_H
#define UNIT_MESSAGES_H

#include "decoder/text.h"
#include "proto/schema.h"
#include "unit.h"

struct maker {
	struct unit_random r;
	unsigned depth_max; /* below this only what is required */
	bool unknown;       /* with fields that the schema does not have */
	bool bad_utf8;      /* some strings are none */
};

static inline uint64_t make_number(struct maker *m)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		0x7f,
		0x80,
		0x3fff,
		0x4000,
		INT32_MAX,
		(uint64_t)INT32_MIN,
		UINT32_MAX,
		UINT64_C(1) << 32,
		INT64_MAX,
		(uint64_t)INT64_MIN,
		UINT64_MAX,
		UINT64_MAX - 1,
	};

	switch (unit_below(&m->r, 3)) {
	case 0:
		return edges[unit_below(&m->r, COUNT(edges))];
	case 1:
		return unit_random(&m->r) & 0xffff;
	default:
		return unit_random(&m->r);
	}
}

static inline int32_t make_enum(struct maker *m, const ProtobufCEnumDescriptor *e)
{
	if (unit_below(&m->r, 4) == 0)
		return (int32_t)make_number(m);
	return e->values[unit_below(&m->r, e->n_values)].value;
}

/* UTF-8 without NUL, malloced. */
static inline char *make_string(struct maker *m)
{
	static const uint32_t ends[] = {0x7f, 0x80, 0x800, 0xd800, 0x110000};
	size_t n = unit_below(&m->r, 20);
	struct crit_buf b = {0};

	while (n--) {
		uint32_t c = 1 + (uint32_t)unit_below(&m->r,
						      ends[unit_below(&m->r, COUNT(ends))] - 1);

		crit_utf8_put(&b, c >= 0xd800 && c <= 0xdfff ? '"' : c);
	}
	if (m->bad_utf8 && unit_below(&m->r, 3) == 0)
		crit_buf_str(&b, "\xff\xc3");
	crit_buf_byte(&b, '\0');
	expect(!b.error);
	return (char *)b.data;
}

static inline ProtobufCBinaryData make_bytes(struct maker *m)
{
	size_t len = unit_below(&m->r, 120), i;
	ProtobufCBinaryData bytes = {len, len ? malloc(len) : NULL};

	for (i = 0; i < len; i++)
		bytes.data[i] = (uint8_t)unit_random(&m->r);
	return bytes;
}

static inline ProtobufCMessage *
make_message(struct maker *m, const ProtobufCMessageDescriptor *d, unsigned depth);

static inline size_t size_of_value(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_STRING:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	default:
		return 4;
	}
}

/* A random value in memory as protobuf-c's structs have it. */
static inline void make_value(struct maker *m, const ProtobufCFieldDescriptor *f,
			      unsigned depth, void *at)
{
	uint64_t number = make_number(m);

	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = make_message(m, f->descriptor, depth + 1);
		return;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = make_string(m);
		return;
	case PROTOBUF_C_TYPE_BYTES:
		*(ProtobufCBinaryData *)at = make_bytes(m);
		return;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = number & 1;
		return;
	case PROTOBUF_C_TYPE_ENUM:
		*(int32_t *)at = make_enum(m, f->descriptor);
		return;
	default:
		memcpy(at, &number,
		       size_of_value(f)); /* little endian machines only, as critfs's tests */
		return;
	}
}

static inline size_t how_many(struct maker *m, const ProtobufCFieldDescriptor *f,
			      unsigned depth)
{
	if (f->label == PROTOBUF_C_LABEL_REQUIRED)
		return 1;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE && depth >= m->depth_max)
		return 0;
	if (f->label == PROTOBUF_C_LABEL_OPTIONAL)
		return unit_below(&m->r, 2);
	/* 4 words are an address */
	return unit_below(&m->r, f->type == PROTOBUF_C_TYPE_MESSAGE ? 3 : 6);
}

static inline void make_field(struct maker *m, const ProtobufCFieldDescriptor *f,
			      unsigned depth, uint8_t *message)
{
	size_t n = how_many(m, f, depth), size = size_of_value(f), i;

	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		uint8_t *list = n ? calloc(n, size) : NULL;

		for (i = 0; i < n; i++)
			make_value(m, f, depth, list + i * size);
		*(size_t *)(message + f->quantifier_offset) = n;
		*(void **)(message + f->offset) = list;
		return;
	}
	if (!n)
		return;
	make_value(m, f, depth, message + f->offset);
	if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_MESSAGE &&
	    f->type != PROTOBUF_C_TYPE_STRING)
		*(protobuf_c_boolean *)(message + f->quantifier_offset) = 1;
}

/* A field number that the message does not have. */
static inline uint32_t unknown_number(struct maker *m, const ProtobufCMessageDescriptor *d)
{
	static const uint32_t numbers[] = {1, 2, 15, 16, 99, 2047, 2048, 50000, 536870911};
	uint32_t number;

	do
		number = numbers[unit_below(&m->r, COUNT(numbers))];
	while (protobuf_c_message_descriptor_get_field(d, number));
	return number;
}

static inline void make_unknown(struct maker *m, ProtobufCMessage *message)
{
	static const char *const data[6] = {
		[PROTOBUF_C_WIRE_TYPE_VARINT] = "\x96\x01",
		[PROTOBUF_C_WIRE_TYPE_64BIT] = "12345678",
		[PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED] = "\x05ijklm",
		[PROTOBUF_C_WIRE_TYPE_32BIT] = "1234",
	};
	size_t n = unit_below(&m->r, 4), i;

	if (!n)
		return;
	message->n_unknown_fields = (unsigned)n;
	message->unknown_fields = calloc(n, sizeof(*message->unknown_fields));
	for (i = 0; i < n; i++) {
		ProtobufCMessageUnknownField *u = &message->unknown_fields[i];
		unsigned type = (unsigned)unit_below(&m->r, 4);

		type = type == 3 ? PROTOBUF_C_WIRE_TYPE_32BIT : type;
		u->tag = unknown_number(m, message->descriptor);
		u->wire_type = (ProtobufCWireType)type;
		u->len = strlen(data[type]);
		u->data = (uint8_t *)strdup(data[type]);
	}
}

/* To be freed with protobuf_c_message_free_unpacked(). */
static inline ProtobufCMessage *
make_message(struct maker *m, const ProtobufCMessageDescriptor *d, unsigned depth)
{
	ProtobufCMessage *message = calloc(1, d->sizeof_message);
	unsigned i;

	expect(message != NULL);
	d->message_init(message);
	for (i = 0; i < d->n_fields; i++)
		make_field(m, &d->fields[i], depth, (uint8_t *)message);
	if (m->unknown)
		make_unknown(m, message);
	return message;
}

static inline void pack(const ProtobufCMessage *message, struct crit_buf *out)
{
	size_t size = protobuf_c_message_get_packed_size(message);

	expect(crit_buf_reserve(out, size + 1));
	expect_u64(protobuf_c_message_pack(message, out->data + out->len), size);
	out->len += size;
}

/* Append the wire bytes of a random message. */
static inline void make_wire(struct maker *m, const struct crit_message *type,
			     struct crit_buf *out)
{
	ProtobufCMessage *message = make_message(m, type->pb, 0);

	pack(message, out);
	protobuf_c_message_free_unpacked(message, NULL);
}

/* Does protobuf-c understand the bytes? Then append what it packs again. */
static inline bool repack(const struct crit_message *type, const struct crit_buf *wire,
			  struct crit_buf *out)
{
	ProtobufCMessage *message = protobuf_c_message_unpack(type->pb, NULL, wire->len,
							      wire->data);

	if (!message)
		return false;
	pack(message, out);
	protobuf_c_message_free_unpacked(message, NULL);
	return true;
}

#endif
