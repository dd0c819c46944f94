/*
 * Wire bytes to JSON text. Fields are printed as they come, which is in number
 * order in everything CRIU writes; a message that is not in order, or holds a
 * singular field twice, is put in order first and printed again.
 */
#include "decoder/print.h"

#include <errno.h>

#include "decoder/text.h"
#include "decoder/wire.h"

struct printer {
	struct crit_buf *out;
	const struct crit_style *style;
	unsigned base; /* nesting of the outermost object */
};

/* State of one object while its fields come in. */
struct object {
	const struct crit_message *message;
	unsigned depth; /* of this message, 0 is the outermost */
	bool hex;       /* the mark is inherited */
	bool empty;     /* nothing printed yet */
	bool list;      /* a list of fields[index] is open */
	bool list_empty;
	int index; /* of the last field */
	uint64_t seen;
	bool unknown;
	uint32_t words[CRIT_IPV6_WORDS]; /* of an address list, held back */
	unsigned n_words;
};

static int print_message(struct printer *p, const struct crit_message *message,
			 const void *data, size_t len, unsigned depth, bool hex);

/* Room for a line break at `level`, and eight bytes more, see put_break(). */
static size_t break_room(const struct printer *p, unsigned level)
{
	return 1 + (size_t)CRIT_PRINT_INDENT * (p->base + level) + 8;
}

/* A line break and its indent, nothing where all is one line; returns its end. */
static uint8_t *put_break(const struct printer *p, uint8_t *at, unsigned level)
{
	size_t indent = (size_t)CRIT_PRINT_INDENT * (p->base + level), i;

	if (p->style->one_line)
		return at;
	*at++ = '\n';
	/* eight at a time, the last ones are written over */
	for (i = 0; i < indent; i += 8)
		memcpy(at + i, "        ", 8);
	return at + indent;
}

static void newline(struct printer *p, unsigned level)
{
	uint8_t *at = crit_buf_room(p->out, break_room(p, level));

	if (at)
		p->out->len = (size_t)(put_break(p, at, level) - p->out->data);
}

/* The bracket before the first value, or the comma behind the last, and a new line. */
static uint8_t *put_separator(const struct printer *p, uint8_t *at, bool first, char bracket,
			      unsigned level)
{
	*at++ = (uint8_t)(first ? bracket : ',');
	if (first || !p->style->one_line)
		return put_break(p, at, level);
	*at++ = ' ';
	return at;
}

static void print_key(struct printer *p, struct object *o, const char *name, size_t len)
{
	uint8_t *at = crit_buf_room(p->out, 2 + break_room(p, o->depth + 1) + len + 4);

	if (!at)
		return;
	at = put_separator(p, at, o->empty, '{', o->depth + 1);
	o->empty = false;
	*at++ = '"';
	memcpy(at, name, len);
	memcpy(at + len, "\": ", 3);
	p->out->len = (size_t)(at + len + 3 - p->out->data);
}

static void print_string(struct printer *p, const void *data, size_t len, unsigned level)
{
	if (crit_utf8_valid(data, len) == len) {
		crit_quote(p->out, data, len);
		return;
	}
	crit_buf_byte(p->out, '{');
	newline(p, level + 1);
	crit_buf_str(p->out, "\"" CRIT_KEY_BASE64 "\": ");
	crit_quote_base64(p->out, data, len);
	newline(p, level);
	crit_buf_byte(p->out, '}');
}

static void print_bytes(struct printer *p, const struct crit_field *field, const void *data,
			size_t len)
{
	struct crit_buf qp = {0};

	if (!field->unix_name) {
		crit_quote_base64(p->out, data, len);
		return;
	}
	crit_qp_write(&qp, data, len);
	crit_quote(p->out, qp.data, qp.len);
	if (qp.error)
		p->out->error = qp.error;
	crit_buf_fini(&qp);
}

/* One value; `level` is how deep the line is on which it stands. */
static int print_value(struct printer *p, struct object *o, const struct crit_field *field,
		       const struct crit_wire_field *f, unsigned level)
{
	switch (field->pb->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		return print_message(p, field->message, f->data, f->len, level,
				     o->hex || field->hex);
	case PROTOBUF_C_TYPE_STRING:
		print_string(p, f->data, f->len, level);
		return 0;
	case PROTOBUF_C_TYPE_BYTES:
		print_bytes(p, field, f->data, f->len);
		return 0;
	default:
		crit_value_print(p->out, field, p->style, f->value, o->hex);
		return 0;
	}
}

static void list_item(struct printer *p, struct object *o)
{
	uint8_t *at = crit_buf_room(p->out, 2 + break_room(p, o->depth + 2));

	if (at)
		p->out->len = (size_t)(put_separator(p, at, o->list_empty, '[', o->depth + 2) -
				       p->out->data);
	o->list_empty = false;
}

/* Print the words that were held back because they may make an address. */
static void flush_words(struct printer *p, struct object *o, bool last)
{
	const struct crit_field *field = &o->message->fields[o->index];
	unsigned i;

	if (last && o->list_empty &&
	    (o->n_words == CRIT_IPV4_WORDS || o->n_words == CRIT_IPV6_WORDS)) {
		list_item(p, o);
		crit_address_print(p->out, o->words, o->n_words, p->style);
	} else {
		for (i = 0; i < o->n_words; i++) {
			list_item(p, o);
			crit_value_print(p->out, field, p->style, o->words[i], o->hex);
		}
	}
	o->n_words = 0;
}

