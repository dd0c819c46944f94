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

/* Fields of a message; behind them a place for its unknown fields, and for other keys. */
#define FIELDS_MAX 64
#define OTHERS_MAX 4

enum { UNKNOWN = FIELDS_MAX, OTHERS };

/* The wire bytes of one field in the order of the text. */
struct span {
	size_t from, to; /* offsets in out */
};

/* State of an object while its keys come in. */
struct object {
	const struct crit_message *message;
	unsigned depth;
	uint64_t seen;   /* bit i: fields[i] was there, and spans[i] is good */
	unsigned others; /* bit i: other_keys[i] was there; the last bit: unknown fields */
	struct span spans[FIELDS_MAX + 1];
};

#define SEEN_UNKNOWN (1u << OTHERS_MAX)

static int parse_message(struct crit_parser *p, const struct crit_message *message,
			 unsigned depth);

static size_t path_text(const struct crit_path *path, char *text, size_t size)
{
	size_t len = path->outer ? path_text(path->outer, text, size) : 0;
	int n;

	if (!path->name)
		n = snprintf(text + len, size - len, "[%llu]", (unsigned long long)path->index);
	else
		n = snprintf(text + len, size - len, "%s%s", len ? "." : "", path->name);
	return len + (size_t)n < size ? len + (size_t)n : size - 1;
}

int crit_parse_failed(struct crit_parser *p, int ret)
{
	char text[256];

	if (!p->path || ret != -EBADMSG)
		return ret;
	path_text(p->path, text, sizeof(text));
	crit_error_prefix(p->err, text);
	return ret;
}

int crit_parse_expected(struct crit_parser *p, const char *what)
{
	if (p->json->token < 0)
		return crit_parse_failed(p, p->json->token);
	return crit_parse_failed(p, crit_json_expected(p->json, what));
}

int crit_parse_reject(struct crit_parser *p, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	crit_json_error_here(p->json);
	return crit_parse_failed(p, crit_fail(p->err, CRIT_REJECTED, "%s", what));
}

int crit_parse_base64(struct crit_parser *p)
{
	if (!crit_base64_read(p->json->value, p->json->value_len, p->out))
		return crit_parse_expected(p, "base64");
	return 0;
}

/* The string behind the only key of an object {"$base64": "…"}. */
static int parse_raw_string(struct crit_parser *p)
{
	int ret;

	if (crit_json_next(p->json) != CRIT_JSON_STRING ||
	    p->json->value_len != strlen(CRIT_KEY_BASE64) ||
	    memcmp(p->json->value, CRIT_KEY_BASE64, p->json->value_len))
		return crit_parse_expected(p, "the key \"" CRIT_KEY_BASE64 "\"");
	if (crit_json_next(p->json) != ':')
		return crit_parse_expected(p, "':' behind a key");
	if (crit_json_next(p->json) != CRIT_JSON_STRING)
		return crit_parse_expected(p, "base64 in double quotes");
	ret = crit_parse_base64(p);
	if (ret < 0)
		return ret;
	return crit_json_next(p->json) == '}' ? 0 : crit_parse_expected(p, "'}'");
}

static int parse_string(struct crit_parser *p)
{
	if (p->json->token == '{')
		return parse_raw_string(p);
	if (p->json->token != CRIT_JSON_STRING)
		return crit_parse_expected(p, "a string");
	crit_buf_add(p->out, p->json->value, p->json->value_len);
	return 0;
}

static int parse_bytes(struct crit_parser *p, const struct crit_field *field)
{
	if (p->json->token != CRIT_JSON_STRING)
		return crit_parse_expected(p, field->unix_name ? "a quoted-printable string"
							       : "a string of base64");
	if (!field->unix_name)
		return crit_parse_base64(p);
	if (!crit_qp_read(p->json->value, p->json->value_len, p->out))
		return crit_parse_expected(p, "quoted-printable");
	return 0;
}

static struct crit_scalar scalar(const struct crit_parser *p)
{
	return (struct crit_scalar){
		.is_string = p->json->token == CRIT_JSON_STRING,
		.text = p->json->value,
		.len = p->json->value_len,
	};
}

