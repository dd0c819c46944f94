/*
 * Images in a directory that are edited and committed, and what is there then.
 */
#ifndef UNIT_SCENES_H
#define UNIT_SCENES_H

#include <dirent.h>

#include "decoder/commit.h"
#include "decoder/edit.h"
#include "images.h"

/* A place that is no message within another. */
/* clang-format off */
#define ENTRY(n) {n, CRIT_NO_MSG}
/* clang-format on */

/* An image in a directory, and its file as bytes. */
struct scene {
	int dir;
	const char *name;
	struct crit_image *img; /* owned */
};

static inline void write_file(int dir, const char *name, const void *bytes, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		fail("can't create %s: %m", name);
	expect_int(crit_pwrite_full(fd, bytes, len, 0), 0);
	close(fd);
}

static inline void read_file(int dir, const char *name, struct crit_buf *out)
{
	struct crit_file *file;

	expect_int(crit_file_open(dir, name, &file), 0);
	crit_buf_reset(out);
	expect(crit_buf_reserve(out, (size_t)file->st.st_size + 1));
	expect_int(crit_pread_full(file->fd, out->data, (size_t)file->st.st_size, 0), 0);
	out->len = (size_t)file->st.st_size;
	crit_file_put(file);
}

static inline struct crit_image *open_image(int dir, const char *name)
{
	struct crit_file *file;

	expect_int(crit_file_open(dir, name, &file), 0);
	return image_of_file(file, name);
}

static inline struct scene scene_with(int dir, const char *name, const struct crit_buf *bytes)
{
	write_file(dir, name, bytes->data, bytes->len);
	return (struct scene){dir, name, open_image(dir, name)};
}

static inline int commit(struct scene *s, const struct crit_edit *edit, struct crit_error *err)
{
	struct crit_file *file;
	struct crit_dir *dir;
	int ret;

	expect_int(crit_dir_adopt(dup(s->dir), &dir), 0);
	ret = crit_commit(dir, s->name, crit_image_file(s->img), edit, CRIT_SYNC_FILE, NULL,
			  &file, err);
	crit_dir_put(dir);
	if (ret < 0) {
		expect(file == NULL);
		return ret;
	}
	crit_image_replaced(s->img, file, &edit->change);
	crit_file_put(file);
	return 0;
}

static inline void expect_file(const struct scene *s, const struct crit_buf *wanted)
{
	struct crit_buf found = {0};

	read_file(s->dir, s->name, &found);
	expect_bytes(found.data, found.len, wanted->data, wanted->len);
	crit_buf_fini(&found);
}

/* The image that is open knows as much as one that is opened now. */
static inline void expect_index(struct scene *s)
{
	struct crit_image *fresh = open_image(s->dir, s->name);

	expect_same_image(s->img, fresh);
	crit_image_free(fresh);
}

/* Nothing but these names is in the directory. */
static inline void expect_names(int dir, const char *const *names, size_t n)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;
	size_t found = 0, i;

	expect(d != NULL);
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		for (i = 0; i < n && strcmp(names[i], e->d_name); i++)
			;
		if (i == n)
			fail("expected no file \"%s\"", e->d_name);
		found++;
	}
	closedir(d);
	expect_u64(found, n);
}

static inline const struct made_kind *kind_called(const char *name)
{
	size_t k;

	for (k = 0; k < COUNT(made_kinds); k++)
		if (!strcmp(made_kinds[k].name, name))
			return &made_kinds[k];
	fail("no kind %s", name);
}

#endif
