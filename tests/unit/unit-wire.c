/*
 * Wire bytes as they may come: cut, damaged, out of order, nested too deep. What
 * decodes is compared with what protobuf-c takes.
 */
#include <signal.h>

#include "codec.h"

/* Bytes in a block of their own, so that a sanitizer sees what is read beyond. */
static bool decodes(const struct crit_message *type, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct crit_buf text = {0};
	int checked, printed;

	memcpy(copy, data, len);
	checked = crit_wire_check(type, copy, len);
	printed = crit_print(type, copy, len, &styles[0], 0, &text);
	if (checked)
		expect_int(checked, -EBADMSG);
	expect_int(printed, checked);
	crit_buf_fini(&text);
	free(copy);
	return checked == 0;
}

/* protobuf-c, but not Google's own code, lets these be missing. */
static bool has_required_default(const ProtobufCMessageDescriptor *d, unsigned depth)
{
	unsigned i;

	for (i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];

		if (f->label == PROTOBUF_C_LABEL_REQUIRED && f->default_value)
			return true;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE && depth &&
		    has_required_default(f->descriptor, depth - 1))
			return true;
	}
	return false;
}

static void step_truncated(struct maker *m, const struct crit_message *type)
{
	struct crit_buf wire = {0}, out = {0};
	size_t len;

	make_wire(m, type, &wire);
	for (len = 0; len <= wire.len; len++) {
		struct crit_buf prefix = {.data = wire.data, .len = len};
		bool ours = decodes(type, wire.data, len), theirs;

		crit_buf_reset(&out);
		theirs = repack(type, &prefix, &out);
		if (theirs && !ours && has_required_default(type->pb, m->depth_max))
			continue;
		if (ours != theirs)
			fail("the first %zu of %zu bytes: expected that %s them, as protobuf-c",
			     len, wire.len, theirs ? "it decodes" : "it refuses");
	}
	crit_buf_fini(&wire);
	crit_buf_fini(&out);
}

static void truncated_messages(void)
{
	for_all_messages((struct maker){unit_seed(16), 0, true, false}, 5, step_truncated);
}

/*
 * Where we and protobuf-c differ on purpose, and the limits of both. The message
 * is pipe_data_entry: three uint32, the first two are required.
 */
