/*
 * Address spaces of dumps that build on others, and writing into memory, which must not
 * reach those.
 */
#include "spaces.h"

#include "decoder/parents.h"

#define HERE   CRIT_PE_PRESENT
#define PARENT CRIT_PE_PARENT

static void link_parent(const char *dir, const char *target)
{
	unlink(path_to(dir, "parent"));
	expect_int(symlink(target, path_to(dir, "parent")), 0);
}

/* Three dumps, 3 on 2 on 1. */
static void make_chain(void)
{
	save_private("1", 0, RUNS({BASE, 6, HERE}));
	save_pages("1", 1, 'a', 6, PAGE);
	save_private("2", 0,
		     RUNS({BASE, 2, HERE}, {BASE + 2 * PAGE, 3, PARENT},
			  {BASE + 9 * PAGE, 1, IN_PARENT}));
	save_pages("2", 1, 'b', 2, PAGE);
	link_parent("2", "../1");
	save_private("3", 20,
		     RUNS({BASE, 1, HERE}, {BASE + PAGE, 3, PARENT}, {BASE + 4 * PAGE, 1, HERE},
			  {BASE + 5 * PAGE, 1, PARENT}, {BASE + 9 * PAGE, 1, PARENT}));
	save_pages("3", 1, 'c', 2, PAGE);
	link_parent("3", "../2");
}

static void pages_of_parents(void)
{
	unsigned fds = count_descriptors();
	struct crit_space *space;

	make_chain();
	space = open_good("3");
	expect_at(space, BASE, 1, CRIT_STORED, "c0");
	expect_at(space, BASE + PAGE, 1, CRIT_INHERITED, "b1");
	expect_at(space, BASE + 2 * PAGE, 2, CRIT_INHERITED, "a2");
	expect_at(space, BASE + 4 * PAGE, 1, CRIT_STORED, "c1");
	expect_at(space, BASE + 5 * PAGE, 1, CRIT_MISSING, "does not have it");
	expect_at(space, BASE + 9 * PAGE, 1, CRIT_MISSING, "does not have it");
	expect_at(space, BASE + 10 * PAGE, 10, CRIT_ZEROS, NULL);
	expect_memory(space, BASE + 3 * PAGE, "a3");
	crit_space_put(space);
	expect_int(count_descriptors(), fds);
}

static void pages_that_are_in_no_parent(void)
{
	struct crit_space *space;
	struct heard h;

	make_chain();
	expect_int(unlink(path_to("1", "pagemap-42.img")), 0);
	space = open_good("3");
	expect_at(space, BASE + PAGE, 1, CRIT_INHERITED, "b1");
	expect_at(space, BASE + 2 * PAGE, 2, CRIT_MISSING, "page map is missing");
	crit_space_put(space);

	link_parent("3", "../nowhere");
	space = open_space("3", &h);
	expect_int(h.n, 1);
	expect(strstr(h.text, "parent: parent -> ../nowhere, 1 up: "));
	expect_at(space, BASE, 1, CRIT_STORED, "c0");
	expect_at(space, BASE + PAGE, 3, CRIT_MISSING, "parent dump, which is not there");
	crit_space_put(space);
}

static void expect_chain(const char *dir, int wanted, unsigned n, const char *text)
{
	struct crit_parents parents;
	struct crit_error err = {0};
	struct crit_dump dump;
	struct heard h = {0};

	unit_about("%s", dir);
	expect_int(crit_dump_open(path_to(dir, ""), &h.l, &dump), 0);
	expect_int(crit_parents_open(&dump, &parents, &err), wanted);
	expect_int(parents.n, n);
	if (text && !strstr(err.text, text))
		fail("reason \"%s\", expected \"%s\"", err.text, text);
	crit_parents_close(&parents);
	crit_dump_close(&dump);
}

static void chains_that_lead_nowhere(void)
{
	unsigned fds = count_descriptors();

	make_chain();
	expect_chain("1", 0, 0, NULL);
	expect_chain("3", 0, 2, NULL);
	link_parent("1", ".");
	expect_chain("1", -ELOOP, 0, "parent -> ., 1 up: leads back");
	expect_chain("3", -ELOOP, 2, "parent -> ., 3 up: leads back");
	link_parent("1", "../3");
	expect_chain("3", -ELOOP, 2, "parent -> ../3, 3 up: leads back");
	expect_chain("2", -ELOOP, 2, NULL);
	link_parent("1", "../2");
	expect_chain("3", -ELOOP, 2, NULL);
	link_parent("1", "../none");
	expect_chain("3", -ENOENT, 2, "parent -> ../none, 3 up");
	link_parent("1", "parent");
	expect_chain("3", -ELOOP, 2, "parent -> parent, 3 up");
	link_parent("1", "mm-42.img");
	expect_chain("3", -ENOTDIR, 2, "parent -> mm-42.img, 3 up");
	expect_int(count_descriptors(), fds);
}

