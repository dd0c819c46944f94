/*
 * Entries and messages that are inserted, removed and moved: the file that comes out
 * is held, byte for byte, against one that is made by hand from a list of what it has
 * to have, and the image that was open against one that is opened then.
 */
#include "decoder/structure.h"

#include <sys/mman.h>

#include "scenes.h"

#define ROWS 400
#define MSGS 6

/* What tells one entry from another. */
struct row {
	unsigned id;
	size_t len; /* of its blob */
	size_t n_msgs;
	struct {
		unsigned id;
		size_t len;
	} msg[MSGS];
};

struct list {
	const char *name, *magic;
	bool special; /* the first entry is of another kind */
	bool big_endian;
	size_t n;
	struct row row[ROWS];
};

static const uint8_t bytes_of_blobs[2000] = {1, 2, 3};

/* The text of entry `n`, whose lengths say whatever `len` is. */
static void row_text(const struct list *l, size_t n, const struct row *row, size_t len,
		     char *json)
{
	if (!strcmp(l->magic, "PIPES_DATA"))
		sprintf(json, "{\"pipe_id\": %u, \"bytes\": %zu}", row->id, len);
	else if (!strcmp(l->magic, "FDINFO"))
		sprintf(json, "{\"id\": %u, \"flags\": 0, \"type\": \"REG\", \"fd\": 0}",
			row->id);
	else if (!strcmp(l->magic, "IPCNS_MSG"))
		sprintf(json, "{" DESC ", \"qbytes\": %u, \"qnum\": %zu}", row->id,
			len ? len : row->n_msgs);
	else if (!strcmp(l->magic, "PAGEMAP") && !n)
		sprintf(json, "{\"pages_id\": %u}", row->id);
	else if (!strcmp(l->magic, "PAGEMAP"))
		sprintf(json, "{\"vaddr\": %u, \"compat_nr_pages\": 1}", row->id);
	else if (!n)
		sprintf(json, "{\"uid\": %u, \"gid\": 2, \"mode\": 33188, \"chunks\": true}",
			row->id);
	else
		sprintf(json, "{\"len\": %zu, \"off\": %u}", len, row->id);
}

static bool has_blob(const struct list *l, size_t n)
{
	return !strcmp(l->magic, "PIPES_DATA") || (!strcmp(l->magic, "GHOST_FILE") && n);
}

static void put_row(struct made *m, const struct list *l, size_t n)
{
	const struct row *row = &l->row[n];
	uint64_t message_end;
	char json[300];
	size_t i;

	row_text(l, n, row, has_blob(l, n) ? row->len : 0, json);
	put_message(m, n ? m->h.type->rest : m->h.type->head, json);
	message_end = m->bytes.len;
	if (has_blob(l, n))
		crit_buf_add(&m->bytes, bytes_of_blobs, row->len);
	for (i = 0; i < row->n_msgs; i++) {
		size_t len = row->msg[i].len;

		sprintf(json, "{\"mtype\": %u, \"msize\": %zu}", row->msg[i].id, len);
		put_message(m, crit_message_find("ipc_msg"), json);
		crit_buf_add(&m->bytes, bytes_of_blobs, len);
		crit_buf_fill(&m->bytes, 0, (8 - len % 8) % 8);
	}
	note_end(m, message_end);
}

static void put_list(struct made *m, const struct list *l, const char *tail)
{
	size_t n;

	put_header(m, l->magic, l->big_endian);
	for (n = 0; n < l->n; n++)
		put_row(m, l, n);
	crit_buf_str(&m->bytes, tail);
	expect(!m->bytes.error);
}

static void insert_row(struct list *l, size_t n, struct row row)
{
	expect(l->n < ROWS);
	memmove(&l->row[n + 1], &l->row[n], (l->n - n) * sizeof(row));
	l->row[n] = row;
	l->n++;
}

static void remove_rows(struct list *l, size_t n, size_t count)
{
	memmove(&l->row[n], &l->row[n + count], (l->n - n - count) * sizeof(*l->row));
	l->n -= count;
}

static struct row random_row(struct unit_random *r, const struct list *l)
{
	struct row row = {.id = (unsigned)unit_below(r, 5000)};
	size_t i;

