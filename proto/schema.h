/*
 * The schema of the images: each message's protobuf-c descriptor together with
 * the marks that say how its fields are spelled in JSON. The tables are written
 * by gen-schema at build time, from the .proto files; no other list of fields
 * exists. All of it is constant and safe for any number of threads.
 */
#ifndef CRITFS_PROTO_SCHEMA_H
#define CRITFS_PROTO_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

struct crit_message;

struct crit_name {
	const char *name;
	uint64_t value;
	/*
	 * Understood in a text, never written into one: a value whose only name
	 * is such a name is shown as a number. See crit_dict_gen_task_state.
	 */
	bool input_only;
	uint8_t len; /* of the name, bytes; in the tables of names.c */
};

/* A flag map (the values are bits) or a dict table (they are whole values). */
struct crit_names {
	const char *title;             /* for error texts, "mmap.prot" */
	const struct crit_name *names; /* in the order shown; ends with name == NULL */
};

/*
 * How a field's values are spelled in JSON: what its type and its marks come to.
 * Those before CRIT_SPELL_ENUM are integers, which are decimal where marks are not
 * applied, and hexadecimal within a message marked so.
 */
enum crit_spelling {
	CRIT_SPELL_DECIMAL, /* also the words of addresses, if they make none */
	CRIT_SPELL_HEX,
	CRIT_SPELL_FLAGS,
	CRIT_SPELL_DICT,
	CRIT_SPELL_DEVICE,
	CRIT_SPELL_ENUM,
	CRIT_SPELL_BOOL,
	CRIT_SPELL_STRING,
	CRIT_SPELL_BYTES,
	CRIT_SPELL_UNIX_NAME,
	CRIT_SPELL_MESSAGE,
};

/*
 * A key as it stands in JSON, "\"vaddr\": ", behind so many spaces that it can be copied
 * with its indent, and with room behind it to copy it by sixteens.
 */
#define CRIT_LABEL_INDENT 32
#define CRIT_LABEL_SPACES "                                "
#define CRIT_LABEL_MORE   4 /* bytes around the name: two quotes, a colon, a space */
#define CRIT_LABEL_SIZE   96

/* The numbers of an integer type. */
struct crit_range {
	bool is_signed;
	bool zigzag;  /* on the wire */
	uint8_t bits; /* 32 or 64; 0: no integer type */
};

/*
 * Of hex, flags, dict, dev, ipadd and unix_name at most one is set; the
 * generator sees to it.
 */
struct crit_field {
	char label[CRIT_LABEL_SIZE]; /* CRIT_LABEL_SPACES and the key */
	const ProtobufCFieldDescriptor *pb;
	size_t name_len; /* of pb->name, bytes */
	enum crit_spelling spelling;
	struct crit_range range;
	const struct crit_message *message; /* of a message field, else NULL */
	const struct crit_names *flags;     /* of an integer, or NULL */
	const struct crit_names *dict;      /* of an integer, or NULL */
	const char *formerly;               /* of a required one: see marks.proto; or NULL */
	bool hex;       /* of an integer; of a message: all integers below it */
	bool dev;       /* an integer: major:minor, the minor in the low 20 bits */
	bool odev;      /* with dev: bits as makedev(3) has them */
	bool ipadd;     /* repeated uint32: one address, words in network order */
	bool unix_name; /* bytes: quoted-printable */
};

struct crit_message {
	const ProtobufCMessageDescriptor *pb;
	const struct crit_field *fields; /* pb->n_fields of them, by number */
	uint64_t required;               /* bit i: fields[i] is required; at most 64 fields */
	const uint8_t *by_number;        /* [n]: 1 + index of the field numbered n, 0: none, */
	uint32_t n_by_number;            /* for so many numbers; fields of others are rare */
};

/*
 * The message of this name, "core_entry", or NULL if there is none. Where the
 * name is known when compiling, schema-messages.h has it: crit_msg_core_entry.
 */
const struct crit_message *crit_message_find(const char *name);

/* All messages and all enums, those that no field uses too, sorted by name. */
extern const struct crit_message *const crit_messages[];
extern const size_t crit_n_messages;
extern const ProtobufCEnumDescriptor *const crit_enums[];
extern const size_t crit_n_enums;

#endif
