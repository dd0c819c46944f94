/*
 * Drafts of the file system, held against a plain array of bytes.
 */
#include <errno.h>
#include <sys/mman.h>

#include "fs/draft.h"
#include "unit.h"

#define SPACE ((size_t)4 << 20) /* bytes that the array has */
#define BASE  ((size_t)1500000)
#define SKIP  1234 /* bytes of the base's file before the span */

/* What a draft has to be. */
struct model {
	uint8_t *bytes; /* SPACE of them */
	bool *written;  /* those that the draft has to store */
	size_t size;
};

static struct model model_new(const uint8_t *bytes, size_t len)
{
	struct model m = {calloc(1, SPACE), calloc(SPACE, sizeof(bool)), len};

	expect(m.bytes && m.written);
	if (len)
		memcpy(m.bytes, bytes, len);
	return m;
}

static void model_free(struct model *m)
{
	free(m->bytes);
	free(m->written);
}

static struct model model_copy(const struct model *from)
{
	struct model m = model_new(from->bytes, SPACE);

	memcpy(m.written, from->written, SPACE * sizeof(bool));
	m.size = from->size;
	return m;
}

static void model_write(struct model *m, const uint8_t *bytes, size_t len, size_t off)
{
	memcpy(m->bytes + off, bytes, len);
	memset(m->written + off, true, len * sizeof(bool));
	if (len && m->size < off + len)
		m->size = off + len;
}

static void model_truncate(struct model *m, size_t size)
{
	if (size < m->size) {
		memset(m->bytes + size, 0, m->size - size);
		memset(m->written + size, false, (m->size - size) * sizeof(bool));
	}
	m->size = size;
}

static uint64_t model_stored(const struct model *m)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < m->size; i++)
		n += m->written[i];
	return n;
}

static struct crit_file *base_file(uint8_t *bytes, size_t len)
{
	struct unit_random r = unit_seed(40);
	struct crit_file *file;
	int fd = memfd_create("base", MFD_CLOEXEC);
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)unit_random(&r);
	expect_int(crit_pwrite_full(fd, "not part of the span", 20, 0), 0);
	expect_int(crit_pwrite_full(fd, bytes, len, SKIP), 0);
	expect_int(crit_pwrite_full(fd, "nor is this", 11, SKIP + len), 0);
	expect_int(crit_file_adopt(fd, &file), 0);
	return file;
}

static void expect_text(const struct cfs_draft *d, const struct model *m)
{
	struct crit_buf text = {0};

	crit_buf_str(&text, "before ");
	expect_int(cfs_draft_text(d, &text), 0);
	expect_bytes(text.data, 7, "before ", 7);
	expect_bytes(text.data + 7, text.len - 7, m->bytes, m->size);
	crit_buf_fini(&text);
}

static void expect_pieces(const struct cfs_draft *d, const struct model *m)
{
	struct crit_piece *pieces;
	struct crit_buf all = {0};
	size_t n, i;

	expect_int(cfs_draft_pieces(d, &pieces, &n), 0);
	for (i = 0; i < n; i++) {
		size_t len = (size_t)pieces[i].len;

		expect(len > 0);
		expect(crit_buf_reserve(&all, len));
		if (pieces[i].fd >= 0)
			expect_int(crit_pread_full(pieces[i].fd, all.data + all.len, len,
						   pieces[i].off),
				   0);
		else if (pieces[i].data)
			memcpy(all.data + all.len, pieces[i].data, len);
		else
			memset(all.data + all.len, 0, len);
		all.len += len;
	}
	expect_bytes(all.data, all.len, m->bytes, m->size);
	crit_buf_fini(&all);
	free(pieces);
}

static void expect_read(const struct cfs_draft *d, const struct model *m, size_t len,
			size_t off)
{
	size_t wanted = off >= m->size ? 0 : m->size - off < len ? m->size - off : len;
	uint8_t *buf = malloc(len + 1);
	ssize_t n;

	buf[len] = 0x55;
	n = cfs_draft_read(d, buf, len, off);
	expect_int(n, wanted);
	expect_bytes(buf, wanted, m->bytes + off, wanted);
	expect_int(buf[len], 0x55);
	free(buf);
}