static const struct {
	const char *about;
	const char *wire;
	size_t len;
	bool ours, theirs;
} odd[] = {
	{"as it should be", "\x08\x01\x10\x02", 4, true, true},
	{"nothing", "", 0, false, false},
	{"a required field is missing", "\x08\x01", 2, false, false},
	{"an unknown field", "\x08\x01\x10\x02\x20\x03", 6, true, true},
	{"an unknown field of each type",
	 "\x08\x01\x10\x02\x20\x03\x29xxxxxxxx\x32\x01x\x3dxxxx", 23, true, true},
	{"a group", "\x08\x01\x10\x02\x23\x24", 6, false, false},
	{"wire type 6", "\x08\x01\x10\x02\x26", 5, false, false},
	{"wire type 7", "\x08\x01\x10\x02\x27", 5, false, false},
	{"the longest varint", "\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00\x10\x02", 13, true,
	 true},
	{"a varint too long", "\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x10\x02", 14,
	 false, false},
	{"a length beyond the end", "\x08\x01\x10\x02\x22\x02x", 7, false, false},
	{"a huge length", "\x08\x01\x10\x02\x22\xff\xff\xff\xff\x0f", 10, false, false},
	{"the hugest length", "\x08\x01\x10\x02\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	 15, false, false},
	{"the largest field number", "\x08\x01\x10\x02\xf8\xff\xff\xff\x0f\x01", 10, true,
	 true},
	{"field number 0", "\x08\x01\x10\x02\x00\x03", 6, false, false},
	/* kept as an unknown field, so that nothing of the image is lost */
	{"a known field of another wire type",
	 "\x08\x01\x10\x02\x1d"
	 "1234",
	 9, true, false},
	{"a required field of another wire type",
	 "\x0d"
	 "1234\x10\x02",
	 7, false, false},
	/* over-long tags: longer than any number needs */
	{"a tag of six bytes", "\x88\x80\x80\x80\x80\x00\x01\x10\x02", 9, true, false},
	/* protobuf-c drops the bits that are too many */
	{"a field number of 30 bits", "\x08\x01\x10\x02\x80\x80\x80\x80\x10\x01", 10, false,
	 true},
};

static void odd_messages(void)
{
	const struct crit_message *type = &crit_msg_pipe_data_entry;
	struct crit_buf out = {0};
	size_t i;

	for (i = 0; i < COUNT(odd); i++) {
		struct crit_buf wire = {.data = (uint8_t *)(uintptr_t)odd[i].wire,
					.len = odd[i].len};

		unit_about("%s", odd[i].about);
		expect_int(decodes(type, wire.data, wire.len), odd[i].ours);
		expect_int(repack(type, &wire, &out), odd[i].theirs);
	}
	crit_buf_fini(&out);
}

/* Any bytes at all: what is taken stays the same when printed and read again. */
static void step_mutated(struct maker *m, const struct crit_message *type)
{
	struct crit_buf wire = {0}, text = {0}, again = {0}, back = {0};
	unsigned n;

	make_wire(m, type, &wire);
	make_wire(m, type, &wire);
	for (n = 1 + (unsigned)unit_below(&m->r, 4); n && wire.len; n--) {
		size_t at = unit_below(&m->r, wire.len);

		switch (unit_below(&m->r, 3)) {
		case 0:
			wire.data[at] = (uint8_t)unit_random(&m->r);
			break;
		case 1:
			wire.data[at] ^= (uint8_t)(1 << unit_below(&m->r, 8));
			break;
		default:
			memmove(wire.data + at, wire.data + at + 1, --wire.len - at);
			break;
		}
	}
	if (decodes(type, wire.data, wire.len)) {
		print(type, &wire, &styles[0], &text);
		json_object_put(read_strictly(&text));
		parse(type, text.data, text.len, &styles[0], &back);
		print(type, &back, &styles[0], &again);
		expect_bytes(again.data, again.len, text.data, text.len);
	}
	crit_buf_fini(&wire);
	crit_buf_fini(&text);
	crit_buf_fini(&again);
	crit_buf_fini(&back);
}

static void mutated_messages(void)
{
	for_all_messages((struct maker){unit_seed(17), 0, true, true}, 60, step_mutated);
}

/* A group of cgroups within each other, `depth` levels below the outermost. */
static void nested_groups(unsigned depth, bool reversed, struct crit_buf *out)
{
	static const char name[] = "\x0a\x01x";
	struct crit_buf inner = {0};
	unsigned i;

	crit_buf_reset(out);
	crit_buf_str(out, name);
	for (i = 0; i < depth; i++) {
		crit_buf_reset(&inner);
		crit_buf_add(&inner, out->data, out->len);
		crit_buf_reset(out);
		if (!reversed)
			crit_buf_str(out, name);
		crit_wire_put_tag(out, 2, CRIT_WIRE_BYTES);
		crit_varint_put(out, inner.len);
		crit_buf_add(out, inner.data, inner.len);
		if (reversed)
			crit_buf_str(out, name);
	}
	crit_buf_fini(&inner);
}

static void depth_has_a_limit(void)
{
	const struct crit_message *type = &crit_msg_cgroup_dir_entry;
	struct crit_buf wire = {0}, text = {0}, out = {0};
	struct crit_error err = {0};
	unsigned i;

	nested_groups(CRIT_DEPTH_MAX, false, &wire);
	expect(decodes(type, wire.data, wire.len));
	rewrite(type, &wire, &styles[0], &out);
	expect_bytes(out.data, out.len, wire.data, wire.len);
	nested_groups(CRIT_DEPTH_MAX + 1, false, &wire);
	expect(!decodes(type, wire.data, wire.len));
	nested_groups(20000, false, &wire);
	expect(!decodes(type, wire.data, wire.len));
	for (i = 0; i < 20000; i++)
		crit_buf_str(&text, "{\"dir_name\":\"\",\"children\":[");
	crit_buf_reset(&out);
	expect_int(crit_parse(type, (const char *)text.data, text.len, &styles[0], &out, &err),
		   -EBADMSG);
	expect(strstr(err.text, "messages nest too deep") != NULL);
	expect_int(err.col, (CRIT_DEPTH_MAX + 1) * 27 + 1);
	crit_buf_fini(&wire);
	crit_buf_fini(&text);
	crit_buf_fini(&out);
}

#define WATCHDOG 30 /* seconds; what doubles its work at each level would need years */

static void bark(int signum)
{
	static const char text[] =
		"expected the work to grow with the depth, found it to double\n";

	(void)signum;
	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? 2 : UNIT_FAILED);
}

