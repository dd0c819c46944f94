/*
 * The input is a row of decisions: an image of some kind, what is broken in it, and edits,
 * each of which is committed. What an edit does not name keeps its bytes, what is new says
 * what was asked for, and the image that was open knows as much as one that is opened then.
 */
#include "fuzz.h"

#include "decoder/extra.h"
#include "decoder/parse.h"
#include "decoder/print.h"
#include "decoder/structure.h"
#include "decoder/wire.h"
#include "schema-messages.h"
#include "tests/unit/scenes.h"

#define ENTRIES_MAX 400
#define EDITS_MAX   12
#define NEW         UINT64_MAX
#define PARTS       (CRIT_PART_SEMS + 1) /* that a blob may be */

/* Page maps have a first entry of another kind, and nothing behind entries. */
static const struct made_kind pagemap = {
	.name = "pagemap-1.img",
	.magic = "PAGEMAP",
	.entry = {NONE("{\"pages_id\": 1}"),
		  NONE("{\"vaddr\": \"0x1000\", \"compat_nr_pages\": 1}"),
		  NONE("{\"vaddr\": \"0x2000\", \"compat_nr_pages\": 0, \"nr_pages\": 9}")},
	.n_entries = 3,
};

/* Entries of an image, or messages of an entry, and the bytes they are in. */
struct list {
	struct crit_entry all[ENTRIES_MAX];
	size_t n;
};

struct state {
	struct crit_buf bytes; /* owned */
	struct list entries;
};

/* What an edit has to come to: things of the old list by number, and NEW ones. */
struct plan {
	uint64_t item[ENTRIES_MAX + 1];
	size_t n;
};

/* What is asked for. */
struct wanted {
	struct plan entries, msgs;
	bool edits_msgs; /* the new entry is what entry `old` was but for its messages */
	bool cuts_tail;
	struct crit_place old; /* what the new thing replaces; n is NEW if nothing */
	struct crit_buf message;
	struct crit_buf blob[PARTS];
	bool given[PARTS];
};

struct editing {
	const struct made_kind *kind;
	struct fuzz_input in;
	struct scene s;
	struct crit_spare spare;
	struct state before, after;
	struct wanted wanted;
};

/* ---------------------------------------------------------- the image */

static void put_rows(struct made *m, const struct made_kind *kind, struct fuzz_input *in)
{
	size_t n = fuzz_below(in, 20);

	put_header(m, kind->magic, fuzz_byte(in) & 1);
	while (m->n < n && !(kind->to_end && m->n)) {
		bool special = m->h.type->head != m->h.type->rest;

		if (!special)
			put_entry(m, &kind->entry[fuzz_below(in, kind->n_entries)]);
		else if (!m->n)
			put_entry(m, &kind->entry[0]);
		else if (kind->n_entries > 1)
			put_entry(m, &kind->entry[1 + fuzz_below(in, kind->n_entries - 1)]);
		else
			break;
	}
}

/* Bytes that are no frame at the end, or wrong ones anywhere. */
static void break_image(struct made *m, struct fuzz_input *in)
{
	size_t len = fuzz_below(in, 12), n;
	const uint8_t *tail = fuzz_bytes(in, &len);

	crit_buf_add(&m->bytes, tail, len);
	for (n = fuzz_below(in, 4); n; n--) {
		size_t where = fuzz_word(in);

		if (m->bytes.len > CRIT_HEADER_MAX)
			m->bytes.data[CRIT_HEADER_MAX +
				      where % (m->bytes.len - CRIT_HEADER_MAX)] ^=
				fuzz_byte(in);
	}
}

static const struct made_kind *choose_kind(struct fuzz_input *in)
{
	size_t k = fuzz_below(in, COUNT(made_kinds) + 1);

	return k ? &made_kinds[k - 1] : &pagemap;
}

/* ----------------------------------------------------------- comparing */

static bool read_state(struct scene *s, struct crit_image *img, struct state *state)
{
	uint64_t n;

	read_file(s->dir, s->name, &state->bytes);
	expect_int(crit_image_count(img, &n, NULL), 0);
	if (n > ENTRIES_MAX)
		return false;
	for (state->entries.n = 0; state->entries.n < n; state->entries.n++)
		expect_int(crit_image_entry(img, state->entries.n,
					    &state->entries.all[state->entries.n], NULL),
			   0);
	return true;
}

