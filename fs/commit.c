/*
 * From drafts to the dump.
 */
#include "fs/commit.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "decoder/parse.h"
#include "decoder/sems.h"
#include "decoder/structure.h"
#include "fs/entry.h"
#include "fs/pending.h"
#include "fs/refusal.h"
#include "fs/replace.h"
#include "fs/scratch.h"
#include "fs/times.h"
#include "fs/waiting.h"
#include "fs/worker.h"
#include "fs/write.h"
#include "schema-messages.h"

/* What is to be committed, and what became of it. */
struct commit {
	const struct cfs_ref *ref;
	uint64_t generation;
	const struct timespec *when; /* NULL: now */
	enum crit_sync sync;
	bool written; /* the image is another one than before */
};

/* The image as the draft's owner saw it, or not at all. */
static int open_same(struct cfs *fs, const struct commit *c, struct crit_error *err)
{
	int ret = cfs_image_open(fs, c->ref->image, err);

	if (ret == 0 && c->ref->image->generation != c->generation)
		ret = crit_fail(err, CRIT_CHANGED, "the image was changed underneath");
	return ret;
}

/* The parts whose contents or counted lengths an edit changed got new times. */
static void touch(const struct cfs_ref *ref, const struct timespec *when)
{
	struct cfs_ref other = *ref;

	cfs_times_touch(ref->image, ref, when);
	if (ref->part == CRIT_PART_JSON)
		return;
	other.part = CRIT_PART_JSON;
	cfs_times_touch(ref->image, &other, NULL);
}

/* What becomes of a text. */
enum outcome {
	EDITED, /* the entry has it */
	ADDED,  /* the image has a new entry */
	WAITS,  /* it is good, but there is no place for it yet */
};

/* Must another entry come first, the head of a page map or the queue of a message? */
static bool has_to_wait(const struct cfs_ref *ref)
{
	const struct crit_type *type = crit_image_header(ref->image->open)->type;
	struct crit_place queue = {ref->place.n, CRIT_NO_MSG}, found;
	struct crit_entry e;

	if (ref->place.m == CRIT_NO_MSG)
		return ref->place.n != 0 && type->head != type->rest &&
		       cfs_layout_insertion(&ref->image->layout, ref->place).n == 0;
	return !cfs_layout_find(&ref->image->layout, queue, &found) ||
	       crit_image_at(ref->image->open, found, &e, NULL) < 0 || !e.n_blobs ||
	       e.part[0] != CRIT_PART_MSGS;
}

static int check_waiting(const struct cfs_ref *ref, const char *text, size_t len,
			 struct crit_error *err)
{
	struct crit_image *img = ref->image->open;
	struct crit_style style = crit_image_style(img, false);
	struct crit_buf message = {0};
	int ret;

	ret = crit_parse(ref->place.m == CRIT_NO_MSG ? crit_image_header(img)->type->rest
						     : &crit_msg_ipc_msg,
			 text, len, &style, &message, err);
	crit_buf_fini(&message);
	return ret;
}

static int prepare_json(const struct cfs_ref *ref, const char *text, size_t len,
			struct cfs_waiting *w, struct crit_edit *edit, enum outcome *outcome,
			struct crit_error *err)
{
	struct cfs_layout *l = &ref->image->layout;
	struct crit_image *img = ref->image->open;
	struct crit_place at;
	int ret;

	*outcome = EDITED;
	ret = cfs_entry_at(ref->image, ref->place, &at, err);
	if (ret < 0)
		return ret;
	if (ret > 0)
		return crit_edit_json_and_blobs(img, at, text, len, w->blob, w->n, edit, err);
	*outcome = ADDED;
	ret = cfs_layout_prepare(l, img, ref->place, err);
	if (ret < 0 && ret != -ENOENT)
		return crit_fail_errno(err, -ret, "can't count the entries");
	if (ret == -ENOENT || has_to_wait(ref)) {
		*outcome = WAITS;
		return check_waiting(ref, text, len, err);
	}
	if (cfs_layout_is_kept_head(l, ref->place))
		return crit_edit_json_and_blobs(img, (struct crit_place){0, CRIT_NO_MSG}, text,
						len, w->blob, w->n, edit, err);
	at = cfs_layout_insertion(l, ref->place);
	return crit_edit_insert(img, at, text, len, w->blob, w->n, edit, err);
}

