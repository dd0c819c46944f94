/*
 * The input is a row of decisions: an image of some kind, what is broken in it, and edits,
 * each of which is committed. What an edit does not name keeps its bytes, what is new says
 * what was asked for, and the image that was open knows as much as one that is opened then.
 */
#include "fuzz.h"

#include "decoder/parse.h"
#include "decoder/sems.h"
#include "decoder/structure.h"
#include "schema-messages.h"
#include "wanted.h"

#define EDITS_MAX 12

/* Page maps have a first entry of another kind, and nothing behind entries. */
static const struct made_kind pagemap = {
	.name = "pagemap-1.img",
	.magic = "PAGEMAP",
	.entry = {NONE("{\"pages_id\": 1}"),
		  NONE("{\"vaddr\": \"0x1000\", \"compat_nr_pages\": 1}"),
		  NONE("{\"vaddr\": \"0x2000\", \"compat_nr_pages\": 0, \"nr_pages\": 9}")},
	.n_entries = 3,
};

struct editing {
	const struct made_kind *kind;
	struct fuzz_input in;
	struct comparing c;
	struct crit_spare spare;
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

/* --------------------------------------------------------------- edits */

/* Where something is edited; the list it is in, and the plan of that. */
struct spot {
	struct crit_place place;
	size_t n; /* things in the list */
	struct plan *plan;
};

static struct spot choose_spot(struct editing *ed, struct list *queue)
{
	struct wanted *w = &ed->c.wanted;
	struct spot spot = {{0, CRIT_NO_MSG}, ed->c.before.entries.n, &w->entries};
	const struct crit_entry *e;

	spot.place.n = fuzz_below(&ed->in, spot.n + 1);
	e = &ed->c.before.entries.all[spot.place.n];
	queue->n = 0;
	if (spot.place.n == spot.n || !e->n_blobs || e->part[0] != CRIT_PART_MSGS ||
	    e->n_msgs >= ENTRIES_MAX || fuzz_byte(&ed->in) % 4 == 0)
		return spot;
	read_msgs(ed->c.s.img, e, queue);
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

