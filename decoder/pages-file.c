/*
 * Opening, recognising and writing pages files.
 */
#include "decoder/pages-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "decoder/overlay.h"

int crit_pages_file_open(const struct crit_dir *dir, uint32_t id, struct crit_watch *watch,
			 struct crit_pages_file *f, struct crit_error *err)
{
	int ret;

	*f = (struct crit_pages_file){.dir = dir, .watch = watch, .write_fd = -1};
	snprintf(f->name, sizeof(f->name), "pages-%u.img", id);
	if (crit_watch_add(watch, dir, f->name) < 0)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for a name");
	ret = crit_dir_file(dir, f->name, &f->file);
	return ret < 0 ? crit_fail_errno(err, -ret, "can't open %s", f->name) : 0;
}

void crit_pages_file_close(struct crit_pages_file *f)
{
	crit_file_put(f->file);
	crit_pages_file_sync(f); /* who is to sync it can't do that later */
	if (f->write_fd >= 0)
		close(f->write_fd);
}

uint64_t crit_pages_file_size(const struct crit_pages_file *f)
{
	return f->file ? (uint64_t)f->file->st.st_size : 0;
}

static bool is_it(const struct crit_pages_file *f, const struct stat *st)
{
	const struct stat *was = &f->file->st;

	return S_ISREG(st->st_mode) && st->st_dev == was->st_dev && st->st_ino == was->st_ino &&
	       st->st_size == was->st_size;
}

static int fail_changed(const struct crit_pages_file *f, struct crit_error *err)
{
	return crit_fail(err, CRIT_CHANGED, "%s is no longer the file that was read", f->name);
}

/* Open it once more, as it was opened to be read only. */
static int reopen(struct crit_pages_file *f, struct crit_error *err)
{
	struct stat st;
	int fd;

	fd = crit_dir_open_file(f->dir, f->name, O_WRONLY, 0);
	if (fd < 0)
		return crit_fail_errno(err, -fd, "can't write into %s", f->name);
	if (fstat(fd, &st) < 0 || !is_it(f, &st)) {
		close(fd);
		return fail_changed(f, err);
	}
	f->write_fd = fd;
	return 0;
}

/* Who reads on, reads the copy. */
static int copy_up(struct crit_pages_file *f, struct crit_error *err)
{
	struct crit_file *copy;
	struct stat st;
	int ret;

	if (crit_dir_stat(f->dir, f->name, &st) < 0 || !is_it(f, &st))
		return fail_changed(f, err);
	ret = crit_dir_copy_up(f->dir, f->name, false);
	if (ret == 0)
		ret = crit_dir_file(f->dir, f->name, &copy);
	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't copy %s to write into it", f->name);
	crit_file_put(f->file);
	f->file = copy;
	crit_watch_renew(f->watch, f->dir, f->name);
	return 0;
}

int crit_pages_file_prepare(struct crit_pages_file *f, struct crit_error *err)
{
	struct stat st;
	int ret;

	if (crit_dir_is_below(f->dir, f->name) && (ret = copy_up(f, err)) < 0)
		return ret;
	if (f->write_fd < 0 && (ret = reopen(f, err)) < 0)
		return ret;
	/* the name may lead elsewhere by now */
	if (crit_dir_stat(f->dir, f->name, &st) < 0 || !is_it(f, &st))
		return fail_changed(f, err);
	return 0;
}

int crit_pages_file_write(struct crit_pages_file *f, const void *buf, size_t len, uint64_t off,
			  struct crit_error *err)
{
	/* what others wrote is still to be seen by who asks whether all is the same */
	bool same = crit_watch_same_name(f->watch, f->dir, f->name);
	int ret;

	f->unsynced = true;
	ret = crit_pwrite_full(f->write_fd, buf, len, off);
	if (same)
		crit_watch_renew(f->watch, f->dir, f->name);
	return ret < 0 ? crit_fail_errno(err, -ret, "can't write into %s", f->name) : 0;
}

int crit_pages_file_sync(struct crit_pages_file *f)
{
	if (f->unsynced && fsync(f->write_fd) < 0)
		return -errno;
	f->unsynced = false;
	return 0;
}
