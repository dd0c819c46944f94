/*
 * Edits: the file that comes out is held, byte for byte, against an image that is
 * made by hand with the edit already in it.
 */
#include "scenes.h"
#include "schema-messages.h"

#define OTHER_DESC                                                                             \
	"\"desc\": {\"key\": 9, \"uid\": 2, \"gid\": 3, \"cuid\": 4, \"cgid\": 5, "            \
	"\"mode\": 384, \"id\": 7}"

/* What is done to entry `n` (message `m`), and the entry that comes of it. */
static const struct {
	const char *image;
	struct crit_place place;
	const char *json;    /* the new text, or NULL */
	enum crit_part part; /* else the blob that gets these bytes */
	const char *bytes;
	size_t len;
	struct made_entry then;
} cases[] = {
	{"pipes-data.img", ENTRY(0), NULL, CRIT_PART_EXTRA, "hello, world", 12,
	 ONE("{\"pipe_id\": 1, \"bytes\": 12}", "hello, world", 12)},
	{"pipes-data.img", ENTRY(0), NULL, CRIT_PART_EXTRA, "", 0,
	 ONE("{\"pipe_id\": 1, \"bytes\": 0}", "", 0)},
	{"pipes-data.img", ENTRY(1), NULL, CRIT_PART_EXTRA, "\0", 1,
	 ONE("{\"pipe_id\": 2, \"bytes\": 1, \"size\": 65536}", "\0", 1)},
	{"pipes-data.img", ENTRY(2), "{\"size\": 7, \"pipe_id\": 300, \"bytes\": 99}", 0, NULL,
	 0, ONE("{\"pipe_id\": 300, \"bytes\": 3, \"size\": 7}", "\0\1\2", 3)},
	{"sk-queues.img", ENTRY(1), NULL, CRIT_PART_EXTRA, "abc", 3,
	 ONE("{\"id_for\": 2, \"length\": 3}", "abc", 3)},
	{"sk-queues.img", ENTRY(0), "{\"id_for\": 70000, \"length\": 0}", 0, NULL, 0,
	 ONE("{\"id_for\": 70000, \"length\": 1}", "x", 1)},
	{"tcp-stream-1f.img", ENTRY(0), NULL, CRIT_PART_INQ, "longer than before", 18,
	 TWO("{\"inq_len\": 18, \"inq_seq\": 9, \"outq_len\": 6, \"outq_seq\": 8, " TCP "}",
	     "longer than before", 18, "outout", 6)},
	{"tcp-stream-1f.img", ENTRY(0), NULL, CRIT_PART_OUTQ, "o", 1,
	 TWO("{\"inq_len\": 4, \"inq_seq\": 9, \"outq_len\": 1, \"outq_seq\": 8, " TCP "}",
	     "inin", 4, "o", 1)},
	{"tcp-stream-1f.img", ENTRY(1), NULL, CRIT_PART_INQ, "now", 3,
	 TWO("{\"inq_len\": 3, \"inq_seq\": 9, \"outq_len\": 3, \"outq_seq\": 8, " TCP "}",
	     "now", 3, "out", 3)},
	{"tcp-stream-1f.img", ENTRY(2),
	 "{\"inq_len\": 7, \"inq_seq\": 1, \"outq_len\": 7, \"outq_seq\": 2, " TCP
	 ", \"cork\": true}",
	 0, NULL, 0,
	 TWO("{\"inq_len\": 2, \"inq_seq\": 1, \"outq_len\": 0, \"outq_seq\": 2, " TCP
	     ", \"cork\": true}",
	     "in", 2, "", 0)},
	{"bpfmap-data.img", ENTRY(0), NULL, CRIT_PART_KEYS, "k", 1,
	 TWO("{\"map_id\": 1, \"keys_bytes\": 1, \"values_bytes\": 8, \"count\": 1}", "k", 1,
	     "V  VALUE", 8)},
	{"bpfmap-data.img", ENTRY(1), NULL, CRIT_PART_VALUES, "values", 6,
	 TWO("{\"map_id\": 2, \"keys_bytes\": 0, \"values_bytes\": 6, \"count\": 0}", "", 0,
	     "values", 6)},
	{"bpfmap-data.img", ENTRY(2),
	 "{\"map_id\": 2, \"keys_bytes\": 0, \"values_bytes\": 6, \"count\": 9}", 0, NULL, 0,
	 TWO("{\"map_id\": 2, \"keys_bytes\": 1, \"values_bytes\": 2, \"count\": 9}", "K", 1,
	     "VV", 2)},
	{"ipcns-sem-9.img", ENTRY(0), NULL, CRIT_PART_SEMS, " [ 1,2,\n3 ,4,65535]\n", 20,
	 PADDED("{" DESC ", \"nsems\": 5}", "\1\0\2\0\3\0\4\0\xff\xff", 10, 6)},
	{"ipcns-sem-9.img", ENTRY(0), NULL, CRIT_PART_SEMS, "[]", 2,
	 PADDED("{" DESC ", \"nsems\": 0}", "", 0, 0)},
	{"ipcns-sem-9.img", ENTRY(1), NULL, CRIT_PART_SEMS, "[0]", 3,
	 PADDED("{" DESC ", \"nsems\": 1}", "\0\0", 2, 6)},
	{"ipcns-sem-9.img", ENTRY(2), NULL, CRIT_PART_SEMS, "[1,2,3]", 7,
	 PADDED("{" DESC ", \"nsems\": 3}", "\1\0\2\0\3\0", 6, 2)},
	{"ipcns-sem-9.img", ENTRY(0), "{" OTHER_DESC ", \"nsems\": 0}", 0, NULL, 0,
	 PADDED("{" OTHER_DESC ", \"nsems\": 3}", "\1\0\2\0\xff\xff", 6, 2)},
	{"ipcns-msg-9.img",
	 {0, 0},
	 NULL,
	 CRIT_PART_EXTRA,
	 "abcdefghi",
	 9,
	 {.json = "{" DESC ", \"qbytes\": 100, \"qnum\": 2}",
	  .msg = {{"{\"mtype\": 1, \"msize\": 9}", "abcdefghi", 7},
		  {"{\"mtype\": 2, \"msize\": 8}", "01234567", 0}}}},
	{"ipcns-msg-9.img",
	 {0, 1},
	 NULL,
	 CRIT_PART_EXTRA,
	 "",
	 0,
	 {.json = "{" DESC ", \"qbytes\": 100, \"qnum\": 2}",
	  .msg = {{"{\"mtype\": 1, \"msize\": 3}", "abc", 5},
		  {"{\"mtype\": 2, \"msize\": 0}", "", 0}}}},
	{"ipcns-msg-9.img",
	 {0, 1},
	 "{\"mtype\": 1000, \"msize\": 1}",
	 0,
	 NULL,
	 0,
	 {.json = "{" DESC ", \"qbytes\": 100, \"qnum\": 2}",
	  .msg = {{"{\"mtype\": 1, \"msize\": 3}", "abc", 5},
		  {"{\"mtype\": 1000, \"msize\": 8}", "01234567", 0}}}},
	{"ipcns-msg-9.img",
	 {2, 0},
	 NULL,
	 CRIT_PART_EXTRA,
	 "1",
	 1,
	 {.json = "{" DESC ", \"qbytes\": 100, \"qnum\": 1}",
	  .msg = {{"{\"mtype\": 3, \"msize\": 1}", "1", 7}}}},
	{"ipcns-msg-9.img",
	 ENTRY(0),
	 "{" DESC ", \"qbytes\": 1000, \"qnum\": 77}",
	 0,
	 NULL,
	 0,
	 {.json = "{" DESC ", \"qbytes\": 1000, \"qnum\": 2}",
	  .msg = {{"{\"mtype\": 1, \"msize\": 3}", "abc", 5},
		  {"{\"mtype\": 2, \"msize\": 8}", "01234567", 0}}}},
	{"ipcns-shm-9.img", ENTRY(0), NULL, CRIT_PART_EXTRA, "0123456", 7,
	 PADDED("{" DESC ", \"size\": 7}", "0123456", 7, 1)},
	{"ipcns-shm-9.img", ENTRY(0), NULL, CRIT_PART_EXTRA, "", 0,
	 PADDED("{" DESC ", \"size\": 0}", "", 0, 0)},
	{"ipcns-shm-9.img", ENTRY(2), NULL, CRIT_PART_EXTRA, "1", 1,
	 PADDED("{" DESC ", \"size\": 1, \"in_pagemaps\": false}", "1", 1, 3)},
	{"ipcns-shm-9.img", ENTRY(1), "{" DESC ", \"size\": 4096, \"in_pagemaps\": true}", 0,
	 NULL, 0,
	 NONE("{" DESC
	      ", \"size\": 4096, \"in_pagemaps\": true}")}, /* nothing counts a size here */
	{"ghost-file-1.img", ENTRY(0), NULL, CRIT_PART_EXTRA, "new", 3,
	 ONE("{\"uid\": 1, \"gid\": 2, \"mode\": 33188}", "new", 3)},
	{"ghost-file-1.img", ENTRY(0),
	 "{\"uid\": 0, \"gid\": 0, \"mode\": 33152, \"dev\": \"8:1\"}", 0, NULL, 0,
	 ONE("{\"uid\": 0, \"gid\": 0, \"mode\": 33152, \"dev\": \"8:1\"}",
	     "all that follows\n", 17)},
	{"ghost-file-2.img", ENTRY(1), NULL, CRIT_PART_EXTRA, "longer chunk", 12,
	 ONE("{\"len\": 12, \"off\": 0}", "longer chunk", 12)},
	{"ghost-file-2.img", ENTRY(2), "{\"len\": 1, \"off\": 8192}", 0, NULL, 0,
	 ONE("{\"len\": 3, \"off\": 8192}", "two", 3)},
	{"ghost-file-2.img", ENTRY(0),
	 "{\"uid\": 7, \"gid\": 2, \"mode\": 33188, \"chunks\": true, \"size\": 9}", 0, NULL, 0,
	 NONE("{\"uid\": 7, \"gid\": 2, \"mode\": 33188, \"chunks\": true, \"size\": 9}")},
	{"ghost-file-3.img", ENTRY(0),
	 "{\"uid\": 1, \"gid\": 2, \"mode\": 8624, \"rdev\": \"8:2\"}", 0, NULL, 0,
	 NONE("{\"uid\": 1, \"gid\": 2, \"mode\": 8624, \"rdev\": \"8:2\"}")},
	{"fdinfo-2.img", ENTRY(1), FD_2, 0, NULL, 0, NONE(FD_2)},
	{"fdinfo-2.img", ENTRY(2), FD_0, 0, NULL, 0, NONE(FD_0)},
};

