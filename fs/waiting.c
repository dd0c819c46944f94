/*
 * Gathering what waits for an entry.
 */
#include "fs/waiting.h"

#include <stdlib.h>

#include "decoder/sems.h"
#include "fs/entry.h"
#include "fs/pending.h"
#include "fs/scratch.h"

void cfs_waiting_fini(struct cfs *fs, struct cfs_waiting *w)
{
	while (w->n--) {
		cfs_draft_put(w->contents[w->n]);
		free(w->pieces[w->n]);
		cfs_node_unref(&fs->nodes, w->node[w->n]);
	}
	crit_buf_fini(&w->sems);
}

/* Add contents for a part; a list of semaphores' values is a text until now. */
static int add(struct cfs_waiting *w, const struct cfs_ref *ref, struct cfs_draft *d,
	       struct cfs_node *node, uint64_t n_msgs, struct crit_error *err)
{
	struct crit_blob *blob = &w->blob[w->n];
	struct crit_buf text = {0};
	int ret;

	*blob = (struct crit_blob){.part = ref->part, .n_msgs = n_msgs};
	w->pieces[w->n] = NULL;
	if (node && ref->part == CRIT_PART_SEMS) {
		ret = cfs_draft_text(d, &text);
		if (ret == 0)
			ret = crit_sems_parse(ref->image->open, (char *)text.data, text.len,
					      &w->sems, err);
		crit_buf_fini(&text);
		w->values =
			(struct crit_piece){.fd = -1, .data = w->sems.data, .len = w->sems.len};
		blob->source = &w->values;
		blob->n_source = 1;
	} else {
		ret = cfs_draft_pieces(d, &w->pieces[w->n], &blob->n_source);
		blob->source = w->pieces[w->n];
	}
	if (ret < 0) {
		free(w->pieces[w->n]);
		return err && err->errnum ? ret
					  : crit_fail_errno(err, -ret, "can't read its parts");
	}
	w->contents[w->n] = cfs_draft_get(d);
	w->node[w->n] = node;
	if (node)
		cfs_node_ref(node);
	w->n++;
	return 0;
}

/* Has the pending part been said? A text that is still being written has not. */
static bool is_ready(const struct cfs_node *node)
{
	if (S_ISDIR(node->scratch->mode))
		return false;
	return !cfs_part_is_text(node->ref.part) || node->scratch->accepted;
}

int cfs_waiting_gather(struct cfs *fs, const struct cfs_ref *json, bool fresh,
		       struct cfs_waiting *w, struct crit_error *err)
{
	const struct cfs_layout *l = &json->image->layout;
	const struct cfs_parked *parked;
	struct cfs_ref ref = *json;
	int ret = 0;

	*w = (struct cfs_waiting){0};
	for (ref.part = 0; ref.part < CRIT_PART_JSON; ref.part++) {
		struct cfs_node *node = cfs_pending_find(fs, &ref);

		if (ret < 0 || w->n == CRIT_BLOBS_MAX)
			break;
		if (node && is_ready(node))
			ret = add(w, &ref, node->scratch->contents, node, 0, err);
		parked = fresh && !node ? cfs_layout_parked(l, ref.place, ref.part) : NULL;
		if (parked)
			ret = add(w, &ref, parked->contents, NULL, parked->n_msgs, err);
	}
	if (ret < 0)
		cfs_waiting_fini(fs, w);
	return ret;
}
