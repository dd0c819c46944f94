/*
 * The input is an image: its frames, found in several orders, and the text of every entry.
 * The frames cover the file, each text says what the message says, and back.
 */
#include "fuzz.h"

#include "decoder/sems.h"
#include "tests/unit/codec.h"
#include "tests/unit/images.h"
#include "tests/unit/texts.h"

/* The file has `len` bytes. */
static void expect_blobs(const struct crit_entry *e, size_t len)
{
	uint64_t at = e->message.off + e->message.len;
	unsigned i;

	expect_u64(e->message.off, e->off + 4);
	for (i = 0; i < e->n_blobs; i++) {
		expect_u64(e->blob[i].off, at);
		at += e->blob[i].len;
	}
	expect(e->end >= at && e->end - at < 8); /* padding */
	expect(e->end <= len);
}

static void expect_messages(struct crit_image *img, const struct crit_entry *e, size_t len)
{
	struct crit_entry msg;
	uint64_t m, at = e->n_blobs ? e->blob[0].off : e->end;

	for (m = 0; m < e->n_msgs; m++) {
		expect_int(crit_image_msg(img, e, m, &msg, NULL), 0);
		expect_u64(msg.off, at);
		expect_blobs(&msg, len);
		at = msg.end;
	}
	expect_int(crit_image_msg(img, e, m, &msg, NULL), -ENOENT);
	if (e->n_msgs)
		expect_u64(at, e->end);
}

/* Header, entries and tail are one behind the other, and all there is. */
static uint64_t expect_frames(struct crit_image *img, size_t len)
{
	uint64_t at = crit_image_header(img)->len, n;
	struct crit_span tail;
	struct crit_entry e;

	for (n = 0; crit_image_entry(img, n, &e, NULL) == 0; n++) {
		unit_about("entry %llu", (unsigned long long)n);
		expect_u64(e.off, at);
		expect_blobs(&e, len);
		expect_messages(img, &e, len);
		at = e.end;
	}
	unit_about("all entries");
	expect_int(crit_image_entry(img, n, &e, NULL), -ENOENT);
	expect_u64(count_of(img), n);
	expect_int(crit_image_tail(img, &tail, NULL), 0);
	expect_u64(tail.off, at);
	expect_u64(tail.off + tail.len, len);
	return n;
}

/* Asked for from the end on, and here and there, entries are the same. */
static void expect_any_order(struct crit_image *img, struct crit_file *file, uint64_t count,
			     struct unit_random *r)
{
	struct crit_image *other = image_of_file(crit_file_get(file), NULL);
	struct crit_image *there = image_of_file(crit_file_get(file), NULL);
	uint64_t n;

	for (n = count; n-- > 0;) {
		unit_about("entry %llu in another order", (unsigned long long)n);
		expect_same_at(other, img, n);
		if (n % 8 == 0)
			expect_same_at(there, img, unit_below(r, count));
	}
	expect_same_image(there, img);
	crit_image_free(other);
	crit_image_free(there);
}

/*
 * What the text says is what the message says. protobuf-c, which refuses a field of another
 * wire type than the schema has, takes what it becomes if it took the message.
 */
static void expect_back(struct crit_image *img, const struct crit_entry *e, bool plain,
			const struct crit_buf *text)
{
	struct crit_style style = crit_image_style(img, plain);
	struct crit_buf stored = {0}, wire = {0}, again = {0}, packed = {0};

	parse(e->type, text->data, text->len, &style, &wire);
	print(e->type, &wire, &style, &again);
	crit_buf_byte(&again, '\n');
	expect_bytes(again.data, again.len, text->data, text->len);
	crit_buf_add(&stored, crit_image_bytes(img, e->message, NULL), e->message.len);
	expect(!repack(e->type, &stored, &packed) || repack(e->type, &wire, &packed));
	crit_buf_fini(&stored);
	crit_buf_fini(&wire);
	crit_buf_fini(&again);
	crit_buf_fini(&packed);
}

static void expect_texts(struct crit_image *img, const struct crit_entry *e)
{
	struct crit_buf text = {0};
	struct crit_error err = {0};
	unsigned plain;

	for (plain = 0; plain < 2; plain++) {
		if (!expect_text(img, e, plain, &text))
			continue;
		if (crit_json_check((const char *)text.data, text.len, &err))
			fail("expected JSON, found %u:%u: %s", err.line, err.col, err.text);
		expect_back(img, e, plain, &text);
	}
	crit_buf_fini(&text);
}

/* The values of semaphores as a list, and back. */
static void expect_sems(struct crit_image *img, const struct crit_entry *e)
{
	struct crit_buf text = {0}, back = {0};
	struct crit_error err = {0};

	if (!e->n_blobs || e->part[0] != CRIT_PART_SEMS)
		return;
	expect_int(crit_sems_print(img, e->blob[0], &text, NULL), 0);
	if (crit_sems_parse(img, (const char *)text.data, text.len, &back, &err) < 0)
		fail("expected a list, found %u:%u: %s", err.line, err.col, err.text);
	expect_bytes(back.data, back.len, crit_image_bytes(img, e->blob[0], NULL),
		     e->blob[0].len);
	crit_buf_fini(&text);
	crit_buf_fini(&back);
}

static void expect_all_texts(struct crit_image *img)
{
	struct crit_entry e, msg;
	uint64_t n, m;

	for (n = 0; crit_image_entry(img, n, &e, NULL) == 0; n++) {
		unit_about("entry %llu", (unsigned long long)n);
		expect_texts(img, &e);
		expect_sems(img, &e);
		for (m = 0; m < e.n_msgs; m++) {
			unit_about("entry %llu, message %llu", (unsigned long long)n,
				   (unsigned long long)m);
			expect_int(crit_image_msg(img, &e, m, &msg, NULL), 0);
			expect_texts(img, &msg);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct unit_random r = fuzz_random(data, len);
	struct crit_file *file = file_of(data, len);
	struct crit_image *img;
	struct crit_error err = {0};

	if (crit_image_new(file, NULL, &img, &err) < 0) {
		expect(*err.text);
	} else {
		expect_any_order(img, file, expect_frames(img, len), &r);
		expect_all_texts(img);
		crit_image_free(img);
	}
	crit_file_put(file);
	return 0;
}