static int make_edit(struct crit_image *img, size_t i, struct crit_edit *edit)
{
	struct crit_piece piece = {
		.fd = -1, .data = (const uint8_t *)cases[i].bytes, .len = cases[i].len};
	struct crit_error err = {0};
	int ret;

	if (cases[i].json)
		ret = crit_edit_json(img, cases[i].place, cases[i].json, strlen(cases[i].json),
				     edit, &err);
	else if (cases[i].part == CRIT_PART_SEMS)
		ret = crit_edit_sems(img, cases[i].place, cases[i].bytes, cases[i].len, edit,
				     &err);
	else
		ret = crit_edit_blob(img, cases[i].place, cases[i].part, &piece, 1, edit, &err);
	if (ret < 0)
		fail("expected the edit to be taken, found %s", err.text);
	return ret;
}

static void every_kind_of_edit(void)
{
	int dir = unit_dir_open();
	struct made before = {0}, after = {0};
	struct made_kind then;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		const struct made_kind *kind = kind_called(cases[i].image);
		struct crit_edit edit = {0};
		struct scene s;

		unit_about("case %zu, %s, entry %llu", i, kind->name,
			   (unsigned long long)cases[i].place.n);
		then = *kind;
		then.entry[cases[i].place.n] = cases[i].then;
		put_kind(&before, kind);
		put_kind(&after, &then);
		s = scene_with(dir, kind->name, &before.bytes);
		if (i % 2) /* the index is there already, or not */
			expect_u64(count_of(s.img), kind->n_entries);
		make_edit(s.img, i, &edit);
		expect(edit.changes);
		expect_int(commit(&s, &edit, NULL), 0);
		expect_file(&s, &after.bytes);
		expect_u64(edit.change.new_end, after.end[cases[i].place.n]);
		expect_index(&s);
		crit_edit_fini(&edit);
		crit_image_free(s.img);
		expect_int(unlinkat(dir, kind->name, 0), 0);
		expect_names(dir, NULL, 0);
	}
	crit_buf_fini(&before.bytes);
	crit_buf_fini(&after.bytes);
	close(dir);
}

