/*
 * Mount points: a tree for each namespace, and groups that mounts propagate in.
 */
#include <string.h>

#include "decoder/check/checker.h"
#include "mounts.pb-c.h"

static void mount(struct checker *c, struct check_at at, const void *msg)
{
	const MntEntry *e = msg;

	/* what is handed in from outside may have its group there */
	if (e->master_id && !e->ext_mount && !e->ext_key &&
	    !check_has(c, CHECK_GROUPS, e->master_id))
		check_warning(c, at, "master_id: no mount has the shared_id %u", e->master_id);
}

static void parent(struct checker *c, const char *image, const struct check_tree *tree,
		   size_t i)
{
	struct check_at at = check_at(image, tree->node[i].entry);

	if (tree->node[i].in_ring)
		check_error(c, at, "its parent_mnt_id %u is a mount below it",
			    tree->node[i].parent_id);
	else if (tree->node[i].parent == CHECK_NONE && !c->unsure[CHECK_MOUNTS])
		check_error(c, at, "no mount has its parent_mnt_id, %u",
			    tree->node[i].parent_id);
}

/* The root's parent is outside, whatever it is. */
static bool is_root(const MntEntry *e)
{
	const char *path = e->mountpoint + (*e->mountpoint == '.');

	return !strcmp(path, "/") || !*path;
}

void check_mounts(struct checker *c, const struct check_image *image)
{
	struct check_tree tree = {.checker = c};
	bool has_root = false;
	struct crit_walk walk;
	MntEntry *e;
	size_t i;

	if (crit_walk_open(&c->dump, image->name, &walk, NULL) < 0)
		return;
	while ((e = crit_walk_rest(&c->dump, image->name, &walk))) {
		check_tree_add(&tree, walk.n - 1, e->mnt_id, is_root(e) ? 0 : e->parent_mnt_id);
		has_root |= is_root(e);
		mnt_entry__free_unpacked(e, NULL);
	}
	crit_walk_close(&walk);
	check_tree_link(&tree);
	for (i = 0; i < tree.n; i++)
		if (tree.node[i].parent_id)
			parent(c, image->name, &tree, i);
	if (!has_root && image->whole)
		check_error(c, check_at(image->name, CHECK_WHOLE), "no mount is the root, /");
	check_tree_fini(&tree);
	check_each(c, image, mount);
}