/* The image has a new entry: it shows what was made of it so far, and no more. */
static void show_new_entry(struct cfs *fs, const struct cfs_ref *json,
			   const struct cfs_waiting *w)
{
	struct cfs_layout *l = &json->image->layout;
	struct cfs_ref ref = *json;
	struct crit_entry e;
	unsigned i;
	size_t b;

	cfs_layout_add(l, json->place);
	cfs_layout_unpark(l, json->place);
	if (cfs_entry_load(fs, json, &e, NULL) < 0)
		return;
	for (i = 0; i < e.n_blobs; i++) {
		ref.part = e.part[i];
		for (b = 0; b < w->n && w->blob[b].part != ref.part; b++)
			;
		if (b == w->n)
			cfs_layout_set_absent(l, &ref);
		else
			cfs_times_touch(json->image, &ref, NULL);
	}
}

/* The directory that was made for the messages of a queue becomes the queue's. */
static void show_messages(struct cfs *fs, const struct cfs_ref *json)
{
	struct cfs_ref ref = *json;
	struct cfs_node *node;

	ref.part = CRIT_PART_MSGS;
	node = cfs_pending_find(fs, &ref);
	if (node)
		cfs_pending_become(fs, node, &ref, NULL);
}

/* What has waited for this new entry has its place now. */
static void commit_waiting(struct cfs *fs, const struct cfs_ref *json)
{
	const struct crit_type *type = crit_image_header(json->image->open)->type;
	bool msgs = type->extra == CRIT_EXTRA_MSG;
	struct cfs_node **nodes;
	size_t n, i;

	/* for a queue its messages, for a first entry the others */
	if (json->place.m != CRIT_NO_MSG ||
	    (!msgs && (json->place.n || type->head == type->rest)))
		return;
	n = cfs_pending_list(fs, json, msgs, &nodes);
	for (i = 0; i < n; i++) {
		if (nodes[i]->kind == CFS_SCRATCH)
			nodes[i]->scratch->dirty = true;
		cfs_commit_pending(fs, nodes[i], CRIT_SYNC_NONE);
		cfs_node_unref(&fs->nodes, nodes[i]);
	}
	free(nodes);
}

/* The entry has the text, and what waited for it. */
static void show_edited(struct cfs *fs, const struct commit *c, const struct cfs_waiting *w)
{
	struct cfs_ref part = *c->ref;
	size_t i;

	touch(c->ref, c->when);
	cfs_handle_mark_stale(fs, c->ref);
	for (i = 0; i < w->n; i++) {
		part.part = w->blob[i].part;
		/* what was written to it meanwhile is committed when that is flushed */
		if (w->blob[i].used && w->node[i] && w->node[i]->kind == CFS_SCRATCH &&
		    w->node[i]->scratch->contents == w->contents[i])
			cfs_pending_become(fs, w->node[i], &part, w->contents[i]);
	}
	show_messages(fs, c->ref);
}

static int commit_json(struct cfs *fs, struct commit *c, const struct crit_buf *text,
		       struct crit_error *err)
{
	struct cfs_image *image = c->ref->image;
	struct crit_edit edit = {0};
	struct crit_place at;
	enum outcome outcome;
	struct cfs_waiting w;
	int ret;