static void expect_no_change(struct crit_image *img, struct crit_place place, const void *text,
			     size_t len)
{
	struct crit_error err = {0};
	struct crit_edit edit = {0};

	if (crit_edit_json(img, place, text, len, &edit, &err) < 0)
		fail("expected the text to be taken, found %s", err.text);
	if (edit.changes)
		fail("expected no change, found one to %.*s", (int)len, (const char *)text);
	expect_u64(edit.n_pieces, 0);
	crit_edit_fini(&edit);
}

static void own_text_changes_nothing(void)
{
	struct crit_buf text = {0};
	struct made m = {0};
	struct crit_entry e, msg;
	size_t k;
	uint64_t n, i;

	for (k = 0; k < COUNT(made_kinds); k++) {
		struct crit_image *img;

		put_kind(&m, &made_kinds[k]);
		img = image_of(m.bytes.data, m.bytes.len, made_kinds[k].name);
		for (n = 0; n < m.n; n++) {
			struct crit_place place = {n, CRIT_NO_MSG};

			unit_about("%s, entry %llu", made_kinds[k].name, (unsigned long long)n);
			expect_int(crit_image_entry(img, n, &e, NULL), 0);
			crit_buf_reset(&text);
			expect_int(crit_image_print(img, &e, false, &text, NULL), 0);
			expect_no_change(img, place, text.data, text.len);
			crit_buf_reset(&text);
			expect_int(crit_image_print(img, &e, true, &text, NULL), 0);
			expect_no_change(img, place, text.data, text.len);
			expect_no_change(img, place, made_kinds[k].entry[n].json,
					 strlen(made_kinds[k].entry[n].json));
			for (i = 0; i < e.n_msgs; i++) {
				place.m = i;
				expect_int(crit_image_msg(img, &e, i, &msg, NULL), 0);
				crit_buf_reset(&text);
				expect_int(crit_image_print(img, &msg, false, &text, NULL), 0);
				expect_no_change(img, place, text.data, text.len);
			}
		}
		crit_image_free(img);
	}
	crit_buf_fini(&text);
	crit_buf_fini(&m.bytes);
}

