/*
 * JSON text to wire bytes.
 */
#include "decoder/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "decoder/print.h"
#include "decoder/text.h"
#include "decoder/wire.h"

/* Fields of a message, and one more place for its unknown fields. */
#define FIELDS_MAX 64

struct parser {
	struct crit_json j;
	const struct crit_style *style;
	struct crit_buf *out;
	struct crit_error *err;
	char path[256]; /* of the value at hand: "reg.fown.uid", "vmas[3]" */
	size_t path_len;
};

/* The wire bytes of one field in the order of the text. */
struct span {
	size_t from, to; /* offsets in out; from == to: not there */
};

static int parse_message(struct parser *p, const struct crit_message *message, unsigned depth);

/* Lengthen the path; returns what to give to path_cut() afterwards. */
static size_t path_add(struct parser *p, const char *name, long index)
{
	size_t old = p->path_len, room = sizeof(p->path) - old;
	int n;

	if (index >= 0)
		n = snprintf(p->path + old, room, "[%ld]", index);
	else
		n = snprintf(p->path + old, room, "%s%s", old ? "." : "", name);
	if (n > 0)
		p->path_len += (size_t)n < room ? (size_t)n : room - 1;
	return old;
}

static void path_cut(struct parser *p, size_t len)
{
	p->path_len = len;
	p->path[len] = '\0';
}

static int expected(struct parser *p, const char *what)
{
	return crit_json_expected(&p->j, p->path, what);
}

__attribute__((format(printf, 2, 3))) static int rejected(struct parser *p, const char *fmt,
							  ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	crit_error_at(p->err, p->j.token_line, p->j.token_col);
	return crit_fail(p->err, CRIT_REJECTED, "%s%s%s", p->path, p->path_len ? ": " : "",
			 what);
}

/*
 * Put a length before the bytes from `from` on, which were written without
 * knowing it; one byte was left free for it there.
 */
static void put_length(struct crit_buf *out, size_t from)
{
	size_t len = out->len - from - 1, n = 1, l;

	if (out->error)
		return;
	for (l = len; l >= 0x80; l >>= 7)
		n++;
	if (n > 1) {
		crit_buf_fill(out, 0, n - 1);
		if (out->error)
			return;
		memmove(out->data + from + n, out->data + from + 1, len);
	}
	for (l = len; l >= 0x80; l >>= 7)
		out->data[from++] = (uint8_t)(l | 0x80);
	out->data[from] = (uint8_t)l;
}

static int read_base64(struct parser *p)
{
	if (!crit_base64_read(p->j.value, p->j.value_len, p->out))
		return expected(p, "base64");
	return 0;
}

/* The string behind the only key of an object {"$base64": "…"}. */
static int parse_raw_string(struct parser *p)
{
	int ret;

	if (crit_json_next(&p->j) != CRIT_JSON_STRING ||
	    p->j.value_len != strlen(CRIT_KEY_BASE64) ||
	    memcmp(p->j.value, CRIT_KEY_BASE64, p->j.value_len))
		return expected(p, "the key \"" CRIT_KEY_BASE64 "\"");
	if (crit_json_next(&p->j) != ':')
		return expected(p, "':' behind a key");
	if (crit_json_next(&p->j) != CRIT_JSON_STRING)
		return expected(p, "base64 in double quotes");
	ret = read_base64(p);
	if (ret < 0)
		return ret;
	return crit_json_next(&p->j) == '}' ? 0 : expected(p, "'}'");
}

static int parse_string(struct parser *p)
{
	if (p->j.token == '{')
		return parse_raw_string(p);
	if (p->j.token != CRIT_JSON_STRING)
		return expected(p, "a string");
	crit_buf_add(p->out, p->j.value, p->j.value_len);
	return 0;
}

static int parse_bytes(struct parser *p, const struct crit_field *field)
{
	if (p->j.token != CRIT_JSON_STRING)
		return expected(p, field->unix_name ? "a quoted-printable string"
						    : "a string of base64");
	if (!field->unix_name)
		return read_base64(p);
	if (!crit_qp_read(p->j.value, p->j.value_len, p->out))
		return expected(p, "quoted-printable");
	return 0;
}

static struct crit_scalar scalar(const struct parser *p)
{
	return (struct crit_scalar){
		.is_string = p->j.token == CRIT_JSON_STRING,
		.text = p->j.value,
		.len = p->j.value_len,
	};
}

static void put_number(struct crit_buf *out, const ProtobufCFieldDescriptor *pb, uint64_t wire)
{
	enum crit_wire_type type = crit_wire_type_of(pb);
	unsigned i, n = type == CRIT_WIRE_64BIT ? 8 : type == CRIT_WIRE_32BIT ? 4 : 0;

	crit_wire_put_tag(out, pb->id, type);
	if (type == CRIT_WIRE_VARINT)
		crit_varint_put(out, wire);
	for (i = 0; i < n; i++)
		crit_buf_byte(out, (uint8_t)(wire >> 8 * i));
}

