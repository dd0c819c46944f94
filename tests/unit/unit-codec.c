/*
 * Messages as JSON text and back, every type of the schema: protobuf-c makes and
 * packs them, so what comes back is held against a codec that is not ours.
 */
#include "codec.h"

static void step_round_trip(struct maker *m, const struct crit_message *type)
{
	struct crit_buf wire = {0}, text = {0}, back = {0};
	size_t i;

	make_wire(m, type, &wire);
	expect_int(crit_wire_check(type, wire.data, wire.len), 0);
	for (i = 0; i < COUNT(styles); i++) {
		print(type, &wire, &styles[i], &text);
		json_object_put(read_strictly(&text));
		parse(type, text.data, text.len, &styles[i], &back);
		expect_bytes(back.data, back.len, wire.data, wire.len);
	}
	/* the spellings are both taken, whatever the style */
	print(type, &wire, &styles[1], &text);
	parse(type, text.data, text.len, &styles[0], &back);
	expect_bytes(back.data, back.len, wire.data, wire.len);
	crit_buf_fini(&wire);
	crit_buf_fini(&text);
	crit_buf_fini(&back);
}

static void round_trip(void)
{
	for_all_messages((struct maker){unit_seed(10), 0, false, false}, 40, step_round_trip);
}

static void round_trip_with_unknown_fields(void)
{
	for_all_messages((struct maker){unit_seed(11), 0, true, false}, 20, step_round_trip);
}

static void round_trip_with_bad_utf8(void)
{
	for_all_messages((struct maker){unit_seed(12), 0, true, true}, 10, step_round_trip);
}

/* The same object with its keys in another order, to every depth. */
static struct json_object *shuffled(struct unit_random *r, struct json_object *from)
{
	struct json_object *to;
	const char *keys[64];
	size_t n = 0, i;

	if (json_object_is_type(from, json_type_array)) {
		to = json_object_new_array();
		for (i = 0; i < json_object_array_length(from); i++)
			json_object_array_add(to,
					      shuffled(r, json_object_array_get_idx(from, i)));
		return to;
	}
	if (!json_object_is_type(from, json_type_object))
		return json_object_get(from);
	to = json_object_new_object();
	json_object_object_foreach(from, key, value)
	{
		(void)value;
		expect(n < COUNT(keys));
		keys[n++] = key;
	}
	for (; n; n--) {
		i = unit_below(r, n);
		json_object_object_add(to, keys[i],
				       shuffled(r, json_object_object_get(from, keys[i])));
		keys[i] = keys[n - 1];
	}
	return to;
}

static void step_key_order(struct maker *m, const struct crit_message *type)
{
	struct crit_buf wire = {0}, text = {0}, back = {0};
	struct json_object *tree, *other;
	const char *spelled;

	make_wire(m, type, &wire);
	print(type, &wire, &styles[0], &text);
	tree = read_strictly(&text);
	other = shuffled(&m->r, tree);
	/* json-c lays the text out in its own way, too */
	spelled = json_object_to_json_string_ext(other, JSON_C_TO_STRING_PLAIN);
	parse(type, spelled, strlen(spelled), &styles[0], &back);
	expect_bytes(back.data, back.len, wire.data, wire.len);
	json_object_put(other);
	json_object_put(tree);
	crit_buf_fini(&wire);
	crit_buf_fini(&text);
	crit_buf_fini(&back);
}

static void keys_in_any_order(void)
{
	for_all_messages((struct maker){unit_seed(13), 0, true, false}, 20, step_key_order);
}

/* What one field of a repeated number is when packed. */
static void put_packed(struct maker *m, const ProtobufCFieldDescriptor *f, struct crit_buf *out)
{
	enum crit_wire_type type = crit_wire_type_of(f);
	size_t n = 1 + unit_below(&m->r, 5), i;
	struct crit_buf list = {0};

	while (n--) {
		uint64_t number = make_number(m);

		if (type == CRIT_WIRE_VARINT)
			crit_varint_put(&list,
					f->type == PROTOBUF_C_TYPE_BOOL ? number & 1 : number);
		for (i = 0; type != CRIT_WIRE_VARINT && i < (type == CRIT_WIRE_64BIT ? 8 : 4);
		     i++)
			crit_buf_byte(&list, (uint8_t)(number >> 8 * i));
	}
	crit_wire_put_tag(out, f->id, CRIT_WIRE_BYTES);
	crit_varint_put(out, list.len);
	crit_buf_add(out, list.data, list.len);
	crit_buf_fini(&list);
}

