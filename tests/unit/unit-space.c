/*
 * Address spaces from page maps as they may be, and as they should not be.
 */
#include "spaces.h"

#include <malloc.h>

#define HERE CRIT_PE_PRESENT
#define LAZY CRIT_PE_LAZY

static void runs_are_merged(void)
{
	struct crit_space *space;

	save_private("d", 20,
		     RUNS({BASE, 2, HERE}, {BASE + 2 * PAGE, 1, HERE | LAZY},
			  {BASE + 3 * PAGE, 3, UNTOLD}, {BASE + 8 * PAGE, 1, HERE}));
	save_pages("d", 1, 'p', 7, PAGE);
	space = open_good("d");
	expect_int(crit_space_page_size(space), 4096);
	expect_at(space, BASE, 6, CRIT_STORED, "p0");
	expect_at(space, BASE + 4 * PAGE + 17, 2, CRIT_STORED, "p4");
	expect_at(space, BASE + 6 * PAGE, 2, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 8 * PAGE, 1, CRIT_STORED, "p6");
	expect_at(space, BASE + 9 * PAGE, 11, CRIT_ZEROS, NULL);
	/* and backwards */
	expect_at(space, BASE + 7 * PAGE, 1, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 5 * PAGE, 1, CRIT_STORED, "p5");
	expect_at(space, 0, 16, CRIT_UNMAPPED, NULL);
	crit_space_put(space);
}

/* Whose addresses nobody knows, those pages are counted all the same. */
static void bad_entries_are_left_out(void)
{
	struct crit_space *space;
	struct heard h;

	save_private("d", 40,
		     RUNS({BASE + 10 * PAGE, 2, HERE},      /* 0, 1 */
			  {BASE, 1, HERE},                  /* 2: out of order */
			  {BASE + 11 * PAGE, 2, HERE},      /* 3, 4: overlaps */
			  {BASE + 20 * PAGE + 5, 1, HERE},  /* 5: not a page */
			  {BASE + 22 * PAGE, 1, HERE},      /* 6 */
			  {UINT64_MAX - PAGE + 1, 2, HERE}, /* 7, 8 */
			  {BASE + 23 * PAGE, 0, HERE}, {BASE + 24 * PAGE, 1, HERE} /* 9 */));
	save_pages("d", 1, 'p', 10, PAGE);
	space = open_space("d", &h);
	expect_int(h.n, 1);
	expect_str(h.text,
		   "pagemap-42.img: entry 2 is out of order, or overlaps the one before");
	expect_at(space, BASE, 10, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 10 * PAGE, 2, CRIT_STORED, "p0");
	expect_at(space, BASE + 12 * PAGE, 10, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 22 * PAGE, 1, CRIT_STORED, "p6");
	expect_at(space, BASE + 24 * PAGE, 1, CRIT_STORED, "p9");
	crit_space_put(space);
}

/* More pages than any file can have, and addresses beyond all. */
static void numbers_that_overflow(void)
{
	struct crit_space *space;
	struct heard h;

	save_private("d", 40,
		     RUNS({BASE, 1, HERE}, {BASE + PAGE, UINT64_MAX, HERE},
			  {BASE + 2 * PAGE, UINT64_MAX / 4096, HERE},
			  {BASE + 3 * PAGE, 1, HERE}, {UINT64_MAX, UINT64_MAX, HERE},
			  {BASE + 5 * PAGE, (UINT64_C(1) << 51) - BASE / PAGE - 5, HERE}));
	save_pages("d", 1, 'p', 10, PAGE);
	space = open_space("d", &h);
	expect_str(h.text, "pagemap-42.img: entry 2 reaches beyond all addresses");
	expect_at(space, BASE, 1, CRIT_STORED, "p0");
	expect_at(space, BASE + PAGE, 2, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 3 * PAGE, 1, CRIT_MISSING, "too short");
	expect_at(space, BASE + 5 * PAGE, 35, CRIT_MISSING, "too short");
	crit_space_put(space);
}

