/*
 * Most messages of an image look like the one before: the same fields in the same order,
 * and only some values are others. A stencil is what such messages have in common, their
 * tags and the text around their values; the next message is held against it and only its
 * values are printed. Nothing is taken on trust: a message that differs anywhere is printed
 * by walking through it. See shape.h for the way back.
 */
#ifndef CRIT_STENCIL_H
#define CRIT_STENCIL_H

#include <stdbool.h>

#include "decoder/value.h"
#include "decoder/wire.h"

enum crit_stencil_kind {
	CRIT_STENCIL_DECIMAL, /* a number without a sign, a varint */
	CRIT_STENCIL_HEX,     /* likewise */
	CRIT_STENCIL_NUMBER,  /* any other */
	CRIT_STENCIL_STRING,
	CRIT_STENCIL_BASE64,
	CRIT_STENCIL_OPEN,  /* a message begins, */
	CRIT_STENCIL_CLOSE, /* and ends */
	CRIT_STENCIL_END,   /* the message itself ends */
};

/* What messages have to have in common in any case. */
struct crit_stencil_key {
	const struct crit_message *message;
	unsigned depth;
	bool plain, one_line;
};

struct crit_stencil_step;

/* Begins as zeros. */
struct crit_stencil {
	struct crit_stencil_key key;
	struct crit_stencil_step *steps; /* owned */
	size_t n_steps, cap_steps;
	struct crit_buf text; /* owned: what stands before each value */
	bool good;
	bool has_text;   /* else only lengths can be told */
	unsigned misses; /* messages that looked otherwise, since one was like it */
	unsigned doubt;  /* 1 << doubt of them have to come before it is made anew */
	/* while it is made */
	bool making;
	unsigned n_open;
	size_t end; /* of the last value, in the sink */
};

void crit_stencil_fini(struct crit_stencil *st);

/*
 * Print a message if it looks like the last one. If not, nothing has happened; print it in
 * another way, between crit_stencil_begin() and crit_stencil_end().
 */
bool crit_stencil_put(struct crit_stencil *st, struct crit_stencil_key key, const void *data,
		      size_t len, struct crit_sink *to);

/* Shall the stencil be made anew, from the message that is about to be printed? */
bool crit_stencil_begin(struct crit_stencil *st, struct crit_stencil_key key,
			const struct crit_sink *to);

/*
 * A value was printed that begins at offset `from` of the sink and ends where that ends, of
 * a field whose tag is at `tag`. CRIT_STENCIL_OPEN comes before the message, CLOSE behind.
 */
void crit_stencil_add(struct crit_stencil *st, enum crit_stencil_kind kind,
		      const struct crit_field *field, const uint8_t *tag, size_t from,
		      const struct crit_sink *to);

/* The same for a number. */
void crit_stencil_add_number(struct crit_stencil *st, const struct crit_wire_field *f, bool hex,
			     size_t from, const struct crit_sink *to);

/* What is printed is nothing to go by. */
static inline void crit_stencil_spoil(struct crit_stencil *st)
{
	st->making = false;
}

/* The message was printed. */
void crit_stencil_end(struct crit_stencil *st, const struct crit_sink *to);

#endif
