/*
 * Images as documents: in pieces, and read at any offset, they are the same text,
 * whatever was asked before.
 */
#include "documents.h"

#include "decoder/json.h"

/* Style `i` of 16. */
static struct crit_document_style style_of(unsigned i)
{
	return (struct crit_document_style){
		.plain = i & 1, .one_line = i & 2, .no_payload = i & 4, .newline = i & 8};
}

static void expect_text(struct crit_document *d, const struct crit_buf *text, uint64_t off,
			size_t len)
{
	size_t there = off < text->len ? text->len - (size_t)off : 0;
	uint8_t *found = malloc(len + 1);
	struct crit_error err = {0};
	ssize_t n;

	expect(found != NULL);
	if (there > len)
		there = len;
	found[there] = 0xa5;
	n = crit_document_read(d, found, len, off, &err);
	if (n < 0)
		fail("expected %zu bytes at %llu, found %s", there, (unsigned long long)off,
		     err.text);
	expect_bytes(found, (size_t)n, text->data + (off < text->len ? off : 0), there);
	expect_int(found[there], 0xa5);
	free(found);
}

static void expect_size(struct crit_document *d, const struct crit_buf *text)
{
	struct crit_error err = {0};
	uint64_t size = 0;

	if (crit_document_size(d, &size, &err) < 0)
		fail("expected %zu bytes, found %s", text->len, err.text);
	expect_u64(size, text->len);
}

static void expect_reads(struct crit_document *d, const struct crit_buf *text,
			 struct unit_random *r, unsigned n)
{
	while (n--) {
		uint64_t off = unit_below(r, text->len + 20);

		switch (unit_below(r, 8)) {
		case 0:
			expect_size(d, text);
			break;
		case 1: /* on and on */
			for (; off < text->len && unit_below(r, 9); off += 5000)
				expect_text(d, text, off, 5000);
			break;
		case 2:
			expect_text(d, text, off, unit_below(r, 300000));
			break;
		default:
			expect_text(d, text, off, unit_below(r, 300));
		}
	}
}

/* Pieces, size and reads of one document, in several orders. */
static void expect_same_text(const struct doc_image *image, struct crit_document_style style,
			     struct unit_random *r, struct crit_buf *text)
{
	const struct crit_buf *bytes = &image->made.bytes;
	struct crit_document *d;
	struct crit_buf again = {0};

	put_document(text, bytes, image->name, style);
	d = document_of(bytes, image->name, style);
	expect_size(d, text);
	expect_size(d, text);
	expect_text(d, text, 0, text->len + 1);
	expect_reads(d, text, r, 30);
	crit_document_free(d);

	d = document_of(bytes, image->name, style);
	expect_reads(d, text, r, 30);
	expect_text(d, text, text->len, 1);
	expect_text(d, text, UINT64_MAX, 1);
	expect_text(d, text, text->len / 2, 0);
	expect_size(d, text);
	crit_document_free(d);

	d = document_of(bytes, image->name, style);
	put_rest(&again, d);
	expect_bytes(again.data, again.len, text->data, text->len);
	expect_reads(d, text, r, 5);
	expect_size(d, text);
	crit_document_free(d);
	crit_buf_fini(&again);
}

static void reads_are_the_pieces(void)
{
	struct unit_random r = unit_seed(51);
	struct doc_image image = {0};
	struct crit_buf text = {0};
	unsigned s;
	size_t i;

	for (i = 0; i < DOC_IMAGES; i++) {
		put_doc_image(&image, i);
		for (s = 0; s < 16; s += image.big ? 5 : 1) {
			unit_about("image %zu, %s, style %u", i, image.name, s);
			expect_same_text(&image, style_of(s), &r, &text);
		}
	}
	crit_buf_fini(&text);
	crit_buf_fini(&image.made.bytes);
}

/* Each byte of small documents, on its own, forwards and backwards. */
static void single_bytes(void)
{
	struct doc_image image = {0};
	struct crit_buf text = {0};
	struct crit_document *d;
	size_t i, at;

	for (i = 0; i < DOC_IMAGES; i++) {
		put_doc_image(&image, i);
		if (image.big)
			continue;
		put_document(&text, &image.made.bytes, image.name, style_of(0));
		d = document_of(&image.made.bytes, image.name, style_of(0));
		for (at = 0; at < text.len; at++)
			expect_text(d, &text, at, 1);
		while (at--)
			expect_text(d, &text, at, 1);
		crit_document_free(d);
	}
	crit_buf_fini(&text);
	crit_buf_fini(&image.made.bytes);
}