	if (!strcmp(l->magic, "IPCNS_MSG")) {
		row.n_msgs = unit_below(r, MSGS);
		for (i = 0; i < row.n_msgs; i++) {
			row.msg[i].id = (unsigned)unit_below(r, 5000);
			row.msg[i].len = unit_below(r, 20);
		}
	} else {
		row.len = unit_below(r, 8) ? unit_below(r, 40)
					   : unit_below(r, sizeof(bytes_of_blobs));
	}
	return row;
}

/* Look at some of it first: the index may know much or little. */
static void look_somewhere(struct scene *s, struct unit_random *r, size_t n)
{
	struct crit_entry e, msg;

	while (n && unit_below(r, 3)) {
		expect_int(crit_image_entry(s->img, unit_below(r, n), &e, NULL), 0);
		if (e.n_msgs)
			expect_int(crit_image_msg(s->img, &e, unit_below(r, (size_t)e.n_msgs),
						  &msg, NULL),
				   0);
	}
	if (!unit_below(r, 4))
		expect_u64(count_of(s->img), n);
}

static int insert(struct scene *s, const struct list *l, struct crit_place place,
		  const struct row *row, struct crit_edit *edit, struct crit_error *err)
{
	struct crit_piece piece = {.fd = -1, .data = bytes_of_blobs, .len = row->len};
	struct crit_blob blob = {.part = CRIT_PART_EXTRA, .source = &piece, .n_source = 1};
	char json[300];
	int ret;

	if (place.m != CRIT_NO_MSG)
		sprintf(json, "{\"mtype\": %u, \"msize\": 12345}", row->id);
	else
		row_text(l, (size_t)place.n, row, 12345, json);
	ret = crit_edit_insert(s->img, place, json, strlen(json), &blob, 1, edit, err);
	if (ret == 0)
		expect(blob.used == (place.m != CRIT_NO_MSG || has_blob(l, (size_t)place.n)));
	return ret;
}

static void step_insert(struct scene *s, struct list *l, struct unit_random *r,
			struct crit_edit *edit)
{
	size_t n = l->special ? 1 + unit_below(r, l->n) : unit_below(r, l->n + 1);
	struct row row = random_row(r, l);

	row.n_msgs = 0;
	unit_about("insert before %zu of %zu", n, l->n);
	look_somewhere(s, r, l->n);
	expect_int(insert(s, l, (struct crit_place){n, CRIT_NO_MSG}, &row, edit, NULL), 0);
	insert_row(l, n, row);
}

static void step_remove(struct scene *s, struct list *l, struct unit_random *r,
			struct crit_edit *edit)
{
	size_t n = l->special ? 1 + unit_below(r, l->n - 1) : unit_below(r, l->n);
	size_t count = 1 + unit_below(r, l->n - n < 3 ? l->n - n : 3);

	unit_about("remove %zu from %zu of %zu on", count, n, l->n);
	look_somewhere(s, r, l->n);
	expect_int(crit_edit_remove(s->img, (struct crit_place){n, CRIT_NO_MSG}, count, edit,
				    NULL),
		   0);
	remove_rows(l, n, count);
}

static void step_move(struct scene *s, struct list *l, struct unit_random *r,
		      struct crit_edit *edit)
{
	size_t first = l->special, from = first + unit_below(r, l->n - first);
	bool replace = unit_below(r, 2);
	size_t to = first + unit_below(r, l->n - first + !replace);
	struct row row = l->row[from];

	unit_about("move %zu %s %zu of %zu", from, replace ? "onto" : "before", to, l->n);
	look_somewhere(s, r, l->n);
	expect_int(crit_edit_move(s->img, from, to, replace, edit, NULL), 0);
	if (replace) {
		l->row[to] = row;
		if (from != to)
			remove_rows(l, from, 1);
	} else {
		insert_row(l, to, row);
		remove_rows(l, from + (from >= to), 1);
	}
}

static void step_message(struct scene *s, struct list *l, struct unit_random *r,
			 struct crit_edit *edit)
{
	size_t n = unit_below(r, l->n), m;
	struct row *row = &l->row[n], msg = {.id = 9000, .len = unit_below(r, 20)};