static void step_packed(struct maker *m, const struct crit_message *type)
{
	struct crit_buf wire = {0}, wanted = {0}, found = {0};
	bool any = false;
	unsigned i;

	make_wire(m, type, &wire);
	for (i = 0; i < type->pb->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &type->pb->fields[i];

		if (f->label == PROTOBUF_C_LABEL_REPEATED &&
		    crit_wire_type_of(f) != CRIT_WIRE_BYTES) {
			put_packed(m, f, &wire);
			any = true;
		}
	}
	if (any) {
		expect_int(crit_wire_check(type, wire.data, wire.len), 0);
		expect(repack(type, &wire, &wanted));
		for (i = 0; i < COUNT(styles); i++) {
			rewrite(type, &wire, &styles[i], &found);
			expect_bytes(found.data, found.len, wanted.data, wanted.len);
		}
	}
	crit_buf_fini(&wire);
	crit_buf_fini(&wanted);
	crit_buf_fini(&found);
}

static void packed_lists(void)
{
	for_all_messages((struct maker){unit_seed(14), 0, false, false}, 20, step_packed);
}

/* Packed lists of no items, between fields and at the end, say as much as no field. */
static void step_packed_nothing(struct maker *m, const struct crit_message *type)
{
	struct crit_buf wire = {0}, with = {0}, wanted = {0}, found = {0};
	size_t i, n;

	make_wire(m, type, &wire);
	for (i = 0; i < COUNT(styles); i++) {
		print(type, &wire, &styles[i], &wanted);
		for (n = 0; n < type->pb->n_fields; n++) {
			const ProtobufCFieldDescriptor *f = &type->pb->fields[n];

			if (f->label != PROTOBUF_C_LABEL_REPEATED ||
			    crit_wire_type_of(f) == CRIT_WIRE_BYTES)
				continue;
			crit_buf_reset(&with);
			crit_wire_put_tag(&with, f->id, CRIT_WIRE_BYTES);
			crit_buf_byte(&with, 0);
			crit_buf_add(&with, wire.data, wire.len);
			crit_wire_put_tag(&with, f->id, CRIT_WIRE_BYTES);
			crit_buf_byte(&with, 0);
			print(type, &with, &styles[i], &found);
			expect_bytes(found.data, found.len, wanted.data, wanted.len);
		}
	}
	crit_buf_fini(&wire);
	crit_buf_fini(&with);
	crit_buf_fini(&wanted);
	crit_buf_fini(&found);
}

static void packed_lists_of_nothing(void)
{
	for_all_messages((struct maker){unit_seed(15), 0, false, false}, 5,
			 step_packed_nothing);
}

static bool has_required_message(const ProtobufCMessageDescriptor *d)
{
	unsigned i;

	for (i = 0; i < d->n_fields; i++)
		if (d->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
		    d->fields[i].label == PROTOBUF_C_LABEL_REQUIRED)
			return true;
	return false;
}

/*
 * protobuf-c does not merge a required message within a message that is merged:
 * the later one replaces it. Google's own code merges, and so do we.
 */
static bool protobuf_c_merges(const ProtobufCMessageDescriptor *d, bool top)
{
	unsigned i;

	if (!top && has_required_message(d))
		return false;
	for (i = 0; i < d->n_fields; i++)
		if (d->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
		    d->fields[i].label != PROTOBUF_C_LABEL_REPEATED &&
		    !protobuf_c_merges(d->fields[i].descriptor, false))
			return false;
	return true;
}

/* Two messages one behind the other are one message, with all in it twice. */
static void step_doubled(struct maker *m, const struct crit_message *type)
{
	struct crit_buf wire = {0}, wanted = {0}, found = {0}, canonical = {0};

	if (!protobuf_c_merges(type->pb, true))
		return;
	make_wire(m, type, &wire);
	make_wire(m, type, &wire);
	expect_int(crit_wire_check(type, wire.data, wire.len), 0);
	expect(repack(type, &wire, &wanted));
	rewrite(type, &wire, &styles[0], &found);
	expect_bytes(found.data, found.len, wanted.data, wanted.len);
	/* in order means the same, and stays as it is */
	crit_buf_reset(&found);
	expect_int(crit_wire_canonical(type, wire.data, wire.len, &canonical), 0);
	expect(repack(type, &canonical, &found));
	expect_bytes(found.data, found.len, wanted.data, wanted.len);
	crit_buf_reset(&found);
	expect_int(crit_wire_canonical(type, canonical.data, canonical.len, &found), 0);
	expect_bytes(found.data, found.len, canonical.data, canonical.len);
	crit_buf_fini(&wire);
	crit_buf_fini(&wanted);
	crit_buf_fini(&found);
	crit_buf_fini(&canonical);
}

