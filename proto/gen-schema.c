/*
 * gen-schema: writes the tables of schema.h. protobuf-c's own descriptors carry
 * no custom options, so the marks on the fields are taken from protoc's
 * descriptor set of the .proto files and put beside the descriptors:
 *
 *	gen-schema DESCRIPTOR-SET SCHEMA.c SCHEMA-MESSAGES.h
 *
 * Runs at build time only. It refuses what the codec could not honour (a mark on
 * a field of the wrong type, a message of more than 64 fields), with the name of
 * the message and the field, so that an error in a .proto file ends the build.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "marks.pb-c.h"

/* Shorter names for what protobuf-c makes of google.protobuf.*. */
typedef Google__Protobuf__FileDescriptorSet file_set;
typedef Google__Protobuf__FileDescriptorProto file_desc;
typedef Google__Protobuf__DescriptorProto message_desc;
typedef Google__Protobuf__FieldDescriptorProto field_desc;
typedef Google__Protobuf__EnumDescriptorProto enum_desc;

#define TYPE(t)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##t
#define LABEL(l) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##l

/* crit_message.required and the codec's sets of fields are 64-bit words. */
#define MAX_FIELDS 64

/* A key has to fit into crit_field.label. */
#define MAX_NAME 40

/* Fields of higher numbers are not in crit_message.by_number. */
#define MAX_BY_NUMBER 128

struct message {
	const message_desc *desc;
	const field_desc **fields; /* owned; desc's, in number order */
	CritMarks **marks;         /* owned; of fields[i], NULL if it has none */
};

