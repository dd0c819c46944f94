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
};

/* A flag map (the values are bits) or a dict table (they are whole values). */
struct crit_names {
	const char *title;             /* for error texts, "mmap.prot" */
	const struct crit_name *names; /* in the order shown; ends with name == NULL */
};

/*
 * Of hex, flags, dict, dev, ipadd and unix_name at most one is set; the
 * generator sees to it.
 */
struct crit_field {
	const ProtobufCFieldDescriptor *pb;
	size_t name_len;                    /* of pb->name, bytes */
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
