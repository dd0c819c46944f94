/*
 * Wire bytes to protobuf's text format, spelled as python's text_format prints it, but
 * for the indent of four that CRIU's first crit chose.
 */
#include "decoder/textformat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "decoder/value.h"
#include "decoder/wire.h"

#define INDENT 4

static int put_message(struct crit_buf *out, const struct crit_message *message,
		       const void *data, size_t len, unsigned indent, unsigned depth);

void crit_textformat_indent(struct crit_buf *out, unsigned indent)
{
	crit_buf_fill(out, ' ', (size_t)INDENT * indent);
}

static void put_escaped(struct crit_buf *out, uint8_t c)
{
	static const char letters[] = "\nn\rr\tt\"\"''\\\\";
	const char *l;

	for (l = letters; *l; l += 2)
		if (c == (uint8_t)l[0])
			break;
	crit_buf_byte(out, '\\');
	if (*l) {
		crit_buf_byte(out, (uint8_t)l[1]);
		return;
	}
	/* always three digits: the next character may be one too */
	crit_buf_byte(out, '0' + (c >> 6));
	crit_buf_byte(out, '0' + (c >> 3 & 7));
	crit_buf_byte(out, '0' + (c & 7));
}

/*
 * UTF-8 is escaped as well, which is protobuf's default: of raw non-ASCII, older
 * releases of its python parser make other bytes.
 */
static void put_quoted(struct crit_buf *out, const uint8_t *data, size_t len)
{
	const uint8_t *end = data + len, *plain;

	crit_buf_byte(out, '"');
	while (data < end) {
		for (plain = data; data < end; data++)
			if (*data < ' ' || *data > '~' || strchr("\"'\\", *data))
				break;
		crit_buf_add(out, plain, (size_t)(data - plain));
		if (data < end)
			put_escaped(out, *data++);
	}
	crit_buf_byte(out, '"');
}

/* A number, bool or enum; an enum's value without a name is a number. */
static void put_number(struct crit_buf *out, const struct crit_field *field, uint64_t wire)
{
	static const struct crit_style plain = {.plain = true};
	const ProtobufCEnumValue *value = NULL;

	if (field->pb->type == PROTOBUF_C_TYPE_ENUM)
		value = protobuf_c_enum_descriptor_get_value(field->pb->descriptor,
							     (int32_t)wire);
	if (value)
		crit_buf_str(out, value->name);
	else
		crit_value_print(out, field, &plain, wire, false);
}

static void put_key(struct crit_buf *out, const struct crit_field *field, unsigned indent)
{
	crit_textformat_indent(out, indent);
	crit_buf_str(out, field->pb->name);
}

static void put_number_line(struct crit_buf *out, const struct crit_field *field, uint64_t wire,
			    unsigned indent)
{
	put_key(out, field, indent);
	crit_buf_str(out, ": ");
	put_number(out, field, wire);
	crit_buf_byte(out, '\n');
}

static int put_inner(struct crit_buf *out, const struct crit_wire_field *f, unsigned indent,
		     unsigned depth)
{
	int ret;

	put_key(out, f->field, indent);
	crit_buf_str(out, " {\n");
	ret = put_message(out, f->field->message, f->data, f->len, indent + 1, depth + 1);
	crit_textformat_indent(out, indent);
	crit_buf_str(out, "}\n");
	return ret;
}

static int put_field(struct crit_buf *out, const struct crit_wire_field *f, unsigned indent,
		     unsigned depth)
{
	const uint8_t *at = f->data, *end = f->data + f->len;
	uint64_t value;

	if (f->field->message)
		return put_inner(out, f, indent, depth);
	if (f->wire_type != crit_wire_type_of(f->field->pb)) {
		while (at < end && crit_wire_packed_next(f->field->pb, &at, end, &value))
			put_number_line(out, f->field, value, indent);
	} else if (f->wire_type == CRIT_WIRE_BYTES) {
		put_key(out, f->field, indent);
		crit_buf_str(out, ": ");
		put_quoted(out, f->data, f->len);
		crit_buf_byte(out, '\n');
	} else {
		put_number_line(out, f->field, f->value, indent);
	}
	return 0;
}