static void fields_out_of_order_at_every_level(void)
{
	const struct crit_message *type = &crit_msg_cgroup_dir_entry;
	struct crit_buf wire = {0}, wanted = {0}, found = {0};

	signal(SIGALRM, bark);
	alarm(WATCHDOG);
	nested_groups(CRIT_DEPTH_MAX, true, &wire);
	nested_groups(CRIT_DEPTH_MAX, false, &wanted);
	expect_int(crit_wire_check(type, wire.data, wire.len), 0);
	rewrite(type, &wire, &styles[0], &found);
	expect_bytes(found.data, found.len, wanted.data, wanted.len);
	alarm(0);
	crit_buf_fini(&wire);
	crit_buf_fini(&wanted);
	crit_buf_fini(&found);
}

/* The halves of a required message need not be whole each. */
static void halves_make_a_whole(void)
{
	/* ipc_msg_entry: desc in two parts, qbytes, qnum twice */
	/* clang-format off */
	static const uint8_t halves[] = {
		0x18, 9, 0x0a, 6, 0x08, 1, 0x10, 2, 0x18, 3, 0x10, 5, 0x0a, 8, 0x20, 4, 0x28, 5,
		0x30, 6, 0x38, 7, 0x18, 1,
	};
	/* clang-format on */
	/* clang-format off */
	static const uint8_t whole[] = {
		0x0a, 14, 0x08, 1, 0x10, 2, 0x18, 3, 0x20, 4, 0x28, 5, 0x30, 6, 0x38, 7, 0x10,
		5, 0x18, 1,
	};
	/* clang-format on */
	struct crit_buf found = {0};
	struct crit_buf wire = {.data = (uint8_t *)(uintptr_t)halves, .len = sizeof(halves)};

	expect_int(crit_wire_check(&crit_msg_ipc_msg_entry, halves, sizeof(halves)), 0);
	rewrite(&crit_msg_ipc_msg_entry, &wire, &styles[0], &found);
	expect_bytes(found.data, found.len, whole, sizeof(whole));
	/* and half of it is not enough */
	expect_int(crit_wire_check(&crit_msg_ipc_msg_entry, halves, 12), -EBADMSG);
	crit_buf_fini(&found);
}

