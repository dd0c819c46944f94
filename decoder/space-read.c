/*
 * Reading an address space, and finding where in it is something to read.
 */
#include "decoder/space.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/mappings.h"

static bool is_data(const struct crit_stretch *s)
{
	return s->backing == CRIT_STORED || s->backing == CRIT_INHERITED;
}

/* What can't be read: why. */
static int refuse(const struct crit_stretch *s, uint64_t addr, struct crit_error *err)
{
	return crit_fail(err, CRIT_BROKEN, "0x%" PRIx64 ": %s", addr,
			 s->reason ? s->reason : "nothing is mapped there");
}

static int too_many(struct crit_error *err)
{
	return crit_fail(err, CRIT_TOO_BIG, "its memory is in too many pieces");
}

/* Up to `len` bytes of one stretch. */
static ssize_t read_stretch(const struct crit_stretch *s, uint64_t addr, void *buf, size_t len,
			    struct crit_error *err)
{
	size_t n = s->end - addr < len ? (size_t)(s->end - addr) : len;
	int ret = 0;

	if (s->backing == CRIT_ZEROS)
		memset(buf, 0, n);
	else if (is_data(s))
		ret = crit_pread_full(s->fd, buf, n, s->off + (addr - s->start));
	else
		return refuse(s, addr, err);
	if (ret < 0)
		return crit_fail_errno(err, -ret, "0x%" PRIx64 ": can't read its pages file",
				       addr);
	return (ssize_t)n;
}

ssize_t crit_space_read(struct crit_space *space, uint64_t addr, void *buf, size_t len,
			struct crit_error *err)
{
	struct crit_stretch s;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = crit_space_at(space, addr + done, &s, err);
		if (n == 0)
			n = read_stretch(&s, addr + done, (char *)buf + done, len - done, err);
		if (n < 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int crit_space_run(struct crit_space *space, uint64_t addr, uint64_t *start, uint64_t *end,
		   struct crit_error *err)
{
	uint64_t all = crit_space_end(space), mapped_to = 0;
	uint64_t left = CRIT_WALK_MAX;
	struct crit_stretch s;
	bool found = false;
	int ret;

	for (; addr < all; addr = s.end) {
		if (!left--)
			return too_many(err);
		ret = crit_space_at(space, addr, &s, err);
		if (ret < 0)
			return ret;
		if (found && (!is_data(&s) || s.start >= mapped_to))
			break;
		if (!is_data(&s))
			continue;
		if (!found) {
			*start = s.start;
			mapped_to = crit_space_mapping(space, s.start)->end;
		}
		found = true;
		*end = s.end;
	}
	return found;
}

int crit_space_seek(struct crit_space *space, uint64_t addr, bool data, uint64_t *found,
		    struct crit_error *err)
{
	uint64_t all = crit_space_end(space), at;
	uint64_t left = CRIT_WALK_MAX;
	struct crit_stretch s;
	int ret;

	for (at = addr; at < all; at = s.end) {
		if (!left--)
			return too_many(err);
		ret = crit_space_at(space, at, &s, err);
		if (ret < 0)
			return ret;
		if (is_data(&s) == data) {
			*found = at;
			return 0;
		}
	}
	if (!data && addr < all) {
		*found = all;
		return 0;
	}
	return -ENXIO;
}
