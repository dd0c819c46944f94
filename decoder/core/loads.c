/*
 * Working segments out from mappings and their pages, and finding them again.
 */
#include "decoder/core/loads.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/grow.h"

enum {
	MADV_DONTDUMP_BIT = 16,
	PROT_READ_BIT = 1,
	/* a mark comes when one of these is reached, whichever first */
	MARK_SEGMENTS = 256,
	MARK_STRETCHES = 1024,
};

/* PT_LOADs are counted in 32 bits, and there is a note. */
#define SEGMENTS_MAX (UINT32_MAX - 1)

const VmaEntry *crit_load_mapping(const struct crit_loads *s, const struct crit_load *load)
{
	return crit_space_memory(s->space)->vmas[load->vma];
}

/* Does the dump have a page of a mapping? Who asks again, or for the next, is told at once. */
static int has_page(struct crit_loads *s, const VmaEntry *vma, struct crit_error *err)
{
	uint64_t start, end;
	int ret;

	if (s->paged == vma)
		return 1;
	if (s->from <= vma->start && vma->end <= s->until)
		return 0;
	ret = crit_space_run(s->space, vma->start, &start, &end, err);
	if (ret < 0)
		return ret;
	s->from = vma->start;
	s->until = ret ? start : UINT64_MAX;
	s->paged = s->until < vma->end ? vma : NULL;
	return s->paged != NULL;
}

/* Would the kernel write the first page, to tell which file it is? */
static bool has_elf_header(const VmaEntry *vma)
{
	return vma->status & CRIT_VMA_FILE_PRIVATE && !vma->pgoff && vma->prot & PROT_READ_BIT;
}

/* The kind of the first bytes of a stretch, which is cut where they end; or -errno. */
static int kind_of(struct crit_loads *s, const VmaEntry *vma, struct crit_stretch *stretch,
		   struct crit_error *err)
{
	int ret;

	switch (stretch->backing) {
	case CRIT_STORED:
	case CRIT_INHERITED:
		return CRIT_LOAD_STORED;
	case CRIT_ZEROS:
		ret = has_page(s, vma, err);
		if (ret < 0)
			return ret;
		return ret ? CRIT_LOAD_STORED : CRIT_LOAD_ABSENT;
	case CRIT_OUTSIDE:
		if (stretch->start > vma->start || !has_elf_header(vma))
			return CRIT_LOAD_ABSENT;
		stretch->end = stretch->start + crit_space_page_size(s->space);
		return CRIT_LOAD_LOST;
	default:
		if (!s->lost_why) {
			s->lost_at = stretch->start;
			s->lost_why = stretch->reason;
		}
		return CRIT_LOAD_LOST;
	}
}

/* Make `load` longer by a stretch if that is of the same kind: 1, 0, -errno. */
static int extend(struct crit_loads *s, struct crit_load *load, struct crit_error *err)
{
	const VmaEntry *vma = crit_load_mapping(s, load);
	struct crit_stretch stretch;
	int ret, kind;

	if (s->left && !--s->left)
		return crit_fail(err, CRIT_TOO_BIG,
				 "its memory is in too many pieces for a core");
	ret = crit_space_at(s->space, load->end, &stretch, err);
	if (ret < 0)
		return ret;
	if (stretch.end <= load->end)
		return crit_fail(err, CRIT_BROKEN, "its page map has changed");
	kind = kind_of(s, vma, &stretch, err);
	if (kind < 0)
		return kind;
	if (load->end > load->start && load->kind != (enum crit_load_kind)kind)
		return 0;
	load->kind = (enum crit_load_kind)kind;
	load->end = stretch.end < vma->end ? stretch.end : vma->end;
	return 1;
}

