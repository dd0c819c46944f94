/*
 * Pending files.
 */
#include "fs/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "decoder/extra.h"
#include "fs/entry.h"
#include "fs/ids.h"
#include "fs/names.h"
#include "fs/refusal.h"
#include "fs/scratch.h"
#include "fs/structure.h"

int cfs_pending_check(struct cfs *fs, const struct cfs_ref *ref)
{
	const struct crit_type *type;
	int ret;

	if (ref->part == CRIT_PART_JSON || ref->part == CFS_PART_DOCUMENT)
		return 0;
	if (cfs_part_is_raw(ref->part))
		return -EPERM;
	if (ref->place.m != CRIT_NO_MSG) /* cfs_place_ref() knows no other parts */
		return 0;
	ret = cfs_image_open(fs, ref->image, NULL);
	if (ret < 0)
		return ret;
	type = crit_image_header(ref->image->open)->type;
	return crit_extra_allows(type, ref->place.n, ref->part) ? 0 : -EPERM;
}

struct cfs_node *cfs_pending_find(struct cfs *fs, const struct cfs_ref *ref)
{
	char name[CFS_NAME_SIZE];
	struct cfs_node *node;

	cfs_entry_name(ref, name);
	node = cfs_node_by_name(&fs->nodes, cfs_entry_container(ref), name);
	if (!node || node->kind != CFS_SCRATCH || !node->pending ||
	    node->generation != ref->image->generation)
		return NULL;
	return node;
}

void cfs_pending_mark(struct cfs_node *node, const struct cfs_ref *ref)
{
	node->pending = true;
	node->ref = *ref;
	node->generation = ref->image ? ref->image->generation : 0;
	node->scratch->ours = false;
	/* what is made now counts, not what was there before */
	if (ref->image && ref->part != CRIT_PART_JSON)
		cfs_layout_unpark(&ref->image->layout, ref->place);
}

void cfs_pending_unmark(struct cfs_node *node)
{
	struct cfs_image *image = node->ref.image;

	node->pending = false;
	node->ref = (struct cfs_ref){.image = image};
}

void cfs_pending_drop(struct cfs *fs, struct cfs_node *node)
{
	/* if it was another entry's file before, that is seen again */
	cfs_layout_release(cfs_image_layout(node->ref.image), node);
	cfs_node_rename(&fs->nodes, node, 0, NULL);
}

void cfs_pending_become(struct cfs *fs, struct cfs_node *node, const struct cfs_ref *ref,
			const struct cfs_draft *committed)
{
	struct cfs_layout *l = &ref->image->layout;
	uint64_t container = cfs_entry_container(ref);
	struct cfs_scratch *s = node->scratch;
	struct cfs_ref held;
	char name[CFS_NAME_SIZE];
	struct cfs_node *before;
	struct cfs_handle *h;

	if (node->ref.image != ref->image) /* it was another image's document */
		cfs_layout_release(cfs_image_layout(node->ref.image), node);
	cfs_entry_name(ref, name);
	cfs_layout_fill(l, ref);
	cfs_layout_set_present(l, ref);
	before = cfs_node_by_name(&fs->nodes, container, name);
	if (before && before != node) {
		before->pending = false;
		cfs_layout_release(cfs_image_layout(before->ref.image), before);
		if (before->kind == CFS_ENTRY)
			cfs_node_become(&fs->nodes, before, CFS_OLD);
		cfs_node_rename(&fs->nodes, before, 0, NULL);
	}
	cfs_node_become(&fs->nodes, node, CFS_ENTRY);
	node->pending = false;
	node->written = true;
	node->ref = *ref;
	node->scratch = NULL;
	DL_FOREACH(fs->handles, h) {
		if (h->node != node || h->kind != CFS_HANDLE_SCRATCH)
			continue;
		h->kind = CFS_HANDLE_ENTRY;
		h->ref = *ref;
		h->generation = ref->image->generation;
		h->draft = cfs_draft_get(s->contents);
		h->stale = true;
		/* who writes to a shared draft makes it another one */
		h->dirty = h->writable && s->contents != committed;
	}
	cfs_scratch_free(s);
	cfs_node_ref(node);
	if (cfs_node_rename(&fs->nodes, node, container, name) < 0)
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	/* who reads what was written, reads on; the entry's text may have another length */
	DL_FOREACH(fs->handles, h)
		if (h->node == node && h->kind == CFS_HANDLE_ENTRY && h->cached &&
		    h->readable && node->kind == CFS_ENTRY)
			cfs_entry_renew(fs, ref);
	/* it was another entry's file before: that has gone here, and is there no more */
	while (cfs_layout_holds(l, node, &held)) {
		held.image = ref->image;
		cfs_layout_fill(l, &held);
		cfs_structure_remove(fs, &held, ref->image->generation);
	}
	cfs_layout_release(l, node);
	cfs_node_unref(&fs->nodes, node);
}

static int compare_numbers(const void *a, const void *b)
{
	const struct crit_place *x = &(*(struct cfs_node *const *)a)->ref.place;
	const struct crit_place *y = &(*(struct cfs_node *const *)b)->ref.place;

	if (x->m != y->m)
		return x->m < y->m ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

static bool is_listed(const struct cfs_node *node, const struct cfs_ref *ref, bool msgs)
{
	const struct cfs_ref *own = &node->ref;

	if (!node->key || !node->pending)
		return false;
	if (!ref)
		return node->scratch->dirty;
	return node->scratch->accepted && own->part == CRIT_PART_JSON &&
	       own->image == ref->image && (own->place.m != CRIT_NO_MSG) == msgs &&
	       (!msgs || own->place.n == ref->place.n);
}

size_t cfs_pending_list(struct cfs *fs, const struct cfs_ref *ref, bool msgs,
			struct cfs_node ***out)
{
	struct cfs_node *node, **found = NULL;
	size_t n = 0, cap = 0;

	DL_FOREACH(fs->nodes.scratch, node) {
		if (!is_listed(node, ref, msgs))
			continue;
		if (n == cap) {
			struct cfs_node **grown;

			cap = cap ? cap * 2 : 16;
			grown = realloc(found, cap * sizeof(*found));
			if (!grown)
				break;
			found = grown;
		}
		cfs_node_ref(node);
		found[n++] = node;
	}
	if (n)
		qsort(found, n, sizeof(*found), compare_numbers);
	*out = found;
	return n;
}

void cfs_pending_expire(struct cfs *fs, struct cfs_image *image)
{
	struct crit_error why = {0};
	struct cfs_node *node, *next;

	image->expired = false;
	crit_fail(&why, CRIT_CHANGED, "the image was changed underneath");
	DL_FOREACH_SAFE(fs->nodes.scratch, node, next)
	{
		if (!node->key || !node->pending || node->ref.image != image ||
		    node->generation == image->generation)
			continue;
		if (cfs_draft_size(node->scratch->contents))
			cfs_refuse(fs, &node->ref, NULL, node->scratch->contents, &why);
		cfs_pending_drop(fs, node);
	}
}
