/*
 * Files to read and to write.
 */
#include "decoder/critic/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/commit.h"
#include "decoder/temporary.h"

#define COPY_SIZE ((size_t)64 << 10)

/* Put by what comes from a pipe; takes `fd` over. The new descriptor, -errno. */
static int put_by(int fd)
{
	int dirfd = crit_temporary_directory();
	int tmp = dirfd < 0 ? dirfd : crit_temporary_file(dirfd);
	char buf[COPY_SIZE];
	uint64_t off = 0;
	ssize_t n = 0;
	int ret = tmp < 0 ? tmp : 0;

	while (ret == 0 && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		ret = n < 0 ? -errno : crit_pwrite_full(tmp, buf, (size_t)n, off);
		off += n > 0 ? (uint64_t)n : 0;
	}
	if (dirfd >= 0)
		close(dirfd);
	close(fd);
	if (ret < 0 && tmp >= 0)
		close(tmp);
	return ret < 0 ? ret : tmp;
}

int critic_open(const char *path, struct crit_file **out, struct crit_error *err)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	struct stat st;
	int ret;

	if (fd < 0 || fstat(fd, &st) < 0)
		return crit_fail_errno(err, errno, "can't open it");
	if (S_ISDIR(st.st_mode)) {
		close(fd);
		return crit_fail_errno(err, EISDIR, "can't read it");
	}
	/* what of stdin was read already is not ours */
	if (!S_ISREG(st.st_mode) || lseek(fd, 0, SEEK_CUR) > 0)
		fd = put_by(fd);
	if (fd < 0)
		return crit_fail_errno(err, -fd, "can't read it");
	ret = crit_file_adopt(fd, out);
	if (ret < 0) {
		close(fd);
		return crit_fail_errno(err, -ret, "can't read it");
	}
	return 0;
}

static ssize_t read_file(struct crit_source *s, void *buf, size_t len, uint64_t off)
{
	const struct critic_source *f = (const struct critic_source *)s;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		if (s->sequential)
			n = read(f->fd, (char *)buf + done, len - done);
		else
			n = pread(f->fd, (char *)buf + done, len - done,
				  (off_t)(f->begin + off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int critic_source_open(struct critic_source *s, const char *path, struct crit_error *err)
{
	struct stat st;

	s->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return crit_fail_errno(err, errno, "can't open it");
	s->source.read = read_file;
	s->begin = path ? 0 : (uint64_t)lseek(s->fd, 0, SEEK_CUR);
	s->source.sequential = !S_ISREG(st.st_mode);
	return 0;
}

void critic_source_close(struct critic_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* A file beside the one that is to appear. */
static int open_temporary(struct critic_output *out, struct crit_error *err)
{
	char name[CRIT_TEMPORARY_NAME];
	char *copy = strdup(out->path);
	char *dir = copy ? dirname(copy) : NULL;
	int dirfd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (dirfd < 0) {
		free(copy);
		return crit_fail_errno(err, dir ? errno : ENOMEM, "can't write there");
	}
	crit_commit_sweep(dirfd); /* of those who were killed */
	out->fd = crit_commit_temporary(dirfd, name);
	if (out->fd >= 0 && asprintf(&out->temporary, "%s/%s", dir, name) < 0)
		out->temporary = NULL;
	close(dirfd);
	free(copy);
	if (out->fd < 0)
		return crit_fail_errno(err, -out->fd, "can't write there");
	return out->temporary ? 0 : crit_fail(err, CRIT_NO_MEMORY, "no memory for a name");
}

int critic_output_open(struct critic_output *out, const char *path, const struct crit_file *in,
		       struct crit_error *err)
{
	struct stat st;
	int ret;

	*out = (struct critic_output){.fd = STDOUT_FILENO};
	if (!path)
		return 0;
	if (stat(path, &st) == 0) {
		if (in && st.st_dev == in->st.st_dev && st.st_ino == in->st.st_ino)
			return crit_fail_errno(err, EINVAL, "it is the file that is read");
		if (!S_ISREG(st.st_mode)) { /* /dev/null, a pipe: what is there is written to */
			out->fd = open(path, O_WRONLY | O_CLOEXEC);
			return out->fd < 0 ? crit_fail_errno(err, errno, "can't write to it")
					   : 0;
		}
		out->path = realpath(path, NULL);
	} else if (lstat(path, &st) == 0) {
		return crit_fail_errno(err, ENOENT, "it is a link that leads nowhere");
	} else {
		out->path = strdup(path);
	}
	if (!out->path)
		return crit_fail_errno(err, errno, "can't write to it");
	ret = open_temporary(out, err);
	if (ret < 0)
		critic_output_abort(out);
	return ret;
}

int critic_output_write(struct critic_output *out, const void *data, size_t len,
			struct crit_error *err)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = write(out->fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return crit_fail_errno(err, errno, "can't write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Where a hole can begin: at the end of a file that is not only appended to. -1 */
static off_t hole_at(int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (at < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > at)
		return -1;
	return fcntl(fd, F_GETFL) & O_APPEND ? -1 : at;
}

int critic_output_skip(struct critic_output *out, uint64_t len, struct crit_error *err)
{
	static const char zeros[COPY_SIZE];
	off_t at = len ? hole_at(out->fd) : -1;
	size_t n;
	int ret = 0;

	if (at >= 0) {
		/* who is beyond the largest offset is told so by the first of the two */
		if (ftruncate(out->fd, (off_t)((uint64_t)at + len)) < 0 ||
		    lseek(out->fd, 0, SEEK_END) < 0)
			return crit_fail_errno(err, errno, "can't write");
		return 0;
	}
	for (; len && ret == 0; len -= n) {
		n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);
		ret = critic_output_write(out, zeros, n, err);
	}
	return ret;
}

/* The mode and owner of the file that is replaced, or what a new file gets. */
static int set_attributes(const struct critic_output *out)
{
	mode_t mask = umask(0);
	struct stat st;

	umask(mask);
	if (stat(out->path, &st) < 0)
		return fchmod(out->fd, 0666 & ~mask);
	if (fchown(out->fd, st.st_uid, st.st_gid) < 0 && errno != EPERM)
		return -1;
	return fchmod(out->fd, st.st_mode & 07777);
}

int critic_output_close(struct critic_output *out, struct crit_error *err)
{
	if (out->path && (set_attributes(out) < 0 || rename(out->temporary, out->path) < 0)) {
		int errnum = errno;

		critic_output_abort(out);
		return crit_fail_errno(err, errnum, "can't write it");
	}
	free(out->temporary);
	out->temporary = NULL;
	if (out->fd != STDOUT_FILENO && close(out->fd) < 0)
		return crit_fail_errno(err, errno, "can't write it");
	out->fd = -1;
	critic_output_abort(out);
	return 0;
}

void critic_output_abort(struct critic_output *out)
{
	if (out->temporary)
		unlink(out->temporary);
	if (out->fd >= 0 && out->fd != STDOUT_FILENO)
		close(out->fd);
	free(out->temporary);
	free(out->path);
	*out = (struct critic_output){.fd = -1};
}
