/*
 * JSON text as a message's wire bytes, in one walk that the schema drives.
 */
#ifndef CRIT_PARSE_H
#define CRIT_PARSE_H

#include "decoder/buf.h"
#include "decoder/error.h"
#include "decoder/json.h"
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

#endif