static void other_lengths_change_nothing(void)
{
	static const struct {
		const char *image;
		struct crit_place place;
		const char *json;
	} table[] = {
		{"pipes-data.img", ENTRY(0), "{\"pipe_id\": 1, \"bytes\": 4294967295}"},
		{"pipes-data.img", ENTRY(1),
		 "{\"size\": 65536, \"bytes\": \"0x10\", \"pipe_id\": \"2\"}"},
		{"tcp-stream-1f.img", ENTRY(0),
		 "{\"inq_len\": 0, \"inq_seq\": 9, \"outq_len\": 0, \"outq_seq\": 8, " TCP "}"},
		{"bpfmap-data.img", ENTRY(0),
		 "{\"map_id\": 1, \"keys_bytes\": 8, \"values_bytes\": 4, \"count\": 1}"},
		{"ipcns-sem-9.img", ENTRY(2), "{" DESC ", \"nsems\": 0}"},
		{"ipcns-msg-9.img", ENTRY(1), "{" DESC ", \"qbytes\": 100, \"qnum\": 9}"},
		{"ipcns-msg-9.img", {0, 1}, "{\"mtype\": 2, \"msize\": 0}"},
		{"ipcns-shm-9.img", ENTRY(0), "{" DESC ", \"size\": 123456789}"},
		{"ghost-file-2.img", ENTRY(2), "{\"len\": 0, \"off\": 4096}"},
	};
	struct made m = {0};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct crit_image *img;

		unit_about("%s: %s", table[i].image, table[i].json);
		put_kind(&m, kind_called(table[i].image));
		img = image_of(m.bytes.data, m.bytes.len, table[i].image);
		expect_no_change(img, table[i].place, table[i].json, strlen(table[i].json));
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
}

static void same_blobs_are_told(void)
{
	static const char zeros[] = "ab\0\0\0\0cd";
	struct crit_file *file = file_of("xxab\0\0\0\0cdyy", 12), *other = file_of("0ab0", 4);
	struct crit_piece memory = {.fd = -1, .data = (const uint8_t *)zeros, .len = 8};
	struct crit_piece mixed[] = {
		{.fd = other->fd, .off = 1, .len = 2},
		{.fd = -1, .len = 4},
		{.fd = file->fd, .off = 8, .len = 2},
	};
	struct crit_span span = {2, 8};
	uint8_t *big = malloc(300000);
	struct crit_piece much = {.fd = -1, .data = big, .len = 300000};

	expect(crit_blob_same(file, span, &memory, 1));
	expect(crit_blob_same(file, span, mixed, 3));
	expect(!crit_blob_same(file, span, mixed, 2));
	expect(!crit_blob_same(file, (struct crit_span){2, 7}, &memory, 1));
	expect(!crit_blob_same(file, (struct crit_span){1, 8}, &memory, 1));
	mixed[0].off = 0;
	expect(!crit_blob_same(file, span, mixed, 3));
	mixed[0].off = 1;
	mixed[2].off = 9;
	expect(!crit_blob_same(file, span, mixed, 3));
	expect(crit_blob_same(file, (struct crit_span){5, 0}, NULL, 0));
	expect(!crit_blob_same(file, span, NULL, 0));
	/* only the last byte of much differs */
	memset(big, 'b', 300000);
	expect_int(crit_pwrite_full(file->fd, big, 300000, 100), 0);
	expect(crit_blob_same(file, (struct crit_span){100, 300000}, &much, 1));
	big[299999]++;
	expect(!crit_blob_same(file, (struct crit_span){100, 300000}, &much, 1));
	/* what can't be read is not the same */
	expect(!crit_blob_same(file, (struct crit_span){100000000, 8}, &memory, 1));
	free(big);
	crit_file_put(file);
	crit_file_put(other);
}

