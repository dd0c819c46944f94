/*
 * Images: headers, names, and where entries and their parts are found in files
 * that are whole, cut, wrong, or changed while they are read.
 */
#include <errno.h>

#include "images.h"

#include <malloc.h>
#include <sys/resource.h>

#include "decoder/print.h"
#include "schema-messages.h"

#define COMMON  "\x19\x43\x56\x54"
#define SERVICE "\x40\x59\x10\x55"
#define PSTREE  "\x30\x30\x27\x50"

static void headers(void)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		const char *type; /* NULL: no image */
		unsigned header;
		bool big_endian;
	} table[] = {
		{"pstree.img", COMMON PSTREE, 8, "PSTREE", 8, false},
		{"pstree.img", COMMON PSTREE "more", 12, "PSTREE", 8, false},
		{"pstree.img", PSTREE, 4, "PSTREE", 4, false}, /* v1.0 */
		{"pstree.img", PSTREE "\x02\0\0\0", 8, "PSTREE", 4, false},
		{"pstree.img", "\x54\x56\x43\x19\x50\x27\x30\x30", 8, "PSTREE", 8, true},
		{"pstree.img", "\x50\x27\x30\x30", 4, "PSTREE", 4, true},
		{"inventory.img", "\x16\x31\x31\x58", 4, "INVENTORY", 4, false},
		{"inventory.img", "\x58\x31\x31\x16\0\0\0\0", 8, "INVENTORY", 4, true},
		{"stats-dump", SERVICE "\x06\x33\x09\x57", 8, "STATS", 8, false},
		{"stats-dump", "\x55\x10\x59\x40\x57\x09\x33\x06", 8, "STATS", 8, true},
		{"stats-restore", "\x06\x33\x09\x57", 4, "STATS", 4, false},
		{"irmap-cache", SERVICE "\x59\x40\x00\x57", 8, "IRMAP_CACHE", 8, false},
		/* two words say enough whatever the name is, one word only with an image's */
		{"whatever", COMMON PSTREE, 8, "PSTREE", 8, false},
		{"core-1.img", COMMON PSTREE, 8, "PSTREE", 8, false},
		{"whatever", PSTREE, 4, NULL, 0, false},
		{"whatever.img", PSTREE, 4, "PSTREE", 4, false},
		{"pstree.img.bak", PSTREE, 4, NULL, 0, false},
		{"pstree.img", "", 0, NULL, 0, false},
		{"pstree.img", PSTREE, 3, NULL, 0, false},
		{"pstree.img", COMMON PSTREE, 4, NULL, 0, false},
		{"pstree.img", COMMON PSTREE, 7, NULL, 0, false},
		{"pstree.img", COMMON "\x31\x30\x27\x50", 8, NULL, 0, false},
		{"pstree.img", COMMON "\x50\x27\x30\x30", 8, NULL, 0, false}, /* one word each way */
		{"pstree.img", "\x31\x30\x27\x50\0\0\0\0", 8, NULL, 0, false},
		{"dump.log", "(00.000", 7, NULL, 0, false},
		/* raw whatever they begin with */
		{"pages-1.img", COMMON PSTREE, 8, NULL, 0, false},
		{"iptables-9.img", COMMON PSTREE, 8, NULL, 0, false},
		{"tmpfs-dev-1.tar.gz.img", PSTREE, 4, NULL, 0, false},
	};
	struct crit_header h;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("row %zu, %s", i, table[i].name);
		expect_int(crit_header_read(table[i].name, table[i].bytes, table[i].len, &h),
			   table[i].type != NULL);
		if (!table[i].type)
			continue;
		expect_str(h.type->name, table[i].type);
		expect_bytes(h.bytes, h.len, table[i].bytes, table[i].header);
		expect_int(h.big_endian, table[i].big_endian);
	}
}