	ret = open_same(fs, c, err);
	if (ret == 0)
		ret = cfs_entry_at(image, c->ref->place, &at, err);
	if (ret >= 0)
		ret = cfs_waiting_gather(fs, c->ref, ret == 0, &w, err);
	if (ret < 0)
		return ret;
	ret = prepare_json(c->ref, (char *)text->data, text->len, &w, &edit, &outcome, err);
	if (ret == 0 && outcome != WAITS && edit.changes)
		ret = cfs_write(fs, image, &edit, c->sync, &c->written, err);
	if (ret == 0 && outcome == ADDED)
		c->written = true; /* a head that was kept may be just what it was */
	if (c->written && outcome == ADDED)
		show_new_entry(fs, c->ref, &w);
	if (c->written)
		show_edited(fs, c, &w);
	crit_edit_fini(&edit);
	cfs_waiting_fini(fs, &w);
	if (ret == 0 && outcome == ADDED && image->open)
		commit_waiting(fs, c->ref);
	return ret == 0 && outcome == WAITS ? 1 : ret;
}

/* Write an edit of an entry that the image has. */
static int write_edit(struct cfs *fs, struct commit *c, const struct crit_edit *edit,
		      struct crit_error *err)
{
	int ret;

	if (!edit->changes)
		return 0;
	ret = cfs_write(fs, c->ref->image, edit, c->sync, &c->written, err);
	if (c->written) {
		touch(c->ref, c->when);
		cfs_handle_mark_stale(fs, c->ref);
	}
	return ret;
}

static int commit_sems(struct cfs *fs, struct commit *c, const struct crit_buf *text,
		       struct crit_error *err)
{
	struct cfs_image *image = c->ref->image;
	struct crit_edit edit = {0};
	struct crit_place at;
	int ret;

	ret = open_same(fs, c, err);
	if (ret == 0)
		ret = cfs_entry_at(image, c->ref->place, &at, err);
	if (ret < 0)
		return ret;
	if (ret == 0) { /* only a look at it: it waits for its entry */
		ret = crit_sems_parse(image->open, (char *)text->data, text->len, &edit.values,
				      err);
		crit_edit_fini(&edit);
		return ret < 0 ? ret : 1;
	}
	ret = crit_edit_sems(image->open, at, (char *)text->data, text->len, &edit, err);
	if (ret == 0)
		ret = write_edit(fs, c, &edit, err);
	crit_edit_fini(&edit);
	return ret;
}

static int commit_text(struct cfs *fs, struct commit *c, const struct cfs_draft *d,
		       struct crit_error *err)
{
	struct crit_buf text = {0};
	int ret = cfs_draft_text(d, &text);

	if (ret < 0)
		ret = crit_fail_errno(err, -ret, "can't read what was written");
	else if (c->ref->part == CRIT_PART_SEMS)
		ret = commit_sems(fs, c, &text, err);
	else
		ret = commit_json(fs, c, &text, err);
	crit_buf_fini(&text);
	return ret;
}

/* Is a blob what it was? Large ones take long to compare, so without the lock. */
static bool blob_unchanged(struct cfs *fs, const struct cfs_ref *ref,
			   const struct crit_piece *pieces, size_t n)
{
	struct crit_file *file;
	struct crit_span span;
	bool same;

	if (cfs_entry_span(fs, ref, &span, NULL) < 0)
		return false;
	file = crit_file_get(crit_image_file(ref->image->open));
	cfs_unlock(fs);
	same = crit_blob_same(file, span, pieces, n);
	cfs_lock(fs);
	crit_file_put(file);
	return same;
}

static int prepare_blob(const struct cfs_ref *ref, const struct crit_piece *pieces, size_t n,
			struct crit_edit *edit, struct crit_error *err)
{
	struct crit_place at;

	if (cfs_part_is_raw(ref->part))
		return crit_fail_errno(err, EPERM, "what can't be decoded can't be edited");
	if (!cfs_layout_find(&ref->image->layout, ref->place, &at))
		return crit_fail_errno(err, ENOENT, "its entry was removed");
	return crit_edit_blob(ref->image->open, at, ref->part, pieces, n, edit, err);
}

