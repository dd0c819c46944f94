/*
 * Passing over whole values, and telling whether a text is one.
 */
#include <errno.h>

#include "decoder/json.h"

static int next_wanted(struct crit_json *j, enum crit_json_want want)
{
	j->want = want;
	return crit_json_next(j);
}

/* A value's first token; a string in a text of any size is passed over piece by piece. */
static int next_value(struct crit_json *j)
{
	const char *piece;
	size_t len;
	int ret;

	if (!j->windowed || crit_json_next_open(j) != CRIT_JSON_STRING)
		return j->windowed ? j->token : next_wanted(j, CRIT_JSON_WANT_ANY);
	while ((ret = crit_json_piece(j, &piece, &len)) > 0)
		;
	return ret < 0 ? ret : CRIT_JSON_STRING;
}

/* A key and its colon; the object's '{' or ',' was the last token. */
static int skip_key(struct crit_json *j)
{
	if (j->token != CRIT_JSON_STRING)
		return crit_json_expected(j, "a key in double quotes");
	if (next_wanted(j, CRIT_JSON_WANT_PUNCTUATION) != ':')
		return crit_json_expected(j, "':' behind a key");
	return next_value(j);
}

/*
 * The stack of open brackets is a bit each, so that depth costs no recursion.
 */
int crit_json_skip(struct crit_json *j)
{
	unsigned char in_object[CRIT_JSON_DEPTH_MAX];
	unsigned depth = 0;
	int ret;

	for (;;) {
		bool opened = j->token == '{' || j->token == '[';

		if (j->token < 0)
			return j->token;
		if (opened) {
			if (depth == CRIT_JSON_DEPTH_MAX)
				return crit_json_expected(j, "at most 512 levels");
			in_object[depth++] = j->token == '{';
			ret = in_object[depth - 1] ? next_wanted(j, CRIT_JSON_WANT_KEY)
						   : next_value(j);
			if (ret < 0)
				return ret;
			if (j->token != '}' && j->token != ']') {
				if (in_object[depth - 1] && (ret = skip_key(j)) < 0)
					return ret;
				continue; /* the first value within */
			}
		} else if (j->token != CRIT_JSON_STRING && j->token != CRIT_JSON_NUMBER &&
			   j->token != CRIT_JSON_TRUE && j->token != CRIT_JSON_FALSE &&
			   j->token != CRIT_JSON_NULL) {
			return crit_json_expected(j, "a JSON value");
		} else {
			if (!depth)
				return 0;
			ret = next_wanted(j, CRIT_JSON_WANT_PUNCTUATION);
			if (ret < 0)
				return ret;
		}
		/* behind a value or at a closing bracket */
		while (j->token == '}' || j->token == ']') {
			if (!depth || in_object[depth - 1] != (j->token == '}'))
				return crit_json_expected(j, "the other bracket");
			if (--depth == 0)
				return 0;
			ret = next_wanted(j, CRIT_JSON_WANT_PUNCTUATION);
			if (ret < 0)
				return ret;
		}
		if (j->token != ',')
			return crit_json_expected(j, in_object[depth - 1] ? "',' or '}'"
									  : "',' or ']'");
		ret = in_object[depth - 1] ? next_wanted(j, CRIT_JSON_WANT_KEY) : next_value(j);
		if (ret < 0 || (in_object[depth - 1] && (ret = skip_key(j)) < 0))
			return ret;
	}
}

int crit_json_check(const char *text, size_t len, struct crit_error *err)
{
	struct crit_json j;
	int ret;

	crit_json_init(&j, text, len, err);
	ret = crit_json_next(&j);
	if (ret == CRIT_JSON_END) {
		j.unfinished = true;
		ret = -EBADMSG;
	} else if (ret > 0) {
		ret = crit_json_skip(&j);
		if (ret == 0 && next_wanted(&j, CRIT_JSON_WANT_PUNCTUATION) != CRIT_JSON_END)
			ret = crit_json_expected(&j, "nothing behind the value");
	}
	if (ret < 0 && j.unfinished)
		ret = 1;
	crit_json_fini(&j);
	return ret;
}
