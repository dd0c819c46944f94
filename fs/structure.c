/*
 * Removing and moving.
 */
#include "fs/structure.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "decoder/structure.h"
#include "fs/draft.h"
#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/ids.h"
#include "fs/listing.h"
#include "fs/log.h"
#include "fs/names.h"
#include "fs/pending.h"
#include "fs/promise.h"
#include "fs/refusal.h"
#include "fs/scratch.h"
#include "fs/times.h"
#include "fs/write.h"

/* Parts above this are kept as spans of the old file, which lasts as long; bytes. */
#define PARK_COPIED ((uint64_t)64 << 20)

/* Beside errors of a person's making: say what went wrong and return it. */
static int complain(struct cfs *fs, const struct cfs_ref *ref, const struct crit_error *err,
		    int ret)
{
	if (ret < 0 && err->errnum)
		cfs_refusal_log(fs, ref, err);
	return ret;
}

struct cfs_node *cfs_structure_node(struct cfs *fs, const struct cfs_ref *ref)
{
	uint64_t id = cfs_entry_id(ref);
	uint64_t container = cfs_entry_container(ref);
	char name[CFS_NAME_SIZE];
	struct cfs_node *node;

	cfs_entry_name(ref, name);
	node = cfs_node_by_name(&fs->nodes, container, name);
	if (node)
		return node;
	/* what had it may have gone elsewhere long ago */
	if (id && cfs_node_by_id(&fs->nodes, id))
		id = 0;
	node = cfs_node_new(&fs->nodes, id, CFS_ENTRY, NULL, container, name);
	if (!node)
		return NULL;
	node->forever = id != 0;
	node->ref = *ref;
	/* the kernel goes on believing in it, under whatever name it gets */
	node->promised = id && ref->image->open && cfs_promise_holds(ref, NULL);
	return node;
}

/* The file is gone: only who has it open, or the kernel, knows its node. */
static void forget_file(struct cfs *fs, const struct cfs_ref *ref)
{
	cfs_times_untouch(ref->image, ref);
	cfs_entry_renew(fs, ref);
}

/*
 * What is kept in memory beside the messages of a queue, scratch files and messages that
 * wait, goes with it: to another slot, or (`to` is NULL) away.
 */
static void move_beside(struct cfs *fs, const struct cfs_ref *from, const struct cfs_ref *to)
{
	uint64_t queue = cfs_entry_queue(from);
	struct cfs_node *node, *next;
	char name[NAME_MAX + 1];

	if (from->image->open &&
	    crit_image_header(from->image->open)->type->extra != CRIT_EXTRA_MSG)
		return;
	HASH_ITER(by_id, fs->nodes.by_id, node, next) {
		if (!node->key || cfs_node_container(node) != queue)
			continue;
		if (to) {
			snprintf(name, sizeof(name), "%s", cfs_node_name(node));
			if (node->kind == CFS_ENTRY || node->pending)
				node->ref.place.n = to->place.n;
			if (cfs_node_rename(&fs->nodes, node, cfs_entry_queue(to), name) == 0)
				continue;
		} else if (node->kind == CFS_SCRATCH && !node->scratch->ours) {
			cfs_log(fs, "%s: a scratch file, gone with its queue",
				cfs_node_name(node));
		}
		if (node->kind == CFS_ENTRY)
			cfs_node_become(&fs->nodes, node, CFS_OLD);
		node->pending = false;
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	}
}

/* All files of an entry are gone. */
static void forget_entry(struct cfs *fs, const struct cfs_ref *json)
{
	struct cfs_ref ref = *json;

	for (ref.part = 0; ref.part <= CRIT_PART_RAW; ref.part++) {
		forget_file(fs, &ref);
		cfs_refusal_settle(fs, &ref);
	}
	cfs_handle_remove(fs, json, true);
	if (json->place.m == CRIT_NO_MSG)
		move_beside(fs, json, NULL);
}

/* The parts of an entry as they are, to be kept: `drafts` has one for each blob. */
static int copy_parts(struct cfs *fs, const struct cfs_ref *json, const struct crit_entry *e,
		      struct cfs_draft *drafts[CRIT_BLOBS_MAX])
{
	struct crit_file *file = crit_image_file(json->image->open);
	struct cfs_ref ref = *json;
	unsigned i;