/* The same tokens, whatever white space is between them. */
static void expect_same_tokens(const struct crit_buf *a, const struct crit_buf *b)
{
	struct crit_json one, other;
	int token;

	crit_json_init(&one, (char *)a->data, a->len, NULL);
	crit_json_init(&other, (char *)b->data, b->len, NULL);
	do {
		token = crit_json_next(&one);
		expect(token >= 0);
		expect_int(crit_json_next(&other), token);
		if (token == CRIT_JSON_STRING || token == CRIT_JSON_NUMBER)
			expect_bytes(one.value, one.value_len, other.value, other.value_len);
	} while (token != CRIT_JSON_END);
	crit_json_fini(&one);
	crit_json_fini(&other);
}

static void expect_json(const struct crit_buf *text)
{
	struct crit_error err = {0};

	if (crit_json_check((char *)text->data, text->len, &err))
		fail("expected JSON, found %u:%u: %s", err.line, err.col, err.text);
}

static void styles_are_what_they_say(void)
{
	struct crit_buf lines = {0}, one_line = {0}, newline = {0};
	struct doc_image image = {0};
	unsigned s;
	size_t i;

	for (i = 0; i < DOC_IMAGES; i++) {
		put_doc_image(&image, i);
		for (s = 0; s < 8; s++) {
			struct crit_document_style style = style_of(s);

			if (style.one_line)
				continue;
			unit_about("image %zu, %s, style %u", i, image.name, s);
			put_document(&lines, &image.made.bytes, image.name, style);
			expect_json(&lines);
			style.newline = true;
			put_document(&newline, &image.made.bytes, image.name, style);
			crit_buf_byte(&lines, '\n');
			expect_bytes(newline.data, newline.len, lines.data, lines.len);
			style = style_of(s | 2);
			put_document(&one_line, &image.made.bytes, image.name, style);
			expect(!memchr(one_line.data, '\n', one_line.len));
			expect_same_tokens(&one_line, &lines);
		}
	}
	crit_buf_fini(&lines);
	crit_buf_fini(&one_line);
	crit_buf_fini(&newline);
	crit_buf_fini(&image.made.bytes);
}

/* Documents in full, plain ones on one line. */
static const struct {
	const char *image;
	enum doc_change change;
	bool no_payload;
	const char *text;
} texts[] = {
	{"fdinfo-2.img", DOC_NO_ENTRY, false, "{\"magic\": \"FDINFO\", \"entries\": []}"},
	{"fdinfo-2.img", DOC_V10, false,
	 "{\"magic\": \"FDINFO\", \"$header\": \"v1.0\", \"entries\": [" FD_0 ", " FD_1
	 ", " FD_2 "]}"},
	{"fdinfo-2.img", DOC_RAW, true,
	 "{\"magic\": \"FDINFO\", \"entries\": [" FD_0 ", " FD_1 ", " FD_2
	 ", {\"$raw\": \"CP8=\\n\"}]}"},
	{"fdinfo-2.img", DOC_EMPTY, false,
	 "{\"magic\": \"FDINFO\", \"entries\": [" FD_0 ", " FD_1 ", " FD_2
	 ", {\"$raw\": \"\"}]}"},
	{"fdinfo-2.img", DOC_TAIL, false,
	 "{\"magic\": \"FDINFO\", \"entries\": [" FD_0 ", " FD_1 ", " FD_2
	 "], \"$tail\": \"QAAAAHRhaWz/\\n\"}"},
	{"sk-queues.img", DOC_NONE, false,
	 "{\"magic\": \"SK_QUEUES\", \"entries\": ["
	 "{\"id_for\": 1, \"length\": 1, \"extra\": \"eA==\\n\"}, "
	 "{\"id_for\": 2, \"length\": 7, \"extra\": \"BAAAAGFiYw==\\n\"}, "
	 "{\"id_for\": 3, \"length\": 2, \"extra\": \"eXo=\\n\"}]}"},
	{"sk-queues.img", DOC_BIG_ENDIAN, true,
	 "{\"magic\": \"SK_QUEUES\", \"$byteorder\": \"big\", \"entries\": ["
	 "{\"id_for\": 1, \"length\": 1, \"extra\": \"... <1B>\"}, "
	 "{\"id_for\": 2, \"length\": 7, \"extra\": \"... <7B>\"}, "
	 "{\"id_for\": 3, \"length\": 2, \"extra\": \"... <2B>\"}]}"},
	{"bpfmap-data.img", DOC_NONE, false,
	 "{\"magic\": \"BPFMAP_DATA\", \"entries\": ["
	 "{\"map_id\": 1, \"keys_bytes\": 4, \"values_bytes\": 8, \"count\": 1, "
	 "\"extra\": \"S0VZU1YgIFZBTFVF\\n\"}, "
	 "{\"map_id\": 2, \"keys_bytes\": 0, \"values_bytes\": 0, \"count\": 0, "
	 "\"extra\": \"\"}, "
	 "{\"map_id\": 3, \"keys_bytes\": 1, \"values_bytes\": 2, \"count\": 1, "
	 "\"extra\": \"S1ZW\\n\"}]}"},
	{"ghost-file-2.img", DOC_NONE, false,
	 "{\"magic\": \"GHOST_FILE\", \"entries\": ["
	 "{\"uid\": 1, \"gid\": 2, \"mode\": 33188, \"chunks\": true, \"size\": 8192}, "
	 "{\"len\": 6, \"off\": 0, \"extra\": \"Y2h1bmsx\\n\"}, "
	 "{\"len\": 3, \"off\": 4096, \"extra\": \"dHdv\\n\"}]}"},
};

