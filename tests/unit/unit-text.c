/*
 * UTF-8, JSON strings, base64 and quoted-printable.
 */
#include "unit.h"

#include <errno.h>
#include <iconv.h>

#include "decoder/text.h"

#define LAST_CODE_POINT 0x10ffffu

/* iconv is the oracle: which bytes at the beginning are UTF-8? */
static size_t valid_by_iconv(iconv_t cd, const void *bytes, size_t len)
{
	char *in = (char *)(uintptr_t)bytes, wide[64], *out = wide;
	size_t in_left = len, out_left = sizeof(wide);

	iconv(cd, NULL, NULL, NULL, NULL);
	iconv(cd, &in, &in_left, &out, &out_left);
	return len - in_left;
}

static void utf8_table(void)
{
	static const struct {
		const char *bytes;
		size_t len, valid;
	} table[] = {
		{"", 0, 0},
		{"a\0b", 3, 3},
		{"\x7f", 1, 1},
		{"\x80", 1, 0},
		{"a\xbf", 2, 1},
		{"\xc0\x80", 2, 0}, /* overlong */
		{"\xc1\xbf", 2, 0},
		{"\xc2\x80\xdf\xbf", 4, 4},
		{"\xc2", 1, 0}, /* cut */
		{"\xc2\xc2\x80", 3, 0},
		{"\xe0\x9f\xbf", 3, 0}, /* overlong */
		{"\xe0\xa0\x80\xef\xbf\xbf", 6, 6},
		{"\xe2\x82\xac\xe2\x82", 5, 3},
		{"\xed\x9f\xbf", 3, 3},
		{"\xed\xa0\x80", 3, 0}, /* surrogates */
		{"\xed\xbf\xbf", 3, 0},
		{"\xee\x80\x80", 3, 3},
		{"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong */
		{"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, 8},
		{"\xf0\x9f\x98", 3, 0},
		{"\xf4\x90\x80\x80", 4, 0}, /* beyond the last code point */
		{"\xf5\x80\x80\x80", 4, 0},
		{"\xf8\x88\x80\x80\x80", 5, 0},
		{"\xfe", 1, 0},
		{"\xff", 1, 0},
	};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("row %zu", i);
		expect_u64(crit_utf8_valid(table[i].bytes, table[i].len), table[i].valid);
	}
}

/* The bytes at which the rules change, in all combinations of four. */
static void utf8_as_iconv(void)
{
	/* clang-format off */
	static const uint8_t edges[] = {
		0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
		0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfc, 0xff,
	};
	/* clang-format on */
	const size_t n = COUNT(edges);
	iconv_t cd = iconv_open("UTF-32LE", "UTF-8");
	size_t i, len;

	expect(cd != (iconv_t)-1);
	for (i = 0; i < n * n * n * n; i++) {
		uint8_t bytes[4] = {edges[i % n], edges[i / n % n], edges[i / n / n % n],
				    edges[i / n / n / n]};

		for (len = 1; len <= 4; len++) {
			size_t found = crit_utf8_valid(bytes, len);
			size_t wanted = valid_by_iconv(cd, bytes, len);

			if (found != wanted)
				fail("%zu of %02x %02x %02x %02x: expected %zu valid, found %zu",
				     len, bytes[0], bytes[1], bytes[2], bytes[3], wanted,
				     found);
		}
	}
	iconv_close(cd);
}

/* What iconv calls uint32_t as this machine has it. */
#define NATIVE (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? "UTF-32BE" : "UTF-32LE")

static void utf8_of_every_code_point(void)
{
	size_t cap = 4 * (LAST_CODE_POINT + 1), in_left, out_left = cap;
	uint32_t *points = malloc(cap), c, n = 0;
	char *wanted = malloc(cap), *in = (char *)points, *out = wanted;
	iconv_t cd = iconv_open("UTF-8", NATIVE);
	struct crit_buf found = {0};

	expect(points && wanted && cd != (iconv_t)-1);
	for (c = 0; c <= LAST_CODE_POINT; c++) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		points[n++] = c;
		crit_utf8_put(&found, c);
	}
	in_left = 4 * (size_t)n;
	expect(iconv(cd, &in, &in_left, &out, &out_left) == 0);
	expect_bytes(found.data, found.len, wanted, cap - out_left);
	expect_u64(crit_utf8_valid(found.data, found.len), found.len);
	iconv_close(cd);
	crit_buf_fini(&found);
	free(points);
	free(wanted);
}

