/*
 * A strict JSON scanner (RFC 8259) over a text in memory that knows line and
 * column of every token. It hands out tokens; what they have to be is the
 * caller's business.
 */
#ifndef CRIT_JSON_H
#define CRIT_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/buf.h"
#include "decoder/error.h"

/* Values nest at most this deep in any text. */
#define CRIT_JSON_DEPTH_MAX 512

/* Punctuation is its own character. */
enum crit_json_token {
	CRIT_JSON_END = 0,
	CRIT_JSON_STRING = 's',
	CRIT_JSON_NUMBER = '0',
	CRIT_JSON_TRUE = 't',
	CRIT_JSON_FALSE = 'f',
	CRIT_JSON_NULL = 'n',
};

/* What the next token may be, where that matters before it is whole. */
enum crit_json_want {
	CRIT_JSON_WANT_ANY,
	CRIT_JSON_WANT_KEY,         /* a string or a bracket */
	CRIT_JSON_WANT_PUNCTUATION, /* no value */
};

struct crit_json {
	const char *text, *at, *end; /* text is the caller's and outlives this */
	const char *line_start;
	unsigned line;
	struct crit_error *err;
	enum crit_json_want want;
	int token; /* the last one */
	unsigned token_line, token_col;
	const char *value; /* of a string (unescaped) or number, until the next token */
	size_t value_len;
	struct crit_buf unescaped; /* owned */
	bool unfinished;           /* the error is only that the text ends too early */
};

void crit_json_init(struct crit_json *j, const char *text, size_t len, struct crit_error *err);
void crit_json_fini(struct crit_json *j);

/* The next token (it is also in j->token), or -EBADMSG, -ENOMEM and the reason. */
int crit_json_next(struct crit_json *j);

/* Fail at the place of the last token: "expected WHAT, got …", behind "PATH: ". */
int crit_json_expected(struct crit_json *j, const char *path, const char *what);

/* Skip the rest of the value whose first token was just read. 0 or -errno. */
int crit_json_skip(struct crit_json *j);

/*
 * Is the text one JSON value? 0; 1 if it is a proper beginning of one;
 * -EBADMSG and the reason where it is wrong before its end.
 */
int crit_json_check(const char *text, size_t len, struct crit_error *err);

#endif