	if (how < 2 && crit_image_at(ed->c.s.img, spot->place, &e, NULL) == 0)
		crit_image_print(ed->c.s.img, &e, false, text, NULL);
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
	const struct crit_file *file = crit_image_file(ed->c.s.img);
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
		crit_buf_add(out, ed->c.before.bytes.data + p->off, p->len);
	else if (p->data)
		crit_buf_add(out, p->data, p->len);
	else
		crit_buf_fill(out, 0, p->len);
}

static void give(struct editing *ed, enum crit_part part, const struct crit_piece *pieces,
		 size_t n)
{
	struct wanted *w = &ed->c.wanted;

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
	const struct crit_type *type = crit_image_header(ed->c.s.img)->type;
	struct crit_style style = crit_image_style(ed->c.s.img, false);

	expect_int(crit_parse(spot->place.m != CRIT_NO_MSG ? &crit_msg_ipc_msg
			      : spot->place.n              ? type->rest
							   : type->head,
			      (const char *)text->data, text->len, &style,
			      &ed->c.wanted.message, NULL),
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
		ret = crit_edit_insert(ed->c.s.img, spot->place, (char *)text.data, text.len,
				       blobs->all, blobs->n, edit, err);
	else
		ret = crit_edit_json_and_blobs(ed->c.s.img, spot->place, (char *)text.data,
					       text.len, blobs->all, blobs->n, edit, err);
	if (ret == 0) {
		want_text(ed, spot, &text);
		if (insert)
			plan_insert(spot->plan, n, NEW);
		else
			spot->plan->item[n] = NEW;
	}
	if (!insert)
		ed->c.wanted.old = spot->place;
	crit_buf_fini(&text);
	return ret;
}

/* A part of the entry, which stays what it was otherwise. */
static void want_blob(struct editing *ed, struct spot *spot, const struct crit_entry *e,
		      enum crit_part part, const struct crit_piece *pieces, size_t n)
{
	crit_buf_add(&ed->c.wanted.message, ed->c.before.bytes.data + e->message.off,
		     e->message.len);
	give(ed, part, pieces, n);
	spot->plan->item[number_at(spot)] = NEW;
	ed->c.wanted.old = spot->place;
}

static int edit_blob(struct editing *ed, struct spot *spot, struct crit_edit *edit,
		     struct blobs *blobs, struct crit_error *err)
{
	enum crit_part part = (enum crit_part)fuzz_below(&ed->in, PARTS);
	struct crit_entry e;
	int ret;

	blobs->piece[0][0] = choose_piece(ed);
	blobs->piece[0][1] = choose_piece(ed);
	ret = crit_edit_blob(ed->c.s.img, spot->place, part, blobs->piece[0], PIECES, edit,
			     err);
	if (ret < 0)
		return ret;
	expect_int(crit_image_at(ed->c.s.img, spot->place, &e, NULL), 0);
	want_blob(ed, spot, &e, part, blobs->piece[0], PIECES);
	return 0;
}

static int edit_sems(struct editing *ed, struct spot *spot, struct crit_edit *edit,
		     struct crit_error *err)
{
	struct crit_buf text = {0}, values = {0};
	struct crit_piece piece;
	struct crit_entry e;
	size_t n;
	int ret;

	crit_buf_str(&text, "[");
	for (n = fuzz_below(&ed->in, 8); n; n--)
		crit_buf_printf(&text, "%d%s", fuzz_word(&ed->in) - 1, n > 1 ? "," : "");
	crit_buf_str(&text, "]");
	ret = crit_edit_sems(ed->c.s.img, spot->place, (char *)text.data, text.len, edit, err);
	if (ret == 0) {
		expect_int(crit_image_at(ed->c.s.img, spot->place, &e, NULL), 0);
		expect_int(crit_sems_parse(ed->c.s.img, (char *)text.data, text.len, &values,
					   NULL),
			   0);
		piece = (struct crit_piece){.fd = -1, .data = values.data, .len = values.len};
		want_blob(ed, spot, &e, CRIT_PART_SEMS, &piece, 1);
	}
	crit_buf_fini(&text);
	crit_buf_fini(&values);
	return ret;
}

static int edit_remove(struct editing *ed, struct spot *spot, struct crit_edit *edit,
		       struct crit_error *err)
{
	size_t n = number_at(spot);
	uint64_t count = spot->place.m == CRIT_NO_MSG ? 1 + fuzz_below(&ed->in, 3) : 1;
	int ret = crit_edit_remove(ed->c.s.img, spot->place, count, edit, err);

	if (ret == 0)
		plan_remove(spot->plan, n, count);
	return ret;
}

static int edit_move(struct editing *ed, struct spot *spot, struct crit_edit *edit,
		     struct crit_error *err)
{
	size_t to = fuzz_below(&ed->in, ed->c.before.entries.n + 1);
	bool replace = fuzz_byte(&ed->in) & 1;
	int ret = crit_edit_move(ed->c.s.img, spot->place.n, to, replace, edit, err);

	ed->c.wanted.edits_msgs = false;
	if (ret == 0)
		plan_move(&ed->c.wanted.entries, spot->place.n, to, replace);
	return ret;
}

static int edit_something(struct editing *ed, struct spot *spot, struct crit_edit *edit,
			  struct blobs *blobs, struct crit_error *err)
{
	switch (fuzz_below(&ed->in, 9)) {
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
	case 7:
		return edit_sems(ed, spot, edit, err);
	default:
		ed->c.wanted.cuts_tail = true;
		ed->c.wanted.edits_msgs = false;
		return crit_edit_cut_tail(ed->c.s.img, edit, err);
	}
}

/* As a mount does it: appended in place, or a new file, maybe with a spare one. */
static void commit_edit(struct editing *ed, const struct crit_edit *edit)
{
	struct crit_file *old = crit_image_file(ed->c.s.img), *file = NULL;
	bool appends = crit_edit_appends(edit, old->fd, (uint64_t)old->st.st_size);
	size_t how = fuzz_below(&ed->in, 3);
	struct crit_error err = {0};
	struct crit_dir *dir;
	int ret;

	expect_int(crit_dir_adopt(dup(ed->c.s.dir), &dir), 0);
	if (appends && how) {
		ret = crit_commit_append(dir, ed->c.s.name, old, edit, &file, &err);
		if (ret == 0)
			crit_spare_appended(&ed->spare, old, file);
	} else {
		ret = crit_commit(dir, ed->c.s.name, old, edit, CRIT_SYNC_NONE,
				  how == 2 ? &ed->spare : NULL, &file, &err);
	}
	if (ret < 0)
		fail("commit: %s", err.text);
	crit_file_get(old);
	crit_image_replaced(ed->c.s.img, file, &edit->change);
	if (how == 2 && !appends)
		crit_spare_keep(ed->c.s.dir, &ed->spare, old);
	else if (!appends)
		crit_spare_drop(ed->c.s.dir, &ed->spare);
	crit_file_put(old);
	crit_file_put(file);
	crit_dir_put(dir);
}

static void begin_wanted(struct editing *ed)
{
	struct wanted *w = &ed->c.wanted;

	keep_all(&w->entries, ed->c.before.entries.n);
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

	if (!read_state(&ed->c.s, ed->c.s.img, &ed->c.before) ||
	    ed->c.before.entries.n == ENTRIES_MAX)
		return false;
	begin_wanted(ed);
	spot = choose_spot(ed, queue);
	ret = edit_something(ed, &spot, &edit, &blobs, &err);
	if (ret < 0) {
		expect(ret == -EBADMSG || ret == -ENOENT || ret == -EPERM || ret == -EFBIG);
		expect(ret == -ENOENT || (*err.text && err.errnum == -ret));
	} else if (edit.changes) {
		if (ed->c.wanted.edits_msgs)
			ed->c.wanted.entries.item[spot.place.n] = NEW;
		ed->c.wanted.old.n = ed->c.wanted.edits_msgs ? spot.place.n
							     : ed->c.wanted.old.n;
		commit_edit(ed, &edit);
		expect_wanted(&ed->c, queue);
	}
	crit_edit_fini(&edit);
	return true;
}

static void edit_image(struct editing *ed, const struct made *m)
{
	struct list *queue = malloc(sizeof(*queue));
	unsigned i;

	ed->c.s = scene_with(unit_dir_open(), ed->kind->name, &m->bytes);
	for (i = 0; i < EDITS_MAX && ed->in.left; i++) {
		unit_about("%s, edit %u", ed->kind->name, i);
		if (!one_edit(ed, queue))
			break;
	}
	crit_spare_drop(ed->c.s.dir, &ed->spare);
	expect_names(ed->c.s.dir, &ed->kind->name, 1);
	crit_image_free(ed->c.s.img);
	expect_int(unlinkat(ed->c.s.dir, ed->kind->name, 0), 0);
	close(ed->c.s.dir);
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
	crit_buf_fini(&ed->c.before.bytes);
	crit_buf_fini(&ed->c.after.bytes);
	crit_buf_fini(&ed->c.wanted.message);
	for (i = 0; i < PARTS; i++)
		crit_buf_fini(&ed->c.wanted.blob[i]);
	free(ed);
	unit_cleanup();
	return 0;
}
