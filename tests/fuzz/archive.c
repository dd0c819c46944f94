/*
 * The input is an archive. Whatever its members are called, each is listed once under a name
 * that is one and leads nowhere else; the bytes of each are within the archive or in what
 * was unpacked, are no other member's, and can be read, unless it says that they can't.
 */
#include "fuzz.h"

#include <dirent.h>

#include "decoder/archive/archive.h"
#include "decoder/dir.h"
#include "tests/unit/images.h"

#define UNPACKED_MAX (UINT64_C(1) << 20)
#define DEPTH_MAX    2100 /* of PATH_MAX bytes every other one is a slash */

struct told {
	struct crit_archive_listener l;
	unsigned n;
};

static void hear(struct crit_archive_listener *l, const char *text)
{
	struct told *told = (struct told *)l;
	const char *c;

	told->n++;
	expect(told->n < 100);
	for (c = text; *c; c++)
		expect((unsigned char)*c >= 0x20 && *c != 0x7f);
}

#define SPANS_MAX 1000

/* Where the bytes of a member are. */
struct span {
	int fd;
	uint64_t off, end;
};

struct spans {
	struct span all[SPANS_MAX];
	size_t n;
};

static int compare_spans(const void *a, const void *b)
{
	const struct span *one = a, *other = b;

	if (one->fd != other->fd)
		return one->fd < other->fd ? -1 : 1;
	return one->off < other->off ? -1 : one->off > other->off;
}

/* Names of the same file have the same bytes, all others have bytes of their own. */
static void expect_apart(struct spans *spans)
{
	size_t i;

	qsort(spans->all, spans->n, sizeof(*spans->all), compare_spans);
	for (i = 1; i < spans->n; i++) {
		const struct span *a = &spans->all[i - 1], *b = &spans->all[i];

		expect(a->fd != b->fd || b->off >= a->end ||
		       (a->off == b->off && a->end == b->end));
	}
}

/* A walk through an archive as members and as directories side by side. */
struct walk {
	const struct crit_archive *archive;
	const struct crit_member *members;
	const struct crit_dir *dir, *top;
	struct spans *spans;
	unsigned depth;
	const char *last; /* the name before: they rise */
};

static void note_span(struct spans *spans, const struct crit_member *m)
{
	if (m->st.st_size && spans->n < SPANS_MAX)
		spans->all[spans->n++] = (struct span){m->fd, m->off,
						       m->off + (uint64_t)m->st.st_size};
}

static void expect_bytes_of(const struct crit_archive *a, const struct crit_member *m)
{
	struct crit_file *file;
	uint8_t bytes[4096];
	uint64_t size = (uint64_t)m->st.st_size;
	size_t n = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
	int ret = crit_archive_file(a, m, &file);

	if (m->fd < 0) {
		expect_int(ret, -ENODATA);
		return;
	}
	expect_int(ret, 0);
	expect_u64(file->st.st_size, size);
	expect_int(crit_file_read(file, bytes, n, 0), 0);
	expect_int(crit_file_read(file, bytes, n, size - n), 0);
	expect_int(crit_file_read(file, bytes, 1, size), -EIO);
	crit_file_put(file);
}

/* A link is followed within the archive or not at all. */
static void expect_inside(const struct walk *w, const char *name)
{
	struct crit_dir *found;
	const struct crit_dir *up;

	if (crit_dir_follow(w->dir, name, &found) < 0)
		return;
	for (up = found; crit_dir_up(up);)
		up = crit_dir_up(up);
	expect(up == w->top);
	crit_dir_put(found);
}

static void expect_directory(const struct walk *w, const char *name,
			     const struct crit_member *m);

static int visit(void *arg, const char *name, unsigned char type)
{
	struct walk *w = arg;
	const struct crit_member *m = crit_member_find(w->members, name);
	struct stat st;

	expect(*name && strlen(name) <= 255 && !strchr(name, '/'));
	expect(strcmp(name, ".") && strcmp(name, ".."));
	expect(!w->last || strcmp(w->last, name) < 0);
	w->last = name;
	expect(m != NULL);
	expect_str(m->name, name);
	expect_int(IFTODT(m->st.st_mode), type);
	expect_int(crit_dir_stat(w->dir, name, &st), 0);
	expect_u64(st.st_ino, m->st.st_ino);
	if (S_ISREG(m->st.st_mode)) {
		expect_bytes_of(w->archive, m);
		if (m->fd >= 0)
			note_span(w->spans, m);
	} else if (S_ISDIR(m->st.st_mode)) {
		expect_directory(w, name, m);
	} else {
		struct crit_file *file;

		expect_int(crit_archive_file(w->archive, m, &file),
			   S_ISLNK(m->st.st_mode) ? -ELOOP : -EINVAL);
		expect_inside(w, name);
	}
	return 0;
}

static void expect_directory(const struct walk *w, const char *name,
			     const struct crit_member *m)
{
	struct walk inner = *w;
	struct crit_dir *dir;

	expect_int(crit_dir_sub(w->dir, name, &dir), 0);
	inner.dir = dir;
	inner.members = m;
	inner.last = NULL;
	inner.depth++;
	expect(inner.depth < DEPTH_MAX);
	expect_int(crit_member_each(m, visit, &inner), 0);
	crit_dir_put(dir);
}

static int count(void *n, const char *name, unsigned char type)
{
	(void)name;
	(void)type;
	++*(unsigned *)n;
	return 0;
}

static void expect_members(const struct crit_archive *a, const struct crit_dir *dir)
{
	const struct crit_member *top = crit_archive_top(a);
	struct spans *spans = calloc(1, sizeof(*spans));
	struct walk w = {.archive = a, .members = top, .dir = dir, .top = dir, .spans = spans};
	unsigned n = 0, m = 0;

	expect_int(crit_member_each(top, visit, &w), 0);
	expect_apart(spans);
	free(spans);
	expect_int(crit_member_each(top, count, &n), 0);
	expect_int(crit_dir_each(dir, count, &m), 0);
	expect_int(n, m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct told told = {.l = {.tell = hear}}, again = told;
	struct crit_file *file = file_of(data, len);
	struct crit_archive *a = NULL;
	struct crit_dir *dir = NULL;
	struct crit_error err = {0};
	int ret = crit_archive_open(file, UNPACKED_MAX, &told.l, &a, &err);

	if (ret < 0) {
		expect(*err.text);
		expect_int(err.errnum, -ret);
	}
	expect_int(crit_dir_of_archive(file, UNPACKED_MAX, &again.l, &dir, NULL), ret);
	expect_int(told.n, again.n);
	if (ret == 0) {
		expect(crit_archive_is_intact(a));
		expect_members(a, dir);
	}
	crit_dir_put(dir);
	crit_archive_put(a);
	crit_file_put(file);
	return 0;
}
