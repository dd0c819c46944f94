/*
 * JSON text as a message's wire bytes, in one walk that the schema drives.
 */
#ifndef CRIT_PARSE_H
#define CRIT_PARSE_H

#include "decoder/buf.h"
#include "decoder/error.h"
#include "decoder/json.h"
#include "decoder/shape.h"
#include "decoder/value.h"
#include "proto/schema.h"

/*
 * Read a text that is one JSON object and append the message it spells to
 * `out`: known fields in number order whatever the order of the keys, unknown
 * ones behind them. Either spelling (pretty or plain) of a value is taken.
 * 0; -EBADMSG with line, column and reason for a text that is no such object
 * (bad JSON, a key that is unknown or doubled, a value of the wrong type or
 * range, a missing required field); -ENOMEM.
 */
int crit_parse(const struct crit_message *message, const char *text, size_t len,
	       const struct crit_style *style, struct crit_buf *out, struct crit_error *err);

/* Where in a text a value is, spelled out only for errors: "entries[3].reg.pos". */
struct crit_path {
	const struct crit_path *outer; /* NULL: it is the first */
	const char *name;              /* a key; NULL: an item of a list */
	uint64_t index;                /* of the item */
};

/*
 * A parser of objects within a longer text. Who fills it in reads the text's tokens
 * before and behind them.
 */
struct crit_parser {
	struct crit_json *json;
	struct crit_style style;
	struct crit_buf *out; /* where messages are appended */
	struct crit_error *err;
	const struct crit_path *path; /* of the value at hand */
	/*
	 * Keys of the outermost object that are no fields, ends with NULL, and who reads
	 * their values, the first token of which is still to come. 0, -errno.
	 */
	const char *const *other_keys;
	int (*read_other)(struct crit_parser *p, unsigned which);
	void *ctx;                /* for read_other */
	struct crit_shape *shape; /* gets the look of what is parsed; borrowed; or NULL */
	bool given; /* set by read_other: the message is in `out`, no field may stand there */
};

/* An object whose '{' was just read; as crit_parse(). */
int crit_parse_object(struct crit_parser *p, const struct crit_message *message);

/* Append the bytes of a string of base64 that was just read. */
int crit_parse_base64(struct crit_parser *p);

/* What just failed with `ret` is about the value at hand: says its path. Returns `ret`. */
int crit_parse_failed(struct crit_parser *p, int ret);

/* Fail at the last token, behind the path: "expected WHAT, got …", or what is said. */
int crit_parse_expected(struct crit_parser *p, const char *what);
int crit_parse_reject(struct crit_parser *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
