/*
 * The JSON scanner: what it takes and refuses, the places it names, and that it
 * agrees with json-c on every text but for the differences that json-oracle.h lists.
 */
#include "json-oracle.h"
#include "json-texts.h"

#include <errno.h>

static void expect_verdict(const char *text, size_t len, enum verdict wanted)
{
	struct crit_error err;
	enum verdict found = check(text, len, &err);

	if (found != wanted)
		fail("[%.*s]: expected %s, found %s (%u:%u: %s)", (int)len, text,
		     name_of(wanted), name_of(found), err.line, err.col, err.text);
}

static void takes_and_refuses(void)
{
	size_t i;

	for (i = 0; i < COUNT(whole); i++)
		expect_verdict(whole[i], strlen(whole[i]), WHOLE);
	for (i = 0; i < COUNT(wrong); i++)
		expect_verdict(wrong[i], strlen(wrong[i]), WRONG);
	for (i = 0; i < COUNT(unfinished); i++)
		expect_verdict(unfinished[i], strlen(unfinished[i]), UNFINISHED);
	/* a NUL is a character like others, and no good one */
	expect_verdict("\0", 1, WRONG);
	expect_verdict("1\0", 2, WRONG);
	expect_verdict("\"\0\"", 3, WRONG);
	expect_verdict("\"\\\0\"", 4, WRONG);
}

static void names_the_place(void)
{
	struct crit_error err;
	size_t i;

	for (i = 0; i < COUNT(places); i++) {
		unit_about("[%s]", places[i].text);
		expect_int(check(places[i].text, strlen(places[i].text), &err), WRONG);
		expect_int(err.line, places[i].line);
		expect_int(err.col, places[i].col);
		expect_str(err.text, places[i].says);
		expect_int(err.errnum, EBADMSG);
	}
}

static void names_the_place_of_a_missing_end(void)
{
	static const struct {
		const char *text;
		unsigned line, col;
		const char *says;
	} table[] = {
		{"[\n1", 2, 2, "expected ',' or ']', got the end of the text"},
		{"{\"a\":\n\n", 3, 1, "expected a JSON value, got the end of the text"},
		{"{\n\"ab", 2, 4, "the text ends within a string"},
		{"[\n\"\\u12", 2, 6, "the text ends within a \\u escape"},
		{"[\ntru", 2, 4, "the text ends within a word"},
		{"[\n-", 2, 2, "the text ends within a number"},
	};
	struct crit_error err;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("[%s]", table[i].text);
		expect_int(check(table[i].text, strlen(table[i].text), &err), UNFINISHED);
		expect_int(err.line, table[i].line);
		expect_int(err.col, table[i].col);
		expect_str(err.text, table[i].says);
	}
}

static void hands_out_tokens(void)
{
	static const char text[] = "{\n\t\"a\\n\": [1, -2.5e3,\r\n true],\n \"\xc3\xa9\" : {}, "
				   "\"x\":false,\"y\":null}\n ";
	static const struct {
		int token;
		unsigned line, col;
		const char *value;
	} tokens[] = {
		{'{', 1, 1, NULL},           {'s', 2, 2, "a\n"},
		{':', 2, 7, NULL},           {'[', 2, 9, NULL},
		{'0', 2, 10, "1"},           {',', 2, 11, NULL},
		{'0', 2, 13, "-2.5e3"},      {',', 2, 19, NULL},
		{'t', 3, 2, NULL},           {']', 3, 6, NULL},
		{',', 3, 7, NULL},           {'s', 4, 2, "\xc3\xa9"},
		{':', 4, 7, NULL},           {'{', 4, 9, NULL},
		{'}', 4, 10, NULL},          {',', 4, 11, NULL},
		{'s', 4, 13, "x"},           {':', 4, 16, NULL},
		{'f', 4, 17, NULL},          {',', 4, 22, NULL},
		{'s', 4, 23, "y"},           {':', 4, 26, NULL},
		{'n', 4, 27, NULL},          {'}', 4, 31, NULL},
		{CRIT_JSON_END, 5, 2, NULL}, {CRIT_JSON_END, 5, 2, NULL},
	};
	struct crit_error err = {0};
	struct crit_json j;
	size_t i;

	crit_json_init(&j, text, sizeof(text) - 1, &err);
	for (i = 0; i < COUNT(tokens); i++) {
		unit_about("token %zu", i);
		expect_int(crit_json_next(&j), tokens[i].token);
		expect_int(j.token, tokens[i].token);
		crit_json_error_here(&j);
		expect_int(err.line, tokens[i].line);
		expect_int(err.col, tokens[i].col);
		if (tokens[i].value)
			expect_bytes(j.value, j.value_len, tokens[i].value,
				     strlen(tokens[i].value));
	}
	expect_int(err.errnum, 0);
	crit_json_fini(&j);
}