/* A random length, often short, and a place from the range that is in use. */
static size_t some_len(struct unit_random *r, size_t max)
{
	return unit_below(r, 4) ? unit_below(r, 200) : unit_below(r, max);
}

static void random_step(struct cfs_draft *d, struct model *m, struct unit_random *r,
			size_t range)
{
	static uint8_t data[300000];
	size_t off = unit_below(r, range), len = some_len(r, range / 10 + 1), i;

	if (unit_below(r, 4) == 0) /* where the last one ended, as most writers do */
		off = m->size < range ? m->size : off;
	switch (unit_below(r, 10)) {
	case 0:
		expect_int(cfs_draft_truncate(d, off), 0);
		model_truncate(m, off);
		break;
	case 1:
	case 2:
		expect_read(d, m, len, off);
		break;
	case 3:
		len = 0;
		/* fall through */
	default:
		for (i = 0; i < len; i++)
			data[i] = (uint8_t)unit_random(r);
		expect_int(cfs_draft_write(d, data, len, off), 0);
		model_write(m, data, len, off);
		break;
	}
	expect_u64(cfs_draft_size(d), m->size);
}

static void random_steps(struct cfs_store *store, struct cfs_draft *d, struct model *m,
			 uint64_t seed, size_t range)
{
	struct unit_random r = unit_seed(seed);
	unsigned i;

	for (i = 0; i < 400; i++) {
		unit_about("seed %llu, step %u", (unsigned long long)seed, i);
		random_step(d, m, &r, range);
		if (i % 20 == 0)
			expect_pieces(d, m);
		if (i % 20 == 10)
			expect_text(d, m);
	}
	expect_pieces(d, m);
	expect_text(d, m);
	expect(store->used >= model_stored(m));
}

static const size_t ranges[] = {300, 5000, 200000, 1048576, 3000000};

static void steps_from_nothing(void)
{
	struct cfs_store store;
	size_t i;

	cfs_store_init(&store, UINT64_MAX);
	for (i = 0; i < COUNT(ranges); i++) {
		struct cfs_draft *d = cfs_draft_new(&store);
		struct model m = model_new(NULL, 0);

		expect(d && cfs_draft_size(d) == 0);
		random_steps(&store, d, &m, 100 + i, ranges[i]);
		cfs_draft_put(d);
		expect_u64(store.used, 0);
		model_free(&m);
	}
	cfs_store_fini(&store);
}

static void steps_from_a_text(void)
{
	static const char text[] = "{\n    \"pipe_id\": 1,\n    \"bytes\": 2\n}\n";
	struct cfs_draft *d;
	struct cfs_store store;
	struct model m = model_new((const uint8_t *)text, strlen(text));

	cfs_store_init(&store, UINT64_MAX);
	memset(m.written, true, strlen(text) * sizeof(bool));
	d = cfs_draft_of_text(&store, text, strlen(text));
	expect_text(d, &m);
	random_steps(&store, d, &m, 200, 100);
	cfs_draft_put(d);
	d = cfs_draft_of_text(&store, NULL, 0);
	expect(d && cfs_draft_size(d) == 0);
	cfs_draft_put(d);
	expect_u64(store.used, 0);
	cfs_store_fini(&store);
	model_free(&m);
}

static void steps_from_a_span(void)
{
	uint8_t *bytes = malloc(BASE);
	struct crit_file *file = base_file(bytes, BASE);
	struct cfs_store store;
	size_t i;

	cfs_store_init(&store, UINT64_MAX);
	for (i = 0; i < COUNT(ranges); i++) {
		/* the span's end is within what is written to */
		size_t len = ranges[i] * 2 / 3 < BASE ? ranges[i] * 2 / 3 : BASE;
		struct cfs_draft *d = cfs_draft_of_span(&store, file,
							(struct crit_span){SKIP, len});
		struct model m = model_new(bytes, len);

		expect_int(file->refs, 2);
		expect_text(d, &m);
		expect_pieces(d, &m);
		expect_u64(store.used, 0);
		random_steps(&store, d, &m, 300 + i, ranges[i]);
		cfs_draft_put(d);
		expect_int(file->refs, 1);
		model_free(&m);
	}
	cfs_store_fini(&store);
	crit_file_put(file);
	free(bytes);
}

