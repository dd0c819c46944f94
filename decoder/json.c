/*
 * The scanner. Strings without escapes are handed out where they stand.
 */
#include "decoder/json.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "decoder/text.h"

void crit_json_init(struct crit_json *j, const char *text, size_t len, struct crit_error *err)
{
	memset(j, 0, sizeof(*j));
	j->text = j->at = j->line_start = text;
	j->end = text + len;
	j->line = 1;
	j->err = err;
}

void crit_json_fini(struct crit_json *j)
{
	crit_buf_fini(&j->unescaped);
}

static void error_here(struct crit_json *j, const char *at)
{
	crit_error_at(j->err, j->line, (unsigned)(at - j->line_start) + 1);
}

static int unfinished(struct crit_json *j, const char *what)
{
	j->unfinished = true;
	error_here(j, j->end);
	return crit_fail(j->err, CRIT_REJECTED, "the text ends within %s", what);
}

static int bad_char(struct crit_json *j, const char *at, const char *what)
{
	unsigned char c = (unsigned char)*at;

	error_here(j, at);
	if (isprint(c))
		return crit_fail(j->err, CRIT_REJECTED, "%s: '%c'", what, c);
	return crit_fail(j->err, CRIT_REJECTED, "%s: byte 0x%02x", what, c);
}

/* Four hexadecimal digits: the number read and, in *n, of how many of them. */
static uint32_t read_hex4(const char *p, const char *end, unsigned *n)
{
	uint32_t c = 0;

	for (*n = 0; *n < 4 && p + *n < end && crit_hex_digit(p[*n]) >= 0; ++*n)
		c = c << 4 | (uint32_t)crit_hex_digit(p[*n]);
	return c;
}

/* The second half of a pair at `at`: 0 and *low, or an error at `from`. */
static int read_low_surrogate(struct crit_json *j, const char *from, const char *at,
			      uint32_t *low)
{
	unsigned n;

	if ((at < j->end && at[0] != '\\') || (at + 1 < j->end && at[1] != 'u'))
		return bad_char(j, from, "half a surrogate pair");
	if (j->end - at <= 2)
		return unfinished(j, "a surrogate pair");
	*low = read_hex4(at + 2, j->end, &n);
	/* DC00 to DFFF, as far as it stands there */
	if ((n > 0 && *low >> 4 * (n - 1) != 0xd) || (n > 1 && *low >> 4 * (n - 2) < 0xdc) ||
	    (n < 4 && at + 2 + n < j->end))
		return bad_char(j, from, "half a surrogate pair");
	return n < 4 ? unfinished(j, "a surrogate pair") : 0;
}

/* \uXXXX at p, "u" being the first character; a pair of surrogates is one. */
static int read_unicode(struct crit_json *j, const char **p)
{
	const char *from = *p - 1, *at = *p + 1;
	uint32_t c, low = 0;
	unsigned n;
	int ret;

	c = read_hex4(at, j->end, &n);
	if (n < 4 && at + n < j->end)
		return bad_char(j, from, "\\u takes four hexadecimal digits");
	if (n < 4)
		return unfinished(j, "a \\u escape");
	at += 4;
	if (c >= 0xdc00 && c <= 0xdfff)
		return bad_char(j, from, "half a surrogate pair");
	if (c >= 0xd800 && c <= 0xdbff) {
		ret = read_low_surrogate(j, from, at, &low);
		if (ret < 0)
			return ret;
		c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
		at += 6;
	}
	crit_utf8_put(&j->unescaped, c);
	*p = at;
	return 0;
}

static int read_escape(struct crit_json *j, const char **p)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *which;

	if (*p == j->end)
		return unfinished(j, "a string");
	if (**p == 'u')
		return read_unicode(j, p);
	which = **p ? strchr(letters, **p) : NULL;
	if (!which)
		return bad_char(j, *p, "no such escape in a string");
	crit_buf_byte(&j->unescaped, (uint8_t)meant[which - letters]);
	++*p;
	return 0;
}

