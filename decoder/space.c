/*
 * Opening an address space, finding out where pages are.
 */
#include "decoder/space.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "decoder/mappings.h"
#include "decoder/segments.h"

#define MERGE_MAX 64 /* pieces that one answer is made of */

struct crit_space {
	unsigned refs;
	struct crit_chain chain;
	struct crit_memory memory;
	struct crit_layers *own;        /* owned: its own pages */
	struct crit_segments *segments; /* owned */
	size_t mapping;                 /* the one that was asked for last */
	struct crit_stretch last;       /* the last answer */
};

/* ---- opening ---- */

static int open_chain(struct crit_dump *dump, struct crit_chain *chain)
{
	struct crit_error err = {0};
	unsigned i;

	chain->page_size = UINT32_C(1) << CRIT_PAGE_SHIFT;
	chain->dump.dirfd = fcntl(dump->dirfd, F_DUPFD_CLOEXEC, 0);
	if (chain->dump.dirfd < 0)
		return -errno;
	if (crit_parents_open(dump, &chain->parents, &err) < 0)
		crit_dump_tell(dump, "parent", &err);
	for (i = 0; i <= chain->parents.n; i++) {
		struct crit_dump *one = i ? &chain->parents.dump[i - 1] : &chain->dump;

		one->listener = NULL; /* it may be gone when pages are read */
		if (crit_watch_add(&chain->watch, one->dirfd, "parent") < 0)
			return -ENOMEM;
	}
	return 0;
}

static void close_chain(struct crit_chain *chain)
{
	crit_parents_close(&chain->parents);
	if (chain->dump.dirfd >= 0)
		crit_dump_close(&chain->dump);
	crit_watch_fini(&chain->watch);
}

static int watch_images(struct crit_space *space, uint32_t pid)
{
	static const char *const kinds[] = {"mm", "vmas"};
	char name[CRIT_IMAGE_NAME_MAX];
	int ret = 0;
	size_t i;

	for (i = 0; ret == 0 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		snprintf(name, sizeof(name), "%s-%u.img", kinds[i], pid);
		ret = crit_watch_add(&space->chain.watch, space->chain.dump.dirfd, name);
	}
	return ret;
}

static int read_mappings(struct crit_dump *dump, const struct crit_process *p,
			 struct crit_space *space, struct crit_error *err)
{
	uint32_t pid = p->entry->pid;
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error wrong = {0};

	if (watch_images(space, pid) < 0)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for a name");
	if (crit_memory_read(dump, p, &space->memory) < 0)
		return crit_fail_errno(err, ENOENT, "no mm of process %u", pid);
	if (crit_mappings_sort(&space->memory, &wrong)) {
		snprintf(name, sizeof(name), "%s-%u.img", space->memory.own ? "vmas" : "mm",
			 pid);
		crit_dump_tell(dump, name, &wrong);
	}
	return 0;
}

static bool all_aligned(const struct crit_memory *m, uint32_t page_size)
{
	uint64_t bits = 0;
	size_t i;

	for (i = 0; i < m->n_vmas; i++)
		if (m->vmas[i]->end <= CRIT_ADDRESS_TOP)
			bits |= m->vmas[i]->start | m->vmas[i]->end;
	return bits % page_size == 0;
}

/* Other machines have larger pages. The first dump that has any pages tells. */
static int find_page_size(struct crit_space *space, struct crit_error *err)
{
	struct crit_pagemap *map;
	uint32_t guess = 0;
	unsigned level;
	int ret = 0;

	for (level = 0; !guess && (map = crit_layers_map(space->own, level, err)); level++)
		guess = crit_pagemap_guess(map);
	if (!guess || !all_aligned(&space->memory, guess))
		return 0;
	space->chain.page_size = guess;
	while (ret == 0 && level-- > 0)
		ret = crit_pagemap_resize(crit_layers_map(space->own, level, err), guess, err);
	return ret;
}

static int open_own(struct crit_dump *dump, uint32_t pid, struct crit_space *space,
		    struct crit_error *err)
{
	char name[CRIT_IMAGE_NAME_MAX];
	const struct crit_error *complaint;
	struct crit_error wrong = {0};
	struct crit_pagemap *map;
	int ret;

	snprintf(name, sizeof(name), "pagemap-%u.img", pid);
	space->own = crit_layers_new(&space->chain, name);
	if (!space->own)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for a page map");
	map = crit_layers_map(space->own, 0, &wrong);
	if (!map) {
		crit_dump_tell(dump, name, &wrong);
		return 0;
	}
	ret = find_page_size(space, err);
	complaint = crit_pagemap_complaint(map);
	if (complaint)
		crit_dump_tell(dump, name, complaint);
	return ret;
}

