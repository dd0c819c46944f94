/*
 * Finding out where pages are, and writing into those that can be written.
 */
#include "decoder/space.h"

#include <errno.h>
#include <inttypes.h>

#include "decoder/space-inside.h"

#define MERGE_MAX 64 /* pieces that one answer is made of */

/* Keep of *s what is between start and end. */
static void clip(struct crit_stretch *s, uint64_t start, uint64_t end)
{
	if (s->start < start) {
		s->off += s->fd >= 0 ? start - s->start : 0;
		s->start = start;
	}
	if (s->end > end)
		s->end = end;
}

/* What no page map of the process speaks of, in a mapping that shares no segment. */
static void set_unstored(const VmaEntry *vma, struct crit_stretch *s)
{
	const uint32_t kernels = CRIT_VMA_VSYSCALL | CRIT_VMA_VDSO | CRIT_VMA_VVAR |
				 CRIT_VMA_SOCKET;

	s->reason = NULL;
	s->backing = CRIT_ZEROS;
	if (vma->status & kernels) {
		s->backing = CRIT_OUTSIDE;
		s->reason = "it is the kernel's own";
	} else if (vma->status & CRIT_VMA_FILE) {
		s->backing = CRIT_OUTSIDE;
		s->reason = "it is in the mapped file, which is not in the dump";
	}
}

/* The page at `addr` of mapping `i`, which has a segment; *s is the hole around it. */
static int find_shared(struct crit_space *space, size_t i, uint64_t addr,
		       struct crit_stretch *s, struct crit_layers **from,
		       struct crit_error *err)
{
	const VmaEntry *vma = space->memory.vmas[i];
	uint64_t in_page = space->chain.page_size - 1, len = vma->end - vma->start;
	struct crit_stretch there;
	int ret;

	if (vma->pgoff & in_page || vma->pgoff >= CRIT_ADDRESS_TOP ||
	    len > CRIT_ADDRESS_TOP - vma->pgoff) {
		s->backing = CRIT_MISSING;
		s->reason = "its offset in the segment makes no sense";
		return 0;
	}
	ret = crit_segments_find(space->segments, i, addr - vma->start + vma->pgoff, &there,
				 from, err);
	if (ret < 0)
		return ret;
	clip(&there, vma->pgoff, vma->pgoff + len);
	there.start += vma->start - vma->pgoff;
	there.end += vma->start - vma->pgoff;
	if (ret == 0) {
		there.backing = CRIT_ZEROS;
		there.reason = NULL;
	}
	clip(&there, s->start, s->end);
	*s = there;
	return 0;
}

/* The page at `addr` in mapping `i`. *from is what has it, if anything has. */
static int look(struct crit_space *space, size_t i, uint64_t addr, struct crit_stretch *s,
		struct crit_layers **from, struct crit_error *err)
{
	const uint32_t never_its_own = CRIT_VMA_ANON_SHARED | CRIT_VMA_SYSVIPC |
				       CRIT_VMA_FILE_SHARED | CRIT_VMA_VSYSCALL |
				       CRIT_VMA_VVAR | CRIT_VMA_SOCKET;
	const VmaEntry *vma = space->memory.vmas[i];
	int ret;

	*from = space->own;
	space->last = (struct crit_stretch){0}; /* what it is in may be closed now */
	ret = crit_layers_find(space->own, addr, s, err);
	if (ret < 0)
		return ret;
	/* its page map says nothing of these, so nothing is lost with it */
	if (ret > 0 && vma->status & never_its_own && !crit_layers_map(space->own, 0, NULL))
		ret = 0;
	clip(s, vma->start, vma->end);
	if (ret > 0)
		return 0;
	if (crit_segments_has(space->segments, i))
		return find_shared(space, i, addr, s, from, err);
	set_unstored(vma, s);
	return 0;
}

/* Does `b` say the same of what comes behind `a`? */
static bool goes_on(const struct crit_stretch *a, const struct crit_stretch *b)
{
	if (a->backing != b->backing || a->fd != b->fd || a->reason != b->reason)
		return false;
	return a->fd < 0 || a->off + (a->end - a->start) == b->off;
}

static void set_unmapped(const struct crit_space *space, size_t next, uint64_t addr,
			 struct crit_stretch *s)
{
	*s = (struct crit_stretch){addr, UINT64_MAX, .backing = CRIT_UNMAPPED, .fd = -1};
	if (next < space->memory.n_vmas)
		s->end = space->memory.vmas[next]->start;
}

static int answer(struct crit_space *space, uint64_t addr, struct crit_stretch *s,
		  struct crit_error *err)
{
	size_t i = crit_mappings_find(&space->memory, addr);
	struct crit_layers *from;
	struct crit_stretch next;
	unsigned pieces;
	int ret;