	for (i = 0; i < e->n_blobs; i++) {
		ref.part = e->part[i];
		drafts[i] = NULL;
		if (cfs_layout_is_absent(&json->image->layout, &ref))
			continue;
		drafts[i] = e->blob[i].len > PARK_COPIED
				    ? cfs_draft_of_span(&fs->store, file, e->blob[i])
				    : cfs_draft_of_copy(&fs->store, file, e->blob[i]);
		if (!drafts[i]) /* no room: then the old file is kept for it */
			drafts[i] = cfs_draft_of_span(&fs->store, file, e->blob[i]);
		if (!drafts[i])
			return -ENOMEM;
	}
	return cfs_layout_prepare_park(&json->image->layout);
}

static void park_parts(const struct cfs_ref *json, const struct crit_entry *e,
		       struct cfs_draft *drafts[CRIT_BLOBS_MAX], bool removed)
{
	struct cfs_layout *l = &json->image->layout;
	unsigned i;

	if (removed)
		cfs_layout_unpark(l, json->place);
	for (i = 0; i < e->n_blobs; i++) {
		if (removed && drafts[i])
			cfs_layout_park(l, json->place, e->part[i], drafts[i], e->n_msgs);
		else
			cfs_draft_put(drafts[i]);
	}
}

/* How many entries from this one on have to go with it; 0: it stays, unseen. */
static int entries_to_remove(const struct cfs_ref *ref, struct crit_place *at, uint64_t *count,
			     struct crit_error *err)
{
	const struct crit_type *type = crit_image_header(ref->image->open)->type;
	const struct cfs_layout *l = &ref->image->layout;
	uint64_t last = at->n + 1;
	struct crit_span tail;
	struct crit_entry e;
	int ret;

	*count = 1;
	if (type->head == type->rest || at->m != CRIT_NO_MSG || at->n > 1 ||
	    (at->n == 1 && !l->head_kept))
		return 0;
	ret = crit_image_entry(ref->image->open, last, &e, err);
	if (ret < 0 && ret != -ENOENT)
		return ret;
	if (ret == 0) {
		*count = at->n == 0 ? 0 : 1;
		return 0;
	}
	/* a damaged rest must not become the first either */
	ret = crit_image_tail(ref->image->open, &tail, err);
	if (ret < 0)
		return ret;
	if (tail.len) {
		*count = at->n == 0 ? 0 : 1;
	} else if (at->n == 1) { /* the kept head goes with the last */
		at->n = 0;
		*count = 2;
	}
	return 0;
}

static int remove_entry(struct cfs *fs, const struct cfs_ref *ref, struct crit_error *err)
{
	struct cfs_draft *drafts[CRIT_BLOBS_MAX] = {NULL};
	struct cfs_image *image = ref->image;
	struct crit_edit edit = {0};
	struct cfs_ref json = *ref;
	bool written = false;
	struct crit_place at;
	struct crit_entry e;
	uint64_t count;
	int ret;

	json.part = CRIT_PART_JSON;
	ret = cfs_entry_load(fs, &json, &e, err);
	if (ret == 0)
		ret = cfs_layout_prepare(&image->layout, image->open, ref->place, err);
	if (ret < 0)
		return ret;
	cfs_layout_find(&image->layout, ref->place, &at);
	ret = entries_to_remove(ref, &at, &count, err);
	if (ret < 0)
		return ret;
	ret = copy_parts(fs, &json, &e, drafts);
	if (ret == 0 && count) {
		ret = crit_edit_remove(image->open, at, count, &edit, err);
		if (ret == 0)
			ret = cfs_write(fs, image, &edit, CRIT_SYNC_NONE, &written, err);
		crit_edit_fini(&edit);
	}
	if (written || (!count && ret == 0)) {
		forget_entry(fs, &json);
		if (count)
			cfs_layout_remove(&image->layout, ref->place);
		else
			cfs_layout_keep_head(&image->layout);
		if (count == 2)
			image->layout.head_kept = false;
		written = true;
	}
	park_parts(&json, &e, drafts, written);
	return ret;
}

/* An extra that is removed is an empty one that is not to be seen. */
static int remove_blob(struct cfs *fs, const struct cfs_ref *ref, struct crit_error *err)
{
	struct cfs_image *image = ref->image;
	struct crit_edit edit = {0};
	struct cfs_ref json = *ref;
	bool written = false;
	struct crit_place at;
	struct crit_span span;
	int ret;

	ret = cfs_entry_span(fs, ref, &span, err);
	if (ret < 0)
		return ret;
	ret = cfs_layout_set_absent(&image->layout, ref);
	if (ret < 0)
		return ret;
	cfs_layout_find(&image->layout, ref->place, &at);
	if (span.len) {
		ret = crit_edit_blob(image->open, at, ref->part, NULL, 0, &edit, err);
		if (ret == 0)
			ret = cfs_write(fs, image, &edit, CRIT_SYNC_NONE, &written, err);
		crit_edit_fini(&edit);
	}
	if (ret < 0 && !written) {
		cfs_layout_set_present(&image->layout, ref);
		return ret;
	}
	json.part = CRIT_PART_JSON;
	if (written) {
		cfs_handle_mark_stale(fs, &json);
		cfs_times_touch(image, &json, NULL);
	}
	cfs_handle_remove(fs, ref, false);
	forget_file(fs, ref);
	cfs_refusal_settle(fs, ref);
	cfs_layout_fill(&image->layout, ref);
	return ret;
}