	look_somewhere(s, r, l->n);
	if (row->n_msgs < MSGS && (!row->n_msgs || unit_below(r, 2))) {
		m = unit_below(r, row->n_msgs + 1);
		unit_about("message before %zu of %zu, queue %zu", m, row->n_msgs, n);
		expect_int(insert(s, l, (struct crit_place){n, m}, &msg, edit, NULL), 0);
		memmove(&row->msg[m + 1], &row->msg[m], (row->n_msgs - m) * sizeof(*row->msg));
		row->msg[m].id = msg.id;
		row->msg[m].len = msg.len;
		row->n_msgs++;
	} else {
		m = unit_below(r, row->n_msgs);
		unit_about("without message %zu of %zu, queue %zu", m, row->n_msgs, n);
		expect_int(crit_edit_remove(s->img, (struct crit_place){n, m}, 1, edit, NULL),
			   0);
		row->n_msgs--;
		memmove(&row->msg[m], &row->msg[m + 1], (row->n_msgs - m) * sizeof(*row->msg));
	}
}

static void random_steps(const char *name, const char *magic, bool big_endian, const char *tail)
{
	struct unit_random r = unit_seed(60);
	struct list *l = calloc(1, sizeof(*l));
	struct made m = {0};
	struct scene s;
	unsigned step;

	*l = (struct list){.name = name, .magic = magic, .big_endian = big_endian};
	while (l->n < 150)
		insert_row(l, l->n, random_row(&r, l));
	put_list(&m, l, tail);
	l->special = m.h.type->head != m.h.type->rest;
	if (l->special)
		l->row[0].len = 0;
	s = scene_with(unit_dir_open(), name, &m.bytes);
	for (step = 0; step < 250; step++) {
		struct crit_edit edit = {0};
		size_t what = unit_below(&r, !strcmp(magic, "IPCNS_MSG") ? 5 : 3);

		if (what == 0 && l->n < ROWS - 1)
			step_insert(&s, l, &r, &edit);
		else if (what == 1)
			step_remove(&s, l, &r, &edit);
		else if (what == 2)
			step_move(&s, l, &r, &edit);
		else
			step_message(&s, l, &r, &edit);
		if (edit.changes)
			expect_int(commit(&s, &edit, NULL), 0);
		crit_edit_fini(&edit);
		put_list(&m, l, tail);
		expect_file(&s, &m.bytes);
		look_somewhere(&s, &r, l->n);
		expect_index(&s);
		if (l->n < 40)
			break;
	}
	expect(step > 100);
	crit_image_free(s.img);
	close(s.dir);
	crit_buf_fini(&m.bytes);
	free(l);
}

static void entries_with_blobs(void)
{
	random_steps("pipes-data.img", "PIPES_DATA", false, "");
	random_steps("pipes-data.img", "PIPES_DATA", true, "");
}

static void entries_without(void)
{
	random_steps("fdinfo-1.img", "FDINFO", false, "");
}

static void entries_before_a_tail(void)
{
	random_steps("fdinfo-1.img", "FDINFO", false, "\xff\xff\xff\x7f and no frame");
}

static void messages_of_queues(void)
{
	random_steps("ipcns-msg-9.img", "IPCNS_MSG", false, "");
	random_steps("ipcns-msg-9.img", "IPCNS_MSG", true, "");
}

static void entries_behind_a_head(void)
{
	random_steps("pagemap-1.img", "PAGEMAP", false, "");
	random_steps("ghost-file-4.img", "GHOST_FILE", false, "");
}

