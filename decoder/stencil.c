/*
 * Printing messages by the look of the one before.
 */
#include "decoder/stencil.h"

#include <stdlib.h>

#include "decoder/plain.h"
#include "decoder/text.h"
#include "decoder/wire-step.h"

#define STEPS_MAX 2048
#define TEXT_MAX  ((size_t)128 << 10) /* bytes around the values */
#define OPEN_MAX  8                   /* messages within one another */
#define DOUBT_MAX 6                   /* bits */
#define CHUNK     16                  /* bytes that text is copied by */

/* What lies before a value, its tag and how it is spelled. */
struct crit_stencil_step {
	enum crit_stencil_kind kind;
	uint8_t tag[2], tag_len;
	bool hex;              /* of a number: a message around it bears the mark */
	size_t text, text_len; /* in the stencil's text */
	const struct crit_field *field;
	uint64_t mask; /* of DECIMAL, HEX */
	/* of NUMBER: it was this one, and its text follows the other text */
	uint64_t wire;
	size_t value_len;
};

void crit_stencil_fini(struct crit_stencil *st)
{
	free(st->steps);
	crit_buf_fini(&st->text);
}

static bool same_key(const struct crit_stencil_key *a, const struct crit_stencil_key *b)
{
	return a->message == b->message && a->depth == b->depth && a->plain == b->plain &&
	       a->one_line == b->one_line;
}

bool crit_stencil_begin(struct crit_stencil *st, struct crit_stencil_key key,
			const struct crit_sink *to)
{
	bool lacks_text = st->good && !st->has_text && to->out;

	/* who sees others each time should not make one each time */
	if (!lacks_text && st->misses++ < 1u << st->doubt)
		return false;
	st->misses = 0;
	if (st->doubt < DOUBT_MAX)
		st->doubt++;
	st->key = key;
	st->good = false;
	st->making = true;
	st->has_text = to->out != NULL;
	st->n_steps = 0;
	st->n_open = 0;
	st->end = to->at;
	crit_buf_reset(&st->text);
	return true;
}

static struct crit_stencil_step *new_step(struct crit_stencil *st)
{
	if (st->n_steps == st->cap_steps) {
		size_t cap = st->cap_steps ? st->cap_steps * 2 : 16;
		struct crit_stencil_step *steps =
			cap > STEPS_MAX ? NULL : realloc(st->steps, cap * sizeof(*steps));

		if (!steps)
			return NULL;
		st->steps = steps;
		st->cap_steps = cap;
	}
	return &st->steps[st->n_steps++];
}

/* Tags of more than two bytes are not remembered. */
static bool set_tag(struct crit_stencil_step *step, const uint8_t *tag)
{
	step->tag_len = 0;
	if (!tag)
		return true;
	do
		step->tag[step->tag_len] = tag[step->tag_len];
	while (tag[step->tag_len++] >= 0x80 && step->tag_len < sizeof(step->tag));
	return tag[step->tag_len - 1] < 0x80;
}

void crit_stencil_add(struct crit_stencil *st, enum crit_stencil_kind kind,
		      const struct crit_field *field, const uint8_t *tag, size_t from,
		      const struct crit_sink *to)
{
	struct crit_stencil_step *step = st->making ? new_step(st) : NULL;

	st->making = step && set_tag(step, tag) && (to->data || !st->has_text);
	if (kind == CRIT_STENCIL_OPEN && st->n_open++ == OPEN_MAX)
		st->making = false;
	if (kind == CRIT_STENCIL_CLOSE)
		st->n_open--;
	if (!st->making)
		return;
	step->kind = kind;
	step->field = field;
	step->text = st->text.len;
	step->text_len = from - st->end;
	if (st->has_text)
		crit_buf_add(&st->text, to->data + st->end, step->text_len);
	st->making = st->text.len <= TEXT_MAX;
	st->end = to->at;
}

/* Numbers without a sign, as varints, are most. */
static enum crit_stencil_kind kind_of_number(const struct crit_stencil *st,
					     const struct crit_field *field, bool hex)
{
	enum crit_spelling spelling = crit_value_spelling(field, st->key.plain, hex);

	if (field->range.is_signed || crit_wire_type_of(field->pb) != CRIT_WIRE_VARINT)
		return CRIT_STENCIL_NUMBER;
	return spelling == CRIT_SPELL_DECIMAL ? CRIT_STENCIL_DECIMAL
	       : spelling == CRIT_SPELL_HEX   ? CRIT_STENCIL_HEX
					      : CRIT_STENCIL_NUMBER;
}

void crit_stencil_add_number(struct crit_stencil *st, const struct crit_wire_field *f, bool hex,
			     size_t from, const struct crit_sink *to)
{
	struct crit_stencil_step *step;

	crit_stencil_add(st, kind_of_number(st, f->field, hex), f->field, f->start, from, to);
	if (!st->making)
		return;
	step = &st->steps[st->n_steps - 1];
	step->hex = hex;
	step->mask = f->field->range.bits == 32 ? UINT32_MAX : UINT64_MAX;
	step->wire = f->value;
	step->value_len = to->at - from;
	if (st->has_text && step->kind == CRIT_STENCIL_NUMBER)
		crit_buf_add(&st->text, to->data + from, step->value_len);
}

void crit_stencil_end(struct crit_stencil *st, const struct crit_sink *to)
{
	if (st->making)
		crit_stencil_add(st, CRIT_STENCIL_END, NULL, NULL, to->at, to);
	if (st->making)
		crit_buf_fill(&st->text, ' ', CHUNK); /* what is copied with the last */
	st->good = st->making && !st->text.error;
	st->making = false;
}

