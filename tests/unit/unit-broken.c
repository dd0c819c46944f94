/*
 * Images that are cut, wrong, or changed while they are read: what is whole is
 * there, the rest is told, and nothing crashes.
 */
#include <sys/resource.h>

#include "decoder/sems.h"
#include "images.h"
#include "schema-messages.h"

/* Read everything that an image offers; only errors are allowed to happen. */
static void read_all(struct crit_image *img)
{
	struct crit_buf text = {0};
	struct crit_entry e, msg;
	uint64_t n, i, m;

	if (crit_image_count(img, &n, NULL) < 0)
		n = 1;
	for (i = 0; i < n && i < 2000; i++) {
		if (crit_image_entry(img, i, &e, NULL) < 0)
			continue;
		crit_image_decodes(img, &e, NULL);
		crit_image_print(img, &e, false, &text, NULL);
		if (e.n_blobs && e.part[0] == CRIT_PART_SEMS)
			crit_sems_print(img, e.blob[0], &text, NULL);
		for (m = 0; m < e.n_msgs && m < 100; m++)
			crit_image_msg(img, &e, m, &msg, NULL);
		crit_buf_reset(&text);
	}
	crit_buf_fini(&text);
}

static void expect_truncated(const struct made_kind *kind, const struct made *m, size_t len)
{
	struct crit_span tail;
	struct crit_image *img = image_of(m->bytes.data, len, kind->name);
	unsigned whole = 0;
	uint64_t end = 8;

	while (whole < m->n && (kind->to_end ? m->message_end[whole] : m->end[whole]) <= len)
		end = kind->to_end ? len : m->end[whole], whole++;
	expect_u64(count_of(img), whole);
	expect_int(crit_image_tail(img, &tail, NULL), 0);
	expect_u64(tail.off, end);
	expect_u64(tail.len, len - end);
	read_all(img);
	crit_image_free(img);
}

/* The entries before the cut are there, the rest is the tail. */
static void truncated_images(void)
{
	struct made m = {0};
	struct crit_image *img;
	struct crit_file *file;
	struct crit_error err;
	size_t k, len;

	for (k = 0; k < COUNT(made_kinds); k++) {
		put_kind(&m, &made_kinds[k]);
		for (len = 0; len <= m.bytes.len; len++) {
			unit_about("%s, %zu bytes", made_kinds[k].name, len);
			if (len >= 8) {
				expect_truncated(&made_kinds[k], &m, len);
				continue;
			}
			file = file_of(m.bytes.data, len);
			err = (struct crit_error){0};
			expect_int(crit_image_new(file, made_kinds[k].name, &img, &err), -EIO);
			expect(*err.text);
			crit_file_put(file);
		}
	}
	crit_buf_fini(&m.bytes);
}

/* Bytes of each kind, changed at random: errors and odd entries, no crash. */
static void damaged_images(void)
{
	struct unit_random r = unit_seed(20);
	struct made m = {0};
	size_t k, round, n;

	for (k = 0; k < COUNT(made_kinds); k++) {
		for (round = 0; round < 300; round++) {
			struct crit_image *img;

			unit_about("%s, round %zu", made_kinds[k].name, round);
			put_kind(&m, &made_kinds[k]);
			for (n = 1 + unit_below(&r, 4); n; n--)
				m.bytes.data[8 + unit_below(&r, m.bytes.len - 8)] =
					(uint8_t)(unit_below(&r, 2) ? 0xff : unit_random(&r));
			img = image_of(m.bytes.data, m.bytes.len, made_kinds[k].name);
			read_all(img);
			crit_image_free(img);
		}
	}
	crit_buf_fini(&m.bytes);
}

