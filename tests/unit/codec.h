/*
 * What the tests of the codec share: a message as text and back in all styles.
 */
#ifndef UNIT_CODEC_H
#define UNIT_CODEC_H

#include <errno.h>
#include <json-c/json.h>

#include "decoder/parse.h"
#include "decoder/print.h"
#include "decoder/wire.h"
#include "messages.h"
#include "schema-messages.h"

static const struct crit_style styles[] = {
	{.plain = false, .big_endian = false},
	{.plain = true, .big_endian = false},
	{.plain = false, .big_endian = true},
	{.plain = true, .big_endian = true},
};

static inline void print(const struct crit_message *type, const struct crit_buf *wire,
			 const struct crit_style *style, struct crit_buf *text)
{
	crit_buf_reset(text);
	expect_int(crit_print(type, wire->data, wire->len, style, 0, text), 0);
}

static inline void parse(const struct crit_message *type, const void *text, size_t len,
			 const struct crit_style *style, struct crit_buf *wire)
{
	struct crit_error err = {0};

	crit_buf_reset(wire);
	if (crit_parse(type, text, len, style, wire, &err) < 0)
		fail("expected the text to be taken, found %u:%u: %s\n%.*s", err.line, err.col,
		     err.text, (int)(len < 4000 ? len : 4000), (const char *)text);
}

/* The bytes as the codec writes them once it has read them. */
static inline void rewrite(const struct crit_message *type, const struct crit_buf *wire,
			   const struct crit_style *style, struct crit_buf *out)
{
	struct crit_buf text = {0};

	print(type, wire, style, &text);
	parse(type, text.data, text.len, style, out);
	crit_buf_fini(&text);
}

static inline struct json_object *read_strictly(const struct crit_buf *text)
{
	struct json_tokener *tok = json_tokener_new_ex(300);
	struct json_object *tree;

	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	tree = json_tokener_parse_ex(tok, (const char *)text->data, (int)text->len);
	if (json_tokener_get_error(tok) != json_tokener_success)
		fail("expected valid JSON, found \"%s\" at %zu\n%.*s",
		     json_tokener_error_desc(json_tokener_get_error(tok)),
		     json_tokener_get_parse_end(tok), (int)text->len, (const char *)text->data);
	expect(json_object_is_type(tree, json_type_object));
	json_tokener_free(tok);
	return tree;
}

/* Run `step` on random messages of every type. */
static inline void for_all_messages(struct maker m, unsigned rounds,
				    void (*step)(struct maker *, const struct crit_message *))
{
	size_t i;
	unsigned n;

	for (i = 0; i < crit_n_messages; i++) {
		for (n = 0; n < rounds; n++) {
			unit_about("%s, message %u", crit_messages[i]->pb->name, n);
			m.depth_max = n % 5;
			step(&m, crit_messages[i]);
		}
	}
}

#endif
