/*
 * Walking a message on the wire. Unknown fields are met like known ones, so
 * that callers can keep them; whatever can't be split into fields is refused.
 */
#include "decoder/wire-step.h"

/* The lowest seven bits of each of eight bytes, put together. */
static uint64_t join_sevens(uint64_t v)
{
	v &= UINT64_C(0x7f7f7f7f7f7f7f7f);
	v = (v & UINT64_C(0x007f007f007f007f)) | (v & UINT64_C(0x7f007f007f007f00)) >> 1;
	v = (v & UINT64_C(0x00003fff00003fff)) | (v & UINT64_C(0x3fff00003fff0000)) >> 2;
	return (v & UINT64_C(0x0fffffff)) | (v & UINT64_C(0x0fffffff00000000)) >> 4;
}

const uint8_t *crit_varint_get_long(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
	uint64_t v = 0, last;
	unsigned shift;

	if (end - at >= 8) {
		v = crit_wire_get_64(at);
		last = ~v & UINT64_C(0x8080808080808080);
		if (last) { /* its lowest bit is in the byte that ends the number */
			*value = join_sevens(v & (last ^ (last - 1)));
			return at + ((unsigned)__builtin_ctzll(last) + 1) / 8;
		}
		v = 0;
	}
	for (shift = 0; at < end && shift < 70; shift += 7) {
		v |= (uint64_t)(*at & 0x7f) << shift;
		if (!(*at++ & 0x80)) {
			*value = v;
			return at;
		}
	}
	return NULL;
}

int crit_wire_search(const struct crit_message *message, uint32_t number)
{
	const ProtobufCMessageDescriptor *pb = message->pb;
	unsigned lo = 0, hi = pb->n_fields, i;

	while (lo < hi) {
		i = (lo + hi) / 2;
		if (pb->fields[i].id == number)
			return (int)i;
		if (pb->fields[i].id < number)
			lo = i + 1;
		else
			hi = i;
	}
	return -1;
}

bool crit_wire_packed_whole(const ProtobufCFieldDescriptor *pb, const struct crit_wire_field *f)
{
	const uint8_t *at = f->data;
	uint64_t value;

	while (at < f->data + f->len)
		if (!crit_wire_packed_next(pb, &at, f->data + f->len, &value))
			return false;
	return true;
}

int crit_wire_next(struct crit_wire *w, struct crit_wire_field *f)
{
	f->data = NULL;
	f->len = 0;
	f->value = 0;
	return crit_wire_step(w, f, true);
}

bool crit_wire_packed_next(const ProtobufCFieldDescriptor *pb, const uint8_t **at,
			   const uint8_t *end, uint64_t *value)
{
	enum crit_wire_type type = crit_wire_type_of(pb);
	int bytes = type == CRIT_WIRE_64BIT ? 8 : 4;

	if (type == CRIT_WIRE_VARINT)
		return crit_varint_get(at, end, value);
	if (end - *at < bytes)
		return false;
	*value = bytes == 8 ? crit_wire_get_64(*at) : crit_wire_get_32(*at);
	*at += bytes;
	return true;
}

bool crit_wire_comes_again(struct crit_wire w, const struct crit_wire_field *f)
{
	struct crit_wire_field next;

	if (!f->field->message || f->field->pb->label == PROTOBUF_C_LABEL_REPEATED)
		return false;
	while (crit_wire_step(&w, &next, false) > 0)
		if (next.field == f->field)
			return true;
	return false;
}

/*
 * Skip varints whose tag is one byte, as most fields are, and note which fields were
 * seen. False if one is cut.
 */
static bool skip_varints(struct crit_wire *w, uint64_t *seen)
{
	const uint8_t *at = w->at;
	unsigned index;

	while (at < w->end && *at && !(*at & 0x87) && *at >> 3 < w->message->n_by_number) {
		index = w->message->by_number[*at >> 3];
		at = crit_varint_end(at + 1, w->end);
		if (!at)
			return false;
		if (index &&
		    crit_wire_type_of(w->message->fields[index - 1].pb) == CRIT_WIRE_VARINT)
			*seen |= UINT64_C(1) << (index - 1);
		w->at = at;
	}
	return true;
}

