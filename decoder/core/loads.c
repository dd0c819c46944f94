/*
 * Working segments out from mappings and their pages, and finding them again.
 */
#include "decoder/core/loads.h"

#include <errno.h>
#include <stdlib.h>

enum {
	MADV_DONTDUMP_BIT = 16,
	/* a mark comes when one of these is reached, whichever first */
	MARK_SEGMENTS = 256,
	MARK_STRETCHES = 1024,
};

/* PT_LOADs are counted in 32 bits, and there is a note. */
#define SEGMENTS_MAX (UINT32_MAX - 1)

const VmaEntry *crit_load_mapping(const struct crit_loads *s, const struct crit_load *seg)
{
	return crit_space_memory(s->space)->vmas[seg->vma];
}

/* Does the dump have a page of a mapping? Who asks for all of them looks but once a run. */
static int has_pages(struct crit_loads *s, const VmaEntry *vma, struct crit_error *err)
{
	uint64_t start, end;
	int ret;

	if (s->from <= vma->start && vma->end <= s->until)
		return 0;
	ret = crit_space_run(s->space, vma->start, &start, &end, err);
	if (ret < 0)
		return ret;
	s->from = vma->start;
	s->until = ret ? start : UINT64_MAX;
	return s->until < vma->end;
}

/* Can anything of a mapping be stored? */
static int is_dumped(struct crit_loads *s, const VmaEntry *vma, struct crit_error *err)
{
	if (vma->madv & UINT64_C(1) << MADV_DONTDUMP_BIT)
		return 0;
	return has_pages(s, vma, err);
}

static bool has_bytes(enum crit_backing backing)
{
	return backing == CRIT_STORED || backing == CRIT_INHERITED || backing == CRIT_ZEROS;
}

/* Where a segment ends, and whether it is stored: how many stretches it is made of, -errno. */
static int measure(struct crit_loads *s, struct crit_load *seg, struct crit_error *err)
{
	const VmaEntry *vma = crit_load_mapping(s, seg);
	struct crit_stretch stretch;
	int ret, n;

	seg->stored = false;
	seg->end = vma->end;
	ret = is_dumped(s, vma, err);
	if (ret <= 0)
		return ret;
	seg->end = seg->start;
	for (n = 0; seg->end < vma->end; n += n < MARK_STRETCHES) {
		ret = crit_space_at(s->space, seg->end, &stretch, err);
		if (ret < 0)
			return ret;
		if (stretch.end <= seg->end)
			return crit_fail(err, CRIT_BROKEN, "its page map has changed");
		if (seg->end == seg->start)
			seg->stored = has_bytes(stretch.backing);
		else if (seg->stored != has_bytes(stretch.backing))
			break;
		seg->end = stretch.end < vma->end ? stretch.end : vma->end;
	}
	return n;
}

/* The first segment that there can be. */
static const struct crit_load before_all = {.n = UINT64_MAX};

/* Make `seg` the segment behind it: 1 and *cost, 0 if there is none, -errno. */
static int step(struct crit_loads *s, struct crit_load *seg, int *cost, struct crit_error *err)
{
	const struct crit_memory *memory = crit_space_memory(s->space);

	seg->off += crit_load_size(seg);
	seg->n++;
	if (seg->end && seg->end >= memory->vmas[seg->vma]->end) {
		seg->vma++;
		seg->end = 0;
	}
	if (seg->vma >= memory->n_vmas)
		return 0;
	seg->start = seg->end ? seg->end : memory->vmas[seg->vma]->start;
	*cost = measure(s, seg, err);
	return *cost < 0 ? *cost : 1;
}

static int add_mark(struct crit_loads *s, const struct crit_load *seg, struct crit_error *err)
{
	size_t room = s->room ? s->room * 2 : 16;
	struct crit_load *marks;

	if (s->n_marks == s->room) {
		marks = realloc(s->marks, room * sizeof(*marks));
		if (!marks)
			return crit_fail(err, CRIT_NO_MEMORY, "no memory for its segments");
		s->marks = marks;
		s->room = room;
	}
	s->marks[s->n_marks++] = *seg;
	return 0;
}

static int check_room(const struct crit_load *seg, struct crit_error *err)
{
	if (seg->n >= SEGMENTS_MAX)
		return crit_fail(err, CRIT_TOO_BIG, "it has too many segments for a core");
	if (crit_load_size(seg) > (uint64_t)INT64_MAX - seg->off)
		return crit_fail(err, CRIT_TOO_BIG, "its memory is too large for a core");
	return 0;
}

int crit_loads_init(struct crit_loads *s, struct crit_space *space, struct crit_error *err)
{
	struct crit_load seg = before_all;
	int ret, cost, since = 0;

	*s = (struct crit_loads){.space = space, .until = 0};
	while ((ret = step(s, &seg, &cost, err)) > 0) {
		ret = check_room(&seg, err);
		since += cost;
		if (ret == 0 && (seg.n % MARK_SEGMENTS == 0 || since > MARK_STRETCHES)) {
			ret = add_mark(s, &seg, err);
			since = 0;
		}
		if (ret < 0)
			return ret;
	}
	s->n = seg.n;
	s->size = seg.off;
	return ret;
}

void crit_loads_fini(struct crit_loads *s)
{
	free(s->marks);
}

static uint64_t first_of(const struct crit_load *seg, enum crit_load_key key)
{
	if (key == CRIT_LOAD_ADDRESS)
		return seg->start;
	return key == CRIT_LOAD_N ? seg->n : seg->off;
}

static uint64_t end_of(const struct crit_load *seg, enum crit_load_key key)
{
	if (key == CRIT_LOAD_ADDRESS)
		return seg->end;
	return key == CRIT_LOAD_N ? seg->n + 1 : seg->off + crit_load_size(seg);
}

/* The place behind the last mark that is not behind `value`. */
static size_t mark_behind(const struct crit_loads *s, enum crit_load_key key, uint64_t value)
{
	size_t low = 0, high = s->n_marks, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (first_of(&s->marks[middle], key) <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int crit_loads_find(struct crit_loads *s, enum crit_load_key key, uint64_t value,
		    struct crit_load *seg, struct crit_error *err)
{
	size_t mark = mark_behind(s, key, value);
	int ret = 1, cost;

	if (!s->n_marks)
		return 0;
	*seg = s->marks[mark ? mark - 1 : 0];
	/* who reads on has been there */
	if (s->last.end && s->last.n >= seg->n && first_of(&s->last, key) <= value)
		*seg = s->last;
	while (ret > 0 && end_of(seg, key) <= value) {
		if (mark < s->n_marks && s->marks[mark].n == seg->n + 1)
			*seg = s->marks[mark++];
		else
			ret = step(s, seg, &cost, err);
	}
	if (ret > 0)
		s->last = *seg;
	return ret;
}
