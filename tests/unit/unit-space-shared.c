/*
 * Memory that processes share: anonymous, SysV's, memory files.
 */
#include "spaces.h"

#include <sys/resource.h>

#define HERE   CRIT_PE_PRESENT
#define SHARED (CRIT_VMA_REGULAR | CRIT_VMA_ANON_SHARED)
#define SYSV   (SHARED | CRIT_VMA_SYSVIPC)
#define MEMFD  (CRIT_VMA_REGULAR | CRIT_VMA_MEMFD)

static void save_json(const char *dir, const char *name, const char *magic, const char *json)
{
	struct made m = {0};

	put_header(&m, magic, false);
	put_message(&m, m.h.type->head, json);
	save(dir, name, &m);
	crit_buf_fini(&m.bytes);
}

static void save_segment(const char *dir, unsigned shmid, unsigned pages_id, char letter,
			 const struct a_run *runs, size_t n)
{
	unsigned pages = 0;
	char name[50];
	size_t i;

	for (i = 0; i < n; i++)
		pages += (unsigned)runs[i].n;
	snprintf(name, sizeof(name), "pagemap-shmem-%u.img", shmid);
	save_pagemap(dir, name, pages_id, runs, n);
	save_pages(dir, pages_id, letter, pages, PAGE);
}

static void save_own(const char *dir, const struct a_vma *vmas, size_t n)
{
	make_dir(dir);
	save_mm(dir, vmas, n);
	save_pagemap(dir, "pagemap-42.img", 1, RUNS({BASE, 1, HERE}));
	save_pages(dir, 1, 'p', 1, PAGE);
}

static void anonymous_segments(void)
{
	struct crit_error err = {0};
	struct crit_space *space;

	save_own("d", VMAS({BASE, BASE + 2 * PAGE, ANON, 0, 0},
			   {BASE + 2 * PAGE, BASE + 6 * PAGE, SHARED, 7, 3 * PAGE},
			   {BASE + 6 * PAGE, BASE + 8 * PAGE, SHARED, 7, 0},
			   {BASE + 8 * PAGE, BASE + 9 * PAGE, SHARED, 8, 0},
			   {BASE + 9 * PAGE, BASE + 10 * PAGE, SHARED, 7, 12},
			   {BASE + 10 * PAGE, BASE + 12 * PAGE, SHARED, 7,
			    (UINT64_C(1) << 63) - PAGE},
			   {BASE + 12 * PAGE, BASE + 13 * PAGE, SHARED, 7, UINT64_MAX - 4095}));
	save_segment("d", 7, 2, 's',
		     RUNS({0, 1, HERE}, {2 * PAGE, 2, HERE}, {4 * PAGE, 1, HERE}));
	space = open_good("d");
	expect_at(space, BASE, 1, CRIT_STORED, "p0");
	expect_at(space, BASE + PAGE, 1, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 2 * PAGE, 2, CRIT_STORED, "s2");
	expect_at(space, BASE + 4 * PAGE, 2, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 6 * PAGE, 1, CRIT_STORED, "s0");
	expect_at(space, BASE + 7 * PAGE, 1, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 8 * PAGE, 1, CRIT_MISSING, "page map is missing");
	expect_at(space, BASE + 9 * PAGE, 1, CRIT_MISSING, "makes no sense");
	expect_at(space, BASE + 10 * PAGE, 2, CRIT_MISSING, "makes no sense");
	expect_at(space, BASE + 12 * PAGE, 1, CRIT_MISSING, "makes no sense");
	/* it is one memory, wherever it is written */
	expect_int(crit_space_write(space, BASE + 3 * PAGE, "S", 1, &err), 0);
	expect_memory(space, BASE + 3 * PAGE, "S3");
	expect(crit_space_is_current(space));
	crit_space_put(space);
}