/* A message that is being held against a stencil. */
struct holding {
	const struct crit_stencil *stencil;
	const uint8_t *at, *end;
	const uint8_t *ends[OPEN_MAX]; /* of the messages around this one */
	unsigned n_ends;
	struct crit_sink to;
};

/* Print text of the stencil's, with room for a number behind. */
static inline void put_text(struct holding *h, size_t from, size_t len)
{
	const uint8_t *text;
	uint8_t *to;
	size_t i;

	crit_sink_room(&h->to, len + CHUNK + CRIT_NUMBER_MAX);
	if (h->to.data) {
		to = h->to.data + h->to.at;
		text = h->stencil->text.data + from;
		for (i = 0; i < len; i += CHUNK)
			memcpy(to + i, text + i, CHUNK);
	}
	h->to.at += len;
}

static inline bool take_tag(struct holding *h, const struct crit_stencil_step *step)
{
	/* something has to follow */
	if (h->end - h->at <= step->tag_len || h->at[0] != step->tag[0] ||
	    (step->tag_len == 2 && h->at[1] != step->tag[1]))
		return false;
	h->at += step->tag_len;
	return true;
}

static bool take_len(struct holding *h, size_t *len)
{
	uint64_t v;

	if (!crit_varint_get(&h->at, h->end, &v) || v > (uint64_t)(h->end - h->at))
		return false;
	*len = v;
	return true;
}

static inline bool take_number(struct holding *h, const struct crit_stencil_step *step,
			       uint64_t *wire)
{
	if ((step->tag[0] & 7) == CRIT_WIRE_VARINT)
		return crit_varint_get(&h->at, h->end, wire);
	return crit_wire_packed_next(step->field->pb, &h->at, h->end, wire);
}

/* Names and flags are often the same. */
static bool put_number(struct holding *h, const struct crit_stencil_step *step)
{
	const struct crit_style style = {.plain = h->stencil->key.plain};
	uint64_t wire;

	if (!take_number(h, step, &wire))
		return false;
	if (wire == step->wire)
		put_text(h, step->text + step->text_len, step->value_len);
	else
		crit_value_put(&h->to, step->field, &style, wire, step->hex);
	return true;
}

/* A string is printed here if all its characters stand for themselves. */
static bool put_string(struct holding *h)
{
	const char *text;
	uint8_t *to;
	size_t len;
	bool high;

	if (!take_len(h, &len))
		return false;
	text = (const char *)h->at;
	h->at += len;
	if (crit_plain_run(text, text + len, &high) != text + len || high)
		return false;
	crit_sink_room(&h->to, len + 2);
	if (h->to.data) {
		to = h->to.data + h->to.at;
		*to++ = '"';
		memcpy(to, text, len);
		to[len] = '"';
	}
	h->to.at += len + 2;
	return true;
}

static bool put_base64(struct holding *h)
{
	size_t len;

	if (!take_len(h, &len))
		return false;
	crit_quote_base64_put(&h->to, h->at, len);
	h->at += len;
	return true;
}

static bool open_message(struct holding *h)
{
	size_t len;

	if (!take_len(h, &len))
		return false;
	h->ends[h->n_ends++] = h->end;
	h->end = h->at + len;
	return true;
}

static bool close_message(struct holding *h)
{
	if (h->at != h->end)
		return false;
	h->end = h->ends[--h->n_ends];
	return true;
}

/* Values that are not most. */
static bool put_value(struct holding *h, const struct crit_stencil_step *step)
{
	switch (step->kind) {
	case CRIT_STENCIL_STRING:
		return put_string(h);
	case CRIT_STENCIL_BASE64:
		return put_base64(h);
	case CRIT_STENCIL_OPEN:
		return open_message(h);
	default:
		return put_number(h, step);
	}
}

static bool put_steps(struct holding *h)
{
	const struct crit_stencil_step *step = h->stencil->steps;
	uint64_t v;

	for (;; step++) {
		put_text(h, step->text, step->text_len);
		if (step->kind >= CRIT_STENCIL_CLOSE) {
			if (step->kind == CRIT_STENCIL_END)
				return h->at == h->end;
			if (!close_message(h))
				return false;
			continue;
		}
		if (!take_tag(h, step))
			return false;
		if (step->kind > CRIT_STENCIL_HEX) {
			if (!put_value(h, step))
				return false;
			continue;
		}
		if (!crit_varint_get(&h->at, h->end, &v))
			return false;
		v &= step->mask;
		if (step->kind == CRIT_STENCIL_DECIMAL)
			h->to.at = crit_decimal_put(h->to.data, h->to.at, v);
		else
			h->to.at = crit_hex_number_put(h->to.data, h->to.at, false, v);
	}
}

bool crit_stencil_put(struct crit_stencil *st, struct crit_stencil_key key, const void *data,
		      size_t len, struct crit_sink *to)
{
	struct holding h;

	if (!st->good || !same_key(&st->key, &key) || (to->out && !st->has_text))
		return false;
	h.stencil = st;
	h.at = data;
	h.end = h.at + len;
	h.n_ends = 0;
	h.to = *to;
	if (!put_steps(&h)) {
		/* its buffer may be another one */
		h.to.at = to->at;
		*to = h.to;
		return false;
	}
	*to = h.to;
	st->misses = st->doubt = 0;
	return true;
}
