/*
 * Most entries of a document look like the one before: the same keys in the same order
 * and layout, and only some values are others. A shape is the text of an entry and where
 * its values stand; the next entry is held against it, and only where it differs is it
 * scanned token by token. Nothing is taken on trust: what lies between the values has to
 * be the same bytes, which were read before.
 */
#ifndef CRIT_SHAPE_H
#define CRIT_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/buf.h"
#include "decoder/json.h"
#include "proto/schema.h"

enum crit_shape_kind {
	CRIT_SHAPE_NUMBER, /* a number, a name, flags: any scalar that is read by itself */
	CRIT_SHAPE_STRING, /* a string of a string field */
	CRIT_SHAPE_FIXED,  /* a value that has to be the same */
	CRIT_SHAPE_OPEN,   /* a message begins behind its bracket, */
	CRIT_SHAPE_CLOSE,  /* and ends behind it */
};

struct crit_shape_step;

/* An entry that was read. */
struct crit_look {
	struct crit_buf text, wire;    /* owned: the entry, and what it became */
	struct crit_shape_step *steps; /* owned */
	size_t n_steps, cap_steps;
	unsigned lines;   /* line breaks in the text */
	size_t last_line; /* bytes behind the last of them */
	bool good;
};

struct crit_shape {
	struct crit_look looks[2]; /* the last entry, and the one that is being read */
	unsigned last;             /* which is the last one */
	/* while one is being read */
	bool reading;
	uint64_t begin; /* of its text, an offset in the document */
};

void crit_shape_fini(struct crit_shape *s); /* a shape begins as zeros */

/* An entry begins with the next token. */
void crit_shape_begin(struct crit_shape *s, const struct crit_json *j);

/*
 * A value stands at [from, to) of the document, and its field's bytes from `wire` on to
 * the end of `out`; of messages `from` does not matter. NULL is fine for `s`, also below.
 */
void crit_shape_add(struct crit_shape *s, enum crit_shape_kind kind,
		    const struct crit_field *field, uint64_t from, const struct crit_json *j,
		    size_t wire, const struct crit_buf *out);

/* What is being read can't be held against anything. */
void crit_shape_spoil(struct crit_shape *s);

/* The entry ended with the last token. */
void crit_shape_end(struct crit_shape *s, const struct crit_json *j);

/*
 * If the next tokens are an entry like the last one, take them and append its bytes.
 * Otherwise nothing has happened.
 */
bool crit_shape_take(const struct crit_shape *s, struct crit_json *j, struct crit_buf *out);

#endif
