/*
 * Writing pieces into a file.
 */
#include "decoder/patch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/contents.h"
#include "decoder/copy.h"
#include "decoder/file.h"

/* Bytes after which the disk may begin to write them, while others are copied. */
#define AT_ONCE ((uint64_t)8 << 20)

#define FEW 4096 /* bytes: the usual block */

static bool is_empty(struct crit_extent r)
{
	return r.from >= r.to;
}

struct crit_extent crit_extent_both(struct crit_extent a, struct crit_extent b)
{
	if (is_empty(a))
		return b;
	if (is_empty(b))
		return a;
	return (struct crit_extent){a.from < b.from ? a.from : b.from,
				    a.to > b.to ? a.to : b.to};
}

/* Every span has to be there still: a hole is told from a cut file by its size. */
static int check_source(const struct crit_piece *piece)
{
	struct stat st;

	if (piece->fd < 0)
		return 0;
	if (fstat(piece->fd, &st) < 0)
		return -errno;
	return piece->off + piece->len > (uint64_t)st.st_size ? -EIO : 0;
}

/* Would writing only what is no hole leave something of what was there before? */
static bool leaves_holes(const struct crit_piece *p)
{
	if (p->fd < 0)
		return !p->data;
	return lseek(p->fd, (off_t)p->off, SEEK_HOLE) < (off_t)(p->off + p->len);
}

/* Bytes that would hardly make a hole. */
static int copy_few(int fd, uint64_t at, const struct crit_piece *p)
{
	uint8_t bytes[FEW];
	int ret = crit_pread_full(p->fd, bytes, p->len, p->off);

	return ret < 0 ? ret : crit_pwrite_full(fd, bytes, p->len, at);
}

static int copy(int fd, uint64_t at, const struct crit_piece *p, bool sync)
{
	uint64_t done, n;
	int ret = 0;

	for (done = 0; done < p->len && ret == 0; done += n) {
		n = p->len - done < AT_ONCE ? p->len - done : AT_ONCE;
		ret = crit_copy_span(p->fd, p->off + done, fd, at + done, n);
		if (sync && n == AT_ONCE)
			sync_file_range(fd, (off_t)(at + done), (off_t)n,
					SYNC_FILE_RANGE_WRITE);
	}
	return ret;
}

/* Write a piece; below `size` the file may have something else there. */
static int write_piece(int fd, uint64_t at, const struct crit_piece *p, uint64_t size,
		       bool sync)
{
	/* to look for holes takes longer in large files than to write over what is there */
	if (at < size && p->fd >= 0 && p->len < FEW)
		return copy_few(fd, at, p);
	if (at < size && leaves_holes(p) &&
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
		      (off_t)p->len) < 0)
		return -errno;
	if (p->fd >= 0)
		return copy(fd, at, p, sync);
	return p->data ? crit_pwrite_full(fd, p->data, p->len, at) : 0;
}

/* Is the piece what the image has at `at` anyway? */
static bool is_in_place(const struct crit_piece *p, int image, uint64_t at)
{
	return image >= 0 && p->fd == image && p->off == at;
}

/* The part of a piece at `at` which is within a range that is stale. */
static struct crit_piece cut(struct crit_piece p, uint64_t *at, struct crit_extent stale)
{
	uint64_t end = *at + p.len;

	if (stale.from > *at) {
		uint64_t skip = stale.from < end ? stale.from - *at : p.len;

		*at += skip;
		p.off += skip;
	}
	if (end > stale.to)
		end = stale.to;
	p.len = end > *at ? end - *at : 0;
	return p;
}

int crit_patch(int fd, int image, struct crit_extent stale, const struct crit_piece *pieces,
	       size_t n, bool sync)
{
	uint64_t total = crit_pieces_len(pieces, n), at = 0, size;
	struct stat st;
	size_t i;
	int ret = 0;

	if (total > INT64_MAX)
		return -EFBIG;
	if (fstat(fd, &st) < 0)
		return -errno;
	size = (uint64_t)st.st_size;
	if (size != total && ftruncate(fd, (off_t)total) < 0)
		return -errno;
	for (i = 0; i < n && ret == 0; at += pieces[i++].len) {
		struct crit_piece p = pieces[i];
		uint64_t to = at;

		ret = check_source(&p);
		if (is_in_place(&p, image, at))
			p = cut(p, &to, stale);
		if (ret == 0 && p.len)
			ret = write_piece(fd, to, &p, size, sync);
	}
	return ret;
}

struct crit_extent crit_patch_extent(int image, uint64_t size, const struct crit_piece *pieces,
				     size_t n)
{
	struct crit_extent changed = {0, 0};
	uint64_t at = 0;
	size_t i;

	for (i = 0; i < n; at += pieces[i++].len)
		if (!is_in_place(&pieces[i], image, at))
			changed = crit_extent_both(
				changed, (struct crit_extent){at, at + pieces[i].len});
	/* what was cut off, or came, leaves nothing behind it in its place */
	if (at != size)
		changed = crit_extent_both(
			changed, (struct crit_extent){at < size ? at : size, UINT64_MAX});
	return changed;
}
