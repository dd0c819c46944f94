/*
 * Memory made by hand: mappings, page maps and pages files, in a directory of the test's
 * own, and what an address space has to say of them.
 */
#ifndef UNIT_SPACES_H
#define UNIT_SPACES_H

#include "decoder/space.h"
#include "decoder/wire.h"
#include "images.h"

#define PID       42
#define PAGE      UINT64_C(4096)
#define BASE      UINT64_C(0x10000)
#define ANON      (CRIT_VMA_REGULAR | 1 << 9)
#define UNTOLD    UINT32_MAX /* flags of an entry that has none */
#define IN_PARENT (UINT32_MAX - 1)

struct a_run {
	uint64_t vaddr, n;
	uint32_t flags;
};

struct a_vma {
	uint64_t start, end;
	uint32_t status;
	uint64_t shmid, pgoff;
};

/* The listener that remembers what it was told last, and how often. */
struct heard {
	struct crit_listener l;
	unsigned n;
	char text[500];
};

static inline void hear(struct crit_listener *l, const char *image,
			const struct crit_error *err)
{
	struct heard *h = (struct heard *)l;

	h->n++;
	snprintf(h->text, sizeof(h->text), "%s: %s", image, err->text);
}

/* A path in the test's directory; good until the call after the next. */
static inline const char *path_to(const char *dir, const char *name)
{
	static char path[2][300];
	static unsigned n;

	n = !n;
	snprintf(path[n], sizeof(path[n]), "%s/%s/%s", unit_dir(), dir, name);
	return path[n];
}

static inline void make_dir(const char *dir)
{
	if (mkdir(path_to(dir, ""), 0700) < 0 && errno != EEXIST)
		fail("mkdir %s: %m", dir);
}

