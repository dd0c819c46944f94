/*
 * Images from documents: what comes back is what was decoded, in whatever order the
 * document says it; and a document as an edit of its image.
 */
#include "documents.h"
#include "scenes.h"
#include "sources.h"

#include <json-c/json.h>

#include "decoder/compose.h"

/* Style `i` of 4. */
static struct crit_document_style style_of(unsigned i)
{
	return (struct crit_document_style){.plain = i & 1, .one_line = i & 2};
}

static void expect_composed(struct text_source source, const struct crit_header *header,
			    const struct crit_buf *wanted)
{
	struct crit_error err = {0};
	struct crit_buf found = {0};
	struct crit_spool out;

	crit_spool_init(&out, -1);
	if (crit_compose(&source.source, header, &out, &err) < 0)
		fail("expected an image, found %u:%u: %s", err.line, err.col, err.text);
	put_spool(&found, &out);
	expect_bytes(found.data, found.len, wanted->data, wanted->len);
	crit_spool_fini(&out);
	crit_buf_fini(&found);
}

/* An image, its document, the same image. */
static void both_ways(void)
{
	struct doc_image image = {0};
	struct crit_buf text = {0};
	unsigned s;
	size_t i;

	for (i = 0; i < DOC_IMAGES; i++) {
		put_doc_image(&image, i);
		for (s = 0; s < 4; s++) {
			unit_about("image %zu, %s, style %u", i, image.name, s);
			put_document(&text, &image.made.bytes, image.name, style_of(s));
			expect_composed(text_source(text.data, text.len), NULL,
					&image.made.bytes);
			expect_composed(text_pipe(text.data, text.len), NULL,
					&image.made.bytes);
		}
	}
	crit_buf_fini(&text);
	crit_buf_fini(&image.made.bytes);
}

/* A tree with the keys of all its objects the other way round, lists as they are. */
static struct json_object *turned_round(struct json_object *tree)
{
	const char *keys[100];
	struct json_object *turned = NULL;
	size_t n = 0, i;

	if (json_object_is_type(tree, json_type_array)) {
		turned = json_object_new_array();
		for (i = 0; i < json_object_array_length(tree); i++)
			json_object_array_add(turned,
					      turned_round(json_object_array_get_idx(tree, i)));
	} else if (json_object_is_type(tree, json_type_object)) {
		turned = json_object_new_object();
		json_object_object_foreach(tree, key, value)
		{
			(void)value;
			expect(n < COUNT(keys));
			keys[n++] = key;
		}
		while (n--)
			json_object_object_add(
				turned, keys[n],
				turned_round(json_object_object_get(tree, keys[n])));
	} else {
		turned = json_object_get(tree);
	}
	return turned;
}

static void turn_round(struct crit_buf *text)
{
	struct json_object *tree, *turned;
	const char *out;

	crit_buf_byte(text, '\0');
	tree = json_tokener_parse((char *)text->data);
	expect(tree != NULL);
	turned = turned_round(tree);
	out = json_object_to_json_string_ext(turned, JSON_C_TO_STRING_PRETTY);
	crit_buf_reset(text);
	crit_buf_str(text, out);
	json_object_put(tree);
	json_object_put(turned);
}

/* So the entries come before what they are is known, and their extras before what counts them.
 */
static void keys_in_another_order(void)
{
	struct doc_image image = {0};
	struct crit_buf text = {0};
	struct crit_header h;
	unsigned s;
	size_t i;

	for (i = 0; i < DOC_IMAGES; i++) {
		put_doc_image(&image, i);
		for (s = 0; s < 2; s++) {
			unit_about("image %zu, %s, style %u", i, image.name, s);
			put_document(&text, &image.made.bytes, image.name, style_of(s));
			turn_round(&text);
			expect_composed(text_source(text.data, text.len), NULL,
					&image.made.bytes);
			expect_composed(text_pipe(text.data, text.len), NULL,
					&image.made.bytes);
			expect(crit_header_read(image.name, image.made.bytes.data,
						image.made.bytes.len, &h));
			if (i >= DOC_CHANGED || (i % N_DOC_CHANGES != DOC_V10 &&
						 i % N_DOC_CHANGES != DOC_BIG_ENDIAN))
				expect_composed(text_pipe(text.data, text.len), &h,
						&image.made.bytes);
		}
	}
	crit_buf_fini(&text);
	crit_buf_fini(&image.made.bytes);
}

/* A header that is given, what the document says, and the header that comes of it. */
struct header_case {
	uint32_t given; /* the word before the magic; 0: none */
	bool has;       /* one is given */
	bool given_big;
	const char *text;
	uint32_t wanted;
	bool wanted_big;
};

