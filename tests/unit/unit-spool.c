/*
 * Spools: what is appended comes back, on which side of their memory's end ever it is.
 */
#include "scenes.h"

#include <signal.h>
#include <sys/resource.h>

#include "decoder/spool.h"

/* What a spool has to hold. */
struct model {
	struct crit_buf bytes; /* owned */
	struct crit_spool spool;
};

static void init(struct model *m, int dirfd)
{
	*m = (struct model){.bytes = {0}};
	crit_spool_init(&m->spool, dirfd);
}

static void fini(struct model *m)
{
	crit_spool_fini(&m->spool);
	crit_buf_fini(&m->bytes);
}

static void add(struct model *m, struct unit_random *r, size_t n)
{
	size_t from = m->bytes.len;

	expect(crit_buf_reserve(&m->bytes, n + 8));
	for (; m->bytes.len < from + n; m->bytes.len += 8) {
		uint64_t v = unit_random(r);

		memcpy(m->bytes.data + m->bytes.len, &v, 8);
	}
	m->bytes.len = from + n;
	expect_int(crit_spool_add(&m->spool, m->bytes.data + from, n), 0);
	expect_u64(crit_spool_len(&m->spool), m->bytes.len);
}

static void expect_read(const struct model *m, size_t off, size_t len)
{
	size_t there = off < m->bytes.len ? m->bytes.len - off : 0;
	uint8_t *found = malloc(len + 1);

	expect(found != NULL);
	found[len < there ? len : there] = 0xa5;
	expect_int(crit_spool_read(&m->spool, found, len, off), len < there ? len : there);
	expect_bytes(found, len < there ? len : there, m->bytes.data + off,
		     len < there ? len : there);
	expect_int(found[len < there ? len : there], 0xa5);
	free(found);
}

static void expect_pieces(const struct model *m)
{
	struct crit_buf all = {0};
	struct crit_piece pieces[2];
	size_t n = crit_spool_pieces(&m->spool, pieces), i;

	expect(n <= 2);
	for (i = 0; i < n; i++) {
		expect(pieces[i].len > 0);
		expect(crit_buf_reserve(&all, (size_t)pieces[i].len));
		if (pieces[i].fd < 0)
			memcpy(all.data + all.len, pieces[i].data, (size_t)pieces[i].len);
		else
			expect_int(crit_pread_full(pieces[i].fd, all.data + all.len,
						   (size_t)pieces[i].len, pieces[i].off),
				   0);
		all.len += (size_t)pieces[i].len;
	}
	expect_bytes(all.data, all.len, m->bytes.data, m->bytes.len);
	crit_buf_fini(&all);
}

static void expect_spool(const struct model *m, struct unit_random *r)
{
	size_t len = m->bytes.len, filed = (size_t)m->spool.filed;
	unsigned i;

	expect_pieces(m);
	expect_read(m, 0, len);
	expect_read(m, 0, len + 100);
	expect_read(m, len, 1);
	expect_read(m, len + 100, 1);
	expect_int(crit_spool_read(&m->spool, NULL, 0, len / 2), 0);
	expect_read(m, filed, 10);
	if (filed) {
		expect_read(m, filed - 5, 5);
		expect_read(m, filed - 5, 6);
		expect_read(m, filed - 1, 10);
	}
	for (i = 0; i < 20; i++)
		expect_read(m, unit_below(r, len + 1), unit_below(r, 100000));
}

#define MEMORY CRIT_SPOOL_MEMORY

/* Sizes that are appended one behind the other; the first 0 behind one is the end. */
static const size_t sizes[][6] = {
	{0},
	{1},
	{MEMORY - 1, 1},
	{MEMORY},
	{MEMORY, 1},
	{MEMORY + 1},
	{1, MEMORY},
	{1, MEMORY + 1, 1},
	{MEMORY, MEMORY, MEMORY, 7},
	{3 * MEMORY + 5, 3},
	{MEMORY - 1, 2, MEMORY - 2, 1, 1},
};

static void across_its_memory(void)
{
	struct unit_random r = unit_seed(41);
	struct model m;
	size_t i, s;

	for (i = 0; i < COUNT(sizes); i++) {
		init(&m, -1);
		for (s = 0; s < COUNT(sizes[i]) && sizes[i][s]; s++) {
			unit_about("row %zu, size %zu", i, s);
			add(&m, &r, sizes[i][s]);
			if (m.bytes.len <= MEMORY)
				expect_int(m.spool.fd, -1);
			expect(m.spool.memory.len <= MEMORY);
			expect_spool(&m, &r);
		}
		fini(&m);
	}
}