static int check_utf8(struct crit_json *j, const char *from, size_t len)
{
	size_t good = crit_utf8_valid(from, len);

	if (good == len)
		return 0;
	if (from + len == j->end && crit_utf8_is_cut(from + good, len - good))
		return unfinished(j, "a string");
	return bad_char(j, from + good, "a string that is no UTF-8");
}

static int scan_string(struct crit_json *j)
{
	const char *p = j->at, *from = p;
	int ret;

	crit_buf_reset(&j->unescaped);
	for (;;) {
		while (p < j->end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
			p++;
		ret = check_utf8(j, from, (size_t)(p - from));
		if (ret < 0)
			return ret;
		if (p == j->end)
			return unfinished(j, "a string");
		if ((unsigned char)*p < 0x20)
			return bad_char(j, p, "a control character within a string");
		if (*p == '"')
			break;
		crit_buf_add(&j->unescaped, from, (size_t)(p - from));
		p++;
		ret = read_escape(j, &p);
		if (ret < 0)
			return ret;
		from = p;
	}
	j->at = p + 1;
	if (j->unescaped.error)
		return crit_fail(j->err, CRIT_NO_MEMORY, "no memory for a string");
	if (j->unescaped.len) {
		crit_buf_add(&j->unescaped, from, (size_t)(p - from));
		if (j->unescaped.error)
			return crit_fail(j->err, CRIT_NO_MEMORY, "no memory for a string");
		j->value = (const char *)j->unescaped.data;
		j->value_len = j->unescaped.len;
	} else {
		j->value = from;
		j->value_len = (size_t)(p - from);
	}
	return CRIT_JSON_STRING;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static int scan_number(struct crit_json *j)
{
	const char *from = j->at - 1, *p = from, *digits;

	p += *p == '-';
	digits = p;
	p = skip_digits(p, j->end);
	if (p == digits)
		goto cut;
	if (*digits == '0' && p - digits > 1)
		return bad_char(j, digits, "a number does not begin with");
	if (p < j->end && *p == '.') {
		digits = ++p;
		p = skip_digits(p, j->end);
		if (p == digits)
			goto cut;
	}
	if (p < j->end && (*p | 0x20) == 'e') {
		p++;
		p += p < j->end && (*p == '+' || *p == '-');
		digits = p;
		p = skip_digits(p, j->end);
		if (p == digits)
			goto cut;
	}
	j->at = p;
	j->value = from;
	j->value_len = (size_t)(p - from);
	return CRIT_JSON_NUMBER;
cut:
	if (p == j->end)
		return unfinished(j, "a number");
	return bad_char(j, p, "expected a digit, got");
}

static int scan_word(struct crit_json *j, const char *word, int token)
{
	const char *from = j->at - 1;
	size_t len = strlen(word), left = (size_t)(j->end - from), i;

	for (i = 0; i < len && i < left; i++)
		if (from[i] != word[i])
			return bad_char(j, from, "expected a JSON value, got");
	if (left < len)
		return unfinished(j, "a word");
	j->at = from + len;
	return token;
}

/* The rest of a string, number or word that begins with `c`. */
static int scan_value(struct crit_json *j, const char *from, char c)
{
	switch (c) {
	case '"':
		return scan_string(j);
	case 't':
		return scan_word(j, "true", CRIT_JSON_TRUE);
	case 'f':
		return scan_word(j, "false", CRIT_JSON_FALSE);
	case 'n':
		return scan_word(j, "null", CRIT_JSON_NULL);
	default:
		if (c == '-' || (c >= '0' && c <= '9'))
			return scan_number(j);
		return bad_char(j, from, "unexpected character");
	}
}

static int scan(struct crit_json *j)
{
	while (j->at < j->end) {
		const char *here = j->at;
		char c = *j->at++;

		j->token_line = j->line;
		j->token_col = (unsigned)(here - j->line_start) + 1;
		switch (c) {
		case '\n':
			j->line++;
			j->line_start = j->at;
			break;
		case ' ':
		case '\t':
		case '\r':
			break;
		case '{':
		case '}':
		case '[':
		case ']':
		case ':':
		case ',':
			return c;
		default:
			return scan_value(j, here, c);
		}
	}
	j->token_line = j->line;
	j->token_col = (unsigned)(j->end - j->line_start) + 1;
	return CRIT_JSON_END;
}

/* A token that is cut off by the end is wrong all the same where none may stand. */
static void check_place_of_cut(struct crit_json *j)
{
	const char *from = j->line_start + j->token_col - 1;

	if (j->want == CRIT_JSON_WANT_ANY || (j->want == CRIT_JSON_WANT_KEY && *from == '"'))
		return;
	j->unfinished = false;
	bad_char(j, from, "unexpected character");
}

int crit_json_next(struct crit_json *j)
{
	j->token = scan(j);
	if (j->token < 0 && j->unfinished)
		check_place_of_cut(j);
	j->want = CRIT_JSON_WANT_ANY;
	return j->token;
}

static int next_wanted(struct crit_json *j, enum crit_json_want want)
{
	j->want = want;
	return crit_json_next(j);
}

static const char *token_name(int token)
{
	switch (token) {
	case CRIT_JSON_END:
		return "the end of the text";
	case CRIT_JSON_TRUE:
		return "true";
	case CRIT_JSON_FALSE:
		return "false";
	case CRIT_JSON_NULL:
		return "null";
	case '{':
		return "an object";
	case '[':
		return "a list";
	case '}':
		return "'}'";
	case ']':
		return "']'";
	case ':':
		return "':'";
	default:
		return "','";
	}
}

#define SHOWN_MAX 80 /* bytes of a value that a message repeats */

int crit_json_expected(struct crit_json *j, const char *path, const char *what)
{
	const char *colon = *path ? ": " : "";
	size_t n = j->value_len < SHOWN_MAX ? j->value_len : SHOWN_MAX;

	if (j->token < 0)
		return j->token;
	if (j->token == CRIT_JSON_END)
		j->unfinished = true;
	crit_error_at(j->err, j->token_line, j->token_col);
	if (j->token == CRIT_JSON_STRING)
		return crit_fail(j->err, CRIT_REJECTED, "%s%sexpected %s, got \"%.*s\"", path,
				 colon, what, (int)n, j->value);
	if (j->token == CRIT_JSON_NUMBER)
		return crit_fail(j->err, CRIT_REJECTED, "%s%sexpected %s, got %.*s", path,
				 colon, what, (int)n, j->value);
	return crit_fail(j->err, CRIT_REJECTED, "%s%sexpected %s, got %s", path, colon, what,
			 token_name(j->token));
}

/* A key and its colon; the object's '{' or ',' was the last token. */
static int skip_key(struct crit_json *j)
{
	if (j->token != CRIT_JSON_STRING)
		return crit_json_expected(j, "", "a key in double quotes");
	if (next_wanted(j, CRIT_JSON_WANT_PUNCTUATION) != ':')
		return crit_json_expected(j, "", "':' behind a key");
	return crit_json_next(j);
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
				return crit_json_expected(j, "", "at most 512 levels");
			in_object[depth++] = j->token == '{';
			ret = next_wanted(j, in_object[depth - 1] ? CRIT_JSON_WANT_KEY
								  : CRIT_JSON_WANT_ANY);
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
			return crit_json_expected(j, "", "a JSON value");
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
				return crit_json_expected(j, "", "the other bracket");
			if (--depth == 0)
				return 0;
			ret = next_wanted(j, CRIT_JSON_WANT_PUNCTUATION);
			if (ret < 0)
				return ret;
		}
		if (j->token != ',')
			return crit_json_expected(
				j, "", in_object[depth - 1] ? "',' or '}'" : "',' or ']'");
		ret = next_wanted(j, in_object[depth - 1] ? CRIT_JSON_WANT_KEY
							  : CRIT_JSON_WANT_ANY);
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
			ret = crit_json_expected(&j, "", "nothing behind the value");
	}
	if (ret < 0 && j.unfinished)
		ret = 1;
	crit_json_fini(&j);
	return ret;
}