/* From a header to some entries and back to the header. */
static void from_nothing_to_nothing(void)
{
	static const char *const magics[][2] = {{"pipes-data.img", "PIPES_DATA"},
						{"pagemap-1.img", "PAGEMAP"},
						{"ghost-file-4.img", "GHOST_FILE"},
						{"ipcns-msg-9.img", "IPCNS_MSG"}};
	struct made m = {0};
	size_t k, i;

	for (k = 0; k < COUNT(magics); k++) {
		struct list l = {.name = magics[k][0], .magic = magics[k][1]};
		int dir = unit_dir_open();
		struct scene s;

		unit_about("%s", l.name);
		put_list(&m, &l, "");
		s = scene_with(dir, l.name, &m.bytes);
		for (i = 0; i < 40; i++) {
			struct row row = {.id = (unsigned)i, .len = i ? i : 0};
			struct crit_edit edit = {0};

			expect_int(insert(&s, &l, (struct crit_place){i, CRIT_NO_MSG}, &row,
					  &edit, NULL),
				   0);
			expect(crit_edit_appends(&edit, crit_image_file(s.img)->fd,
						 m.bytes.len));
			expect_int(commit(&s, &edit, NULL), 0);
			crit_edit_fini(&edit);
			insert_row(&l, i, row);
			put_list(&m, &l, "");
			expect_file(&s, &m.bytes);
			expect_index(&s);
		}
		while (l.n) {
			struct crit_edit edit = {0};
			size_t n = l.n > 1;

			expect_int(crit_edit_remove(s.img, (struct crit_place){n, CRIT_NO_MSG},
						    1, &edit, NULL),
				   0);
			expect(!crit_edit_appends(&edit, crit_image_file(s.img)->fd,
						  m.bytes.len));
			expect_int(commit(&s, &edit, NULL), 0);
			crit_edit_fini(&edit);
			remove_rows(&l, n, 1);
			put_list(&m, &l, "");
			expect_file(&s, &m.bytes);
			expect_index(&s);
		}
		crit_image_free(s.img);
		expect_int(unlinkat(dir, l.name, 0), 0);
		close(dir);
	}
	crit_buf_fini(&m.bytes);
}

/* Which parts are used, and that lengths follow the bytes and not the text. */
static void two_blobs_at_once(void)
{
	const struct made_kind *kind = kind_called("tcp-stream-1f.img");
	static const char json[] =
		"{\"inq_len\": 99, \"inq_seq\": 9, \"outq_len\": 98, \"outq_seq\": 8, " TCP "}";
	struct crit_piece in = {.fd = -1, .data = (const uint8_t *)"in", .len = 2};
	struct crit_piece out[] = {{.fd = -1, .data = (const uint8_t *)"out", .len = 3},
				   {.fd = -1, .len = 2}};
	struct crit_blob blobs[] = {
		{.part = CRIT_PART_OUTQ, .source = out, .n_source = 2},
		{.part = CRIT_PART_EXTRA, .source = &in, .n_source = 1},
		{.part = CRIT_PART_INQ, .source = &in, .n_source = 1},
	};
	struct made_kind then = *kind;
	struct crit_edit edit = {0};
	struct made m = {0};
	struct scene s;

	then.entry[0] = (struct made_entry)TWO(
		"{\"inq_len\": 2, \"inq_seq\": 9, \"outq_len\": 5, \"outq_seq\": 8, " TCP "}",
		"in", 2, "out\0\0", 5);
	then.n_entries = 1;
	put_kind(&m, &then);
	m.bytes.len = CRIT_HEADER_MAX;
	s = scene_with(unit_dir_open(), then.name, &m.bytes);
	expect_int(crit_edit_insert(s.img, (struct crit_place)ENTRY(0), json, strlen(json),
				    blobs, 3, &edit, NULL),
		   0);
	expect(blobs[0].used && !blobs[1].used && blobs[2].used);
	expect_int(commit(&s, &edit, NULL), 0);
	put_kind(&m, &then);
	expect_file(&s, &m.bytes);
	expect_index(&s);
	crit_edit_fini(&edit);
	crit_image_free(s.img);
	close(s.dir);
	crit_buf_fini(&m.bytes);
}

static void tails_are_cut(void)
{
	struct list l = {.name = "fdinfo-1.img", .magic = "FDINFO"};
	struct unit_random r = unit_seed(61);
	struct crit_edit edit = {0};
	struct made m = {0};
	struct scene s;

	while (l.n < 100)
		insert_row(&l, l.n, random_row(&r, &l));
	put_list(&m, &l, "\xff\xff\xff\x7f and no frame");
	s = scene_with(unit_dir_open(), l.name, &m.bytes);
	expect_int(crit_edit_cut_tail(s.img, &edit, NULL), 0);
	expect(edit.changes);
	expect_int(commit(&s, &edit, NULL), 0);
	crit_edit_fini(&edit);
	put_list(&m, &l, "");
	expect_file(&s, &m.bytes);
	expect_index(&s);
	edit = (struct crit_edit){0};
	expect_int(crit_edit_cut_tail(s.img, &edit, NULL), 0);
	expect(!edit.changes);
	crit_edit_fini(&edit);
	crit_image_free(s.img);
	close(s.dir);
	crit_buf_fini(&m.bytes);
}