static int parse_number(struct crit_parser *p, const struct crit_field *field)
{
	struct crit_scalar s = scalar(p);
	uint64_t wire;
	int ret;

	if (field->pb->type == PROTOBUF_C_TYPE_BOOL) {
		if (p->json->token != CRIT_JSON_TRUE && p->json->token != CRIT_JSON_FALSE)
			return crit_parse_expected(p, "true or false");
		crit_wire_put_number(p->out, field->pb, p->json->token == CRIT_JSON_TRUE);
		return 0;
	}
	if (p->json->token != CRIT_JSON_STRING && p->json->token != CRIT_JSON_NUMBER)
		return crit_parse_expected(p, field->pb->type == PROTOBUF_C_TYPE_ENUM
						      ? "a name of its enum"
						      : "an integer");
	ret = crit_value_read(field, &s, &wire, p->err);
	if (ret < 0) {
		crit_json_error_here(p->json);
		return crit_parse_failed(p, ret);
	}
	crit_wire_put_number(p->out, field->pb, wire);
	return 0;
}

static void note(struct crit_parser *p, enum crit_shape_kind kind,
		 const struct crit_field *field, uint64_t from, size_t wire)
{
	if (p->shape)
		crit_shape_add(p->shape, kind, field, from, p->json, wire, p->out);
}

static int parse_bytes_value(struct crit_parser *p, const struct crit_field *field,
			     unsigned depth, enum crit_shape_kind *kind)
{
	*kind = CRIT_SHAPE_FIXED;
	if (field->message) {
		*kind = CRIT_SHAPE_CLOSE;
		note(p, CRIT_SHAPE_OPEN, field, 0, p->out->len);
		return parse_message(p, field->message, depth + 1);
	}
	if (field->pb->type != PROTOBUF_C_TYPE_STRING)
		return parse_bytes(p, field);
	if (p->json->token == CRIT_JSON_STRING)
		*kind = CRIT_SHAPE_STRING;
	return parse_string(p);
}

/* The value whose first token is at hand, with its tag. */
static int parse_value(struct crit_parser *p, const struct crit_field *field, unsigned depth)
{
	enum crit_shape_kind kind = CRIT_SHAPE_NUMBER;
	uint64_t from = p->json->token_off;
	size_t wire = p->out->len, length;
	int ret;

	if (crit_wire_type_of(field->pb) != CRIT_WIRE_BYTES) {
		if (field->pb->type == PROTOBUF_C_TYPE_BOOL)
			kind = CRIT_SHAPE_FIXED;
		ret = parse_number(p, field);
	} else {
		crit_wire_put_tag(p->out, field->pb->id, CRIT_WIRE_BYTES);
		length = crit_wire_open_message(p->out);
		ret = parse_bytes_value(p, field, depth, &kind);
		if (ret == 0)
			crit_wire_close_message(p->out, length);
	}
	if (ret == 0)
		note(p, kind, field, from, wire);
	return ret;
}

static int parse_item(struct crit_parser *p, const struct crit_field *field, unsigned depth)
{
	uint32_t words[CRIT_IPV6_WORDS];
	struct crit_scalar s = scalar(p);
	size_t wire = p->out->len;
	unsigned i, n;

	if (!field->ipadd || p->json->token != CRIT_JSON_STRING)
		return parse_value(p, field, depth);
	n = crit_address_read(&s, &p->style, words);
	if (!n)
		return parse_value(p, field, depth);
	for (i = 0; i < n; i++)
		crit_wire_put_number(p->out, field->pb, words[i]);
	note(p, CRIT_SHAPE_FIXED, field, p->json->token_off, wire);
	return 0;
}

static int parse_list(struct crit_parser *p, const struct crit_field *field, unsigned depth)
{
	struct crit_path item = {.outer = p->path};
	int ret;

	if (p->json->token != '[')
		return crit_parse_expected(p, "a list");
	if (crit_json_next(p->json) == ']')
		return 0;
	for (;; item.index++) {
		p->path = &item;
		ret = p->json->token < 0 ? crit_parse_expected(p, "a value")
					 : parse_item(p, field, depth);
		p->path = item.outer;
		if (ret < 0)
			return ret;
		if (p->out->error)
			return p->out->error;
		if (crit_json_next(p->json) == ']')
			return 0;
		if (p->json->token != ',')
			return crit_parse_expected(p, "',' or ']'");
		crit_json_next(p->json);
	}
}