/*
 * As crit_wire_whole(), but 1 as soon as a singular message stands somewhere twice: then only
 * the whole tells, merged. Merging each message around it anew would take the square of the
 * depth.
 */
static int check(const struct crit_message *message, const void *data, size_t len,
		 unsigned depth)
{
	struct crit_wire w = crit_wire_open(message, data, len);
	struct crit_wire_field f;
	uint64_t seen = 0, bit;
	int ret;

	if (depth > CRIT_DEPTH_MAX)
		return -EBADMSG;
	for (;;) {
		if (!skip_varints(&w, &seen))
			return -EBADMSG;
		ret = crit_wire_step(&w, &f, false);
		if (ret <= 0)
			break;
		if (!f.field)
			continue;
		bit = UINT64_C(1) << f.index;
		if (f.field->message) {
			if ((seen & bit) && f.field->pb->label != PROTOBUF_C_LABEL_REPEATED)
				return 1;
			ret = check(f.field->message, f.data, f.len, depth + 1);
			if (ret == -EBADMSG && crit_wire_comes_again(w, &f))
				return 1;
			if (ret)
				return ret;
		}
		seen |= bit;
	}
	if (ret < 0)
		return ret;
	return (seen & message->required) == message->required ? 0 : -EBADMSG;
}

int crit_wire_check(const struct crit_message *message, const void *data, size_t len)
{
	struct crit_buf merged = {0};
	int ret = crit_wire_whole(message, data, len, &merged);

	crit_buf_fini(&merged);
	return ret < 0 ? ret : 0;
}

int crit_wire_whole(const struct crit_message *message, const void *data, size_t len,
		    struct crit_buf *merged)
{
	int ret = check(message, data, len, 0);

	if (ret <= 0)
		return ret;
	ret = crit_wire_canonical(message, data, len, merged);
	if (ret == 0)
		ret = check(message, merged->data, merged->len, 0);
	return ret < 0 ? ret : 1;
}

static int canonical(const struct crit_message *message, const void *data, size_t len,
		     unsigned depth, struct crit_buf *out);

/* A message field with `data` put in order. */
static int add_message(const struct crit_field *field, const void *data, size_t len,
		       unsigned depth, struct crit_buf *out)
{
	struct crit_buf inner = {0};
	int ret = canonical(field->message, data, len, depth + 1, &inner);

	crit_wire_put_tag(out, field->pb->id, CRIT_WIRE_BYTES);
	crit_varint_put(out, inner.len);
	crit_buf_add(out, inner.data, inner.len);
	crit_buf_fini(&inner);
	return ret;
}

/* Append all that the message holds of fields[index], as protobuf reads it. */
static int add_field(const struct crit_message *message, unsigned index, const void *data,
		     size_t len, unsigned depth, struct crit_buf *out)
{
	const struct crit_field *field = &message->fields[index];
	bool repeated = field->pb->label == PROTOBUF_C_LABEL_REPEATED;
	struct crit_wire w = crit_wire_open(message, data, len);
	struct crit_buf merged = {0};
	size_t last = out->len;
	struct crit_wire_field f;
	int ret;

	while ((ret = crit_wire_next(&w, &f)) > 0) {
		if (!f.field || f.index != index)
			continue;
		if (field->message && !repeated) {
			crit_buf_add(&merged, f.data, f.len);
			continue;
		}
		if (!repeated)
			out->len = last;
		if (field->message)
			ret = add_message(field, f.data, f.len, depth, out);
		else
			crit_buf_add(out, f.start, (size_t)(w.at - f.start));
		if (ret < 0)
			break;
	}
	if (ret == 0 && field->message && !repeated)
		ret = merged.error ? merged.error
				   : add_message(field, merged.data, merged.len, depth, out);
	crit_buf_fini(&merged);
	return ret;
}

