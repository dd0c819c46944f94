/*
 * Growing and giving back the memory of struct crit_buf.
 */
#include "decoder/buf.h"

#include <errno.h>
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