static void raw_names(void)
{
	static const char *const raw[] = {
		"pages-1.img", "pages-shmem-1.img", "iptables-9.img", "ip6tables-9.img", "nftables-9.img",
		"route-9.img", "route6-9.img", "ifaddr-9.img", "rule-9.img", "tmpfs-1.tar.gz.img",
		"tmpfs-dev-1.tar.gz.img", "netns-ct-9.img", "netns-exp-9.img", "amdgpu-kfd-1.img",
	};
	static const char *const others[] = {
		"pagemap-1.img", "netns-9.img", "netdev-9.img", "core-1.img", "page-1.img", "pages.img", "",
		"Pages-1.img", "xpages-1.img", "autofs-1.img",
	};
	size_t i;

	for (i = 0; i < COUNT(raw); i++) {
		unit_about("%s", raw[i]);
		expect(crit_name_is_raw(raw[i]));
		expect(!crit_type_by_name(raw[i]));
	}
	for (i = 0; i < COUNT(others); i++) {
		unit_about("%s", others[i]);
		expect(!crit_name_is_raw(others[i]));
	}
}

/* What a row of the table calls file number `n`, as printf() understands it. */
static void name_by_printf(const char *pattern, unsigned long n, char *out, size_t size)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (strstr(pattern, "%s"))
		snprintf(out, size, pattern, "dump");
	else if (strstr(pattern, "%lu"))
		snprintf(out, size, pattern, n);
	else
		snprintf(out, size, pattern, (unsigned)n);
#pragma GCC diagnostic pop
}

static void types_by_name(void)
{
	static const unsigned long numbers[] = {0, 1, 9, 10, 31, 12345, 4294967295};
	size_t t, p, i;
	char name[100];

	for (t = 0; t < crit_n_types; t++) {
		expect(crit_types[t].file_name[0] != NULL);
		for (p = 0; p < 2 && crit_types[t].file_name[p]; p++) {
			for (i = 0; i < COUNT(numbers); i++) {
				name_by_printf(crit_types[t].file_name[p], numbers[i], name, sizeof(name));
				unit_about("%s", name);
				expect(crit_type_by_name(name) == &crit_types[t]);
			}
		}
		expect(crit_type_by_magic(crit_types[t].magic) == &crit_types[t]);
		expect(crit_types[t].head && crit_types[t].rest);
	}
	expect(!crit_type_by_magic(0));
	expect(!crit_type_by_magic(CRIT_MAGIC_COMMON));
}

static void names_of_no_type(void)
{
	static const char *const names[] = {
		"", ".img", "core.img", "core-.img", "core-1a.img", "core--1.img", "core-1.img.bak", "core-1.imgx",
		"xcore-1.img", "core-1", "core-%u.img", "CORE-1.img", "tcp-stream-.img", "tcp-stream-G.img",
		"tcp-stream-1F.img", "stats-", "stats", "inventory", "inventory.img~", "core-1 .img", "pagemap-.img",
		"pagemap-shmem-.img", "pagemap-shmem.img", "signal-x-1.img", "files-1.img", ".critfs", "parent",
	};
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		unit_about("%s", names[i]);
		expect(crit_type_by_name(names[i]) == NULL);
	}
	expect_str(crit_type_by_name("tcp-stream-1f.img")->name, "TCP_STREAM");
	expect_str(crit_type_by_name("pagemap-shmem-7.img")->name, "PAGEMAP");
	expect_str(crit_type_by_name("stats-anything")->name, "STATS");
	expect_str(crit_type_by_name("signal-p-3.img")->name, "SIGNAL");
	expect_str(crit_type_by_name("binfmt-misc.img")->name, "BINFMT_MISC");
	expect_str(crit_type_by_name("binfmt-misc-8.img")->name, "BINFMT_MISC");
}

static void expect_span_bytes(struct crit_image *img, struct crit_span span, const char *bytes, size_t len)
{
	const uint8_t *found = crit_image_bytes(img, span, NULL);

	expect(found != NULL);
	expect_bytes(found, span.len, bytes, len);
}

