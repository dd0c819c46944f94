/*
 * Wire bytes to JSON text. Fields are printed as they come, which is in number
 * order in everything CRIU writes; a message that is not in order, or holds a
 * singular field twice, is put in order first and printed again.
 */
#include "decoder/print.h"

#include <errno.h>

#include "decoder/text.h"
#include "decoder/wire-step.h"

struct printer {
	struct crit_sink to;
	struct crit_stencil *stencil; /* is being made, or NULL */
	const struct crit_style *style;
	unsigned base;   /* nesting of the outermost object */
	unsigned indent; /* spaces a level; 0: all is one line */
	int error;       /* -errno that is none of the sink's; the text is not whole */
	/* of the list that is open, if it may make an address: values held back */
	uint32_t words[CRIT_IPV6_WORDS];
	unsigned n_words;
};

/* Where a line begins, in spaces. */
struct margin {
	size_t indent; /* that comes with a label, up to CRIT_LABEL_INDENT */
	size_t deep;   /* beyond it */
};

/* State of one object while its fields come in. */
struct object {
	const struct crit_message *message;
	unsigned depth; /* of this message, 0 is the outermost */
	bool hex;       /* the mark is inherited */
	bool empty;     /* nothing printed yet */
	bool list;      /* a list of fields[index] is open */
	bool list_empty;
	bool unknown;
	int index; /* of the last field */
	uint64_t seen;
	struct margin margin; /* of its keys */
};

static int print_message(struct printer *p, const struct crit_message *message,
			 const void *data, size_t len, unsigned depth, bool hex);

/* Labels are copied by so many bytes. */
#define CHUNK 16

/* No label, to copy an indent only. */
static const char blank[CRIT_LABEL_SIZE] = CRIT_LABEL_SPACES;

/* Spaces, by chunks; where they end. */
static inline uint8_t *put_spaces(uint8_t *at, size_t len)
{
	size_t i;

	for (i = 0; i < len; i += CHUNK)
		memcpy(at + i, blank, CHUNK);
	return at + len;
}

static inline struct margin margin_at(const struct printer *p, unsigned level)
{
	size_t indent = (size_t)p->indent * (p->base + level);

	if (indent <= CRIT_LABEL_INDENT)
		return (struct margin){indent, 0};
	return (struct margin){CRIT_LABEL_INDENT, indent - CRIT_LABEL_INDENT};
}

/*
 * What comes before a value: a bracket before the first one, else a comma, a new line, and
 * the `len` bytes that stand behind the spaces of `label`. There is room for a number then.
 */
static inline void put_begin(struct printer *p, bool first, char bracket, struct margin margin,
			     const char label[CRIT_LABEL_SIZE], size_t len)
{
	struct crit_sink *to = &p->to;
	size_t i, begin = first && !p->indent ? 1 : 2;
	uint8_t *at;

	crit_sink_room(to, 2 + margin.deep + CRIT_LABEL_SIZE + CRIT_NUMBER_MAX);
	label += CRIT_LABEL_INDENT - margin.indent;
	len += margin.indent;
	if (to->data) {
		at = to->data + to->at;
		at[0] = (uint8_t)(first ? bracket : ',');
		at[1] = p->indent ? '\n' : ' ';
		at += begin;
		at = put_spaces(at, margin.deep);
		for (i = 0; i < len; i += CHUNK)
			memcpy(at + i, label + i, CHUNK);
	}
	to->at += begin + margin.deep + len;
}

/* What comes behind the last value: a new line, and the bracket. */
static void put_end(struct printer *p, char bracket, unsigned level)
{
	size_t indent = (size_t)p->indent * (p->base + level), begin = p->indent ? 1 : 0;
	struct crit_sink *to = &p->to;
	uint8_t *at;

	crit_sink_room(to, begin + indent + CHUNK);
	if (to->data) {
		at = to->data + to->at;
		at[0] = '\n';
		at = put_spaces(at + begin, indent);
		*at = (uint8_t)bracket;
	}
	to->at += begin + indent + 1;
}

