/*
 * The JSON scanner over a window: it hands out what it does over the same text in
 * memory, wherever the window ends.
 */
#include "json-texts.h"
#include "sources.h"

#include "decoder/json.h"
#include "decoder/text.h"

#define WINDOW 65536 /* bytes that are read at first */

/* Every sort of token, with what may be within. */
static const char all_sorts[] =
	"{\"a\\n\\u00e9\\ud83d\\ude00\\\"\": [1, -2.5e+30, 0,\r\n true],"
	"\n \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" : {}, \"x\":false,"
	"\t\"y\":null, \"\":\"\",\"n\":[[],-0.0]}";

/* Two scanners, the same text. */
struct both {
	struct crit_buf text; /* owned */
	struct text_source source;
	struct crit_error memory_err, window_err;
	struct crit_json memory, window;
};

static void open_both(struct both *b)
{
	b->source = text_source(b->text.data, b->text.len);
	b->memory_err = b->window_err = (struct crit_error){0};
	crit_json_init(&b->memory, (char *)b->text.data, b->text.len, &b->memory_err);
	crit_json_init_source(&b->window, &b->source.source, &b->window_err);
}

static void close_both(struct both *b)
{
	crit_json_fini(&b->memory);
	crit_json_fini(&b->window);
}

/* White space in lines of which none is as long as another. */
static void put_space(struct crit_buf *out, size_t n)
{
	size_t i;

	for (i = 1; n--; i++)
		crit_buf_byte(out, i * i % 89 == 1 ? '\n' : i % 31 ? ' ' : '\t');
}

/* The text so that its byte `at` is the first behind the window. */
static void put_at_edge(struct both *b, const char *text, size_t len, size_t at)
{
	crit_buf_reset(&b->text);
	put_space(&b->text, WINDOW - at);
	crit_buf_add(&b->text, text, len);
}

static void expect_same_error(const struct both *b)
{
	expect_int(b->window_err.errnum, b->memory_err.errnum);
	expect_int(b->window_err.line, b->memory_err.line);
	expect_int(b->window_err.col, b->memory_err.col);
	expect_str(b->window_err.text, b->memory_err.text);
	expect_int(b->window.unfinished, b->memory.unfinished);
}

/* What both say of their last token is the same. */
static void expect_same_token(const struct both *b)
{
	struct crit_json_mark m = crit_json_tell(&b->memory), w = crit_json_tell(&b->window);
	unsigned m_line, m_col, w_line, w_col;

	expect_int(b->window.token, b->memory.token);
	expect_same_error(b);
	if (b->memory.token < 0)
		return;
	crit_json_place(&b->memory, &m_line, &m_col);
	crit_json_place(&b->window, &w_line, &w_col);
	expect_int(w_line, m_line);
	expect_int(w_col, m_col);
	expect_u64(w.off, m.off);
	expect_u64(w.line_off, m.line_off);
	expect_u64(w.line, m.line);
	if (b->memory.token == CRIT_JSON_STRING || b->memory.token == CRIT_JSON_NUMBER)
		expect_bytes(b->window.value, b->window.value_len, b->memory.value,
			     b->memory.value_len);
}

static void expect_same_tokens(struct both *b)
{
	int token;

	open_both(b);
	do {
		token = crit_json_next(&b->memory);
		expect_int(crit_json_next(&b->window), token);
		expect_same_token(b);
	} while (token > 0);
	close_both(b);
}

/* The same, of a text every byte of which is at the window's edge once. */
static void expect_same_at_edge(struct both *b, const char *text, size_t len)
{
	size_t at;

	for (at = 0; at <= len; at++) {
		unit_about("[%s], byte %zu at the edge", text, at);
		put_at_edge(b, text, len, at);
		expect_same_tokens(b);
	}
}

static void tokens_at_the_edge(void)
{
	struct both b = {0};
	size_t i;

	expect_same_at_edge(&b, all_sorts, sizeof(all_sorts) - 1);
	for (i = 0; i < COUNT(whole); i++)
		expect_same_at_edge(&b, whole[i], strlen(whole[i]));
	crit_buf_fini(&b.text);
}