static void same_semaphores_change_nothing(void)
{
	struct crit_edit edit = {0};
	struct made m = {0};
	struct crit_image *img;

	put_kind(&m, kind_called("ipcns-sem-9.img"));
	img = image_of(m.bytes.data, m.bytes.len, "ipcns-sem-9.img");
	expect_int(crit_edit_sems(img, (struct crit_place)ENTRY(0), "[1, 2,65535]", 12, &edit,
				  NULL),
		   0);
	expect(!edit.changes);
	crit_edit_fini(&edit);
	expect_int(crit_edit_sems(img, (struct crit_place)ENTRY(1), "[]", 2, &edit, NULL), 0);
	expect(!edit.changes);
	crit_edit_fini(&edit);
	expect_int(crit_edit_sems(img, (struct crit_place)ENTRY(0), "[1, 2,65534]", 12, &edit,
				  NULL),
		   0);
	expect(edit.changes);
	crit_edit_fini(&edit);
	crit_image_free(img);
	crit_buf_fini(&m.bytes);
}

static void refused_semaphores(void)
{
	static const struct {
		const char *text;
		unsigned line, col;
	} table[] = {
		{"[65536]", 1, 2},    {"[-1]", 1, 2},
		{"[1,\n 1.0]", 2, 2}, {"[1e2]", 1, 2},
		{"[\"1\"]", 1, 2},    {"{}", 1, 1},
		{"[1,]", 1, 4},       {"[1", 1, 3},
		{"[1] x", 1, 5},      {"[1] []", 1, 5},
		{"[01]", 1, 2},       {"1", 1, 1},
		{"", 1, 1},           {"[[1]]", 1, 2},
		{"[1 2]", 1, 4},      {"[100000000000000000000]", 1, 2},
		{"[null]", 1, 2},     {"[-0]", 1, 2},
		{"[1,,2]", 1, 4},
	};
	struct made m = {0};
	struct crit_image *img;
	size_t i;

	put_kind(&m, kind_called("ipcns-sem-9.img"));
	img = image_of(m.bytes.data, m.bytes.len, "ipcns-sem-9.img");
	for (i = 0; i < COUNT(table); i++) {
		struct crit_error err = {0};
		struct crit_edit edit = {0};

		unit_about("%s", table[i].text);
		expect_int(crit_edit_sems(img, (struct crit_place)ENTRY(0), table[i].text,
					  strlen(table[i].text), &edit, &err),
			   -EBADMSG);
		expect_int(err.line, table[i].line);
		expect_int(err.col, table[i].col);
		expect(!edit.changes);
		crit_edit_fini(&edit);
	}
	crit_image_free(img);
	crit_buf_fini(&m.bytes);
}

static void refused_edits(void)
{
	static const struct {
		const char *image;
		struct crit_place place;
		const char *json;
		int ret;
	} table[] = {
		{"pipes-data.img", ENTRY(0), "{\"pipe_id\": 1}", -EBADMSG},
		{"pipes-data.img", ENTRY(0), "{", -EBADMSG},
		{"pipes-data.img", ENTRY(3), "{\"pipe_id\": 1, \"bytes\": 1}", -ENOENT},
		{"ipcns-msg-9.img", {0, 2}, "{\"mtype\": 2, \"msize\": 0}", -ENOENT},
		{"ipcns-msg-9.img", {1, 0}, "{\"mtype\": 2, \"msize\": 0}", -ENOENT},
		{"ipcns-msg-9.img", {3, 0}, "{\"mtype\": 2, \"msize\": 0}", -ENOENT},
		/* bytes would lose their meaning */
		{"ipcns-shm-9.img", ENTRY(0), "{" DESC ", \"size\": 5, \"in_pagemaps\": true}",
		 -EBADMSG},
		{"ghost-file-1.img", ENTRY(0),
		 "{\"uid\": 1, \"gid\": 2, \"mode\": 33188, \"chunks\": true}", -EBADMSG},
		{"ghost-file-1.img", ENTRY(0), "{\"uid\": 1, \"gid\": 2, \"mode\": 8624}",
		 -EBADMSG},
		{"ghost-file-2.img", ENTRY(0), "{\"uid\": 1, \"gid\": 2, \"mode\": 33188}",
		 -EBADMSG},
		/* or there would have to be some that nobody wrote */
		{"ipcns-shm-9.img", ENTRY(1), "{" DESC ", \"size\": 5, \"in_pagemaps\": false}",
		 -EBADMSG},
	};
	struct made m = {0};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct crit_error err = {0};
		struct crit_edit edit = {0};
		struct crit_image *img;

		unit_about("%s: %s", table[i].image, table[i].json);
		put_kind(&m, kind_called(table[i].image));
		img = image_of(m.bytes.data, m.bytes.len, table[i].image);
		expect_int(crit_edit_json(img, table[i].place, table[i].json,
					  strlen(table[i].json), &edit, &err),
			   table[i].ret);
		if (table[i].ret == -EBADMSG)
			expect(err.line == 1 && err.col && *err.text);
		expect(!edit.changes);
		crit_edit_fini(&edit);
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
}