/* A field that ends at `end`, spelled as protobuf does, but for the comment sign. */
static void put_unknown(struct crit_buf *out, const struct crit_wire_field *f,
			const uint8_t *end, unsigned indent)
{
	const uint8_t *at = f->start;
	uint64_t tag = 0;
	char text[40];

	crit_varint_get(&at, end, &tag);
	crit_textformat_indent(out, indent);
	snprintf(text, sizeof(text), "# %" PRIu64 ": ", tag >> 3);
	crit_buf_str(out, text);
	text[0] = '\0';
	if (f->wire_type == CRIT_WIRE_BYTES)
		put_quoted(out, f->data, f->len);
	else if (f->wire_type == CRIT_WIRE_64BIT)
		snprintf(text, sizeof(text), "0x%016" PRIx64, f->value);
	else if (f->wire_type == CRIT_WIRE_32BIT)
		snprintf(text, sizeof(text), "0x%08" PRIx64, f->value);
	else
		snprintf(text, sizeof(text), "%" PRIu64, f->value);
	crit_buf_str(out, text);
	crit_buf_byte(out, '\n');
}

/*
 * Can the fields of a message itself be read, and are all required ones there?
 * *in_order: known fields are in number order, each singular one once.
 */
static int inspect(const struct crit_message *message, const void *data, size_t len,
		   bool *in_order)
{
	struct crit_wire w = crit_wire_open(message, data, len);
	struct crit_wire_field f;
	uint64_t seen = 0;
	int ret, last = -1;

	*in_order = true;
	while ((ret = crit_wire_next(&w, &f)) > 0) {
		if (!f.field)
			continue;
		if ((int)f.index < last ||
		    ((int)f.index == last && f.field->pb->label != PROTOBUF_C_LABEL_REPEATED))
			*in_order = false;
		last = (int)f.index;
		seen |= UINT64_C(1) << f.index;
	}
	if (ret == 0 && (seen & message->required) != message->required)
		return -EBADMSG;
	return ret;
}

static int put_fields(struct crit_buf *out, const struct crit_message *message,
		      const void *data, size_t len, unsigned indent, unsigned depth)
{
	struct crit_wire w = crit_wire_open(message, data, len);
	struct crit_wire_field f;
	bool unknown = false;
	int ret;

	while ((ret = crit_wire_next(&w, &f)) > 0) {
		if (f.field)
			ret = put_field(out, &f, indent, depth);
		else
			unknown = true;
		if (ret < 0)
			return ret;
		if (out->error)
			return out->error;
	}
	if (!unknown)
		return ret;
	w = crit_wire_open(message, data, len);
	while (crit_wire_next(&w, &f) > 0)
		if (!f.field)
			put_unknown(out, &f, w.at, indent);
	return out->error;
}

static int put_message(struct crit_buf *out, const struct crit_message *message,
		       const void *data, size_t len, unsigned indent, unsigned depth)
{
	struct crit_buf ordered = {0};
	bool in_order;
	int ret;

	if (depth > CRIT_DEPTH_MAX)
		return -EBADMSG;
	ret = inspect(message, data, len, &in_order);
	if (ret < 0)
		return ret;
	if (in_order)
		return put_fields(out, message, data, len, indent, depth);
	ret = crit_wire_canonical(message, data, len, &ordered);
	if (ret == 0)
		ret = put_fields(out, message, ordered.data, ordered.len, indent, depth);
	crit_buf_fini(&ordered);
	return ret;
}

int crit_textformat(const struct crit_message *message, const void *data, size_t len,
		    unsigned indent, struct crit_buf *out)
{
	size_t start = out->len;
	int ret = put_message(out, message, data, len, indent, 0);

	if (ret == 0)
		ret = out->error;
	if (ret < 0)
		out->len = start;
	return ret;
}
