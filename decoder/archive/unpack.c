/*
 * Unpacking members.
 */
#include "decoder/archive/unpack.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "decoder/temporary.h"

#define BLOCK ((size_t)4096) /* zeros in blocks of that size become holes */

static int make_file(struct crit_unpacked *to, struct crit_error *err)
{
	int dirfd = crit_temporary_directory();

	to->fd = dirfd < 0 ? dirfd : crit_temporary_file(dirfd);
	if (dirfd >= 0)
		close(dirfd);
	if (to->fd >= 0)
		return 0;
	return crit_fail_errno(err, -to->fd, "no temporary file to unpack it to");
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

static int write_block(int fd, const uint8_t *p, size_t n, uint64_t off)
{
	size_t run, len;
	int ret = 0;

	for (; n && ret == 0; p += run, off += run, n -= run) {
		run = BLOCK - off % BLOCK < n ? BLOCK - (size_t)(off % BLOCK) : n;
		if (is_zero(p, run))
			continue;
		/* what follows goes with it, up to zeros */
		while (run < n) {
			len = n - run < BLOCK ? n - run : BLOCK;
			if (is_zero(p + run, len))
				break;
			run += len;
		}
		ret = crit_pwrite_full(fd, p, run, off);
	}
	return ret;
}

static int too_large(const struct crit_unpacked *to, struct crit_error *err)
{
	crit_fail(err, CRIT_TOO_BIG, "unpacked, it is larger than %llu MiB",
		  (unsigned long long)(to->max >> 20));
	return -EFBIG;
}

int crit_unpack_member(struct crit_input *in, struct crit_unpacked *to,
		       struct crit_archive_listener *listener, struct crit_error *err)
{
	uint64_t begin = to->size, end;
	const void *data;
	la_int64_t off;
	size_t len;
	int ret;

	if (to->fd < 0 && (ret = make_file(to, err)) < 0)
		return ret;
	while ((ret = in->la->archive_read_data_block(in->reader, &data, &len, &off)) ==
	       ARCHIVE_OK) {
		if (off < 0 || __builtin_add_overflow(begin + (uint64_t)off, len, &end) ||
		    end > to->max)
			return too_large(to, err);
		ret = write_block(to->fd, data, len, begin + (uint64_t)off);
		if (ret < 0)
			return crit_fail_errno(err, -ret,
					       "can't unpack it to a temporary file");
		if (end > to->size)
			to->size = end;
		if (listener && listener->progress &&
		    !listener->progress(listener, in->at, (uint64_t)in->file->st.st_size))
			return crit_fail_errno(err, EINTR, "unpacking it was given up");
	}
	if (ret != ARCHIVE_EOF)
		return crit_input_fail(in, err);
	return ftruncate(to->fd, (off_t)to->size) < 0
		       ? crit_fail_errno(err, errno, "can't unpack it to a temporary file")
		       : 0;
}