static void segments_of_parents(void)
{
	struct crit_error err = {0};
	struct crit_space *space;

	make_dir("1");
	save_segment("1", 7, 1, 'a', RUNS({0, 3, HERE}));
	save_own("2", VMAS({BASE, BASE + PAGE, ANON, 0, 0},
			   {BASE + PAGE, BASE + 5 * PAGE, SHARED, 7, 0}));
	save_segment("2", 7, 2, 'b', RUNS({0, 1, HERE}, {PAGE, 2, CRIT_PE_PARENT}));
	expect_int(symlink("../1", path_to("2", "parent")), 0);
	space = open_good("2");
	expect_at(space, BASE + PAGE, 1, CRIT_STORED, "b0");
	expect_at(space, BASE + 2 * PAGE, 2, CRIT_INHERITED, "a1");
	expect_at(space, BASE + 4 * PAGE, 1, CRIT_ZEROS, NULL);
	expect_int(crit_space_write(space, BASE + 2 * PAGE, "S", 1, &err), -EPERM);
	crit_space_put(space);
}

#define FOWN "\"fown\": {\"uid\": 0, \"euid\": 0, \"signum\": 0, \"pid_type\": 0, \"pid\": 0}"

static void memory_files(void)
{
	struct crit_space *space;
	struct heard h;

	make_dir("d");
	save_mm("d",
		VMAS({BASE, BASE + 3 * PAGE, MEMFD | CRIT_VMA_FILE_PRIVATE, 5, 0},
		     {BASE + 3 * PAGE, BASE + 5 * PAGE, MEMFD | CRIT_VMA_FILE_SHARED, 5, PAGE},
		     {BASE + 5 * PAGE, BASE + 6 * PAGE, MEMFD | CRIT_VMA_FILE_SHARED, 6, 0},
		     {BASE + 6 * PAGE, BASE + 7 * PAGE, MEMFD | CRIT_VMA_FILE_SHARED, 6, 0},
		     {BASE + 7 * PAGE, BASE + 8 * PAGE, CRIT_VMA_FILE_SHARED, 5, 0}));
	save_pagemap("d", "pagemap-42.img", 1, RUNS({BASE + PAGE, 1, HERE}));
	save_pages("d", 1, 'p', 1, PAGE);
	save_segment("d", 70, 2, 'm', RUNS({0, 3, HERE}));
	save_json("d", "files.img", "FILES",
		  "{\"type\": \"MEMFD\", \"id\": 5, \"memfd\": {\"id\": 5, \"flags\": \"\", "
		  "\"pos\": 0, " FOWN ", \"inode_id\": 9}}");
	save_json("d", "memfd.img", "MEMFD_INODE",
		  "{\"name\": \"x\", \"uid\": 0, \"gid\": 0, \"size\": 12288, \"shmid\": 70, "
		  "\"seals\": \"\", \"inode_id\": 9}");
	space = open_space("d", &h);
	expect_int(h.n, 1); /* however many mappings have the file that is not there */
	expect_str(h.text, "files.img: no file in it has the id 6");
	expect_at(space, BASE, 1, CRIT_STORED, "m0");
	expect_at(space, BASE + PAGE, 1, CRIT_STORED, "p0");
	expect_at(space, BASE + 2 * PAGE, 1, CRIT_STORED, "m2");
	expect_at(space, BASE + 3 * PAGE, 2, CRIT_STORED, "m1");
	expect_at(space, BASE + 5 * PAGE, 1, CRIT_MISSING, "memory file");
	expect_at(space, BASE + 7 * PAGE, 1, CRIT_OUTSIDE, "mapped file");
	crit_space_put(space);

	expect_int(unlink(path_to("d", "memfd.img")), 0);
	space = open_space("d", &h);
	expect_at(space, BASE, 1, CRIT_MISSING, "memory file");
	expect_at(space, BASE + PAGE, 1, CRIT_STORED, "p0");
	crit_space_put(space);
}

