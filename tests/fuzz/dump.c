/*
 * The input is a container of named files, which become a dump directory (with its parent, if
 * names say so). What ever is in them: the check and the stats are texts, memory is the same
 * however it is read, a core is as long as it says, and the tree of proc is what it says of
 * itself.
 *
 * A file is a name, a line feed, two bytes of size, and its bytes. "parent/NAME" is in the
 * directory that `parent` leads to. Pages files are PAGES times as long, with a hole at the
 * end: a fuzzer is slow on what is large.
 */
#include "fuzz.h"

#include <errno.h>

#include "decoder/check/check.h"
#include "decoder/core/core.h"
#include "decoder/json.h"
#include "decoder/proc/proc.h"
#include "decoder/stats.h"
#include "decoder/text.h"

#define FILES_MAX 100
#define NAME_LEN  100
#define PAGES     256
#define READ_MAX  (UINT64_C(1) << 20) /* bytes of one memory, or core */
#define STEPS_MAX 2000                /* mappings, stretches, files that are looked at */
#define CALLER    4194000             /* a process that no dump has */

/* --------------------------------------------------------- the directory */

static bool is_good_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..") &&
	       strcmp(name, "parent");
}

static void put_file(int dir, int parent, const char *name, const uint8_t *bytes, size_t len)
{
	int in = dir, fd;

	if (!strncmp(name, "parent/", 7)) {
		in = parent;
		name += 7;
	}
	if (!is_good_name(name))
		return;
	fd = openat(in, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		fail("can't create \"%s\": %m", name);
	if (write(fd, bytes, len) != (ssize_t)len ||
	    (!strncmp(name, "pages-", 6) && ftruncate(fd, (off_t)(len * PAGES)) < 0))
		fail("can't write \"%s\": %m", name);
	close(fd);
}

static void put_files(struct fuzz_input in, int dir, int parent)
{
	const uint8_t *line, *bytes;
	char name[NAME_LEN + 1];
	unsigned n;

	for (n = 0; in.left && n < FILES_MAX; n++) {
		size_t len;

		line = memchr(in.at, '\n', in.left);
		len = line ? (size_t)(line - in.at) : in.left;
		if (len > NAME_LEN)
			return;
		memcpy(name, fuzz_bytes(&in, &len), len);
		name[len] = '\0';
		fuzz_byte(&in);
		len = fuzz_word(&in);
		bytes = fuzz_bytes(&in, &len);
		put_file(dir, parent, name, bytes, len);
	}
}

static int make_dir(int at, const char *name)
{
	int fd = mkdirat(at, name, 0700) < 0
			 ? -1
			 : openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail("can't make a directory: %m");
	return fd;
}

static void make_dump(const char *top, const uint8_t *data, size_t len)
{
	int at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dir, parent;

	dir = make_dir(at, "dump");
	parent = make_dir(at, "pre");
	put_files((struct fuzz_input){data, len}, dir, parent);
	if (symlinkat("../pre", dir, "parent") < 0)
		fail("can't make a link: %m");
	close(dir);
	close(parent);
	close(at);
}

/* ------------------------------------------------- check, stats, memory */

static void hear(struct crit_listener *l, const char *image, const struct crit_error *err)
{
	(void)l;
	expect(*image && *err->text && err->errnum > 0);
}

static void expect_texts(const struct crit_dir *dir)
{
	struct crit_buf text = {0};
	struct crit_error err = {0};

	expect_int(crit_check_text(dir, &text), 0);
	expect(!text.len || text.data[text.len - 1] == '\n');
	expect_int(crit_utf8_valid(text.data, text.len), text.len);
	crit_buf_reset(&text);
	expect_int(crit_stats(dir, &text), 0);
	if (crit_json_check((const char *)text.data, text.len, &err))
		fail("stats: %u:%u: %s", err.line, err.col, err.text);
	crit_buf_fini(&text);
}

/* A stretch of memory: the bytes are those of the file it names, however they are read. */
static void expect_stretch(struct crit_space *space, const struct crit_stretch *s)
{
	uint64_t len = s->end - s->start, from = len > 3 ? len / 3 : 0;
	uint8_t all[8192], part[100];
	struct crit_error err = {0};
	ssize_t n;

	n = crit_space_read(space, s->start, all, len < sizeof(all) ? len : sizeof(all), &err);
	if (s->backing == CRIT_OUTSIDE || s->backing == CRIT_MISSING ||
	    s->backing == CRIT_UNMAPPED) {
		expect_int(n, -EIO);
		expect(*err.text);
		return;
	}
	expect(n > 0);
	if (from < (uint64_t)n) {
		size_t want = (size_t)n - from < sizeof(part) ? (size_t)((uint64_t)n - from)
							      : sizeof(part);

		expect_int(crit_space_read(space, s->start + from, part, want, &err), want);
		expect_bytes(part, want, all + from, want);
	}
}

static void expect_space(struct crit_space *space)
{
	uint64_t addr = 0, read = 0, start, end, last = 0;
	unsigned steps;
	struct crit_stretch s;
	struct crit_error err = {0};

	for (steps = 0; steps < STEPS_MAX && read < READ_MAX; steps++) {
		int ret = crit_space_at(space, addr, &s, &err);

		unit_about("address 0x%llx", (unsigned long long)addr);
		expect_int(ret, 0);
		expect(s.start <= addr && addr < s.end);
		expect((s.fd >= 0) ==
		       (s.backing == CRIT_STORED || s.backing == CRIT_INHERITED));
		if (s.backing != CRIT_UNMAPPED) {
			expect_stretch(space, &s);
			read += s.end - s.start < 8192 ? s.end - s.start : 8192;
		}
		if (s.end == UINT64_MAX)
			break;
		addr = s.end;
	}
	for (steps = 0; steps < STEPS_MAX; steps++) {
		if (crit_space_run(space, last, &start, &end, &err) <= 0)
			break;
		expect(start >= last && start < end);
		expect_int(crit_space_seek(space, start, true, &addr, &err), 0);
		expect_u64(addr, start);
		last = end;
	}
}

/* The same bytes in small steps as in large ones; nothing behind its size. */
static void expect_core(struct crit_core *core)
{
	uint64_t size = crit_core_size(core), off = 0, done = 0, data;
	uint8_t *all = malloc(READ_MAX), part[517];
	struct crit_error err = {0};
	ssize_t n;

	while (done < READ_MAX && crit_core_seek(core, off, true, &data, &err) == 0) {
		uint64_t want = READ_MAX - done < 70000 ? READ_MAX - done : 70000;

		expect(data >= off && data < size);
		n = crit_core_read(core, data, all, want, &err);
		if (n < 0) /* a page that can't be read */
			break;
		expect(n > 0 && (uint64_t)n <= size - data);
		done += (uint64_t)n;
		off = data + (uint64_t)n / 2;
		n = n - (ssize_t)(n / 2) < (ssize_t)sizeof(part) ? n - n / 2
								 : (ssize_t)sizeof(part);
		expect_int(crit_core_read(core, off, part, (size_t)n, &err), n);
		expect_bytes(part, (size_t)n, all + (off - data), (size_t)n);
		if (crit_core_seek(core, data, false, &off, &err) < 0)
			break;
		expect(off > data && off <= size);
	}
	expect_int(crit_core_read(core, size, part, sizeof(part), &err), 0);
	n = crit_core_read(core, size - 1, part, sizeof(part), &err);
	expect(n == 1 || n < 0);
	free(all);
}

static void expect_process(struct crit_dump *dump, const struct crit_process *p)
{
	struct crit_space *space = NULL;
	struct crit_core *core = NULL;
	struct crit_error err = {0};

	if (crit_space_open(dump, p, &space, &err) < 0)
		return;
	expect_space(space);
	unit_about("core of %u", p->entry->pid);
	if (crit_core_new(dump, p, space, &core, &err) == 0)
		expect_core(core);
	crit_core_free(core);
	crit_space_put(space);
}

static void expect_processes(const char *path)
{
	struct crit_listener listener = {.tell = hear};
	const struct crit_process *p;
	struct crit_processes ps;
	struct crit_error err = {0};
	struct crit_dump dump;
	size_t n = 0;

	expect_int(crit_dump_open(path, &listener, &dump), 0);
	if (crit_processes_read(&dump, &ps, &err) == 0) {
		for (p = ps.root; p; p = crit_process_next(p)) {
			expect(n++ < ps.n);
			expect_process(&dump, p);
		}
		expect_u64(n, ps.n);
	}
	crit_processes_fini(&ps);
	crit_dump_close(&dump);
}

/* ------------------------------------------------------------------ proc */

struct proc_walk {
	struct crit_proc *proc;
	unsigned steps; /* files that were looked at */
};

static void expect_file(struct proc_walk *w, const struct crit_proc_file *file,
			const char *name);

static void expect_members(struct proc_walk *w, const struct crit_proc_file *dir)
{
	struct crit_proc_file file, found;
	char name[CRIT_PROC_NAME_MAX], spelled[CRIT_PROC_NAME_MAX];
	uint64_t cookie = 0, before;
	int ret;

	do {
		before = cookie;
		ret = crit_proc_next(w->proc, dir, &cookie, name, &file);
		expect(ret >= 0);
		if (ret == 0)
			break;
		expect(cookie > before);
		crit_proc_name(&file, spelled);
		expect_str(spelled, name);
		expect_int(crit_proc_lookup(w->proc, dir, name, CALLER, &found), 0);
		if (!crit_proc_same(&file, &found))
			fail("%s is listed, but another file is found", name);
		expect_file(w, &file, name);
	} while (w->steps < STEPS_MAX);
}

/* As long as its stat says, also when it was asked for before. */
static void expect_rendered(struct proc_walk *w, const struct crit_proc_file *file,
			    const struct stat *st)
{
	struct crit_buf text = {0};

	expect_int(crit_proc_text(w->proc, file, CALLER, &text, NULL), 0);
	expect_u64(text.len, st->st_size);
	crit_buf_fini(&text);
}

static void expect_file(struct proc_walk *w, const struct crit_proc_file *file,
			const char *name)
{
	enum crit_proc_shape shape = crit_proc_shape(file);
	struct stat st;
	int ret = crit_proc_stat(w->proc, file, CALLER, &st);

	unit_about("proc, %u/%u: %s", file->pid, file->tid, name);
	w->steps++;
	if (ret == -ENOENT)
		return; /* a link to nowhere, or memory of a zombie */
	expect_int(ret, 0);
	if (shape == CRIT_PROC_DIRECTORY)
		expect_members(w, file);
	else if (shape == CRIT_PROC_TEXT || shape == CRIT_PROC_LINK)
		expect_rendered(w, file, &st);
}

static void expect_proc(const struct crit_dir *dir)
{
	struct crit_proc_file top = crit_proc_top(), file;
	struct proc_walk w = {.steps = 0};
	char caller[16];

	expect_int(crit_proc_new(dir, &w.proc, NULL), 0);
	expect_file(&w, &top, "/");
	snprintf(caller, sizeof(caller), "%d", CALLER);
	if (crit_proc_lookup(w.proc, &top, caller, CALLER, &file) == 0)
		expect_file(&w, &file, caller);
	crit_proc_free(w.proc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *top = unit_dir();
	struct crit_dir *dir;
	char path[200];

	make_dump(top, data, len);
	snprintf(path, sizeof(path), "%s/dump", top);
	unit_about("check and stats");
	expect_int(crit_dir_open(path, &dir), 0);
	expect_texts(dir);
	expect_processes(path);
	expect_proc(dir);
	crit_dir_put(dir);
	unit_cleanup();
	return 0;
}
