/*
 * proc-dump DIR OUT CALLER: write the tree of proc of the dump in DIR into the new directory
 * OUT, as files and links; the process CALLER, unlisted, as .caller. Memory and cores are
 * left out. What the tree says of itself in two ways has to agree: sizes and texts, listings
 * and names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/proc/proc.h"

static struct crit_proc *proc;
static uint32_t caller;

__attribute__((format(printf, 2, 3))) static void die(const char *path, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "proc-dump: %s: ", path);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* In two steps, so that the second one's answer may come from what was kept. */
static void check_size(const char *path, const struct stat *st, size_t len)
{
	if ((size_t)st->st_size != len)
		die(path, "%zu bytes, but its size is %lld", len, (long long)st->st_size);
}

static void write_text(const struct crit_proc_file *file, const char *path,
		       const struct stat *st)
{
	struct crit_buf text = {0};
	int fd, ret = crit_proc_text(proc, file, caller, &text, NULL);

	if (ret < 0)
		die(path, "%s", strerror(-ret));
	check_size(path, st, text.len);
	if (crit_proc_shape(file) == CRIT_PROC_LINK) {
		crit_buf_byte(&text, 0);
		if (symlink((const char *)text.data, path) < 0)
			die(path, "%s", strerror(errno));
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len)
			die(path, "%s", strerror(errno));
		close(fd);
	}
	crit_buf_fini(&text);
}

static void write_file(const struct crit_proc_file *file, const char *path);

static void write_members(const struct crit_proc_file *dir, const char *path)
{
	struct crit_proc_file file, found;
	char name[CRIT_PROC_NAME_MAX], member[4096];
	uint64_t cookie = 0;
	int ret;

	while ((ret = crit_proc_next(proc, dir, &cookie, name, &file)) > 0) {
		snprintf(member, sizeof(member), "%s/%s", path, name);
		ret = crit_proc_lookup(proc, dir, name, caller, &found);
		if (ret < 0 || !crit_proc_same(&file, &found))
			die(member, "is listed, but not found");
		write_file(&file, member);
	}
	if (ret < 0)
		die(path, "%s", strerror(-ret));
}

static void write_file(const struct crit_proc_file *file, const char *path)
{
	enum crit_proc_shape shape = crit_proc_shape(file);
	struct stat st;
	int ret = crit_proc_stat(proc, file, caller, &st);

	if (ret == -ENOENT && (shape == CRIT_PROC_LINK || shape == CRIT_PROC_TEXT))
		return; /* listed as the kernel does, a link to nowhere */
	if (ret < 0)
		die(path, "%s", strerror(-ret));
	if (shape == CRIT_PROC_DIRECTORY) {
		if (mkdir(path, 0755) < 0)
			die(path, "%s", strerror(errno));
		write_members(file, path);
	} else if (shape == CRIT_PROC_LINK || shape == CRIT_PROC_TEXT) {
		write_text(file, path, &st);
	}
	if (geteuid() == 0 && shape == CRIT_PROC_DIRECTORY &&
	    lchown(path, st.st_uid, st.st_gid) < 0)
		die(path, "%s", strerror(errno));
}

static void write_caller(const char *out)
{
	struct crit_proc_file top = crit_proc_top(), file;
	char name[16], path[4096];

	snprintf(name, sizeof(name), "%u", caller);
	snprintf(path, sizeof(path), "%s/.caller", out);
	if (crit_proc_lookup(proc, &top, name, caller, &file) < 0)
		die(name, "does not find itself");
	write_file(&file, path);
}

int main(int argc, char **argv)
{
	struct crit_proc_file top = crit_proc_top();
	struct crit_dir *dir;
	int ret;

	if (argc != 4)
		die("usage", "proc-dump DIR OUT CALLER");
	ret = crit_dir_open(argv[1], &dir);
	if (ret < 0)
		die(argv[1], "%s", strerror(-ret));
	if (crit_proc_new(dir, &proc, NULL) < 0)
		die(argv[1], "has no processes");
	crit_dir_put(dir);
	caller = (uint32_t)strtoul(argv[3], NULL, 10);
	write_file(&top, argv[2]);
	write_caller(argv[2]);
	crit_proc_free(proc);
	return 0;
}