	if (i == space->memory.n_vmas || space->memory.vmas[i]->start > addr) {
		set_unmapped(space, i, addr, s);
		return 0;
	}
	ret = look(space, i, addr, s, &from, err);
	for (pieces = 1; ret == 0 && pieces < MERGE_MAX; pieces++) {
		if (s->end >= space->memory.vmas[i]->end)
			break;
		ret = look(space, i, s->end, &next, &from, err);
		if (ret < 0 || !goes_on(s, &next))
			return 0; /* what fails there is for who asks for it */
		s->end = next.end;
	}
	return ret;
}

static bool holds(const struct crit_stretch *s, uint64_t addr)
{
	return addr >= s->start && addr < s->end;
}

/* What is in a segment may be closed when the next answer is looked for. */
static bool may_be_closed(const struct crit_space *space, const struct crit_stretch *s)
{
	return s->fd >= 0 &&
	       crit_segments_has(space->segments, crit_mappings_find(&space->memory, s->start));
}

int crit_space_at(struct crit_space *space, uint64_t addr, struct crit_stretch *s,
		  struct crit_error *err)
{
	uint64_t page = addr - addr % space->chain.page_size;
	struct crit_stretch before = space->last;
	int ret;

	if (holds(&space->last, page)) {
		*s = space->last;
	} else if (holds(&space->before, page)) {
		*s = space->before;
	} else {
		if (before.end && may_be_closed(space, &before))
			before = (struct crit_stretch){0};
		ret = answer(space, page, s, err);
		if (ret < 0)
			return ret;
		space->before = before;
		space->last = *s;
	}
	clip(s, page, s->end);
	return 0;
}

/* Why a page can't be written into; NULL if it can. */
static const char *why_not(const struct crit_stretch *s)
{
	switch (s->backing) {
	case CRIT_STORED:
		return NULL;
	case CRIT_UNMAPPED:
		return "nothing is mapped there";
	case CRIT_INHERITED:
		return s->reason ? s->reason
				 : "the page is in the parent dump, which is never written";
	case CRIT_ZEROS:
		return "it is in no pages file: nothing was ever written there";
	default:
		return s->reason;
	}
}

static int refuse(const struct crit_stretch *s, uint64_t addr, struct crit_error *err)
{
	int ret = crit_fail(err, CRIT_BROKEN, "0x%" PRIx64 ": %s", addr, why_not(s));

	if (s->backing == CRIT_UNMAPPED)
		return ret;
	if (err)
		err->errnum = EPERM;
	return -EPERM;
}

enum step { LOOK, PREPARE, WRITE };

/* Do it piece by piece: only see whether it can be done, make ready for it, or write. */
static int write_pieces(struct crit_space *space, uint64_t addr, const uint8_t *buf, size_t len,
			enum step step, struct crit_error *err)
{
	struct crit_layers *from;
	struct crit_pagemap *map;
	struct crit_stretch s;
	size_t i, n;
	int ret;

	for (; len; addr += n, buf += n, len -= n) {
		uint64_t page = addr - addr % space->chain.page_size;

		i = crit_mappings_find(&space->memory, addr);
		set_unmapped(space, i, page, &s);
		if (i < space->memory.n_vmas && space->memory.vmas[i]->start <= addr) {
			ret = look(space, i, page, &s, &from, err);
			if (ret < 0)
				return ret;
		}
		if (why_not(&s))
			return refuse(&s, addr, err);
		map = crit_layers_map(from, 0, NULL);
		n = s.end - addr < len ? (size_t)(s.end - addr) : len;
		s.off -= crit_pagemap_pages(map)->file->base;
		ret = step == LOOK ? 0 : crit_pagemap_prepare(map, err);
		if (ret == 0 && step == WRITE)
			ret = crit_pages_file_write(crit_pagemap_pages(map), buf, n,
						    s.off + (addr - s.start), err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int crit_space_write(struct crit_space *space, uint64_t addr, const void *buf, size_t len,
		     struct crit_error *err)
{
	int ret = write_pieces(space, addr, buf, len, LOOK, err);

	if (ret == 0)
		ret = write_pieces(space, addr, buf, len, PREPARE, err);
	/* to prepare is to copy up, and then what answers spoke of is closed */
	space->last = space->before = (struct crit_stretch){0};
	return ret < 0 ? ret : write_pieces(space, addr, buf, len, WRITE, err);
}

int crit_space_sync(struct crit_space *space)
{
	int ret = crit_layers_sync(space->own);

	return ret < 0 ? ret : crit_segments_sync(space->segments);
}