static int parse_number(struct parser *p, const struct crit_field *field)
{
	struct crit_scalar s = scalar(p);
	uint64_t wire;
	int ret;

	if (field->pb->type == PROTOBUF_C_TYPE_BOOL) {
		if (p->j.token != CRIT_JSON_TRUE && p->j.token != CRIT_JSON_FALSE)
			return expected(p, "true or false");
		put_number(p->out, field->pb, p->j.token == CRIT_JSON_TRUE);
		return 0;
	}
	if (p->j.token != CRIT_JSON_STRING && p->j.token != CRIT_JSON_NUMBER)
		return expected(p, field->pb->type == PROTOBUF_C_TYPE_ENUM
					   ? "a name of its enum"
					   : "an integer");
	crit_error_at(p->err, p->j.token_line, p->j.token_col);
	ret = crit_value_read(field, &s, p->path, &wire, p->err);
	if (ret < 0)
		return ret;
	put_number(p->out, field->pb, wire);
	return 0;
}

/* The value whose first token is at hand, with its tag. */
static int parse_value(struct parser *p, const struct crit_field *field, unsigned depth)
{
	size_t from;
	int ret;

	if (crit_wire_type_of(field->pb) != CRIT_WIRE_BYTES)
		return parse_number(p, field);
	crit_wire_put_tag(p->out, field->pb->id, CRIT_WIRE_BYTES);
	from = p->out->len;
	crit_buf_byte(p->out, 0);
	if (field->message)
		ret = parse_message(p, field->message, depth + 1);
	else if (field->pb->type == PROTOBUF_C_TYPE_STRING)
		ret = parse_string(p);
	else
		ret = parse_bytes(p, field);
	if (ret == 0)
		put_length(p->out, from);
	return ret;
}

static int parse_item(struct parser *p, const struct crit_field *field, unsigned depth)
{
	uint32_t words[CRIT_IPV6_WORDS];
	struct crit_scalar s = scalar(p);
	unsigned i, n;

	if (!field->ipadd || p->j.token != CRIT_JSON_STRING)
		return parse_value(p, field, depth);
	n = crit_address_read(&s, p->style, words);
	if (!n)
		return parse_value(p, field, depth);
	for (i = 0; i < n; i++)
		put_number(p->out, field->pb, words[i]);
	return 0;
}

static int parse_list(struct parser *p, const struct crit_field *field, unsigned depth)
{
	size_t path;
	long n = 0;
	int ret;

	if (p->j.token != '[')
		return expected(p, "a list");
	if (crit_json_next(&p->j) == ']')
		return 0;
	for (;; n++) {
		path = path_add(p, NULL, n);
		ret = p->j.token < 0 ? p->j.token : parse_item(p, field, depth);
		path_cut(p, path);
		if (ret < 0)
			return ret;
		if (p->out->error)
			return p->out->error;
		if (crit_json_next(&p->j) == ']')
			return 0;
		if (p->j.token != ',')
			return expected(p, "',' or ']'");
		crit_json_next(&p->j);
	}
}

/* Unknown fields are stored as they are, so at least they must be fields. */
static int parse_unknown(struct parser *p, const struct crit_message *message)
{
	size_t from = p->out->len;
	struct crit_wire_field f;
	struct crit_wire w;
	int ret;

	if (p->j.token != CRIT_JSON_STRING)
		return expected(p, "a string of base64");
	ret = read_base64(p);
	if (ret < 0 || p->out->error)
		return ret;
	w = crit_wire_open(message, p->out->data + from, p->out->len - from);
	while ((ret = crit_wire_next(&w, &f)) > 0)
		if (f.field)
			return rejected(p, "holds the field \"%s\", which has a key of its own",
					f.field->pb->name);
	return ret < 0 ? rejected(p, "these bytes are no protobuf fields") : 0;
}

/* The index of the field that the key at hand names, FIELDS_MAX for unknown. */
static int find_key(struct parser *p, const struct crit_message *message, unsigned guess)
{
	const ProtobufCMessageDescriptor *pb = message->pb;
	const char *key = p->j.value;
	size_t len = p->j.value_len;
	unsigned i, n;

	if (p->j.token != CRIT_JSON_STRING)
		return expected(p, "a key in double quotes");
	for (n = 0, i = guess; n < pb->n_fields; n++, i++) {
		i = i < pb->n_fields ? i : 0;
		if (strlen(pb->fields[i].name) == len && !memcmp(pb->fields[i].name, key, len))
			return (int)i;
	}
	if (len == strlen(CRIT_KEY_UNKNOWN) && !memcmp(key, CRIT_KEY_UNKNOWN, len))
		return FIELDS_MAX;
	return rejected(p, "unknown key \"%.*s\" (%s has no such field)",
			(int)(len < 80 ? len : 80), key, pb->name);
}

