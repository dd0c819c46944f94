/*
 * Documents as edits of their images: what they say anew is written, and whatever they
 * say as the image does keeps its bytes, odd as they may be.
 */
#include "documents.h"
#include "scenes.h"
#include "sources.h"

#include "decoder/compose.h"
#include "decoder/wire.h"

/* How a message is written that is not as the library writes it. */
enum odd {
	ODD_NONE,
	ODD_DOUBLED,  /* each field twice, the last one counts */
	ODD_REVERSED, /* the last field first */
	ODD_LONG,     /* numbers with more bytes than they need */
	ODD_PADDING,  /* what follows blobs is not zero */
	N_ODDS,
};

static void put_odd_field(struct crit_buf *out, const struct crit_wire_field *f,
			  const uint8_t *end, enum odd odd)
{
	size_t len = (size_t)(end - f->start);

	crit_buf_add(out, f->start, len);
	if (odd == ODD_LONG && f->wire_type == CRIT_WIRE_VARINT && end[-1] < 0x10) {
		out->data[out->len - 1] |= 0x80;
		crit_buf_add(out, "\x80\0", 2);
	}
}

static void make_odd(const struct crit_message *type, const struct crit_buf *wire, enum odd odd,
		     struct crit_buf *out)
{
	struct crit_wire w = crit_wire_open(type, wire->data, wire->len);
	struct crit_buf all = {0}, one = {0};
	struct crit_wire_field f;

	while (crit_wire_next(&w, &f) > 0) {
		crit_buf_reset(&one);
		put_odd_field(&one, &f, w.at, odd);
		if (odd == ODD_REVERSED) {
			crit_buf_add(&one, all.data, all.len);
			crit_buf_reset(&all);
		}
		crit_buf_add(&all, one.data, one.len);
	}
	if (odd == ODD_DOUBLED)
		crit_buf_add(out, all.data, all.len);
	crit_buf_add(out, all.data, all.len);
	crit_buf_fini(&all);
	crit_buf_fini(&one);
}

static void put_odd_message(struct made *m, const struct crit_message *type, const char *json,
			    enum odd odd)
{
	struct crit_style style = {.big_endian = m->h.big_endian};
	struct crit_buf wire = {0}, made = {0};

	expect_int(crit_parse(type, json, strlen(json), &style, &wire, NULL), 0);
	make_odd(type, &wire, odd, &made);
	put_word(m, (uint32_t)made.len);
	crit_buf_add(&m->bytes, made.data, made.len);
	crit_buf_fini(&wire);
	crit_buf_fini(&made);
}

static void put_odd_entry(struct made *m, const struct made_entry *e, enum odd odd)
{
	uint8_t pad = odd == ODD_PADDING ? 0xee : 0;
	unsigned i;

	put_odd_message(m, m->n ? m->h.type->rest : m->h.type->head, e->json, odd);
	for (i = 0; i < 2; i++)
		crit_buf_add(&m->bytes, e->blob[i].bytes, e->blob[i].len);
	crit_buf_fill(&m->bytes, pad, e->pad);
	for (i = 0; i < COUNT(e->msg) && e->msg[i].json; i++) {
		put_odd_message(m, crit_message_find("ipc_msg"), e->msg[i].json, odd);
		crit_buf_str(&m->bytes, e->msg[i].text);
		crit_buf_fill(&m->bytes, pad, e->msg[i].pad);
	}
	note_end(m, m->bytes.len);
}

#define NO_ENTRY 99

/* An image of odd entries, but entry `n` is like another one of its kind. */
static void put_odd_kind(struct made *m, const struct made_kind *kind, enum odd odd, unsigned n)
{
	unsigned i;

	put_header(m, kind->magic, false);
	for (i = 0; i < kind->n_entries; i++)
		if (i == n)
			put_odd_entry(m, &kind->entry[i == 2 ? 1 : 2], ODD_NONE);
		else
			put_odd_entry(m, &kind->entry[i], odd);
}

static void put_edited(struct crit_buf *out, const struct crit_edit *edit)
{
	struct crit_file *file;
	size_t i;

	crit_buf_reset(out);
	for (i = 0; i < edit->n_pieces; i++) {
		const struct crit_piece *p = &edit->pieces[i];

		expect(crit_buf_reserve(out, (size_t)p->len));
		if (p->fd < 0) {
			memcpy(out->data + out->len, p->data, (size_t)p->len);
		} else {
			expect_int(crit_file_adopt(dup(p->fd), &file), 0);
			expect_int(crit_pread_full(file->fd, out->data + out->len,
						   (size_t)p->len, p->off),
				   0);
			crit_file_put(file);
		}
		out->len += (size_t)p->len;
	}
}

