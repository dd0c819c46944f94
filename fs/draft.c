/*
 * Drafts. The new bytes are stored at their own offsets, and a sorted list of
 * extents says which they are; everything else is the base, or zeros behind it.
 */
#include "fs/draft.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "decoder/temporary.h"

#define HOLE_MAX ((uint64_t)64 << 10) /* bytes, in memory */
#define SMALL    ((uint64_t)4 << 10)  /* bytes that are not worth a file */

/* New bytes from `from` to `to`. */
struct extent {
	uint64_t from, to;
};

struct cfs_draft {
	struct crit_file *base; /* a reference, or NULL */
	uint64_t base_off;
	uint64_t base_len; /* of it that still counts: truncating cuts it */
	uint64_t size;
	struct cfs_store *store; /* not owned */
	unsigned refs;
	struct crit_buf memory; /* the store while it is small */
	int fd;                 /* the store when it is not, or -1 */
	struct extent *extents; /* owned; sorted, apart from each other */
	size_t n, cap;
	uint64_t stored; /* bytes in all extents */
};

struct cfs_draft *cfs_draft_new(struct cfs_store *store)
{
	struct cfs_draft *d = calloc(1, sizeof(*d));

	if (d) {
		d->fd = -1;
		d->store = store;
		d->refs = 1;
		d->memory.limit = CFS_DRAFT_MEMORY;
	}
	return d;
}

struct cfs_draft *cfs_draft_of_span(struct cfs_store *store, struct crit_file *file,
				    struct crit_span span)
{
	struct cfs_draft *d = cfs_draft_new(store);

	if (d) {
		d->base = crit_file_get(file);
		d->base_off = span.off;
		d->base_len = d->size = span.len;
	}
	return d;
}

struct cfs_draft *cfs_draft_of_text(struct cfs_store *store, const void *text, size_t len)
{
	struct cfs_draft *d = cfs_draft_new(store);

	if (d && len && cfs_draft_write(d, text, len, 0) < 0) {
		cfs_draft_put(d);
		return NULL;
	}
	return d;
}

/* The next bytes that are no hole, as lseek(2) tells. */
static off_t seek_data(const struct crit_file *file, uint64_t at)
{
	off_t data = lseek(file->fd, (off_t)(file->base + at), SEEK_DATA);

	return data < 0 ? data : data - (off_t)file->base;
}

struct cfs_draft *cfs_draft_of_copy(struct cfs_store *store, const struct crit_file *file,
				    struct crit_span span)
{
	struct cfs_draft *d = cfs_draft_new(store);
	uint64_t at = span.off, end = span.off + span.len;
	uint8_t *buf = malloc(CFS_DRAFT_MEMORY);
	int ret = d && buf ? 0 : -ENOMEM;

	while (ret == 0 && at < end) {
		off_t data = seek_data(file, at);
		size_t n = CFS_DRAFT_MEMORY;

		if ((data < 0 && errno == ENXIO) || data >= (off_t)end)
			break; /* nothing but a hole is left */
		if (data > (off_t)at)
			at = (uint64_t)data;
		n = end - at < n ? (size_t)(end - at) : n;
		ret = crit_file_read(file, buf, n, at);
		if (ret == 0)
			ret = cfs_draft_write(d, buf, n, at - span.off);
		at += n;
	}
	if (ret == 0)
		ret = cfs_draft_truncate(d, span.len);
	free(buf);
	if (ret < 0) {
		cfs_draft_put(d);
		return NULL;
	}
	return d;
}

/* The store has so many bytes more, or fewer. */
static void count(struct cfs_draft *d, uint64_t more, uint64_t fewer)
{
	d->stored += more - fewer;
	d->store->used += more - fewer;
}

static void free_memory(struct cfs_draft *d)
{
	d->store->in_memory -= d->memory.cap;
	crit_buf_fini(&d->memory);
}

struct cfs_draft *cfs_draft_get(struct cfs_draft *d)
{
	d->refs++;
	return d;
}

void cfs_draft_put(struct cfs_draft *d)
{
	if (!d || --d->refs)
		return;
	count(d, 0, d->stored);
	crit_file_put(d->base);
	free_memory(d);
	if (d->fd >= 0)
		close(d->fd);
	free(d->extents);
	free(d);
}

uint64_t cfs_draft_size(const struct cfs_draft *d)
{
	return d->size;
}

void cfs_store_init(struct cfs_store *store, uint64_t max)
{
	*store = (struct cfs_store){.max = max, .dirfd = crit_temporary_directory()};
}

