/*
 * The scanner. Strings without escapes are handed out where they stand.
 */
#include "decoder/json.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "decoder/plain.h"
#include "decoder/text.h"

#define WINDOW ((size_t)64 << 10) /* bytes, but for longer tokens */

/* The token goes on behind the window: load more and scan it again. */
#define AGAIN (-EAGAIN)

void crit_json_init(struct crit_json *j, const char *text, size_t len, struct crit_error *err)
{
	memset(j, 0, sizeof(*j));
	j->text = j->at = text;
	j->end = len ? text + len : text; /* it may be NULL then */
	j->line = 1;
	j->err = err;
}

void crit_json_init_source(struct crit_json *j, struct crit_source *source,
			   struct crit_error *err)
{
	crit_json_init(j, NULL, 0, err);
	j->source = source;
	j->windowed = true;
}

void crit_json_fini(struct crit_json *j)
{
	crit_buf_fini(&j->window);
	crit_buf_fini(&j->unescaped);
}

static uint64_t offset_of(const struct crit_json *j, const char *at)
{
	return j->text_off + (uint64_t)(at - j->text);
}

struct crit_json_mark crit_json_tell(const struct crit_json *j)
{
	return (struct crit_json_mark){offset_of(j, j->at), j->line_off, j->line};
}

void crit_json_go(struct crit_json *j, struct crit_source *source, struct crit_json_mark mark)
{
	crit_buf_reset(&j->window);
	j->text = j->at = j->end = (const char *)j->window.data;
	j->text_off = mark.off;
	j->source = source;
	j->line_off = mark.line_off;
	j->line = mark.line;
	j->unfinished = false;
}

/* Move the window to begin at j->at, and fill it; at the end there is no source more. */
static int load_more(struct crit_json *j)
{
	size_t kept = (size_t)(j->end - j->at), room;
	uint64_t off = offset_of(j, j->at);
	uint8_t *to;
	ssize_t n;

	if (kept)
		memmove(j->window.data, j->at, kept);
	j->window.len = kept;
	room = j->window.cap > 2 * kept ? j->window.cap - kept : kept + WINDOW;
	to = crit_buf_room(&j->window, room);
	if (!to)
		return j->window.error == -EFBIG
			       ? crit_fail(j->err, CRIT_TOO_BIG, "a string is too long")
			       : crit_fail(j->err, CRIT_NO_MEMORY, "no memory for a string");
	n = j->source->read(j->source, to, room, off + kept);
	j->text = j->at = (const char *)j->window.data;
	j->end = j->text + kept + (n > 0 ? n : 0);
	j->text_off = off;
	if (n < 0)
		return crit_fail_errno(j->err, (int)-n, "can't read the text");
	if ((size_t)n < room)
		j->source = NULL;
	return 0;
}

static void error_here(struct crit_json *j, const char *at)
{
	crit_error_at(j->err, j->line, (unsigned)(offset_of(j, at) - j->line_off) + 1);
}

void crit_json_place(const struct crit_json *j, unsigned *line, unsigned *col)
{
	*line = j->line;
	*col = (unsigned)(j->token_off - j->line_off) + 1;
}

void crit_json_error_here(struct crit_json *j)
{
	unsigned line, col;

	crit_json_place(j, &line, &col);
	crit_error_at(j->err, line, col);
}

