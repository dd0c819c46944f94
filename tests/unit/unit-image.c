/*
 * Images as they should be: where entries and their parts are found, in which
 * order ever one asks, and in how much memory.
 */
#include <malloc.h>

#include "decoder/sems.h"
#include "images.h"
#include "schema-messages.h"

static void expect_msgs(struct crit_image *img, const struct crit_entry *e,
			const struct made_entry *made)
{
	struct crit_entry msg;
	unsigned m;

	for (m = 0; m < COUNT(made->msg) && made->msg[m].json; m++) {
		expect_int(crit_image_msg(img, e, m, &msg, NULL), 0);
		expect(msg.type == &crit_msg_ipc_msg);
		expect_int(msg.n_blobs, 1);
		expect_int(msg.part[0], CRIT_PART_EXTRA);
		expect_span_bytes(img, msg.blob[0], made->msg[m].text,
				  strlen(made->msg[m].text));
		expect_u64(msg.end, msg.blob[0].off + msg.blob[0].len + made->msg[m].pad);
	}
	expect_u64(e->n_msgs, m);
}

static void extras_are_found(void)
{
	struct made m = {0};
	struct crit_image *img;
	struct crit_entry e;
	struct crit_span tail;
	unsigned k, i, b;

	for (k = 0; k < COUNT(made_kinds); k++) {
		const struct made_kind *kind = &made_kinds[k];

		put_kind(&m, kind);
		img = image_of(m.bytes.data, m.bytes.len, kind->name);
		for (i = 0; i < kind->n_entries; i++) {
			bool none = !kind->entry[i].blob[0].bytes &&
				    kind->part[0] != CRIT_PART_MSGS;

			unit_about("%s, entry %u", kind->name, i);
			expect_int(crit_image_entry(img, i, &e, NULL), 0);
			expect_u64(e.off, i ? m.end[i - 1] : 8);
			expect_u64(e.end, m.end[i]);
			expect_u64(e.message.off + e.message.len, m.message_end[i]);
			expect(e.type == (i ? m.h.type->rest : m.h.type->head));
			expect_int(e.n_blobs, none ? 0 : kind->part[1] ? 2 : 1);
			expect_int(crit_image_decodes(img, &e, NULL), 1);
			expect_msgs(img, &e, &kind->entry[i]);
			for (b = 0; b < e.n_blobs; b++) {
				expect_int(e.part[b], kind->part[b]);
				if (e.part[b] != CRIT_PART_MSGS)
					expect_span_bytes(img, e.blob[b],
							  kind->entry[i].blob[b].bytes,
							  kind->entry[i].blob[b].len);
			}
		}
		expect_int(crit_image_entry(img, i, &e, NULL), -ENOENT);
		expect_u64(count_of(img), kind->n_entries);
		expect_int(crit_image_tail(img, &tail, NULL), 0);
		expect_u64(tail.len, 0);
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
}

static void expect_any_order(const struct made *m, const char *name, struct unit_random *r)
{
	struct crit_image *forward = image_of(m->bytes.data, m->bytes.len, name);
	struct crit_image *other = image_of(m->bytes.data, m->bytes.len, name);
	struct crit_entry e, q, msg, again;
	uint64_t n;
	unsigned i;

	for (n = 0; n < m->n; n++) {
		expect_int(crit_image_entry(forward, n, &e, NULL), 0);
		expect_u64(e.end, m->end[n]);
	}
	for (i = 0; i < 3000; i++) {
		n = unit_below(r, m->n);
		unit_about("%s, entry %llu, step %u", name, (unsigned long long)n, i);
		expect_int(crit_image_entry(other, n, &e, NULL), 0);
		expect_u64(e.off, n ? m->end[n - 1] : 8);
		expect_u64(e.end, m->end[n]);
		expect_same_at(other, forward, n);
		if (!e.n_msgs)
			continue;
		/* a message, then one of another queue, then the first again */
		n = unit_below(r, e.n_msgs);
		expect_int(crit_image_msg(other, &e, n, &msg, NULL), 0);
		expect_int(crit_image_entry(other, unit_below(r, m->n), &q, NULL), 0);
		if (q.n_msgs)
			expect_int(crit_image_msg(other, &q, unit_below(r, q.n_msgs), &again,
						  NULL),
				   0);
		expect_int(crit_image_msg(other, &e, n, &again, NULL), 0);
		expect_same_entry(&again, &msg);
	}
	expect_same_image(other, forward);
	crit_image_free(forward);
	crit_image_free(other);
}

static void entries_in_any_order(void)
{
	struct unit_random r = unit_seed(21);
	struct made m = {0};

	put_many(&m, &r, 500);
	expect_any_order(&m, "pipes-data.img", &r);
	put_queues(&m, &r, 70);
	expect_any_order(&m, "ipcns-msg-1.img", &r);
	crit_buf_fini(&m.bytes);
}

static void bytes_within_the_file_only(void)
{
	static const struct crit_span beyond[] = {
		{0, UINT64_MAX}, {1000000, 0}, {UINT64_MAX, 1},
		{UINT64_MAX, 0}, {8, 1000000}, {UINT64_MAX - 3, 8},
	};
	struct crit_error err = {0};
	struct made m = {0};
	struct crit_image *img;
	size_t i;

	put_kind(&m, &made_kinds[0]);
	img = image_of(m.bytes.data, m.bytes.len, "pipes-data.img");
	for (i = 0; i < COUNT(beyond); i++) {
		unit_about("row %zu", i);
		expect(!crit_image_bytes(img, beyond[i], &err));
		expect(*err.text);
	}
	expect_span_bytes(img, (struct crit_span){0, m.bytes.len}, (char *)m.bytes.data,
			  m.bytes.len);
	expect(crit_image_bytes(img, (struct crit_span){m.bytes.len, 0}, NULL) != NULL);
	crit_image_free(img);
	crit_buf_fini(&m.bytes);
}

#define MILLION 1000000

/* The index is of every so manieth entry: nothing is kept an entry. */
static void a_million_entries_take_little_memory(void)
{
	struct crit_style style = {.plain = false};
	struct crit_buf bytes = {0}, wire = {0};
	struct mallinfo2 before, after;
	struct crit_image *img;
	struct crit_entry e;
	char json[100];
	size_t used, i;
	struct made m = {0};

	if (UNIT_SANITIZED)
		unit_skip("a sanitizer's malloc does not count");
	put_header(&m, "PAGEMAP", false);
	put_message(&m, m.h.type->head, "{\"pages_id\": 1}");
	bytes = m.bytes;
	for (i = 1; i < MILLION; i++) {
		snprintf(json, sizeof(json),
			 "{\"vaddr\": \"0x%zx\", \"compat_nr_pages\": 0, \"flags\": 6, "
			 "\"nr_pages\": 1}",
			 i << 13);
		crit_buf_reset(&wire);
		expect_int(crit_parse(&crit_msg_pagemap_entry, json, strlen(json), &style,
				      &wire, NULL),
			   0);
		crit_put_u32(&m.h, (uint32_t)wire.len, &bytes);
		crit_buf_add(&bytes, wire.data, wire.len);
	}
	img = image_of(bytes.data, bytes.len, "pagemap-1.img");
	before = mallinfo2();
	expect_u64(count_of(img), MILLION);
	expect_int(crit_image_entry(img, MILLION - 1, &e, NULL), 0);
	expect_int(crit_image_entry(img, MILLION / 2, &e, NULL), 0);
	after = mallinfo2();
	used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
	if (used >= MILLION)
		fail("expected less than a byte an entry, found %zu bytes in all", used);
	crit_image_free(img);
	crit_buf_fini(&bytes);
	crit_buf_fini(&wire);
}

static void big_endian_images(void)
{
	struct crit_buf text = {0};
	struct made m = {0};
	struct crit_image *img;
	struct crit_entry e;

	put_header(&m, "IPCNS_SEM", true);
	put_message(&m, m.h.type->head, "{" DESC ", \"nsems\": 3}");
	crit_buf_add(&m.bytes, "\0\1\2\0\xff\xfe\0\0", 8);
	put_message(&m, m.h.type->head, "{" DESC ", \"nsems\": 0}");
	img = image_of(m.bytes.data, m.bytes.len, "ipcns-sem-1.img");
	expect(crit_image_header(img)->big_endian);
	expect(crit_image_style(img, true).big_endian && crit_image_style(img, true).plain);
	expect_u64(count_of(img), 2);
	expect_int(crit_image_entry(img, 0, &e, NULL), 0);
	expect_int(crit_sems_print(img, e.blob[0], &text, NULL), 0);
	expect_bytes(text.data, text.len, "[\n    1,\n    512,\n    65534\n]\n", 30);
	crit_buf_reset(&text);
	expect_int(crit_image_entry(img, 1, &e, NULL), 0);
	expect_int(crit_sems_print(img, e.blob[0], &text, NULL), 0);
	expect_bytes(text.data, text.len, "[]\n", 3);
	crit_image_free(img);

	put_header(&m, "NETDEV", true);
	put_message(
		&m, m.h.type->head,
		"{\"type\": \"SIT\", \"ifindex\": 1, \"mtu\": 1, \"flags\": 0, \"name\": \"s\", "
		"\"sit\": {\"local\": [\"10.0.0.1\"], \"remote\": [167772162]}}");
	img = image_of(m.bytes.data, m.bytes.len, "netdev-1.img");
	expect_int(crit_image_entry(img, 0, &e, NULL), 0);
	crit_buf_reset(&text);
	expect_int(crit_image_print(img, &e, false, &text, NULL), 0);
	crit_buf_byte(&text, '\0');
	expect(strstr((char *)text.data, "\"10.0.0.1\"") != NULL);
	expect(strstr((char *)text.data, "\"10.0.0.2\"") != NULL);
	crit_image_free(img);
	crit_buf_fini(&text);
	crit_buf_fini(&m.bytes);
}

/* More values than are read at once. */
static void many_semaphores(void)
{
	struct crit_buf text = {0}, wanted = {0};
	struct made m = {0};
	struct crit_image *img;
	struct crit_entry e;
	char item[32];
	unsigned i;

	put_header(&m, "IPCNS_SEM", false);
	put_message(&m, m.h.type->head, "{" DESC ", \"nsems\": 10000}");
	for (i = 0; i < 10000; i++) {
		uint16_t v = (uint16_t)(i * 7);
		uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};

		crit_buf_add(&m.bytes, b, 2);
		snprintf(item, sizeof(item), "%s\n    %u", i ? "," : "[", v);
		crit_buf_str(&wanted, item);
	}
	crit_buf_str(&wanted, "\n]\n");
	img = image_of(m.bytes.data, m.bytes.len, "ipcns-sem-1.img");
	expect_int(crit_image_entry(img, 0, &e, NULL), 0);
	expect_int(crit_sems_print(img, e.blob[0], &text, NULL), 0);
	expect_bytes(text.data, text.len, wanted.data, wanted.len);
	crit_image_free(img);
	crit_buf_fini(&text);
	crit_buf_fini(&wanted);
	crit_buf_fini(&m.bytes);
}

static const struct unit_test tests[] = {
	TEST(extras_are_found),           TEST(entries_in_any_order),
	TEST(bytes_within_the_file_only), TEST(a_million_entries_take_little_memory),
	TEST(big_endian_images),          TEST(many_semaphores),
};

UNIT_MAIN(tests)