static int commit_blob(struct cfs *fs, struct commit *c, const struct cfs_draft *d,
		       struct crit_error *err)
{
	struct crit_piece *pieces = NULL;
	struct crit_edit edit = {0};
	bool same = false;
	size_t n;
	int ret;

	ret = cfs_draft_pieces(d, &pieces, &n);
	if (ret < 0)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for the edit");
	ret = open_same(fs, c, err);
	if (ret == 0)
		same = blob_unchanged(fs, c->ref, pieces, n);
	/* again: the lock was dropped */
	if (ret == 0)
		ret = open_same(fs, c, err);
	if (ret == 0 && !same)
		ret = prepare_blob(c->ref, pieces, n, &edit, err);
	if (ret == 0)
		ret = write_edit(fs, c, &edit, err);
	crit_edit_fini(&edit);
	free(pieces);
	return ret;
}

/* The file and its N.json are other versions afterwards, and nobody may read the old pages. */
static int prepare_ids(const struct cfs_ref *ref, struct crit_error *err)
{
	struct cfs_layout *l = &ref->image->layout;

	if (cfs_layout_prepare_retire(l, ref->part) < 0 ||
	    cfs_layout_prepare_retire(l, CRIT_PART_JSON) < 0)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for the edit");
	return 0;
}

int cfs_commit(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
	       struct cfs_draft *d, const struct timespec *when, enum crit_sync sync)
{
	struct commit c = {ref, generation, when, sync, false};
	struct crit_error err = {0};
	int ret = prepare_ids(ref, &err);

	if (ret < 0)
		; /* it is refused for that */
	else if (ref->part == CFS_PART_DOCUMENT)
		ret = cfs_replace(fs, ref, generation, d, when, sync, &c.written, &err);
	else if (cfs_part_is_text(ref->part))
		ret = commit_text(fs, &c, d, &err);
	else
		ret = commit_blob(fs, &c, d, &err);
	if (ret < 0)
		cfs_refuse(fs, ref, NULL, d, &err);
	else if (ret > 0 || c.written)
		/* not by what was there before: editors put that back when a save fails */
		cfs_refusal_settle(fs, ref);
	if (ret == 0) /* what was renamed away is a copy now */
		cfs_layout_fill(&ref->image->layout, ref);
	return ret;
}

int cfs_commit_pending(struct cfs *fs, struct cfs_node *node, enum crit_sync sync)
{
	struct cfs_scratch *s = node->scratch;
	struct cfs_ref ref = node->ref;
	struct timespec when;
	struct cfs_draft *d;
	int ret;

	if (node->kind != CFS_SCRATCH || !node->pending)
		return 0;
	/* who makes a text has said nothing yet; a blob waits for its entry */
	if (!s->dirty || S_ISDIR(s->mode) ||
	    (cfs_part_is_text(ref.part) ? !cfs_draft_size(s->contents)
					: cfs_entry_has(fs, &ref) <= 0))
		return s->refused;
	cfs_node_ref(node);
	d = cfs_draft_get(s->contents);
	when = s->mtime;
	s->dirty = false;
	if (ref.image)
		ret = cfs_commit(fs, &ref, node->generation, d, &when, sync);
	else
		ret = cfs_replace_none(fs, node, d, sync, &ref);
	/* it may have been removed or renamed meanwhile */
	if (node->kind == CFS_SCRATCH && node->pending && ret == 0) {
		cfs_pending_become(fs, node, &ref, d);
	} else if (node->kind == CFS_SCRATCH && node->pending) {
		s->accepted = ret > 0 && !s->dirty;
		s->refused = ret < 0 ? ret : 0;
		/* what was refused lies beside it, and the entry is not there */
		if (ret < 0 && ref.image && !cfs_refusal_keeps(fs, &ref, d))
			s->dirty = true;
		else if (ret < 0)
			cfs_pending_drop(fs, node);
	}
	cfs_draft_put(d);
	cfs_node_unref(&fs->nodes, node);
	return ret < 0 ? ret : 0;
}