/* What was cut off does not come back when the draft grows again. */
static void cut_bytes_are_gone(void)
{
	static const char contents[] = "0123456789";
	uint8_t bytes[100];
	struct crit_file *file = base_file(bytes, sizeof(bytes));
	struct cfs_store store;
	struct cfs_draft *d;
	struct model m;

	cfs_store_init(&store, UINT64_MAX);
	d = cfs_draft_of_span(&store, file, (struct crit_span){SKIP, sizeof(bytes)});
	m = model_new(bytes, sizeof(bytes));
	expect_int(cfs_draft_write(d, contents, 10, 40), 0);
	model_write(&m, (const uint8_t *)contents, 10, 40);
	expect_int(cfs_draft_truncate(d, 45), 0);
	model_truncate(&m, 45);
	expect_int(cfs_draft_truncate(d, 120), 0);
	model_truncate(&m, 120);
	expect_text(d, &m);
	expect_int(cfs_draft_write(d, contents, 1, 110), 0);
	model_write(&m, (const uint8_t *)contents, 1, 110);
	expect_text(d, &m);
	expect_int(cfs_draft_truncate(d, 0), 0);
	model_truncate(&m, 0);
	expect_u64(store.used, 0);
	expect_int(cfs_draft_truncate(d, 50), 0);
	model_truncate(&m, 50);
	expect_text(d, &m);
	cfs_draft_put(d);
	cfs_store_fini(&store);
	crit_file_put(file);
	model_free(&m);
}

/* The same in the temporary file, where old bytes stay on the disk. */
static void cut_bytes_are_gone_from_a_large_draft(void)
{
	const size_t len = 2 << 20;
	uint8_t *data = malloc(len);
	struct model m = model_new(NULL, 0);
	struct cfs_store store;
	struct cfs_draft *d;

	cfs_store_init(&store, UINT64_MAX);
	d = cfs_draft_new(&store);
	memset(data, 'x', len);
	expect_int(cfs_draft_write(d, data, len, 0), 0);
	model_write(&m, data, len, 0);
	expect_int(cfs_draft_truncate(d, 100), 0);
	model_truncate(&m, 100);
	expect_int(cfs_draft_truncate(d, len), 0);
	model_truncate(&m, len);
	expect_int(cfs_draft_write(d, "y", 1, 5000), 0);
	model_write(&m, (const uint8_t *)"y", 1, 5000);
	expect_text(d, &m);
	expect_pieces(d, &m);
	cfs_draft_put(d);
	expect_u64(store.used, 0);
	cfs_store_fini(&store);
	model_free(&m);
	free(data);
}

static void shared_drafts_part(void)
{
	uint8_t *bytes = malloc(BASE);
	struct crit_file *file = base_file(bytes, BASE);
	struct cfs_store store;
	size_t i;

	cfs_store_init(&store, UINT64_MAX);
	for (i = 0; i < COUNT(ranges); i++) {
		size_t len = ranges[i] / 2 < BASE ? ranges[i] / 2 : BASE;
		struct cfs_draft *d = cfs_draft_of_span(&store, file,
							(struct crit_span){SKIP, len});
		struct cfs_draft *alone = d, *other;
		struct model m = model_new(bytes, len), o;

		random_steps(&store, d, &m, 400 + i, ranges[i]);
		/* who has it alone keeps it */
		expect_int(cfs_draft_own(&d), 0);
		expect(d == alone);
		other = cfs_draft_get(d);
		o = model_copy(&m);
		expect_int(cfs_draft_own(&other), 0);
		expect(other != d);
		expect_text(other, &o);
		random_steps(&store, other, &o, 500 + i, ranges[i]);
		expect_text(d, &m);
		random_steps(&store, d, &m, 600 + i, ranges[i]);
		expect_text(other, &o);
		cfs_draft_put(d);
		expect_text(other, &o);
		cfs_draft_put(other);
		expect_u64(store.used, 0);
		expect_int(file->refs, 1);
		model_free(&m);
		model_free(&o);
	}
	cfs_draft_put(NULL);
	cfs_store_fini(&store);
	crit_file_put(file);
	free(bytes);
}