/* Unknown fields are stored as they are, so at least they must be fields. */
static int parse_unknown(struct crit_parser *p, const struct crit_message *message)
{
	size_t from = p->out->len;
	struct crit_wire_field f;
	struct crit_wire w;
	int ret;

	if (p->json->token != CRIT_JSON_STRING)
		return crit_parse_expected(p, "a string of base64");
	ret = crit_parse_base64(p);
	if (ret < 0 || p->out->error)
		return ret;
	w = crit_wire_open(message, crit_buf_at(p->out, from), p->out->len - from);
	while ((ret = crit_wire_next(&w, &f)) > 0)
		if (f.field)
			return crit_parse_reject(
				p, "holds the field \"%s\", which has a key of its own",
				f.field->pb->name);
	return ret < 0 ? crit_parse_reject(p, "these bytes are no protobuf fields") : 0;
}

static bool is_key(const struct crit_parser *p, const char *name, size_t len)
{
	return len == p->json->value_len && !memcmp(name, p->json->value, len);
}

/* Which of the keys that are no fields of an entry this is, -1: none. */
static int find_other(const struct crit_parser *p, unsigned depth)
{
	int i;

	for (i = 0; !depth && p->other_keys && p->other_keys[i]; i++)
		if (is_key(p, p->other_keys[i], strlen(p->other_keys[i])))
			return i;
	return -1;
}

/* The index of the field that the key at hand names, UNKNOWN, or OTHERS and on. */
static int find_key(struct crit_parser *p, const struct object *o, unsigned guess)
{
	const ProtobufCMessageDescriptor *pb = o->message->pb;
	size_t len = p->json->value_len;
	unsigned i, n;
	int other;

	if (p->json->token != CRIT_JSON_STRING)
		return crit_parse_expected(p, "a key in double quotes");
	for (n = 0, i = guess; n < pb->n_fields; n++, i++) {
		i = i < pb->n_fields ? i : 0;
		if (is_key(p, pb->fields[i].name, o->message->fields[i].name_len))
			return (int)i;
	}
	if (is_key(p, CRIT_KEY_UNKNOWN, strlen(CRIT_KEY_UNKNOWN)))
		return UNKNOWN;
	other = find_other(p, o->depth);
	if (other >= 0)
		return OTHERS + other;
	return crit_parse_reject(p, "unknown key \"%.*s\" (%s has no such field)",
				 (int)(len < 80 ? len : 80), p->json->value, pb->name);
}

/* The spans as the message wants them: in number order, unknown fields last. */
static void reorder(struct crit_parser *p, size_t start, const struct object *o)
{
	const uint8_t *data = p->out->data;
	struct crit_buf ordered = {0};
	const struct span *s;
	unsigned i;

	for (i = 0; i <= UNKNOWN; i++) {
		s = &o->spans[i];
		if (i == UNKNOWN ? o->others & SEEN_UNKNOWN : o->seen >> i & 1)
			crit_buf_add(&ordered, data + s->from, s->to - s->from);
	}
	if (ordered.error)
		p->out->error = ordered.error;
	else if (ordered.len)
		memcpy(p->out->data + start, ordered.data, ordered.len);
	p->out->len = start + ordered.len;
	crit_buf_fini(&ordered);
}

/*
 * A required field that is missing may stand there by its former name, which is another
 * field's now; make it the one that is meant.
 */
