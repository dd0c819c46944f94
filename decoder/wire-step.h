/*
 * The step from one field of a message to the next, inline for those who take it for
 * each entry of an image: wire.c and print.c. All others call crit_wire_next().
 */
#ifndef CRIT_WIRE_STEP_H
#define CRIT_WIRE_STEP_H

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "decoder/wire.h"

/* The index of a field whose number is above those that the message's table has; -1. */
int crit_wire_search(const struct crit_message *message, uint32_t number);

static inline int crit_wire_index(const struct crit_message *message, uint32_t number)
{
	if (number < message->n_by_number)
		return (int)message->by_number[number] - 1;
	return crit_wire_search(message, number);
}

/* Is the list whole that this field has in one piece? */
bool crit_wire_packed_whole(const ProtobufCFieldDescriptor *pb,
			    const struct crit_wire_field *f);

static inline uint64_t crit_wire_get_64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline uint32_t crit_wire_get_32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* Where a varint ends that begins at `at`, or NULL. */
static inline const uint8_t *crit_varint_end(const uint8_t *at, const uint8_t *end)
{
	uint64_t last, value;

	if (end - at >= 8) {
		last = ~crit_wire_get_64(at) & UINT64_C(0x8080808080808080);
		if (last)
			return at + ((unsigned)__builtin_ctzll(last) + 1) / 8;
	}
	return crit_varint_get(&at, end, &value) ? at : NULL;
}

/* Read what follows the tag; false if it is cut, or a group. */
static inline __attribute__((always_inline)) bool
crit_wire_step_value(struct crit_wire *w, struct crit_wire_field *f, bool numbers)
{
	const uint8_t *end;
	uint64_t len;

	switch (f->wire_type) {
	case CRIT_WIRE_VARINT:
		if (numbers)
			return crit_varint_get(&w->at, w->end, &f->value);
		end = crit_varint_end(w->at, w->end);
		if (end)
			w->at = end;
		return end;
	case CRIT_WIRE_BYTES:
		if (!crit_varint_get(&w->at, w->end, &len) || len > (uint64_t)(w->end - w->at))
			return false;
		f->data = w->at;
		f->len = len;
		w->at += len;
		return true;
	case CRIT_WIRE_64BIT:
		if (w->end - w->at < 8)
			return false;
		f->value = crit_wire_get_64(w->at);
		w->at += 8;
		return true;
	case CRIT_WIRE_32BIT:
		if (w->end - w->at < 4)
			return false;
		f->value = crit_wire_get_32(w->at);
		w->at += 4;
		return true;
	default:
		return false;
	}
}

/*
 * As crit_wire_next(), but what a wire type does not have is left as it is in *f, and
 * f->value of a varint too if nobody wants `numbers`.
 */
static inline __attribute__((always_inline)) int
crit_wire_step(struct crit_wire *w, struct crit_wire_field *f, bool numbers)
{
	const ProtobufCFieldDescriptor *pb;
	uint64_t tag;
	int i;

	if (w->at == w->end)
		return 0;
	f->start = w->at;
	f->field = NULL;
	if (!crit_varint_get(&w->at, w->end, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
		return -EBADMSG;
	f->wire_type = tag & 7;
	if (!crit_wire_step_value(w, f, numbers))
		return -EBADMSG;
	i = crit_wire_index(w->message, (uint32_t)(tag >> 3));
	if (i < 0)
		return 1;
	pb = w->message->fields[i].pb;
	if (f->wire_type != crit_wire_type_of(pb)) {
		if (f->wire_type != CRIT_WIRE_BYTES || pb->label != PROTOBUF_C_LABEL_REPEATED)
			return 1;
		if (!crit_wire_packed_whole(pb, f))
			return -EBADMSG;
	}
	f->index = (unsigned)i;
	f->field = &w->message->fields[i];
	return 1;
}

#endif
