/*
 * Messages as JSON text and back, every type of the schema: protobuf-c makes and
 * packs them, so what comes back is held against a codec that is not ours.
 */
#include "messages.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>

#include "decoder/parse.h"
#include "decoder/print.h"
#include "decoder/wire.h"
#include "schema-messages.h"

static const struct crit_style styles[] = {
	{.plain = false, .big_endian = false},
	{.plain = true, .big_endian = false},
	{.plain = false, .big_endian = true},
	{.plain = true, .big_endian = true},
};

static void print(const struct crit_message *type, const struct crit_buf *wire,
		  const struct crit_style *style, struct crit_buf *text)
{
	crit_buf_reset(text);
	expect_int(crit_print(type, wire->data, wire->len, style, 0, text), 0);
}

static void parse(const struct crit_message *type, const void *text, size_t len,
		  const struct crit_style *style, struct crit_buf *wire)
{
	struct crit_error err = {0};

	crit_buf_reset(wire);
	if (crit_parse(type, text, len, style, wire, &err) < 0)
		fail("expected the text to be taken, found %u:%u: %s\n%.*s", err.line, err.col, err.text,
		     (int)(len < 4000 ? len : 4000), (const char *)text);
}

/* The bytes as the codec writes them once it has read them. */
static void rewrite(const struct crit_message *type, const struct crit_buf *wire,
		    const struct crit_style *style, struct crit_buf *out)
{
	struct crit_buf text = {0};

	print(type, wire, style, &text);
	parse(type, text.data, text.len, style, out);
	crit_buf_fini(&text);
}

static struct json_object *read_strictly(const struct crit_buf *text)
{
	struct json_tokener *tok = json_tokener_new_ex(300);
	struct json_object *tree;

	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	tree = json_tokener_parse_ex(tok, (const char *)text->data, (int)text->len);
	if (json_tokener_get_error(tok) != json_tokener_success)
		fail("expected valid JSON, found \"%s\" at %zu\n%.*s",
		     json_tokener_error_desc(json_tokener_get_error(tok)), json_tokener_get_parse_end(tok),
		     (int)text->len, (const char *)text->data);
	expect(json_object_is_type(tree, json_type_object));
	json_tokener_free(tok);
	return tree;
}