static void flags_say_where_pages_are(void)
{
	struct crit_space *space;

	save_private("d", 40,
		     RUNS({BASE, 1, LAZY}, {BASE + PAGE, 1, HERE},
			  {BASE + 2 * PAGE, 1, CRIT_PE_PARENT}, {BASE + 3 * PAGE, 1, IN_PARENT},
			  {BASE + 4 * PAGE, 1, 0}, {BASE + 5 * PAGE, 1, HERE},
			  {BASE + 6 * PAGE, 1, HERE | 8}, {BASE + 7 * PAGE, 2, HERE},
			  {BASE + 9 * PAGE, 1, LAZY}));
	save_pages("d", 1, 'p', 10, PAGE);
	space = open_good("d");
	expect_at(space, BASE, 1, CRIT_MISSING, "lazily");
	expect_at(space, BASE + PAGE, 1, CRIT_STORED, "p0");
	expect_at(space, BASE + 2 * PAGE, 2, CRIT_MISSING, "parent dump, which is not there");
	expect_at(space, BASE + 4 * PAGE, 1, CRIT_MISSING, "does not say where");
	expect_at(space, BASE + 5 * PAGE, 1, CRIT_STORED, "p1");
	expect_at(space, BASE + 6 * PAGE, 3, CRIT_MISSING, "compressed");
	expect_at(space, BASE + 9 * PAGE, 1, CRIT_MISSING, "lazily");
	expect_at(space, BASE + 10 * PAGE, 30, CRIT_ZEROS, NULL);
	crit_space_put(space);
}

static void an_entry_that_does_not_decode(void)
{
	struct crit_buf wire = {0};
	struct crit_space *space;
	struct made m = {0};
	struct heard h;

	save_private("d", 40, RUNS({BASE, 1, HERE}));
	put_head(&m, 1);
	put_run(&m, &wire, &(struct a_run){BASE, 1, HERE});
	put_word(&m, 3);
	crit_buf_str(&m.bytes, "\xff\xff\xff");
	put_run(&m, &wire, &(struct a_run){BASE + 2 * PAGE, 1, HERE});
	put_run(&m, &wire, &(struct a_run){BASE + 3 * PAGE, 1, LAZY});
	crit_buf_str(&m.bytes, "tail!");
	save("d", "pagemap-42.img", &m);
	crit_buf_fini(&wire);
	crit_buf_fini(&m.bytes);
	save_pages("d", 1, 'p', 10, PAGE);
	space = open_space("d", &h);
	expect_str(h.text, "pagemap-42.img: entry 2 is no pagemap_entry");
	expect_at(space, BASE, 1, CRIT_STORED, "p0");
	expect_at(space, BASE + PAGE, 1, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 2 * PAGE, 1, CRIT_MISSING, "an entry before it");
	expect_at(space, BASE + 3 * PAGE, 1, CRIT_MISSING, "lazily");
	expect_at(space, BASE + 4 * PAGE, 36, CRIT_MISSING, "damaged");
	crit_space_put(space);
}

static void a_pages_file_that_is_too_short(void)
{
	struct crit_space *space;
	struct heard h;

	save_private("d", 40, RUNS({BASE, 4, HERE}, {BASE + 4 * PAGE, 2, HERE}));
	save_pages("d", 1, 'p', 3, PAGE);
	expect_int(truncate(path_to("d", "pages-1.img"), 2 * PAGE + 100), 0);
	space = open_good("d");
	expect_at(space, BASE, 2, CRIT_STORED, "p0");
	expect_at(space, BASE + 2 * PAGE, 4, CRIT_MISSING, "too short");
	crit_space_put(space);

	expect_int(unlink(path_to("d", "pages-1.img")), 0);
	space = open_space("d", &h);
	expect(strstr(h.text, "pagemap-42.img: can't open pages-1.img"));
	expect_at(space, BASE, 6, CRIT_MISSING, "missing");
	crit_space_put(space);

	/* not through a link */
	expect_int(symlink("pages-2.img", path_to("d", "pages-1.img")), 0);
	save_pages("d", 2, 'p', 6, PAGE);
	space = open_space("d", &h);
	expect_at(space, BASE, 6, CRIT_MISSING, "missing");
	crit_space_put(space);
}