/* The document makes these bytes of the image; its own are no change. */
static void expect_edit(const struct crit_buf *before, const char *name,
			const struct crit_buf *text, const struct crit_buf *wanted)
{
	struct text_source source = text_pipe(text->data, text->len);
	struct crit_image *img = image_of(before->data, before->len, name);
	struct crit_buf found = {0};
	struct crit_error err = {0};
	struct crit_edit edit = {0};
	struct crit_spool out;

	crit_spool_init(&out, -1);
	if (crit_edit_document(img, &source.source, &out, &edit, &err) < 0)
		fail("expected an edit, found %u:%u: %s", err.line, err.col, err.text);
	put_edited(&found, &edit);
	if (edit.changes || before != wanted)
		expect_bytes(found.data, found.len, wanted->data, wanted->len);
	expect_int(edit.changes, before != wanted);
	crit_edit_fini(&edit);
	crit_spool_fini(&out);
	crit_image_free(img);
	crit_buf_fini(&found);
}

static void own_documents_change_nothing(void)
{
	struct doc_image image = {0};
	struct crit_buf text = {0};
	unsigned s;
	size_t i;

	for (i = 0; i < DOC_IMAGES; i++) {
		put_doc_image(&image, i);
		for (s = 0; s < 4; s++) {
			unit_about("image %zu, %s, style %u", i, image.name, s);
			put_document(&text, &image.made.bytes, image.name,
				     (struct crit_document_style){.plain = s & 1,
								  .one_line = s & 2});
			expect_edit(&image.made.bytes, image.name, &text, &image.made.bytes);
		}
	}
	crit_buf_fini(&text);
	crit_buf_fini(&image.made.bytes);
}

/* Entry `n` becomes another one, or none does; all others keep their bytes. */
static void expect_odd_kept(const struct made_kind *kind, enum odd odd, unsigned n)
{
	const struct crit_document_style style = {.plain = false};
	struct made before = {0}, after = {0};
	struct crit_buf text = {0};

	unit_about("%s, odd %d, entry %u", kind->name, odd, n);
	put_odd_kind(&before, kind, odd, NO_ENTRY);
	put_odd_kind(&after, kind, odd, n);
	put_document(&text, &after.bytes, kind->name, style);
	expect_edit(&before.bytes, kind->name, &text,
		    n == NO_ENTRY ? &before.bytes : &after.bytes);
	crit_buf_fini(&before.bytes);
	crit_buf_fini(&after.bytes);
	crit_buf_fini(&text);
}

/* All entries, then each of them, but for the first of a ghost file in chunks. */
static void expect_odd_kind_kept(const struct made_kind *kind, enum odd odd)
{
	unsigned n;

	expect_odd_kept(kind, odd, NO_ENTRY);
	for (n = strcmp(kind->magic, "GHOST_FILE") ? 0 : 1; n < kind->n_entries; n++)
		expect_odd_kept(kind, odd, n);
}

static bool has_messages(const struct made_kind *kind)
{
	return kind->part[0] == CRIT_PART_MSGS;
}

static bool has_two_queues(const struct made_kind *kind)
{
	return kind->part[0] == CRIT_PART_INQ;
}

static void odd_entries_keep_their_bytes(void)
{
	unsigned k, odd;

	for (k = 0; k < COUNT(made_kinds); k++)
		for (odd = ODD_NONE; odd < N_ODDS; odd++)
			if (!has_messages(&made_kinds[k]) && !has_two_queues(&made_kinds[k]))
				expect_odd_kind_kept(&made_kinds[k], (enum odd)odd);
}

static void odd_sockets_keep_their_bytes(void)
{
	unsigned odd;

	for (odd = ODD_NONE; odd < N_ODDS; odd++)
		expect_odd_kind_kept(kind_called("tcp-stream-1f.img"), (enum odd)odd);
}

static void odd_queues_keep_their_bytes(void)
{
	unsigned odd;

	for (odd = ODD_NONE; odd < N_ODDS; odd++)
		expect_odd_kind_kept(kind_called("ipcns-msg-9.img"), (enum odd)odd);
}

/* A queue, which is odd itself, but its messages are not. */
static void odd_queues_of_even_messages(void)
{
	const struct made_kind *kind = kind_called("ipcns-msg-9.img");
	const struct made_entry *e = &kind->entry[1]; /* without messages */
	struct made before = {0};
	struct crit_buf text = {0};
	unsigned odd;

	for (odd = ODD_NONE; odd < ODD_PADDING; odd++) {
		unit_about("odd %u", odd);
		put_header(&before, kind->magic, false);
		put_odd_entry(&before, e, (enum odd)odd);
		put_entry(&before, &kind->entry[0]);
		put_document(&text, &before.bytes, kind->name,
			     (struct crit_document_style){.plain = false});
		expect_edit(&before.bytes, kind->name, &text, &before.bytes);
	}
	crit_buf_fini(&before.bytes);
	crit_buf_fini(&text);
}