/* Old dumps: behind the entry, where it is not rounded up to pages. */
static void sysv_segments_as_blobs(void)
{
	static char blob[2 * 4096 + 5];
	char json[300];
	struct crit_error err = {0};
	struct crit_space *space;
	struct made m = {0};
	struct made_entry e = {.json = json, .blob = {{blob, sizeof(blob)}}, .pad = 3};

	snprintf(blob, sizeof(blob), "first");
	memcpy(blob + 2 * 4096, "last!", 5);
	save_own("d", VMAS({BASE, BASE + PAGE, ANON, 0, 0},
			   {BASE + PAGE, BASE + 5 * PAGE, SYSV, 7, 0},
			   {BASE + 5 * PAGE, BASE + 6 * PAGE, SYSV, 8, 0}));
	save_segment("d", 8, 2, 's', RUNS({0, 1, HERE}));
	save_json("d", "ids-42.img", "IDS",
		  "{\"vm_id\": 1, \"files_id\": 1, \"fs_id\": 1, \"sighand_id\": 1, "
		  "\"ipc_ns_id\": 11}");
	put_header(&m, "IPCNS_SHM", false);
	snprintf(json, sizeof(json), "{" DESC ", \"size\": %zu}", sizeof(blob));
	put_entry(&m, &e);
	put_entry(&m, &(struct made_entry)NONE(
			      "{\"desc\": {\"key\": 1, \"uid\": 2, \"gid\": 3, \"cuid\": 4, "
			      "\"cgid\": 5, \"mode\": 384, \"id\": 8}, \"size\": 4096, "
			      "\"in_pagemaps\": true}"));
	save("d", "ipcns-shm-11.img", &m);
	crit_buf_fini(&m.bytes);
	space = open_good("d");
	expect_at(space, BASE + PAGE, 2, CRIT_INHERITED, "first");
	expect_at(space, BASE + 3 * PAGE, 1, CRIT_INHERITED, "last!");
	expect_memory(space, BASE + 3 * PAGE, "last!");
	expect_int(crit_space_read(space, BASE + 3 * PAGE + 5, blob, 100, &err), 100);
	expect_bytes(blob, 100, (char[100]){0}, 100);
	expect_at(space, BASE + 4 * PAGE, 1, CRIT_ZEROS, NULL);
	expect_at(space, BASE + 5 * PAGE, 1, CRIT_STORED, "s0");
	expect_int(crit_space_write(space, BASE + PAGE, "x", 1, &err), -EPERM);
	expect(strstr(err.text, "0x11000: the page is in an image of shared memory"));
	crit_space_put(space);
}

/* What is left over of each takes a file of its own to be read. */
static void many_blobs(void)
{
	enum { N = 100 };
	unsigned i, fds = count_descriptors();
	struct a_vma vmas[N];
	struct crit_space *space;
	char json[300], text[20];
	struct made m = {0};

	put_header(&m, "IPCNS_SHM", false);
	for (i = 0; i < N; i++) {
		struct made_entry e = {.json = json, .blob = {{text, 8}}};

		vmas[i] = (struct a_vma){BASE + i * PAGE, BASE + (i + 1) * PAGE, SYSV, i, 0};
		snprintf(text, sizeof(text), "blob%04u", i);
		snprintf(json, sizeof(json),
			 "{\"desc\": {\"key\": 1, \"uid\": 2, \"gid\": 3, \"cuid\": 4, "
			 "\"cgid\": 5, \"mode\": 384, \"id\": %u}, \"size\": 8}",
			 i);
		put_entry(&m, &e);
	}
	save_own("d", vmas, N);
	save_pagemap("d", "pagemap-42.img", 1, NULL, 0);
	save_json("d", "ids-42.img", "IDS",
		  "{\"vm_id\": 1, \"files_id\": 1, \"fs_id\": 1, \"sighand_id\": 1, "
		  "\"ipc_ns_id\": 11}");
	save("d", "ipcns-shm-11.img", &m);
	crit_buf_fini(&m.bytes);
	space = open_good("d");
	for (i = 0; i < 3 * N; i++) {
		snprintf(text, sizeof(text), "blob%04u", i * 7 % N);
		expect_memory(space, BASE + i * 7 % N * PAGE, text);
		expect(count_descriptors() < fds + 50);
	}
	crit_space_put(space);
	expect_int(count_descriptors(), fds);
}