static void errors_at_the_edge(void)
{
	struct both b = {0};
	size_t i;

	for (i = 0; i < COUNT(wrong); i++)
		expect_same_at_edge(&b, wrong[i], strlen(wrong[i]));
	for (i = 0; i < COUNT(unfinished); i++)
		expect_same_at_edge(&b, unfinished[i], strlen(unfinished[i]));
	for (i = 0; i < COUNT(places); i++)
		expect_same_at_edge(&b, places[i].text, strlen(places[i].text));
	crit_buf_fini(&b.text);
}

/* All cuts of a text, the cut being the window's edge, or the edge being before it. */
static void cut_texts(void)
{
	struct both b = {0};
	size_t len, at;

	for (len = 0; len < sizeof(all_sorts); len++)
		for (at = len < 7 ? 0 : len - 7; at <= len; at++) {
			unit_about("%zu bytes, byte %zu at the edge", len, at);
			put_at_edge(&b, all_sorts, len, at);
			expect_same_tokens(&b);
		}
	crit_buf_fini(&b.text);
}

/* Characters of a string as they stand in a text. */
static void put_characters(struct crit_buf *out, struct unit_random *r, size_t n)
{
	/* clang-format off */
	static const char *const some[] = {
		"a", "some words of plain text", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
		"\\n", "\\\"", "\\\\", "\\/", "\\u0000", "\\u20ac", "\\ud83d\\ude00", "\x7f",
	};
	/* clang-format on */
	size_t end = out->len + n;

	while (out->len < end)
		crit_buf_str(out, some[unit_below(r, COUNT(some))]);
}

/* A list of strings and numbers, some far longer than a window. */
static void put_long_tokens(struct crit_buf *out, struct unit_random *r)
{
	static const size_t sizes[] = {0, 7, 300, WINDOW, 200000};
	unsigned i;

	crit_buf_str(out, "[");
	for (i = 0; i < 12; i++) {
		put_space(out, unit_below(r, 9));
		crit_buf_str(out, "\"");
		put_characters(out, r, sizes[unit_below(r, COUNT(sizes))]);
		crit_buf_str(out, "\",\n-1");
		crit_buf_fill(out, '7', sizes[unit_below(r, COUNT(sizes))]);
		crit_buf_str(out, i % 2 ? ".5e-07 ," : ",");
	}
	crit_buf_str(out, "true]");
}

static void tokens_longer_than_the_window(void)
{
	struct unit_random r = unit_seed(31);
	struct both b = {0};
	unsigned i;

	for (i = 0; i < 60; i++) {
		unit_about("text %u", i);
		crit_buf_reset(&b.text);
		put_space(&b.text, unit_below(&r, WINDOW));
		put_long_tokens(&b.text, &r);
		if (i % 3 == 2) /* cut anywhere */
			b.text.len -= unit_below(&r, b.text.len);
		expect_same_tokens(&b);
	}
	crit_buf_fini(&b.text);
}

/* The string that comes next, read in pieces; its value goes to `out`. */
static int read_pieces(struct crit_json *j, struct crit_buf *out)
{
	const char *piece;
	size_t len;
	int ret;

	crit_buf_reset(out);
	while ((ret = crit_json_piece(j, &piece, &len)) > 0) {
		expect(len > 0);
		crit_buf_add(out, piece, len);
	}
	return ret;
}

static void expect_same_pieces(struct both *b, struct crit_buf *value)
{
	int token;

	open_both(b);
	do {
		token = crit_json_next(&b->memory);
		if (token < 0 && strstr(b->memory_err.text, "no UTF-8"))
			break; /* pieces may be none either */
		if (crit_json_next_open(&b->window) == CRIT_JSON_STRING) {
			if (read_pieces(&b->window, value) < 0)
				b->window.token = -EBADMSG;
			b->window.value = (char *)value->data;
			b->window.value_len = value->len;
		}
		expect_same_token(b);
	} while (token > 0);
	close_both(b);
}

