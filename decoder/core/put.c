/*
 * Arrays of words.
 */
#include "decoder/core/put.h"

void crit_core_put_words32(struct crit_buf *b, const uint32_t *words, size_t n, size_t room)
{
	size_t i;

	for (i = 0; i < room; i++)
		crit_core_put32(b, i < n ? words[i] : 0);
}

void crit_core_put_words64(struct crit_buf *b, const uint64_t *words, size_t n, size_t room)
{
	size_t i;

	for (i = 0; i < room; i++)
		crit_core_put64(b, i < n ? words[i] : 0);
}
