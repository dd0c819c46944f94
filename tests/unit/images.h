/*
 * Images made by hand: a table of entries of each kind of extra payload, and
 * their bytes with the places that the library has to find.
 */
#ifndef UNIT_IMAGES_H
#define UNIT_IMAGES_H

#include <errno.h>
#include <sys/mman.h>

#include "decoder/image.h"
#include "decoder/parse.h"
#include "unit.h"

#define MADE_MAX 600 /* entries of an image */

/* A message of a queue. */
struct made_msg {
	const char *json, *text;
	unsigned pad; /* zeros behind it */
};

struct made_entry {
	const char *json;
	struct {
		const char *bytes;
		size_t len;
	} blob[2];
	unsigned pad;
	struct made_msg msg[3]; /* as many as have JSON */
};

struct made_kind {
	const char *name, *magic;
	struct made_entry entry[3];
	unsigned n_entries;
	enum crit_part part[2]; /* of the blobs */
	bool to_end;            /* the only entry's blob reaches to the end of the file */
};

/* An image's bytes; where its entries end, and where their messages do. */
struct made {
	struct crit_buf bytes;
	struct crit_header h; /* byte order and type */
	unsigned n;
	uint64_t end[MADE_MAX], message_end[MADE_MAX];
};

#define DESC                                                                                   \
	"\"desc\": {\"key\": 1, \"uid\": 2, \"gid\": 3, \"cuid\": 4, \"cgid\": 5, "            \
	"\"mode\": 384, \"id\": 7}"
#define TCP "\"opt_mask\": 3, \"snd_wscale\": 7, \"mss_clamp\": 1460"

/* clang-format off */
#define NONE(text)                    {.json = text}
#define ONE(text, b, len)             {.json = text, .blob = {{b, len}}}
#define TWO(text, b, b_len, c, c_len) {.json = text, .blob = {{b, b_len}, {c, c_len}}}
#define PADDED(text, b, len, zeros)   {.json = text, .blob = {{b, len}}, .pad = zeros}
/* clang-format on */

#define FD_0 "{\"id\": 1, \"flags\": 0, \"type\": \"REG\", \"fd\": 0}"
#define FD_1 "{\"id\": 2, \"flags\": 0, \"type\": \"PIPE\", \"fd\": 1}"
#define FD_2 "{\"id\": 300, \"flags\": 0, \"type\": \"REG\", \"fd\": 2}"