static void says_what_it_expected(void)
{
	static const char text[] = " \"abc\" 12 ]";
	struct crit_error err = {0};
	char shown[200];
	struct crit_json j;

	crit_json_init(&j, text, sizeof(text) - 1, &err);
	crit_json_next(&j);
	expect_int(crit_json_expected(&j, "an integer"), -EBADMSG);
	expect_str(err.text, "expected an integer, got \"abc\"");
	crit_error_format(&err, "files.img/3.json", shown, sizeof(shown));
	expect_str(shown, "files.img/3.json:1:2: error: expected an integer, got \"abc\"");
	crit_json_next(&j);
	expect_int(crit_json_expected(&j, "a string"), -EBADMSG);
	expect_str(err.text, "expected a string, got 12");
	expect_int(err.col, 8);
	crit_json_next(&j);
	expect_int(crit_json_expected(&j, "a string"), -EBADMSG);
	expect_str(err.text, "expected a string, got ']'");
	expect(!j.unfinished);
	crit_json_next(&j);
	expect_int(crit_json_expected(&j, "more"), -EBADMSG);
	expect_str(err.text, "expected more, got the end of the text");
	expect(j.unfinished);
	crit_json_fini(&j);
}

/* The text of a message stands on one line of a terminal or an editor's list. */
static void messages_are_one_line(void)
{
	static const char *const texts[] = {
		"{\"a\" \"x\\ny\"}",
		"[1 \"\\u001b[2J\"]",
		"{\"a\":1 \"\\r\"}",
	};
	struct crit_error err;
	size_t i, at;

	for (i = 0; i < COUNT(texts); i++) {
		unit_about("[%s]", texts[i]);
		expect_int(check(texts[i], strlen(texts[i]), &err), WRONG);
		for (at = 0; err.text[at]; at++)
			if ((unsigned char)err.text[at] < 0x20)
				fail("expected no control characters, found byte 0x%02x",
				     err.text[at]);
	}
}

static void skips_values(void)
{
	/* clang-format off */
	static const char *const values[] = {
		"1", "\"a]}\"", "[]", "{}", "[[1,{\"a\":[2]}],3]",
		"{\"a\":{\"b\":[]},\"c\":null}", "true",
	};
	/* clang-format on */
	struct crit_json j;
	char text[100];
	size_t i;

	for (i = 0; i < COUNT(values); i++) {
		unit_about("[%s]", values[i]);
		snprintf(text, sizeof(text), "[%s, \"behind\"]", values[i]);
		crit_json_init(&j, text, strlen(text), NULL);
		crit_json_next(&j);
		crit_json_next(&j);
		expect_int(crit_json_skip(&j), 0);
		expect_int(crit_json_next(&j), ',');
		expect_int(crit_json_next(&j), CRIT_JSON_STRING);
		expect_bytes(j.value, j.value_len, "behind", 6);
		crit_json_fini(&j);
	}
}

/* `n` levels of lists or objects with `inner` within, closed or not. */
static size_t nest(char *out, unsigned n, const char *open, const char *inner,
		   const char *close)
{
	char *p = out;
	unsigned i;

	for (i = 0; i < n; i++)
		p = stpcpy(p, open);
	p = stpcpy(p, inner);
	for (i = 0; i < n; i++)
		p = stpcpy(p, close);
	return (size_t)(p - out);
}