/* Run `step` on random messages of every type. */
static void for_all_messages(struct maker m, unsigned rounds,
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
			json_object_array_add(to, shuffled(r, json_object_array_get_idx(from, i)));
		return to;
	}
	if (!json_object_is_type(from, json_type_object))
		return json_object_get(from);
	to = json_object_new_object();
	json_object_object_foreach(from, key, value) {
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
			crit_varint_put(&list, f->type == PROTOBUF_C_TYPE_BOOL ? number & 1 : number);
		for (i = 0; type != CRIT_WIRE_VARINT && i < (type == CRIT_WIRE_64BIT ? 8 : 4); i++)
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

		if (f->label == PROTOBUF_C_LABEL_REPEATED && crit_wire_type_of(f) != CRIT_WIRE_BYTES) {
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

/* The halves of a required message need not be whole each. */
static void halves_make_a_whole(void)
{
	/* ipc_msg_entry: desc in two parts, qbytes, qnum twice */
	static const uint8_t halves[] = {
		0x18, 9, 0x0a, 6, 0x08, 1, 0x10, 2, 0x18, 3, 0x10, 5, 0x0a, 8, 0x20, 4, 0x28, 5, 0x30, 6, 0x38, 7,
		0x18, 1,
	};
	static const uint8_t whole[] = {
		0x0a, 14, 0x08, 1, 0x10, 2, 0x18, 3, 0x20, 4, 0x28, 5, 0x30, 6, 0x38, 7, 0x10, 5, 0x18, 1,
	};
	struct crit_buf found = {0};
	struct crit_buf wire = {.data = (uint8_t *)(uintptr_t)halves, .len = sizeof(halves)};

	expect_int(crit_wire_check(&crit_msg_ipc_msg_entry, halves, sizeof(halves)), 0);
	rewrite(&crit_msg_ipc_msg_entry, &wire, &styles[0], &found);
	expect_bytes(found.data, found.len, whole, sizeof(whole));
	/* and half of it is not enough */
	expect_int(crit_wire_check(&crit_msg_ipc_msg_entry, halves, 12), -EBADMSG);
	crit_buf_fini(&found);
}

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
		if (f->type == PROTOBUF_C_TYPE_MESSAGE && depth && has_required_default(f->descriptor, depth - 1))
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
			fail("the first %zu of %zu bytes: expected that %s them, as protobuf-c", len, wire.len,
			     theirs ? "it decodes" : "it refuses");
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
	{"an unknown field of each type", "\x08\x01\x10\x02\x20\x03\x29xxxxxxxx\x32\x01x\x3dxxxx", 23, true, true},
	{"a group", "\x08\x01\x10\x02\x23\x24", 6, false, false},
	{"wire type 6", "\x08\x01\x10\x02\x26", 5, false, false},
	{"wire type 7", "\x08\x01\x10\x02\x27", 5, false, false},
	{"the longest varint", "\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00\x10\x02", 13, true, true},
	{"a varint too long", "\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x10\x02", 14, false, false},
	{"a length beyond the end", "\x08\x01\x10\x02\x22\x02x", 7, false, false},
	{"a huge length", "\x08\x01\x10\x02\x22\xff\xff\xff\xff\x0f", 10, false, false},
	{"the hugest length", "\x08\x01\x10\x02\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 15, false, false},
	{"the largest field number", "\x08\x01\x10\x02\xf8\xff\xff\xff\x0f\x01", 10, true, true},
	{"field number 0", "\x08\x01\x10\x02\x00\x03", 6, false, false},
	/* kept as an unknown field, so that nothing of the image is lost */
	{"a known field of another wire type", "\x08\x01\x10\x02\x1d" "1234", 9, true, false},
	{"a required field of another wire type", "\x0d" "1234\x10\x02", 7, false, false},
	/* over-long tags: longer than any number needs */
	{"a tag of six bytes", "\x88\x80\x80\x80\x80\x00\x01\x10\x02", 9, true, false},
	/* protobuf-c drops the bits that are too many */
	{"a field number of 30 bits", "\x08\x01\x10\x02\x80\x80\x80\x80\x10\x01", 10, false, true},
};

static void odd_messages(void)
{
	const struct crit_message *type = &crit_msg_pipe_data_entry;
	struct crit_buf out = {0};
	size_t i;

	for (i = 0; i < COUNT(odd); i++) {
		struct crit_buf wire = {.data = (uint8_t *)(uintptr_t)odd[i].wire, .len = odd[i].len};

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
	expect_int(crit_parse(type, (const char *)text.data, text.len, &styles[0], &out, &err), -EBADMSG);
	expect(strstr(err.text, "messages nest too deep") != NULL);
	expect_int(err.col, (CRIT_DEPTH_MAX + 1) * 27 + 1);
	crit_buf_fini(&wire);
	crit_buf_fini(&text);
	crit_buf_fini(&out);
}

#define WATCHDOG 30 /* seconds; what doubles its work at each level would need years */

static void bark(int signum)
{
	static const char text[] = "expected the work to grow with the depth, found it to double\n";

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

static void a_text_as_crit_spells_it(void)
{
	static const char wanted[] =
		"{\n    \"id\": 3,\n    \"flags\": \"O_RDWR | O_LARGEFILE\",\n    \"pos\": 0,\n    \"fown\": {\n"
		"        \"uid\": 0,\n        \"euid\": 0,\n        \"signum\": 0,\n        \"pid_type\": 0,\n"
		"        \"pid\": 0\n    },\n    \"name\": \"/t\xc3\xa9\",\n    \"ext\": true\n}";
	static const uint8_t wire[] = {
		0x08, 3, 0x10, 0x82, 0x80, 0x02, 0x18, 0, 0x2a, 10, 0x08, 0, 0x10, 0, 0x18, 0, 0x20, 0, 0x28, 0,
		0x32, 4, '/', 't', 0xc3, 0xa9, 0x48, 1,
	};
	struct crit_buf text = {0};

	expect_int(crit_print(&crit_msg_reg_file_entry, wire, sizeof(wire), &styles[0], 0, &text), 0);
	expect_bytes(text.data, text.len, wanted, sizeof(wanted) - 1);
	/* deeper in a document */
	crit_buf_reset(&text);
	expect_int(crit_print(&crit_msg_pipe_data_entry, "\x08\x01\x10\x02", 4, &styles[0], 2, &text), 0);
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
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1\n}", 2, 1, "required key \"bytes\" is missing"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1,\n  \"byte\": 2}", 2, 3,
	 "unknown key \"byte\" (pipe_data_entry has no such field)"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1,\n\"bytes\": 2,\n  \"pipe_id\": 1}", 3, 3,
	 "key \"pipe_id\" stands here twice"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 4294967296", 1, 13,
	 "pipe_id: 4294967296 is out of range (unsigned, 32 bits)"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": \"abc\"", 1, 13, "pipe_id: expected an integer, got \"abc\""},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": null", 1, 13, "pipe_id: expected an integer, got null"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": [1]", 1, 13, "pipe_id: expected an integer, got a list"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\" 1", 1, 12, "pipe_id: expected ':' behind a key, got 1"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1 \"bytes\": 2}", 1, 15, "expected ',' or '}', got \"bytes\""},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1, \"bytes\": 2} x", 1, 28, "unexpected character: 'x'"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1, \"bytes\": 2}{", 1, 27,
	 "expected nothing behind the object, got an object"},
	{&crit_msg_pipe_data_entry, "{\"pipe_id\": 1,}", 1, 15, "expected a key in double quotes, got '}'"},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": 1", 1, 14, "$unknown: expected a string of base64, got 1"},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": \"*\"", 1, 14, "$unknown: expected base64, got \"*\""},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": \"CAE=\"", 1, 14,
	 "$unknown: holds the field \"pipe_id\", which has a key of its own"},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": \"/w==\"", 1, 14,
	 "$unknown: these bytes are no protobuf fields"},
	{&crit_msg_pipe_data_entry, "{\"$unknown\": \"\", \"$unknown\": \"\"}", 1, 18,
	 "key \"$unknown\" stands here twice"},
	{&crit_msg_pagemap_entry, "{\"in_parent\": 1", 1, 15, "in_parent: expected true or false, got 1"},
	{&crit_msg_pagemap_entry, "{\"in_parent\": \"true\"", 1, 15,
	 "in_parent: expected true or false, got \"true\""},
	{&crit_msg_mm_entry, "{\"vmas\": [{}, {}]}", 1, 12, "vmas[0]: required key \"start\" is missing"},
	{&crit_msg_mm_entry, "{\"vmas\": {}", 1, 10, "vmas: expected a list, got an object"},
	{&crit_msg_mm_entry, "{\"vmas\": [1", 1, 11, "vmas[0]: expected an object, got 1"},
	{&crit_msg_mm_entry, "{\"mm_saved_auxv\": [1, 2,]", 1, 25, "mm_saved_auxv[2]: expected an integer, got ']'"},
	{&crit_msg_mm_entry, "{\"mm_saved_auxv\": [1 2]", 1, 22, "mm_saved_auxv: expected ',' or ']', got 2"},
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
	{&crit_msg_unix_sk_entry, "{\"name\": \"=\xc3\xa9\"", 1, 10, "name: expected quoted-printable, got \"=\xc3\xa9\""},
	{&crit_msg_unix_sk_entry, "{\"name\": 1", 1, 10, "name: expected a quoted-printable string, got 1"},
	{&crit_msg_tty_data_entry, "{\"data\": \"a\"", 1, 10, "data: expected base64, got \"a\""},
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
		expect_int(crit_parse(refused[i].type, refused[i].text, strlen(refused[i].text), &styles[0],
				      &out, &err), -EBADMSG);
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
		copy[unit_below(&m->r, len)] = (uint8_t)("\"{}[]:,\\09-x \n\xff"[unit_below(&m->r, 16)]);
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
		{"twice, the first is right", "\x10\x05\x08\x01\x10\x02", 6, 5, "\x10\x05\x08\x01", 4},
		{"out of order with unknown fields", "\x22\x01x\x10\x01\x08\x81\x00\x2dxxxx", 13, 9,
		 "\x22\x01x\x10\x09\x08\x81\x00\x2dxxxx", 13},
		{"another wire type is kept", "\x08\x01\x15xxxx", 7, 9, "\x08\x01\x15xxxx\x10\x09", 9},
		{"the largest", "\x10\x01", 2, UINT32_MAX, "\x10\xff\xff\xff\xff\x0f", 6},
	};
	const struct crit_message *type = &crit_msg_pipe_data_entry;
	struct crit_buf out = {0};
	uint64_t value;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("%s", table[i].about);
		crit_buf_reset(&out);
		expect_int(crit_wire_set_uint(type, table[i].wire, table[i].len, "bytes", table[i].value, &out), 0);
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

static const struct unit_test tests[] = {
	TEST(round_trip),
	TEST(round_trip_with_unknown_fields),
	TEST(round_trip_with_bad_utf8),
	TEST(keys_in_any_order),
	TEST(packed_lists),
	TEST(doubled_messages_merge),
	TEST(halves_make_a_whole),
	TEST(truncated_messages),
	TEST(odd_messages),
	TEST(mutated_messages),
	TEST(depth_has_a_limit),
	TEST(fields_out_of_order_at_every_level),
	TEST(a_text_as_crit_spells_it),
	TEST(refused_texts),
	TEST(broken_texts),
	TEST(set_a_number),
};

UNIT_MAIN(tests)