static const struct made_kind made_kinds[] = {
	{"pipes-data.img",
	 "PIPES_DATA",
	 {ONE("{\"pipe_id\": 1, \"bytes\": 5}", "hello", 5),
	  ONE("{\"pipe_id\": 2, \"bytes\": 0, \"size\": 65536}", "", 0),
	  ONE("{\"pipe_id\": 3, \"bytes\": 3}", "\0\1\2", 3)},
	 3,
	 {CRIT_PART_EXTRA},
	 false},
	{"sk-queues.img",
	 "SK_QUEUES",
	 {ONE("{\"id_for\": 1, \"length\": 1}", "x", 1),
	  ONE("{\"id_for\": 2, \"length\": 7}", "\x04\0\0\0abc", 7),
	  ONE("{\"id_for\": 3, \"length\": 2}", "yz", 2)},
	 3,
	 {CRIT_PART_EXTRA},
	 false},
	{"tcp-stream-1f.img",
	 "TCP_STREAM",
	 {TWO("{\"inq_len\": 4, \"inq_seq\": 9, \"outq_len\": 6, \"outq_seq\": 8, " TCP "}",
	      "inin", 4, "outout", 6),
	  TWO("{\"inq_len\": 0, \"inq_seq\": 9, \"outq_len\": 3, \"outq_seq\": 8, " TCP "}", "",
	      0, "out", 3),
	  TWO("{\"inq_len\": 2, \"inq_seq\": 9, \"outq_len\": 0, \"outq_seq\": 8, " TCP "}",
	      "in", 2, "", 0)},
	 3,
	 {CRIT_PART_INQ, CRIT_PART_OUTQ},
	 false},
	{"bpfmap-data.img",
	 "BPFMAP_DATA",
	 {TWO("{\"map_id\": 1, \"keys_bytes\": 4, \"values_bytes\": 8, \"count\": 1}", "KEYS",
	      4, "V  VALUE", 8),
	  TWO("{\"map_id\": 2, \"keys_bytes\": 0, \"values_bytes\": 0, \"count\": 0}", "", 0,
	      "", 0),
	  TWO("{\"map_id\": 3, \"keys_bytes\": 1, \"values_bytes\": 2, \"count\": 1}", "K", 1,
	      "VV", 2)},
	 3,
	 {CRIT_PART_KEYS, CRIT_PART_VALUES},
	 false},
	{"ipcns-sem-9.img",
	 "IPCNS_SEM",
	 {PADDED("{" DESC ", \"nsems\": 3}", "\1\0\2\0\xff\xff", 6, 2),
	  PADDED("{" DESC ", \"nsems\": 0}", "", 0, 0),
	  PADDED("{" DESC ", \"nsems\": 4}", "\1\0\2\0\3\0\4\0", 8, 0)},
	 3,
	 {CRIT_PART_SEMS},
	 false},
	{"ipcns-msg-9.img",
	 "IPCNS_MSG",
	 {{.json = "{" DESC ", \"qbytes\": 100, \"qnum\": 2}",
	   .msg = {{"{\"mtype\": 1, \"msize\": 3}", "abc", 5},
		   {"{\"mtype\": 2, \"msize\": 8}", "01234567", 0}}},
	  NONE("{" DESC ", \"qbytes\": 100, \"qnum\": 0}"),
	  {.json = "{" DESC ", \"qbytes\": 100, \"qnum\": 1}",
	   .msg = {{"{\"mtype\": 3, \"msize\": 0}", "", 0}}}},
	 3,
	 {CRIT_PART_MSGS},
	 false},
	{"ipcns-shm-9.img",
	 "IPCNS_SHM",
	 {PADDED("{" DESC ", \"size\": 5}", "SHARE", 5, 3),
	  NONE("{" DESC ", \"size\": 5, \"in_pagemaps\": true}"),
	  PADDED("{" DESC ", \"size\": 4, \"in_pagemaps\": false}", "four", 4, 0)},
	 3,
	 {CRIT_PART_EXTRA},
	 false},
	{"ghost-file-1.img",
	 "GHOST_FILE",
	 {ONE("{\"uid\": 1, \"gid\": 2, \"mode\": 33188}", "all that follows\n", 17)},
	 1,
	 {CRIT_PART_EXTRA},
	 true},
	{"ghost-file-2.img",
	 "GHOST_FILE",
	 {NONE("{\"uid\": 1, \"gid\": 2, \"mode\": 33188, \"chunks\": true, \"size\": 8192}"),
	  ONE("{\"len\": 6, \"off\": 0}", "chunk1", 6),
	  ONE("{\"len\": 3, \"off\": 4096}", "two", 3)},
	 3,
	 {CRIT_PART_EXTRA},
	 false},
	{"ghost-file-3.img",
	 "GHOST_FILE", /* a device has no contents */
	 {NONE("{\"uid\": 1, \"gid\": 2, \"mode\": 8624, \"rdev\": \"8:1\"}")},
	 1,
	 {CRIT_PART_EXTRA},
	 false},
	{"fdinfo-2.img",
	 "FDINFO",
	 {NONE(FD_0), NONE(FD_1), NONE(FD_2)},
	 3,
	 {CRIT_PART_EXTRA},
	 false},
};

static inline void put_word(struct made *m, uint32_t v)
{
	uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
	uint8_t l[4] = {b[3], b[2], b[1], b[0]};

	crit_buf_add(&m->bytes, m->h.big_endian ? b : l, 4);
}

static inline void put_header(struct made *m, const char *magic, bool big_endian)
{
	size_t i;

	m->n = 0;
	crit_buf_reset(&m->bytes);
	for (i = 0; i < crit_n_types && strcmp(crit_types[i].name, magic); i++)
		;
	expect(i < crit_n_types);
	m->h = (struct crit_header){.type = &crit_types[i], .big_endian = big_endian};
	if (crit_types[i].first)
		put_word(m, crit_types[i].first);
	put_word(m, crit_types[i].magic);
}

static inline void put_message(struct made *m, const struct crit_message *type,
			       const char *json)
{
	struct crit_style style = {.big_endian = m->h.big_endian};
	struct crit_error err = {0};
	struct crit_buf wire = {0};

	if (crit_parse(type, json, strlen(json), &style, &wire, &err) < 0)
		fail("%s: %s", json, err.text);
	put_word(m, (uint32_t)wire.len);
	crit_buf_add(&m->bytes, wire.data, wire.len);
	crit_buf_fini(&wire);
}

/* Here an entry ends, its message ended at `message_end`. */
static inline void note_end(struct made *m, uint64_t message_end)
{
	expect(m->n < MADE_MAX);
	m->message_end[m->n] = message_end;
	m->end[m->n++] = m->bytes.len;
}