/* What is no chunk may well be a first entry, so the one that is there has to stay. */
static void tails_become_no_first_entry(void)
{
	static const char tail[] = "\6\0\0\0\x08\1\x10\2\x18\3"; /* uid, gid, mode */
	struct crit_error err = {0};
	struct crit_edit edit = {0};
	struct made m = {0};
	struct scene s;

	put_kind(&m, kind_called("ghost-file-3.img"));
	crit_buf_add(&m.bytes, tail, sizeof(tail) - 1);
	s = scene_with(unit_dir_open(), "ghost-file-3.img", &m.bytes);
	expect_u64(count_of(s.img), 1);
	expect_int(crit_edit_remove(s.img, (struct crit_place)ENTRY(0), 1, &edit, &err),
		   -EPERM);
	expect_str(err.text, "what follows in the image needs it: Operation not permitted");
	expect(!edit.changes);
	expect_int(crit_edit_cut_tail(s.img, &edit, &err), 0);
	expect_int(commit(&s, &edit, NULL), 0);
	crit_edit_fini(&edit);
	expect_int(crit_edit_remove(s.img, (struct crit_place)ENTRY(0), 1, &edit, &err), 0);
	crit_edit_fini(&edit);
	crit_image_free(s.img);
	close(s.dir);
	crit_buf_fini(&m.bytes);
}

/* What is asked of a made image, and what comes of it. */
enum ask { INSERT, REMOVE, MOVE, REPLACE };

static const struct {
	const char *image;
	enum ask what;
	struct crit_place place; /* of a move: from */
	uint64_t to;             /* of a removal: how many */
	const char *json;
	int error;
} asked[] = {
	{"fdinfo-2.img", INSERT, ENTRY(4), 0, FD_0, -ENOENT},
	{"fdinfo-2.img", INSERT, ENTRY(UINT64_MAX - 1), 0, FD_0, -ENOENT},
	{"fdinfo-2.img", INSERT, ENTRY(1), 0, "{", -EBADMSG},
	{"fdinfo-2.img", INSERT, ENTRY(1), 0, "{\"id\": 1}", -EBADMSG},
	{"fdinfo-2.img", INSERT, ENTRY(3), 0, FD_0, 0},
	{"fdinfo-2.img", INSERT, {1, 0}, 0, "{\"mtype\": 1, \"msize\": 0}", -ENOENT},
	{"fdinfo-2.img", REMOVE, ENTRY(3), 1, NULL, -ENOENT},
	{"fdinfo-2.img", REMOVE, ENTRY(2), 2, NULL, -ENOENT},
	{"fdinfo-2.img", REMOVE, ENTRY(0), 3, NULL, 0},
	{"fdinfo-2.img", REMOVE, {0, 0}, 1, NULL, -ENOENT},
	{"fdinfo-2.img", MOVE, ENTRY(3), 0, NULL, -ENOENT},
	{"fdinfo-2.img", MOVE, ENTRY(0), 4, NULL, -ENOENT},
	{"fdinfo-2.img", MOVE, ENTRY(0), 3, NULL, 0},
	{"fdinfo-2.img", REPLACE, ENTRY(0), 3, NULL, -ENOENT},
	{"ipcns-msg-9.img", INSERT, {0, 3}, 0, "{\"mtype\": 1, \"msize\": 0}", -ENOENT},
	{"ipcns-msg-9.img", INSERT, {3, 0}, 0, "{\"mtype\": 1, \"msize\": 0}", -ENOENT},
	{"ipcns-msg-9.img", INSERT, {0, 2}, 0, "{\"msize\": 0}", -EBADMSG},
	{"ipcns-msg-9.img", INSERT, {1, 0}, 0, "{\"mtype\": 1, \"msize\": 0}", 0},
	{"ipcns-msg-9.img", REMOVE, {0, 2}, 1, NULL, -ENOENT},
	{"ipcns-msg-9.img", REMOVE, {1, 0}, 1, NULL, -ENOENT},
	/* the first of a ghost with chunks, of one with contents, of a device */
	{"ghost-file-2.img", INSERT, ENTRY(0), 0, "{\"uid\": 1, \"gid\": 2, \"mode\": 33188}",
	 -EBADMSG},
	{"ghost-file-2.img", INSERT, ENTRY(0), 0, "{\"uid\": 1, \"gid\": 2, \"mode\": 8624}",
	 -EBADMSG},
	{"ghost-file-2.img", INSERT, ENTRY(3), 0, "{\"len\": 0, \"off\": 8}", 0},
	{"ghost-file-2.img", REMOVE, ENTRY(0), 1, NULL, -EPERM},
	{"ghost-file-2.img", REMOVE, ENTRY(0), 2, NULL, -EPERM},
	{"ghost-file-2.img", REMOVE, ENTRY(0), 3, NULL, 0},
	{"ghost-file-2.img", MOVE, ENTRY(0), 2, NULL, -EPERM},
	{"ghost-file-2.img", MOVE, ENTRY(2), 0, NULL, -EPERM},
	{"ghost-file-2.img", REPLACE, ENTRY(2), 0, NULL, -EPERM},
	{"ghost-file-2.img", REPLACE, ENTRY(2), 1, NULL, 0},
	{"ghost-file-1.img", INSERT, ENTRY(1), 0, "{\"len\": 0, \"off\": 8}", -EBADMSG},
	{"ghost-file-1.img", REMOVE, ENTRY(0), 1, NULL, 0},
};