static bool take_former(struct crit_parser *p, struct object *o, unsigned missing)
{
	const struct crit_field *field = &o->message->fields[missing];
	const uint8_t *at, *end;
	uint64_t tag, value;
	unsigned i;

	for (i = 0; field->formerly && i < o->message->pb->n_fields; i++) {
		if (!(o->seen >> i & 1) ||
		    strcmp(o->message->pb->fields[i].name, field->formerly))
			continue;
		at = p->out->data + o->spans[i].from;
		end = p->out->data + o->spans[i].to;
		/* the tag, then the number */
		if (!crit_varint_get(&at, end, &tag) || !crit_varint_get(&at, end, &value) ||
		    value > UINT32_MAX)
			return false;
		o->seen &= ~(UINT64_C(1) << i);
		o->seen |= UINT64_C(1) << missing;
		o->spans[missing].from = p->out->len;
		crit_wire_put_varint(p->out, field->pb->id, value);
		o->spans[missing].to = p->out->len;
		return true;
	}
	return false;
}

static int check_required(struct crit_parser *p, const struct object *o)
{
	uint64_t missing = o->message->required & ~o->seen;

	if (!missing || (!o->depth && p->given))
		return 0;
	return crit_parse_reject(p, "required key \"%s\" is missing",
				 o->message->pb->fields[__builtin_ctzll(missing)].name);
}

/* Note that a key was met; false if it was met before. */
static bool note_key(struct object *o, int index)
{
	uint64_t field = index < UNKNOWN ? UINT64_C(1) << index : 0;
	unsigned other = index == UNKNOWN  ? SEEN_UNKNOWN
			 : index > UNKNOWN ? 1u << (index - OTHERS)
					   : 0;
	bool doubled = o->seen & field || o->others & other;

	o->seen |= field;
	o->others |= other;
	return !doubled;
}

/* A value that is a plain number, as most are, its first token is still to come. */
static bool take_number(struct crit_parser *p, const struct crit_field *field)
{
	uint64_t max = crit_value_plain_max(field), v;
	size_t wire = p->out->len;

	if (!max || field->pb->label == PROTOBUF_C_LABEL_REPEATED ||
	    !crit_json_take_number(p->json, max, &v))
		return false;
	crit_wire_put_number(p->out, field->pb, v);
	note(p, CRIT_SHAPE_NUMBER, field, p->json->token_off, wire);
	return true;
}

/* The value of a key, its first token is still to come. */
static int parse_member_value(struct crit_parser *p, struct object *o, int index)
{
	const struct crit_field *field = index < UNKNOWN ? &o->message->fields[index] : NULL;
	int ret;

	if (index >= UNKNOWN)
		crit_shape_spoil(p->shape);
	if (index >= OTHERS)
		return p->read_other(p, (unsigned)(index - OTHERS));
	if (crit_json_next(p->json) < 0)
		return crit_parse_expected(p, "a value");
	o->spans[index].from = p->out->len;
	if (!field)
		ret = parse_unknown(p, o->message);
	else if (field->pb->label == PROTOBUF_C_LABEL_REPEATED)
		ret = parse_list(p, field, o->depth);
	else
		ret = parse_value(p, field, o->depth);
	o->spans[index].to = p->out->len;
	return ret;
}

static const char *key_name(const struct crit_parser *p, const struct object *o, int index)
{
	return index < UNKNOWN    ? o->message->pb->fields[index].name
	       : index == UNKNOWN ? CRIT_KEY_UNKNOWN
				  : p->other_keys[index - OTHERS];
}

/* One of the fields that mostly come next, its key and colon are taken; -1: none. */
static int take_key(struct crit_parser *p, const struct object *o, unsigned guess)
{
	unsigned i;

	for (i = guess; i < guess + 3 && i < o->message->pb->n_fields; i++)
		if (crit_json_take_key(p->json, o->message->pb->fields[i].name,
				       o->message->fields[i].name_len))
			return (int)i;
	return -1;
}

/* Is the message given as raw bytes, and by fields as well? */
static bool is_mixed(const struct crit_parser *p, const struct object *o)
{
	return !o->depth && p->given && (o->seen || o->others & SEEN_UNKNOWN);
}