static inline void put_entry(struct made *m, const struct made_entry *e)
{
	uint64_t message_end;
	unsigned i;

	put_message(m, m->n ? m->h.type->rest : m->h.type->head, e->json);
	message_end = m->bytes.len;
	for (i = 0; i < 2; i++)
		crit_buf_add(&m->bytes, e->blob[i].bytes, e->blob[i].len);
	crit_buf_fill(&m->bytes, 0, e->pad);
	for (i = 0; i < COUNT(e->msg) && e->msg[i].json; i++) {
		put_message(m, crit_message_find("ipc_msg"), e->msg[i].json);
		crit_buf_str(&m->bytes, e->msg[i].text);
		crit_buf_fill(&m->bytes, 0, e->msg[i].pad);
	}
	note_end(m, message_end);
}

static inline void put_kind(struct made *m, const struct made_kind *kind)
{
	unsigned i;

	put_header(m, kind->magic, false);
	for (i = 0; i < kind->n_entries; i++)
		put_entry(m, &kind->entry[i]);
	expect(!m->bytes.error);
}

/* Some hundred entries with blobs of random lengths. */
static inline void put_many(struct made *m, struct unit_random *r, unsigned n)
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
static inline void put_queues(struct made *m, struct unit_random *r, unsigned n)
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
			put_message(m, crit_message_find("ipc_msg"), json);
			crit_buf_fill(&m->bytes, 'm', len);
			crit_buf_fill(&m->bytes, 0, (8 - len % 8) % 8);
		}
		note_end(m, message_end);
	}
}

/* A file without a name, with these bytes. */
static inline struct crit_file *file_of(const void *bytes, size_t len)
{
	struct crit_file *file;
	int fd = memfd_create("image", MFD_CLOEXEC);

	expect(fd >= 0);
	expect_int(crit_pwrite_full(fd, bytes, len, 0), 0);
	expect_int(crit_file_adopt(fd, &file), 0);
	return file;
}

static inline struct crit_image *image_of_file(struct crit_file *file, const char *name)
{
	struct crit_error err = {0};
	struct crit_image *img = NULL;

	if (crit_image_new(file, name, &img, &err) < 0)
		fail("%s: %s", name ? name : "an image", err.text);
	crit_file_put(file);
	return img;
}

static inline struct crit_image *image_of(const void *bytes, size_t len, const char *name)
{
	return image_of_file(file_of(bytes, len), name);
}

static inline uint64_t count_of(struct crit_image *img)
{
	uint64_t n;

	expect_int(crit_image_count(img, &n, NULL), 0);
	return n;
}

static inline void expect_same_span(struct crit_span found, struct crit_span wanted)
{
	expect_u64(found.off, wanted.off);
	expect_u64(found.len, wanted.len);
}

static inline void expect_same_entry(const struct crit_entry *found,
				     const struct crit_entry *wanted)
{
	unsigned i;

	expect(found->type == wanted->type);
	expect_u64(found->off, wanted->off);
	expect_u64(found->end, wanted->end);
	expect_same_span(found->message, wanted->message);
	expect_int(found->n_blobs, wanted->n_blobs);
	for (i = 0; i < found->n_blobs; i++) {
		expect_int(found->part[i], wanted->part[i]);
		expect_same_span(found->blob[i], wanted->blob[i]);
	}
	expect_u64(found->n_msgs, wanted->n_msgs);
}

/* Entry `n` with its messages is the same in both images. */
static inline void expect_same_at(struct crit_image *found, struct crit_image *wanted,
				  uint64_t n)
{
	struct crit_entry f, w, fm, wm;
	uint64_t m;

	expect_int(crit_image_entry(found, n, &f, NULL), 0);
	expect_int(crit_image_entry(wanted, n, &w, NULL), 0);
	expect_same_entry(&f, &w);
	for (m = 0; m < w.n_msgs; m++) {
		expect_int(crit_image_msg(found, &f, m, &fm, NULL), 0);
		expect_int(crit_image_msg(wanted, &w, m, &wm, NULL), 0);
		expect_same_entry(&fm, &wm);
	}
	expect_int(crit_image_msg(found, &f, m, &fm, NULL), -ENOENT);
}

static inline void expect_same_image(struct crit_image *found, struct crit_image *wanted)
{
	struct crit_span f, w;
	uint64_t n;

	expect_u64(count_of(found), count_of(wanted));
	for (n = 0; n < count_of(wanted); n++)
		expect_same_at(found, wanted, n);
	expect_int(crit_image_tail(found, &f, NULL), 0);
	expect_int(crit_image_tail(wanted, &w, NULL), 0);
	expect_same_span(f, w);
}

static inline void expect_span_bytes(struct crit_image *img, struct crit_span span,
				     const char *bytes, size_t len)
{
	const uint8_t *found = crit_image_bytes(img, span, NULL);

	expect(found != NULL);
	expect_bytes(found, span.len, bytes, len);
}

#endif
