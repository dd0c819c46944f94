/*
 * Reading entries by the look of the one before.
 */
#include "decoder/shape.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/plain.h"
#include "decoder/value.h"
#include "decoder/wire.h"

#define TEXT_MAX  ((size_t)16 << 10) /* bytes of an entry that is remembered */
#define STEPS_MAX 1024
#define OPEN_MAX  8 /* messages within one another */

/* What lies before a value, and the value. */
struct crit_shape_step {
	enum crit_shape_kind kind;
	const struct crit_field *field;
	size_t from, value, to; /* offsets in the text: what is before it, the value, its end */
	size_t wire, wire_len;  /* in the look's wire bytes */
};

static void look_fini(struct crit_look *l)
{
	crit_buf_fini(&l->text);
	crit_buf_fini(&l->wire);
	free(l->steps);
}

void crit_shape_fini(struct crit_shape *s)
{
	look_fini(&s->looks[0]);
	look_fini(&s->looks[1]);
}

static struct crit_look *being_read(struct crit_shape *s)
{
	return &s->looks[!s->last];
}

void crit_shape_begin(struct crit_shape *s, const struct crit_json *j)
{
	struct crit_look *l = being_read(s);

	l->n_steps = 0;
	l->good = false;
	crit_buf_reset(&l->wire);
	s->reading = true;
	s->begin = crit_json_tell(j).off;
}

void crit_shape_spoil(struct crit_shape *s)
{
	if (s)
		s->reading = false;
}

static struct crit_shape_step *new_step(struct crit_look *l)
{
	if (l->n_steps == l->cap_steps) {
		size_t cap = l->cap_steps ? l->cap_steps * 2 : 16;
		struct crit_shape_step *steps =
			cap > STEPS_MAX ? NULL : realloc(l->steps, cap * sizeof(*steps));

		if (!steps)
			return NULL;
		l->steps = steps;
		l->cap_steps = cap;
	}
	return &l->steps[l->n_steps++];
}

void crit_shape_add(struct crit_shape *s, enum crit_shape_kind kind,
		    const struct crit_field *field, uint64_t from, const struct crit_json *j,
		    size_t wire, const struct crit_buf *out)
{
	uint64_t to = crit_json_tell(j).off;
	struct crit_shape_step *step;
	struct crit_look *l;

	if (!s || !s->reading)
		return;
	l = being_read(s);
	step = to - s->begin > TEXT_MAX ? NULL : new_step(l);
	if (!step) {
		s->reading = false;
		return;
	}
	step->kind = kind;
	step->field = field;
	step->from = l->n_steps > 1 ? step[-1].to : 0;
	step->to = (size_t)(to - s->begin);
	step->value = kind >= CRIT_SHAPE_OPEN ? step->to : (size_t)(from - s->begin);
	/* at once: a message that turns out to be long moves what is in it */
	step->wire = l->wire.len;
	step->wire_len = kind >= CRIT_SHAPE_OPEN ? 0 : out->len - wire;
	crit_buf_add(&l->wire, crit_buf_at(out, wire), step->wire_len);
}

/* Count the lines; only those behind the last value are where columns begin. */
static bool count_lines(struct crit_look *l)
{
	const char *text = (const char *)l->text.data, *p = text, *end = text + l->text.len,
		   *nl;
	size_t behind = l->n_steps ? l->steps[l->n_steps - 1].to : 0;

	l->lines = 0;
	l->last_line = 0;
	while ((nl = memchr(p, '\n', (size_t)(end - p)))) {
		p = nl + 1;
		l->lines++;
	}
	l->last_line = (size_t)(end - p);
	return !l->lines || (size_t)(p - text) > behind;
}

void crit_shape_end(struct crit_shape *s, const struct crit_json *j)
{
	uint64_t end = crit_json_tell(j).off;
	struct crit_look *l;

	if (!s || !s->reading)
		return;
	s->reading = false;
	/* it has to be in the window still */
	if (s->begin < j->text_off || end - s->begin > TEXT_MAX)
		return;
	l = being_read(s);
	crit_buf_reset(&l->text);
	crit_buf_add(&l->text, j->text + (s->begin - j->text_off), (size_t)(end - s->begin));
	l->good = !l->text.error && !l->wire.error && count_lines(l);
	if (l->good)
		s->last = !s->last;
}