static void expect_msgs(struct crit_image *img, const struct crit_entry *e, const struct made_entry *made)
{
	struct crit_entry msg;
	unsigned m;

	for (m = 0; m < COUNT(made->msg) && made->msg[m].json; m++) {
		expect_int(crit_image_msg(img, e, m, &msg, NULL), 0);
		expect(msg.type == &crit_msg_ipc_msg);
		expect_int(msg.n_blobs, 1);
		expect_int(msg.part[0], CRIT_PART_EXTRA);
		expect_span_bytes(img, msg.blob[0], made->msg[m].text, strlen(made->msg[m].text));
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
			bool none = !kind->entry[i].blob[0].bytes && kind->part[0] != CRIT_PART_MSGS;

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
					expect_span_bytes(img, e.blob[b], kind->entry[i].blob[b].bytes,
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
			crit_image_print_sems(img, e.blob[0], &text, NULL);
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
		{0, 0, 2}, {1, 1, 2}, {1, 0, 1}, {0x80000000, 0, 1}, {0x80000000, 100, 1}, {0xffffffff, 0, 1},
		{0xffffffff, 100, 1}, {0xfffffffb, 0, 1}, {0xfffffffc, 4, 1}, {0x7fffffff, 7, 1}, {101, 100, 1},
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

			unit_about("%s, size %u before %zu bytes", kinds[k], table[i].word, table[i].follow);
			put_header(&m, kinds[k], false);
			put_message(&m, m.h.type->head,
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
				expect_same_span(tail, (struct crit_span){end, m.bytes.len - end});
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
		{"TCP_STREAM", "{\"inq_len\": 4294967295, \"inq_seq\": 9, \"outq_len\": 4294967295, \"outq_seq\": 8, " TCP "}"},
		{"TCP_STREAM", "{\"inq_len\": 100, \"inq_seq\": 9, \"outq_len\": 1, \"outq_seq\": 8, " TCP "}"},
		{"BPFMAP_DATA", "{\"map_id\": 1, \"keys_bytes\": 1, \"values_bytes\": 100, \"count\": 1}"},
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
		"{\"len\": 101, \"off\": 0}", "{\"len\": 18446744073709551615, \"off\": 0}",
		"{\"len\": 18446744073709551500, \"off\": 0}",
	};
	struct made m = {0};
	size_t i;

	for (i = 0; i < COUNT(lengths); i++) {
		struct crit_image *img;

		unit_about("%s", lengths[i]);
		put_header(&m, "GHOST_FILE", false);
		put_message(&m, m.h.type->head, "{\"uid\": 1, \"gid\": 2, \"mode\": 33188, \"chunks\": true}");
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
	expect_str((char *)text.data,
		   "{\n    \"id\": 2,\n    \"flags\": 0,\n    \"type\": \"PIPE\",\n    \"fd\": 1\n}\n");
	crit_image_free(img);
	crit_buf_fini(&text);
	crit_buf_fini(&m.bytes);
}

/* Some hundred entries with blobs of random lengths. */
static void put_many(struct made *m, struct unit_random *r, unsigned n)
{
	char json[80];

	put_header(m, "PIPES_DATA", false);
	while (m->n < n) {
		/* some blobs are wider than what is read at once */
		size_t len = unit_below(r, 50) ? unit_below(r, 300) : unit_below(r, 300000);
		uint64_t message_end;

		snprintf(json, sizeof(json), "{\"pipe_id\": %u, \"bytes\": %zu}", m->n, len);
		put_message(m, m->h.type->head, json);
		message_end = m->bytes.len;
		crit_buf_fill(&m->bytes, (uint8_t)m->n, len);
		note_end(m, message_end);
	}
}

/* Queues with random numbers of messages. */
static void put_queues(struct made *m, struct unit_random *r, unsigned n)
{
	uint64_t message_end;
	char json[200];
	size_t msgs, len;

	put_header(m, "IPCNS_MSG", false);
	while (m->n < n) {
		msgs = unit_below(r, 30);
		snprintf(json, sizeof(json), "{" DESC ", \"qbytes\": 1, \"qnum\": %zu}", msgs);
		put_message(m, m->h.type->head, json);
		message_end = m->bytes.len;
		while (msgs--) {
			len = unit_below(r, 100);
			snprintf(json, sizeof(json), "{\"mtype\": 1, \"msize\": %zu}", len);
			put_message(m, &crit_msg_ipc_msg, json);
			crit_buf_fill(&m->bytes, 'm', len);
			crit_buf_fill(&m->bytes, 0, (8 - len % 8) % 8);
		}
		note_end(m, message_end);
	}
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
			expect_int(crit_image_msg(other, &q, unit_below(r, q.n_msgs), &again, NULL), 0);
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
		{0, UINT64_MAX}, {1000000, 0}, {UINT64_MAX, 1}, {UINT64_MAX, 0}, {8, 1000000}, {UINT64_MAX - 3, 8},
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
	expect_span_bytes(img, (struct crit_span){0, m.bytes.len}, (char *)m.bytes.data, m.bytes.len);
	expect(crit_image_bytes(img, (struct crit_span){m.bytes.len, 0}, NULL) != NULL);
	crit_image_free(img);
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
			expect_int(crit_pwrite_full(fd, other.bytes.data, other.bytes.len, 0), 0);
		} else {
			crit_buf_fill(&other.bytes, 0xff, m.bytes.len);
			expect_int(crit_pwrite_full(fd, other.bytes.data, m.bytes.len, 0), 0);
		}
		for (n = 0; n < 300; n++) {
			int ret = crit_image_entry(img, unit_below(&r, 300), &e, NULL);

			if (ret && ret != -EBUSY && ret != -EIO && ret != -ENOENT)
				fail("expected an entry or that the image changed, found %d", ret);
		}
		read_all(img);
		crit_image_free(img);
	}
	crit_buf_fini(&m.bytes);
	crit_buf_fini(&other.bytes);
}

#define MILLION 1000000

/* The index is of every so manieth entry: nothing is kept an entry. */
static void a_million_entries_take_little_memory(void)
{
	struct crit_style style = {false, false};
	struct crit_buf bytes = {0}, wire = {0};
	struct mallinfo2 before, after;
	struct crit_image *img;
	struct crit_entry e;
	char json[100];
	size_t used, i;
	struct made m = {0};

	if (UNIT_SANITIZED)
		unit_skip("AddressSanitizer's malloc does not count");
	put_header(&m, "PAGEMAP", false);
	put_message(&m, m.h.type->head, "{\"pages_id\": 1}");
	bytes = m.bytes;
	for (i = 1; i < MILLION; i++) {
		snprintf(json, sizeof(json), "{\"vaddr\": \"0x%zx\", \"compat_nr_pages\": 0, \"flags\": 6, \"nr_pages\": 1}",
			 i << 13);
		crit_buf_reset(&wire);
		expect_int(crit_parse(&crit_msg_pagemap_entry, json, strlen(json), &style, &wire, NULL), 0);
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
		unit_skip("AddressSanitizer takes more memory than the limit");
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
	expect_int(crit_image_print_sems(img, e.blob[0], &text, NULL), 0);
	expect_bytes(text.data, text.len, "[\n    1,\n    512,\n    65534\n]\n", 30);
	crit_buf_reset(&text);
	expect_int(crit_image_entry(img, 1, &e, NULL), 0);
	expect_int(crit_image_print_sems(img, e.blob[0], &text, NULL), 0);
	expect_bytes(text.data, text.len, "[]\n", 3);
	crit_image_free(img);

	put_header(&m, "NETDEV", true);
	put_message(&m, m.h.type->head,
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
	expect_int(crit_image_print_sems(img, e.blob[0], &text, NULL), 0);
	expect_bytes(text.data, text.len, wanted.data, wanted.len);
	crit_image_free(img);
	crit_buf_fini(&text);
	crit_buf_fini(&wanted);
	crit_buf_fini(&m.bytes);
}

static const struct unit_test tests[] = {
	TEST(headers),
	TEST(raw_names),
	TEST(types_by_name),
	TEST(names_of_no_type),
	TEST(extras_are_found),
	TEST(truncated_images),
	TEST(damaged_images),
	TEST(odd_size_words),
	TEST(cut_size_words),
	TEST(huge_lengths),
	TEST(huge_chunks),
	TEST(a_broken_message_hides_no_neighbour),
	TEST(entries_in_any_order),
	TEST(bytes_within_the_file_only),
	TEST(truncated_while_open),
	TEST(rewritten_while_open),
	TEST(a_million_entries_take_little_memory),
	TEST(a_message_beyond_the_limit),
	TEST(no_memory_for_a_message),
	TEST(big_endian_images),
	TEST(many_semaphores),
};

UNIT_MAIN(tests)
