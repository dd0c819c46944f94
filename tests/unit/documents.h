/*
 * Images of every kind, with all that a document has to show of them, and their
 * documents.
 */
#ifndef UNIT_DOCUMENTS_H
#define UNIT_DOCUMENTS_H

#include "decoder/document.h"
#include "decoder/spool.h"
#include "images.h"

/* An image and what it is called. */
struct doc_image {
	struct made made; /* bytes owned */
	const char *name;
	bool big; /* many megabytes of text, or nearly */
};

/* What is done to the image of a kind. */
enum doc_change {
	DOC_NONE,
	DOC_BIG_ENDIAN,
	DOC_TAIL,     /* bytes that are no frame follow */
	DOC_CUT,      /* the last entry is cut */
	DOC_V10,      /* no word before the magic */
	DOC_NO_ENTRY, /* the header is all */
	DOC_RAW,      /* a message that does not decode follows */
	DOC_EMPTY,    /* the same, of no bytes */
	N_DOC_CHANGES,
};

static inline void put_frame(struct made *m, const void *wire, size_t len)
{
	put_word(m, (uint32_t)len);
	crit_buf_add(&m->bytes, wire, len);
	note_end(m, m->bytes.len);
}

static inline void put_changed(struct made *m, const struct made_kind *kind,
			       enum doc_change change)
{
	unsigned i;

	put_header(m, kind->magic, change == DOC_BIG_ENDIAN);
	if (change == DOC_V10) {
		crit_buf_reset(&m->bytes);
		put_word(m, m->h.type->magic);
	}
	for (i = 0; i < kind->n_entries && change != DOC_NO_ENTRY; i++)
		put_entry(m, &kind->entry[i]);
	if (change == DOC_TAIL)
		crit_buf_add(&m->bytes, "\x40\0\0\0tail\xff", 9);
	if (change == DOC_CUT)
		m->bytes.len--;
	if (change == DOC_RAW) /* field 1 begins and does not end */
		put_frame(m, "\x08\xff", 2);
	if (change == DOC_EMPTY)
		put_frame(m, "", 0);
	expect(!m->bytes.error);
}

static inline void put_zigzag(struct made *m, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		crit_buf_byte(&m->bytes, (uint8_t)(i * 7 ^ i >> 8));
}

#define LARGE 3000001 /* bytes, no multiple of what is read at once */

/* Entries of two fields that count their blobs (the second may be NULL), and `others`. */
static inline void put_large_blobs(struct made *m, const char *magic, const char *one,
				   const char *other, const char *others)
{
	char json[300];
	unsigned i, len[2];

	put_header(m, magic, false);
	for (i = 0; i < 3; i++) {
		len[0] = LARGE + i;
		len[1] = other ? i * 100 : 0;
		snprintf(json, sizeof(json), "{%s, \"%s\": %u, \"%s\": %u}", others, one,
			 len[0], other ? other : "size", len[1]);
		put_message(m, m->h.type->head, json);
		put_zigzag(m, len[0] + len[1]);
		note_end(m, m->bytes.len);
	}
}

static inline void put_large_queue(struct made *m)
{
	char json[200];
	unsigned i;

	put_header(m, "IPCNS_MSG", false);
	put_message(m, m->h.type->head, "{" DESC ", \"qbytes\": 1, \"qnum\": 40}");
	for (i = 0; i < 40; i++) {
		snprintf(json, sizeof(json), "{\"mtype\": %u, \"msize\": %u}", i, i * 5000);
		put_message(m, crit_message_find("ipc_msg"), json);
		put_zigzag(m, i * 5000); /* a multiple of 8: no padding */
	}
	note_end(m, m->bytes.len);
	put_message(m, m->h.type->head, "{" DESC ", \"qbytes\": 1, \"qnum\": 2}");
	put_frame(m, "\x08\x01\x10\x00", 4);
	put_frame(m, "\x08\x02\x10\x08", 4);
	put_zigzag(m, 8);
}

static inline void put_large_sems(struct made *m)
{
	put_header(m, "IPCNS_SEM", false);
	put_message(m, m->h.type->head, "{" DESC ", \"nsems\": 20002}");
	put_zigzag(m, 40004);
	crit_buf_fill(&m->bytes, 0, 4);
	note_end(m, m->bytes.len);
}

/* Pages maps have no extras, and a first entry of another kind. */
static inline void put_pagemap(struct made *m)
{
	char json[100];
	unsigned i;

	put_header(m, "PAGEMAP", false);
	put_message(m, m->h.type->head, "{\"pages_id\": 1}");
	for (i = 0; i < 20000; i++) {
		snprintf(json, sizeof(json),
			 "{\"vaddr\": \"0x%x\", \"compat_nr_pages\": 0, \"nr_pages\": %u}",
			 i << 13, i % 9);
		put_message(m, m->h.type->rest, json);
	}
}

