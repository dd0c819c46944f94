/*
 * The C library's tree, for pairs of numbers.
 */
#include "decoder/index.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>

struct item {
	uint64_t key, value;
};

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct item *)a)->key, y = ((const struct item *)b)->key;

	return x < y ? -1 : x > y;
}

void crit_index_fini(struct crit_index *x)
{
	tdestroy(x->root, free);
	*x = (struct crit_index){0};
}

int crit_index_put(struct crit_index *x, uint64_t key, uint64_t value, uint64_t *there)
{
	struct item *item = malloc(sizeof(*item)), **found;

	if (!item)
		return -ENOMEM;
	*item = (struct item){key, value};
	found = tsearch(item, &x->root, compare);
	if (!found) {
		free(item);
		return -ENOMEM;
	}
	if (there)
		*there = (*found)->value;
	if (*found == item)
		x->n++;
	else
		free(item);
	return 0;
}

bool crit_index_find(const struct crit_index *x, uint64_t key, uint64_t *value)
{
	struct item wanted = {.key = key}, **found;

	found = tfind(&wanted, &x->root, compare);
	if (!found)
		return false;
	*value = (*found)->value;
	return true;
}