static void read_msgs(struct crit_image *img, const struct crit_entry *e, struct list *l)
{
	expect(e->n_msgs <= ENTRIES_MAX);
	for (l->n = 0; l->n < e->n_msgs; l->n++)
		expect_int(crit_image_msg(img, e, l->n, &l->all[l->n], NULL), 0);
}

/* An empty buffer has no bytes to point at. */
static const uint8_t *at(const struct crit_buf *b, uint64_t off)
{
	return off ? b->data + off : b->data;
}

static void expect_same_bytes(const struct crit_buf *found, uint64_t off, uint64_t end,
			      const struct crit_buf *wanted, uint64_t wanted_off,
			      uint64_t wanted_end)
{
	expect_bytes(at(found, off), end - off, at(wanted, wanted_off),
		     wanted_end - wanted_off);
}

/* All that is not new is what it was. Returns where the new thing is; NEW: nowhere. */
static size_t expect_kept(struct editing *ed, const struct list *found, const struct list *old,
			  const struct plan *plan)
{
	size_t i, new = (size_t)NEW;

	expect_u64(found->n, plan->n);
	for (i = 0; i < plan->n; i++) {
		if (plan->item[i] == NEW) {
			new = i;
			continue;
		}
		expect_same_bytes(&ed->after.bytes, found->all[i].off, found->all[i].end,
				  &ed->before.bytes, old->all[plan->item[i]].off,
				  old->all[plan->item[i]].end);
	}
	return new;
}

/* Where a list ends, or begins while there is nothing in it. */
static uint64_t end_of(const struct list *l, uint64_t begin)
{
	return l->n ? l->all[l->n - 1].end : begin;
}

/* Its message is the one that was asked for, with its fields that count blobs put right. */
static void expect_message(struct crit_image *img, const struct crit_entry *e,
			   const struct crit_extra_rule *rule, struct crit_buf *message)
{
	struct crit_style style = crit_image_style(img, false);
	struct crit_buf counted = {0}, found = {0}, text = {0}, wanted = {0};
	unsigned i;
	int ret;

	for (i = 0; i < rule->n_blobs; i++) {
		const struct crit_blob_rule *b = &rule->blob[i];

		if (!b->length)
			continue;
		crit_buf_reset(&counted);
		expect_int(crit_wire_set_uint(e->type, message->data, message->len, b->length,
					      b->part == CRIT_PART_MSGS
						      ? e->n_msgs
						      : e->blob[i].len / b->unit,
					      &counted),
			   0);
		crit_buf_reset(message);
		crit_buf_add(message, counted.data, counted.len);
	}
	crit_buf_add(&found, crit_image_bytes(img, e->message, NULL), e->message.len);
	ret = crit_print(e->type, message->data, message->len, &style, 0, &wanted);
	expect_int(crit_print(e->type, found.data, found.len, &style, 0, &text), ret);
	if (ret == 0)
		expect_bytes(text.data, text.len, wanted.data, wanted.len);
	crit_buf_fini(&counted);
	crit_buf_fini(&found);
	crit_buf_fini(&text);
	crit_buf_fini(&wanted);
}

/* The bytes of the old thing's part; none if there was none. */
static struct crit_span old_part(const struct crit_entry *old, enum crit_part part)
{
	unsigned i;

	for (i = 0; old && i < old->n_blobs; i++)
		if (old->part[i] == part)
			return old->blob[i];
	return (struct crit_span){0, 0};
}

static void expect_new(struct editing *ed, struct crit_image *img, const struct crit_entry *e,
		       size_t n, bool is_msg, const struct crit_entry *old)
{
	const struct crit_type *type = crit_image_header(img)->type;
	struct wanted *w = &ed->wanted;
	struct crit_extra_rule rule = crit_msg_rule;
	unsigned i;

	if (!is_msg)
		expect_int(crit_extra_rule(type, n, w->message.data, w->message.len, &rule), 0);
	expect_int(e->n_blobs, rule.n_blobs);
	for (i = 0; i < rule.n_blobs; i++) {
		enum crit_part part = rule.blob[i].part;
		struct crit_span kept = old_part(old, part);

		expect_int(e->part[i], part);
		if (part == CRIT_PART_MSGS)
			continue;
		if (w->given[part])
			expect_same_bytes(&ed->after.bytes, e->blob[i].off,
					  e->blob[i].off + e->blob[i].len, &w->blob[part], 0,
					  w->blob[part].len);
		else
			expect_same_bytes(&ed->after.bytes, e->blob[i].off,
					  e->blob[i].off + e->blob[i].len, &ed->before.bytes,
					  kept.off, kept.off + kept.len);
	}
	expect_message(img, e, &rule, &w->message);
}