/* clang-format off */
#define QUEUES(in, in_len, out, out_len)                                                       \
	TWO("{\"inq_len\": " #in_len ", \"inq_seq\": 9, \"outq_len\": " #out_len               \
	    ", \"outq_seq\": 8, " TCP "}", in, in_len, out, out_len)
#define MAP(k, k_len, v, v_len)                                                                \
	TWO("{\"map_id\": 1, \"keys_bytes\": " #k_len ", \"values_bytes\": " #v_len            \
	    ", \"count\": 1}", k, k_len, v, v_len)
/* clang-format on */

/* One entry becomes another that is nearly the same. */
static const struct {
	const char *image;
	struct made_entry before, after;
} small_changes[] = {
	{"tcp-stream-1f.img", QUEUES("aa", 2, "aa", 2), QUEUES("aa", 2, "bb", 2)},
	{"tcp-stream-1f.img", QUEUES("aa", 2, "aa", 2), QUEUES("bb", 2, "aa", 2)},
	{"tcp-stream-1f.img", QUEUES("aa", 2, "bb", 2), QUEUES("bb", 2, "aa", 2)},
	{"tcp-stream-1f.img", QUEUES("aa", 2, "bb", 2), QUEUES("aa", 2, "aa", 2)},
	{"tcp-stream-1f.img", QUEUES("", 0, "aa", 2), QUEUES("aa", 2, "", 0)},
	{"bpfmap-data.img", MAP("aa", 2, "aa", 2), MAP("aa", 2, "ab", 2)},
	{"bpfmap-data.img", MAP("aa", 2, "aa", 2), MAP("aaa", 3, "a", 1)},
	{"pipes-data.img", ONE("{\"pipe_id\": 1, \"bytes\": 2}", "ab", 2),
	 ONE("{\"pipe_id\": 1, \"bytes\": 2}", "aa", 2)},
	{"pipes-data.img", ONE("{\"pipe_id\": 1, \"bytes\": 2}", "ab", 2),
	 ONE("{\"pipe_id\": 1, \"bytes\": 3}", "ab\0", 3)},
	{"ipcns-shm-9.img", PADDED("{" DESC ", \"size\": 3}", "abc", 3, 1),
	 PADDED("{" DESC ", \"size\": 4}", "abc\0", 4, 0)},
	{"ipcns-sem-9.img", PADDED("{" DESC ", \"nsems\": 1}", "\1\0", 2, 6),
	 PADDED("{" DESC ", \"nsems\": 2}", "\1\0\0\0", 4, 4)},
	{"fdinfo-2.img", NONE(FD_0),
	 NONE("{\"id\": 1, \"flags\": 0, \"type\": \"REG\", \"fd\": 1}")},
};

static void small_changes_are_written(void)
{
	struct made before = {0}, after = {0};
	struct crit_buf text = {0};
	size_t i;

	for (i = 0; i < COUNT(small_changes); i++) {
		const struct made_kind *kind = kind_called(small_changes[i].image);

		unit_about("row %zu, %s", i, kind->name);
		put_header(&before, kind->magic, false);
		put_entry(&before, &small_changes[i].before);
		put_header(&after, kind->magic, false);
		put_entry(&after, &small_changes[i].after);
		put_document(&text, &after.bytes, kind->name,
			     (struct crit_document_style){.one_line = true});
		expect_edit(&before.bytes, kind->name, &text, &after.bytes);
	}
	crit_buf_fini(&before.bytes);
	crit_buf_fini(&after.bytes);
	crit_buf_fini(&text);
}

/* Entries of a kind by their numbers. */
static void put_numbered(struct made *m, const struct made_kind *kind, const char *numbers)
{
	put_header(m, kind->magic, false);
	for (; *numbers; numbers++)
		put_entry(m, &kind->entry[*numbers - '0']);
}

static void entries_come_and_go(void)
{
	static const struct {
		const char *before, *after;
	} table[] = {{"01", "201"}, {"01", "0201"}, {"01", "012"}, {"012", "12"},
		     {"012", "0"},  {"012", ""},    {"", "012"},   {"012", "210"}};
	struct made before = {0}, after = {0};
	struct crit_buf text = {0};
	size_t k, i;

	for (k = 0; k < COUNT(made_kinds); k++)
		for (i = 0; i < COUNT(table); i++) {
			const struct made_kind *kind = &made_kinds[k];

			if (!strcmp(kind->magic, "GHOST_FILE"))
				continue; /* the first is of another kind */
			unit_about("%s, %s to %s", kind->name, table[i].before, table[i].after);
			put_numbered(&before, kind, table[i].before);
			put_numbered(&after, kind, table[i].after);
			put_document(&text, &after.bytes, kind->name,
				     (struct crit_document_style){.plain = true});
			expect_edit(&before.bytes, kind->name, &text, &after.bytes);
		}
	crit_buf_fini(&before.bytes);
	crit_buf_fini(&after.bytes);
	crit_buf_fini(&text);
}