void cfs_store_fini(struct cfs_store *store)
{
	if (store->dirfd >= 0)
		close(store->dirfd);
}

static int move_to_file(struct cfs_draft *d)
{
	int fd = crit_temporary_file(d->store->dirfd), ret;

	if (fd < 0)
		return fd;
	ret = crit_pwrite_full(fd, d->memory.data, d->memory.len, 0);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	free_memory(d);
	d->fd = fd;
	return 0;
}

/* Is memory the place for bytes up to `end`? A small draft is, whatever there is. */
static bool belongs_in_memory(const struct cfs_draft *d, uint64_t off, uint64_t end)
{
	/* a hole takes room there that nobody counts, in a file it takes none */
	if (end > CFS_DRAFT_MEMORY || off > d->memory.len + HOLE_MAX)
		return false;
	return end <= d->memory.cap || end <= SMALL || d->store->in_memory < CFS_STORE_MEMORY;
}

static int store(struct cfs_draft *d, const void *buf, size_t len, uint64_t off)
{
	size_t cap = d->memory.cap;
	int ret;

	if (d->fd < 0 && !belongs_in_memory(d, off, off + len)) {
		ret = move_to_file(d);
		if (ret < 0)
			return ret;
	}
	if (d->fd >= 0)
		return crit_pwrite_full(d->fd, buf, len, off);
	if (off + len > d->memory.len)
		crit_buf_fill(&d->memory, 0, off + len - d->memory.len);
	d->store->in_memory += d->memory.cap - cap;
	if (d->memory.error) {
		d->memory.error = 0; /* there may be some next time */
		return -ENOMEM;
	}
	memcpy(d->memory.data + off, buf, len);
	return 0;
}

/* Note that the store has the bytes from `from` to `to`. */
static int add_extent(struct cfs_draft *d, uint64_t from, uint64_t to)
{
	size_t first = 0, last;

	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 4;
		struct extent *extents = realloc(d->extents, cap * sizeof(*extents));

		if (!extents)
			return -ENOMEM;
		d->extents = extents;
		d->cap = cap;
	}
	/* most writes go on where the last one ended */
	if (d->n && d->extents[d->n - 1].from <= from)
		first = d->n - 1;
	while (first < d->n && d->extents[first].to < from)
		first++;
	for (last = first; last < d->n && d->extents[last].from <= to; last++) {
		count(d, 0, d->extents[last].to - d->extents[last].from);
		from = d->extents[last].from < from ? d->extents[last].from : from;
		to = d->extents[last].to > to ? d->extents[last].to : to;
	}
	memmove(d->extents + first + 1, d->extents + last, (d->n - last) * sizeof(*d->extents));
	d->extents[first] = (struct extent){from, to};
	d->n = d->n - (last - first) + 1;
	count(d, to - from, 0);
	return 0;
}

/* Is there room for these bytes? Those that are written over have theirs. */
static bool has_room(const struct cfs_draft *d, uint64_t from, uint64_t to)
{
	const struct cfs_store *store = d->store;
	uint64_t more = to - from;
	size_t i;

	if (more <= store->max && store->used <= store->max - more)
		return true;
	for (i = 0; i < d->n; i++) {
		const struct extent *e = &d->extents[i];

		if (e->from < to && e->to > from)
			more -= (e->to < to ? e->to : to) - (e->from > from ? e->from : from);
	}
	return more <= store->max && store->used <= store->max - more;
}

int cfs_draft_write(struct cfs_draft *d, const void *buf, size_t len, uint64_t off)
{
	int ret;

	if (!len)
		return 0;
	if (off > (uint64_t)INT64_MAX - len)
		return -EFBIG;
	if (!has_room(d, off, off + len))
		return -ENOSPC;
	ret = store(d, buf, len, off);
	if (ret == 0)
		ret = add_extent(d, off, off + len);
	if (ret == 0 && off + len > d->size)
		d->size = off + len;
	return ret;
}

/* Copy what the store holds of one extent. */
static int copy_extent(const struct cfs_draft *from, struct extent e, struct cfs_draft *to,
		       uint8_t *buf)
{
	size_t n;
	int ret = 0;

	for (; e.from < e.to && ret == 0; e.from += n) {
		n = e.to - e.from < CFS_DRAFT_MEMORY ? (size_t)(e.to - e.from)
						     : CFS_DRAFT_MEMORY;
		ret = cfs_draft_read(from, buf, n, e.from) < 0 ? -EIO : 0;
		if (ret == 0)
			ret = cfs_draft_write(to, buf, n, e.from);
	}
	return ret;
}