/* The messages of the entry that is new, one of which may be. */
static void expect_queue(struct editing *ed, struct crit_image *img, const struct crit_entry *e,
			 const struct list *old)
{
	struct list *found = malloc(sizeof(*found));
	struct wanted *w = &ed->wanted;
	size_t new;

	read_msgs(img, e, found);
	new = expect_kept(ed, found, old, &w->msgs);
	if (new != (size_t)NEW)
		expect_new(ed, img, &found->all[new], new, true,
			   w->old.m == NEW ? NULL : &old->all[w->old.m]);
	free(found);
}

static void expect_tail(struct editing *ed, uint64_t header)
{
	uint64_t old = end_of(&ed->before.entries, header), len = ed->before.bytes.len;

	expect_same_bytes(&ed->after.bytes, end_of(&ed->after.entries, header),
			  ed->after.bytes.len, &ed->before.bytes, old,
			  ed->wanted.cuts_tail ? old : len);
}

/* The file is what was asked for; `queue` are the messages of the old entry. */
static void expect_wanted(struct editing *ed, const struct list *queue)
{
	struct crit_image *fresh = open_image(ed->s.dir, ed->s.name);
	unsigned header = crit_image_header(fresh)->len;
	struct wanted *w = &ed->wanted;
	size_t new;

	expect(read_state(&ed->s, fresh, &ed->after));
	expect_same_bytes(&ed->after.bytes, 0, header, &ed->before.bytes, 0, header);
	new = expect_kept(ed, &ed->after.entries, &ed->before.entries, &w->entries);
	expect_tail(ed, header);
	if (w->edits_msgs)
		expect_queue(ed, fresh, &ed->after.entries.all[w->old.n], queue);
	else if (new != (size_t)NEW)
		expect_new(ed, fresh, &ed->after.entries.all[new], new, false,
			   w->old.n == NEW ? NULL : &ed->before.entries.all[w->old.n]);
	expect_same_image(ed->s.img, fresh);
	crit_image_free(fresh);
}

/* --------------------------------------------------------------- plans */

static void keep_all(struct plan *plan, size_t n)
{
	for (plan->n = 0; plan->n < n; plan->n++)
		plan->item[plan->n] = plan->n;
}

static void plan_insert(struct plan *plan, size_t n, uint64_t what)
{
	memmove(&plan->item[n + 1], &plan->item[n], (plan->n - n) * sizeof(*plan->item));
	plan->item[n] = what;
	plan->n++;
}

static void plan_remove(struct plan *plan, size_t n, size_t count)
{
	plan->n -= count;
	memmove(&plan->item[n], &plan->item[n + count], (plan->n - n) * sizeof(*plan->item));
}

static void plan_move(struct plan *plan, size_t from, size_t to, bool replace)
{
	uint64_t what = plan->item[from];

	if (replace) {
		plan->item[to] = what;
		if (from != to)
			plan_remove(plan, from, 1);
	} else {
		plan_insert(plan, to, what);
		plan_remove(plan, from + (from >= to), 1);
	}
}

/* --------------------------------------------------------------- edits */

/* Where something is edited; the list it is in, and the plan of that. */
struct spot {
	struct crit_place place;
	size_t n; /* things in the list */
	struct plan *plan;
};

static struct spot choose_spot(struct editing *ed, struct list *queue)
{
	struct wanted *w = &ed->wanted;
	struct spot spot = {{0, CRIT_NO_MSG}, ed->before.entries.n, &w->entries};
	const struct crit_entry *e;

	spot.place.n = fuzz_below(&ed->in, spot.n + 1);
	e = &ed->before.entries.all[spot.place.n];
	queue->n = 0;
	if (spot.place.n == spot.n || !e->n_blobs || e->part[0] != CRIT_PART_MSGS ||
	    e->n_msgs >= ENTRIES_MAX || fuzz_byte(&ed->in) % 4 == 0)
		return spot;
	read_msgs(ed->s.img, e, queue);
	keep_all(&w->msgs, queue->n);
	w->edits_msgs = true;
	spot.place.m = fuzz_below(&ed->in, queue->n + 1);
	spot.n = queue->n;
	spot.plan = &w->msgs;
	return spot;
}

