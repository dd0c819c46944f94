/*
 * json-c as the oracle of the JSON scanner: both take and refuse the same texts, and
 * read the same values, but for the differences that are listed here.
 */
#ifndef UNIT_JSON_ORACLE_H
#define UNIT_JSON_ORACLE_H

#include <errno.h>
#include <iconv.h>
#include <json-c/json.h>

#include "decoder/json.h"
#include "decoder/text.h"
#include "unit.h"

/* What crit_json_check() says, errors being all the same. */
enum verdict { WRONG = -1, WHOLE = 0, UNFINISHED = 1 };

static inline enum verdict check(const char *text, size_t len, struct crit_error *err)
{
	int ret;

	*err = (struct crit_error){0};
	ret = crit_json_check(text, len, err);
	if (ret < 0)
		expect_int(ret, -EBADMSG);
	return ret < 0 ? WRONG : ret ? UNFINISHED : WHOLE;
}

static inline const char *name_of(enum verdict v)
{
	return v == WRONG ? "wrong" : v == WHOLE ? "whole" : "unfinished";
}

/* json-c, as strict as it can be; *tree is what it read. */
static inline enum verdict json_c(const char *text, size_t len, struct json_object **tree)
{
	struct json_tokener *tok = json_tokener_new_ex(CRIT_JSON_DEPTH_MAX + 1);
	enum json_tokener_error error;

	expect(tok != NULL);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	*tree = json_tokener_parse_ex(tok, text, (int)len);
	error = json_tokener_get_error(tok);
	if (error == json_tokener_continue) {
		/* a number is whole only when told that nothing follows */
		*tree = json_tokener_parse_ex(tok, "", 1);
		if (json_tokener_get_error(tok) == json_tokener_success)
			error = json_tokener_success;
	}
	json_tokener_free(tok);
	return error == json_tokener_success    ? WHOLE
	       : error == json_tokener_continue ? UNFINISHED
						: WRONG;
}

/* Length of the UTF-8 at the beginning; *cut: what follows may still become some. */
static inline size_t utf8_by_iconv(const char *bytes, size_t len, bool *cut)
{
	iconv_t cd = iconv_open("UTF-32LE", "UTF-8");
	char *in = (char *)(uintptr_t)bytes, *out, *buf = malloc(4 * len + 8);
	size_t in_left = len, out_left = 4 * len + 8;

	expect(cd != (iconv_t)-1 && buf);
	out = buf;
	errno = 0;
	*cut = iconv(cd, &in, &in_left, &out, &out_left) == (size_t)-1 && errno == EINVAL;
	iconv_close(cd);
	free(buf);
	return len - in_left;
}

static inline bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Does the word stand here, or what the text has room for of it? */
static inline bool begins_as(const char *at, const char *end, const char *word)
{
	size_t len = strlen(word), left = (size_t)(end - at);

	return !memcmp(at, word, left < len ? left : len);
}

/*
 * What json-c 0.16 takes and the scanner refuses. The scanner's own place of
 * the error must show the reason.
 */
static inline const char *json_c_takes(const char *text, size_t len,
				       const struct crit_error *err)
{
	const char *at = text, *end = text + len;
	unsigned line;
	bool cut;

	for (line = 1; line < err->line && at; line++)
		at = memchr(at, '\n', (size_t)(end - at))
			     ? (char *)memchr(at, '\n', (size_t)(end - at)) + 1
			     : NULL;
	if (!at || !err->col || at + err->col - 1 >= end)
		return NULL;
	at += err->col - 1;
	if ((unsigned char)*at < 0x20 && strstr(err->text, "control character"))
		return "control characters in strings";
	if (*at == '\'')
		return "keys in single quotes";
	if (begins_as(at, end, "NaN") || begins_as(at, end, "Infinity"))
		return "NaN and Infinity";
	if (*at == '0' && digit(at[1]))
		return "numbers that begin with 0";
	if (at > text && (at[-1] == '.' || at[-1] == '-') && !digit(*at))
		return "numbers without digits before or behind the point";
	if (at[0] == '\\' && at[1] == 'u' && strchr("dD", at[2]) &&
	    strchr("89abcdefABCDEF", at[3]))
		return "half a surrogate pair, which it replaces";
	if (strstr(err->text, "UTF-8") && utf8_by_iconv(at, (size_t)(end - at), &cut) == 0)
		return "surrogates, overlong forms and too large numbers in UTF-8";
	return NULL;
}

/* What only the scanner takes as the beginning of something. */
static inline const char *json_c_refuses_early(const char *text, size_t len)
{
	bool cut;

	utf8_by_iconv(text, len, &cut);
	return cut ? "a text cut within a UTF-8 sequence" : NULL;
}

static inline const char *known_difference(const char *text, size_t len, enum verdict ours,
					   enum verdict theirs, const struct crit_error *err)
{
	if (ours == WRONG && theirs == WHOLE)
		return json_c_takes(text, len, err);
	/* it may have taken something that stands before the text's end */
	if (ours == WRONG && theirs == UNFINISHED)
		return json_c_takes(text, len, err);
	if (ours == UNFINISHED && theirs == WRONG)
		return json_c_refuses_early(text, len);
	if (ours == UNFINISHED && theirs == WHOLE && text[len - 1] == '.')
		return "a number without digits behind the point";
	return NULL;
}

/* The tokens again, strings spelled without escapes where possible. */
static inline void respell(const char *text, size_t len, struct crit_buf *out)
{
	struct crit_json j;
	int token;

	crit_json_init(&j, text, len, NULL);
	while ((token = crit_json_next(&j)) > 0) {
		if (token == CRIT_JSON_STRING)
			crit_quote(out, j.value, j.value_len);
		else if (token == CRIT_JSON_NUMBER)
			crit_buf_add(out, j.value, j.value_len);
		else if (token == CRIT_JSON_TRUE || token == CRIT_JSON_FALSE ||
			 token == CRIT_JSON_NULL)
			crit_buf_str(out, token == CRIT_JSON_TRUE    ? "true"
					  : token == CRIT_JSON_FALSE ? "false"
								     : "null");
		else
			crit_buf_byte(out, (uint8_t)token);
	}
	expect_int(token, CRIT_JSON_END);
	crit_json_fini(&j);
}

static inline void expect_same_values(const char *text, size_t len, struct json_object *tree)
{
	struct json_object *again;
	struct crit_buf out = {0};

	respell(text, len, &out);
	if (json_c((const char *)out.data, out.len, &again) != WHOLE ||
	    !json_object_equal(tree, again))
		fail("[%.*s]: expected the values that json-c reads, found [%.*s]", (int)len,
		     text, (int)out.len, (const char *)out.data);
	json_object_put(again);
	crit_buf_fini(&out);
}

static inline void compare_with_json_c(const char *text, size_t len)
{
	struct json_object *tree;
	struct crit_error err;
	enum verdict ours = check(text, len, &err), theirs = json_c(text, len, &tree);

	if (ours == WHOLE && theirs == WHOLE)
		expect_same_values(text, len, tree);
	else if (ours != theirs && !known_difference(text, len, ours, theirs, &err))
		fail("[%.*s]: expected as json-c %s, found %s (%u:%u: %s)", (int)len, text,
		     name_of(theirs), name_of(ours), err.line, err.col, err.text);
	json_object_put(tree);
}

#endif
