/*
 * Texts for the JSON scanner: whole values, beginnings of values, texts that are
 * wrong, and the places at which they are.
 */
#ifndef UNIT_JSON_TEXTS_H
#define UNIT_JSON_TEXTS_H

/* clang-format off */
static const char *const whole[] = {
	"{}", "[]", "0", "-0", "1", "-1", "10", "1.5", "-0.5", "0.0", "1e5", "1E+5", "1.25e-10",
	"123456789012345678901234567890", "1e999", "true", "false", "null", "\"\"", "\"a\"",
	" 1", "1 ", "\t1\r\n", "[1,2]", "[ 1 , 2 ]", "[[],[[]],{}]", "{\"a\":1}",
	"{ \"a\" : 1 , \"b\" : [ ] }", "{\"\":0}", "{\"a\":{\"a\":{\"a\":null}}}",
	"{\"a\":1,\"a\":2}", /* who reads it minds the keys, the scanner does not */
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "\"\\u00e9\\uFFFF\"",
	"\"\\ud83d\\ude00\"", "\"\\uD800\\uDC00\"", "\"\\udbff\\udfff\"", "\"\x7f\"",
	"\"\xc3\xa9\"", "\"\xe2\x82\xac\"", "\"\xf0\x9f\x98\x80\"", "\"\xef\xbf\xbf\"",
	"[\"]\",\"}\",\"\\\"\"]",
};
/* clang-format on */

/* clang-format off */
static const char *const wrong[] = {
	"]", "}", ",", ":", "[,]", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{,}", "{\"a\":1,}",
	"{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":1:2}",
	"{a:1}", "{'a':1}", "[1}", "{\"a\":1]", "[)", "(1)", "1 2", "{} {}", "[] ]",
	"\"a\" \"b\"", "true false", "01", "-01", "00", "1.e5", ".5", "-.5", "+1", "--1", "- 1",
	"1ee5", "1e+-5", "1.2.3", "0x10", "1_000", "1a", "[1.]", "[0.]", "[1e]", "[-]", "1,",
	"True", "TRUE", "trUe", "nul1", "nil", "NaN", "nan", "Infinity", "-Infinity",
	"undefined", "'a'", "\"\\x41\"", "\"\\'\"", "\"\\0\"", "\"\\a\"", "\"\\u00g0\"",
	"\"\\U0041\"", "\"\\udc00 \\ud800\"", "\"\\ud800\\u0041\"", "\"\\ud800 \\udc00\"",
	"\"\\ud800\\ud800\"", "\"\\udc00\"", "\"\t\"", "\"\n\"", "\"\x1f\"", "\"\xff\"",
	"\"\x80\"", "\"\xc0\x80\"", "\"\xc3(\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"",
	"\"\xf4\x90\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xc3\"", "// 1", "/* 1 */ 1",
	"# 1", "\xef\xbb\xbf{}", "\v1", "\f1", ("\xc2\xa0" "1"), "[\x01]", "nulll", "{\"a\":1}}",
};
/* clang-format on */

/* clang-format off */
static const char *const unfinished[] = {
	"", " ", "\n\n", "[", "{", "[1", "[1,", "[[]", "{\"", "{\"a", "{\"a\"", "{\"a\":",
	"{\"a\":1", "{\"a\":1,", "\"", "\"\\", "\"\\u", "\"\\u0", "\"\\u00e", "\"\\ud83d",
	"\"\\ud83d\\", "\"\\ud83d\\u", "\"\\ud83d\\ude0", "\"\xc3", "\"\xf0\x9f\x98", "t",
	"fals", "nul", "-", "1.", "1e", "1e+", "[-", "[0.", "[ true", "[null,",
};
/* clang-format on */

/* Columns count bytes from 1, lines end with a line feed only. */
static const struct {
	const char *text;
	unsigned line, col;
	const char *says;
} places[] = {
	{"x", 1, 1, "unexpected character: 'x'"},
	{"\x01", 1, 1, "unexpected character: byte 0x01"},
	{"{\n  \"a\": 1,\n  b\n}", 3, 3, "unexpected character: 'b'"},
	{"[\r1,\r\n\t?]", 2, 2, "unexpected character: '?'"},
	{"[\n\n\n1 2]", 4, 3, "expected ',' or ']', got 2"},
	{"[1\n}", 2, 1, "expected the other bracket, got '}'"},
	{"{\"a\": 1\n]", 2, 1, "expected the other bracket, got ']'"},
	{"{\"a\": 1\n \"b\"", 2, 2, "expected ',' or '}', got \"b\""},
	{"{\n\"a\" 1", 2, 5, "expected ':' behind a key, got 1"},
	{"{\n 1: 2}", 2, 2, "expected a key in double quotes, got 1"},
	{"{\"a\":1, }", 1, 9, "expected a key in double quotes, got '}'"},
	{"{\"a\":\n  }", 2, 3, "expected a JSON value, got '}'"},
	{"[1,\n ]", 2, 2, "expected a JSON value, got ']'"},
	{"[:]", 1, 2, "expected a JSON value, got ':'"},
	{"{}\n\n  []", 3, 3, "expected nothing behind the value, got a list"},
	{"1 {}", 1, 3, "expected nothing behind the value, got an object"},
	{"1\ntrue", 2, 1, "expected nothing behind the value, got true"},
	{"1 false", 1, 3, "expected nothing behind the value, got false"},
	{"1\tnull", 1, 3, "expected nothing behind the value, got null"},
	{"[\n 01]", 2, 2, "a number does not begin with: '0'"},
	{"[-007]", 1, 3, "a number does not begin with: '0'"},
	{"[1.\n]", 1, 4, "expected a digit, got: byte 0x0a"},
	{"[1e\n]", 1, 4, "expected a digit, got: byte 0x0a"},
	{"[1e+x]", 1, 5, "expected a digit, got: 'x'"},
	{"[-x]", 1, 3, "expected a digit, got: 'x'"},
	{"[\ntrUe]", 2, 1, "expected a JSON value, got: 't'"},
	{"[nil]", 1, 2, "expected a JSON value, got: 'n'"},
	{"[\"a\tb\"]", 1, 4, "a control character within a string: byte 0x09"},
	{"[\"a\nb\"]", 1, 4, "a control character within a string: byte 0x0a"},
	{"[\"\\x41\"]", 1, 4, "no such escape in a string: 'x'"},
	{"[\"ab\\u12g4\"]", 1, 5, "\\u takes four hexadecimal digits: '\\'"},
	{"[\"ab\\ud800\\u0041\"]", 1, 5, "half a surrogate pair: '\\'"},
	{"[\"ab\\udc00abcdef\"]", 1, 5, "half a surrogate pair: '\\'"},
	{"[\"\xc3\xa9\xff\"]", 1, 5, "a string that is no UTF-8: byte 0xff"},
	{"[\"\xc3\xa9\\n\xff\"]", 1, 7, "a string that is no UTF-8: byte 0xff"},
};

/* A valid object in which each kind of token stands. */
static const char object[] =
	"{\n    \"id\": 7,\n    \"reg\": {\n\t\"name\": \"/d\xc3\xa9j\xc3\xa0/\xf0\x9f\x98\x80\", "
	"\"pos\": -12.50e+3, \"e\": \"\\\"\\\\\\/\\b\\u00e9\\ud83d\\ude00\"\r\n    },\n"
	"    \"flags\": \"0x1f | O_RDWR\",\n  \"list\":\t[1, true, false, "
	"null, [], {}, [{\"a\": [[0]]}], "
	"-0, 1E9, \"\"],\n    \"\\u0061\": {\"b\": {}}\n}";

#endif
