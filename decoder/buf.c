/*
 * Growing and giving back the memory of struct crit_buf.
 */
#include "decoder/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void crit_buf_fini(struct crit_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void crit_buf_trim(struct crit_buf *b, size_t keep)
{
	if (b->cap > keep) {
		free(b->data);
		b->data = NULL;
		b->cap = 0;
	}
	crit_buf_reset(b);
}

bool crit_buf_grow(struct crit_buf *b, size_t n)
{
	size_t limit = b->limit ? b->limit : CRIT_BUF_LIMIT;
	size_t cap = b->cap;
	uint8_t *data;

	if (b->error)
		return false;
	if (n <= b->cap - b->len)
		return true;
	if (b->len > limit || n > limit - b->len) {
		b->error = -EFBIG;
		return false;
	}
	cap = cap < 256 ? 256 : cap * 2;
	if (cap < b->len + n)
		cap = b->len + n;
	if (cap > limit)
		cap = limit;
	data = realloc(b->data, cap);
	if (!data) {
		b->error = -ENOMEM;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void crit_buf_printf(struct crit_buf *b, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0 || !crit_buf_reserve(b, (size_t)len + 1))
		return;
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
}