static void pieces_of_strings(void)
{
	struct unit_random r = unit_seed(32);
	struct crit_buf value = {0};
	struct both b = {0};
	size_t i, at;

	for (at = 0; at < sizeof(all_sorts); at++) {
		unit_about("byte %zu at the edge", at);
		put_at_edge(&b, all_sorts, sizeof(all_sorts) - 1, at);
		expect_same_pieces(&b, &value);
	}
	for (i = 0; i < COUNT(wrong) + COUNT(unfinished); i++) {
		const char *text = i < COUNT(wrong) ? wrong[i] : unfinished[i - COUNT(wrong)];

		for (at = 0; at <= strlen(text); at++) {
			unit_about("[%s], byte %zu at the edge", text, at);
			put_at_edge(&b, text, strlen(text), at);
			expect_same_pieces(&b, &value);
		}
	}
	for (i = 0; i < 40; i++) {
		unit_about("text %zu", i);
		crit_buf_reset(&b.text);
		put_long_tokens(&b.text, &r);
		if (i % 3 == 2)
			b.text.len -= unit_below(&r, b.text.len);
		expect_same_pieces(&b, &value);
	}
	crit_buf_fini(&value);
	crit_buf_fini(&b.text);
}

/* A value in a list is skipped, what is behind it is read. */
static void expect_same_skip(struct both *b)
{
	int ret;

	open_both(b);
	crit_json_next(&b->memory);
	crit_json_next(&b->window);
	ret = crit_json_skip(&b->memory);
	if (ret < 0 && strstr(b->memory_err.text, "no UTF-8"))
		return close_both(b); /* what is skipped may be none */
	expect_int(crit_json_skip(&b->window), ret);
	expect_same_token(b);
	if (ret == 0) {
		crit_json_next(&b->memory);
		crit_json_next(&b->window);
		expect_same_token(b);
	}
	close_both(b);
}

static void skips_at_the_edge(void)
{
	const struct {
		const char *const *texts;
		size_t n;
	} tables[] = {
		{whole, COUNT(whole)}, {wrong, COUNT(wrong)}, {unfinished, COUNT(unfinished)}};
	struct both b = {0};
	size_t t, i, at;

	for (at = 0; at < sizeof(all_sorts); at++) {
		unit_about("byte %zu at the edge", at);
		put_at_edge(&b, all_sorts, sizeof(all_sorts) - 1, at);
		expect_same_skip(&b);
	}
	for (t = 0; t < COUNT(tables); t++)
		for (i = 0; i < tables[t].n; i++)
			for (at = 0; at <= strlen(tables[t].texts[i]); at++) {
				unit_about("[%s], byte %zu at the edge", tables[t].texts[i],
					   at);
				put_at_edge(&b, tables[t].texts[i], strlen(tables[t].texts[i]),
					    at);
				expect_same_skip(&b);
			}
	crit_buf_fini(&b.text);
}

static void skipped_strings_take_no_memory(void)
{
	struct unit_random r = unit_seed(33);
	struct both b = {0};

	crit_buf_str(&b.text, "[{\"a\": \"");
	put_characters(&b.text, &r, 3 << 20);
	crit_buf_str(&b.text, "\", \"b\": [\"");
	put_characters(&b.text, &r, 3 << 20);
	crit_buf_str(&b.text, "\"]}, \"\xc3\xa9\"]");
	open_both(&b);
	crit_json_next(&b.window);
	expect_int(crit_json_next(&b.window), '{');
	expect_int(crit_json_skip(&b.window), 0);
	if (b.window.window.cap > 2 * WINDOW || b.window.unescaped.cap > 4096)
		fail("expected a window and no more, found %zu + %zu bytes",
		     b.window.window.cap, b.window.unescaped.cap);
	expect_int(crit_json_next(&b.window), ',');
	expect_int(crit_json_next(&b.window), CRIT_JSON_STRING);
	expect_bytes(b.window.value, b.window.value_len, "\xc3\xa9", 2);
	expect_int(crit_json_next(&b.window), ']');
	expect_int(crit_json_next(&b.window), CRIT_JSON_END);
	close_both(&b);
	crit_buf_fini(&b.text);
}