static void refused_blobs(void)
{
	const uint64_t four_gib = UINT64_C(1) << 32;
	static const struct {
		const char *image;
		struct crit_place place;
		enum crit_part part;
		int ret;
	} table[] = {
		{"pipes-data.img", ENTRY(0), CRIT_PART_INQ, -ENOENT},
		{"fdinfo-2.img", ENTRY(0), CRIT_PART_EXTRA, -ENOENT},
		{"ipcns-shm-9.img", ENTRY(1), CRIT_PART_EXTRA, -ENOENT},
		{"ghost-file-2.img", ENTRY(0), CRIT_PART_EXTRA, -ENOENT},
		{"ghost-file-3.img", ENTRY(0), CRIT_PART_EXTRA, -ENOENT},
		{"pipes-data.img", ENTRY(3), CRIT_PART_EXTRA, -ENOENT},
		/* more than the field can count */
		{"pipes-data.img", ENTRY(0), CRIT_PART_EXTRA, -EFBIG},
		{"tcp-stream-1f.img", ENTRY(0), CRIT_PART_OUTQ, -EFBIG},
		{"ipcns-msg-9.img", {0, 0}, CRIT_PART_EXTRA, -EFBIG},
		/* 64 bits can */
		{"ghost-file-2.img", ENTRY(1), CRIT_PART_EXTRA, 0},
		{"ipcns-shm-9.img", ENTRY(0), CRIT_PART_EXTRA, 0},
		{"ghost-file-1.img", ENTRY(0), CRIT_PART_EXTRA, 0},
	};
	struct crit_piece zeros = {.fd = -1, .len = four_gib};
	struct made m = {0};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct crit_error err = {0};
		struct crit_edit edit = {0};
		struct crit_image *img;

		unit_about("%s, entry %llu", table[i].image,
			   (unsigned long long)table[i].place.n);
		put_kind(&m, kind_called(table[i].image));
		img = image_of(m.bytes.data, m.bytes.len, table[i].image);
		expect_int(crit_edit_blob(img, table[i].place, table[i].part, &zeros, 1, &edit,
					  &err),
			   table[i].ret);
		expect_int(edit.changes, table[i].ret == 0);
		if (edit.changes)
			expect(edit.change.new_end - edit.change.old_end > four_gib - 100);
		crit_edit_fini(&edit);
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
}

/* A blob of many pieces, some of them of the image itself. */
static void blobs_of_pieces(void)
{
	struct crit_file *other = file_of("0123456789", 10);
	struct made before = {0}, after = {0};
	struct crit_edit edit = {0};
	int dir = unit_dir_open();
	struct crit_piece pieces[4];
	struct crit_entry e;
	struct scene s;

	put_kind(&before, kind_called("pipes-data.img"));
	s = scene_with(dir, "pipes-data.img", &before.bytes);
	expect_int(crit_image_entry(s.img, 0, &e, NULL), 0);
	pieces[0] = (struct crit_piece){.fd = other->fd, .off = 3, .len = 4};
	pieces[1] = (struct crit_piece){
		.fd = crit_image_file(s.img)->fd, .off = e.blob[0].off + 1, .len = 4};
	pieces[2] = (struct crit_piece){.fd = -1, .len = 3};
	pieces[3] = (struct crit_piece){.fd = -1, .data = (const uint8_t *)"!", .len = 1};
	expect_int(crit_edit_blob(s.img, (struct crit_place)ENTRY(2), CRIT_PART_EXTRA, pieces,
				  4, &edit, NULL),
		   0);
	expect_int(commit(&s, &edit, NULL), 0);
	put_header(&after, "PIPES_DATA", false);
	put_entry(&after, &kind_called("pipes-data.img")->entry[0]);
	put_entry(&after, &kind_called("pipes-data.img")->entry[1]);
	put_entry(&after, &(struct made_entry)ONE("{\"pipe_id\": 3, \"bytes\": 12}",
						  "3456ello\0\0\0!", 12));
	expect_file(&s, &after.bytes);
	crit_edit_fini(&edit);
	crit_image_free(s.img);
	crit_file_put(other);
	crit_buf_fini(&before.bytes);
	crit_buf_fini(&after.bytes);
	close(dir);
}