static void print_word(struct printer *p, struct object *o, uint64_t value)
{
	if (o->n_words == CRIT_IPV6_WORDS)
		flush_words(p, o, false);
	o->words[o->n_words++] = (uint32_t)value;
}

static void close_list(struct printer *p, struct object *o)
{
	if (!o->list)
		return;
	if (o->n_words)
		flush_words(p, o, true);
	if (o->list_empty) {
		crit_buf_add(p->out, "[]", 2); /* a packed list of nothing */
	} else {
		newline(p, o->depth + 1);
		crit_buf_byte(p->out, ']');
	}
	o->list = false;
}

static int print_item(struct printer *p, struct object *o, const struct crit_field *field,
		      const struct crit_wire_field *f)
{
	bool address = field->ipadd && !p->style->plain;
	const uint8_t *at = f->data, *end = f->data + f->len;
	struct crit_wire_field one = *f;

	if (f->wire_type == crit_wire_type_of(field->pb)) {
		if (address) {
			print_word(p, o, f->value);
			return 0;
		}
		list_item(p, o);
		return print_value(p, o, field, f, o->depth + 2);
	}
	while (at < end && crit_wire_packed_next(field->pb, &at, end, &one.value)) {
		if (address) {
			print_word(p, o, one.value);
			continue;
		}
		list_item(p, o);
		crit_value_print(p->out, field, p->style, one.value, o->hex);
	}
	return 0;
}

static int print_field(struct printer *p, struct object *o, const struct crit_wire_field *f)
{
	const struct crit_field *field = f->field;

	if ((int)f->index != o->index) {
		close_list(p, o);
		print_key(p, o, field->pb->name, field->name_len);
		o->index = (int)f->index;
		o->seen |= UINT64_C(1) << f->index;
		o->list = field->pb->label == PROTOBUF_C_LABEL_REPEATED;
		o->list_empty = true;
	}
	if (o->list)
		return print_item(p, o, field, f);
	return print_value(p, o, field, f, o->depth + 1);
}

static void print_unknown(struct printer *p, struct object *o, const void *data, size_t len)
{
	struct crit_wire w = crit_wire_open(o->message, data, len);
	struct crit_buf unknown = {0};
	struct crit_wire_field f;

	while (crit_wire_next(&w, &f) > 0)
		if (!f.field)
			crit_buf_add(&unknown, f.start, (size_t)(w.at - f.start));
	print_key(p, o, CRIT_KEY_UNKNOWN, strlen(CRIT_KEY_UNKNOWN));
	crit_quote_base64(p->out, unknown.data, unknown.len);
	if (unknown.error)
		p->out->error = unknown.error;
	crit_buf_fini(&unknown);
}

/* Does this field stand where number order wants it, and for the first time? */
static bool in_order(const struct object *o, const struct crit_wire_field *f)
{
	if ((int)f->index > o->index)
		return true;
	return (int)f->index == o->index && f->field->pb->label == PROTOBUF_C_LABEL_REPEATED;
}

/* Does a singular field that was just met come again further on? */
static bool comes_again(struct crit_wire w, const struct crit_wire_field *f)
{
	struct crit_wire_field next;

	if (!f->field->message || f->field->pb->label == PROTOBUF_C_LABEL_REPEATED)
		return false;
	while (crit_wire_next(&w, &next) > 0)
		if (next.field == f->field)
			return true;
	return false;
}

static int print_reordered(struct printer *p, struct object *o, const void *data, size_t len,
			   size_t start)
{
	struct crit_buf ordered = {0};
	int ret;

	p->out->len = start;
	ret = crit_wire_canonical(o->message, data, len, &ordered);
	if (ret == 0)
		ret = print_message(p, o->message, ordered.data, ordered.len, o->depth, o->hex);
	crit_buf_fini(&ordered);
	return ret;
}

static int print_message(struct printer *p, const struct crit_message *message,
			 const void *data, size_t len, unsigned depth, bool hex)
{
	struct object o = {
		.message = message, .depth = depth, .hex = hex, .empty = true, .index = -1};
	struct crit_wire w = crit_wire_open(message, data, len);
	size_t start = p->out->len;
	struct crit_wire_field f;
	int ret;

	/* a list adds a level of text, so this is twice the depth of messages */
	if (depth > 2 * CRIT_DEPTH_MAX)
		return -EBADMSG;
	while ((ret = crit_wire_next(&w, &f)) > 0) {
		if (!f.field) {
			o.unknown = true;
			continue;
		}
		if (!in_order(&o, &f))
			return print_reordered(p, &o, data, len, start);
		ret = print_field(p, &o, &f);
		/* half a message is no message, but its other half may follow */
		if (ret == -EBADMSG && comes_again(w, &f))
			return print_reordered(p, &o, data, len, start);
		if (ret < 0)
			return ret;
		if (p->out->error)
			return p->out->error;
	}
	if (ret < 0)
		return ret;
	if ((o.seen & message->required) != message->required)
		return -EBADMSG;
	close_list(p, &o);
	if (o.unknown)
		print_unknown(p, &o, data, len);
	if (o.empty) {
		crit_buf_add(p->out, "{}", 2);
	} else {
		newline(p, depth);
		crit_buf_byte(p->out, '}');
	}
	return p->out->error;
}

int crit_print(const struct crit_message *message, const void *data, size_t len,
	       const struct crit_style *style, unsigned depth, struct crit_buf *out)
{
	struct printer p = {.out = out, .style = style, .base = depth};

	return print_message(&p, message, data, len, 0, false);
}