static void whole_texts(void)
{
	struct crit_document_style style = {.plain = true, .one_line = true};
	struct crit_buf text = {0};
	struct made m = {0};
	size_t i, k;

	for (i = 0; i < COUNT(texts); i++) {
		unit_about("row %zu, %s", i, texts[i].image);
		for (k = 0; strcmp(made_kinds[k].name, texts[i].image); k++)
			;
		put_changed(&m, &made_kinds[k], texts[i].change);
		style.no_payload = texts[i].no_payload;
		put_document(&text, &m.bytes, texts[i].image, style);
		crit_buf_byte(&text, '\0');
		expect_str((char *)text.data, texts[i].text);
	}
	crit_buf_fini(&text);
	crit_buf_fini(&m.bytes);
}

/* A message that can't be decoded is raw, what follows it is not. */
static void raw_entries_have_extras(void)
{
	static const char wanted[] =
		"{\"magic\": \"TCP_STREAM\", \"entries\": [{\"$raw\": \"CAMYBQ==\\n\", \"extra\": "
		"{\"inq\": \"aW4u\\n\", \"outq\": \"b3V0Li4=\\n\"}}, {\"$raw\": \"CAAYAA==\\n\", "
		"\"extra\": {\"inq\": \"\", \"outq\": \"\"}}]}";
	struct crit_buf text = {0};
	struct made m = {0};

	put_raw_blobs(&m);
	put_document(&text, &m.bytes, "tcp-stream-1.img", style_of(2));
	expect_bytes(text.data, text.len, wanted, sizeof(wanted) - 1);
	crit_buf_fini(&text);
	crit_buf_fini(&m.bytes);
}

/* A read of a file that was cut gives an error, or what was there. */
static void expect_cut_read(struct crit_document *d, const struct crit_buf *text, uint64_t off,
			    size_t len)
{
	struct crit_error err = {0};
	uint8_t *found = malloc(len);
	ssize_t n = crit_document_read(d, found, len, off, &err);

	expect(found != NULL);
	if (n < 0)
		expect_int(err.errnum, -n);
	else
		expect_bytes(found, (size_t)n, text->data + off,
			     len < text->len - off ? len : text->len - (size_t)off);
	free(found);
}