/* Half of what was to be written is not what anybody wants in the image. */
static int refuse_short(struct cfs *fs, const struct cfs_handle *h, struct cfs_draft *d)
{
	struct crit_error err = {0};
	int ret = crit_fail_errno(&err, -h->short_of, "not all of it could be written");

	cfs_refuse(fs, &h->ref, NULL, d, &err);
	return ret;
}

int cfs_commit_handle(struct cfs *fs, struct cfs_handle *h, enum crit_sync sync)
{
	struct timespec when = h->mtime;
	struct cfs_draft *d;
	int ret;

	if (h->kind == CFS_HANDLE_SCRATCH)
		return cfs_commit_pending(fs, h->node, sync);
	if (!h->dirty || h->kind != CFS_HANDLE_ENTRY)
		return h->refused;
	/* a shell flushes what it has just emptied before it writes the new text */
	if (cfs_part_is_text(h->ref.part) && !cfs_draft_size(h->draft))
		return 0;
	/* it was looked up before it was removed, and opened afterwards */
	if (!h->gone && cfs_image_open(fs, h->ref.image, NULL) == 0 &&
	    h->generation == h->ref.image->generation && cfs_entry_has(fs, &h->ref) == 0)
		h->gone = true;
	/* what is written meanwhile goes to a copy, and is committed next time */
	d = cfs_draft_get(h->draft);
	h->dirty = false;
	/* nobody waits for what was removed; who has it open reads on */
	if (h->gone)
		ret = 0;
	else if (h->short_of)
		ret = refuse_short(fs, h, d);
	else
		ret = cfs_commit(fs, &h->ref, h->generation, d, &when, sync);
	/* where there was no memory to keep it, the handle does */
	h->dirty = ret < 0 && !cfs_refusal_keeps(fs, &h->ref, d);
	cfs_draft_put(d);
	h->refused = ret < 0 ? ret : 0;
	return h->refused;
}

int cfs_commit_closed(struct cfs *fs, struct cfs_handle *h, enum crit_sync sync)
{
	struct crit_error err = {0};

	if (h->kind != CFS_HANDLE_ENTRY || !h->dirty || !h->refused)
		return cfs_commit_handle(fs, h, sync);
	/* who was told so does it again, and what he did since must not be undone */
	crit_fail_errno(&err, -h->refused, "it was refused");
	cfs_refuse(fs, &h->ref, NULL, h->draft, &err);
	h->dirty = !cfs_refusal_keeps(fs, &h->ref, h->draft);
	return h->refused;
}

bool cfs_commit_is_left(const struct cfs_handle *h)
{
	return h->kind == CFS_HANDLE_ENTRY && h->dirty && h->refused;
}

void cfs_commit_leave(struct cfs *fs, struct cfs_handle *h)
{
	h->left = true;
	if (!fs->n_left++ && fs->changes)
		cfs_worker_wake(fs->changes);
}

void cfs_commit_left(struct cfs *fs)
{
	struct cfs_handle *h;

	if (!fs->n_left)
		return;
	DL_FOREACH(fs->handles, h)
		if (h->left)
			break;
	h->left = false;
	fs->n_left--;
	cfs_commit_closed(fs, h, CRIT_SYNC_FILE);
	if (cfs_commit_is_left(h))
		cfs_commit_leave(fs, h);
	else
		cfs_handle_unref(fs, h);
}

void cfs_commit_all(struct cfs *fs)
{
	struct cfs_node **nodes;
	struct cfs_handle *h;
	size_t n, i;

	DL_FOREACH(fs->handles, h)
		if (h->dirty)
			cfs_commit_closed(fs, h, CRIT_SYNC_DIR);
	n = cfs_pending_list(fs, NULL, false, &nodes);
	for (i = 0; i < n; i++) {
		cfs_commit_pending(fs, nodes[i], CRIT_SYNC_DIR);
		cfs_node_unref(&fs->nodes, nodes[i]);
	}
	free(nodes);
	cfs_sync_due(fs, true);
}
