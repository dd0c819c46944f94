/*
 * Base64 that comes in pieces, and in the lines of a document.
 */
#include "unit.h"

#include "decoder/text.h"

/* Base64 in pieces; false where it is none. */
static bool feed(const char *const pieces[3], const size_t lens[3], struct crit_buf *out)
{
	struct crit_base64 b = {0};
	unsigned i;

	crit_buf_reset(out);
	for (i = 0; i < 3; i++)
		if (crit_base64_feed(&b, pieces[i], lens[i], out) < lens[i])
			return false;
	return crit_base64_end(&b, out);
}

/* However a text is cut into two or three pieces, it is what it is as a whole. */
static void base64_in_pieces(void)
{
	/* clang-format off */
	static const char *const texts[] = {
		"", "QQ==", "QUI=", "QUJD", "QUJDRA==", "QUJDREU=\n", "QUJD\nREVG\n", " Q U\tI\n= ",
		"\n\nQQ=\n=", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=", "/+/+", "====", "Q", "QQ", "QUI",
		"QQ=", "QUJDR", "QUJD=", "QQ==QQ==", "QQ=Q", "QQ==Q", "Q=Q=", "Q===", "QQ===", "=QQQ",
		"QUJD*", "QU*JD", "*", "QUJD-_", ("QU\x80" "D"), "QUJD\"", "QUJDRA=\\", "QR==", "QUJ=",
	};
	/* clang-format on */
	struct crit_buf whole = {0}, found = {0};
	size_t i, a, b, len;
	bool good;

	for (i = 0; i < COUNT(texts); i++) {
		len = strlen(texts[i]);
		crit_buf_reset(&whole);
		good = crit_base64_read(texts[i], len, &whole);
		for (a = 0; a <= len; a++)
			for (b = a; b <= len; b++) {
				unit_about("%.*s|%.*s|%s", (int)a, texts[i], (int)(b - a),
					   texts[i] + a, texts[i] + b);
				expect_int(feed((const char *const[]){texts[i], texts[i] + a,
								      texts[i] + b},
						(const size_t[]){a, b - a, len - b}, &found),
					   good);
				if (good)
					expect_bytes(found.data, found.len, whole.data,
						     whole.len);
			}
	}
	crit_buf_fini(&whole);
	crit_buf_fini(&found);
}

/* The first character that is none of base64's is told, in each piece. */
static void base64_tells_the_bad_character(void)
{
	static const struct {
		const char *text;
		size_t good;
	} table[] = {
		{"*", 0},         {"Q*", 1},         {"QUJD*QUJD", 4},        {"QQ==Q", 4},
		{"QUJDQQ==A", 8}, {"QQ==\n \n=", 7}, {"QUJDREVGR0h\x80", 11},
	};
	struct crit_buf out = {0};
	size_t i, cut, len;

	for (i = 0; i < COUNT(table); i++)
		for (cut = 0; cut <= table[i].good; cut++) {
			struct crit_base64 b = {0};

			unit_about("%s, cut at %zu", table[i].text, cut);
			len = strlen(table[i].text);
			expect_int(crit_base64_feed(&b, table[i].text, cut, &out), cut);
			expect_int(crit_base64_feed(&b, table[i].text + cut, len - cut, &out),
				   table[i].good - cut);
		}
	crit_buf_fini(&out);
}

/* Lines as a JSON string has them, whole and put together from whole lines. */
static void base64_lines(void)
{
	static const struct {
		size_t len;
		const char *end;
	} table[] = {
		{0, ""},         {1, "AA==\\n"},  {2, "AAA=\\n"},     {3, "AAAA\\n"},
		{56, "AAA=\\n"}, {57, "AAAA\\n"}, {58, "\\nAA==\\n"}, {114, "AAAA\\n"},
	};
	static const uint8_t zeros[6 * CRIT_BASE64_LINE];
	struct crit_buf one = {0}, parts = {0}, quoted = {0};
	size_t i, lines, end;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("%zu bytes", table[i].len);
		crit_buf_reset(&one);
		crit_base64_lines(&one, zeros, table[i].len);
		lines = (table[i].len + CRIT_BASE64_LINE - 1) / CRIT_BASE64_LINE;
		expect_u64(one.len, (table[i].len + 2) / 3 * 4 + 2 * lines);
		end = strlen(table[i].end);
		expect_bytes(one.data + one.len - end, end, table[i].end, end);
	}
	expect_int(CRIT_BASE64_LINE_TEXT, CRIT_BASE64_LINE / 3 * 4 + 2);
	for (i = 0; i <= sizeof(zeros); i++) {
		unit_about("%zu bytes in parts", i);
		crit_buf_reset(&one);
		crit_buf_reset(&parts);
		crit_buf_reset(&quoted);
		crit_base64_lines(&one, zeros, i);
		end = i / 2 / CRIT_BASE64_LINE * CRIT_BASE64_LINE;
		crit_base64_lines(&parts, zeros, end);
		crit_base64_lines(&parts, zeros + end, i - end);
		expect_bytes(parts.data, parts.len, one.data, one.len);
		crit_quote_base64(&quoted, zeros, i);
		expect_bytes(quoted.data + 1, quoted.len - 2, one.data, one.len);
	}
	crit_buf_fini(&one);
	crit_buf_fini(&parts);
	crit_buf_fini(&quoted);
}

static const struct unit_test tests[] = {
	TEST(base64_in_pieces),
	TEST(base64_tells_the_bad_character),
	TEST(base64_lines),
};

UNIT_MAIN(tests)
