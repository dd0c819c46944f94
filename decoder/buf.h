/*
 * A growing byte buffer, for texts and for wire bytes. Growing can fail and can
 * be limited; a buffer that failed stays failed and ignores what is appended,
 * so that writers check once, at the end.
 */
#ifndef CRIT_BUF_H
#define CRIT_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct crit_buf {
	uint8_t *data; /* owned */
	size_t len;    /* bytes in use */
	size_t cap;
	size_t limit; /* never grows beyond; 0: CRIT_BUF_LIMIT */
	int error;    /* 0, or -ENOMEM, -EFBIG once growing failed */
};

#define CRIT_BUF_LIMIT ((size_t)1 << 30)

void crit_buf_fini(struct crit_buf *b);

/* Empty it for another use; keeps the memory, clears the error. */
static inline void crit_buf_reset(struct crit_buf *b)
{
	b->len = 0;
	b->error = 0;
}

/* Give memory back if more than `keep` bytes are held. */
void crit_buf_trim(struct crit_buf *b, size_t keep);

/* Room for `n` more bytes behind len; false (and b->error) if there is none. */
bool crit_buf_grow(struct crit_buf *b, size_t n);

static inline bool crit_buf_reserve(struct crit_buf *b, size_t n)
{
	return (n <= b->cap - b->len && !b->error) || crit_buf_grow(b, n);
}

/* Where byte `off` is. NULL of a buffer that never held any: C adds nothing to that, not 0. */
static inline uint8_t *crit_buf_at(const struct crit_buf *b, size_t off)
{
	return off ? b->data + off : b->data;
}

/* Where `n` more bytes can be written; the caller counts them in. NULL: no room. */
static inline uint8_t *crit_buf_room(struct crit_buf *b, size_t n)
{
	return crit_buf_reserve(b, n) ? crit_buf_at(b, b->len) : NULL;
}

static inline void crit_buf_add(struct crit_buf *b, const void *data, size_t n)
{
	if (n && crit_buf_reserve(b, n)) {
		memcpy(b->data + b->len, data, n);
		b->len += n;
	}
}

static inline void crit_buf_byte(struct crit_buf *b, uint8_t c)
{
	if (crit_buf_reserve(b, 1))
		b->data[b->len++] = c;
}

static inline void crit_buf_fill(struct crit_buf *b, uint8_t c, size_t n)
{
	if (n && crit_buf_reserve(b, n)) {
		memset(b->data + b->len, c, n);
		b->len += n;
	}
}

static inline void crit_buf_str(struct crit_buf *b, const char *s)
{
	crit_buf_add(b, s, strlen(s));
}

/* Append as printf(3) does. */
void crit_buf_printf(struct crit_buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