/* More than may be open at a time. */
static void many_segments(void)
{
	enum { N = 100 };
	struct crit_error err = {0};
	struct a_vma vmas[N];
	struct timespec changed, later;
	struct crit_space *space;
	unsigned i, fds = count_descriptors();
	char text[40], all[N * 4096];

	for (i = 0; i < N; i++)
		vmas[i] = (struct a_vma){BASE + i * PAGE, BASE + (i + 1) * PAGE, SHARED,
					 100 + i, 0};
	save_own("d", vmas, N);
	for (i = 0; i < N; i++) {
		save_segment("d", 100 + i, 100 + i, 's', RUNS({0, 1, HERE}));
		snprintf(text, sizeof(text), "pages-%u.img", 100 + i);
		snprintf(all, sizeof(all), "segment %u.", i);
		save_bytes("d", text, all, PAGE);
	}
	/* the own page is not of a shared mapping */
	save_pagemap("d", "pagemap-42.img", 1, NULL, 0);
	space = open_good("d");
	for (i = 0; i < 3 * N; i++) {
		snprintf(text, sizeof(text), "segment %u.", i * 7 % N);
		expect_memory(space, BASE + i * 7 % N * PAGE, text);
		expect(count_descriptors() < fds + 50);
	}
	expect_int(crit_space_read(space, BASE, all, sizeof(all), &err), sizeof(all));
	expect_int(all[42 * PAGE + 9], '2');
	expect(crit_space_is_current(space));

	changed = crit_space_changed(space);
	memset(all, 'w', sizeof(all));
	expect_int(crit_space_write(space, BASE, all, sizeof(all), &err), 0);
	expect(crit_space_is_current(space));
	later = crit_space_changed(space);
	expect(later.tv_sec > changed.tv_sec ||
	       (later.tv_sec == changed.tv_sec && later.tv_nsec >= changed.tv_nsec));
	for (i = 0; i < N; i++)
		expect_memory(space, BASE + i * PAGE, "www");
	crit_space_put(space);
	expect_int(count_descriptors(), fds);
}

/* Each is open in all dumps that have some of its pages. */
static void many_segments_of_many_parents(void)
{
	enum { N = 20, LEVELS = 40 };
	unsigned i, level, fds = count_descriptors();
	char dir[20], name[40], text[20];
	struct a_vma vmas[N];
	struct crit_space *space;

	for (level = 0; level < LEVELS; level++) {
		snprintf(dir, sizeof(dir), "level%u", level);
		make_dir(dir);
		for (i = 0; i < N; i++) {
			snprintf(name, sizeof(name), "pagemap-shmem-%u.img", i);
			save_pagemap(dir, name, 100 + i,
				     RUNS({0, 1, level ? CRIT_PE_PARENT : HERE}));
			save_pages(dir, 100 + i, (char)('a' + i), level ? 0 : 1, PAGE);
		}
		snprintf(name, sizeof(name), "../level%u", level - 1);
		if (level)
			expect_int(symlink(name, path_to(dir, "parent")), 0);
	}
	for (i = 0; i < N; i++)
		vmas[i] = (struct a_vma){BASE + i * PAGE, BASE + (i + 1) * PAGE, SHARED, i, 0};
	save_mm(dir, vmas, N);
	save_pagemap(dir, "pagemap-42.img", 1, NULL, 0);
	space = open_space(dir, &(struct heard){0});
	for (i = 0; i < 3 * N; i++) {
		snprintf(text, sizeof(text), "%c0", (char)('a' + i * 7 % N));
		expect_memory(space, BASE + i * 7 % N * PAGE, text);
		expect(count_descriptors() < fds + 400);
	}
	crit_space_put(space);
	expect_int(count_descriptors(), fds);
}

/* That is no reason to take pages for lost: later they are there. */
static void when_descriptors_run_out(void)
{
	struct rlimit limit, none;
	struct crit_error err = {0};
	struct crit_space *space;
	struct crit_stretch s;
	unsigned left;
	int free_fd;

	save_own("d", VMAS({BASE, BASE + PAGE, SHARED, 7, 0}));
	save_pagemap("d", "pagemap-42.img", 1, NULL, 0);
	save_segment("d", 7, 7, 's', RUNS({0, 1, HERE}));
	space = open_good("d");
	expect_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	for (left = 0; left < 2; left++) { /* not even the page map; only that */
		free_fd = dup(0);
		close(free_fd);
		none.rlim_cur = (rlim_t)free_fd + left;
		expect_int(setrlimit(RLIMIT_NOFILE, &none), 0);
		expect_int(crit_space_at(space, BASE, &s, &err), -EMFILE);
		expect(strstr(err.text, "can't open"));
	}
	expect_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect_at(space, BASE, 1, CRIT_STORED, "s0");
	crit_space_put(space);
}

static const struct unit_test tests[] = {
	TEST(anonymous_segments),
	TEST(segments_of_parents),
	TEST(memory_files),
	TEST(sysv_segments_as_blobs),
	TEST(many_blobs),
	TEST(many_segments),
	TEST(many_segments_of_many_parents),
	TEST(when_descriptors_run_out),
};

UNIT_MAIN(tests)
