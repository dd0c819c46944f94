/*
 * Messages printed one after another, and lengths that are only counted: the text is the
 * same as alone, whatever came before, and its length is the one that is said.
 */
#include "codec.h"

#include "decoder/stencil.h"

/* All styles, one-line ones too. */
static struct crit_style style_of(unsigned i)
{
	struct crit_style style = styles[i % 4];

	style.one_line = i & 4;
	return style;
}

/* The message alone, after others, and counted in both ways: the same. */
static int expect_same(const struct crit_message *type, const struct crit_buf *wire, unsigned i,
		       unsigned depth, struct crit_stencil *stencil, bool print_too)
{
	struct crit_style style = style_of(i);
	struct crit_buf alone = {0}, after = {0};
	uint64_t size = 0, size_after = 0;
	size_t before;
	int ret = crit_print(type, wire->data, wire->len, &style, depth, &alone);

	expect_int(crit_wire_check(type, wire->data, wire->len), ret);
	expect_int(crit_print_size(type, wire->data, wire->len, &style, depth, NULL, &size),
		   ret);
	expect_int(crit_print_size(type, wire->data, wire->len, &style, depth, stencil,
				   &size_after),
		   ret);
	if (print_too && i % 2)
		crit_buf_str(&after, "before");
	before = after.len;
	if (print_too)
		expect_int(crit_print_next(type, wire->data, wire->len, &style, depth, stencil,
					   &after),
			   ret);
	if (ret == 0) {
		expect_u64(size, alone.len);
		expect_u64(size_after, alone.len);
		if (print_too)
			expect_bytes(after.data + before, after.len - before, alone.data,
				     alone.len);
	}
	crit_buf_fini(&alone);
	crit_buf_fini(&after);
	return ret;
}

/* Change some bytes, take some out, put a part of it in again. */
static void mutate(struct unit_random *r, struct crit_buf *wire)
{
	size_t at = wire->len ? unit_below(r, wire->len) : 0;

	switch (wire->len ? unit_below(r, 5) : 5) {
	case 0:
		wire->data[at] = (uint8_t)unit_random(r);
		return;
	case 1:
		wire->data[at] ^= (uint8_t)(1 << unit_below(r, 8));
		return;
	case 2:
		memmove(wire->data + at, wire->data + at + 1, --wire->len - at);
		return;
	case 3: /* a field twice, perhaps */
		expect(crit_buf_reserve(wire, wire->len - at));
		memcpy(wire->data + wire->len, wire->data + at, wire->len - at);
		wire->len += wire->len - at;
		return;
	case 4: /* the halves the other way round */
		expect(crit_buf_reserve(wire, at));
		memcpy(wire->data + wire->len, wire->data, at);
		memmove(wire->data, wire->data + at, wire->len);
		return;
	default:
		crit_buf_str(wire, "\x78\x01"); /* field 15, which few have */
	}
}

/* A stencil that sees many messages of a type, in changing styles and states. */
static void step_sequence(struct maker *m, const struct crit_message *type)
{
	struct crit_buf wire = {0}, changed = {0};
	struct crit_stencil stencil = {0};
	unsigned i, n, style = (unsigned)unit_below(&m->r, 8);

	make_wire(m, type, &wire);
	for (i = 0; i < 30; i++) {
		if (unit_below(&m->r, 10) == 0)
			style = (unsigned)unit_below(&m->r, 8);
		if (unit_below(&m->r, 10) == 0) {
			crit_buf_reset(&wire);
			make_wire(m, type, &wire);
		}
		crit_buf_reset(&changed);
		crit_buf_add(&changed, wire.data, wire.len);
		for (n = (unsigned)unit_below(&m->r, 3); n; n--)
			mutate(&m->r, &changed);
		expect_same(type, &changed, style, unit_below(&m->r, 9) ? 0 : 7, &stencil,
			    unit_below(&m->r, 4));
	}
	crit_stencil_fini(&stencil);
	crit_buf_fini(&wire);
	crit_buf_fini(&changed);
}