static inline void save_bytes(const char *dir, const char *name, const void *bytes, size_t len)
{
	int fd = open(path_to(dir, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	expect(fd >= 0);
	expect_int(crit_pwrite_full(fd, bytes, len, 0), 0);
	close(fd);
}

static inline void save(const char *dir, const char *name, struct made *m)
{
	expect(!m->bytes.error);
	save_bytes(dir, name, m->bytes.data, m->bytes.len);
}

static inline void put_wire(struct made *m, const struct crit_buf *wire)
{
	put_word(m, (uint32_t)wire->len);
	crit_buf_add(&m->bytes, wire->data, wire->len);
}

static inline void put_head(struct made *m, uint32_t pages_id)
{
	struct crit_buf wire = {0};

	put_header(m, "PAGEMAP", false);
	crit_wire_put_varint(&wire, 1, pages_id);
	put_wire(m, &wire);
	crit_buf_fini(&wire);
}

static inline void put_run(struct made *m, struct crit_buf *wire, const struct a_run *run)
{
	bool old = run->flags == UNTOLD || run->flags == IN_PARENT;

	crit_buf_reset(wire);
	crit_wire_put_varint(wire, 1, run->vaddr);
	crit_wire_put_varint(wire, 2, old ? run->n : 0);
	if (run->flags == IN_PARENT)
		crit_wire_put_varint(wire, 3, 1);
	if (!old) {
		crit_wire_put_varint(wire, 4, run->flags);
		crit_wire_put_varint(wire, 5, run->n);
	}
	put_wire(m, wire);
}

/* A page map with the id of its pages file. */
static inline void save_pagemap(const char *dir, const char *name, uint32_t pages_id,
				const struct a_run *runs, size_t n)
{
	struct crit_buf wire = {0};
	struct made m = {0};
	size_t i;

	put_head(&m, pages_id);
	for (i = 0; i < n; i++)
		put_run(&m, &wire, &runs[i]);
	save(dir, name, &m);
	crit_buf_fini(&wire);
	crit_buf_fini(&m.bytes);
}

/* Page i begins with the letter and i, as text. */
static inline void save_pages(const char *dir, uint32_t id, char letter, unsigned n,
			      uint64_t page_size)
{
	char name[40], text[20];
	int fd;

	snprintf(name, sizeof(name), "pages-%u.img", id);
	save_bytes(dir, name, "", 0);
	fd = open(path_to(dir, name), O_WRONLY | O_CLOEXEC);
	expect(fd >= 0);
	expect_int(ftruncate(fd, (off_t)(n * page_size)), 0);
	while (n-- > 0) {
		snprintf(text, sizeof(text), "%c%u", letter, n);
		expect_int(crit_pwrite_full(fd, text, strlen(text), n * page_size), 0);
	}
	close(fd);
}

static inline void put_vma(struct crit_buf *wire, const struct a_vma *vma)
{
	size_t from;

	crit_wire_put_tag(wire, 14, CRIT_WIRE_BYTES);
	from = crit_wire_open_message(wire);
	crit_wire_put_varint(wire, 1, vma->start);
	crit_wire_put_varint(wire, 2, vma->end);
	crit_wire_put_varint(wire, 3, vma->pgoff);
	crit_wire_put_varint(wire, 4, vma->shmid);
	crit_wire_put_varint(wire, 5, 3);
	crit_wire_put_varint(wire, 6, 0x22);
	crit_wire_put_varint(wire, 7, vma->status);
	crit_wire_put_varint(wire, 8, 1); /* -1 */
	crit_wire_close_message(wire, from);
}

static inline void save_mm(const char *dir, const struct a_vma *vmas, size_t n)
{
	struct crit_buf wire = {0};
	struct made m = {0};
	uint32_t id;
	size_t i;

	put_header(&m, "MM", false);
	for (id = 1; id <= 12; id++)
		crit_wire_put_varint(&wire, id, 0);
	for (i = 0; i < n; i++)
		put_vma(&wire, &vmas[i]);
	put_wire(&m, &wire);
	save(dir, "mm-42.img", &m);
	crit_buf_fini(&wire);
	crit_buf_fini(&m.bytes);
}

#define RUNS(...)                                                                              \
	(const struct a_run[]){__VA_ARGS__}, COUNT(((const struct a_run[]){__VA_ARGS__}))
#define VMAS(...)                                                                              \
	(const struct a_vma[]){__VA_ARGS__}, COUNT(((const struct a_vma[]){__VA_ARGS__}))

/* One private mapping of so many pages from BASE on, and its page map. */
static inline void save_private(const char *dir, unsigned pages, const struct a_run *runs,
				size_t n)
{
	make_dir(dir);
	save_mm(dir, VMAS({BASE, BASE + pages * PAGE, ANON, 0, 0}));
	save_pagemap(dir, "pagemap-42.img", 1, runs, n);
}

static inline struct crit_space *try_space(const char *dir, struct heard *h, int wanted)
{
	PstreeEntry entry = PSTREE_ENTRY__INIT;
	struct crit_process p = {.entry = &entry};
	struct crit_space *space = NULL;
	struct crit_error err = {0};
	struct crit_dump dump;
	int ret;

	entry.pid = PID;
	*h = (struct heard){.l = {hear}};
	expect_int(crit_dump_open(path_to(dir, ""), &h->l, &dump), 0);
	ret = crit_space_open(&dump, &p, &space, &err);
	crit_dump_close(&dump);
	if (ret != wanted)
		fail("crit_space_open: %d, %s", ret, err.text);
	return space;
}

static inline struct crit_space *open_space(const char *dir, struct heard *h)
{
	return try_space(dir, h, 0);
}

/* The same for dumps in which all is well. */
static inline struct crit_space *open_good(const char *dir)
{
	struct heard h;
	struct crit_space *space = open_space(dir, &h);

	if (h.n)
		fail("told: %s", h.text);
	return space;
}

/* What the stretch at an address has to be. */
static inline void expect_at(struct crit_space *space, uint64_t addr, uint64_t pages,
			     enum crit_backing backing, const char *text)
{
	uint32_t page_size = crit_space_page_size(space);
	struct crit_error err = {0};
	struct crit_stretch s;
	char found[20];

	unit_about("0x%llx", (unsigned long long)addr);
	if (crit_space_at(space, addr, &s, &err) < 0)
		fail("%s", err.text);
	expect_int(s.backing, backing);
	expect_u64(s.start, addr - addr % page_size);
	expect_u64((s.end - s.start) / page_size, pages);
	if (backing == CRIT_STORED || backing == CRIT_INHERITED) {
		expect_int(crit_pread_full(s.fd, found, strlen(text), s.off), 0);
		expect_bytes(found, strlen(text), text, strlen(text));
	} else {
		expect_int(s.fd, -1);
		if (text && (!s.reason || !strstr(s.reason, text)))
			fail("reason \"%s\", expected \"%s\"", s.reason ? s.reason : "", text);
	}
}

/* Some bytes of memory. */
static inline void expect_memory(struct crit_space *space, uint64_t addr, const char *text)
{
	struct crit_error err = {0};
	char found[100];
	size_t len = strlen(text);

	unit_about("0x%llx", (unsigned long long)addr);
	if (crit_space_read(space, addr, found, len, &err) != (ssize_t)len)
		fail("%s", err.text);
	expect_bytes(found, len, text, len);
}

static inline unsigned count_descriptors(void)
{
	unsigned n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

#endif