static inline void print_key(struct printer *p, struct object *o,
			     const char label[CRIT_LABEL_SIZE], size_t len)
{
	put_begin(p, o->empty, '{', o->margin, label, len);
	o->empty = false;
}

/* What comes before an item of the open list. */
static inline void print_comma(struct printer *p, struct object *o)
{
	put_begin(p, o->list_empty, '[', margin_at(p, o->depth + 2), blank, 0);
	o->list_empty = false;
}

static void print_string(struct printer *p, const void *data, size_t len, unsigned level)
{
	static const char label[CRIT_LABEL_SIZE] = CRIT_LABEL_SPACES "\"" CRIT_KEY_BASE64
								     "\": ";

	if (crit_utf8_valid(data, len) == len) {
		crit_quote_put(&p->to, data, len);
		return;
	}
	put_begin(p, true, '{', margin_at(p, level + 1), label,
		  strlen(label) - CRIT_LABEL_INDENT);
	crit_quote_base64_put(&p->to, data, len);
	put_end(p, '}', level);
}

static void print_unix_name(struct printer *p, const void *data, size_t len)
{
	struct crit_buf qp = {0};

	crit_qp_write(&qp, data, len);
	crit_quote_put(&p->to, qp.data, qp.len);
	if (qp.error)
		p->error = qp.error;
	crit_buf_fini(&qp);
}

/* What was printed from `from` on, for the next messages. */
static inline void note(struct printer *p, enum crit_stencil_kind kind,
			const struct crit_wire_field *f, size_t from)
{
	if (p->stencil)
		crit_stencil_add(p->stencil, kind, f->field, f->start, from, &p->to);
}

static void spoil(struct printer *p)
{
	if (p->stencil)
		crit_stencil_spoil(p->stencil);
}

/* A value that is no number; `level` is how deep the line is on which it stands. */
static int print_bytes(struct printer *p, struct object *o, const struct crit_wire_field *f,
		       unsigned level)
{
	const struct crit_field *field = f->field;
	size_t from = p->to.at;
	int ret;

	switch (field->spelling) {
	case CRIT_SPELL_MESSAGE:
		note(p, CRIT_STENCIL_OPEN, f, from);
		ret = print_message(p, field->message, f->data, f->len, level,
				    o->hex || field->hex);
		if (p->stencil)
			crit_stencil_add(p->stencil, CRIT_STENCIL_CLOSE, field, NULL, p->to.at,
					 &p->to);
		return ret;
	case CRIT_SPELL_STRING:
		print_string(p, f->data, f->len, level);
		note(p, CRIT_STENCIL_STRING, f, from);
		return 0;
	case CRIT_SPELL_BYTES:
		crit_quote_base64_put(&p->to, f->data, f->len);
		note(p, CRIT_STENCIL_BASE64, f, from);
		return 0;
	default:
		print_unix_name(p, f->data, f->len);
		spoil(p);
		return 0;
	}
}

static inline void print_number(struct printer *p, const struct object *o,
				const struct crit_wire_field *f)
{
	size_t from = p->to.at;

	crit_value_put(&p->to, f->field, p->style, f->value, o->hex);
	if (p->stencil)
		crit_stencil_add_number(p->stencil, f, o->hex, from, &p->to);
}

static void print_item(struct printer *p, struct object *o, const struct crit_field *field,
		       uint64_t value)
{
	print_comma(p, o);
	crit_value_put(&p->to, field, p->style, value, o->hex);
}

/* Print the words that were held back because they may make an address. */
static void flush_words(struct printer *p, struct object *o, bool last)
{
	const struct crit_field *field = &o->message->fields[o->index];
	unsigned i;

	if (last && o->list_empty &&
	    (p->n_words == CRIT_IPV4_WORDS || p->n_words == CRIT_IPV6_WORDS)) {
		print_comma(p, o);
		crit_address_put(&p->to, p->words, p->n_words, p->style);
	} else {
		for (i = 0; i < p->n_words; i++)
			print_item(p, o, field, p->words[i]);
	}
	p->n_words = 0;
}

