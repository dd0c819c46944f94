/*
 * A strict JSON scanner (RFC 8259) that knows line and column of every token, over a
 * text in memory or, through a window, of any size. It hands out tokens; what they have
 * to be is the caller's business.
 */
#ifndef CRIT_JSON_H
#define CRIT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/buf.h"
#include "decoder/error.h"
#include "decoder/source.h"

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

/* A place between two tokens, to come back to. */
struct crit_json_mark {
	uint64_t off;      /* bytes from the beginning of the text */
	uint64_t line_off; /* where its line begins */
	unsigned line;     /* 1-based */
};

struct crit_json {
	const char *text, *at, *end;  /* the window: all of the text if there is no source */
	uint64_t text_off;            /* offset of the window in the text */
	struct crit_source *source;   /* borrowed; NULL once the window has the text's end */
	bool windowed;                /* there was one */
	struct crit_buf window;       /* owned */
	uint64_t line_off, token_off; /* where the line, and the last token, begins */
	unsigned line;
	struct crit_error *err;
	enum crit_json_want want;
	int token;         /* the last one */
	const char *value; /* of a string (unescaped) or number, until the next token */
	size_t value_len;
	struct crit_buf unescaped; /* owned */
	bool unfinished;           /* the error is only that the text ends too early */
};

/* Over `text`, which is the caller's and outlives this; or over what `source` gives. */
void crit_json_init(struct crit_json *j, const char *text, size_t len, struct crit_error *err);
void crit_json_init_source(struct crit_json *j, struct crit_source *source,
			   struct crit_error *err);
void crit_json_fini(struct crit_json *j);

/* Where the next token is looked for, and going back there (in another source, maybe). */
struct crit_json_mark crit_json_tell(const struct crit_json *j);
void crit_json_go(struct crit_json *j, struct crit_source *source, struct crit_json_mark mark);

/*
 * For strings of any length: as crit_json_next(), but of a string only its quote is
 * read. Then its characters in pieces (good until the next call): 1 and the piece, 0
 * behind the closing quote, -errno. They may be no UTF-8.
 */
int crit_json_next_open(struct crit_json *j);
int crit_json_piece(struct crit_json *j, const char **piece, size_t *len);

/* Where the last token begins, 1-based, and that this is where what comes next fails. */
void crit_json_place(const struct crit_json *j, unsigned *line, unsigned *col);
void crit_json_error_here(struct crit_json *j);

/* The next token (it is also in j->token), or -EBADMSG, -ENOMEM and the reason. */
int crit_json_scan(struct crit_json *j);

static inline int crit_json_next(struct crit_json *j)
{
	/* commas are many and follow at once */
	if (j->at < j->end && *j->at == ',') {
		j->token_off = j->text_off + (uint64_t)(j->at++ - j->text);
		j->want = CRIT_JSON_WANT_ANY;
		return j->token = ',';
	}
	return crit_json_scan(j);
}

/*
 * If the next tokens are this key and its colon, take them: for those who know what
 * mostly comes next. The last token is the key then, but has no value.
 */
bool crit_json_take_key(struct crit_json *j, const char *key, size_t len);

/* If the next token is a plain number (see plain.h) of at most `max`, take it: likewise. */
bool crit_json_take_number(struct crit_json *j, uint64_t max, uint64_t *number);

/* Fail at the place of the last token: "expected WHAT, got …". */
int crit_json_expected(struct crit_json *j, const char *what);

/* Skip the rest of the value whose first token was just read. 0 or -errno. */
int crit_json_skip(struct crit_json *j);

/*
 * Is the text one JSON value? 0; 1 if it is a proper beginning of one;
 * -EBADMSG and the reason where it is wrong before its end.
 */
int crit_json_check(const char *text, size_t len, struct crit_error *err);

#endif