int cfs_draft_own(struct cfs_draft **d)
{
	struct cfs_draft *from = *d, *own;
	uint8_t *buf;
	int ret = 0;
	size_t i;

	if (from->refs == 1)
		return 0;
	own = cfs_draft_new(from->store);
	buf = malloc(CFS_DRAFT_MEMORY);
	if (!own || !buf)
		ret = -ENOMEM;
	for (i = 0; ret == 0 && i < from->n; i++)
		ret = copy_extent(from, from->extents[i], own, buf);
	free(buf);
	if (ret < 0) {
		cfs_draft_put(own);
		return ret;
	}
	own->base = from->base ? crit_file_get(from->base) : NULL;
	own->base_off = from->base_off;
	own->base_len = from->base_len;
	own->size = from->size;
	cfs_draft_put(from);
	*d = own;
	return 0;
}

int cfs_draft_truncate(struct cfs_draft *d, uint64_t size)
{
	if (size > INT64_MAX)
		return -EFBIG;
	if (size < d->base_len)
		d->base_len = size;
	for (; d->n && d->extents[d->n - 1].from >= size; d->n--)
		count(d, 0, d->extents[d->n - 1].to - d->extents[d->n - 1].from);
	if (d->n && d->extents[d->n - 1].to > size) {
		count(d, 0, d->extents[d->n - 1].to - size);
		d->extents[d->n - 1].to = size;
	}
	if (d->fd < 0 && d->memory.len > size)
		d->memory.len = size;
	d->size = size;
	return 0;
}

/* What stands at `off`, and how far it is the same: store, base or zeros. */
enum source { STORE, BASE, ZEROS };

static enum source find_source(const struct cfs_draft *d, uint64_t off, uint64_t *to)
{
	size_t lo = 0, hi = d->n, mid;

	*to = d->size;
	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (d->extents[mid].to <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < d->n) {
		if (d->extents[lo].from <= off) {
			*to = d->extents[lo].to;
			return STORE;
		}
		*to = d->extents[lo].from;
	}
	if (off >= d->base_len)
		return ZEROS;
	if (*to > d->base_len)
		*to = d->base_len;
	return BASE;
}

ssize_t cfs_draft_read(const struct cfs_draft *d, void *buf, size_t len, uint64_t off)
{
	uint64_t at = off, end, to;
	uint8_t *out = buf;
	int ret;

	if (off >= d->size)
		return 0;
	end = d->size - off < len ? d->size : off + len;
	for (; at < end; at = to) {
		enum source source = find_source(d, at, &to);

		to = to < end ? to : end;
		ret = 0;
		if (source == ZEROS)
			memset(out + (at - off), 0, to - at);
		else if (source == BASE)
			ret = crit_file_read(d->base, out + (at - off), to - at,
					     d->base_off + at);
		else if (d->fd >= 0)
			ret = crit_pread_full(d->fd, out + (at - off), to - at, at);
		else
			memcpy(out + (at - off), d->memory.data + at, to - at);
		if (ret < 0)
			return ret;
	}
	return (ssize_t)(end - off);
}

int cfs_draft_text(const struct cfs_draft *d, struct crit_buf *out)
{
	ssize_t n;

	if (d->size > CRIT_BUF_LIMIT)
		return -EFBIG;
	if (!crit_buf_reserve(out, d->size))
		return out->error;
	n = cfs_draft_read(d, out->data + out->len, d->size, 0);
	if (n < 0)
		return (int)n;
	out->len += (size_t)n;
	return 0;
}

int cfs_draft_pieces(const struct cfs_draft *d, struct crit_piece **out, size_t *n)
{
	uint64_t at, to;

	/* between two extents there are at most base and zeros */
	*out = calloc(3 * d->n + 2, sizeof(**out));
	*n = 0;
	if (!*out)
		return -ENOMEM;
	for (at = 0; at < d->size; at = to) {
		enum source source = find_source(d, at, &to);
		struct crit_piece piece = {.fd = -1, .len = to - at};

		if (source == BASE) {
			piece = crit_piece_of(d->base, d->base_off + at, to - at);
		} else if (source == STORE && d->fd >= 0) {
			piece.fd = d->fd;
			piece.off = at;
		} else if (source == STORE) {
			piece.data = d->memory.data + at;
		}
		(*out)[(*n)++] = piece;
	}
	return 0;
}
