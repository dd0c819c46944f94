/*
 * A dump as a directory of images, for those who want to know what it says rather
 * than how its files are laid out: images by name, their entries one after the other
 * as protobuf-c's structs. What can't be read is told to the one who opened the dump
 * and left out, so that readers go on with the next thing. No thread safety.
 */
#ifndef CRIT_DUMP_H
#define CRIT_DUMP_H

#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "decoder/dir.h"
#include "decoder/error.h"
#include "decoder/image.h"

/* Who hears what had to be left out; to be the first member of a struct that knows more. */
struct crit_listener {
	void (*tell)(struct crit_listener *l, const char *image, const struct crit_error *err);
};

struct crit_dump {
	const struct crit_dir *dir;     /* a reference */
	struct crit_listener *listener; /* borrowed, outlives this */
};

/* 0, -errno of opening the directory. */
int crit_dump_open(const char *path, struct crit_listener *listener, struct crit_dump *dump);
void crit_dump_close(struct crit_dump *dump);

/* Tell the listener that something of an image had to be left out. */
void crit_dump_tell(struct crit_dump *dump, const char *image, const struct crit_error *err);

/* Room for any image's name that is made of a format and a number. */
#define CRIT_IMAGE_NAME_MAX 48

/* A walk through the entries of an image. */
struct crit_walk {
	struct crit_image *img; /* owned */
	uint64_t n;             /* the entry that comes next */
};

/*
 * Begin with the first entry of the image `name`. 0, -ENOENT if there is no such
 * file, -EIO if it is no image or none of the name's type, -errno; *walk needs no
 * closing then. Nobody is told.
 */
int crit_walk_open(struct crit_dump *dump, const char *name, struct crit_walk *walk,
		   struct crit_error *err);
void crit_walk_close(struct crit_walk *walk);

/*
 * The next entry's frame and bytes, which are good until the next call. 1, 0 at the
 * end, -EIO if what follows is no entry, -errno.
 */
int crit_walk_bytes(struct crit_walk *walk, struct crit_entry *e, const uint8_t **bytes,
		    struct crit_error *err);

/*
 * The next entry as its type's struct, to be freed with
 * protobuf_c_message_free_unpacked(). 1, 0 at the end; -EBADMSG if it does not decode,
 * after which the next call gives the one behind it; -errno where no more can be read.
 */
int crit_walk_next(struct crit_walk *walk, ProtobufCMessage **msg, struct crit_error *err);

/* The same for those who only want what can be read: others are told of. NULL at the end. */
void *crit_walk_rest(struct crit_dump *dump, const char *name, struct crit_walk *walk);

/* Fail because the entry that the walk has just met does not decode. */
int crit_walk_refuse(struct crit_walk *walk, const struct crit_entry *e,
		     struct crit_error *err);

/*
 * The first entry of an image, the only one of most types. NULL and the reason: the
 * errors of crit_walk_open() and crit_walk_next(); EIO if there is no entry.
 */
void *crit_dump_first(struct crit_dump *dump, const char *name, struct crit_error *err);

#endif