/* A document of an image, the file of which is cut to `len` bytes. */
static void expect_cut(struct doc_image *image, const struct crit_buf *text, off_t len,
		       bool read_before, struct unit_random *r)
{
	struct crit_file *file = file_of(image->made.bytes.data, image->made.bytes.len);
	struct crit_error err = {0};
	struct crit_document *d;
	uint64_t size;
	uint8_t head[9];
	const void *piece;
	unsigned i;
	ssize_t n;

	expect_int(crit_document_new(file, image->name, style_of(0), &d, &err), 0);
	if (read_before)
		expect_reads(d, text, r, 3);
	expect_int(ftruncate(file->fd, len), 0);
	for (i = 0; i < 10; i++)
		expect_cut_read(d, text, unit_below(r, text->len),
				1 + unit_below(r, i % 2 ? 200000 : 200));
	if (crit_document_size(d, &size, &err) == 0)
		expect_u64(size, text->len);
	/* the beginning is there */
	if (len > LARGE) {
		expect_int(crit_document_read(d, head, sizeof(head), 0, &err), sizeof(head));
		expect_bytes(head, sizeof(head), text->data, sizeof(head));
	}
	for (i = 0; i < 100000 && (n = crit_document_next(d, &piece, &err)) > 0; i++)
		;
	expect(i < 100000);
	/* nothing wrong is left behind: once all of it is there again, it is the same text */
	expect_int(crit_pwrite_full(file->fd, image->made.bytes.data, image->made.bytes.len, 0),
		   0);
	expect_reads(d, text, r, 5);
	expect_size(d, text);
	crit_document_free(d);
	crit_file_put(file);
}

static void files_that_are_cut(void)
{
	struct unit_random r = unit_seed(53);
	struct doc_image image = {0};
	struct crit_buf text = {0};
	size_t i, c;

	for (i = 0; i < DOC_IMAGES; i++) {
		put_doc_image(&image, i);
		put_document(&text, &image.made.bytes, image.name, style_of(0));
		for (c = 0; c < 6; c++) {
			unit_about("image %zu, %s, cut %zu", i, image.name, c);
			expect_cut(&image, &text, (off_t)(image.made.bytes.len * c / 6), c % 2,
				   &r);
		}
	}
	crit_buf_fini(&text);
	crit_buf_fini(&image.made.bytes);
}

/* What is behind the cut is an error at every call, what is before it never one. */
static void cut_within_a_blob(void)
{
	struct doc_image image = {0};
	struct crit_buf text = {0};
	struct crit_error err = {0};
	struct crit_document *d;
	struct crit_file *file;
	uint8_t *all;
	unsigned i;

	put_doc_image(&image, DOC_CHANGED); /* large blobs */
	put_document(&text, &image.made.bytes, image.name, style_of(0));
	file = file_of(image.made.bytes.data, image.made.bytes.len);
	expect_int(crit_document_new(file, image.name, style_of(0), &d, &err), 0);
	expect_int(ftruncate(file->fd, LARGE / 2), 0);
	all = malloc(text.len);
	expect(all != NULL);
	for (i = 0; i < 5; i++) {
		unit_about("round %u", i);
		err = (struct crit_error){0};
		expect_int(crit_document_read(d, all, text.len, 0, &err), -EIO);
		expect(*err.text);
		expect_text(d, &text, 0, 1000000);
		expect_int(crit_document_read(d, all, 100, 3000000, &err), -EIO);
		expect_text(d, &text, 1000000, 100000);
	}
	free(all);
	crit_document_free(d);
	crit_file_put(file);
	crit_buf_fini(&text);
	crit_buf_fini(&image.made.bytes);
}

static void no_images(void)
{
	static const char *const bytes[] = {"", "abc", "no image at all", "{\"magic\": 1}"};
	struct crit_error err;
	struct crit_document *d;
	struct crit_file *file;
	size_t i;

	for (i = 0; i < COUNT(bytes); i++) {
		unit_about("%s", bytes[i]);
		err = (struct crit_error){0};
		file = file_of(bytes[i], strlen(bytes[i]));
		expect_int(crit_document_new(file, "core-1.img", style_of(0), &d, &err), -EIO);
		expect(!d);
		expect(*err.text);
		expect_int(file->refs, 1);
		crit_file_put(file);
	}
	crit_document_free(NULL);
}

static const struct unit_test tests[] = {
	TEST(reads_are_the_pieces),     TEST(single_bytes),
	TEST(styles_are_what_they_say), TEST(whole_texts),
	TEST(raw_entries_have_extras),  TEST(files_that_are_cut),
	TEST(cut_within_a_blob),        TEST(no_images),
};

UNIT_MAIN(tests)