/* May a list of this field make an address? */
static bool is_address(const struct printer *p, const struct crit_field *field)
{
	return field->ipadd && !p->style->plain;
}

/* A word of such a list. */
static void hold_back(struct printer *p, struct object *o, uint64_t value)
{
	if (p->n_words == CRIT_IPV6_WORDS)
		flush_words(p, o, false);
	p->words[p->n_words++] = (uint32_t)value;
}

static void add_packed(struct printer *p, struct object *o, const struct crit_wire_field *f)
{
	const uint8_t *at = f->data, *end = f->data + f->len;
	uint64_t value;

	while (at < end && crit_wire_packed_next(f->field->pb, &at, end, &value)) {
		if (is_address(p, f->field))
			hold_back(p, o, value);
		else
			print_item(p, o, f->field, value);
	}
}

static inline int print_in_list(struct printer *p, struct object *o,
				const struct crit_wire_field *f)
{
	if (f->field->spelling >= CRIT_SPELL_STRING) {
		print_comma(p, o);
		return print_bytes(p, o, f, o->depth + 2);
	}
	if (f->wire_type == CRIT_WIRE_BYTES) {
		spoil(p);
		add_packed(p, o, f);
	} else if (is_address(p, f->field)) {
		spoil(p);
		hold_back(p, o, f->value);
	} else {
		print_comma(p, o);
		print_number(p, o, f);
	}
	return 0;
}

static void close_list(struct printer *p, struct object *o)
{
	o->list = false;
	if (p->n_words)
		flush_words(p, o, true);
	put_end(p, ']', o->depth + 1);
}

/* A packed list with nothing in it says as much as none. */
static inline bool is_nothing(const struct crit_wire_field *f)
{
	return f->wire_type == CRIT_WIRE_BYTES && !f->len &&
	       f->field->spelling < CRIT_SPELL_STRING;
}

/* A field that was met the first time. 0, -EBADMSG, … */
static inline int print_field(struct printer *p, struct object *o,
			      const struct crit_wire_field *f)
{
	const struct crit_field *field = f->field;

	o->index = (int)f->index;
	o->seen |= UINT64_C(1) << f->index;
	print_key(p, o, field->label, field->name_len + CRIT_LABEL_MORE);
	if (field->pb->label == PROTOBUF_C_LABEL_REPEATED) {
		o->list = o->list_empty = true;
		return print_in_list(p, o, f);
	}
	if (field->spelling >= CRIT_SPELL_STRING)
		return print_bytes(p, o, f, o->depth + 1);
	print_number(p, o, f);
	return 0;
}

static void print_unknown(struct printer *p, struct object *o, const void *data, size_t len)
{
	static const char label[CRIT_LABEL_SIZE] = CRIT_LABEL_SPACES "\"" CRIT_KEY_UNKNOWN
								     "\": ";
	struct crit_wire w = crit_wire_open(o->message, data, len);
	struct crit_buf unknown = {0};
	struct crit_wire_field f;

	while (crit_wire_next(&w, &f) > 0)
		if (!f.field)
			crit_buf_add(&unknown, f.start, (size_t)(w.at - f.start));
	print_key(p, o, label, strlen(label) - CRIT_LABEL_INDENT);
	crit_quote_base64_put(&p->to, unknown.data, unknown.len);
	if (unknown.error)
		p->error = unknown.error;
	crit_buf_fini(&unknown);
	spoil(p);
}

/* print_message() has found that something in the message is not in order. */
#define DISORDER 1

/* Again from `start` on, put in order as a whole: once, whatever the depth. */
static int print_reordered(struct printer *p, const struct crit_message *message,
			   const void *data, size_t len, size_t start)
{
	struct crit_buf ordered = {0};
	int ret;

	spoil(p);
	p->to.at = start;
	p->n_words = 0;
	ret = crit_wire_canonical(message, data, len, &ordered);
	if (ret == 0)
		ret = print_message(p, message, ordered.data, ordered.len, 0, false);
	crit_buf_fini(&ordered);
	return ret;
}

