/*
 * Arrays that grow by one element at a time.
 */
#ifndef CRIT_GROW_H
#define CRIT_GROW_H

#include <stddef.h>
#include <stdlib.h>

/*
 * The array with room for at least one element more than its `n`, each of `size` bytes;
 * *room is how many it has room for. NULL: no memory, the array stays as it is.
 */
static inline void *crit_grow(void *all, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 4;

	if (n < *room)
		return all;
	all = reallocarray(all, more, size);
	if (all)
		*room = more;
	return all;
}

#endif
