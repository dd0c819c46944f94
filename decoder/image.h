/*
 * An open image: its header, and its entries by number. Entries are found
 * lazily, through an index of every 32nd offset; nothing is kept an entry. All
 * reading is pread through one window, so a file that changes underneath gives
 * errors, never a crash. No thread safety: the caller has a lock.
 */
#ifndef CRIT_IMAGE_H
#define CRIT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/buf.h"
#include "decoder/error.h"
#include "decoder/file.h"
#include "decoder/header.h"
#include "decoder/types.h"
#include "decoder/value.h"

/* Messages above this are not decoded but handed out as they are, bytes. */
#define CRIT_MESSAGE_MAX (UINT32_C(64) << 20)

/* Entries beyond so many are left to the tail: files full of zeros have more. */
#define CRIT_ENTRIES_MAX (UINT64_C(1) << 25)

struct crit_span {
	uint64_t off, len; /* bytes of the file */
};

/* What an entry is made of; each is a file of the mount. */
enum crit_part {
	CRIT_PART_EXTRA, /* a blob */
	CRIT_PART_INQ,
	CRIT_PART_OUTQ,
	CRIT_PART_KEYS,
	CRIT_PART_VALUES,
	CRIT_PART_SEMS, /* u16 values */
	CRIT_PART_MSGS, /* entries of their own, see crit_image_msg() */
	CRIT_PART_JSON, /* the message */
	CRIT_PART_RAW,  /* a message that can't be decoded */
};

#define CRIT_BLOBS_MAX 2

struct crit_entry {
	const struct crit_message *type;
	uint64_t off; /* of the frame in the file, and behind it */
	uint64_t end;
	struct crit_span message;
	unsigned n_blobs;
	enum crit_part part[CRIT_BLOBS_MAX]; /* of each blob */
	struct crit_span blob[CRIT_BLOBS_MAX];
	uint64_t n_msgs; /* within a CRIT_PART_MSGS */
};

struct crit_image;

/* Takes a reference of its own to `file` on success. */
int crit_image_new(struct crit_file *file, const char *name, struct crit_image **out,
		   struct crit_error *err);
void crit_image_free(struct crit_image *img);

const struct crit_header *crit_image_header(const struct crit_image *img);
struct crit_file *crit_image_file(struct crit_image *img); /* borrowed */
struct crit_style crit_image_style(const struct crit_image *img, bool plain);

/* Entry `n`: 0, -ENOENT behind the last one, -EIO and the reason. */
int crit_image_entry(struct crit_image *img, uint64_t n, struct crit_entry *e,
		     struct crit_error *err);

/* Message `m` of an entry with CRIT_PART_MSGS; as crit_image_entry(). */
int crit_image_msg(struct crit_image *img, const struct crit_entry *e, uint64_t m,
		   struct crit_entry *msg, struct crit_error *err);

/* The number of entries; reads all frames once. */
int crit_image_count(struct crit_image *img, uint64_t *n, struct crit_error *err);

/*
 * Where entry `n` begins, or would if it were added: `n` is at most the number of
 * entries. 0, -ENOENT beyond, -EIO.
 */
int crit_image_offset(struct crit_image *img, uint64_t n, uint64_t *off,
		      struct crit_error *err);

/* What stands behind the last whole frame, len 0 if nothing; reads all frames. */
int crit_image_tail(struct crit_image *img, struct crit_span *tail, struct crit_error *err);

/* A span's bytes, valid until the image is read again; NULL and the reason. */
const uint8_t *crit_image_bytes(struct crit_image *img, struct crit_span span,
				struct crit_error *err);

/* 1 if the entry's message decodes, 0 if it has to be shown raw, or -errno. */
int crit_image_decodes(struct crit_image *img, const struct crit_entry *e,
		       struct crit_error *err);

/* Append the entry's JSON text with its newline. -EBADMSG if it does not decode. */
int crit_image_print(struct crit_image *img, const struct crit_entry *e, bool plain,
		     struct crit_buf *out, struct crit_error *err);

/* The length of that text, bytes. Costs less than to make it. */
int crit_image_print_size(struct crit_image *img, const struct crit_entry *e, bool plain,
			  uint64_t *size, struct crit_error *err);

/* How a new file differs from the one that the image was read from. */
struct crit_change {
	uint64_t n;                /* the first entry that differs */
	uint64_t off;              /* where it begins, and began */
	uint64_t old_end, new_end; /* where it ended, and ends; if the others are the same */
	bool renumbers;            /* entries from n on are others than before */
};

/* The file was replaced by `file`. Takes a reference of its own. */
void crit_image_replaced(struct crit_image *img, struct crit_file *file,
			 const struct crit_change *change);

#endif
