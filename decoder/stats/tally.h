/*
 * What the parts of the statistics share.
 */
#ifndef CRIT_TALLY_H
#define CRIT_TALLY_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/dump.h"
#include "decoder/listing.h"
#include "decoder/process.h"

struct tally {
	struct crit_listener silent; /* must be the first */
	struct crit_dump dump;       /* its directory is borrowed */
	struct crit_listing files;
	struct crit_processes processes;
	bool has_processes;
	uint32_t page_size; /* bytes */
	struct json_object *out;
};

/* Add to an object, which owns it then. */
void tally_number(struct json_object *to, const char *key, uint64_t n);
void tally_text(struct json_object *to, const char *key, const char *text);

/* An object in an object, made when it is first asked for. */
struct json_object *tally_object(struct json_object *in, const char *key);

/* One more of a number that may not be there yet. */
void tally_count(struct json_object *to, const char *key, uint64_t n);

/* Is it called so, "fdinfo-%u.img"? */
bool tally_is(const char *name, const char *type);

/* The parts; each 0, or -ENOMEM. */
int tally_images(struct tally *t);      /* images.c */
int tally_descriptors(struct tally *t); /* files.c */
int tally_sockets(struct tally *t);
int tally_memory(struct tally *t); /* memory.c */

#endif