/* What the document does not say of the header stays as it is. */
static void words_of_the_header_are_kept(void)
{
	static const enum doc_change changes[] = {DOC_V10, DOC_BIG_ENDIAN};
	struct made even = {0}, odd = {0};
	struct crit_buf text = {0};
	size_t k, c;

	for (k = 0; k < COUNT(made_kinds); k++)
		for (c = 0; c < COUNT(changes); c++) {
			const struct made_kind *kind = &made_kinds[k];

			if (changes[c] == DOC_BIG_ENDIAN && kind->part[0] == CRIT_PART_SEMS)
				continue; /* other bytes are the same values */
			unit_about("%s, change %d", kind->name, changes[c]);
			put_changed(&even, kind, DOC_NONE);
			put_changed(&odd, kind, changes[c]);
			put_document(&text, &even.bytes, kind->name,
				     (struct crit_document_style){.plain = false});
			expect_edit(&odd.bytes, kind->name, &text, &odd.bytes);
		}
	crit_buf_fini(&even.bytes);
	crit_buf_fini(&odd.bytes);
	crit_buf_fini(&text);
}

/* A document makes its own image of any other of the type, byte order and tail as well. */
static void whatever_was_there_before(void)
{
	struct made before = {0}, after = {0};
	struct crit_buf text = {0};
	unsigned k, from, to;

	for (k = 0; k < COUNT(made_kinds); k++)
		for (from = 0; from < N_DOC_CHANGES; from++)
			for (to = 0; to < N_DOC_CHANGES; to++) {
				const struct made_kind *kind = &made_kinds[k];

				if (from == to || from == DOC_V10 || from == DOC_BIG_ENDIAN ||
				    to == DOC_BIG_ENDIAN)
					continue; /* see above, and unit-compose */
				unit_about("%s, change %u to %u", kind->name, from, to);
				put_changed(&before, kind, (enum doc_change)from);
				put_changed(&after, kind, (enum doc_change)to);
				put_document(&text, &after.bytes, kind->name,
					     (struct crit_document_style){.plain = false});
				expect_edit(&before.bytes, kind->name, &text, &after.bytes);
			}
	crit_buf_fini(&before.bytes);
	crit_buf_fini(&after.bytes);
	crit_buf_fini(&text);
}

static void refused_documents(void)
{
	static const struct {
		const char *text;
		unsigned line, col;
		const char *says;
	} table[] = {
		{"{\"magic\":\n\"FDINFO\"}", 2, 1, "magic: expected \"PIPES_DATA\", got "},
		{"{\"magic\": \"PIPES_DATA\", \"entries\": [\n{}]}", 2, 2,
		 "entries[0]: required key \"pipe_id\" is missing"},
		{"{\"entries\": [\n{}], \"magic\": \"PIPES_DATA\"}", 2, 2,
		 "entries[0]: required key \"pipe_id\" is missing"},
		{"{\"entries\": []}", 1, 15, "required key \"magic\" is missing"},
		{"", 1, 1, "expected an object"},
	};
	struct made m = {0};
	size_t i;

	put_kind(&m, kind_called("pipes-data.img"));
	for (i = 0; i < COUNT(table); i++) {
		struct text_source source = text_pipe(table[i].text, strlen(table[i].text));
		struct crit_image *img = image_of(m.bytes.data, m.bytes.len, "pipes-data.img");
		struct crit_error err = {0};
		struct crit_edit edit = {0};
		struct crit_spool out;

		unit_about("row %zu", i);
		crit_spool_init(&out, -1);
		expect_int(crit_edit_document(img, &source.source, &out, &edit, &err),
			   -EBADMSG);
		if (err.line != table[i].line || err.col != table[i].col ||
		    strncmp(err.text, table[i].says, strlen(table[i].says)))
			fail("expected %u:%u: %s, found %u:%u: %s", table[i].line, table[i].col,
			     table[i].says, err.line, err.col, err.text);
		expect(!edit.changes);
		crit_edit_fini(&edit);
		crit_spool_fini(&out);
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
}

static const struct unit_test tests[] = {
	TEST(own_documents_change_nothing), TEST(odd_entries_keep_their_bytes),
	TEST(odd_sockets_keep_their_bytes), TEST(odd_queues_keep_their_bytes),
	TEST(odd_queues_of_even_messages),  TEST(small_changes_are_written),
	TEST(entries_come_and_go),          TEST(words_of_the_header_are_kept),
	TEST(whatever_was_there_before),    TEST(refused_documents),
};

UNIT_MAIN(tests)