static void no_page_map(void)
{
	struct crit_space *space;
	struct heard h;

	make_dir("d");
	save_mm("d", VMAS({BASE, BASE + PAGE, ANON, 0, 0},
			  {BASE + PAGE, BASE + 2 * PAGE, CRIT_VMA_FILE_SHARED, 0, 0}));
	space = open_space("d", &h);
	expect(strstr(h.text, "pagemap-42.img"));
	expect_at(space, BASE, 1, CRIT_MISSING, "page map is missing");
	expect_at(space, BASE + PAGE, 1, CRIT_OUTSIDE, "mapped file");
	crit_space_put(space);
	expect_int(unlink(path_to("d", "mm-42.img")), 0);
	expect(!try_space("d", &h, -ENOENT));
}

static void larger_pages(void)
{
	static const uint64_t sizes[] = {16384, 65536};
	struct crit_space *space;
	uint64_t size;
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		size = sizes[i];
		save_private("d", (unsigned)(20 * size / PAGE),
			     RUNS({BASE, 2, HERE}, {BASE + 4 * size, 1, HERE}));
		save_pages("d", 1, 'p', 3, size);
		space = open_good("d");
		expect_int(crit_space_page_size(space), size);
		expect_at(space, BASE + size + 5000, 1, CRIT_STORED, "p1");
		expect_at(space, BASE + 2 * size, 2, CRIT_ZEROS, NULL);
		expect_at(space, BASE + 4 * size, 1, CRIT_STORED, "p2");
		crit_space_put(space);
	}
	/* a mapping that can't have such pages */
	save_mm("d", VMAS({BASE, BASE + PAGE, ANON, 0, 0}));
	space = open_good("d");
	expect_int(crit_space_page_size(space), PAGE);
	crit_space_put(space);
}

static void runs_and_holes_are_sought(void)
{
	struct crit_space *space;
	struct crit_error err = {0};
	uint64_t start, end, at;

	make_dir("d");
	save_mm("d", VMAS({BASE, BASE + 4 * PAGE, ANON, 0, 0},
			  {BASE + 4 * PAGE, BASE + 8 * PAGE, ANON, 0, 0},
			  {BASE + 20 * PAGE, BASE + 24 * PAGE, ANON, 0, 0},
			  {UINT64_MAX - 2 * PAGE + 1, UINT64_MAX - PAGE + 1,
			   ANON | CRIT_VMA_VSYSCALL, 0, 0}));
	save_pagemap("d", "pagemap-42.img", 1,
		     RUNS({BASE + 2 * PAGE, 4, HERE}, {BASE + 19 * PAGE, 2, HERE}));
	save_pages("d", 1, 'p', 6, PAGE);
	space = open_good("d");
	expect_u64(crit_space_end(space), BASE + 24 * PAGE);
	expect_int(crit_space_run(space, 0, &start, &end, &err), 1);
	expect_u64(start, BASE + 2 * PAGE);
	expect_u64(end, BASE + 4 * PAGE);
	expect_int(crit_space_run(space, end, &start, &end, &err), 1);
	expect_u64(start, BASE + 4 * PAGE);
	expect_u64(end, BASE + 6 * PAGE);
	expect_int(crit_space_run(space, end, &start, &end, &err), 1);
	expect_u64(start, BASE + 20 * PAGE);
	expect_u64(end, BASE + 21 * PAGE);
	expect_int(crit_space_run(space, end, &start, &end, &err), 0);

	expect_int(crit_space_seek(space, 5, true, &at, &err), 0);
	expect_u64(at, BASE + 2 * PAGE);
	expect_int(crit_space_seek(space, at + 7, true, &at, &err), 0);
	expect_u64(at, BASE + 2 * PAGE + 7);
	expect_int(crit_space_seek(space, at, false, &at, &err), 0);
	expect_u64(at, BASE + 6 * PAGE);
	expect_int(crit_space_seek(space, at, true, &at, &err), 0);
	expect_u64(at, BASE + 20 * PAGE);
	expect_int(crit_space_seek(space, BASE + 21 * PAGE, true, &at, &err), -ENXIO);
	expect_int(crit_space_seek(space, BASE + 24 * PAGE, false, &at, &err), -ENXIO);
	expect_at(space, UINT64_MAX - PAGE, 1, CRIT_OUTSIDE, "kernel");
	crit_space_put(space);
}

