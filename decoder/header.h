/*
 * Headers of images, which say of what type an image is, and in which order the bytes of
 * its integers are.
 */
#ifndef CRIT_HEADER_H
#define CRIT_HEADER_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "decoder/buf.h"
#include "decoder/error.h"
#include "decoder/types.h"

#define CRIT_HEADER_MAX 8 /* bytes */

/* A header as a file has it; written back as it was. */
struct crit_header {
	const struct crit_type *type;
	uint8_t bytes[CRIT_HEADER_MAX];
	unsigned len;    /* 4 (v1.0, inventory) or 8 bytes */
	bool big_endian; /* of every integer outside protobuf; s390x dumps */
};

/*
 * Do `len` first bytes of a file called `name` make it an image? A v1.0 header
 * is one word only, so it counts only in a file with an image's name, or where
 * somebody says that it is one (NULL).
 */
bool crit_header_read(const char *name, const void *bytes, size_t len, struct crit_header *h);

/*
 * Why they don't: which word is no magic. In crit's own words, which scripts may look
 * for. -EBADMSG.
 */
int crit_header_fail(const uint8_t *bytes, size_t len, struct crit_error *err);

/* Integers outside protobuf, in the image's byte order. */
static inline uint32_t crit_get_u32(const struct crit_header *h, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return h->big_endian ? be32toh(v) : le32toh(v);
}

uint16_t crit_get_u16(const struct crit_header *h, const uint8_t *p);
void crit_set_u32(const struct crit_header *h, uint32_t v, uint8_t *p);
void crit_put_u32(const struct crit_header *h, uint32_t v, struct crit_buf *out);
void crit_put_u16(const struct crit_header *h, uint16_t v, struct crit_buf *out);

#endif