/* What nobody edited is copied, be it as odd as it may. */
static void other_bytes_stay(void)
{
	/* id 1 in three bytes and last; fields twice; an entry that can't be read; a tail */
	static const char odd[] = "\x18\x01\x20\x00\x10\x00\x08\x81\x80\x00";
	static const char twice[] = "\x08\x01\x08\x02\x10\x00\x18\x01\x20\x00";
	static const char broken[] = "\xff\xff\xff";
	static const char tail[] = "\x99\x00\x00\x00 and so on";
	struct made before = {0}, after = {0};
	struct crit_edit edit = {0};
	int dir = unit_dir_open();
	struct crit_buf text = {0};
	struct crit_entry e;
	struct scene s;
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct made *m = i ? &after : &before;

		put_header(m, "FDINFO", false);
		put_word(m, sizeof(odd) - 1);
		crit_buf_add(&m->bytes, odd, sizeof(odd) - 1);
		put_message(m, m->h.type->head, i ? FD_2 : FD_0);
		put_word(m, sizeof(twice) - 1);
		crit_buf_add(&m->bytes, twice, sizeof(twice) - 1);
		put_word(m, sizeof(broken) - 1);
		crit_buf_add(&m->bytes, broken, sizeof(broken) - 1);
		crit_buf_add(&m->bytes, tail, sizeof(tail) - 1);
	}
	s = scene_with(dir, "fdinfo-2.img", &before.bytes);
	/* an odd entry's own text is no change either */
	for (i = 0; i < 3; i += 2) {
		expect_int(crit_image_entry(s.img, i, &e, NULL), 0);
		crit_buf_reset(&text);
		expect_int(crit_image_print(s.img, &e, false, &text, NULL), 0);
		expect_no_change(s.img, (struct crit_place){i, CRIT_NO_MSG}, text.data,
				 text.len);
	}
	expect_int(crit_edit_json(s.img, (struct crit_place)ENTRY(1), FD_2, strlen(FD_2), &edit,
				  NULL),
		   0);
	expect_int(commit(&s, &edit, NULL), 0);
	expect_file(&s, &after.bytes);
	expect_index(&s);
	crit_edit_fini(&edit);
	/* the one that can't be read is replaced by one that can */
	expect_int(crit_edit_json(s.img, (struct crit_place)ENTRY(3), FD_1, strlen(FD_1), &edit,
				  NULL),
		   0);
	expect(edit.changes);
	expect_int(commit(&s, &edit, NULL), 0);
	expect_index(&s);
	expect_int(crit_image_entry(s.img, 3, &e, NULL), 0);
	expect_int(crit_image_decodes(s.img, &e, NULL), 1);
	crit_edit_fini(&edit);
	crit_image_free(s.img);
	crit_buf_fini(&text);
	crit_buf_fini(&before.bytes);
	crit_buf_fini(&after.bytes);
	close(dir);
}

/* Headers stay as they were: v1.0, and the byte order. */
static void headers_and_byte_order_stay(void)
{
	struct made before = {0}, after = {0};
	struct crit_edit edit = {0};
	int dir = unit_dir_open();
	struct scene s;
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct made *m = i ? &after : &before;

		put_header(m, "IPCNS_SEM", true);
		put_message(m, m->h.type->head,
			    i ? "{" DESC ", \"nsems\": 1}" : "{" DESC ", \"nsems\": 2}");
		crit_buf_add(&m->bytes, i ? "\1\2\0\0\0\0\0\0" : "\0\1\0\2\0\0\0\0", 8);
		put_message(m, m->h.type->head, "{" DESC ", \"nsems\": 0}");
	}
	s = scene_with(dir, "ipcns-sem-1.img", &before.bytes);
	expect_int(crit_edit_sems(s.img, (struct crit_place)ENTRY(0), "[258]", 5, &edit, NULL),
		   0);
	expect_int(commit(&s, &edit, NULL), 0);
	expect_file(&s, &after.bytes);
	expect_index(&s);
	crit_edit_fini(&edit);
	crit_image_free(s.img);

	put_kind(&before, kind_called("fdinfo-2.img"));
	memmove(before.bytes.data, before.bytes.data + 4, before.bytes.len -= 4);
	s = scene_with(dir, "fdinfo-2.img", &before.bytes);
	expect_int(crit_edit_json(s.img, (struct crit_place)ENTRY(0), FD_2, strlen(FD_2), &edit,
				  NULL),
		   0);
	expect_int(commit(&s, &edit, NULL), 0);
	crit_buf_reset(&after.bytes);
	crit_buf_add(&after.bytes, before.bytes.data, 4);
	after.h.big_endian = false;
	put_message(&after, &crit_msg_fdinfo_entry, FD_2);
	put_message(&after, &crit_msg_fdinfo_entry, FD_1);
	put_message(&after, &crit_msg_fdinfo_entry, FD_2);
	expect_file(&s, &after.bytes);
	crit_edit_fini(&edit);
	crit_image_free(s.img);
	crit_buf_fini(&before.bytes);
	crit_buf_fini(&after.bytes);
	close(dir);
}