/* All of pipe_data_entry's bytes around `bytes`, which is field 2. */
static void set_a_number(void)
{
	static const struct {
		const char *about, *wire;
		size_t len;
		uint64_t value;
		const char *wanted;
		size_t wanted_len;
	} table[] = {
		{"set", "\x08\x01\x10\x02\x18\x03", 6, 300, "\x08\x01\x10\xac\x02\x18\x03", 7},
		{"the same", "\x08\x01\x10\x02\x18\x03", 6, 2, "\x08\x01\x10\x02\x18\x03", 6},
		{"missing", "\x08\x01\x18\x03", 4, 7, "\x08\x01\x18\x03\x10\x07", 6},
		{"missing in nothing", "", 0, 0, "\x10\x00", 2},
		{"twice", "\x10\x01\x08\x01\x10\x02", 6, 5, "\x10\x05\x08\x01", 4},
		{"twice, the first is right", "\x10\x05\x08\x01\x10\x02", 6, 5,
		 "\x10\x05\x08\x01", 4},
		{"out of order with unknown fields", "\x22\x01x\x10\x01\x08\x81\x00\x2dxxxx",
		 13, 9, "\x22\x01x\x10\x09\x08\x81\x00\x2dxxxx", 13},
		{"another wire type is kept", "\x08\x01\x15xxxx", 7, 9,
		 "\x08\x01\x15xxxx\x10\x09", 9},
		{"the largest", "\x10\x01", 2, UINT32_MAX, "\x10\xff\xff\xff\xff\x0f", 6},
	};
	const struct crit_message *type = &crit_msg_pipe_data_entry;
	struct crit_buf out = {0};
	uint64_t value;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("%s", table[i].about);
		crit_buf_reset(&out);
		expect_int(crit_wire_set_uint(type, table[i].wire, table[i].len, "bytes",
					      table[i].value, &out),
			   0);
		expect_bytes(out.data, out.len, table[i].wanted, table[i].wanted_len);
		expect_int(crit_wire_uint(type, out.data, out.len, "bytes", &value), 1);
		expect_u64(value, table[i].value);
	}
	unit_about("broken");
	expect_int(crit_wire_set_uint(type, "\x08\x01\x10", 3, "bytes", 1, &out), -EBADMSG);
	expect_int(crit_wire_uint(type, "\x08\x01\x10", 3, "bytes", &value), -EBADMSG);
	unit_about("read");
	expect_int(crit_wire_uint(type, "\x08\x01", 2, "bytes", &value), 0);
	expect_u64(value, 0);
	expect_int(crit_wire_uint(type, "\x10\x01\x10\x09", 4, "bytes", &value), 1);
	expect_u64(value, 9); /* the last one counts */
	expect_int(crit_wire_uint(type, "\x10\x85\x80\x80\x80\x10", 6, "bytes", &value), 1);
	expect_u64(value, 5); /* cut to 32 bits */
	crit_buf_fini(&out);
}

/* One field, well-formed, of this wire type. */
static void put_some_field(uint32_t number, enum crit_wire_type type, struct crit_buf *out)
{
	crit_wire_put_tag(out, number, type);
	crit_buf_str(out, type == CRIT_WIRE_VARINT  ? "\x07"
			  : type == CRIT_WIRE_64BIT ? "12345678"
			  : type == CRIT_WIRE_32BIT ? "1234"
						    : "\x02xx");
}

/* Fields of another wire type are kept as what the schema does not have. */
static void step_other_wire_type(struct maker *m, const struct crit_message *type)
{
	static const enum crit_wire_type types[] = {CRIT_WIRE_VARINT, CRIT_WIRE_64BIT,
						    CRIT_WIRE_BYTES, CRIT_WIRE_32BIT};
	const ProtobufCMessageDescriptor *pb = type->pb;
	struct crit_buf wire = {0}, back = {0};
	unsigned i, t;

	make_wire(m, type, &wire);
	for (i = 0; i < pb->n_fields; i++) {
		for (t = 0; t < COUNT(types); t++) {
			bool packed = types[t] == CRIT_WIRE_BYTES &&
				      pb->fields[i].label == PROTOBUF_C_LABEL_REPEATED;

			if (types[t] != crit_wire_type_of(&pb->fields[i]) && !packed)
				put_some_field(pb->fields[i].id, types[t], &wire);
		}
	}
	expect(decodes(type, wire.data, wire.len));
	rewrite(type, &wire, &styles[0], &back);
	expect_bytes(back.data, back.len, wire.data, wire.len);
	crit_buf_fini(&wire);
	crit_buf_fini(&back);
}

static void another_wire_type_is_unknown(void)
{
	for_all_messages((struct maker){unit_seed(19), 0, false, false}, 3,
			 step_other_wire_type);
}

static const struct unit_test tests[] = {
	TEST(truncated_messages),
	TEST(odd_messages),
	TEST(another_wire_type_is_unknown),
	TEST(mutated_messages),
	TEST(depth_has_a_limit),
	TEST(fields_out_of_order_at_every_level),
	TEST(halves_make_a_whole),
	TEST(set_a_number),
};

UNIT_MAIN(tests)
