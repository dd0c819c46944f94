/*
 * Copying bytes of files.
 */
#include "decoder/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "decoder/file.h"

#define COPY_SIZE ((size_t)1 << 20) /* bytes at once where the kernel can't copy */

/* Copy bytes that are data, no hole. */
static int copy_data(int in, uint64_t from, int out, uint64_t to, uint64_t len)
{
	uint8_t *buf = NULL;
	int ret = 0;

	while (len && ret == 0) {
		loff_t src = (loff_t)from, dst = (loff_t)to;
		ssize_t n = -1;

		if (!buf) {
			n = copy_file_range(in, &src, out, &dst, len, 0);
			if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
				return -errno;
		}
		if (n <= 0) { /* not on these file systems: by hand */
			if (!buf)
				buf = malloc(COPY_SIZE);
			if (!buf)
				return -ENOMEM;
			n = (ssize_t)(len < COPY_SIZE ? len : COPY_SIZE);
			ret = crit_pread_full(in, buf, (size_t)n, from);
			if (ret == 0)
				ret = crit_pwrite_full(out, buf, (size_t)n, to);
		}
		from += (uint64_t)n;
		to += (uint64_t)n;
		len -= (uint64_t)n;
	}
	free(buf);
	return ret;
}

int crit_copy_span(int in, uint64_t from, int out, uint64_t to, uint64_t len)
{
	uint64_t end = from + len;
	off_t data, hole;
	int ret;

	while (from < end) {
		data = lseek(in, (off_t)from, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return 0; /* nothing but a hole up to the end */
		if (data < 0 || (uint64_t)data < from)
			data = (off_t)from;
		if ((uint64_t)data >= end)
			return 0;
		hole = lseek(in, data, SEEK_HOLE);
		if (hole <= data || (uint64_t)hole > end)
			hole = (off_t)end;
		ret = copy_data(in, (uint64_t)data, out, to + ((uint64_t)data - from),
				(uint64_t)(hole - data));
		if (ret < 0)
			return ret;
		to += (uint64_t)hole - from;
		from = (uint64_t)hole;
	}
	return 0;
}