/* One good entry, then a frame of which only the size word says what it is. */
static void odd_size_words(void)
{
	static const struct {
		uint32_t word;
		size_t follow; /* bytes behind it */
		unsigned entries;
	} table[] = {
		{0, 0, 2},
		{1, 1, 2},
		{1, 0, 1},
		{0x80000000, 0, 1},
		{0x80000000, 100, 1},
		{0xffffffff, 0, 1},
		{0xffffffff, 100, 1},
		{0xfffffffb, 0, 1},
		{0xfffffffc, 4, 1},
		{0x7fffffff, 7, 1},
		{101, 100, 1},
		{100, 100, 2},
	};
	static const char *const kinds[] = {"FDINFO", "PIPES_DATA"};
	struct made m = {0};
	struct crit_span tail;
	size_t k, i;

	for (k = 0; k < COUNT(kinds); k++) {
		for (i = 0; i < COUNT(table); i++) {
			struct crit_image *img;
			uint64_t end;

			unit_about("%s, size %u before %zu bytes", kinds[k], table[i].word,
				   table[i].follow);
			put_header(&m, kinds[k], false);
			put_message(
				&m, m.h.type->head,
				k ? "{\"pipe_id\": 1, \"bytes\": 0}"
				  : "{\"id\": 1, \"flags\": 0, \"type\": \"REG\", \"fd\": 0}");
			end = m.bytes.len;
			put_word(&m, table[i].word);
			crit_buf_fill(&m.bytes, 'x', table[i].follow);
			img = image_of(m.bytes.data, m.bytes.len, "x.img");
			/* a message that does not say how long its blob is ends the frames */
			expect_u64(count_of(img), k ? 1 : table[i].entries);
			expect_int(crit_image_tail(img, &tail, NULL), 0);
			if (count_of(img) == 1)
				expect_same_span(tail,
						 (struct crit_span){end, m.bytes.len - end});
			read_all(img);
			crit_image_free(img);
		}
	}
	crit_buf_fini(&m.bytes);
}

static void cut_size_words(void)
{
	struct made m = {0};
	struct crit_span tail;
	size_t n;

	for (n = 1; n < 4; n++) {
		struct crit_image *img;

		put_kind(&m, &made_kinds[0]);
		crit_buf_fill(&m.bytes, 0, n);
		img = image_of(m.bytes.data, m.bytes.len, "pipes-data.img");
		expect_u64(count_of(img), 3);
		expect_int(crit_image_tail(img, &tail, NULL), 0);
		expect_same_span(tail, (struct crit_span){m.end[2], n});
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
}

/* Lengths that reach beyond the end, or around it. */
static void huge_lengths(void)
{
	static const struct {
		const char *magic, *json;
	} table[] = {
		{"PIPES_DATA", "{\"pipe_id\": 1, \"bytes\": 101}"},
		{"PIPES_DATA", "{\"pipe_id\": 1, \"bytes\": 4294967295}"},
		{"SK_QUEUES", "{\"id_for\": 1, \"length\": 2147483648}"},
		{"TCP_STREAM",
		 "{\"inq_len\": 4294967295, \"inq_seq\": 9, \"outq_len\": 4294967295, "
		 "\"outq_seq\": 8, " TCP "}"},
		{"TCP_STREAM",
		 "{\"inq_len\": 100, \"inq_seq\": 9, \"outq_len\": 1, \"outq_seq\": 8, " TCP
		 "}"},
		{"BPFMAP_DATA",
		 "{\"map_id\": 1, \"keys_bytes\": 1, \"values_bytes\": 100, \"count\": 1}"},
		{"IPCNS_SEM", "{" DESC ", \"nsems\": 51}"},
		{"IPCNS_SEM", "{" DESC ", \"nsems\": 49}"}, /* 98 bytes and 6 of padding */
		{"IPCNS_SEM", "{" DESC ", \"nsems\": 2147483648}"},
		{"IPCNS_SEM", "{" DESC ", \"nsems\": 4294967295}"},
		{"IPCNS_SHM", "{" DESC ", \"size\": 101}"},
		{"IPCNS_SHM", "{" DESC ", \"size\": 18446744073709551615}"},
		{"IPCNS_SHM", "{" DESC ", \"size\": 18446744073709551612}"},
		{"IPCNS_SHM", "{" DESC ", \"size\": 9223372036854775808}"},
		{"IPCNS_MSG", "{" DESC ", \"qbytes\": 1, \"qnum\": 1}"},
		{"IPCNS_MSG", "{" DESC ", \"qbytes\": 1, \"qnum\": 4294967295}"},
	};
	struct made m = {0};
	struct crit_image *img;
	struct crit_span tail;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("%s %s", table[i].magic, table[i].json);
		put_header(&m, table[i].magic, false);
		put_message(&m, m.h.type->head, table[i].json);
		crit_buf_fill(&m.bytes, 0xff, 100);
		img = image_of(m.bytes.data, m.bytes.len, "x.img");
		expect_u64(count_of(img), 0);
		expect_int(crit_image_tail(img, &tail, NULL), 0);
		expect_same_span(tail, (struct crit_span){8, m.bytes.len - 8});
		crit_image_free(img);
	}
	/* of a queue whose second message is huge nothing is shown */
	put_header(&m, "IPCNS_MSG", false);
	put_message(&m, m.h.type->head, "{" DESC ", \"qbytes\": 1, \"qnum\": 2}");
	put_message(&m, &crit_msg_ipc_msg, "{\"mtype\": 1, \"msize\": 8}");
	crit_buf_fill(&m.bytes, 'a', 8);
	put_message(&m, &crit_msg_ipc_msg, "{\"mtype\": 1, \"msize\": 4294967295}");
	crit_buf_fill(&m.bytes, 'a', 8);
	img = image_of(m.bytes.data, m.bytes.len, "x.img");
	expect_u64(count_of(img), 0);
	crit_image_free(img);
	crit_buf_fini(&m.bytes);
}