static inline void put_raw_message(struct made *m)
{
	put_header(m, "IPCNS_MSG", false);
	put_message(m, m->h.type->head, "{" DESC ", \"qbytes\": 1, \"qnum\": 2}");
	put_frame(m, "\x10\x02", 2); /* its size, but no type */
	crit_buf_add(&m->bytes, "ab\0\0\0\0\0\0", 8);
	put_frame(m, "\x08\x01\x10\x00", 4);
}

/* The same of an entry. */
static inline void put_raw_blobs(struct made *m)
{
	put_header(m, "TCP_STREAM", false);
	put_frame(m, "\x08\x03\x18\x05", 4); /* the lengths, but nothing else */
	crit_buf_add(&m->bytes, "in.out..", 8);
	put_frame(m, "\x08\x00\x18\x00", 4);
}

static inline void put_special(struct doc_image *d, unsigned i)
{
	struct unit_random r = unit_seed(i);
	struct made *m = &d->made;

	d->big = true;
	switch (i) {
	case 0:
		d->name = "pipes-data.img";
		return put_large_blobs(m, "PIPES_DATA", "bytes", NULL, "\"pipe_id\": 1");
	case 1:
		d->name = "tcp-stream-1.img";
		return put_large_blobs(m, "TCP_STREAM", "inq_len", "outq_len",
				       "\"inq_seq\": 9, \"outq_seq\": 8, " TCP);
	case 2:
		d->name = "bpfmap-data.img";
		return put_large_blobs(m, "BPFMAP_DATA", "keys_bytes", "values_bytes",
				       "\"map_id\": 2, \"count\": 0");
	case 3:
		d->name = "ipcns-msg-1.img";
		return put_large_queue(m);
	case 4:
		d->name = "ipcns-sem-1.img";
		return put_large_sems(m);
	case 5:
		d->name = "pagemap-1.img";
		return put_pagemap(m);
	case 6:
		d->name = "pipes-data.img";
		return put_many(m, &r, 300);
	case 7:
		d->name = "ipcns-msg-1.img";
		return put_queues(m, &r, 70);
	case 8:
		d->name = "inventory.img"; /* one word is its header */
		d->big = false;
		put_header(m, "INVENTORY", false);
		return put_message(m, m->h.type->head, "{\"img_version\": 2}");
	case 9:
		d->name = "ipcns-msg-1.img";
		d->big = false;
		return put_raw_message(m);
	default:
		d->name = "tcp-stream-1.img";
		d->big = false;
		return put_raw_blobs(m);
	}
}

#define DOC_SPECIALS 11
#define DOC_CHANGED  (COUNT(made_kinds) * N_DOC_CHANGES)
#define DOC_IMAGES   (DOC_CHANGED + DOC_SPECIALS)

/* Image `i` of DOC_IMAGES. */
static inline void put_doc_image(struct doc_image *d, size_t i)
{
	d->big = false;
	if (i >= DOC_CHANGED) {
		put_special(d, (unsigned)(i - DOC_CHANGED));
	} else {
		d->name = made_kinds[i / N_DOC_CHANGES].name;
		put_changed(&d->made, &made_kinds[i / N_DOC_CHANGES],
			    (enum doc_change)(i % N_DOC_CHANGES));
	}
	unit_about("image %zu, %s", i, d->name);
}

static inline struct crit_document *document_of(const struct crit_buf *bytes, const char *name,
						struct crit_document_style style)
{
	struct crit_file *file = file_of(bytes->data, bytes->len);
	struct crit_error err = {0};
	struct crit_document *d;

	if (crit_document_new(file, name, style, &d, &err) < 0)
		fail("%s: %s", name ? name : "an image", err.text);
	crit_file_put(file);
	return d;
}

/* All that is still to come. */
static inline void put_rest(struct crit_buf *text, struct crit_document *d)
{
	struct crit_error err = {0};
	const void *piece;
	ssize_t n;

	while ((n = crit_document_next(d, &piece, &err)) > 0)
		crit_buf_add(text, piece, (size_t)n);
	if (n < 0)
		fail("expected a document, found %s", err.text);
	expect(!text->error);
}

static inline void put_document(struct crit_buf *text, const struct crit_buf *bytes,
				const char *name, struct crit_document_style style)
{
	struct crit_document *d = document_of(bytes, name, style);

	crit_buf_reset(text);
	put_rest(text, d);
	crit_document_free(d);
}

/* All that a spool holds. */
static inline void put_spool(struct crit_buf *out, const struct crit_spool *s)
{
	size_t len = (size_t)crit_spool_len(s);

	crit_buf_reset(out);
	expect(crit_buf_reserve(out, len + 1));
	expect_int(crit_spool_read(s, out->data, len, 0), len);
	out->len = len;
}

#endif