/* The spans as the message wants them: in number order, unknown fields last. */
static void reorder(struct parser *p, size_t start, const struct span *spans, unsigned n_fields)
{
	struct crit_buf ordered = {0};
	unsigned i;

	for (i = 0; i < n_fields; i++)
		crit_buf_add(&ordered, p->out->data + spans[i].from,
			     spans[i].to - spans[i].from);
	crit_buf_add(&ordered, p->out->data + spans[FIELDS_MAX].from,
		     spans[FIELDS_MAX].to - spans[FIELDS_MAX].from);
	if (ordered.error)
		p->out->error = ordered.error;
	else if (ordered.len)
		memcpy(p->out->data + start, ordered.data, ordered.len);
	crit_buf_fini(&ordered);
}

static int check_required(struct parser *p, const struct crit_message *message, uint64_t seen)
{
	uint64_t missing = message->required & ~seen;

	if (!missing)
		return 0;
	return rejected(p, "required key \"%s\" is missing",
			message->pb->fields[__builtin_ctzll(missing)].name);
}

/* A key and its value, both read; -errno or the index as find_key() has it. */
static int parse_member(struct parser *p, const struct crit_message *message, unsigned guess,
			unsigned depth, uint64_t *seen, bool *unknown, struct span *spans)
{
	const struct crit_field *field = NULL;
	int index = find_key(p, message, guess), ret;
	bool doubled;
	size_t path;

	if (index < 0)
		return index;
	doubled = index == FIELDS_MAX ? *unknown : *seen >> index & 1;
	if (doubled)
		return rejected(p, "key \"%.*s\" stands here twice", (int)p->j.value_len,
				p->j.value);
	if (index == FIELDS_MAX) {
		*unknown = true;
		path = path_add(p, CRIT_KEY_UNKNOWN, -1);
	} else {
		field = &message->fields[index];
		*seen |= UINT64_C(1) << index;
		path = path_add(p, field->pb->name, -1);
	}
	if (crit_json_next(&p->j) != ':')
		return expected(p, "':' behind a key");
	ret = crit_json_next(&p->j);
	if (ret < 0)
		return ret;
	spans[index].from = p->out->len;
	if (!field)
		ret = parse_unknown(p, message);
	else if (field->pb->label == PROTOBUF_C_LABEL_REPEATED)
		ret = parse_list(p, field, depth);
	else
		ret = parse_value(p, field, depth);
	spans[index].to = p->out->len;
	path_cut(p, path);
	return ret < 0 ? ret : index;
}

static int parse_message(struct parser *p, const struct crit_message *message, unsigned depth)
{
	struct span spans[FIELDS_MAX + 1] = {{0, 0}};
	bool unknown = false, ordered = true;
	size_t start = p->out->len;
	uint64_t seen = 0;
	int index = -1, last = -1;

	if (p->j.token != '{')
		return expected(p, "an object");
	if (depth > CRIT_DEPTH_MAX)
		return rejected(p, "messages nest too deep");
	if (crit_json_next(&p->j) == '}')
		return check_required(p, message, seen);
	for (;; last = index) {
		index = parse_member(p, message, (unsigned)(index + 1), depth, &seen, &unknown,
				     spans);
		if (index < 0)
			return index;
		if (p->out->error)
			return p->out->error;
		ordered &= index > last;
		if (crit_json_next(&p->j) == '}')
			break;
		if (p->j.token != ',')
			return expected(p, "',' or '}'");
		crit_json_next(&p->j);
	}
	if (!ordered)
		reorder(p, start, spans, message->pb->n_fields);
	return check_required(p, message, seen);
}

int crit_parse(const struct crit_message *message, const char *text, size_t len,
	       const struct crit_style *style, struct crit_buf *out, struct crit_error *err)
{
	struct parser p = {.style = style, .out = out, .err = err};
	int ret;

	crit_json_init(&p.j, text, len, err);
	crit_json_next(&p.j);
	ret = parse_message(&p, message, 0);
	if (ret == 0 && crit_json_next(&p.j) != CRIT_JSON_END)
		ret = expected(&p, "nothing behind the object");
	if (ret == 0 && out->error)
		ret = out->error;
	/* what fails now, or later, has no place in the text */
	if (ret != -EBADMSG)
		crit_error_at(err, 0, 0);
	if (ret == -ENOMEM)
		crit_fail(err, CRIT_NO_MEMORY, "no memory for the message");
	else if (ret == -EFBIG)
		crit_fail(err, CRIT_TOO_BIG, "the message is too big");
	crit_json_fini(&p.j);
	return ret;
}