static int canonical(const struct crit_message *message, const void *data, size_t len,
		     unsigned depth, struct crit_buf *out)
{
	struct crit_wire w = crit_wire_open(message, data, len);
	struct crit_wire_field f;
	uint64_t seen = 0;
	unsigned i;
	int ret;

	if (depth > CRIT_DEPTH_MAX)
		return -EBADMSG;
	while ((ret = crit_wire_next(&w, &f)) > 0)
		if (f.field)
			seen |= UINT64_C(1) << f.index;
	for (i = 0; ret == 0 && i < message->pb->n_fields; i++)
		if (seen & UINT64_C(1) << i)
			ret = add_field(message, i, data, len, depth, out);
	w = crit_wire_open(message, data, len);
	while (ret == 0 && crit_wire_next(&w, &f) > 0)
		if (!f.field)
			crit_buf_add(out, f.start, (size_t)(w.at - f.start));
	return ret < 0 ? ret : out->error;
}

int crit_wire_canonical(const struct crit_message *message, const void *data, size_t len,
			struct crit_buf *out)
{
	return canonical(message, data, len, 0, out);
}

static const ProtobufCFieldDescriptor *uint_field(const struct crit_message *message,
						  const char *name)
{
	return protobuf_c_message_descriptor_get_field_by_name(message->pb, name);
}

int crit_wire_uint(const struct crit_message *message, const void *data, size_t len,
		   const char *name, uint64_t *value)
{
	const ProtobufCFieldDescriptor *pb = uint_field(message, name);
	struct crit_wire w = crit_wire_open(message, data, len);
	struct crit_wire_field f;
	int ret, found = 0;

	*value = 0;
	while ((ret = crit_wire_next(&w, &f)) > 0) {
		if (f.field && f.field->pb == pb) {
			*value = pb->type == PROTOBUF_C_TYPE_UINT32 ? (uint32_t)f.value
								    : f.value;
			found = 1;
		}
	}
	return ret < 0 ? ret : found;
}

int crit_wire_set_uint(const struct crit_message *message, const void *data, size_t len,
		       const char *name, uint64_t value, struct crit_buf *out)
{
	const ProtobufCFieldDescriptor *pb = uint_field(message, name);
	struct crit_wire w = crit_wire_open(message, data, len);
	struct crit_wire_field f;
	bool done = false;
	int ret;

	while ((ret = crit_wire_next(&w, &f)) > 0) {
		if (f.field && f.field->pb == pb) {
			if (done)
				continue;
			done = true;
			if (f.value != value) {
				crit_wire_put_varint(out, pb->id, value);
				continue;
			}
		}
		crit_buf_add(out, f.start, (size_t)(w.at - f.start));
	}
	if (ret == 0 && !done) {
		crit_wire_put_varint(out, pb->id, value);
	}
	return ret < 0 ? ret : out->error;
}

void crit_wire_close_message(struct crit_buf *b, size_t from)
{
	size_t len = b->len - from - 1, n = 1, l;

	if (b->error)
		return;
	for (l = len; l >= 0x80; l >>= 7)
		n++;
	if (n > 1) {
		crit_buf_fill(b, 0, n - 1);
		if (b->error)
			return;
		memmove(b->data + from + n, b->data + from + 1, len);
	}
	crit_varint_set(b->data + from, len);
}

void crit_wire_put_number(struct crit_buf *b, const ProtobufCFieldDescriptor *pb, uint64_t wire)
{
	enum crit_wire_type type = crit_wire_type_of(pb);
	unsigned i, n = type == CRIT_WIRE_64BIT ? 8 : 4;

	if (type == CRIT_WIRE_VARINT) {
		crit_wire_put_varint(b, pb->id, wire);
		return;
	}
	crit_wire_put_tag(b, pb->id, type);
	for (i = 0; i < n; i++)
		crit_buf_byte(b, (uint8_t)(wire >> 8 * i));
}