static void sequences(void)
{
	for_all_messages((struct maker){unit_seed(71), 0, false, false}, 6, step_sequence);
}

static void odd_sequences(void)
{
	for_all_messages((struct maker){unit_seed(72), 0, true, true}, 6, step_sequence);
}

/* Mutated so often that an empty stencil would not be noticed: it has to be used. */
static void stencils_are_used(void)
{
	static const char *const wires[] = {"\x08\x80\x20\x10\x05\x20\x04",
					    "\x08\x80\x40\x10\x96\x01\x20\x01"};
	struct crit_stencil_key key = {&crit_msg_pagemap_entry, 2, false, false};
	struct crit_stencil stencil = {0};
	struct crit_buf out = {0}, wanted = {0};
	struct crit_sink to;
	unsigned i;

	for (i = 0; i < 2; i++)
		expect_int(crit_print_next(key.message, wires[0], 7, &styles[0], 2, &stencil,
					   &out),
			   0);
	crit_buf_reset(&out);
	to = crit_sink_of(&out);
	expect(crit_stencil_put(&stencil, key, wires[1], 8, &to));
	crit_sink_close(&to);
	expect_int(crit_print(key.message, wires[1], 8, &styles[0], 2, &wanted), 0);
	expect_bytes(out.data, out.len, wanted.data, wanted.len);
	/* what differs is left alone: another field, one more, one less, another style */
	expect(!crit_stencil_put(&stencil, key, "\x08\x80\x20\x18\x01\x20\x04", 7, &to));
	expect(!crit_stencil_put(&stencil, key, "\x08\x80\x20\x10\x05\x20\x04\x28\x01", 9,
				 &to));
	expect(!crit_stencil_put(&stencil, key, "\x08\x80\x20\x10\x05", 5, &to));
	expect(!crit_stencil_put(&stencil, key, "\x08\x80\x20\x10\x05\x20\x84", 7, &to));
	key.plain = true;
	expect(!crit_stencil_put(&stencil, key, wires[0], 7, &to));
	expect_u64(to.at, out.len);
	crit_stencil_fini(&stencil);
	crit_buf_fini(&out);
	crit_buf_fini(&wanted);
}

/* One that has only counted is no hindrance to printing, and the other way round. */
static void counted_then_printed(void)
{
	const struct crit_buf wire = {.data = (uint8_t *)(uintptr_t) "\x08\x80\x20\x10\x05",
				      .len = 5};
	struct crit_stencil stencil = {0};
	unsigned i;

	for (i = 0; i < 12; i++)
		expect_int(expect_same(&crit_msg_pagemap_entry, &wire, 0, 1, &stencil, i > 5),
			   0);
	expect(stencil.good && stencil.has_text);
	crit_stencil_fini(&stencil);
}

/* A buffer without room: an error in both ways, and nothing written behind its end. */
static void no_room(void)
{
	const char *wire = "\x08\x80\x20\x10\x05\x20\x04";
	struct crit_stencil stencil = {0};
	struct crit_buf out = {0};
	size_t limit;
	unsigned i;

	for (limit = 1; limit < 300; limit++) {
		for (i = 0; i < 4; i++) {
			crit_buf_fini(&out);
			out.limit = limit;
			crit_print_next(&crit_msg_pagemap_entry, wire, 7, &styles[0], 3,
					&stencil, &out);
			expect(out.len <= limit);
			expect(out.error == 0 || out.error == -EFBIG);
		}
	}
	expect_int(out.error, 0);
	crit_stencil_fini(&stencil);
	crit_buf_fini(&out);
}

static const struct unit_test tests[] = {
	TEST(sequences),         TEST(odd_sequences),
	TEST(stencils_are_used), TEST(counted_then_printed),
	TEST(no_room),
};

UNIT_MAIN(tests)