static void limits_depth(void)
{
	char *text = malloc(4 << 20);
	struct crit_error err;
	size_t len;

	expect(text != NULL);
	len = nest(text, 512, "[", "", "]");
	expect_verdict(text, len, WHOLE);
	len = nest(text, 512, "{\"a\":", "1", "}");
	expect_verdict(text, len, WHOLE);
	len = nest(text, 512, "[", "", "");
	expect_verdict(text, len, UNFINISHED);
	len = nest(text, 513, "[\n", "", "]");
	expect_int(check(text, len, &err), WRONG);
	expect_int(err.line, 513);
	expect_int(err.col, 1);
	expect_str(err.text, "expected at most 512 levels, got a list");
	len = nest(text, 513, "{\"a\":", "1", "}");
	expect_int(check(text, len, &err), WRONG);
	expect_int(err.col, 512 * 5 + 1);
	len = nest(text, 1000000, "[", "", "]");
	expect_int(check(text, len, &err), WRONG);
	/* breadth is no depth */
	len = nest(text, 1, "[", "[]", "");
	while (len < 1 << 20)
		len += (size_t)sprintf(text + len, ",[[{}]]");
	len += (size_t)sprintf(text + len, "]");
	expect_verdict(text, len, WHOLE);
	free(text);
}

static void every_prefix_is_unfinished(void)
{
	size_t len;

	for (len = 0; len < sizeof(object) - 1; len++)
		expect_verdict(object, len, UNFINISHED);
	expect_verdict(object, len, WHOLE);
}

/* 1 means that some bytes behind the text can make it valid. */
static void what_cannot_be_finished_is_wrong(void)
{
	/* clang-format off */
	static const char *const texts[] = {
		"\"\\u12\"", "\"\\u1g", "\"\\ug", "\"\\u\"", "\"\\ud83d\"", "\"\\ud83dx",
		"\"\\ud83d\\n", "\"\\ud83d\\u\"", "\"\\ud83d\\u0", "\"\\ud83d\\u00",
		"{\"name\": \"\\ud83d\"}", "\"\\ud83d\\uda", "\"\xff", "\"a\xc0", "\"\xe0\x80",
		"\"\xed\xa0", "\"\xc3\xa9\xf4\x90", "\"\x80 and more", "{\"\xff", "\"\xff\\u12",
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < COUNT(texts); i++)
		expect_verdict(texts[i], strlen(texts[i]), WRONG);
}

/* Where only punctuation may stand, the first byte of a token is wrong already. */
static void a_cut_token_is_still_misplaced(void)
{
	/* clang-format off */
	static const char *const texts[] = {
		"1-", "{} \"", "[1 \"a", "[1 tr", "{\"a\" \"", "{\"a\" 1.", "{tr", "{-",
		"{\"a\":1,-", "[] nul",
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < COUNT(texts); i++)
		expect_verdict(texts[i], strlen(texts[i]), WRONG);
}

static void agrees_with_json_c(void)
{
	size_t i, len;

	for (i = 0; i < COUNT(whole); i++)
		compare_with_json_c(whole[i], strlen(whole[i]));
	for (i = 0; i < COUNT(wrong); i++)
		compare_with_json_c(wrong[i], strlen(wrong[i]));
	for (i = 0; i < COUNT(unfinished); i++)
		compare_with_json_c(unfinished[i], strlen(unfinished[i]));
	for (i = 0; i < COUNT(places); i++)
		compare_with_json_c(places[i].text, strlen(places[i].text));
	for (len = 0; len <= sizeof(object) - 1; len++)
		compare_with_json_c(object, len);
}

/* What texts are mutated with; a NUL would end json-c's text. */
/* clang-format off */
static const char *const pieces[] = {
	"{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\ud83d", "\\ude00", "0", "1", "-",
	".", "e", "E+", "true", "null", "a", " ", "\n", "\t", "\x01", "\x7f", "\xc3", "\xa9",
	"\xed\xa0\x80", "\xff", "\xf0\x9f", "'", "/", "NaN", "\"a\":", "[]", "{}", "\"\"", "12",
};
/* clang-format on */

static size_t mutate(struct unit_random *r, char *text, size_t len, size_t cap)
{
	const char *piece = pieces[unit_below(r, COUNT(pieces))];
	size_t at = unit_below(r, len + 1), n = strlen(piece), cut = 0;

	switch (unit_below(r, 4)) {
	case 0: /* cut the end off */
		if (unit_below(r, 4) == 0)
			return at;
		break;
	case 1: /* remove some bytes, put nothing */
		cut = 1 + unit_below(r, 3);
		n = 0;
		break;
	case 2: /* replace */
		cut = n;
		break;
	}
	if (cut > len - at)
		cut = len - at;
	if (len - cut + n > cap)
		return len;
	memmove(text + at + n, text + at + cut, len - at - cut);
	memcpy(text + at, piece, n);
	return len - cut + n;
}