static void reading_ends_where_pages_end(void)
{
	struct crit_error err = {0};
	struct crit_space *space;
	char buf[4 * PAGE];
	unsigned fds = count_descriptors();

	save_private("d", 3, RUNS({BASE, 1, HERE}, {BASE + 2 * PAGE, 1, LAZY}));
	save_pages("d", 1, 'p', 1, PAGE);
	space = open_good("d");
	memset(buf, 'x', sizeof(buf));
	expect_int(crit_space_read(space, BASE + 1, buf, sizeof(buf), &err), 2 * PAGE - 1);
	expect_int(buf[0], '0');
	expect_int(buf[PAGE - 1], 0);
	expect_int(buf[2 * PAGE - 2], 0);
	expect_int(buf[2 * PAGE - 1], 'x');
	expect_int(crit_space_read(space, BASE + 2 * PAGE + 1, buf, 1, &err), -EIO);
	expect(strstr(err.text, "0x12001: it was left"));
	expect_int(crit_space_read(space, BASE - 1, buf, 1, &err), -EIO);
	expect_str(err.text, "0xffff: nothing is mapped there");
	expect(crit_space_get(space) == space);
	crit_space_put(space);
	expect_memory(space, BASE, "p0");
	crit_space_put(space);
	expect_int(count_descriptors(), fds);
}

static void hostile_mappings(void)
{
	enum { N = 300000 };
	struct a_vma *vmas = calloc(N + 6, sizeof(*vmas));
	const struct crit_memory *m;
	struct crit_space *space;
	struct heard h;
	size_t i;

	expect(vmas);
	for (i = 0; i < N; i++) /* falling */
		vmas[i] = (struct a_vma){BASE + (N - i) * 2 * PAGE,
					 BASE + (N - i) * 2 * PAGE + PAGE, ANON, 0, 0};
	vmas[i++] = (struct a_vma){BASE, UINT64_C(1) << 62, ANON, 0, 0}; /* over all others */
	vmas[i++] = (struct a_vma){BASE - PAGE, BASE - 2 * PAGE, ANON, 0, 0};
	vmas[i++] = (struct a_vma){BASE - PAGE, BASE - PAGE, ANON, 0, 0};
	vmas[i++] = (struct a_vma){BASE - PAGE, BASE - 1, ANON, 0, 0};
	vmas[i++] = (struct a_vma){UINT64_C(1) << 63, UINT64_MAX - PAGE + 1, ANON, 0, 0};
	vmas[i++] = (struct a_vma){PAGE, UINT64_MAX - PAGE + 1, CRIT_VMA_VSYSCALL, 0, 0};
	make_dir("d");
	save_mm("d", vmas, i);
	save_pagemap("d", "pagemap-42.img", 1, RUNS({BASE + 4 * PAGE, 1, HERE}));
	save_pages("d", 1, 'p', 1, PAGE);
	space = open_space("d", &h);
	m = crit_space_memory(space);
	expect_int(h.n, 1);
	expect(strstr(h.text, "mm-42.img: "));
	expect_int(m->n_vmas, 1);
	expect_u64(m->vmas[0]->start, BASE);
	expect_memory(space, BASE + 4 * PAGE, "p0");
	crit_space_put(space);

	save_mm("d", vmas, N);
	space = open_good("d");
	m = crit_space_memory(space);
	expect_int(m->n_vmas, N);
	for (i = 1; i < N; i++)
		expect(m->vmas[i - 1]->end <= m->vmas[i]->start);
	expect(crit_space_mapping(space, 0) == m->vmas[0]);
	expect(crit_space_mapping(space, m->vmas[5]->end) == m->vmas[6]);
	expect(!crit_space_mapping(space, m->vmas[N - 1]->end));
	expect_at(space, BASE + 4 * PAGE, 1, CRIT_STORED, "p0");
	for (i = 0; i < N; i++)
		expect_at(space, m->vmas[i]->end,
			  i < N - 1 ? 1 : (UINT64_MAX - m->vmas[i]->end) / PAGE, CRIT_UNMAPPED,
			  NULL);
	crit_space_put(space);
	free(vmas);
}