/* What comes behind the last field. */
static int finish(struct printer *p, struct object *o, const void *data, size_t len)
{
	if ((o->seen & o->message->required) != o->message->required)
		return -EBADMSG;
	if (o->list)
		close_list(p, o);
	if (o->unknown)
		print_unknown(p, o, data, len);
	if (o->empty)
		crit_sink_str(&p->to, "{}");
	else
		put_end(p, '}', o->depth);
	return p->error;
}

static int print_message(struct printer *p, const struct crit_message *message,
			 const void *data, size_t len, unsigned depth, bool hex)
{
	struct object o = {.message = message,
			   .depth = depth,
			   .hex = hex,
			   .empty = true,
			   .index = -1,
			   .margin = margin_at(p, depth + 1)};
	struct crit_wire w = crit_wire_open(message, data, len);
	struct crit_wire_field f;
	int ret;

	/* a list adds a level of text, so this is twice the depth of messages */
	if (depth > 2 * CRIT_DEPTH_MAX)
		return -EBADMSG;
	while ((ret = crit_wire_step(&w, &f, true)) > 0) {
		if (!f.field) {
			o.unknown = true;
			continue;
		}
		if (is_nothing(&f))
			continue;
		if (o.list && (int)f.index == o.index) {
			ret = print_in_list(p, &o, &f);
		} else {
			if (o.list)
				close_list(p, &o);
			if ((int)f.index <= o.index)
				return DISORDER;
			ret = print_field(p, &o, &f);
			/* half a message is no message, but its other half may follow */
			if (ret == -EBADMSG && crit_wire_comes_again(w, &f))
				return DISORDER;
		}
		if (ret)
			return ret;
	}
	return ret < 0 ? ret : finish(p, &o, data, len);
}

/* Print by walking through the message. */
static __attribute__((noinline)) int walk(struct crit_stencil_key key, const void *data,
					  size_t len, const struct crit_style *style,
					  struct crit_stencil *stencil, struct crit_sink *to)
{
	bool make = stencil && crit_stencil_begin(stencil, key, to);
	struct printer p = {.to = *to,
			    .stencil = make ? stencil : NULL,
			    .style = style,
			    .base = key.depth,
			    .indent = style->one_line ? 0 : CRIT_PRINT_INDENT};
	int ret = print_message(&p, key.message, data, len, 0, false);

	if (ret == DISORDER)
		ret = print_reordered(&p, key.message, data, len, to->at);
	*to = p.to;
	if (make && ret == 0)
		crit_stencil_end(stencil, to);
	return ret;
}

static inline int print(const struct crit_message *message, const void *data, size_t len,
			const struct crit_style *style, unsigned depth,
			struct crit_stencil *stencil, struct crit_sink *to)
{
	struct crit_stencil_key key = {message, depth, style->plain, style->one_line};

	if (stencil && crit_stencil_put(stencil, key, data, len, to))
		return 0;
	return walk(key, data, len, style, stencil, to);
}

int crit_print_next(const struct crit_message *message, const void *data, size_t len,
		    const struct crit_style *style, unsigned depth,
		    struct crit_stencil *stencil, struct crit_buf *out)
{
	struct crit_sink to = crit_sink_of(out);
	int ret = print(message, data, len, style, depth, stencil, &to);
	int error = crit_sink_close(&to);

	return ret < 0 ? ret : error;
}

int crit_print(const struct crit_message *message, const void *data, size_t len,
	       const struct crit_style *style, unsigned depth, struct crit_buf *out)
{
	return crit_print_next(message, data, len, style, depth, NULL, out);
}

int crit_print_size(const struct crit_message *message, const void *data, size_t len,
		    const struct crit_style *style, unsigned depth,
		    struct crit_stencil *stencil, uint64_t *size)
{
	struct crit_sink to = crit_sink_counting();
	int ret = print(message, data, len, style, depth, stencil, &to);

	*size = to.at;
	return ret;
}
