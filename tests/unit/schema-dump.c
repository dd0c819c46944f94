/*
 * schema-dump: writes the compiled schema, as the program sees it through
 * crit_messages and crit_enums, as JSON in the form of tests/data/schema.json.
 * tests/test_schema.py compares the two.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/names.h"
#include "schema-messages.h"

static const char *label_name(const ProtobufCFieldDescriptor *pb)
{
	switch (pb->label) {
	case PROTOBUF_C_LABEL_REQUIRED:
		return "required";
	case PROTOBUF_C_LABEL_OPTIONAL:
		return "optional";
	case PROTOBUF_C_LABEL_REPEATED:
		return "repeated";
	default:
		return "?";
	}
}

/* As a .proto file spells it. */
static const char *type_name(const ProtobufCFieldDescriptor *pb)
{
	switch (pb->type) {
	case PROTOBUF_C_TYPE_INT32:
		return "int32";
	case PROTOBUF_C_TYPE_SINT32:
		return "sint32";
	case PROTOBUF_C_TYPE_SFIXED32:
		return "sfixed32";
	case PROTOBUF_C_TYPE_INT64:
		return "int64";
	case PROTOBUF_C_TYPE_SINT64:
		return "sint64";
	case PROTOBUF_C_TYPE_SFIXED64:
		return "sfixed64";
	case PROTOBUF_C_TYPE_UINT32:
		return "uint32";
	case PROTOBUF_C_TYPE_FIXED32:
		return "fixed32";
	case PROTOBUF_C_TYPE_UINT64:
		return "uint64";
	case PROTOBUF_C_TYPE_FIXED64:
		return "fixed64";
	case PROTOBUF_C_TYPE_FLOAT:
		return "float";
	case PROTOBUF_C_TYPE_DOUBLE:
		return "double";
	case PROTOBUF_C_TYPE_BOOL:
		return "bool";
	case PROTOBUF_C_TYPE_STRING:
		return "string";
	case PROTOBUF_C_TYPE_BYTES:
		return "bytes";
	case PROTOBUF_C_TYPE_ENUM:
		return ((const ProtobufCEnumDescriptor *)pb->descriptor)->name;
	case PROTOBUF_C_TYPE_MESSAGE:
		return ((const ProtobufCMessageDescriptor *)pb->descriptor)->name;
	}
	return "?";
}

/* As a .proto file spells it; "?" for the types that have no default in the schema. */
static void dump_default(const ProtobufCFieldDescriptor *pb)
{
	const void *value = pb->default_value;
	const ProtobufCEnumValue *name;

	fputs(", \"default\": \"", stdout);
	switch (pb->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
		printf("%" PRId32, *(const int32_t *)value);
		break;
	case PROTOBUF_C_TYPE_UINT32:
		printf("%" PRIu32, *(const uint32_t *)value);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		fputs(*(const protobuf_c_boolean *)value ? "true" : "false", stdout);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		name = protobuf_c_enum_descriptor_get_value(pb->descriptor,
							    *(const int *)value);
		fputs(name ? name->name : "?", stdout);
		break;
	default:
		fputs("?", stdout);
	}
	fputc('"', stdout);
}

static void dump_names(const char *key, const struct crit_names *names)
{
	const struct crit_name *n;

	printf(", \"%s\": { \"title\": \"%s\", \"names\": [", key, names->title);
	for (n = names->names; n->name; n++)
		printf("%s[\"%s\", %" PRIu64 ", %s]", n == names->names ? "" : ", ", n->name,
		       n->value, n->input_only ? "true" : "false");
	fputs("] }", stdout);
}

static void dump_field(const struct crit_message *msg, unsigned i)
{
	const struct crit_field *field = &msg->fields[i];
	const ProtobufCFieldDescriptor *pb = field->pb;

	printf("\t\t{ \"name\": \"%s\", \"number\": %" PRIu32
	       ", \"label\": \"%s\", \"type\": \"%s\"",
	       pb->name, pb->id, label_name(pb), type_name(pb));
	if (pb->type == PROTOBUF_C_TYPE_MESSAGE)
		fputs(", \"kind\": \"message\"", stdout);
	if (pb->type == PROTOBUF_C_TYPE_ENUM)
		fputs(", \"kind\": \"enum\"", stdout);
	if (pb->default_value)
		dump_default(pb);
	if (pb->flags & PROTOBUF_C_FIELD_FLAG_PACKED)
		fputs(", \"packed\": true", stdout);
	if (field->message)
		printf(", \"message\": \"%s\"", field->message->pb->name);
	if (field->flags)
		dump_names("flags", field->flags);
	if (field->dict)
		dump_names("dict", field->dict);
	if (field->hex)
		fputs(", \"hex\": true", stdout);
	if (field->dev)
		fputs(", \"dev\": true", stdout);
	if (field->odev)
		fputs(", \"odev\": true", stdout);
	if (field->ipadd)
		fputs(", \"ipadd\": true", stdout);
	if (field->unix_name)
		fputs(", \"conv\": \"unix_name\"", stdout);
	/* What the tables say beside the descriptor; all true, or the test fails. */
	printf(", \"in_place\": %s, \"required_bit\": %s }",
	       pb == &msg->pb->fields[i] ? "true" : "false",
	       msg->required >> i & 1 ? "true" : "false");
}

static void dump_message(const struct crit_message *msg)
{
	unsigned i;

	printf("\t{ \"name\": \"%s\", \"found\": %s, \"fields\": [", msg->pb->name,
	       crit_message_find(msg->pb->name) == msg ? "true" : "false");
	for (i = 0; i < msg->pb->n_fields; i++) {
		fputs(i ? ",\n" : "\n", stdout);
		dump_field(msg, i);
	}
	fputs(" ] }", stdout);
}

static void dump_enum(const ProtobufCEnumDescriptor *en)
{
	unsigned i;

	printf("\t{ \"name\": \"%s\", \"values\": {", en->name);
	for (i = 0; i < en->n_values; i++)
		printf("%s \"%s\": %d", i ? "," : "", en->values[i].name, en->values[i].value);
	fputs(" } }", stdout);
}

int main(void)
{
	size_t i;

	if (crit_message_find("") || crit_message_find("zzz") ||
	    crit_message_find("core_entry") != &crit_msg_core_entry) {
		fputs("schema-dump: crit_message_find is wrong\n", stderr);
		return 1;
	}

	fputs("{ \"messages\": [", stdout);
	for (i = 0; i < crit_n_messages; i++) {
		fputs(i ? ",\n" : "\n", stdout);
		dump_message(crit_messages[i]);
	}
	fputs(" ], \"enums\": [", stdout);
	for (i = 0; i < crit_n_enums; i++) {
		fputs(i ? ",\n" : "\n", stdout);
		dump_enum(crit_enums[i]);
	}
	fputs(" ] }\n", stdout);
	return 0;
}