static size_t number_at(const struct spot *spot)
{
	return (size_t)(spot->place.m == CRIT_NO_MSG ? spot->place.n : spot->place.m);
}

/* A text of the kind's, an entry's own, that with some bytes changed, or any. */
static void choose_text(struct editing *ed, const struct spot *spot, struct crit_buf *text)
{
	static const char *const msgs[] = {"{\"mtype\": 1, \"msize\": 3}",
					   "{\"mtype\": 9, \"msize\": 0}"};
	struct fuzz_input *in = &ed->in;
	struct crit_entry e;
	size_t how = fuzz_below(in, 4), len, from;
	const uint8_t *bytes;

	if (how < 2 && crit_image_at(ed->s.img, spot->place, &e, NULL) == 0)
		crit_image_print(ed->s.img, &e, false, text, NULL);
	if (how == 1 && text->len) {
		from = fuzz_below(in, text->len);
		len = fuzz_below(in, 8);
		bytes = fuzz_bytes(in, &len);
		if (len > text->len - from)
			len = text->len - from;
		memcpy(text->data + from, bytes, len);
	}
	if (how == 2 || (how < 2 && !text->len))
		crit_buf_str(
			text,
			spot->place.m != CRIT_NO_MSG
				? msgs[fuzz_below(in, COUNT(msgs))]
				: ed->kind->entry[fuzz_below(in, ed->kind->n_entries)].json);
	if (how == 3) {
		len = fuzz_byte(in);
		bytes = fuzz_bytes(in, &len);
		crit_buf_add(text, bytes, len);
	}
}

/* Bytes of the input's, of the file's, or zeros. */
static struct crit_piece choose_piece(struct editing *ed)
{
	const struct crit_file *file = crit_image_file(ed->s.img);
	struct fuzz_input *in = &ed->in;
	uint64_t size = (uint64_t)file->st.st_size, off;
	size_t len = fuzz_byte(in);
	const uint8_t *bytes;

	switch (fuzz_below(in, 3)) {
	case 0:
		bytes = fuzz_bytes(in, &len);
		return (struct crit_piece){.fd = -1, .data = bytes, .len = len};
	case 1:
		off = fuzz_below(in, size);
		return crit_piece_of(file, off, len < size - off ? len : size - off);
	default:
		return (struct crit_piece){.fd = -1, .len = len * 40};
	}
}

static void put_piece(struct editing *ed, const struct crit_piece *p, struct crit_buf *out)
{
	if (p->fd >= 0)
		crit_buf_add(out, ed->before.bytes.data + p->off, p->len);
	else if (p->data)
		crit_buf_add(out, p->data, p->len);
	else
		crit_buf_fill(out, 0, p->len);
}

static void give(struct editing *ed, enum crit_part part, const struct crit_piece *pieces,
		 size_t n)
{
	struct wanted *w = &ed->wanted;

	if (part >= PARTS)
		return;
	crit_buf_reset(&w->blob[part]);
	for (; n; n--)
		put_piece(ed, pieces++, &w->blob[part]);
	w->given[part] = true;
}

#define BLOBS  2
#define PIECES 2

/* New bytes for some parts. */
struct blobs {
	struct crit_blob all[BLOBS];
	struct crit_piece piece[BLOBS][PIECES];
	size_t n;
};

static void choose_blobs(struct editing *ed, struct blobs *b)
{
	size_t i;

	for (b->n = fuzz_below(&ed->in, BLOBS + 1), i = 0; i < b->n; i++) {
		struct crit_blob *blob = &b->all[i];
		size_t p;

		blob->part = (enum crit_part)fuzz_below(&ed->in, PARTS);
		blob->source = b->piece[i];
		blob->n_source = fuzz_below(&ed->in, PIECES + 1);
		for (p = 0; p < blob->n_source; p++)
			b->piece[i][p] = choose_piece(ed);
		give(ed, blob->part, blob->source, blob->n_source);
	}
}