static int unfinished(struct crit_json *j, const char *what)
{
	if (j->source)
		return AGAIN;
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
	bool high;
	int ret;

	crit_buf_reset(&j->unescaped);
	for (;;) {
		p = crit_plain_run(p, j->end, &high);
		ret = high ? check_utf8(j, from, (size_t)(p - from)) : 0;
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
	if (j->unescaped.len)
		crit_buf_add(&j->unescaped, from, (size_t)(p - from));
	if (j->unescaped.error)
		return crit_fail(j->err, CRIT_NO_MEMORY, "no memory for a string");
	j->value = j->unescaped.len ? (const char *)j->unescaped.data : from;
	j->value_len = j->unescaped.len ? j->unescaped.len : (size_t)(p - from);
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
	if (p == j->end && j->source)
		return AGAIN;
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

/* Behind a line's end: its indent, which is mostly four spaces a level. */
static const char *skip_indent(const char *p, const char *end)
{
	while (end - p >= 8 && !memcmp(p, "        ", 8))
		p += 8;
	if (end - p >= 4 && !memcmp(p, "    ", 4))
		p += 4;
	return p;
}

static inline bool is_space(char c)
{
	return c <= ' ' && (c == ' ' || c == '\n' || c == '\t' || c == '\r');
}

/* White space, some of which is there, up to the next token or the window's end. */
static void skip_more_space(struct crit_json *j)
{
	const char *p = j->at, *end = j->end;

	while (p < end && is_space(*p)) {
		if (*p++ != '\n')
			continue;
		j->line++;
		j->line_off = offset_of(j, p);
		p = skip_indent(p, end);
	}
	j->at = p;
}

static inline void skip_space(struct crit_json *j)
{
	if (j->at == j->end || !is_space(*j->at))
		return;
	/* mostly the one behind a colon */
	if (*j->at == ' ' && j->end - j->at > 1 && !is_space(j->at[1]))
		j->at++;
	else
		skip_more_space(j);
}

/* Go to the first character of the next token: it, or 0 at the end; -errno. */
static int find_token(struct crit_json *j)
{
	int ret = 0;

	for (;;) {
		skip_space(j);
		if (j->at < j->end || !j->source)
			break;
		ret = load_more(j);
		if (ret < 0)
			return ret;
	}
	j->token_off = offset_of(j, j->at);
	return j->at < j->end ? (unsigned char)*j->at : 0;
}

/* A token that begins with `c`; AGAIN if the window ends within it. */
static int scan_token(struct crit_json *j, char c)
{
	j->at++;
	switch (c) {
	case ',':
	case ':':
	case '{':
	case '}':
	case '[':
	case ']':
		return c;
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
		return bad_char(j, j->at - 1, "unexpected character");
	}
}

static int scan(struct crit_json *j)
{
	int c, ret;

	for (;;) {
		c = find_token(j);
		if (c < 0)
			return c;
		if (!c && j->at == j->end)
			return CRIT_JSON_END;
		ret = scan_token(j, (char)c);
		if (ret != AGAIN)
			return ret;
		j->at = j->text + (j->token_off - j->text_off);
		ret = load_more(j);
		if (ret < 0)
			return ret;
	}
}

/* A token that is cut off by the end is wrong all the same where none may stand. */
static void check_place_of_cut(struct crit_json *j)
{
	const char *from = j->text + (j->token_off - j->text_off);

	if (j->want == CRIT_JSON_WANT_ANY || (j->want == CRIT_JSON_WANT_KEY && *from == '"'))
		return;
	j->unfinished = false;
	bad_char(j, from, "unexpected character");
}

bool crit_json_take_key(struct crit_json *j, const char *key, size_t len)
{
	const char *p;

	skip_space(j);
	p = j->at;
	if ((size_t)(j->end - p) < len + 3 || p[0] != '"' || p[len + 1] != '"' ||
	    p[len + 2] != ':' || memcmp(p + 1, key, len))
		return false;
	j->token_off = offset_of(j, p);
	j->token = CRIT_JSON_STRING;
	j->at = p + len + 3;
	return true;
}

bool crit_json_take_number(struct crit_json *j, uint64_t max, uint64_t *number)
{
	const char *p = j->at + (j->at < j->end && *j->at == ' ');
	const char *behind = crit_plain_number(p, j->end, max, number);

	if (!behind)
		return false;
	j->token_off = offset_of(j, p);
	j->token = *p == '"' ? CRIT_JSON_STRING : CRIT_JSON_NUMBER;
	j->at = behind;
	return true;
}

int crit_json_scan(struct crit_json *j)
{
	j->token = scan(j);
	if (j->token < 0 && j->unfinished)
		check_place_of_cut(j);
	j->want = CRIT_JSON_WANT_ANY;
	return j->token;
}

int crit_json_next_open(struct crit_json *j)
{
	int c = find_token(j);

	if (c < 0)
		return j->token = c;
	if (c != '"')
		return crit_json_next(j);
	j->at++;
	crit_buf_reset(&j->unescaped);
	j->value = j->at;
	j->value_len = 0;
	j->token = CRIT_JSON_STRING;
	return j->token;
}

int crit_json_piece(struct crit_json *j, const char **piece, size_t *len)
{
	const char *from = j->at, *p;
	bool high;
	int ret;

	p = crit_plain_run(from, j->end, &high);
	*piece = from;
	*len = (size_t)(p - from);
	j->at = p;
	if (p > from)
		return 1;
	if (p < j->end && *p == '"') {
		j->at++;
		return 0;
	}
	if (p < j->end && *p != '\\')
		return bad_char(j, p, "a control character within a string");
	crit_buf_reset(&j->unescaped);
	p++;
	ret = from == j->end ? unfinished(j, "a string") : read_escape(j, &p);
	if (ret == AGAIN) {
		ret = load_more(j);
		return ret < 0 ? ret : crit_json_piece(j, piece, len);
	}
	if (ret < 0)
		return ret;
	if (j->unescaped.error)
		return crit_fail(j->err, CRIT_NO_MEMORY, "no memory for a string");
	j->at = p;
	*piece = (const char *)j->unescaped.data;
	*len = j->unescaped.len;
	return 1;
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

int crit_json_expected(struct crit_json *j, const char *what)
{
	size_t n = j->value_len < SHOWN_MAX ? j->value_len : SHOWN_MAX;

	if (j->token < 0)
		return j->token;
	if (j->token == CRIT_JSON_END)
		j->unfinished = true;
	crit_json_error_here(j);
	if (j->token == CRIT_JSON_STRING)
		return crit_fail(j->err, CRIT_REJECTED, "expected %s, got \"%.*s\"", what,
				 (int)n, j->value);
	if (j->token == CRIT_JSON_NUMBER)
		return crit_fail(j->err, CRIT_REJECTED, "expected %s, got %.*s", what, (int)n,
				 j->value);
	return crit_fail(j->err, CRIT_REJECTED, "expected %s, got %s", what,
			 token_name(j->token));
}
