/*
 * Finding parents by their ids, and those who are ancestors of themselves.
 */
#include <errno.h>
#include <stdlib.h>

#include "decoder/check/checker.h"
#include "decoder/grow.h"

void check_tree_add(struct check_tree *tree, uint64_t entry, uint32_t id, uint32_t parent_id)
{
	struct check_node *node;

	node = crit_grow(tree->node, tree->n, &tree->room, sizeof(*node));
	if (!node) {
		tree->checker->error = -ENOMEM;
		return;
	}
	tree->node = node;
	tree->node[tree->n++] = (struct check_node){
		.entry = entry, .id = id, .parent_id = parent_id, .parent = CHECK_NONE};
}

static void find_parents(struct check_tree *tree)
{
	struct crit_index places = {0};
	uint64_t place;
	size_t i;

	for (i = 0; i < tree->n; i++)
		if (crit_index_put(&places, tree->node[i].id, i, NULL) < 0)
			tree->checker->error = -ENOMEM;
	for (i = 0; i < tree->n; i++)
		if (crit_index_find(&places, tree->node[i].parent_id, &place))
			tree->node[i].parent = (size_t)place;
	crit_index_fini(&places);
}

/* Who is met twice on one way up is in a ring; the marks are the numbers of the ways. */
static void find_rings(struct check_tree *tree)
{
	size_t *way = calloc(tree->n + 1, sizeof(*way)), i, at;

	if (!way) {
		tree->checker->error = -ENOMEM;
		return;
	}
	for (i = 0; i < tree->n; i++) {
		for (at = i; at != CHECK_NONE && !way[at]; at = tree->node[at].parent)
			way[at] = i + 1;
		if (at == CHECK_NONE || way[at] != i + 1)
			continue;
		tree->node[at].in_ring = true;
		tree->n_rings++;
	}
	free(way);
}

void check_tree_link(struct check_tree *tree)
{
	find_parents(tree);
	find_rings(tree);
}

void check_tree_fini(struct check_tree *tree)
{
	free(tree->node);
}