/* A member behind the last one, `last` as below; `index` is what take_key() found. */
static int parse_member(struct crit_parser *p, struct object *o, int last, int index)
{
	struct crit_path here = {.outer = p->path};
	bool taken = index >= 0;
	int ret;

	if (!taken)
		index = find_key(p, o, (unsigned)(last + 1));
	if (index < 0)
		return index;
	here.name = key_name(p, o, index);
	if (!note_key(o, index))
		return crit_parse_reject(p, "key \"%s\" stands here twice", here.name);
	if (is_mixed(p, o))
		return crit_parse_reject(p, "fields beside raw bytes");
	p->path = &here;
	if (!taken && crit_json_next(p->json) != ':')
		ret = crit_parse_expected(p, "':' behind a key");
	else
		ret = parse_member_value(p, o, index);
	p->path = here.outer;
	if (ret == 0 && index >= OTHERS && is_mixed(p, o))
		return crit_parse_reject(p, "raw bytes beside fields");
	return ret < 0 ? ret : index;
}

/* One of the fields that mostly come next, if it is a plain number: its index, or -1. */
static int take_member(struct crit_parser *p, struct object *o, int index)
{
	if (o->seen >> index & 1 || p->given)
		return -1;
	o->spans[index].from = p->out->len;
	if (!take_number(p, &o->message->fields[index]))
		return -1;
	o->spans[index].to = p->out->len;
	o->seen |= UINT64_C(1) << index;
	return index;
}

/* The members of an object whose '{' was read, up to its '}'. */
static int parse_members(struct crit_parser *p, struct object *o, bool *ordered)
{
	int last = -1, index, taken;

	for (;;) {
		taken = take_key(p, o, (unsigned)(last + 1));
		if (taken < 0 && crit_json_next(p->json) == '}' && last < 0 && !o->others)
			return 0;
		index = taken >= 0 ? take_member(p, o, taken) : -1;
		if (index < 0)
			index = parse_member(p, o, last, taken);
		if (index < 0)
			return index;
		if (p->out->error)
			return p->out->error;
		/* other keys write nothing here, so they may stand anywhere */
		if (index < OTHERS) {
			*ordered &= index > last;
			last = index;
		}
		if (crit_json_next(p->json) == '}')
			return 0;
		if (p->json->token != ',')
			return crit_parse_expected(p, "',' or '}'");
	}
}

static int parse_message(struct crit_parser *p, const struct crit_message *message,
			 unsigned depth)
{
	size_t start = p->out->len;
	bool ordered = true;
	uint64_t missing;
	struct object o;
	int ret;

	o.message = message; /* not all of it: spans are many */
	o.depth = depth;
	o.seen = 0;
	o.others = 0;
	if (p->json->token != '{')
		return crit_parse_expected(p, "an object");
	if (depth > CRIT_DEPTH_MAX)
		return crit_parse_reject(p, "messages nest too deep");
	ret = parse_members(p, &o, &ordered);
	if (ret < 0)
		return ret;
	missing = message->required & ~o.seen;
	if (missing && take_former(p, &o, (unsigned)__builtin_ctzll(missing)))
		ordered = false;
	if (!ordered) {
		reorder(p, start, &o);
		crit_shape_spoil(p->shape);
	}
	return check_required(p, &o);
}

int crit_parse_object(struct crit_parser *p, const struct crit_message *message)
{
	int ret;

	p->given = false;
	ret = parse_message(p, message, 0);
	if (ret == 0 && p->out->error)
		ret = p->out->error;
	/* what fails now, or later, has no place in the text */
	if (ret != -EBADMSG)
		crit_error_at(p->err, 0, 0);
	if (p->out->error == -ENOMEM)
		crit_fail(p->err, CRIT_NO_MEMORY, "no memory for the message");
	else if (p->out->error == -EFBIG)
		crit_fail(p->err, CRIT_TOO_BIG, "the message is too big");
	return ret;
}

int crit_parse(const struct crit_message *message, const char *text, size_t len,
	       const struct crit_style *style, struct crit_buf *out, struct crit_error *err)
{
	struct crit_parser p = {.style = *style, .out = out, .err = err};
	struct crit_json j;
	int ret;

	crit_json_init(&j, text, len, err);
	p.json = &j;
	crit_json_next(&j);
	ret = crit_parse_object(&p, message);
	if (ret == 0 && crit_json_next(&j) != CRIT_JSON_END)
		ret = crit_parse_expected(&p, "nothing behind the object");
	crit_json_fini(&j);
	return ret;
}
