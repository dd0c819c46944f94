/*
 * What is escaped in messages, and that nothing else is.
 */
#include "unit.h"

#include "decoder/error.h"
#include "decoder/printable.h"
#include "decoder/text.h"

static const struct {
	const char *text, *shown;
} rows[] = {
	{"", ""},
	{"plain %n %s \\x0a \\", "plain %n %s \\x0a \\"},
	{"a\nb\rc\td\be\x7f", "a\\x0ab\\x0dc\\x09d\\x08e\\x7f"},
	{"\x1b[31m\x1b]0;t\x07", "\\x1b[31m\\x1b]0;t\\x07"},
	{"\xc2\x80\xc2\x9b\xc2\x9f", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f"},
	{"\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
	 "\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
	{"\x80\xc2\xff", "\\x80\\xc2\\xff"},
	{"\xc0\x8a\xed\xa0\x80", "\\xc0\\x8a\\xed\\xa0\\x80"}, /* overlong, surrogate */
	{"\xe2\x82", "\\xe2\\x82"},                            /* cut off */
	{"\xe2\x82z\xf0\x9f\x98z", "\\xe2\\x82z\\xf0\\x9f\\x98z"},
	{"\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"}, /* part lines */
	{"\xe2\x80\xae\xe2\x80\xaa", "\\xe2\\x80\\xae\\xe2\\x80\\xaa"}, /* turn around */
	{"\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"},
	{"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c"},
	{"\xe2\x80\x8d\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
	 "\xe2\x80\x8d\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"},
};

static void texts(void)
{
	char shown[200];
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct crit_buf buf = {0};

		unit_about("%s", rows[i].shown);
		expect_u64(crit_printable_text(shown, sizeof(shown), rows[i].text),
			   strlen(rows[i].shown));
		expect_str(shown, rows[i].shown);
		crit_printable(&buf, rows[i].text, strlen(rows[i].text), "");
		expect_u64(buf.len, strlen(shown));
		expect(!buf.len || !memcmp(buf.data, shown, buf.len));
		crit_buf_fini(&buf);
		/* what is safe stays as it is */
		crit_printable_text(shown, sizeof(shown), rows[i].shown);
		expect_str(shown, rows[i].shown);
	}
}

/* Never through a character, nor through an escape; never behind the end. */
static void cut(void)
{
	static const char text[] = "a\x1b\xe2\x82\xac\xf0\x9f\x98\x80\xff";
	static const char whole[] = "a\\x1b\xe2\x82\xac\xf0\x9f\x98\x80\\xff";
	static const size_t ends[] = {0, 1, 5, 8, 12, 16};
	char shown[32];
	size_t size, i, end;

	for (size = 1; size < sizeof(shown); size++) {
		unit_about("%zu bytes", size);
		for (i = 0, end = 0; i < COUNT(ends); i++)
			if (ends[i] < size)
				end = ends[i];
		memset(shown, 'X', sizeof(shown));
		expect_u64(crit_printable_text(shown, size, text), end);
		expect_u64(strlen(shown), end);
		expect(!memcmp(shown, whole, end));
		expect(shown[size] == 'X' || size + 1 == sizeof(shown));
	}
}

/* Also where what is formatted is longer than what is kept of it. */
static void errors(void)
{
	struct crit_error err = {0};
	char long_text[1200], line[2000];
	size_t from, i;

	for (from = 300; from < 420; from++) {
		unit_about("from byte %zu", from);
		memset(long_text, 'a', sizeof(long_text) - 1);
		long_text[sizeof(long_text) - 1] = '\0';
		for (i = from; i + 3 < sizeof(long_text); i += 3)
			memcpy(long_text + i, i % 2 ? "\xe2\x82\xac" : "\x1b\nz", 3);
		crit_fail(&err, CRIT_BROKEN, "%s", long_text);
		crit_error_prefix(&err, "dir\n\x1b");
		crit_error_format(&err, "a\nb\x1b/c", line, sizeof(line));
		expect(!strncmp(line, "a\\x0ab\\x1b/c: error: dir\\x0a\\x1b: aaa", 36));
		expect_u64(crit_utf8_valid(line, strlen(line)), strlen(line));
		for (i = 0; line[i]; i++)
			expect((unsigned char)line[i] >= 0x20);
	}
}

static const struct unit_test tests[] = {
	TEST(texts),
	TEST(cut),
	TEST(errors),
};

UNIT_MAIN(tests)