static void grow_or_shrink(struct scene *s, struct unit_random *r, unsigned n)
{
	static const uint8_t letters[400] = "abc";
	struct crit_piece piece = {
		.fd = -1, .data = letters, .len = unit_below(r, sizeof(letters))};
	struct crit_place place = {unit_below(r, n), CRIT_NO_MSG};
	struct crit_edit edit = {0};
	struct crit_entry e;

	expect_int(crit_image_entry(s->img, place.n, &e, NULL), 0);
	if (e.n_msgs)
		place.m = unit_below(r, e.n_msgs);
	else if (e.part[0] == CRIT_PART_MSGS)
		return;
	expect_int(crit_edit_blob(s->img, place, CRIT_PART_EXTRA, &piece, 1, &edit, NULL), 0);
	expect_int(commit(s, &edit, NULL), 0);
	crit_edit_fini(&edit);
}

/* Edit after edit through one open image, compared with one opened anew. */
static void edit_many(struct scene *s, struct unit_random *r, unsigned n)
{
	struct crit_image *fresh;
	struct crit_entry e;
	unsigned i, j;

	for (i = 0; i < 60; i++) {
		unit_about("%s, edit %u", s->name, i);
		if (i % 10 == 0) { /* an index that goes only so far */
			crit_image_free(s->img);
			s->img = open_image(s->dir, s->name);
			expect_int(crit_image_entry(s->img, unit_below(r, n), &e, NULL), 0);
		}
		grow_or_shrink(s, r, n);
		fresh = open_image(s->dir, s->name);
		for (j = 0; j < 20; j++)
			expect_same_at(s->img, fresh, unit_below(r, n));
		crit_image_free(fresh);
		if (i % 4 == 0)
			expect_index(s);
	}
	expect_index(s);
}

static void the_index_follows(void)
{
	struct unit_random r = unit_seed(30);
	int dir = unit_dir_open();
	struct made m = {0};
	struct scene s;

	put_many(&m, &r, 300);
	s = scene_with(dir, "pipes-data.img", &m.bytes);
	edit_many(&s, &r, 300);
	crit_image_free(s.img);
	put_queues(&m, &r, 70);
	s = scene_with(dir, "ipcns-msg-1.img", &m.bytes);
	edit_many(&s, &r, 70);
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

/* What follows the first entry of a ghost hangs on what it says. */
static void ghosts_lose_and_get_contents(void)
{
	static const char chunks[] =
		"{\"uid\": 1, \"gid\": 2, \"mode\": 33188, \"chunks\": true}";
	static const char contents[] = "{\"uid\": 1, \"gid\": 2, \"mode\": 33188}";
	struct crit_piece piece = {.fd = -1, .data = (const uint8_t *)"data", .len = 4};
	struct crit_place first = ENTRY(0);
	struct crit_edit edit = {0};
	int dir = unit_dir_open();
	struct made m = {0};
	struct crit_entry e;
	struct scene s;

	put_kind(&m, kind_called("ghost-file-1.img"));
	s = scene_with(dir, "ghost-file-1.img", &m.bytes);
	expect_int(crit_edit_blob(s.img, first, CRIT_PART_EXTRA, NULL, 0, &edit, NULL), 0);
	expect_int(commit(&s, &edit, NULL), 0);
	crit_edit_fini(&edit);
	expect_int(crit_edit_json(s.img, first, chunks, strlen(chunks), &edit, NULL), 0);
	expect_int(commit(&s, &edit, NULL), 0);
	crit_edit_fini(&edit);
	expect_index(&s);
	expect_int(crit_image_entry(s.img, 0, &e, NULL), 0);
	expect_int(e.n_blobs, 0);
	expect_int(crit_edit_json(s.img, first, contents, strlen(contents), &edit, NULL), 0);
	expect_int(commit(&s, &edit, NULL), 0);
	crit_edit_fini(&edit);
	expect_int(crit_edit_blob(s.img, first, CRIT_PART_EXTRA, &piece, 1, &edit, NULL), 0);
	expect_int(commit(&s, &edit, NULL), 0);
	crit_edit_fini(&edit);
	expect_index(&s);
	put_header(&m, "GHOST_FILE", false);
	put_entry(&m, &(struct made_entry)ONE(contents, "data", 4));
	expect_file(&s, &m.bytes);
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

static const struct unit_test tests[] = {
	TEST(every_kind_of_edit),
	TEST(own_text_changes_nothing),
	TEST(other_lengths_change_nothing),
	TEST(same_blobs_are_told),
	TEST(same_semaphores_change_nothing),
	TEST(refused_semaphores),
	TEST(refused_edits),
	TEST(refused_blobs),
	TEST(blobs_of_pieces),
	TEST(other_bytes_stay),
	TEST(headers_and_byte_order_stay),
	TEST(the_index_follows),
	TEST(ghosts_lose_and_get_contents),
};

UNIT_MAIN(tests)
