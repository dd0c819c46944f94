/*
 * Runs of taken numbers.
 */
#include "fs/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The numbers from `from` to before `to`; `below` others are taken before them. */
struct cfs_run {
	uint64_t from, to, below;
};

void cfs_slots_fini(struct cfs_slots *s)
{
	free(s->runs);
	*s = (struct cfs_slots){0};
}

/* The first run that ends behind `slot`; s->n if none does. */
static size_t run_at(const struct cfs_slots *s, uint64_t slot)
{
	size_t lo = 0, hi = s->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (s->runs[mid].to <= slot)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int cfs_slots_reserve(struct cfs_slots *s)
{
	struct cfs_run *runs;
	size_t cap;

	if (s->n + 3 <= s->cap)
		return 0;
	cap = s->cap ? s->cap * 2 : 4;
	runs = realloc(s->runs, cap * sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	s->runs = runs;
	s->cap = cap;
	return 0;
}

int cfs_slots_count(struct cfs_slots *s, uint64_t n)
{
	int ret = cfs_slots_reserve(s);

	if (ret < 0)
		return ret;
	s->counted = true;
	s->n = n ? 1 : 0;
	s->runs[0] = (struct cfs_run){0, n, 0};
	return 0;
}

bool cfs_slots_find(const struct cfs_slots *s, uint64_t slot, uint64_t *position)
{
	size_t i;

	*position = slot;
	if (!s->counted)
		return true;
	i = run_at(s, slot);
	if (i == s->n || s->runs[i].from > slot)
		return false;
	*position = s->runs[i].below + (slot - s->runs[i].from);
	return true;
}

uint64_t cfs_slots_below(const struct cfs_slots *s, uint64_t slot)
{
	uint64_t position;
	size_t i;

	if (cfs_slots_find(s, slot, &position))
		return position;
	i = run_at(s, slot);
	if (i < s->n)
		return s->runs[i].below;
	return i ? s->runs[i - 1].below + (s->runs[i - 1].to - s->runs[i - 1].from) : 0;
}

bool cfs_slots_next(const struct cfs_slots *s, uint64_t slot, uint64_t *next)
{
	size_t i;

	*next = slot;
	if (!s->counted)
		return true;
	i = run_at(s, slot);
	if (i == s->n)
		return false;
	if (s->runs[i].from > slot)
		*next = s->runs[i].from;
	return true;
}

static void insert_run(struct cfs_slots *s, size_t i, struct cfs_run run)
{
	memmove(s->runs + i + 1, s->runs + i, (s->n - i) * sizeof(*s->runs));
	s->runs[i] = run;
	s->n++;
}

static void delete_run(struct cfs_slots *s, size_t i)
{
	s->n--;
	memmove(s->runs + i, s->runs + i + 1, (s->n - i) * sizeof(*s->runs));
}

void cfs_slots_add(struct cfs_slots *s, uint64_t slot)
{
	size_t i = run_at(s, slot), j;
	bool extends = i && s->runs[i - 1].to == slot;
	bool precedes = i < s->n && s->runs[i].from == slot + 1;
	uint64_t below = cfs_slots_below(s, slot);

	for (j = i; j < s->n; j++)
		s->runs[j].below++;
	if (extends && precedes) {
		s->runs[i - 1].to = s->runs[i].to;
		delete_run(s, i);
	} else if (extends) {
		s->runs[i - 1].to++;
	} else if (precedes) {
		s->runs[i].from = slot;
		s->runs[i].below = below;
	} else {
		insert_run(s, i, (struct cfs_run){slot, slot + 1, below});
	}
}

void cfs_slots_remove(struct cfs_slots *s, uint64_t slot)
{
	size_t i = run_at(s, slot), j;
	struct cfs_run *run = &s->runs[i];

	for (j = i + 1; j < s->n; j++)
		s->runs[j].below--;
	if (run->to - run->from == 1) {
		delete_run(s, i);
	} else if (run->from == slot) {
		run->from++;
	} else if (run->to == slot + 1) {
		run->to--;
	} else {
		struct cfs_run rest = {slot + 1, run->to, run->below + (slot - run->from)};

		run->to = slot;
		insert_run(s, i + 1, rest);
	}
}