#define HEADER(more) "{" more "\"magic\": \"FDINFO\", \"entries\": []}"
#define NAMED(name)  HEADER("\"$header\": \"" name "\", ")
#define ORDER(name)  HEADER("\"$byteorder\": \"" name "\", ")

static void expect_header(const struct header_case *c)
{
	const struct crit_type *type = crit_type_by_title("FDINFO", 6);
	struct crit_header given = {.type = type, .big_endian = c->given_big};
	struct crit_header h = {.big_endian = c->wanted_big};
	struct crit_buf wanted = {0};

	unit_about("0x%x, %s", c->given, c->text);
	if (c->given)
		crit_set_u32(&given, c->given, given.bytes);
	given.len = c->given ? 8 : 4;
	crit_set_u32(&given, type->magic, given.bytes + given.len - 4);
	if (c->wanted)
		crit_put_u32(&h, c->wanted, &wanted);
	crit_put_u32(&h, type->magic, &wanted);
	expect_composed(text_pipe(c->text, strlen(c->text)), c->has ? &given : NULL, &wanted);
	crit_buf_fini(&wanted);
}

static void headers(void)
{
	static const struct header_case table[] = {
		{0, false, false, HEADER(""), CRIT_MAGIC_COMMON, false},
		{0, false, false, "{\"magic\": \"FDINFO\", \"entries\": null}",
		 CRIT_MAGIC_COMMON, false},
		{0, false, false, NAMED("service"), CRIT_MAGIC_SERVICE, false},
		{0, false, false,
		 "{\"entries\": [], \"$header\": \"v1.0\", \"magic\": \"FDINFO\"}", 0, false},
		{0, false, false, ORDER("big"), CRIT_MAGIC_COMMON, true},
		{0, true, false, HEADER(""), 0, false},
		{0, true, true, HEADER(""), 0, true},
		{0, true, false, ORDER("big"), 0, true},
		{0, true, false, NAMED("common"), CRIT_MAGIC_COMMON, false},
		{CRIT_MAGIC_SERVICE, true, false, HEADER(""), CRIT_MAGIC_SERVICE, false},
		{CRIT_MAGIC_SERVICE, true, true, HEADER(""), CRIT_MAGIC_SERVICE, true},
		{CRIT_MAGIC_SERVICE, true, false, NAMED("common"), CRIT_MAGIC_COMMON, false},
		{CRIT_MAGIC_COMMON, true, false, NAMED("service"), CRIT_MAGIC_SERVICE, false},
		{CRIT_MAGIC_COMMON, true, false, NAMED("v1.0"), 0, false},
		{CRIT_MAGIC_COMMON, true, true, NAMED("service"), CRIT_MAGIC_SERVICE, true},
	};
	size_t i;

	for (i = 0; i < COUNT(table); i++)
		expect_header(&table[i]);
}

/* The word that is kept is written in the order that the document names. */
static void byte_order_of_a_given_header(void)
{
	static const struct header_case table[] = {
		{CRIT_MAGIC_COMMON, true, true, ORDER("big"), CRIT_MAGIC_COMMON, true},
		{CRIT_MAGIC_COMMON, true, false, ORDER("big"), CRIT_MAGIC_COMMON, true},
		{CRIT_MAGIC_COMMON, true, true, ORDER("little"), CRIT_MAGIC_COMMON, false},
	};
	size_t i;

	for (i = 0; i < COUNT(table); i++)
		expect_header(&table[i]);
}

static int compose_text(struct text_source source, const struct crit_header *header,
			struct crit_error *err)
{
	struct crit_spool out;
	int ret;

	*err = (struct crit_error){0};
	crit_spool_init(&out, -1);
	ret = crit_compose(&source.source, header, &out, err);
	crit_spool_fini(&out);
	return ret;
}

#define PIPES "{\"magic\": \"PIPES_DATA\", \"entries\": [\n"
#define FDS   "{\"magic\": \"FDINFO\", \"entries\": [\n"
#define MSGS                                                                                   \
	"{\"magic\": \"IPCNS_MSG\", \"entries\": [\n{" DESC ", \"qbytes\": 1,\n\"qnum\": 1, "
#define SEMS  "{\"magic\": \"IPCNS_SEM\", \"entries\": [\n{" DESC ", \"nsems\": 1,\n"
#define GHOST "{\"magic\": \"GHOST_FILE\", \"entries\": [\n"

