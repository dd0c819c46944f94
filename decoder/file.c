/*
 * Opening, sharing and recognising the files of a dump.
 */
#include "decoder/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct crit_identity crit_identity_of(const struct stat *st)
{
	return (struct crit_identity){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
}

bool crit_identity_same(const struct crit_identity *a, const struct crit_identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       crit_time_same(&a->mtime, &b->mtime) && crit_time_same(&a->ctime, &b->ctime);
}

bool crit_bytes_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       crit_time_same(&a->st_mtim, &b->st_mtim);
}

int crit_file_adopt(int fd, struct crit_file **out)
{
	struct crit_file *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	file->fd = fd;
	file->refs = 1;
	if (fstat(fd, &file->st) < 0) {
		int ret = -errno;

		free(file);
		return ret;
	}
	*out = file;
	return 0;
}

int crit_file_open(int dirfd, const char *name, struct crit_file **out)
{
	int fd, ret, tries = 3;
	struct stat st;

	/* a device is not even opened: there are those that begin to do something then */
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISLNK(st.st_mode) ? -ELOOP : -EINVAL;
	/*
	 * O_NONBLOCK: a FIFO that took the name's place must not hang the open. Nor does a
	 * lease then; where another mount has one, the name leads to another file by now.
	 */
	do
		fd = openat(dirfd, name,
			    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	while (fd < 0 && errno == EWOULDBLOCK && --tries);
	if (fd < 0)
		return -errno;
	ret = crit_file_adopt(fd, out);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	if (!S_ISREG((*out)->st.st_mode)) {
		crit_file_put(*out);
		*out = NULL;
		return -EINVAL;
	}
	return 0;
}

/* Which file it is, and with which bytes. */
static struct crit_identity bytes_of(const struct stat *st)
{
	struct crit_identity id = crit_identity_of(st);

	id.ctime = (struct timespec){0};
	return id;
}

int crit_file_of_span(int fd, const struct crit_file *in, uint64_t off, const struct stat *st,
		      struct crit_file **out)
{
	struct crit_file *file = calloc(1, sizeof(*file));
	struct stat now;
	int ret = file ? 0 : -ENOMEM;

	if (file) {
		*file = (struct crit_file){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
					   .refs = 1,
					   .st = *st,
					   .is_span = true,
					   .base = off};
		if (file->fd < 0 || fstat(file->fd, &now) < 0)
			ret = -errno;
		else
			file->whole = bytes_of(&now);
	}
	if (ret == 0 && in) {
		struct crit_identity should = in->is_span ? in->whole : bytes_of(&in->st);

		if (!crit_identity_same(&should, &file->whole))
			ret = -EIO;
	}
	if (ret < 0) {
		if (file && file->fd >= 0)
			close(file->fd);
		free(file);
		return ret;
	}
	*out = file;
	return 0;
}

int crit_file_stat(const struct crit_file *file, struct stat *st)
{
	struct crit_identity now;

	if (fstat(file->fd, st) < 0)
		return -errno;
	if (!file->is_span)
		return 0;
	now = bytes_of(st);
	if (crit_identity_same(&now, &file->whole))
		*st = file->st;
	return 0;
}

bool crit_file_is_intact(const struct crit_file *file)
{
	struct stat st;

	return crit_file_stat(file, &st) == 0 && crit_bytes_same(&st, &file->st);
}

int crit_file_read(const struct crit_file *file, void *buf, size_t len, uint64_t off)
{
	uint64_t size = (uint64_t)file->st.st_size;

	if (file->is_span && (off > size || len > size - off))
		return -EIO;
	return crit_pread_full(file->fd, buf, len, file->base + off);
}

struct crit_file *crit_file_get(struct crit_file *file)
{
	file->refs++;
	return file;
}

void crit_file_put(struct crit_file *file)
{
	if (!file || --file->refs)
		return;
	close(file->fd);
	free(file);
}

void crit_file_changed(const struct crit_file *file, struct timespec *latest)
{
	struct stat st;

	if (file && crit_file_stat(file, &st) == 0)
		crit_time_later(&st.st_ctim, latest);
}

int crit_pread_full(int fd, void *buf, size_t len, uint64_t off)
{
	uint8_t *to = buf;
	ssize_t n;

	while (len) {
		n = pread(fd, to, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		to += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int crit_pwrite_full(int fd, const void *buf, size_t len, uint64_t off)
{
	const uint8_t *from = buf;
	ssize_t n;

	while (len) {
		n = pwrite(fd, from, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}