static void far_away_writes(void)
{
	const uint64_t far = UINT64_C(5) << 30;
	struct crit_buf text = {0};
	struct cfs_store store;
	struct crit_piece *pieces;
	struct cfs_draft *d;
	char buf[8];
	size_t n;

	cfs_store_init(&store, UINT64_MAX);
	d = cfs_draft_new(&store);
	expect_int(cfs_draft_write(d, "a", 1, 0), 0);
	expect_int(cfs_draft_write(d, "z", 1, far), 0);
	expect_u64(cfs_draft_size(d), far + 1);
	expect_int(cfs_draft_read(d, buf, 8, far - 3), 4);
	expect_bytes(buf, 4, "\0\0\0z", 4);
	expect_int(cfs_draft_read(d, buf, 8, 0), 8);
	expect_bytes(buf, 8, "a\0\0\0\0\0\0\0", 8);
	expect_int(cfs_draft_read(d, buf, 8, UINT64_MAX), 0);
	expect_int(cfs_draft_text(d, &text), -EFBIG);
	expect_int(cfs_draft_pieces(d, &pieces, &n), 0);
	expect_u64(n, 3);
	expect_u64(pieces[1].len, far - 1);
	expect(pieces[1].fd == -1 && !pieces[1].data);
	free(pieces);
	/* no file is that long */
	expect_int(cfs_draft_write(d, "z", 1, UINT64_MAX), -EFBIG);
	expect_int(cfs_draft_write(d, "zz", 2, INT64_MAX - 1), -EFBIG);
	expect_int(cfs_draft_truncate(d, (uint64_t)INT64_MAX + 1), -EFBIG);
	expect_u64(cfs_draft_size(d), far + 1);
	cfs_draft_put(d);
	crit_buf_fini(&text);
	cfs_store_fini(&store);
}

static void the_store_has_an_end(void)
{
	struct model m = model_new(NULL, 0);
	struct cfs_store store;
	struct cfs_draft *d, *other;
	uint8_t data[1000];

	cfs_store_init(&store, 1000);
	memset(data, 'd', sizeof(data));
	d = cfs_draft_new(&store);
	expect_int(cfs_draft_write(d, data, 600, 0), 0);
	model_write(&m, data, 600, 0);
	other = cfs_draft_of_text(&store, data, 400);
	expect(other != NULL);
	expect_int(cfs_draft_write(d, data, 1, 600), -ENOSPC);
	expect_int(cfs_draft_write(d, data, 1, 100000), -ENOSPC);
	expect(!cfs_draft_of_text(&store, "x", 1));
	expect_text(d, &m);
	/* a share costs nothing, a copy does */
	cfs_draft_get(other);
	expect_int(cfs_draft_own(&other), -ENOSPC);
	cfs_draft_put(other);
	expect_u64(cfs_draft_size(other), 400);
	/* there is room again for what was cut or given back */
	expect_int(cfs_draft_truncate(d, 500), 0);
	model_truncate(&m, 500);
	expect_int(cfs_draft_write(d, data, 100, 700), 0);
	model_write(&m, data, 100, 700);
	expect_int(cfs_draft_write(d, data, 1, 900), -ENOSPC);
	cfs_draft_put(other);
	expect_int(cfs_draft_write(d, data, 400, 800), 0);
	model_write(&m, data, 400, 800);
	expect_text(d, &m);
	cfs_draft_put(d);
	expect_u64(store.used, 0);
	cfs_store_fini(&store);
	model_free(&m);
}

