/*
 * Entries of an image found by a number in them, such as the id of an open file. The image is
 * read once, when something is first looked for; only numbers are kept, and entries are
 * decoded when they are asked for.
 */
#ifndef CRIT_LOOKUP_H
#define CRIT_LOOKUP_H

#include "decoder/dump.h"
#include "decoder/index.h"

/* Fill with zeros to begin with. */
struct crit_lookup {
	char image[CRIT_IMAGE_NAME_MAX]; /* "": not looked for yet */
	bool there;                      /* it can be read, walk is open */
	bool told;                       /* the listener knows that something is missing */
	struct crit_walk walk;
	struct crit_index entries; /* their numbers, by the key */
};

/*
 * Read the image `name`, unless that is done. The key is the field `low`; of two entries with
 * one key the first is found. With `also` a later one is found under its field of that name in
 * the 32 bits above. false if the image is not there or can't be read, of which the listener
 * was told unless there is no such file.
 */
bool crit_lookup_open(struct crit_dump *dump, struct crit_lookup *l, const char *name,
		      const char *low, const char *also);
void crit_lookup_fini(struct crit_lookup *l);

/*
 * The entry with this key, to be freed with protobuf_c_message_free_unpacked(). NULL if there
 * is none, or it can't be read, of which the listener was told.
 */
void *crit_lookup_find(struct crit_dump *dump, struct crit_lookup *l, uint64_t key);

#endif