static void refusals(void)
{
	int dir = unit_dir_open();
	struct made m = {0};
	size_t i;

	for (i = 0; i < COUNT(asked); i++) {
		struct crit_place place = asked[i].place;
		struct crit_error err = {0};
		struct crit_edit edit = {0};
		struct scene s;
		int ret;

		unit_about("row %zu, %s", i, asked[i].image);
		put_kind(&m, kind_called(asked[i].image));
		s = scene_with(dir, asked[i].image, &m.bytes);
		switch (asked[i].what) {
		case INSERT:
			ret = crit_edit_insert(s.img, place, asked[i].json,
					       strlen(asked[i].json), NULL, 0, &edit, &err);
			break;
		case REMOVE:
			ret = crit_edit_remove(s.img, place, asked[i].to, &edit, &err);
			break;
		default:
			ret = crit_edit_move(s.img, place.n, asked[i].to,
					     asked[i].what == REPLACE, &edit, &err);
		}
		expect_int(ret, asked[i].error);
		if (ret == -EBADMSG || ret == -EPERM)
			expect(err.errnum == -ret && *err.text);
		if (ret < 0)
			expect(!edit.changes);
		crit_edit_fini(&edit);
		expect_file(&s, &m.bytes);
		crit_image_free(s.img);
		expect_int(unlinkat(dir, asked[i].image, 0), 0);
	}
	crit_buf_fini(&m.bytes);
	close(dir);
}

/* To where it stands already, in both ways of saying so. */
static void moves_that_change_nothing(void)
{
	struct made m = {0};
	struct crit_image *img;
	uint64_t n;

	put_kind(&m, kind_called("pipes-data.img"));
	img = image_of(m.bytes.data, m.bytes.len, "pipes-data.img");
	for (n = 0; n < 3; n++) {
		struct crit_edit edit = {0};

		expect_int(crit_edit_move(img, n, n, true, &edit, NULL), 0);
		expect_int(crit_edit_move(img, n, n, false, &edit, NULL), 0);
		expect_int(crit_edit_move(img, n, n + 1, false, &edit, NULL), 0);
		expect(!edit.changes && !edit.n_pieces);
		crit_edit_fini(&edit);
	}
	crit_image_free(img);
	crit_buf_fini(&m.bytes);
}

static const struct unit_test tests[] = {
	TEST(entries_with_blobs),          TEST(entries_without),
	TEST(entries_before_a_tail),       TEST(messages_of_queues),
	TEST(entries_behind_a_head),       TEST(from_nothing_to_nothing),
	TEST(two_blobs_at_once),           TEST(tails_are_cut),
	TEST(tails_become_no_first_entry), TEST(refusals),
	TEST(moves_that_change_nothing),
};

UNIT_MAIN(tests)