/* Bytes over bytes that are stored already take no more room. */
static void a_full_store_can_be_written_over(void)
{
	struct cfs_store store;
	struct cfs_draft *d;
	char buf[10];

	cfs_store_init(&store, 10);
	d = cfs_draft_of_text(&store, "0123456789", 10);
	expect(d != NULL);
	expect_int(cfs_draft_write(d, "abc", 3, 4), 0);
	expect_int(cfs_draft_read(d, buf, 10, 0), 10);
	expect_bytes(buf, 10, "0123abc789", 10);
	cfs_draft_put(d);
	cfs_store_fini(&store);
}

static void without_a_directory_drafts_stay_small(void)
{
	struct cfs_store store = {.max = UINT64_MAX, .dirfd = -1};
	uint8_t *data = calloc(1, CFS_DRAFT_MEMORY);
	struct cfs_draft *d = cfs_draft_new(&store);
	struct model m = model_new(NULL, 0);

	memset(data, 'd', CFS_DRAFT_MEMORY);
	expect_int(cfs_draft_write(d, data, CFS_DRAFT_MEMORY, 0), 0);
	model_write(&m, data, CFS_DRAFT_MEMORY, 0);
	expect(cfs_draft_write(d, data, 1, CFS_DRAFT_MEMORY) < 0);
	expect_u64(cfs_draft_size(d), CFS_DRAFT_MEMORY);
	expect_text(d, &m);
	cfs_draft_put(d);
	cfs_store_fini(&store);
	model_free(&m);
	free(data);
}

/* The file under a draft gets shorter: an error, not zeros for what is gone. */
static void a_base_that_is_cut(void)
{
	uint8_t bytes[1000];
	struct crit_file *file = base_file(bytes, sizeof(bytes));
	struct crit_buf text = {0};
	struct cfs_store store;
	struct cfs_draft *d;
	char buf[1000];

	cfs_store_init(&store, UINT64_MAX);
	d = cfs_draft_of_span(&store, file, (struct crit_span){SKIP, sizeof(bytes)});
	expect_int(cfs_draft_write(d, "new", 3, 997), 0);
	expect_int(ftruncate(file->fd, SKIP + 500), 0);
	expect_int(cfs_draft_read(d, buf, 500, 0), 500);
	expect_bytes(buf, 500, bytes, 500);
	expect_int(cfs_draft_read(d, buf, 501, 0), -EIO);
	expect_int(cfs_draft_read(d, buf, 10, 900), -EIO);
	expect_int(cfs_draft_read(d, buf, 10, 997), 3);
	expect_int(cfs_draft_text(d, &text), -EIO);
	cfs_draft_put(d);
	crit_buf_fini(&text);
	cfs_store_fini(&store);
	crit_file_put(file);
}

/* Temporary files have no name, and lie where TMPDIR says. */
static void large_drafts_leave_no_names(void)
{
	uint8_t *data = calloc(2, CFS_DRAFT_MEMORY);
	struct cfs_store store;
	struct cfs_draft *d;

	expect_int(setenv("TMPDIR", unit_dir(), 1), 0);
	cfs_store_init(&store, UINT64_MAX);
	expect(store.dirfd >= 0);
	d = cfs_draft_of_text(&store, data, 2 * CFS_DRAFT_MEMORY);
	expect(d != NULL);
	expect_int(rmdir(unit_dir()), 0); /* fails if something is in it */
	expect_int(mkdir(unit_dir(), 0700), 0);
	cfs_draft_put(d);
	cfs_store_fini(&store);
	free(data);
}

static const struct unit_test tests[] = {
	TEST(steps_from_nothing),
	TEST(steps_from_a_text),
	TEST(steps_from_a_span),
	TEST(cut_bytes_are_gone),
	TEST(cut_bytes_are_gone_from_a_large_draft),
	TEST(shared_drafts_part),
	TEST(far_away_writes),
	TEST(the_store_has_an_end),
	TEST(a_full_store_can_be_written_over),
	TEST(without_a_directory_drafts_stay_small),
	TEST(a_base_that_is_cut),
	TEST(large_drafts_leave_no_names),
};

UNIT_MAIN(tests)