/* A chunk of a ghost file that is longer than any file. */
static void huge_chunks(void)
{
	static const char *const lengths[] = {
		"{\"len\": 101, \"off\": 0}",
		"{\"len\": 18446744073709551615, \"off\": 0}",
		"{\"len\": 18446744073709551500, \"off\": 0}",
	};
	struct made m = {0};
	size_t i;

	for (i = 0; i < COUNT(lengths); i++) {
		struct crit_image *img;

		unit_about("%s", lengths[i]);
		put_header(&m, "GHOST_FILE", false);
		put_message(&m, m.h.type->head,
			    "{\"uid\": 1, \"gid\": 2, \"mode\": 33188, \"chunks\": true}");
		put_message(&m, m.h.type->rest, lengths[i]);
		crit_buf_fill(&m.bytes, 0, 100);
		img = image_of(m.bytes.data, m.bytes.len, "ghost-file-1.img");
		expect_u64(count_of(img), 1);
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
}

static void a_broken_message_hides_no_neighbour(void)
{
	struct crit_buf text = {0};
	struct made m = {0};
	struct crit_image *img;
	struct crit_entry e;

	put_header(&m, "FDINFO", false);
	put_message(&m, m.h.type->head, FD_0);
	put_word(&m, 3);
	crit_buf_str(&m.bytes, "\xff\xff\xff");
	put_message(&m, m.h.type->head, FD_1);
	img = image_of(m.bytes.data, m.bytes.len, "fdinfo-2.img");
	expect_u64(count_of(img), 3);
	expect_int(crit_image_entry(img, 1, &e, NULL), 0);
	expect_int(crit_image_decodes(img, &e, NULL), 0);
	expect_int(crit_image_print(img, &e, false, &text, NULL), -EBADMSG);
	expect_span_bytes(img, e.message, "\xff\xff\xff", 3);
	expect_int(crit_image_entry(img, 2, &e, NULL), 0);
	expect_int(crit_image_decodes(img, &e, NULL), 1);
	crit_buf_reset(&text);
	expect_int(crit_image_print(img, &e, false, &text, NULL), 0);
	crit_buf_byte(&text, '\0');
	expect_str((char *)text.data, "{\n    \"id\": 2,\n    \"flags\": 0,\n"
				      "    \"type\": \"PIPE\",\n    \"fd\": 1\n}\n");
	crit_image_free(img);
	crit_buf_fini(&text);
	crit_buf_fini(&m.bytes);
}

/* The file gets shorter: what is gone is an error, the process lives. */
static void truncated_while_open(void)
{
	struct unit_random r = unit_seed(22);
	struct made m = {0};
	size_t cut;

	put_many(&m, &r, 300);
	for (cut = 0; cut < m.bytes.len; cut += 1 + unit_below(&r, 20000)) {
		struct crit_image *img = image_of(m.bytes.data, m.bytes.len, "pipes-data.img");
		struct crit_entry e;
		unsigned n;
		int ret;

		unit_about("cut to %zu bytes", cut);
		if (cut % 2)
			expect_u64(count_of(img), 300);
		expect_int(ftruncate(crit_image_file(img)->fd, (off_t)cut), 0);
		for (n = 0; n < 300; n++) {
			struct crit_error err = {0};

			ret = crit_image_entry(img, n, &e, &err);
			if (ret < 0)
				expect(err.errnum == -ret && *err.text);
			else
				crit_image_bytes(img, e.message, NULL);
		}
		/* nothing was cached of the last one's message */
		expect(ret < 0 || cut >= m.message_end[299] || cut + (256 << 10) > m.bytes.len);
		read_all(img);
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
}

/* The file's bytes become others, of the same length. */
static void rewritten_while_open(void)
{
	struct unit_random r = unit_seed(23);
	struct made m = {0}, other = {0};
	unsigned round;

	put_many(&m, &r, 300);
	for (round = 0; round < 30; round++) {
		struct crit_image *img = image_of(m.bytes.data, m.bytes.len, "pipes-data.img");
		int fd = crit_image_file(img)->fd;
		struct crit_entry e;
		uint64_t n;

		unit_about("round %u", round);
		if (round % 2)
			expect_u64(count_of(img), 300);
		else
			expect_int(crit_image_entry(img, unit_below(&r, 300), &e, NULL), 0);
		if (round % 3) {
			put_many(&other, &r, 300);
			expect_int(crit_pwrite_full(fd, other.bytes.data, other.bytes.len, 0),
				   0);
		} else {
			crit_buf_fill(&other.bytes, 0xff, m.bytes.len);
			expect_int(crit_pwrite_full(fd, other.bytes.data, m.bytes.len, 0), 0);
		}
		for (n = 0; n < 300; n++) {
			int ret = crit_image_entry(img, unit_below(&r, 300), &e, NULL);

			if (ret && ret != -EBUSY && ret != -EIO && ret != -ENOENT)
				fail("expected an entry or that the image changed, found %d",
				     ret);
		}
		read_all(img);
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
	crit_buf_fini(&other.bytes);
}

/* A message that is too big is there, but not as JSON. */
static void a_message_beyond_the_limit(void)
{
	struct crit_buf text = {0};
	struct crit_error err = {0};
	struct made m = {0};
	struct crit_file *file;
	struct crit_image *img;
	struct crit_entry e;
	uint64_t end;

	put_header(&m, "FDINFO", false);
	put_message(&m, m.h.type->head, FD_0);
	put_word(&m, CRIT_MESSAGE_MAX + 1);
	end = m.bytes.len + CRIT_MESSAGE_MAX + 1;
	file = file_of(m.bytes.data, m.bytes.len);
	expect_int(ftruncate(file->fd, (off_t)end), 0);
	expect_int(fstat(file->fd, &file->st), 0);
	img = image_of_file(file, "fdinfo-2.img");
	expect_u64(count_of(img), 2);
	expect_int(crit_image_entry(img, 1, &e, NULL), 0);
	expect_u64(e.message.len, CRIT_MESSAGE_MAX + 1);
	expect_u64(e.end, end);
	expect_int(crit_image_decodes(img, &e, NULL), 0);
	expect(crit_image_print(img, &e, false, &text, &err) < 0);
	expect_int(err.errnum, EFBIG);
	expect_int(crit_image_entry(img, 0, &e, NULL), 0);
	expect_int(crit_image_decodes(img, &e, NULL), 1);
	crit_image_free(img);
	crit_buf_fini(&text);
	crit_buf_fini(&m.bytes);
}

/* Memory runs out for one message; what was read before can be read again. */
static void no_memory_for_a_message(void)
{
	const size_t big = 48 << 20;
	struct crit_error err = {0};
	struct rlimit limit = {24 << 20, RLIM_INFINITY};
	struct made m = {0};
	struct crit_file *file;
	struct crit_image *img;
	struct crit_entry first, e;
	unsigned i;

	if (UNIT_SANITIZED)
		unit_skip("a sanitizer takes more memory than the limit");
	put_header(&m, "FDINFO", false);
	put_message(&m, m.h.type->head, FD_0);
	put_word(&m, (uint32_t)big);
	file = file_of(m.bytes.data, m.bytes.len);
	expect_int(ftruncate(file->fd, (off_t)(m.bytes.len + big)), 0);
	expect_int(fstat(file->fd, &file->st), 0);
	img = image_of_file(file, "fdinfo-2.img");
	expect_int(crit_image_entry(img, 0, &first, NULL), 0);
	expect_int(crit_image_entry(img, 1, &e, NULL), 0);
	expect(crit_image_bytes(img, first.message, NULL) != NULL);
	expect_int(setrlimit(RLIMIT_AS, &limit), 0);
	for (i = 0; i < 2; i++) {
		expect(!crit_image_bytes(img, e.message, &err));
		expect_int(err.errnum, ENOMEM);
		expect(crit_image_bytes(img, first.message, NULL) != NULL);
		expect_int(crit_image_decodes(img, &first, NULL), 1);
	}
	crit_image_free(img);
	crit_buf_fini(&m.bytes);
}

static const struct unit_test tests[] = {
	TEST(truncated_images),
	TEST(damaged_images),
	TEST(odd_size_words),
	TEST(cut_size_words),
	TEST(huge_lengths),
	TEST(huge_chunks),
	TEST(a_broken_message_hides_no_neighbour),
	TEST(truncated_while_open),
	TEST(rewritten_while_open),
	TEST(a_message_beyond_the_limit),
	TEST(no_memory_for_a_message),
};

UNIT_MAIN(tests)