/* A text that is being held against a look. */
struct taking {
	const struct crit_look *look;
	const char *at, *end;
	struct crit_buf *out;
	size_t open[OPEN_MAX]; /* where the bytes of messages begin that are open */
	unsigned n_open;
};

static bool take_bytes(struct taking *t, size_t from, size_t to)
{
	if ((size_t)(t->end - t->at) < to - from ||
	    memcmp(t->at, t->look->text.data + from, to - from))
		return false;
	t->at += to - from;
	return true;
}

/* The value of the last entry once more. */
static bool take_same(struct taking *t, const struct crit_shape_step *step)
{
	if (!take_bytes(t, step->value, step->to))
		return false;
	crit_buf_add(t->out, crit_buf_at(&t->look->wire, step->wire), step->wire_len);
	return true;
}

/* A string of which every character stands for itself: its length, with the quotes; 0. */
static size_t plain_string(const struct taking *t)
{
	const char *behind;
	bool high;

	if (t->at == t->end || *t->at != '"')
		return 0;
	behind = crit_plain_run(t->at + 1, t->end, &high);
	if (high || behind == t->end || *behind != '"')
		return 0;
	return (size_t)(behind + 1 - t->at);
}

static bool take_string(struct taking *t, const struct crit_shape_step *step)
{
	size_t len = plain_string(t);

	if (!len)
		return false;
	crit_wire_put_tag(t->out, step->field->pb->id, CRIT_WIRE_BYTES);
	crit_varint_put(t->out, len - 2);
	crit_buf_add(t->out, t->at + 1, len - 2);
	t->at += len;
	return true;
}

static bool take_number(struct taking *t, const struct crit_shape_step *step)
{
	const struct crit_field *field = step->field;
	uint64_t max = crit_value_plain_max(field), wire;
	struct crit_scalar s = {.is_string = true};
	const char *behind;

	behind = max ? crit_plain_number(t->at, t->end, max, &wire) : NULL;
	if (!behind) {
		if (take_same(t, step))
			return true;
		s.len = plain_string(t);
		if (!s.len)
			return false;
		behind = t->at + s.len;
		s.text = t->at + 1;
		s.len -= 2;
		if (crit_value_read(field, &s, &wire, NULL) < 0)
			return false;
	}
	crit_wire_put_number(t->out, field->pb, wire);
	t->at = behind;
	return true;
}

static bool take_step(struct taking *t, const struct crit_shape_step *step)
{
	if (!take_bytes(t, step->from, step->value))
		return false;
	switch (step->kind) {
	case CRIT_SHAPE_NUMBER:
		return take_number(t, step);
	case CRIT_SHAPE_STRING:
		return take_string(t, step);
	case CRIT_SHAPE_FIXED:
		return take_same(t, step);
	case CRIT_SHAPE_OPEN:
		if (t->n_open == OPEN_MAX)
			return false;
		crit_wire_put_tag(t->out, step->field->pb->id, CRIT_WIRE_BYTES);
		t->open[t->n_open++] = crit_wire_open_message(t->out);
		return true;
	case CRIT_SHAPE_CLOSE:
		crit_wire_close_message(t->out, t->open[--t->n_open]);
		return true;
	}
	return false;
}

bool crit_shape_take(const struct crit_shape *s, struct crit_json *j, struct crit_buf *out)
{
	const struct crit_look *l = &s->looks[s->last];
	struct taking t = {.look = l, .at = j->at, .end = j->end, .out = out};
	size_t before = out->len, behind = l->n_steps ? l->steps[l->n_steps - 1].to : 0, i;

	if (!l->good)
		return false;
	for (i = 0; i < l->n_steps; i++)
		if (!take_step(&t, &l->steps[i]))
			break;
	if (i < l->n_steps || !take_bytes(&t, behind, l->text.len) || out->error) {
		out->len = before;
		return false;
	}
	j->at = t.at;
	if (l->lines) {
		j->line += l->lines;
		j->line_off = crit_json_tell(j).off - l->last_line;
	}
	return true;
}
