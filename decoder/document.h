/*
 * A whole image as one JSON document, as crit decodes it:
 * {"magic": …, "entries": […]}, each entry with its `extra`. It is made in pieces,
 * so neither the image nor the document is ever in memory as a whole. What crit
 * has no word for is under keys of its own: "$header", "$byteorder", "$raw" in
 * place of an entry's fields, and "$tail".
 */
#ifndef CRIT_DOCUMENT_H
#define CRIT_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "decoder/error.h"
#include "decoder/file.h"

/* Keys that crit has not. */
#define CRIT_KEY_HEADER    "$header"    /* "v1.0", "common", "service": not the type's usual */
#define CRIT_KEY_BYTEORDER "$byteorder" /* "big" */
#define CRIT_KEY_RAW       "$raw"       /* base64 of a message that can't be decoded */
#define CRIT_KEY_TAIL      "$tail"      /* base64 of what follows the last whole entry */

struct crit_document_style {
	bool plain;      /* numbers are numbers, as in `crit decode` without --pretty */
	bool one_line;   /* no line breaks and no indents, likewise */
	bool no_payload; /* "... <12KB>" in place of each extra */
	bool newline;    /* at the end of the document */
};

struct crit_document;

/*
 * The document of an image file called `name` (NULL: its first bytes alone tell what
 * it is). Takes a reference of its own to `file`; else nothing is shared with others,
 * so no lock is needed. 0, -EIO where it is no image, -ENOMEM.
 */
int crit_document_new(struct crit_file *file, const char *name,
		      struct crit_document_style style, struct crit_document **out,
		      struct crit_error *err);
void crit_document_free(struct crit_document *d); /* NULL is fine */

/*
 * The next piece of the text: its length in bytes and *piece, which is good until the
 * next call; 0 at the end, -errno. Pieces are an entry, or some 64 KiB of an extra.
 */
ssize_t crit_document_next(struct crit_document *d, const void **piece, struct crit_error *err);

/* The length of the whole text, bytes. Walks through the image at the first call. */
int crit_document_size(struct crit_document *d, uint64_t *size, struct crit_error *err);

/*
 * Read as pread(2) does: fewer bytes than `len` only at the end. Going on where the
 * last call ended costs least; anywhere else, what lies between is made again, from at
 * most a megabyte before. -errno.
 */
ssize_t crit_document_read(struct crit_document *d, void *buf, size_t len, uint64_t off,
			   struct crit_error *err);

#endif