/* How the scanner is at the place where the source breaks. */
enum way { NEXT, PIECE, SKIP };

static void read_errors(void)
{
	static const struct {
		const char *text;
		unsigned at; /* of its bytes at the edge */
		enum way way;
	} table[] = {
		{"", 0, NEXT},
		{"[1]", 0, NEXT},
		{"[1", 2, NEXT},
		{"\"abc\"", 2, NEXT},
		{"\"\\n\"", 2, NEXT},
		{"-1.5", 2, NEXT},
		{"true", 2, NEXT},
		{"\"abc\"", 2, PIECE},
		{"\"\\n\"", 2, PIECE},
		{"\"\"", 1, PIECE},
		{"[\"abc\"]", 3, SKIP},
		{"[[1], 2]", 4, SKIP},
		{"{\"abc\": 1}", 3, SKIP},
	};
	struct crit_buf value = {0};
	struct both b = {0};
	size_t i;
	int ret;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("row %zu, [%s]", i, table[i].text);
		put_at_edge(&b, table[i].text, strlen(table[i].text), table[i].at);
		put_space(&b.text, 3);
		open_both(&b);
		b.source.breaks = WINDOW;
		if (table[i].way == PIECE) {
			expect_int(crit_json_next_open(&b.window), CRIT_JSON_STRING);
			ret = read_pieces(&b.window, &value);
		} else {
			do
				ret = crit_json_next(&b.window);
			while (ret > 0 && table[i].way == NEXT);
		}
		if (table[i].way == SKIP)
			ret = crit_json_skip(&b.window);
		expect_int(ret, -EIO);
		expect_int(b.window_err.errnum, EIO);
		expect(!b.window.unfinished);
		expect(strstr(b.window_err.text, "can't read the text: ") != NULL);
		close_both(&b);
	}
	crit_buf_fini(&value);
	crit_buf_fini(&b.text);
}

#define MARKS_MAX 200

/* From every place between two tokens the same ones follow, in another source as well. */
static void goes_back(void)
{
	struct crit_json_mark marks[MARKS_MAX];
	struct unit_random r = unit_seed(34);
	struct both b = {0};
	struct text_source other;
	size_t i, n = 0, to, step;

	put_at_edge(&b, all_sorts, sizeof(all_sorts) - 1, 40);
	/* the list goes on behind the second window */
	b.text.data[0] = '[';
	crit_buf_str(&b.text, ",");
	put_space(&b.text, 70000);
	crit_buf_add(&b.text, all_sorts, sizeof(all_sorts) - 1);
	crit_buf_str(&b.text, "]");
	open_both(&b);
	other = text_source(b.text.data, b.text.len);
	do {
		expect(n < MARKS_MAX);
		marks[n++] = crit_json_tell(&b.window);
	} while (crit_json_next(&b.window) > 0);
	for (i = 0; i < 300; i++) {
		to = unit_below(&r, n);
		unit_about("step %zu, to token %zu", i, to);
		crit_json_go(&b.window, i % 2 ? &other.source : &b.source.source, marks[to]);
		crit_json_fini(&b.memory);
		crit_json_init(&b.memory, (char *)b.text.data, b.text.len, &b.memory_err);
		for (step = 0; step < to; step++)
			crit_json_next(&b.memory);
		for (step = 1 + unit_below(&r, 9); step; step--) {
			crit_json_next(&b.memory);
			crit_json_next(&b.window);
			expect_same_token(&b);
		}
	}
	close_both(&b);
	crit_buf_fini(&b.text);
}

static const struct {
	const char *text;
	bool taken;
} key_texts[] = {
	{"\"known\":1", true},
	{"\"known\": \"x\"", true},
	{" \n\t \"known\":[]", true},
	{"  \"known\":", true},
	{"\"known\":}", true},
	{"\"other\":1", false},
	{"\"knowN\":1", false},
	{"\"know\":1", false},
	{"\"known2\":1", false},
	{"\"\":1", false},
	{"\"known\"", false},
	{"\"known\",", false},
	{"\"known", false},
	{"known\":1", false},
	{"{\"known\":1}", false},
	{"", false},
	{" \n ", false},
	{"\"kn\\u006fwn\":", false},
	{"\n\"unknown\":2", false},
	{"'known':1", false},
	{"\"knowm\":1", false},
};

