/*
 * Spools.
 */
#include "decoder/spool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "decoder/file.h"
#include "decoder/temporary.h"

void crit_spool_init(struct crit_spool *s, int dirfd)
{
	*s = (struct crit_spool){.fd = -1, .dirfd = dirfd};
}

void crit_spool_fini(struct crit_spool *s)
{
	crit_buf_fini(&s->memory);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->filed = 0;
}

void crit_spool_reset(struct crit_spool *s)
{
	crit_buf_reset(&s->memory);
	s->filed = 0;
}

uint64_t crit_spool_len(const struct crit_spool *s)
{
	return s->filed + s->memory.len;
}

static int open_file(struct crit_spool *s)
{
	int dirfd = s->dirfd;

	if (s->fd >= 0)
		return 0;
	if (dirfd < 0)
		dirfd = crit_temporary_directory();
	if (dirfd < 0)
		return dirfd;
	s->fd = crit_temporary_file(dirfd);
	if (s->dirfd < 0)
		close(dirfd);
	return s->fd < 0 ? s->fd : 0;
}

static int write_out(struct crit_spool *s, const void *data, size_t len)
{
	int ret = crit_pwrite_full(s->fd, data, len, s->filed);

	if (ret == 0)
		s->filed += len;
	return ret;
}

int crit_spool_add(struct crit_spool *s, const void *data, size_t len)
{
	int ret;

	if (len > CRIT_SPOOL_MEMORY - s->memory.len) {
		ret = open_file(s);
		if (ret == 0)
			ret = write_out(s, s->memory.data, s->memory.len);
		if (ret < 0)
			return ret;
		crit_buf_reset(&s->memory);
		if (len > CRIT_SPOOL_MEMORY)
			return write_out(s, data, len);
	}
	crit_buf_add(&s->memory, data, len);
	return s->memory.error;
}

int crit_spool_failed(int ret, const char *what, struct crit_error *err)
{
	return ret < 0 ? crit_fail_errno(err, -ret, "can't put %s by", what) : 0;
}

ssize_t crit_spool_read(const struct crit_spool *s, void *buf, size_t len, uint64_t off)
{
	size_t from_file = 0, from_memory;
	int ret;

	if (off >= crit_spool_len(s))
		return 0;
	if (len > crit_spool_len(s) - off)
		len = (size_t)(crit_spool_len(s) - off);
	if (off < s->filed) {
		from_file = s->filed - off < len ? (size_t)(s->filed - off) : len;
		ret = crit_pread_full(s->fd, buf, from_file, off);
		if (ret < 0)
			return ret;
	}
	from_memory = len - from_file;
	if (from_memory)
		memcpy((uint8_t *)buf + from_file,
		       s->memory.data + (off + from_file - s->filed), from_memory);
	return (ssize_t)len;
}

int crit_spool_add_spool(struct crit_spool *s, const struct crit_spool *from)
{
	uint64_t len = crit_spool_len(from), off = 0;
	uint8_t buf[16384];
	ssize_t n;
	int ret = 0;

	if (!from->filed)
		return crit_spool_add(s, from->memory.data, from->memory.len);
	for (; ret == 0 && off < len; off += (uint64_t)n) {
		n = crit_spool_read(from, buf, sizeof(buf), off);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		ret = crit_spool_add(s, buf, (size_t)n);
	}
	return ret;
}

size_t crit_spool_pieces(const struct crit_spool *s, struct crit_piece pieces[2])
{
	size_t n = 0;

	if (s->filed)
		pieces[n++] = (struct crit_piece){.fd = s->fd, .len = s->filed};
	if (s->memory.len)
		pieces[n++] = (struct crit_piece){
			.fd = -1, .data = s->memory.data, .len = s->memory.len};
	return n;
}
