/*
 * What an edit of one entry makes of the image's bytes: the entry's new frame
 * between everything else as it was. Nothing is written here; commit.h does.
 */
#ifndef CRIT_EDIT_H
#define CRIT_EDIT_H

#include "decoder/image.h"

/* An entry, or a message within its CRIT_PART_MSGS. */
struct crit_place {
	uint64_t n;
	uint64_t m; /* CRIT_NO_MSG: the entry itself */
};

#define CRIT_NO_MSG UINT64_MAX

/* crit_image_entry() or crit_image_msg(), whichever the place asks for. */
int crit_image_at(struct crit_image *img, struct crit_place place, struct crit_entry *e,
		  struct crit_error *err);

/* Bytes from somewhere. */
struct crit_piece {
	int fd;              /* borrowed; -1: bytes in memory */
	const uint8_t *data; /* borrowed, where fd is -1; NULL: zeros */
	uint64_t off, len;   /* in the file; off is 0 for memory */
};

/* A piece of a file. */
static inline struct crit_piece crit_piece_of(const struct crit_file *file, uint64_t off,
					      uint64_t len)
{
	return (struct crit_piece){.fd = file->fd, .off = file->base + off, .len = len};
}

/* New bytes for one part of an entry. */
struct crit_blob {
	enum crit_part part;
	const struct crit_piece *source; /* borrowed */
	size_t n_source;
	uint64_t n_msgs; /* of CRIT_PART_MSGS: how many messages the bytes are */
	bool used;       /* set by the edit: the entry has such a part */
};

/* A whole file as pieces. Fill with zeros to begin with. */
struct crit_edit {
	bool changes;              /* false: the image already says so, write nothing */
	struct crit_piece *pieces; /* owned */
	size_t n_pieces, cap_pieces;
	struct crit_buf frame;     /* new bytes that pieces point into */
	struct crit_buf values;    /* likewise */
	struct crit_change change; /* for crit_image_replaced() */
};

void crit_edit_fini(struct crit_edit *edit);

/*
 * The entry's message becomes what `text` says; its blobs stay, and the fields
 * that count them follow the blobs, not the text. 0 and *edit; -EBADMSG with the
 * place in the text; -EFBIG, -ENOMEM, -EIO, -ENOENT.
 */
int crit_edit_json(struct crit_image *img, struct crit_place place, const char *text,
		   size_t len, struct crit_edit *edit, struct crit_error *err);

/*
 * The same, with new bytes for some parts at once: those that the new message
 * allows for are `used`. What the blobs point at must live as long as *edit.
 */
int crit_edit_json_and_blobs(struct crit_image *img, struct crit_place place, const char *text,
			     size_t len, struct crit_blob *blobs, size_t n_blobs,
			     struct crit_edit *edit, struct crit_error *err);

/*
 * One blob of the entry becomes the bytes of `source`, the field that counts it
 * and the padding follow. What `source` points at must live as long as *edit.
 * Whether anything would change is for the caller to ask first: it may take long.
 * 0 and *edit; -ENOENT if the entry has no such blob, -EFBIG where the field
 * can't count as much, -ENOMEM, -EIO.
 */
int crit_edit_blob(struct crit_image *img, struct crit_place place, enum crit_part part,
		   const struct crit_piece *source, size_t n_source, struct crit_edit *edit,
		   struct crit_error *err);

/* Are the bytes of a span of the file those of `source`? Needs no lock. */
bool crit_blob_same(const struct crit_file *file, struct crit_span span,
		    const struct crit_piece *source, size_t n_source);

/* The values of a CRIT_PART_SEMS become those of a JSON list; as crit_edit_json(). */
int crit_edit_sems(struct crit_image *img, struct crit_place place, const char *text,
		   size_t len, struct crit_edit *edit, struct crit_error *err);

#endif