static int remove_messages(struct cfs *fs, const struct cfs_ref *ref, struct crit_error *err)
{
	struct crit_entry e;
	int ret = cfs_entry_load(fs, ref, &e, err);

	if (ret < 0)
		return ret;
	if (e.n_msgs || cfs_listing_has_scratch(fs, cfs_entry_queue(ref)))
		return -ENOTEMPTY;
	ret = cfs_layout_set_absent(&ref->image->layout, ref);
	if (ret == 0)
		forget_file(fs, ref);
	return ret;
}

static int remove_tail(struct cfs *fs, const struct cfs_ref *ref, struct crit_error *err)
{
	struct crit_edit edit = {0};
	bool written;
	int ret = cfs_image_open(fs, ref->image, err);

	if (ret == 0)
		ret = crit_edit_cut_tail(ref->image->open, &edit, err);
	if (ret == 0 && !edit.changes)
		ret = -ENOENT;
	if (ret == 0)
		ret = cfs_write(fs, ref->image, &edit, CRIT_SYNC_NONE, &written, err);
	crit_edit_fini(&edit);
	cfs_handle_remove(fs, ref, false);
	return ret;
}

/*
 * A document is a view, and its image stays. But it is not seen until it is made again,
 * as install(1) and mv(1) from elsewhere do next, or its directory is listed.
 */
static int remove_document(struct cfs *fs, const struct cfs_ref *ref)
{
	int ret = cfs_layout_set_absent(&ref->image->layout, ref);

	if (ret < 0)
		return ret;
	cfs_handle_remove(fs, ref, false);
	forget_file(fs, ref);
	cfs_refusal_settle(fs, ref);
	cfs_layout_fill(&ref->image->layout, ref);
	return 0;
}

int cfs_structure_remove(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation)
{
	struct crit_error err = {0};
	int ret = cfs_image_open(fs, ref->image, &err);

	if (ret < 0)
		return ret;
	if (ref->image->generation != generation)
		return -EBUSY; /* numbers mean others now */
	if (cfs_layout_uncover(&ref->image->layout, ref)) {
		cfs_handle_remove(fs, ref, false);
		cfs_entry_renew(fs, ref);
		return 0;
	}
	switch (ref->part) {
	case CRIT_PART_JSON:
	case CRIT_PART_RAW:
		ret = remove_entry(fs, ref, &err);
		break;
	case CRIT_PART_MSGS:
		ret = remove_messages(fs, ref, &err);
		break;
	case CFS_PART_DOCUMENT:
		ret = remove_document(fs, ref);
		break;
	case CFS_PART_TAIL:
		ret = remove_tail(fs, ref, &err);
		break;
	default:
		ret = remove_blob(fs, ref, &err);
	}
	return complain(fs, ref, &err, ret);
}

/* The files of an entry are found under its new slot now. */
static void move_files(struct cfs *fs, const struct cfs_ref *from, const struct cfs_ref *to)
{
	struct cfs_ref a = *from, b = *to;
	char name[CFS_NAME_SIZE];
	struct cfs_node *node;

	for (a.part = 0; a.part <= CRIT_PART_RAW; a.part++) {
		b.part = a.part;
		cfs_entry_name(&a, name);
		node = cfs_node_by_name(&fs->nodes, cfs_entry_container(&a), name);
		if (node && node->kind == CFS_ENTRY) {
			cfs_entry_name(&b, name);
			node->ref = b;
			if (cfs_node_rename(&fs->nodes, node, cfs_entry_container(&b), name) <
			    0)
				cfs_node_rename(&fs->nodes, node, 0, NULL);
		}
		if (from->place.m == CRIT_NO_MSG)
			cfs_layout_retire(&from->image->layout, from->place.n, a.part);
		cfs_times_untouch(a.image, &a);
		cfs_times_touch(b.image, &b, NULL);
	}
}

