/*
 * Writing the structures of a core, field by field: they are those of the machine that the
 * process ran on, which is little-endian, whatever this one is.
 */
#ifndef CRIT_CORE_PUT_H
#define CRIT_CORE_PUT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/buf.h"

static inline void crit_core_put16(struct crit_buf *b, uint16_t v)
{
	v = htole16(v);
	crit_buf_add(b, &v, sizeof(v));
}

static inline void crit_core_put32(struct crit_buf *b, uint32_t v)
{
	v = htole32(v);
	crit_buf_add(b, &v, sizeof(v));
}

static inline void crit_core_put64(struct crit_buf *b, uint64_t v)
{
	v = htole64(v);
	crit_buf_add(b, &v, sizeof(v));
}

/* An array of `room` words: the first `n`, as far as there is room, and zeros. */
void crit_core_put_words32(struct crit_buf *b, const uint32_t *words, size_t n, size_t room);
void crit_core_put_words64(struct crit_buf *b, const uint64_t *words, size_t n, size_t room);

/* Zeros up to the offset `end` of the buffer, which is not behind its own. */
static inline void crit_core_put_gap(struct crit_buf *b, size_t end)
{
	if (end > b->len)
		crit_buf_fill(b, 0, end - b->len);
}

#endif