static void json_strings(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} table[] = {
		{"", 0, "\"\""},
		{"abc", 3, "\"abc\""},
		{"\"", 1, "\"\\\"\""},
		{"\\", 1, "\"\\\\\""},
		{"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
		{"/", 1, "\"/\""},
		{"\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\""},
		{"\0", 1, "\"\\u0000\""},
		{"\x01\x07\x0b\x0e\x1f", 5, "\"\\u0001\\u0007\\u000b\\u000e\\u001f\""},
		{" ~\x7f", 3, "\" ~\x7f\""},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
		 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
	};
	struct crit_buf out = {0};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("row %zu", i);
		crit_buf_reset(&out);
		crit_quote(&out, table[i].bytes, table[i].len);
		expect_bytes(out.data, out.len, table[i].text, strlen(table[i].text));
	}
	crit_buf_fini(&out);
}

/* A table of base64 in JSON, some of it from RFC 4648. */
static const struct {
	const char *bytes;
	size_t len;
	const char *text;
} base64[] = {
	{"", 0, ""},
	{"f", 1, "Zg==\n"},
	{"fo", 2, "Zm8=\n"},
	{"foo", 3, "Zm9v\n"},
	{"foob", 4, "Zm9vYg==\n"},
	{"fooba", 5, "Zm9vYmE=\n"},
	{"foobar", 6, "Zm9vYmFy\n"},
	{"\0", 1, "AA==\n"},
	{"\0\0\0", 3, "AAAA\n"},
	{"\xff\xff\xff", 3, "////\n"},
	{"\xfb\xef\xbe", 3, "++++\n"},
	{"\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61\x96\x9b\x71"
	 "\xd7\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3\x5d"
	 "\xb7\xe3\x9e\xbb"
	 "\xf3\xdf\xbf",
	 48, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\n"},
	{"012345678901234567890123456789012345678901234567890123456", 57,
	 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\n"},
	{"0123456789012345678901234567890123456789012345678901234567", 58,
	 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\nNw==\n"},
};

/* A text with its line feeds as JSON spells them, in quotes. */
static void quoted(const char *text, struct crit_buf *out)
{
	crit_buf_reset(out);
	crit_buf_byte(out, '"');
	for (; *text; text++)
		crit_buf_str(out, *text == '\n' ? "\\n" : (char[]){*text, '\0'});
	crit_buf_byte(out, '"');
}

static void base64_table(void)
{
	struct crit_buf wanted = {0}, out = {0};
	size_t i;

	for (i = 0; i < COUNT(base64); i++) {
		unit_about("row %zu", i);
		quoted(base64[i].text, &wanted);
		crit_buf_reset(&out);
		crit_quote_base64(&out, base64[i].bytes, base64[i].len);
		expect_bytes(out.data, out.len, wanted.data, wanted.len);
		crit_buf_reset(&out);
		expect(crit_base64_read(base64[i].text, strlen(base64[i].text), &out));
		expect_bytes(out.data, out.len, base64[i].bytes, base64[i].len);
	}
	crit_buf_fini(&wanted);
	crit_buf_fini(&out);
}

static void base64_refusals(void)
{
	/* clang-format off */
	static const char *const refused[] = {
		"Z", "Zg", "Zg=", "Zm9", "Zm9vY", "Zg===", "Zm8==", "Zm9v=", "Zm9v====", "=",
		"==", "====", "Z===", "=Zg=", "Z=g=", "Zg=v", "Zg==Zg==", "Zm8=Zm8=", "Zm9*",
		"Zm-v", "Zm_v", "Zm9v.", "\"Zm9v\"", "Zm9v\v", "Zm9v\x80", "Zm9v,", "Zg=\xc2",
	};
	/* clang-format on */
	/* clang-format off */
	static const char *const spaced[] = {
		"Zm9v", " Zm9v", "Z m 9 v", "Zm\n9v\n", "\r\nZm9v\r\n", "\tZm9v\t",
		"\n\n\nZm9v",
	};
	/* clang-format on */
	struct crit_buf out = {0};
	size_t i;

	for (i = 0; i < COUNT(refused); i++) {
		unit_about("\"%s\"", refused[i]);
		expect(!crit_base64_read(refused[i], strlen(refused[i]), &out));
	}
	expect(!crit_base64_read("Zm9v\0", 5, &out));
	for (i = 0; i < COUNT(spaced); i++) {
		unit_about("\"%s\"", spaced[i]);
		crit_buf_reset(&out);
		expect(crit_base64_read(spaced[i], strlen(spaced[i]), &out));
		expect_bytes(out.data, out.len, "foo", 3);
	}
	unit_about("%s", "");
	crit_buf_reset(&out);
	expect(crit_base64_read(" Z g = = ", 9, &out));
	expect_bytes(out.data, out.len, "f", 1);
	crit_buf_fini(&out);
}

static void random_bytes(struct unit_random *r, struct crit_buf *out, const char *among)
{
	size_t n = unit_below(r, 300), choices = strlen(among);

	for (crit_buf_reset(out); n; n--)
		crit_buf_byte(out, (uint8_t)(unit_below(r, 2) ? among[unit_below(r, choices)]
							      : (int)unit_below(r, 256)));
}

/* The text with each "\n" of JSON as a line feed again, without its quotes. */
static void unquoted(struct crit_buf *text)
{
	size_t i, n = 0;

	expect(text->len >= 2 && text->data[0] == '"' && text->data[text->len - 1] == '"');
	for (i = 1; i + 1 < text->len; i++) {
		bool escaped = text->data[i] == '\\';

		i += escaped;
		if (escaped && text->data[i] != 'n')
			fail("expected no escape but \\n, found \\%c", text->data[i]);
		text->data[n++] = escaped ? '\n' : text->data[i];
	}
	text->len = n;
}

static void base64_goes_both_ways(void)
{
	struct crit_buf bytes = {0}, text = {0}, back = {0};
	struct unit_random r = unit_seed(3);
	size_t i, at, column;

	for (i = 0; i < 2000; i++) {
		unit_about("round %zu", i);
		random_bytes(&r, &bytes, "a");
		crit_buf_reset(&text);
		crit_quote_base64(&text, bytes.data, bytes.len);
		unquoted(&text);
		for (at = column = 0; at < text.len; at++, column++) {
			bool end = text.data[at] == '\n';

			if (end && column != 76 && at + 1 != text.len)
				fail("expected lines of 76 characters, found one of %zu",
				     column);
			if (end)
				column = SIZE_MAX;
		}
		expect(!text.len || text.data[text.len - 1] == '\n');
		crit_buf_reset(&back);
		expect(crit_base64_read((const char *)text.data, text.len, &back));
		expect_bytes(back.data, back.len, bytes.data, bytes.len);
	}
	crit_buf_fini(&bytes);
	crit_buf_fini(&text);
	crit_buf_fini(&back);
}

static const struct {
	const char *bytes;
	size_t len;
	const char *text;
} quopri[] = {
#include "quopri-table.h"
};

static void quoted_printable_as_python(void)
{
	struct crit_buf out = {0};
	size_t i;

	for (i = 0; i < COUNT(quopri); i++) {
		unit_about("row %zu", i);
		crit_buf_reset(&out);
		crit_qp_write(&out, quopri[i].bytes, quopri[i].len);
		expect_bytes(out.data, out.len, quopri[i].text, strlen(quopri[i].text));
		crit_buf_reset(&out);
		expect(crit_qp_read(quopri[i].text, strlen(quopri[i].text), &out));
		expect_bytes(out.data, out.len, quopri[i].bytes, quopri[i].len);
	}
	crit_buf_fini(&out);
}

static void quoted_printable_read(void)
{
	static const struct {
		const char *text, *bytes; /* bytes NULL: refused */
	} table[] = {
		{"a=3Db", "a=b"},
		{"a=3db", "a=b"},
		{"=2f=2F", "//"},
		{"a=\nb", "ab"},
		{"a=\r\nb", "ab"},
		{"a=", "a"},
		{"a b\tc", "a b\tc"},
		{"\xc3\xa9", "\xc3\xa9"}, /* what Python would have quoted */
		{"=", ""},
		{"a=3", NULL},
		{"a=g0", NULL},
		{"a=0g", NULL},
		{"a==", NULL},
		{"a= b", NULL},
		{"a=\rb", NULL},
		{"=-1", NULL},
	};
	struct crit_buf out = {0};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("\"%s\"", table[i].text);
		crit_buf_reset(&out);
		expect_int(crit_qp_read(table[i].text, strlen(table[i].text), &out),
			   table[i].bytes != NULL);
		if (table[i].bytes)
			expect_bytes(out.data, out.len, table[i].bytes, strlen(table[i].bytes));
	}
	crit_buf_fini(&out);
}

/* Python loses some of them, so there is no table of them. */
static void quoted_printable_keeps_carriage_returns(void)
{
	static const char bytes[] = "a\rb\r\nc\n\r\r\n.\r";
	static const char text[] = "a=0Db=0D\nc\n=0D=0D\n=2E=0D";
	struct crit_buf out = {0};

	crit_qp_write(&out, bytes, sizeof(bytes) - 1);
	expect_bytes(out.data, out.len, text, sizeof(text) - 1);
	crit_buf_fini(&out);
}

/* Python's lines grow to 78 characters here, which other readers need not take. */
static void quoted_printable_has_short_lines(void)
{
	static const char bytes[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789abcde \nz";
	static const char text[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789abcde"
		"=\n=20\nz";
	struct crit_buf out = {0};

	crit_qp_write(&out, bytes, sizeof(bytes) - 1);
	expect_bytes(out.data, out.len, text, sizeof(text) - 1);
	crit_buf_fini(&out);
}

static void quoted_printable_goes_both_ways(void)
{
	struct crit_buf bytes = {0}, text = {0}, back = {0};
	struct unit_random r = unit_seed(4);
	size_t i, at, column;

	for (i = 0; i < 5000; i++) {
		unit_about("round %zu", i);
		random_bytes(&r, &bytes, i % 2 ? "abc = .\n\r\t" : "abcdefghijklm");
		crit_buf_reset(&text);
		crit_qp_write(&text, bytes.data, bytes.len);
		for (at = column = 0; at < text.len; at++) {
			uint8_t c = text.data[at];

			column = c == '\n' ? 0 : column + 1;
			if (column > 76)
				fail("expected lines of at most 76 characters, found a longer one");
			if ((c < 0x20 && c != '\n' && c != '\t') || c > 0x7e)
				fail("expected printable characters, found byte 0x%02x", c);
		}
		crit_buf_reset(&back);
		expect(crit_qp_read((const char *)text.data, text.len, &back));
		expect_bytes(back.data, back.len, bytes.data, bytes.len);
	}
	crit_buf_fini(&bytes);
	crit_buf_fini(&text);
	crit_buf_fini(&back);
}

static void sizes_for_people(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} table[] = {
		{0, "0B"},
		{1, "1B"},
		{1023, "1023B"},
		{1024, "1KB"},
		{1025, "1.0KB"}, /* no whole number, so crit shows one digit */
		{1536, "1.5KB"},
		{10240, "10KB"},
		{1048575, "1024.0KB"},
		{1048576, "1MB"},
		{1572864, "1.5MB"},
		{UINT64_C(1) << 30, "1GB"},
		{UINT64_C(1) << 40, "1TB"},
		{UINT64_C(1) << 50, "1PB"},
		{UINT64_C(1) << 60, "1EB"},
		{UINT64_C(3) << 62, "12EB"},
		{UINT64_MAX, "16EB"},
	};
	struct crit_buf out = {0};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("%llu", (unsigned long long)table[i].bytes);
		crit_buf_reset(&out);
		crit_human_size(&out, table[i].bytes);
		expect_bytes(out.data, out.len, table[i].text, strlen(table[i].text));
	}
	crit_buf_fini(&out);
}

static const struct unit_test tests[] = {
	TEST(utf8_table),
	TEST(utf8_as_iconv),
	TEST(utf8_of_every_code_point),
	TEST(json_strings),
	TEST(base64_table),
	TEST(base64_refusals),
	TEST(base64_goes_both_ways),
	TEST(sizes_for_people),
	TEST(quoted_printable_as_python),
	TEST(quoted_printable_read),
	TEST(quoted_printable_keeps_carriage_returns),
	TEST(quoted_printable_has_short_lines),
	TEST(quoted_printable_goes_both_ways),
};

UNIT_MAIN(tests)
