/*
 * Patching: a file that has some bytes already ends up as one that is written anew
 * would, whatever the edits are.
 */
#include "decoder/patch.h"

#include "decoder/contents.h"
#include "decoder/temporary.h"
#include "scenes.h"

#define LONGEST 20000 /* bytes of a piece: some pages, so that there are holes among them */

static int new_file(void)
{
	int dir = crit_temporary_directory(), fd = crit_temporary_file(dir);

	expect(dir >= 0 && fd >= 0);
	close(dir);
	return fd;
}

static void read_all(int fd, struct crit_buf *out)
{
	struct stat st;

	expect_int(fstat(fd, &st), 0);
	crit_buf_reset(out);
	expect(crit_buf_reserve(out, (size_t)st.st_size + 1));
	expect_int(crit_pread_full(fd, out->data, (size_t)st.st_size, 0), 0);
	out->len = (size_t)st.st_size;
}

static void add(struct crit_edit *edit, struct crit_piece piece)
{
	expect_int(crit_edit_add(edit, piece), 0);
}

/* New bytes, zeros or nothing, in the stead of so many of the image. */
static uint64_t add_something(struct unit_random *r, struct crit_edit *edit, uint64_t gap)
{
	static uint8_t noise[LONGEST];
	uint64_t len = unit_below(r, 2) ? gap : unit_below(r, LONGEST);

	if (len > LONGEST)
		len = LONGEST;
	memset(noise, (int)unit_below(r, 256), len);
	add(edit,
	    (struct crit_piece){.fd = -1, .data = unit_below(r, 3) ? noise : NULL, .len = len});
	return len;
}

/* Some edit of an image of `size` bytes; at most one piece is in memory. */
static void make_edit(struct unit_random *r, int image, uint64_t size, struct crit_edit *edit)
{
	uint64_t from = unit_below(r, (unsigned)size + 1);
	uint64_t gap = unit_below(r, (unsigned)(size - from) + 1);
	uint64_t moved = unit_below(r, (unsigned)size + 1);

	if (unit_below(r, 2) && gap > LONGEST)
		gap = LONGEST;
	add(edit, (struct crit_piece){.fd = image, .len = from});
	if (size < 5 * LONGEST || unit_below(r, 2))
		add_something(r, edit, gap);
	if (!unit_below(r, 4)) /* and something of elsewhere */
		add(edit, (struct crit_piece){.fd = image,
					      .off = moved,
					      .len = size - moved < LONGEST ? size - moved
									    : LONGEST});
	add(edit,
	    (struct crit_piece){.fd = image, .off = from + gap, .len = size - from - gap});
}

static void expect_same(int fd, int wanted)
{
	struct crit_buf a = {0}, b = {0};

	read_all(fd, &a);
	read_all(wanted, &b);
	expect_bytes(a.data, a.len, b.data, b.len);
	crit_buf_fini(&a);
	crit_buf_fini(&b);
}

/* Two files take turns in being the image. */
static void files_that_take_turns(void)
{
	int image = new_file(), spare = new_file(), wanted, swap;
	struct unit_random r = unit_seed(17);
	struct crit_extent stale = CRIT_EXTENT_ALL;
	uint64_t size = 0;
	unsigned i;

	for (i = 0; i < 3000; i++) {
		struct crit_edit edit = {0};

		unit_about("edit %u", i);
		make_edit(&r, image, size, &edit);
		wanted = new_file();
		expect_int(crit_patch(wanted, -1, CRIT_EXTENT_ALL, edit.pieces, edit.n_pieces,
				      false),
			   0);
		expect_int(
			crit_patch(spare, image, stale, edit.pieces, edit.n_pieces, i % 2 != 0),
			0);
		expect_same(spare, wanted);
		stale = crit_patch_extent(image, size, edit.pieces, edit.n_pieces);
		size = crit_pieces_len(edit.pieces, edit.n_pieces);
		swap = image;
		image = spare;
		spare = swap;
		close(wanted);
		crit_edit_fini(&edit);
	}
	close(image);
	close(spare);
}

/* Neither more nor less is called different than is. */
static void ranges(void)
{
	static const uint8_t bytes[10];
	struct {
		struct crit_piece piece[3];
		size_t n;
		struct crit_extent wanted;
	} const rows[] = {
		{{{.fd = 7, .len = 100}}, 1, {0, 0}},
		{{{.fd = 7, .len = 40},
		  {.fd = -1, .data = bytes, .len = 10},
		  {.fd = 7, .off = 50, .len = 50}},
		 3,
		 {40, 50}},
		{{{.fd = 7, .len = 40},
		  {.fd = -1, .data = bytes, .len = 9},
		  {.fd = 7, .off = 50, .len = 50}},
		 3,
		 {40, UINT64_MAX}},
		{{{.fd = 7, .len = 40}}, 1, {40, UINT64_MAX}},
		{{{.fd = 7, .len = 100}, {.fd = -1, .len = 1}}, 2, {100, UINT64_MAX}},
		{{{.fd = 8, .len = 100}}, 1, {0, 100}},
		{{{.fd = 7, .len = 10},
		  {.fd = 7, .off = 11, .len = 89},
		  {.fd = 7, .off = 10, .len = 1}},
		 3,
		 {10, 100}},
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct crit_extent found = crit_patch_extent(7, 100, rows[i].piece, rows[i].n);

		unit_about("row %zu", i);
		expect_int(found.from, rows[i].wanted.from);
		expect_int(found.to, rows[i].wanted.to);
	}
}

/* What is in its place already is not written: a file without it keeps what it has. */
static void nothing_else_is_written(void)
{
	int image = new_file(), fd = new_file();
	struct crit_piece pieces[] = {
		{.fd = image, .len = 40},
		{.fd = -1, .data = (const uint8_t *)"new", .len = 3},
		{.fd = image, .off = 43, .len = 57},
	};
	char old[100], other[100], found[100];

	memset(old, 'o', sizeof(old));
	memset(other, 'x', sizeof(other));
	expect_int(crit_pwrite_full(image, old, sizeof(old), 0), 0);
	expect_int(crit_pwrite_full(fd, other, sizeof(other), 0), 0);
	expect_int(crit_patch(fd, image, (struct crit_extent){80, 90}, pieces, 3, true), 0);
	expect_int(crit_pread_full(fd, found, sizeof(found), 0), 0);
	memcpy(other + 40, "new", 3);
	memset(other + 80, 'o', 10);
	expect_bytes(found, sizeof(found), other, sizeof(other));
	close(image);
	close(fd);
}

static const struct unit_test tests[] = {
	TEST(files_that_take_turns),
	TEST(ranges),
	TEST(nothing_else_is_written),
};

UNIT_MAIN(tests)
