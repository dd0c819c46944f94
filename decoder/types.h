/*
 * The image types: which magic and which file names they have, which messages
 * their entries are, and what follows an entry.
 */
#ifndef CRIT_TYPES_H
#define CRIT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/schema.h"

/* The word before the magic in a v1.1 file. */
#define CRIT_MAGIC_COMMON  0x54564319u
#define CRIT_MAGIC_SERVICE 0x55105940u

/* What follows the message of an entry; FORMAT, "Extra payloads". */
enum crit_extra {
	CRIT_EXTRA_NONE,
	CRIT_EXTRA_BYTES,  /* a blob of `bytes` bytes */
	CRIT_EXTRA_LENGTH, /* a blob of `length` bytes */
	CRIT_EXTRA_TCP,    /* the two queues of a TCP socket */
	CRIT_EXTRA_BPFMAP, /* keys, then values */
	CRIT_EXTRA_SEM,    /* an array of u16, padded */
	CRIT_EXTRA_MSG,    /* messages with blobs of their own */
	CRIT_EXTRA_SHM,    /* the segment, padded, unless it is in page maps */
	CRIT_EXTRA_GHOST,  /* the rest of the file, or chunks as entries */
};

struct crit_type {
	const char *name; /* "CORE", the magic as crit's documents name it */
	uint32_t magic;
	uint32_t first;           /* the word before it: common, service; 0 for none */
	const char *file_name[2]; /* "core-%u.img": %u, %lu decimal, %x hexadecimal, %s any */
	const struct crit_message *head; /* of the first entry */
	const struct crit_message *rest; /* of all others, often the same */
	enum crit_extra extra;
};

extern const struct crit_type crit_types[];
extern const size_t crit_n_types;

const struct crit_type *crit_type_by_magic(uint32_t magic);

/* The type that documents call so, "CORE"; `len` bytes. NULL if there is none. */
const struct crit_type *crit_type_by_title(const char *title, size_t len);

/* The type whose files are called so, "core-42.img"; NULL if there is none. */
const struct crit_type *crit_type_by_name(const char *file_name);

/*
 * Is a file of this name never an image, whatever its first bytes are? Page
 * contents and the state of other tools may begin with a magic by chance.
 */
bool crit_name_is_raw(const char *file_name);

#endif
