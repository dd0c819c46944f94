/*
 * The input is an image, or else a document. The document of an image makes an image with
 * the same document, and no change of that image; an image made of a document has one that
 * makes the same bytes.
 */
#include "fuzz.h"

#include "decoder/compose.h"
#include "tests/unit/documents.h"
#include "tests/unit/sources.h"

static int compose(const struct crit_buf *text, struct crit_buf *image, struct crit_error *err)
{
	struct text_source source = text_pipe(text->data, text->len);
	struct crit_spool out;
	int ret;

	crit_spool_init(&out, -1);
	ret = crit_compose(&source.source, NULL, &out, err);
	if (ret == 0)
		put_spool(image, &out);
	crit_spool_fini(&out);
	return ret;
}

/* The image of a text that has to be a document. */
static void compose_good(const struct crit_buf *text, struct crit_buf *image)
{
	struct crit_error err = {0};

	if (compose(text, image, &err) < 0)
		fail("expected the document to be taken, found %u:%u: %s\n%.*s", err.line,
		     err.col, err.text, (int)text->len, (const char *)text->data);
}

static void expect_no_change(const struct crit_buf *image, const struct crit_buf *text)
{
	struct crit_image *img = image_of(image->data, image->len, NULL);
	struct text_source source = text_pipe(text->data, text->len);
	struct crit_error err = {0};
	struct crit_edit edit = {0};
	struct crit_spool out;

	crit_spool_init(&out, -1);
	if (crit_edit_document(img, &source.source, &out, &edit, &err) < 0)
		fail("expected its own document to be taken, found %u:%u: %s", err.line,
		     err.col, err.text);
	if (edit.changes)
		fail("expected no change by its own document\n%.*s", (int)text->len,
		     (const char *)text->data);
	crit_edit_fini(&edit);
	crit_spool_fini(&out);
	crit_image_free(img);
}

/* Its length and what can be read of it here and there are those of its pieces. */
static void expect_reads(const struct crit_buf *image, struct crit_document_style style,
			 const struct crit_buf *text, struct unit_random *r)
{
	struct crit_document *d = document_of(image, NULL, style);
	unsigned i;

	for (i = 0; i < 8; i++) {
		size_t off = unit_below(r, text->len + 2), there;
		size_t len = 1 + unit_below(r, i & 1 ? 20 : 5000);
		uint8_t *found = malloc(len);
		uint64_t size;
		ssize_t n;

		unit_about("bytes from %zu on", off);
		there = off < text->len ? text->len - off : 0;
		n = crit_document_read(d, found, len, off, NULL);
		expect_bytes(found, (size_t)n, text->data + (there ? off : 0),
			     there < len ? there : len);
		free(found);
		expect_int(crit_document_size(d, &size, NULL), 0);
		expect_u64(size, text->len);
	}
	crit_document_free(d);
}

static void expect_document(const struct crit_buf *text)
{
	struct crit_error err = {0};

	if (crit_json_check((const char *)text->data, text->len, &err))
		fail("expected JSON, found %u:%u: %s", err.line, err.col, err.text);
}

/* In one of the styles, which are many. */
static void try_image(const struct crit_buf *image, struct unit_random *r)
{
	size_t i = unit_below(r, 16);
	struct crit_document_style style = {
		.plain = i & 1, .one_line = i & 2, .newline = i & 4, .no_payload = i == 8};
	struct crit_buf text = {0}, other = {0}, again = {0};

	unit_about("style %zu", i);
	put_document(&text, image, NULL, style);
	expect_document(&text);
	expect_reads(image, style, &text, r);
	unit_about("style %zu", i);
	if (!style.no_payload) {
		compose_good(&text, &other);
		put_document(&again, &other, NULL, style);
		expect_bytes(again.data, again.len, text.data, text.len);
		expect_no_change(image, &text);
	}
	crit_buf_fini(&text);
	crit_buf_fini(&other);
	crit_buf_fini(&again);
}

/* May bytes be given that are something else when they are read again? */
static bool has_raw_bytes(const struct crit_buf *text)
{
	static const char *const words[] = {CRIT_KEY_RAW, CRIT_KEY_TAIL, "\\u"};
	size_t i;

	for (i = 0; i < COUNT(words); i++)
		if (memmem(text->data, text->len, words[i], strlen(words[i])))
			return true;
	return false;
}

static void try_text(const struct crit_buf *text)
{
	struct crit_buf image = {0}, made = {0}, other = {0}, again = {0};
	struct crit_document_style style = {.plain = false};
	struct crit_error err = {0};
	int ret = compose(text, &image, &err);

	if (ret < 0) {
		expect_int(ret, -EBADMSG);
		expect(*err.text);
	} else {
		expect_document(text);
		put_document(&made, &image, NULL, style);
		compose_good(&made, &other);
		put_document(&again, &other, NULL, style);
		expect_bytes(again.data, again.len, made.data, made.len);
		if (!has_raw_bytes(text))
			expect_bytes(other.data, other.len, image.data, image.len);
	}
	crit_buf_fini(&image);
	crit_buf_fini(&made);
	crit_buf_fini(&other);
	crit_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct unit_random r = fuzz_random(data, len);
	struct crit_buf input = {0};
	struct crit_header h;

	crit_buf_add(&input, data, len);
	if (crit_header_read(NULL, data, len, &h))
		try_image(&input, &r);
	else
		try_text(&input);
	crit_buf_fini(&input);
	return 0;
}