static int open_all(struct crit_dump *dump, const struct crit_process *p,
		    struct crit_space *space, struct crit_error *err)
{
	int ret = open_chain(dump, &space->chain);

	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't open the dump again");
	ret = read_mappings(dump, p, space, err);
	if (ret == 0)
		ret = open_own(dump, p->entry->pid, space, err);
	if (ret == 0)
		ret = crit_segments_open(dump, &space->memory, &space->chain, &space->segments,
					 err);
	return ret;
}

int crit_space_open(struct crit_dump *dump, const struct crit_process *p,
		    struct crit_space **out, struct crit_error *err)
{
	struct crit_space *space = calloc(1, sizeof(*space));
	int ret;

	if (!space)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for an address space");
	space->refs = 1;
	space->chain.dump.dirfd = -1;
	ret = open_all(dump, p, space, err);
	if (ret < 0)
		crit_space_put(space);
	else
		*out = space;
	return ret;
}

struct crit_space *crit_space_get(struct crit_space *space)
{
	space->refs++;
	return space;
}

void crit_space_put(struct crit_space *space)
{
	if (!space || --space->refs)
		return;
	crit_segments_free(space->segments);
	crit_layers_free(space->own);
	if (space->memory.mm)
		crit_memory_fini(&space->memory);
	close_chain(&space->chain);
	free(space);
}

/* ---- what it is ---- */

bool crit_space_is_current(const struct crit_space *space)
{
	return crit_watch_same(&space->chain.watch);
}

struct timespec crit_space_changed(const struct crit_space *space)
{
	struct timespec latest = {0};

	crit_layers_changed(space->own, &latest);
	crit_segments_changed(space->segments, &latest);
	return latest;
}

const struct crit_memory *crit_space_memory(const struct crit_space *space)
{
	return &space->memory;
}

const VmaEntry *crit_space_mapping(const struct crit_space *space, uint64_t addr)
{
	size_t i = crit_mappings_find(&space->memory, addr);

	return i < space->memory.n_vmas ? space->memory.vmas[i] : NULL;
}

uint32_t crit_space_page_size(const struct crit_space *space)
{
	return space->chain.page_size;
}

uint64_t crit_space_end(const struct crit_space *space)
{
	size_t n = space->memory.n_vmas;

	while (n && space->memory.vmas[n - 1]->end > CRIT_ADDRESS_TOP)
		n--;
	return n ? space->memory.vmas[n - 1]->end : 0;
}

/* ---- where pages are ---- */

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

/* The page at `addr` in a segment that begins, or would begin, at address `base`. */
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
	const VmaEntry *vma = space->memory.vmas[i];
	bool shared = crit_segments_has(space->segments, i);
	int ret;

	*from = space->own;
	ret = crit_layers_find(space->own, addr, s, err);
	if (ret < 0)
		return ret;
	/* others have their pages elsewhere, whatever became of the process' own */
	if (ret > 0 && !crit_layers_map(space->own, 0, NULL) &&
	    (shared || !(vma->status & (CRIT_VMA_REGULAR | CRIT_VMA_FILE_PRIVATE))))
		ret = 0;
	clip(s, vma->start, vma->end);
	if (ret > 0)
		return 0;
	if (shared)
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

int crit_space_at(struct crit_space *space, uint64_t addr, struct crit_stretch *s,
		  struct crit_error *err)
{
	uint64_t page = addr - addr % space->chain.page_size;
	int ret;

	if (page < space->last.start || page >= space->last.end) {
		ret = answer(space, page, s, err);
		if (ret < 0)
			return ret;
		space->last = *s;
	}
	*s = space->last;
	clip(s, page, s->end);
	return 0;
}

/* ---- writing ---- */

/* Why a page can't be written into; NULL if it can. */
static const char *why_not(const struct crit_stretch *s)
{
	switch (s->backing) {
	case CRIT_STORED:
		return NULL;
	case CRIT_UNMAPPED:
		return "nothing is mapped there";
	case CRIT_INHERITED:
		return "the page is in the parent dump, which is never written";
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

/* Do it piece by piece: only see whether it can be done, or write. */
static int write_pieces(struct crit_space *space, uint64_t addr, const uint8_t *buf, size_t len,
			bool really, struct crit_error *err)
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
		ret = really ? crit_pagemap_write(map, buf, n, s.off + (addr - s.start), err)
			     : crit_pagemap_open_to_write(map, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int crit_space_write(struct crit_space *space, uint64_t addr, const void *buf, size_t len,
		     struct crit_error *err)
{
	int ret = write_pieces(space, addr, buf, len, false, err);

	return ret < 0 ? ret : write_pieces(space, addr, buf, len, true, err);
}