/* What the text says becomes what is wanted; it is a good one, the edit took it. */
static void want_text(struct editing *ed, const struct spot *spot, const struct crit_buf *text)
{
	const struct crit_type *type = crit_image_header(ed->s.img)->type;
	struct crit_style style = crit_image_style(ed->s.img, false);

	expect_int(crit_parse(spot->place.m != CRIT_NO_MSG ? &crit_msg_ipc_msg
			      : spot->place.n              ? type->rest
							   : type->head,
			      (const char *)text->data, text->len, &style, &ed->wanted.message,
			      NULL),
		   0);
}

static int edit_text(struct editing *ed, struct spot *spot, bool insert, struct crit_edit *edit,
		     struct blobs *blobs, struct crit_error *err)
{
	struct crit_buf text = {0};
	size_t n = number_at(spot);
	int ret;

	choose_text(ed, spot, &text);
	choose_blobs(ed, blobs);
	if (insert)
		ret = crit_edit_insert(ed->s.img, spot->place, (char *)text.data, text.len,
				       blobs->all, blobs->n, edit, err);
	else
		ret = crit_edit_json_and_blobs(ed->s.img, spot->place, (char *)text.data,
					       text.len, blobs->all, blobs->n, edit, err);
	if (ret == 0) {
		want_text(ed, spot, &text);
		if (insert)
			plan_insert(spot->plan, n, NEW);
		else
			spot->plan->item[n] = NEW;
	}
	if (!insert)
		ed->wanted.old = spot->place;
	crit_buf_fini(&text);
	return ret;
}

static int edit_blob(struct editing *ed, struct spot *spot, struct crit_edit *edit,
		     struct blobs *blobs, struct crit_error *err)
{
	enum crit_part part = (enum crit_part)fuzz_below(&ed->in, PARTS);
	struct crit_entry e;
	int ret;

	blobs->piece[0][0] = choose_piece(ed);
	blobs->piece[0][1] = choose_piece(ed);
	ret = crit_edit_blob(ed->s.img, spot->place, part, blobs->piece[0], PIECES, edit, err);
	if (ret < 0)
		return ret;
	expect_int(crit_image_at(ed->s.img, spot->place, &e, NULL), 0);
	crit_buf_add(&ed->wanted.message, ed->before.bytes.data + e.message.off, e.message.len);
	give(ed, part, blobs->piece[0], PIECES);
	spot->plan->item[number_at(spot)] = NEW;
	ed->wanted.old = spot->place;
	return 0;
}

static int edit_remove(struct editing *ed, struct spot *spot, struct crit_edit *edit,
		       struct crit_error *err)
{
	size_t n = number_at(spot);
	uint64_t count = spot->place.m == CRIT_NO_MSG ? 1 + fuzz_below(&ed->in, 3) : 1;
	int ret = crit_edit_remove(ed->s.img, spot->place, count, edit, err);

	if (ret == 0)
		plan_remove(spot->plan, n, count);
	return ret;
}

static int edit_move(struct editing *ed, struct spot *spot, struct crit_edit *edit,
		     struct crit_error *err)
{
	size_t to = fuzz_below(&ed->in, ed->before.entries.n + 1);
	bool replace = fuzz_byte(&ed->in) & 1;
	int ret = crit_edit_move(ed->s.img, spot->place.n, to, replace, edit, err);

	ed->wanted.edits_msgs = false;
	if (ret == 0)
		plan_move(&ed->wanted.entries, spot->place.n, to, replace);
	return ret;
}

static int edit_something(struct editing *ed, struct spot *spot, struct crit_edit *edit,
			  struct blobs *blobs, struct crit_error *err)
{
	switch (fuzz_below(&ed->in, 8)) {
	case 0:
	case 1:
		return edit_text(ed, spot, true, edit, blobs, err);
	case 2:
	case 3:
		return edit_text(ed, spot, false, edit, blobs, err);
	case 4:
		return edit_blob(ed, spot, edit, blobs, err);
	case 5:
		return edit_remove(ed, spot, edit, err);
	case 6:
		return edit_move(ed, spot, edit, err);
	default:
		ed->wanted.cuts_tail = true;
		ed->wanted.edits_msgs = false;
		return crit_edit_cut_tail(ed->s.img, edit, err);
	}
}