static void random_sizes(void)
{
	static const size_t below[] = {10, 5000, 300000, 3 * MEMORY};
	struct unit_random r = unit_seed(42);
	struct model m;
	unsigned use, i, n;

	init(&m, -1);
	for (use = 0; use < 12; use++) {
		n = 1 + (unsigned)unit_below(&r, 25);
		for (i = 0; i < n; i++) {
			unit_about("use %u, step %u", use, i);
			add(&m, &r, unit_below(&r, below[unit_below(&r, COUNT(below))]));
		}
		expect_spool(&m, &r);
		/* its memory and its file are used again */
		crit_spool_reset(&m.spool);
		crit_buf_reset(&m.bytes);
		expect_u64(crit_spool_len(&m.spool), 0);
		expect_spool(&m, &r);
	}
	fini(&m);
	expect_u64(crit_spool_len(&m.spool), 0);
	expect_int(m.spool.fd, -1);
}

static void spools_into_spools(void)
{
	static const size_t lengths[] = {0, 1, 20000, MEMORY, MEMORY + 1, 3 * MEMORY + 17};
	struct unit_random r = unit_seed(43);
	struct model to, from;
	size_t t, f;

	for (t = 0; t < COUNT(lengths); t++)
		for (f = 0; f < COUNT(lengths); f++) {
			unit_about("%zu bytes into %zu", lengths[f], lengths[t]);
			init(&to, -1);
			init(&from, -1);
			add(&to, &r, lengths[t]);
			add(&from, &r, lengths[f]);
			expect_int(crit_spool_add_spool(&to.spool, &from.spool), 0);
			crit_buf_add(&to.bytes, from.bytes.data, from.bytes.len);
			expect_u64(crit_spool_len(&to.spool), to.bytes.len);
			expect_spool(&to, &r);
			expect_spool(&from, &r);
			fini(&to);
			fini(&from);
		}
}

/* The file has no name in its directory. */
static void leaves_no_names(void)
{
	struct unit_random r = unit_seed(44);
	int dir = unit_dir_open();
	struct model m;

	init(&m, dir);
	add(&m, &r, 2 * MEMORY);
	expect(m.spool.fd >= 0);
	expect_names(dir, NULL, 0);
	expect_spool(&m, &r);
	fini(&m);
	expect_names(dir, NULL, 0);
	close(dir);
}

/* What it has stays, what it can't take is not there. */
static void expect_full(struct model *m, struct unit_random *r, int wanted)
{
	uint8_t *more = calloc(1, 2 * MEMORY);
	int ret;

	expect(more != NULL);
	ret = crit_spool_add(&m->spool, more, MEMORY);
	if (wanted)
		expect_int(ret, wanted);
	expect(ret < 0);
	expect(crit_spool_add(&m->spool, more, 2 * MEMORY) < 0);
	expect_u64(crit_spool_len(&m->spool), m->bytes.len);
	expect_spool(m, r);
	free(more);
}

static void directories_that_take_no_files(void)
{
	static const struct {
		const char *path; /* NULL: the descriptor is none */
		int ret;          /* 0: any error */
	} table[] = {{"/proc", 0}, {"/sys", 0}, {"/dev/null", 0}, {NULL, -EBADF}};
	struct unit_random r = unit_seed(45);
	struct model m;
	size_t i;
	int fd;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("row %zu", i);
		fd = table[i].path ? open(table[i].path, O_RDONLY | O_CLOEXEC) : 1000;
		if (fd < 0)
			continue; /* no such directory here */
		init(&m, fd);
		add(&m, &r, 1000); /* it needs none yet */
		expect_full(&m, &r, table[i].ret);
		add(&m, &r, 10);
		fini(&m);
		if (table[i].path)
			expect_int(close(fd), 0); /* it was borrowed */
	}
	unit_about("$TMPDIR");
	setenv("TMPDIR", "/nowhere/at/all", 1);
	init(&m, -1);
	add(&m, &r, MEMORY);
	expect_full(&m, &r, -ENOENT);
	fini(&m);
}

static void files_that_take_no_more(void)
{
	const struct rlimit limit = {5 * MEMORY / 2, 5 * MEMORY / 2};
	struct unit_random r = unit_seed(46);
	int dir = unit_dir_open();
	struct model m;

	signal(SIGXFSZ, SIG_IGN);
	expect_int(setrlimit(RLIMIT_FSIZE, &limit), 0);
	init(&m, dir);
	add(&m, &r, 2 * MEMORY);
	add(&m, &r, MEMORY);
	expect_full(&m, &r, -EFBIG);
	crit_spool_reset(&m.spool);
	crit_buf_reset(&m.bytes);
	add(&m, &r, 2 * MEMORY);
	expect_spool(&m, &r);
	fini(&m);
	close(dir);
}

static const struct unit_test tests[] = {
	TEST(across_its_memory),
	TEST(random_sizes),
	TEST(spools_into_spools),
	TEST(leaves_no_names),
	TEST(directories_that_take_no_files),
	TEST(files_that_take_no_more),
};

UNIT_MAIN(tests)