static void doubled_messages_merge(void)
{
	size_t i, n = 0;

	for (i = 0; i < crit_n_messages; i++)
		n += protobuf_c_merges(crit_messages[i]->pb, true);
	expect(n > crit_n_messages * 9 / 10);
	for_all_messages((struct maker){unit_seed(15), 0, false, false}, 20, step_doubled);
}

static void a_text_as_crit_spells_it(void)
{
	static const char wanted[] =
		"{\n    \"id\": 3,\n    \"flags\": \"O_RDWR | O_LARGEFILE\",\n"
		"    \"pos\": 0,\n    \"fown\": {\n        \"uid\": 0,\n"
		"        \"euid\": 0,\n        \"signum\": 0,\n        \"pid_type\": 0,\n"
		"        \"pid\": 0\n    },\n    \"name\": \"/t\xc3\xa9\",\n    \"ext\": true\n}";
	/* clang-format off */
	static const uint8_t wire[] = {
		0x08, 3, 0x10, 0x82, 0x80, 0x02, 0x18, 0, 0x2a, 10, 0x08, 0, 0x10, 0, 0x18, 0,
		0x20, 0, 0x28, 0, 0x32, 4, '/', 't', 0xc3, 0xa9, 0x48, 1,
	};
	/* clang-format on */
	struct crit_buf text = {0};

	expect_int(
		crit_print(&crit_msg_reg_file_entry, wire, sizeof(wire), &styles[0], 0, &text),
		0);
	expect_bytes(text.data, text.len, wanted, sizeof(wanted) - 1);
	/* deeper in a document */
	crit_buf_reset(&text);
	expect_int(crit_print(&crit_msg_pipe_data_entry, "\x08\x01\x10\x02", 4, &styles[0], 2,
			      &text),
		   0);
	expect_bytes(text.data, text.len,
		     "{\n            \"pipe_id\": 1,\n            \"bytes\": 2\n        }", 60);
	crit_buf_reset(&text);
	expect_int(crit_print(&crit_msg_seccomp_entry, "", 0, &styles[0], 2, &text), 0);
	expect_bytes(text.data, text.len, "{}", 2);
	crit_buf_fini(&text);
}

static const struct {
	const struct crit_message *type;
	const char *text;
	unsigned line, col;
	const char *says;
} refused[] = {
	{&crit_msg_pipe_data_entry, "", 1, 1, "expected an object, got the end of the text"},
	{&crit_msg_pipe_data_entry, "[]", 1, 1, "expected an object, got a list"},
	{&crit_msg_pipe_data_entry, "{}", 1, 2, "required key \"pipe_id\" is missing"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1\n}", 2, 1,
	 "required key \"bytes\" is missing"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1,\n  \"byte\": 2}", 2, 3,
	 "unknown key \"byte\" (pipe_data_entry has no such field)"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1,\n\"bytes\": 2,\n  \"pipe_id\": 1}", 3, 3,
	 "key \"pipe_id\" stands here twice"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 4294967296", 1, 13,
	 "pipe_id: 4294967296 is out of range (unsigned, 32 bits)"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": \"abc\"", 1, 13,
	 "pipe_id: expected an integer, got \"abc\""},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": null", 1, 13,
	 "pipe_id: expected an integer, got null"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": [1]", 1, 13,
	 "pipe_id: expected an integer, got a list"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\" 1", 1, 12,
	 "pipe_id: expected ':' behind a key, got 1"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1 \"bytes\": 2}", 1, 15,
	 "expected ',' or '}', got \"bytes\""},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1, \"bytes\": 2} x", 1, 28,
	 "unexpected character: 'x'"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1, \"bytes\": 2}{", 1, 27,
	 "expected nothing behind the object, got an object"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1,}", 1, 15,
	 "expected a key in double quotes, got '}'"},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": 1", 1, 14,
	 "$unknown: expected a string of base64, got 1"},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": \"*\"", 1, 14,
	 "$unknown: expected base64, got \"*\""},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": \"CAE=\"", 1, 14,
	 "$unknown: holds the field \"pipe_id\", which has a key of its own"},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": \"/w==\"", 1, 14,
	 "$unknown: these bytes are no protobuf fields"},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": \"\", \"$unknown\": \"\"}", 1, 18,
	 "key \"$unknown\" stands here twice"},
	{&crit_msg_pagemap_entry, "{\"in_parent\": 1", 1, 15,
	 "in_parent: expected true or false, got 1"},
	{&crit_msg_pagemap_entry, "{\"in_parent\": \"true\"", 1, 15,
	 "in_parent: expected true or false, got \"true\""},
	{&crit_msg_mm_entry, "{\"vmas\": [{}, {}]}", 1, 12,
	 "vmas[0]: required key \"start\" is missing"},
	{&crit_msg_mm_entry, "{\"vmas\": {}", 1, 10, "vmas: expected a list, got an object"},
	{&crit_msg_mm_entry, "{\"vmas\": [1", 1, 11, "vmas[0]: expected an object, got 1"},
	{&crit_msg_mm_entry, "{\"mm_saved_auxv\": [1, 2,]", 1, 25,
	 "mm_saved_auxv[2]: expected an integer, got ']'"},
	{&crit_msg_mm_entry, "{\"mm_saved_auxv\": [1 2]", 1, 22,
	 "mm_saved_auxv: expected ',' or ']', got 2"},
	{&crit_msg_ipc_sem_entry, "{\n \"desc\": {\n  \"key\": -1", 3, 10,
	 "desc.key: -1 is out of range (unsigned, 32 bits)"},
	{&crit_msg_cgroup_entry, "{\"controllers\": [{}, {\"dirs\": [{\"dir_name\": 7", 1, 45,
	 "controllers[1].dirs[0].dir_name: expected a string, got 7"},
	{&crit_msg_cgroup_dir_entry, "{\"dir_name\": {\"base64\": \"\"}", 1, 15,
	 "dir_name: expected the key \"$base64\", got \"base64\""},
	{&crit_msg_cgroup_dir_entry, "{\"dir_name\": {\"$base64\": \"=\"}", 1, 26,
	 "dir_name: expected base64, got \"=\""},
	{&crit_msg_cgroup_dir_entry, "{\"dir_name\": {\"$base64\": \"\", \"x\": 1}", 1, 28,
	 "dir_name: expected '}', got ','"},
	{&crit_msg_unix_sk_entry, "{\"name\": \"=\xc3\xa9\"", 1, 10,
	 "name: expected quoted-printable, got \"=\xc3\xa9\""},
	{&crit_msg_unix_sk_entry, "{\"name\": 1", 1, 10,
	 "name: expected a quoted-printable string, got 1"},
	{&crit_msg_tty_data_entry, "{\"data\": \"a\"", 1, 10,
	 "data: expected base64, got \"a\""},
	{&crit_msg_remap_file_path_entry, "{\"remap_type\": \"X\"", 1, 16,
	 "remap_type: expected a name of its enum or a number, got \"X\""},
	{&crit_msg_inet_sk_entry, "{\"src_addr\": [\"1.2.3\"]", 1, 15,
	 "src_addr[0]: expected an integer, got \"1.2.3\""},
};