/* As a mount does it: appended in place, or a new file, maybe with a spare one. */
static void commit_edit(struct editing *ed, const struct crit_edit *edit)
{
	struct crit_file *old = crit_image_file(ed->s.img), *file = NULL;
	bool appends = crit_edit_appends(edit, old->fd, (uint64_t)old->st.st_size);
	size_t how = fuzz_below(&ed->in, 3);
	struct crit_error err = {0};
	struct crit_dir *dir;
	int ret;

	expect_int(crit_dir_adopt(dup(ed->s.dir), &dir), 0);
	if (appends && how) {
		ret = crit_commit_append(dir, ed->s.name, old, edit, &file, &err);
		if (ret == 0)
			crit_spare_appended(&ed->spare, old, file);
	} else {
		ret = crit_commit(dir, ed->s.name, old, edit, CRIT_SYNC_NONE,
				  how == 2 ? &ed->spare : NULL, &file, &err);
	}
	if (ret < 0)
		fail("commit: %s", err.text);
	crit_file_get(old);
	crit_image_replaced(ed->s.img, file, &edit->change);
	if (how == 2 && !appends)
		crit_spare_keep(ed->s.dir, &ed->spare, old);
	else if (!appends)
		crit_spare_drop(ed->s.dir, &ed->spare);
	crit_file_put(old);
	crit_file_put(file);
	crit_dir_put(dir);
}

static void begin_wanted(struct editing *ed)
{
	struct wanted *w = &ed->wanted;

	keep_all(&w->entries, ed->before.entries.n);
	w->msgs.n = 0;
	w->edits_msgs = w->cuts_tail = false;
	w->old = (struct crit_place){NEW, NEW};
	crit_buf_reset(&w->message);
	memset(w->given, 0, sizeof(w->given));
}

/* False: there is nothing more to be tried. */
static bool one_edit(struct editing *ed, struct list *queue)
{
	struct crit_edit edit = {0};
	struct blobs blobs = {.n = 0};
	struct crit_error err = {0};
	struct spot spot;
	int ret;

	if (!read_state(&ed->s, ed->s.img, &ed->before) || ed->before.entries.n == ENTRIES_MAX)
		return false;
	begin_wanted(ed);
	spot = choose_spot(ed, queue);
	ret = edit_something(ed, &spot, &edit, &blobs, &err);
	if (ret < 0) {
		expect(ret == -EBADMSG || ret == -ENOENT || ret == -EPERM || ret == -EFBIG);
		expect(ret == -ENOENT || (*err.text && err.errnum == -ret));
	} else if (edit.changes) {
		if (ed->wanted.edits_msgs)
			ed->wanted.entries.item[spot.place.n] = NEW;
		ed->wanted.old.n = ed->wanted.edits_msgs ? spot.place.n : ed->wanted.old.n;
		commit_edit(ed, &edit);
		expect_wanted(ed, queue);
	}
	crit_edit_fini(&edit);
	return true;
}

static void edit_image(struct editing *ed, const struct made *m)
{
	struct list *queue = malloc(sizeof(*queue));
	unsigned i;

	ed->s = scene_with(unit_dir_open(), ed->kind->name, &m->bytes);
	for (i = 0; i < EDITS_MAX && ed->in.left; i++) {
		unit_about("%s, edit %u", ed->kind->name, i);
		if (!one_edit(ed, queue))
			break;
	}
	crit_spare_drop(ed->s.dir, &ed->spare);
	expect_names(ed->s.dir, &ed->kind->name, 1);
	crit_image_free(ed->s.img);
	expect_int(unlinkat(ed->s.dir, ed->kind->name, 0), 0);
	close(ed->s.dir);
	free(queue);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct editing *ed = calloc(1, sizeof(*ed));
	struct made m = {0};
	unsigned i;

	expect(ed != NULL);
	ed->in = (struct fuzz_input){data, len};
	ed->kind = choose_kind(&ed->in);
	put_rows(&m, ed->kind, &ed->in);
	break_image(&m, &ed->in);
	edit_image(ed, &m);
	crit_buf_fini(&m.bytes);
	crit_buf_fini(&ed->before.bytes);
	crit_buf_fini(&ed->after.bytes);
	crit_buf_fini(&ed->wanted.message);
	for (i = 0; i < PARTS; i++)
		crit_buf_fini(&ed->wanted.blob[i]);
	free(ed);
	unit_cleanup();
	return 0;
}