/* An enum is known by its full name, "core_entry.march". */
struct schema {
	file_set *set;            /* owned; the messages' pointers lead into it */
	struct message *messages; /* owned; sorted by name */
	char **enums;             /* owned; sorted */
	size_t n_messages, n_enums;
	uint32_t marks_number; /* the number of the option `crit` */
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	fputs("gen-schema: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void *alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		die("out of memory");
	return p;
}

/* Reading */

static file_set *read_set(const char *path)
{
	uint8_t *data = NULL;
	size_t len = 0, room = 0;
	file_set *set;
	FILE *f;

	f = fopen(path, "rb");
	if (!f)
		die("%s: %s", path, strerror(errno));
	while (!feof(f) && !ferror(f)) {
		if (len == room) {
			room = room ? 2 * room : 65536;
			data = realloc(data, room);
			if (!data)
				die("out of memory");
		}
		len += fread(data + len, 1, room - len, f);
	}
	if (ferror(f))
		die("%s: read error", path);
	fclose(f);

	set = google__protobuf__file_descriptor_set__unpack(NULL, len, data);
	if (!set)
		die("%s: no descriptor set", path);
	free(data);
	return set;
}

/*
 * marks.proto is the one file that extends FieldOptions; the option's number is
 * read from there. Returns 0 for any other file.
 */
static uint32_t find_marks_number(const file_desc *file)
{
	size_t i;

	for (i = 0; i < file->n_extension; i++) {
		const field_desc *ext = file->extension[i];

		if (!strcmp(ext->extendee, ".google.protobuf.FieldOptions") && ext->type_name &&
		    !strcmp(ext->type_name, ".crit_marks"))
			return ext->number;
	}
	return 0;
}

/*
 * The marks are an extension, so protobuf-c leaves their bytes with the unknown
 * fields of FieldOptions. protoc writes one piece for each mark; the pieces of a
 * message that is cut up are put together by joining their bytes.
 */
static CritMarks *read_marks(const field_desc *field, uint32_t number)
{
	const ProtobufCMessage *options;
	uint8_t *joined;
	size_t len = 0;
	CritMarks *marks;
	unsigned i;

	if (!field->options)
		return NULL;
	options = &field->options->base;

	for (i = 0; i < options->n_unknown_fields; i++)
		len += options->unknown_fields[i].len;
	joined = alloc(len, 1);
	len = 0;
	for (i = 0; i < options->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *piece = &options->unknown_fields[i];
		size_t skip = 0;

		if (piece->tag != number ||
		    piece->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
			continue;
		/* The data begins with its length, a varint. */
		while (piece->data[skip] & 0x80)
			skip++;
		skip++;
		memcpy(joined + len, piece->data + skip, piece->len - skip);
		len += piece->len - skip;
	}

	marks = len ? crit_marks__unpack(NULL, len, joined) : NULL;
	if (len && !marks)
		die("%s: its marks can't be decoded", field->name);
	free(joined);
	return marks;
}

/* Checking */

static bool is_integer(const field_desc *field)
{
	switch (field->type) {
	case TYPE(INT32):
	case TYPE(UINT32):
	case TYPE(SINT32):
	case TYPE(FIXED32):
	case TYPE(SFIXED32):
	case TYPE(INT64):
	case TYPE(UINT64):
	case TYPE(SINT64):
	case TYPE(FIXED64):
	case TYPE(SFIXED64):
		return true;
	default:
		return false;
	}
}

/* Bits and device numbers have no sign. */
static bool is_unsigned(const field_desc *field)
{
	switch (field->type) {
	case TYPE(UINT32):
	case TYPE(FIXED32):
	case TYPE(UINT64):
	case TYPE(FIXED64):
		return true;
	default:
		return false;
	}
}

static void check_marks(const message_desc *msg, const field_desc *field,
			const CritMarks *marks)
{
	int formats = !!marks->hex + !!marks->flags + !!marks->dict + !!marks->dev +
		      !!marks->ipadd + !!marks->conv;
	const char *wrong = NULL;

	if (marks->hex && !is_integer(field) && field->type != TYPE(MESSAGE))
		wrong = "hex, but is neither an integer nor a message";
	else if (marks->flags && !is_unsigned(field))
		wrong = "flags, but is no unsigned integer";
	else if (marks->dict && !is_integer(field))
		wrong = "dict, but is no integer";
	else if (marks->dev && !is_unsigned(field))
		wrong = "dev, but is no unsigned integer";
	else if (marks->odev && !marks->dev)
		wrong = "odev without dev";
	else if (marks->ipadd &&
		 (field->type != TYPE(UINT32) || field->label != LABEL(REPEATED)))
		wrong = "ipadd, but is no repeated uint32";
	else if (marks->conv && strcmp(marks->conv, "unix_name"))
		wrong = "conv with a value other than \"unix_name\"";
	else if (marks->conv && field->type != TYPE(BYTES))
		wrong = "conv = \"unix_name\", but is no bytes";
	else if (formats > 1)
		wrong = "with more than one format";

	if (wrong)
		die("%s.%s is marked %s", msg->name, field->name, wrong);
}

static void check_name(const message_desc *msg, const field_desc *field)
{
	if (strlen(field->name) > MAX_NAME)
		die("%s.%s: a name of more than %d characters", msg->name, field->name,
		    MAX_NAME);
}

static void check_message(const file_desc *file, const message_desc *msg)
{
	if (file->package && *file->package)
		die("%s: %s is in a package; images know none", file->name, msg->name);
	if (msg->n_field > MAX_FIELDS)
		die("%s: %s has %zu fields; the codec takes %d", file->name, msg->name,
		    msg->n_field, MAX_FIELDS);
	if (msg->n_nested_type)
		die("%s: %s.%s: a message inside another gets no table", file->name, msg->name,
		    msg->nested_type[0]->name);
	if (msg->n_oneof_decl)
		die("%s: %s.%s: the codec knows no oneof", file->name, msg->name,
		    msg->oneof_decl[0]->name);
}

/* Collecting */

static int compare_fields(const void *a, const void *b)
{
	const field_desc *const *x = a, *const *y = b;

	return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static int compare_messages(const void *a, const void *b)
{
	const struct message *x = a, *y = b;

	return strcmp(x->desc->name, y->desc->name);
}

static int compare_strings(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static void add_enum(struct schema *schema, const char *outer, const enum_desc *en)
{
	char **name = &schema->enums[schema->n_enums++];

	if (asprintf(name, "%s%s%s", outer ? outer : "", outer ? "." : "", en->name) < 0)
		die("out of memory");
}

static void add_message(struct schema *schema, const message_desc *desc)
{
	struct message *msg = &schema->messages[schema->n_messages++];
	size_t i;

	msg->desc = desc;
	msg->fields = alloc(desc->n_field, sizeof(*msg->fields));
	msg->marks = alloc(desc->n_field, sizeof(*msg->marks));
	for (i = 0; i < desc->n_field; i++)
		msg->fields[i] = desc->field[i];
	qsort(msg->fields, desc->n_field, sizeof(*msg->fields), compare_fields);

	for (i = 0; i < desc->n_field; i++) {
		check_name(desc, msg->fields[i]);
		msg->marks[i] = read_marks(msg->fields[i], schema->marks_number);
		if (msg->marks[i])
			check_marks(desc, msg->fields[i], msg->marks[i]);
	}
	for (i = 0; i < desc->n_enum_type; i++)
		add_enum(schema, desc->name, desc->enum_type[i]);
}

static void add_file(struct schema *schema, const file_desc *file)
{
	size_t i;

	for (i = 0; i < file->n_message_type; i++) {
		check_message(file, file->message_type[i]);
		add_message(schema, file->message_type[i]);
	}
	for (i = 0; i < file->n_enum_type; i++)
		add_enum(schema, NULL, file->enum_type[i]);
}

/* `schema` is filled from its set; the file of the marks is no part of it. */
static void collect(struct schema *schema)
{
	size_t messages = 0, enums = 0, i, j;

	for (i = 0; i < schema->set->n_file; i++) {
		const file_desc *file = schema->set->file[i];
		uint32_t number = find_marks_number(file);

		if (number)
			schema->marks_number = number;
		messages += file->n_message_type;
		enums += file->n_enum_type;
		for (j = 0; j < file->n_message_type; j++)
			enums += file->message_type[j]->n_enum_type;
	}
	if (!schema->marks_number)
		die("no file of the set defines the marks");

	schema->messages = alloc(messages, sizeof(*schema->messages));
	schema->enums = alloc(enums, sizeof(*schema->enums));
	for (i = 0; i < schema->set->n_file; i++)
		if (!find_marks_number(schema->set->file[i]))
			add_file(schema, schema->set->file[i]);
	qsort(schema->messages, schema->n_messages, sizeof(*schema->messages),
	      compare_messages);
	qsort(schema->enums, schema->n_enums, sizeof(*schema->enums), compare_strings);
}

static void schema_fini(struct schema *schema)
{
	size_t i, j;

	for (i = 0; i < schema->n_messages; i++) {
		struct message *msg = &schema->messages[i];

		for (j = 0; j < msg->desc->n_field; j++)
			crit_marks__free_unpacked(msg->marks[j], NULL);
		free(msg->marks);
		free(msg->fields);
	}
	free(schema->messages);
	for (i = 0; i < schema->n_enums; i++)
		free(schema->enums[i]);
	free(schema->enums);
	google__protobuf__file_descriptor_set__free_unpacked(schema->set, NULL);
}

/* Writing */

static FILE *open_output(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die("%s: %s", path, strerror(errno));
	fputs("/* Written by gen-schema from the .proto files. */\n", f);
	return f;
}

static void close_output(FILE *f, const char *path)
{
	bool failed = ferror(f);

	if (fclose(f) || failed) {
		remove(path);
		die("%s: write error", path);
	}
}

/*
 * The identifier that protobuf-c makes of a full name: words in lower case with
 * _ between them, __ for a dot. TtyType gives tty_type.
 */
static void put_symbol(FILE *f, const char *name)
{
	bool word_began = true;

	for (; *name; name++) {
		if (*name == '.') {
			fputs("__", f);
			word_began = true;
		} else if (isupper((unsigned char)*name)) {
			if (!word_began)
				fputc('_', f);
			fputc(tolower((unsigned char)*name), f);
			word_began = true;
		} else {
			fputc(*name, f);
			word_began = false;
		}
	}
}

/* A mark's value as a part of an identifier: mmap.prot gives mmap_prot. */
static void put_identifier(FILE *f, const char *value)
{
	for (; *value; value++)
		fputc(isalnum((unsigned char)*value) ? *value : '_', f);
}

static bool is_signed(const field_desc *field)
{
	return (is_integer(field) && !is_unsigned(field)) || field->type == TYPE(ENUM);
}

static bool is_zigzag(const field_desc *field)
{
	return field->type == TYPE(SINT32) || field->type == TYPE(SINT64);
}

static int bits(const field_desc *field)
{
	switch (field->type) {
	case TYPE(INT32):
	case TYPE(UINT32):
	case TYPE(SINT32):
	case TYPE(FIXED32):
	case TYPE(SFIXED32):
	case TYPE(ENUM):
		return 32;
	default:
		return is_integer(field) ? 64 : 0;
	}
}

/* The crit_spelling, without its prefix. */
static const char *spelling(const field_desc *field, const CritMarks *marks)
{
	switch (field->type) {
	case TYPE(MESSAGE):
		return "MESSAGE";
	case TYPE(STRING):
		return "STRING";
	case TYPE(BYTES):
		return marks && marks->conv ? "UNIX_NAME" : "BYTES";
	case TYPE(BOOL):
		return "BOOL";
	case TYPE(ENUM):
		return "ENUM";
	default:
		break;
	}
	if (marks && marks->hex)
		return "HEX";
	if (marks && marks->flags)
		return "FLAGS";
	if (marks && marks->dict)
		return "DICT";
	return marks && marks->dev ? "DEVICE" : "DECIMAL";
}

static void put_field(FILE *f, const message_desc *msg, size_t i, const field_desc *field,
		      const CritMarks *marks)
{
	fprintf(f, "\t{ .label = CRIT_LABEL_SPACES \"\\\"%s\\\": \", .pb = &", field->name);
	put_symbol(f, msg->name);
	fprintf(f, "__field_descriptors[%zu], .name_len = %zu", i, strlen(field->name));
	fprintf(f, ", .spelling = CRIT_SPELL_%s", spelling(field, marks));
	fprintf(f, ", .range = { %d, %d, %d }", is_signed(field), is_zigzag(field),
		bits(field));
	if (field->type == TYPE(MESSAGE))
		fprintf(f, ", .message = &crit_msg_%s", field->type_name + 1);
	if (marks && marks->flags) {
		fputs(", .flags = &crit_flags_", f);
		put_identifier(f, marks->flags);
	}
	if (marks && marks->dict) {
		fputs(", .dict = &crit_dict_", f);
		put_identifier(f, marks->dict);
		fprintf(f, "_%s", field->name);
	}
	if (marks && marks->hex)
		fputs(", .hex = true", f);
	if (marks && marks->dev)
		fputs(", .dev = true", f);
	if (marks && marks->odev)
		fputs(", .odev = true", f);
	if (marks && marks->ipadd)
		fputs(", .ipadd = true", f);
	if (marks && marks->conv)
		fprintf(f, ", .%s = true", marks->conv);
	if (marks && marks->formerly)
		fprintf(f, ", .formerly = \"%s\"", marks->formerly);
	fprintf(f, " }, /* %s */\n", field->name);
}

/* The table of by_number; the length it has. */
static int put_by_number(FILE *f, const struct message *msg)
{
	size_t n = msg->desc->n_field, i;
	int number = 0;

	fprintf(f, "static const uint8_t by_number_%s[] = {", msg->desc->name);
	for (i = 0; i < n && msg->fields[i]->number < MAX_BY_NUMBER; i++) {
		for (; number < msg->fields[i]->number; number++)
			fputs(" 0,", f);
		fprintf(f, " %zu,", i + 1);
		number++;
	}
	fputs(" };\n", f);
	return number;
}

static void put_message(FILE *f, const struct message *msg)
{
	const char *name = msg->desc->name;
	uint64_t required = 0;
	int n_by_number = 0;
	size_t i;

	if (msg->desc->n_field) {
		fprintf(f, "\nstatic const struct crit_field fields_%s[] = {\n", name);
		for (i = 0; i < msg->desc->n_field; i++) {
			put_field(f, msg->desc, i, msg->fields[i], msg->marks[i]);
			if (msg->fields[i]->label == LABEL(REQUIRED))
				required |= UINT64_C(1) << i;
		}
		fputs("};\n", f);
		n_by_number = put_by_number(f, msg);
	}
	fprintf(f, "const struct crit_message crit_msg_%s = {\n\t.pb = &", name);
	put_symbol(f, name);
	fputs("__descriptor,\n", f);
	if (msg->desc->n_field)
		fprintf(f, "\t.fields = fields_%s,\n\t.by_number = by_number_%s,\n", name,
			name);
	fprintf(f, "\t.required = UINT64_C(0x%" PRIx64 "),\n", required);
	fprintf(f, "\t.n_by_number = %d,\n};\n", n_by_number);
}

/*
 * protobuf-c's field descriptors are static in its .pb-c.c files. To have them in
 * constant tables, schema.c includes those files; it takes the place of their
 * objects in the program.
 */
static void write_schema(const struct schema *schema, const char *path)
{
	FILE *f = open_output(path);
	size_t i;

	fputs("#include \"proto/names.h\"\n#include \"schema-messages.h\"\n\n", f);
	for (i = 0; i < schema->set->n_file; i++) {
		const file_desc *file = schema->set->file[i];

		if (!find_marks_number(file))
			fprintf(f, "#include \"%.*s.pb-c.c\"\n", (int)strcspn(file->name, "."),
				file->name);
	}

	for (i = 0; i < schema->n_messages; i++)
		put_message(f, &schema->messages[i]);

	fputs("\nconst struct crit_message *const crit_messages[] = {\n", f);
	for (i = 0; i < schema->n_messages; i++)
		fprintf(f, "\t&crit_msg_%s,\n", schema->messages[i].desc->name);
	fprintf(f, "};\nconst size_t crit_n_messages = %zu;\n", schema->n_messages);

	fputs("\nconst ProtobufCEnumDescriptor *const crit_enums[] = {\n", f);
	for (i = 0; i < schema->n_enums; i++) {
		fputs("\t&", f);
		put_symbol(f, schema->enums[i]);
		fputs("__descriptor,\n", f);
	}
	fprintf(f, "};\nconst size_t crit_n_enums = %zu;\n", schema->n_enums);
	close_output(f, path);
}

static void write_header(const struct schema *schema, const char *path)
{
	FILE *f = open_output(path);
	size_t i;

	fputs("#ifndef CRITFS_SCHEMA_MESSAGES_H\n#define CRITFS_SCHEMA_MESSAGES_H\n\n"
	      "#include \"proto/schema.h\"\n\n",
	      f);
	for (i = 0; i < schema->n_messages; i++)
		fprintf(f, "extern const struct crit_message crit_msg_%s;\n",
			schema->messages[i].desc->name);
	fputs("\n#endif\n", f);
	close_output(f, path);
}

int main(int argc, char **argv)
{
	struct schema schema = {0};

	if (argc != 4) {
		fputs("usage: gen-schema DESCRIPTOR-SET SCHEMA.c SCHEMA-MESSAGES.h\n", stderr);
		return 2;
	}
	schema.set = read_set(argv[1]);
	collect(&schema);
	write_schema(&schema, argv[2]);
	write_header(&schema, argv[3]);
	schema_fini(&schema);
	return 0;
}