/* Where a segment ends, and what it is: how many stretches it is made of, -errno. */
static int measure(struct crit_loads *s, struct crit_load *load, struct crit_error *err)
{
	const VmaEntry *vma = crit_load_mapping(s, load);
	int ret = 1, n = 0;

	if (vma->madv & UINT64_C(1) << MADV_DONTDUMP_BIT) {
		load->kind = CRIT_LOAD_ABSENT;
		load->end = vma->end;
		return 0;
	}
	load->end = load->start;
	while (ret > 0 && load->end < vma->end) {
		ret = extend(s, load, err);
		n += n < MARK_STRETCHES;
	}
	return ret < 0 ? ret : n;
}

/* Nothing is before it. */
static const struct crit_load before_all = {.n = UINT64_MAX};

/* Make `load` the segment behind it: 1 and *cost, 0 if there is none, -errno. */
static int step(struct crit_loads *s, struct crit_load *load, int *cost, struct crit_error *err)
{
	const struct crit_memory *memory = crit_space_memory(s->space);

	load->off += crit_load_size(load);
	load->n++;
	if (load->end && load->end >= memory->vmas[load->vma]->end) {
		load->vma++;
		load->end = 0;
	}
	if (load->vma >= memory->n_vmas)
		return 0;
	load->start = load->end ? load->end : memory->vmas[load->vma]->start;
	*cost = measure(s, load, err);
	return *cost < 0 ? *cost : 1;
}

static int add_mark(struct crit_loads *s, const struct crit_load *load, struct crit_error *err)
{
	struct crit_load *marks;

	marks = crit_grow(s->marks, s->n_marks, &s->room, sizeof(*marks));
	if (!marks)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for its segments");
	s->marks = marks;
	s->marks[s->n_marks++] = *load;
	return 0;
}

static int check_room(const struct crit_load *load, struct crit_error *err)
{
	if (load->n >= SEGMENTS_MAX)
		return crit_fail(err, CRIT_TOO_BIG, "it has too many segments for a core");
	if (crit_load_size(load) > (uint64_t)INT64_MAX - load->off)
		return crit_fail(err, CRIT_TOO_BIG, "its memory is too large for a core");
	return 0;
}

int crit_loads_init(struct crit_loads *s, struct crit_space *space, struct crit_error *err)
{
	struct crit_load load = before_all;
	int ret, cost, since = 0;

	*s = (struct crit_loads){.space = space, .left = CRIT_WALK_MAX};
	while ((ret = step(s, &load, &cost, err)) > 0) {
		ret = check_room(&load, err);
		since += cost;
		if (ret == 0 && (load.n % MARK_SEGMENTS == 0 || since > MARK_STRETCHES)) {
			ret = add_mark(s, &load, err);
			since = 0;
		}
		if (ret < 0)
			return ret;
	}
	s->left = 0;
	s->n = load.n;
	s->size = load.off;
	return ret;
}

void crit_loads_fini(struct crit_loads *s)
{
	free(s->marks);
}

static uint64_t first_of(const struct crit_load *load, enum crit_load_key key)
{
	if (key == CRIT_LOAD_ADDRESS)
		return load->start;
	return key == CRIT_LOAD_N ? load->n : load->off;
}

static uint64_t end_of(const struct crit_load *load, enum crit_load_key key)
{
	if (key == CRIT_LOAD_ADDRESS)
		return load->end;
	return key == CRIT_LOAD_N ? load->n + 1 : load->off + crit_load_size(load);
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
		    struct crit_load *load, struct crit_error *err)
{
	size_t mark = mark_behind(s, key, value);
	int ret = 1, cost;

	if (!s->n_marks)
		return 0;
	*load = s->marks[mark ? mark - 1 : 0];
	/* who reads on has been there */
	if (s->last.end && s->last.n >= load->n && first_of(&s->last, key) <= value)
		*load = s->last;
	while (ret > 0 && end_of(load, key) <= value) {
		if (mark < s->n_marks && s->marks[mark].n == load->n + 1)
			*load = s->marks[mark++];
		else
			ret = step(s, load, &cost, err);
	}
	if (ret > 0)
		s->last = *load;
	return ret;
}