static void refused_texts(void)
{
	struct crit_buf out = {0};
	size_t i;

	for (i = 0; i < COUNT(refused); i++) {
		struct crit_error err = {0};

		unit_about("%s %s", refused[i].type->pb->name, refused[i].text);
		expect_int(crit_parse(refused[i].type, refused[i].text, strlen(refused[i].text),
				      &styles[0], &out, &err),
			   -EBADMSG);
		expect_str(err.text, refused[i].says);
		expect_int(err.line, refused[i].line);
		expect_int(err.col, refused[i].col);
		expect_int(err.errnum, EBADMSG);
	}
	crit_buf_fini(&out);
}

/* Text that someone cut or broke: never more than a refusal. */
static void step_broken_text(struct maker *m, const struct crit_message *type)
{
	struct crit_buf wire = {0}, text = {0}, out = {0};
	size_t len, n;

	make_wire(m, type, &wire);
	print(type, &wire, &styles[0], &text);
	for (n = 0; n < 50; n++) {
		struct crit_error err = {0};
		uint8_t *copy;

		len = 1 + unit_below(&m->r, text.len);
		copy = malloc(len);
		memcpy(copy, text.data, len);
		copy[unit_below(&m->r, len)] =
			(uint8_t)("\"{}[]:,\\09-x \n\xff"[unit_below(&m->r, 16)]);
		crit_buf_reset(&out);
		if (crit_parse(type, (const char *)copy, len, &styles[0], &out, &err) < 0)
			expect(err.errnum == EBADMSG && err.line && err.col && *err.text);
		else
			expect_int(crit_wire_check(type, out.data, out.len), 0);
		free(copy);
	}
	crit_buf_fini(&wire);
	crit_buf_fini(&text);
	crit_buf_fini(&out);
}

static void broken_texts(void)
{
	for_all_messages((struct maker){unit_seed(18), 0, true, true}, 5, step_broken_text);
}

static const struct unit_test tests[] = {
	TEST(round_trip),
	TEST(round_trip_with_unknown_fields),
	TEST(round_trip_with_bad_utf8),
	TEST(keys_in_any_order),
	TEST(packed_lists),
	TEST(packed_lists_of_nothing),
	TEST(doubled_messages_merge),
	TEST(a_text_as_crit_spells_it),
	TEST(refused_texts),
	TEST(broken_texts),
};

UNIT_MAIN(tests)