/* A million entries, each a page, with holes or not, in rising or falling order. */
static struct crit_space *open_million(unsigned n, unsigned step, bool rising, struct heard *h)
{
	struct crit_buf wire = {0};
	struct made m = {0};
	unsigned i;

	make_dir("d");
	save_mm("d", VMAS({BASE, BASE + UINT64_C(1) * n * step * PAGE, ANON, 0, 0}));
	put_head(&m, 1);
	for (i = 0; i < n; i++)
		put_run(&m, &wire,
			&(struct a_run){BASE + UINT64_C(1) * (rising ? i : n - 1 - i) * step *
							PAGE,
					1, HERE});
	save("d", "pagemap-42.img", &m);
	crit_buf_fini(&wire);
	crit_buf_fini(&m.bytes);
	save_pages("d", 1, 'p', 1, PAGE);
	expect_int(truncate(path_to("d", "pages-1.img"), (off_t)(n * PAGE)), 0);
	malloc_trim(0);
	return open_space("d", h);
}

static void a_million_entries(void)
{
	const unsigned n = UNIT_SANITIZED ? 100000 : 1000000;
	uint64_t start, end = 0, found = 0;
	struct mallinfo2 before, after;
	struct crit_space *space;
	struct crit_stretch s;
	struct unit_random r = unit_seed(1);
	struct heard h;
	unsigned i;

	before = mallinfo2();
	space = open_million(n, 2, true, &h);
	after = mallinfo2();
	expect_int(h.n, 0);
	if (!UNIT_SANITIZED &&
	    after.uordblks + after.hblkhd - before.uordblks - before.hblkhd > 1 << 20)
		fail("%zu bytes",
		     after.uordblks + after.hblkhd - before.uordblks - before.hblkhd);
	while (crit_space_run(space, end, &start, &end, NULL) > 0) {
		expect_u64(start, BASE + found++ * 2 * PAGE);
		expect_u64(end, start + PAGE);
	}
	expect_u64(found, n);
	for (i = 0; i < 20000; i++) {
		uint64_t page = unit_below(&r, 2 * n);

		expect_int(crit_space_at(space, BASE + page * PAGE, &s, NULL), 0);
		expect_int(s.backing, page % 2 ? CRIT_ZEROS : CRIT_STORED);
		expect(page % 2 || s.off == page / 2 * PAGE);
	}
	crit_space_put(space);

	/* nothing between them: one run, however it is asked for */
	space = open_million(n, 1, true, &h);
	expect_int(crit_space_run(space, 0, &start, &end, NULL), 1);
	expect_u64(end - start, n * PAGE);
	for (i = 0; i < n; i++)
		expect(crit_space_at(space, BASE + i * PAGE, &s, NULL) == 0 &&
		       s.off == i * PAGE);
	crit_space_put(space);
}

/* All but the first are out of order: whatever is looked up is found, or not, at once. */
static void a_million_falling_entries(void)
{
	const unsigned n = UNIT_SANITIZED ? 100000 : 1000000;
	struct crit_space *space;
	struct crit_stretch s;
	struct heard h;
	unsigned i;

	space = open_million(n, 1, false, &h);
	expect_int(h.n, 1);
	for (i = 0; i < n; i++) {
		uint64_t page = i % 2 ? n - 1 : i;

		expect_int(crit_space_at(space, BASE + page * PAGE, &s, NULL), 0);
		expect_int(s.backing, page == n - 1 ? CRIT_STORED : CRIT_ZEROS);
	}
	crit_space_put(space);
}

static const struct unit_test tests[] = {
	TEST(runs_are_merged),
	TEST(bad_entries_are_left_out),
	TEST(numbers_that_overflow),
	TEST(flags_say_where_pages_are),
	TEST(an_entry_that_does_not_decode),
	TEST(a_pages_file_that_is_too_short),
	TEST(no_page_map),
	TEST(larger_pages),
	TEST(runs_and_holes_are_sought),
	TEST(reading_ends_where_pages_end),
	TEST(hostile_mappings),
	TEST(a_million_entries),
	TEST(a_million_falling_entries),
};

UNIT_MAIN(tests)