/* What is wrong, where, and what is said of it, its path first. */
static const struct {
	const char *text;
	unsigned line, col;
	const char *says;
} refused[] = {
	{"", 1, 1, "expected an object with \"magic\" and \"entries\""},
	{"[]", 1, 1, "expected an object with \"magic\" and \"entries\""},
	{"{}", 1, 2, "required key \"magic\" is missing"},
	{"{\"magic\": \"FDINFO\"\n}", 2, 1, "required key \"entries\" is missing"},
	{"{\"entries\": []\n}", 2, 1, "required key \"magic\" is missing"},
	{"{\"magic\": \"FDINFO\",}", 1, 20, "expected a key in double quotes"},
	{"{\"magic\": 1}", 1, 11, "magic: expected a string"},
	{"{\"magic\": \"fdinfo\"}", 1, 11, "magic: expected the name of an image type"},
	{"{\"magic\": \"FDINFO\",\n \"magic\": \"FDINFO\"}", 2, 2,
	 "key \"magic\" stands here twice"},
	{"{\"Magic\": \"FDINFO\"}", 1, 2, "unknown key \"Magic\" of a document"},
	{"{\"$header\": \"1.0\"}", 1, 13, "$header: expected \"v1.0\", \"common\""},
	{"{\"$byteorder\": \"BIG\"}", 1, 16, "$byteorder: expected \"big\" or \"little\""},
	{"{\"$byteorder\" \"big\"}", 1, 15, "expected ':' behind a key"},
	{FDS "], \"$header\": \"v1.0\"}", 2, 4, "\"$header\" has to stand before"},
	{FDS "], \"$byteorder\": \"big\"}", 2, 4, "\"$byteorder\" has to stand before"},
	{FDS "]} x", 2, 4, "unexpected character: 'x'"},
	{FDS "]} {}", 2, 4, "expected nothing behind the document"},
	{FDS "]", 2, 2, "expected ',' or '}'"},
	{FDS "], \"$tail\": 1}", 2, 13, "$tail: expected a string of base64"},
	{FDS "], \"$tail\": \"a?\"}", 2, 13, "$tail: expected base64, got '?' as character 2"},
	{FDS "], \"$tail\": \"abc\"}", 2, 13, "$tail: expected base64"},
	{"{\"magic\": \"FDINFO\", \"entries\": {}}", 1, 32, "entries: expected a list"},
	{"{\"entries\": {},\n\"magic\": \"FDINFO\"}", 1, 13, "entries: expected a list"},
	{FDS "1]}", 2, 1, "entries[0]: expected an object"},
	{FDS FD_0 ",\n" FD_1 ",\n{\"id\": 1}]}", 4, 9, "entries[2]: required key"},
	{FDS FD_0 ",\n {\"id\": -1}]}", 3, 9, "entries[1].id: "},
	{FDS FD_0 "\n" FD_1 "]}", 3, 1, "entries: expected ',' or ']'"},
	{FDS FD_0 ",]}", 2, 47, "entries[1]: expected an object"},
	{FDS "{\"id\": 1, \"extra\": \"\"}]}", 2, 11, "entries[0]: unknown key \"extra\""},
	{FDS "{\"id\": 1, \"$raw\": \"\"}]}", 2, 19, "entries[0]: raw bytes beside fields"},
	{FDS "{\"$raw\": \"\", \"id\": 1}]}", 2, 14, "entries[0]: fields beside raw bytes"},
	{FDS "{\"$raw\": \"a\"}]}", 2, 10, "entries[0].$raw: expected base64"},
	{PIPES "{\"pipe_id\": 1, \"bytes\": 1}]}", 2, 26,
	 "entries[0]: its \"bytes\" is 1, but it has no \"extra\""},
	{PIPES "{\"pipe_id\": 1, \"bytes\": 1, \"extra\": 1}]}", 2, 37,
	 "entries[0].extra: expected a string of base64"},
	{PIPES "{\"pipe_id\": 1, \"bytes\": 1, \"extra\": \"a\\nb?\"}]}", 2, 37,
	 "entries[0].extra: expected base64, got '?' as character 4"},
	{PIPES "{\"pipe_id\": 1, \"bytes\": 1, \"extra\": \"\n\"}]}", 2, 38,
	 "entries[0].extra: a control character within a string"},
	{PIPES "{\"$raw\": \"CP8=\", \"extra\": \"YQ==\"}]}", 2, 33,
	 "entries[0]: what follows these raw bytes can't be told"},
	{SEMS "\"extra\": [1,\n65536]}]}", 4, 1, "entries[0].extra[1]: expected a number"},
	{SEMS "\"extra\": \"[1, 65536]\"}]}", 3, 10, "entries[0].extra[1]: expected a number"},
	{MSGS "\"extra\": [1]}]}", 3, 22, "entries[0].extra[0]: expected an object"},
	{MSGS "\"extra\": [{\"mtype\": 1, \"msize\": 1}]}]}", 3, 46,
	 "entries[0].extra[0]: expected the message's data behind a ','"},
	{MSGS "\"extra\": [{\"mtype\": 1, \"msize\": 1},\n2]}]}", 4, 1,
	 "entries[0].extra[1]: expected a string of base64"},
	{"{\"magic\": \"TCP_STREAM\", \"entries\": [{\"extra\": {\n\"iq\": \"\"}}]}", 2, 1,
	 "entries[0].extra: expected the key \"inq\" or \"outq\""},
	{"{\"magic\": \"TCP_STREAM\", \"entries\": [{\"extra\": {\n\"inq\": \"\", \"in_q\": \"\"}}]}",
	 2, 12, "entries[0].extra: key \"inq\" stands here twice"},
	{"{\"magic\": \"BPFMAP_DATA\", \"entries\": [{\"extra\":\n\"YQ==\", \"map_id\": 1, "
	 "\"keys_bytes\": 1, \"values_bytes\": 1, \"count\": 1}]}",
	 2, 1, "entries[0].extra: expected 2 bytes (keys_bytes + values_bytes), got 1"},
	{GHOST "{\"uid\": 1, \"gid\": 2, \"mode\": 8624, \"extra\": \"YQ==\"}]}", 2, 45,
	 "entries[0].extra: this entry has none here, got 1 bytes"},
	{GHOST "{\"uid\": 1, \"gid\": 2, \"mode\": 33188, \"extra\": \"\"},\n{}]}", 3, 1,
	 "entries[1]: a ghost file that is not in chunks has one entry"},
};