/* What waited for an entry of this slot gives way to what comes with the one that is there. */
static void drop_pending(struct cfs *fs, const struct cfs_ref *json)
{
	struct cfs_ref ref = *json;
	struct cfs_node *node;

	for (ref.part = 0; ref.part < CRIT_PART_JSON; ref.part++) {
		node = cfs_pending_find(fs, &ref);
		if (!node)
			continue;
		cfs_pending_unmark(node);
		cfs_pending_drop(fs, node);
	}
}

static int move_entry(struct cfs *fs, const struct cfs_ref *from, const struct cfs_ref *to,
		      struct crit_error *err)
{
	struct cfs_image *image = from->image;
	struct cfs_layout *l = &image->layout;
	struct crit_place a, b;
	struct crit_edit edit = {0};
	bool replace, written = false;
	int ret;

	ret = cfs_layout_prepare(l, image->open, from->place, err);
	if (ret < 0)
		return ret;
	if (!cfs_layout_find(l, from->place, &a))
		return -ENOENT;
	ret = cfs_entry_at(image, to->place, &b, err);
	if (ret < 0)
		return ret;
	replace = ret;
	if (!replace)
		b = cfs_layout_insertion(l, to->place);
	if (!replace && l->head_kept && !to->place.n)
		b.n = 0;
	ret = crit_edit_move(image->open, a.n, b.n, replace, &edit, err);
	if (ret == 0 && edit.changes)
		ret = cfs_write(fs, image, &edit, CRIT_SYNC_FILE, &written, err);
	crit_edit_fini(&edit);
	if (ret < 0 && !written)
		return ret;
	forget_entry(fs, to);
	drop_pending(fs, to);
	move_beside(fs, from, to);
	cfs_layout_move(l, from->place.n, to->place.n);
	cfs_handle_move(fs, from, to);
	move_files(fs, from, to);
	return ret;
}

/* A message becomes another one of its queue, by what it says. */
static int move_message(struct cfs *fs, const struct cfs_ref *from, const struct cfs_ref *to,
			struct crit_error *err)
{
	struct cfs_layout *l = &from->image->layout;
	struct crit_piece piece = {0};
	struct crit_blob blob = {.part = CRIT_PART_EXTRA, .source = &piece, .n_source = 1};
	struct crit_edit edit = {0};
	struct crit_buf text = {0};
	struct crit_place at;
	struct crit_entry e;
	bool replace, written = false;
	int ret;

	ret = cfs_layout_prepare(l, from->image->open, to->place, err);
	if (ret == 0)
		ret = cfs_entry_load(fs, from, &e, err);
	if (ret == 0)
		ret = cfs_entry_text(fs, from, &text, err);
	if (ret < 0) {
		crit_buf_fini(&text);
		return ret;
	}
	piece = crit_piece_of(crit_image_file(from->image->open), e.blob[0].off, e.blob[0].len);
	ret = cfs_entry_at(from->image, to->place, &at, err);
	replace = ret > 0;
	if (replace)
		ret = crit_edit_json_and_blobs(from->image->open, at, (char *)text.data,
					       text.len, &blob, 1, &edit, err);
	else if (ret == 0)
		ret = crit_edit_insert(from->image->open, cfs_layout_insertion(l, to->place),
				       (char *)text.data, text.len, &blob, 1, &edit, err);
	if (ret == 0)
		ret = cfs_write(fs, from->image, &edit, CRIT_SYNC_FILE, &written, err);
	crit_edit_fini(&edit);
	crit_buf_fini(&text);
	if (ret < 0)
		return ret;
	forget_entry(fs, to);
	drop_pending(fs, to);
	if (!replace)
		cfs_layout_add(l, to->place);
	cfs_handle_move(fs, from, to);
	move_files(fs, from, to);
	ret = cfs_structure_remove(fs, from, from->image->generation);
	cfs_layout_unpark(l, from->place);
	return ret;
}

int cfs_structure_move(struct cfs *fs, const struct cfs_ref *from, const struct cfs_ref *to)
{
	struct crit_error err = {0};
	int ret = cfs_image_open(fs, from->image, &err);

	/* the kernel takes its node to the new name */
	if (ret == 0 && !cfs_structure_node(fs, from))
		ret = -ENOMEM;
	if (ret == 0)
		ret = from->place.m == CRIT_NO_MSG ? move_entry(fs, from, to, &err)
						   : move_message(fs, from, to, &err);
	if (ret == 0)
		cfs_refusal_settle(fs, from);
	return complain(fs, to, &err, ret);
}