/* The last token, which was a key that was taken, or is none, and what follows it. */
static void expect_behind_key(struct both *b, bool taken)
{
	unsigned line, col, m_line, m_col;

	crit_json_next(&b->memory);
	if (taken) {
		expect_int(b->window.token, CRIT_JSON_STRING);
		crit_json_place(&b->window, &line, &col);
		crit_json_place(&b->memory, &m_line, &m_col);
		expect_int(line, m_line);
		expect_int(col, m_col);
		expect_int(crit_json_next(&b->memory), ':');
		crit_json_next(&b->memory);
	}
	crit_json_next(&b->window);
	expect_same_token(b);
}

/* What follows a key is the same whether it was taken or not. `b`: a list that begins so. */
static void expect_taken(struct both *b, bool taken, bool within)
{
	bool window;

	open_both(b);
	expect_int(crit_json_next(&b->memory), '[');
	expect_int(crit_json_take_key(&b->memory, "known", 5), taken);
	close_both(b);
	open_both(b);
	expect_int(crit_json_next(&b->memory), '[');
	expect_int(crit_json_next(&b->window), '[');
	window = crit_json_take_key(&b->window, "known", 5);
	/* it need not be if it is cut by the window's edge */
	expect(window == taken || (taken && !within));
	expect_behind_key(b, window);
	close_both(b);
}

static void keys_are_taken(void)
{
	struct both b = {0};
	size_t i, at, len;

	for (i = 0; i < COUNT(key_texts); i++) {
		len = strlen(key_texts[i].text);
		for (at = 0; at <= len; at++) {
			unit_about("[%s], byte %zu at the edge", key_texts[i].text, at);
			put_at_edge(&b, key_texts[i].text, len, at);
			b.text.data[0] = '[';
			expect_taken(&b, key_texts[i].taken, at == len);
		}
		unit_about("[%s] alone", key_texts[i].text);
		crit_buf_reset(&b.text);
		crit_buf_str(&b.text, "[");
		crit_buf_add(&b.text, key_texts[i].text, len);
		expect_taken(&b, key_texts[i].taken, true);
	}
	crit_buf_fini(&b.text);
}

/* Within the window a key is taken. */
static void keys_are_taken_from_the_window(void)
{
	static const char text[] = "{ \"known\":1,\n\"known\":2, \"other\": 3}";
	struct text_source source = text_source(text, sizeof(text) - 1);
	struct crit_json j;

	crit_json_init_source(&j, &source.source, NULL);
	expect_int(crit_json_next(&j), '{');
	expect(crit_json_take_key(&j, "known", 5));
	expect_int(crit_json_next(&j), CRIT_JSON_NUMBER);
	expect_bytes(j.value, j.value_len, "1", 1);
	expect_int(crit_json_next(&j), ',');
	expect(crit_json_take_key(&j, "known", 5));
	expect_int(j.line, 2);
	expect_int(crit_json_next(&j), CRIT_JSON_NUMBER);
	expect_int(crit_json_next(&j), ',');
	expect(!crit_json_take_key(&j, "known", 5));
	expect_int(crit_json_next(&j), CRIT_JSON_STRING);
	expect_bytes(j.value, j.value_len, "other", 5);
	crit_json_fini(&j);
}

static const struct unit_test tests[] = {
	TEST(tokens_at_the_edge),
	TEST(errors_at_the_edge),
	TEST(cut_texts),
	TEST(tokens_longer_than_the_window),
	TEST(pieces_of_strings),
	TEST(skips_at_the_edge),
	TEST(skipped_strings_take_no_memory),
	TEST(read_errors),
	TEST(goes_back),
	TEST(keys_are_taken),
	TEST(keys_are_taken_from_the_window),
};

UNIT_MAIN(tests)