static void agrees_with_json_c_on_mutations(void)
{
	struct unit_random r = unit_seed(1);
	char text[sizeof(object) + 64];
	size_t i, len, n;

	for (i = 0; i < 20000; i++) {
		const char *from = i % 2 ? object : whole[unit_below(&r, COUNT(whole))];

		len = strlen(from);
		memcpy(text, from, len);
		for (n = 1 + unit_below(&r, 3); n; n--)
			len = mutate(&r, text, len, sizeof(text) - 1);
		text[len] = '\0';
		compare_with_json_c(text, len);
	}
}

/* A random string of code points, those that need escapes among them. */
static void random_string(struct unit_random *r, struct crit_buf *out)
{
	static const uint32_t ends[] = {0x20, 0x7f, 0x100, 0x800, 0xd800, 0x110000};
	size_t n = unit_below(r, 40);

	while (n--) {
		uint32_t c = (uint32_t)unit_below(r, ends[unit_below(r, COUNT(ends))]);

		if (c < 0xd800 || c > 0xdfff)
			crit_utf8_put(out, c);
	}
}

static void strings_go_both_ways(void)
{
	struct unit_random r = unit_seed(2);
	struct crit_buf string = {0}, text = {0};
	struct json_object *tree, *theirs;
	const char *spelled;
	struct crit_json j;
	int i;

	for (i = 0; i < 3000; i++) {
		unit_about("string %d", i);
		crit_buf_reset(&string);
		crit_buf_reset(&text);
		random_string(&r, &string);
		crit_quote(&text, string.data, string.len);
		/* ours read by json-c */
		expect_int(json_c((const char *)text.data, text.len, &tree), WHOLE);
		expect_bytes(json_object_get_string(tree),
			     (size_t)json_object_get_string_len(tree), string.data, string.len);
		json_object_put(tree);
		/* json-c's read by us */
		theirs = json_object_new_string_len((const char *)string.data, (int)string.len);
		spelled = json_object_to_json_string(theirs);
		crit_json_init(&j, spelled, strlen(spelled), NULL);
		expect_int(crit_json_next(&j), CRIT_JSON_STRING);
		expect_bytes(j.value, j.value_len, string.data, string.len);
		expect_int(crit_json_next(&j), CRIT_JSON_END);
		crit_json_fini(&j);
		json_object_put(theirs);
	}
	crit_buf_fini(&string);
	crit_buf_fini(&text);
}

static void escapes_stand_for_bytes(void)
{
	static const struct {
		const char *text;
		const char *bytes;
		size_t len;
	} table[] = {
		{"\"\"", "", 0},
		{"\"\\u0000\"", "\0", 1},
		{"\"a\\u0000b\"", "a\0b", 3},
		{"\"\\b\\f\\n\\r\\t\\/\\\\\\\"\"", "\b\f\n\r\t/\\\"", 8},
		{"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		 "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11},
		{"\"\\uD83D\\uDe00x\"", "\xf0\x9f\x98\x80x", 5},
		{"\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8},
		{"\"\\u00E9\\u00e9\"", "\xc3\xa9\xc3\xa9", 4},
	};
	struct crit_json j;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("%s", table[i].text);
		crit_json_init(&j, table[i].text, strlen(table[i].text), NULL);
		expect_int(crit_json_next(&j), CRIT_JSON_STRING);
		expect_bytes(j.value, j.value_len, table[i].bytes, table[i].len);
		crit_json_fini(&j);
	}
}

static const struct unit_test tests[] = {
	TEST(takes_and_refuses),
	TEST(names_the_place),
	TEST(names_the_place_of_a_missing_end),
	TEST(hands_out_tokens),
	TEST(says_what_it_expected),
	TEST(messages_are_one_line),
	TEST(skips_values),
	TEST(limits_depth),
	TEST(every_prefix_is_unfinished),
	TEST(what_cannot_be_finished_is_wrong),
	TEST(a_cut_token_is_still_misplaced),
	TEST(agrees_with_json_c),
	TEST(agrees_with_json_c_on_mutations),
	TEST(strings_go_both_ways),
	TEST(escapes_stand_for_bytes),
};

UNIT_MAIN(tests)