static void errors_have_a_place(void)
{
	struct crit_error err, other;
	size_t i, len;

	for (i = 0; i < COUNT(refused); i++) {
		unit_about("row %zu: %s", i, refused[i].text);
		len = strlen(refused[i].text);
		expect_int(compose_text(text_source(refused[i].text, len), NULL, &err),
			   -EBADMSG);
		if (err.line != refused[i].line || err.col != refused[i].col ||
		    strncmp(err.text, refused[i].says, strlen(refused[i].says)))
			fail("expected %u:%u: %s, found %u:%u: %s", refused[i].line,
			     refused[i].col, refused[i].says, err.line, err.col, err.text);
		/* a pipe's are the same */
		expect_int(compose_text(text_pipe(refused[i].text, len), NULL, &other),
			   -EBADMSG);
		expect_str(other.text, err.text);
		expect_int(other.line, err.line);
		expect_int(other.col, err.col);
	}
}

static void other_types_are_refused(void)
{
	static const char text[] = "{\"magic\":\n \"PIPES_DATA\", \"entries\": []}";
	struct crit_header h = {.type = crit_type_by_title("FDINFO", 6), .len = 4};
	struct crit_error err;

	expect_int(compose_text(text_source(text, sizeof(text) - 1), &h, &err), -EBADMSG);
	expect_int(err.line, 2);
	expect_int(err.col, 2);
	expect_str(err.text, "magic: expected \"FDINFO\", got \"PIPES_DATA\"");
}

/* A document that can't be read on is not half an image. */
static void read_errors(void)
{
	struct doc_image image = {0};
	struct crit_buf text = {0};
	struct crit_error err;
	unsigned round;
	size_t i;

	for (i = DOC_CHANGED; i < DOC_CHANGED + 5; i++) {
		put_doc_image(&image, i);
		put_document(&text, &image.made.bytes, image.name, style_of(0));
		for (round = 0; round < 2; round++) {
			struct text_source source = text_pipe(text.data, text.len);

			source.breaks = text.len / 2;
			expect_int(compose_text(source, NULL, &err), -EIO);
			expect_int(err.errnum, EIO);
			expect_int(err.line, 0);
			expect(strstr(err.text, "can't read the text: ") != NULL);
			if (round == 0 && text.len > 1 << 20)
				break; /* turning it round takes long */
			turn_round(&text);
		}
	}
	crit_buf_fini(&text);
	crit_buf_fini(&image.made.bytes);
}

/* Every cut of a document is refused. */
static void cut_documents(void)
{
	struct doc_image image = {0};
	struct crit_buf text = {0};
	struct crit_error err;
	size_t i, len;

	for (i = 0; i < DOC_CHANGED; i += N_DOC_CHANGES) {
		put_doc_image(&image, i + DOC_TAIL);
		put_document(&text, &image.made.bytes, image.name, style_of(2));
		for (len = 0; len < text.len; len++) {
			unit_about("%s, %zu bytes", image.name, len);
			expect_int(compose_text(text_pipe(text.data, len), NULL, &err),
				   -EBADMSG);
			expect(err.line == 1 && err.col && *err.text);
		}
	}
	crit_buf_fini(&text);
	crit_buf_fini(&image.made.bytes);
}

static const struct unit_test tests[] = {
	TEST(both_ways),
	TEST(keys_in_another_order),
	TEST(headers),
	TEST(byte_order_of_a_given_header),
	TEST(errors_have_a_place),
	TEST(other_types_are_refused),
	TEST(read_errors),
	TEST(cut_documents),
};

UNIT_MAIN(tests)
