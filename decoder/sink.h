/*
 * Where text goes that is made piece by piece: to the end of a buffer, or nowhere, where
 * only its length is wanted. Who makes text says once what it is; the length can't be
 * another.
 */
#ifndef CRIT_SINK_H
#define CRIT_SINK_H

#include "decoder/buf.h"
#include "decoder/number.h"

struct crit_sink {
	uint8_t *data; /* of the buffer; once room was made, NULL: nothing is written */
	size_t at;     /* where the text ends, bytes */
	size_t cap;    /* writing ends here at the latest */
	/* borrowed, told of the text at crit_sink_close() only; NULL: it is counted only */
	struct crit_buf *out;
};

static inline struct crit_sink crit_sink_of(struct crit_buf *out)
{
	/* one that failed has no room, and must not be asked for what lies behind its text */
	return (struct crit_sink){out->data, out->len, out->error ? out->len : out->cap, out};
}

/* One that counts, from 0 on. */
static inline struct crit_sink crit_sink_counting(void)
{
	return (struct crit_sink){.cap = SIZE_MAX};
}

/* The buffer has all the text, or an error and what it had. Returns the error, or 0. */
static inline int crit_sink_close(const struct crit_sink *s)
{
	if (!s->out->error)
		s->out->len = s->at;
	return s->out->error;
}

/* Make room in the buffer. Where there is none, the text is counted from then on. */
void crit_sink_grow(struct crit_sink *s, size_t n);

/* What follows may be written over `n` bytes from data + at on, if data is not NULL. */
static inline void crit_sink_room(struct crit_sink *s, size_t n)
{
	if (n > s->cap - s->at)
		crit_sink_grow(s, n);
}

static inline void crit_sink_add(struct crit_sink *s, const void *bytes, size_t n)
{
	crit_sink_room(s, n);
	if (s->data && n)
		memcpy(s->data + s->at, bytes, n);
	s->at += n;
}

static inline void crit_sink_byte(struct crit_sink *s, char c)
{
	crit_sink_room(s, 1);
	if (s->data)
		s->data[s->at] = (uint8_t)c;
	s->at++;
}

static inline void crit_sink_str(struct crit_sink *s, const char *text)
{
	crit_sink_add(s, text, strlen(text));
}

static inline void crit_sink_decimal(struct crit_sink *s, uint64_t v)
{
	crit_sink_room(s, CRIT_NUMBER_MAX);
	s->at = crit_decimal_put(s->data, s->at, v);
}

/* Digits without a prefix. */
static inline void crit_sink_hex(struct crit_sink *s, uint64_t v)
{
	crit_sink_room(s, CRIT_NUMBER_MAX);
	s->at = crit_hex_put(s->data, s->at, v);
}

/* JSON's number. */
static inline void crit_sink_number(struct crit_sink *s, struct crit_range r, uint64_t v)
{
	crit_sink_room(s, CRIT_NUMBER_MAX);
	s->at = crit_number_put(s->data, s->at, r, v);
}

#endif