static void chains_that_are_too_long(void)
{
	unsigned i, n = CRIT_PARENTS_MAX + 1; /* the dump, and one parent more than may be */
	struct crit_space *space;
	char dir[20], target[30];
	struct heard h;

	for (i = 0; i <= n; i++) {
		snprintf(dir, sizeof(dir), "%u", i);
		snprintf(target, sizeof(target), "../%u", i + 1);
		save_private(dir, 4,
			     RUNS({BASE, 1, i < 63 ? PARENT : HERE}, {BASE + PAGE, 1, PARENT}));
		save_pages(dir, 1, 'p', 1, PAGE);
		if (i < n)
			link_parent(dir, target);
	}
	expect_chain("1", 0, CRIT_PARENTS_MAX, NULL);
	expect_chain("0", -ELOOP, CRIT_PARENTS_MAX, "too many parents");
	space = open_space("0", &h);
	expect_int(h.n, 1);
	expect_at(space, BASE, 1, CRIT_INHERITED, "p0");
	expect_at(space, BASE + PAGE, 1, CRIT_MISSING, "not there");
	crit_space_put(space);
}

static void writing_goes_into_the_dump_only(void)
{
	struct crit_error err = {0};
	struct crit_space *space;
	struct timespec before, after;
	char found[4];

	make_chain();
	space = open_good("3");
	expect(crit_space_is_current(space));
	before = crit_space_changed(space);
	usleep(20000);
	expect_int(crit_space_write(space, BASE + 5, "hello", 5, &err), 0);
	expect_memory(space, BASE + 5, "hello");
	expect_memory(space, BASE, "c0");
	expect(crit_space_is_current(space));
	after = crit_space_changed(space);
	expect(!crit_time_same(&before, &after));
	expect_int(crit_space_write(space, BASE + 4 * PAGE, "c", 0, &err), 0);

	/* all or nothing */
	expect_int(crit_space_write(space, BASE + PAGE - 2, "1234", 4, &err), -EPERM);
	expect_str(err.text, "0x11000: the page is in the parent dump, which is never written");
	expect_int(crit_space_read(space, BASE + PAGE - 2, found, sizeof(found), NULL), 4);
	expect_bytes(found, sizeof(found), "\0\0b1", 4);
	expect_int(crit_space_write(space, BASE + 12 * PAGE, "1", 1, &err), -EPERM);
	expect(strstr(err.text, "0x1c000: it is in no pages file"));
	expect_int(crit_space_write(space, BASE + 5 * PAGE, "1", 1, &err), -EPERM);
	expect_int(crit_space_write(space, BASE - 1, "1", 1, &err), -EIO);
	expect_str(err.text, "0xffff: nothing is mapped there");
	expect_int(crit_space_write(space, UINT64_MAX, "1", 1, &err), -EIO);
	expect_memory(space, BASE + PAGE, "b1");
	expect(crit_space_is_current(space));
	crit_space_put(space);
}

/* What came in the place of what was opened is not written into. */
static void writing_into_another_file(void)
{
	struct crit_error err = {0};
	struct crit_space *space;
	unsigned when;

	for (when = 0; when < 2; when++) {
		make_chain();
		space = open_good("3");
		if (when == 1)
			expect_int(crit_space_write(space, BASE, "x", 1, &err), 0);
		expect_int(rename(path_to("3", "pages-1.img"), path_to("3", "old")), 0);
		save_pages("3", 1, 'n', 2, PAGE);
		expect(!crit_space_is_current(space));
		expect_int(crit_space_write(space, BASE, "y", 1, &err), -EBUSY);
		crit_space_put(space);
		space = open_good("3");
		expect_memory(space, BASE, "n0");
		/* other pages may be there if the page map is another one */
		save_private("3", 20, RUNS({BASE, 2, HERE}, {BASE + 7 * PAGE, 1, PARENT}));
		expect_int(crit_space_write(space, BASE, "y", 1, &err), -EBUSY);
		crit_space_put(space);
		expect_int(unlink(path_to("3", "old")), 0);
	}
	make_chain();
	space = open_good("3");
	expect_int(truncate(path_to("3", "pages-1.img"), PAGE), 0);
	expect_int(crit_space_write(space, BASE + 4 * PAGE, "y", 1, &err), -EBUSY);
	expect_int(crit_space_read(space, BASE + 4 * PAGE, (char[1]){0}, 1, &err), -EIO);
	crit_space_put(space);
}

/* Whatever memory is read from. */
static void changes_are_seen(void)
{
	static const struct {
		const char *dir, *name;
	} files[] = {{"3", "mm-42.img"},      {"3", "pagemap-42.img"}, {"3", "pages-1.img"},
		     {"2", "pagemap-42.img"}, {"1", "pages-1.img"},    {"2", "parent"},
		     {"1", "parent"},         {"3", "vmas-42.img"}};
	struct crit_space *space;
	size_t i;

	for (i = 0; i < COUNT(files); i++) {
		const char *path = path_to(files[i].dir, files[i].name);

		make_chain();
		unlink(path_to("1", "parent"));
		unlink(path_to("3", "vmas-42.img"));
		space = open_good("3");
		expect_memory(space, BASE, "c0");
		expect_memory(space, BASE + 2 * PAGE, "a2");
		unit_about("%s/%s", files[i].dir, files[i].name);
		expect(crit_space_is_current(space));
		path = path_to(files[i].dir, files[i].name);
		if (unlink(path) < 0)
			expect_int(symlink("x", path), 0);
		expect(!crit_space_is_current(space));
		crit_space_put(space);
	}
}

static const struct unit_test tests[] = {
	TEST(pages_of_parents),
	TEST(pages_that_are_in_no_parent),
	TEST(chains_that_lead_nowhere),
	TEST(chains_that_are_too_long),
	TEST(writing_goes_into_the_dump_only),
	TEST(writing_into_another_file),
	TEST(changes_are_seen),
};

UNIT_MAIN(tests)
