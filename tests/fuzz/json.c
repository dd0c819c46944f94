/*
 * The input is the name of a message, a line feed, and a text that may be one. json-c says
 * whether the text is JSON; what is taken as a message is one to protobuf-c too, and is
 * printed as a text that is taken as the same bytes.
 */
#include "fuzz.h"

#include "tests/unit/codec.h"
#include "tests/unit/json-oracle.h"

/* The message that the first line names; if there is none of that name, some other one. */
static const struct crit_message *message_of(const uint8_t *name, size_t len)
{
	struct unit_random r = fuzz_random(name, len);
	char copy[100];
	const struct crit_message *message = NULL;

	if (len < sizeof(copy)) {
		memcpy(copy, name, len);
		copy[len] = '\0';
		message = crit_message_find(copy);
	}
	return message ? message : crit_messages[unit_below(&r, crit_n_messages)];
}

static void expect_json(const char *text, size_t len)
{
	struct crit_error err;

	if (memchr(text, '\0', len)) /* there, json-c's texts end */
		expect(check(text, len, &err) != WHOLE);
	else
		compare_with_json_c(text, len);
}

/* May it have fields of its own? Those may be nothing to protobuf-c. */
static bool has_unknown(const char *text, size_t len)
{
	return memmem(text, len, CRIT_KEY_UNKNOWN, strlen(CRIT_KEY_UNKNOWN)) ||
	       memmem(text, len, "\\u", 2);
}

static void expect_same_message(const struct crit_message *type, const struct crit_buf *wire,
				const struct crit_style *style)
{
	struct crit_buf again = {0};

	rewrite(type, wire, style, &again);
	expect_bytes(again.data, again.len, wire->data, wire->len);
	crit_buf_fini(&again);
}

static void expect_message(const struct crit_message *type, const char *text, size_t len,
			   const struct crit_style *style)
{
	struct crit_buf wire = {0}, packed = {0};
	struct crit_error err = {0};
	int ret = crit_parse(type, text, len, style, &wire, &err);

	if (ret < 0) {
		expect_int(ret, -EBADMSG);
		expect(*err.text && err.line && err.col);
	} else {
		expect_int(check(text, len, &err), WHOLE);
		expect_same_message(type, &wire, style);
		expect(has_unknown(text, len) || repack(type, &wire, &packed));
	}
	crit_buf_fini(&wire);
	crit_buf_fini(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *line = len ? memchr(data, '\n', len) : NULL;
	size_t name_len = line ? (size_t)(line - data) : 0, text_len;
	const struct crit_message *type = message_of(data, name_len);
	char *text;
	size_t i;

	text_len = len - (line ? name_len + 1 : 0);
	text = calloc(1, text_len + 4); /* the oracle looks ahead */
	expect(text != NULL);
	if (text_len)
		memcpy(text, data + len - text_len, text_len);
	unit_about("%s", type->pb->name);
	expect_json(text, text_len);
	for (i = 0; i < COUNT(styles); i++)
		expect_message(type, text, text_len, &styles[i]);
	free(text);
	return 0;
}
