/*
 * Sorting mappings, finding one.
 */
#include "decoder/mappings.h"

#include <inttypes.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const VmaEntry *x = *(VmaEntry *const *)a, *y = *(VmaEntry *const *)b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

/* What is wrong with a mapping, if those before it end at `floor`; NULL if nothing is. */
static const char *fault(const VmaEntry *vma, uint64_t floor)
{
	uint64_t in_page = (UINT64_C(1) << CRIT_PAGE_SHIFT) - 1;

	if (vma->start >= vma->end)
		return "is empty";
	if ((vma->start | vma->end) & in_page)
		return "is not of whole pages";
	if (vma->end > CRIT_ADDRESS_TOP &&
	    !(vma->status & CRIT_VMA_VSYSCALL && vma->start >= CRIT_ADDRESS_TOP))
		return "is beyond all addresses";
	if (vma->start < floor)
		return "overlaps another one";
	return NULL;
}

/* Those that are good, to the front; the others are behind them, and owned as before. */
static size_t part(struct crit_memory *m, struct crit_error *err)
{
	size_t i, n = 0, n_all = m->n_vmas;
	uint64_t floor = 0;

	for (i = 0; i < n_all; i++) {
		VmaEntry *vma = m->vmas[i];
		const char *wrong = fault(vma, floor);

		if (wrong) {
			crit_fail(err, CRIT_BROKEN, "mapping 0x%" PRIx64 "-0x%" PRIx64 " %s",
				  vma->start, vma->end, wrong);
			continue;
		}
		floor = vma->end;
		m->vmas[i] = m->vmas[n];
		m->vmas[n++] = vma;
	}
	m->n_vmas = n;
	return n_all - n;
}

size_t crit_mappings_sort(struct crit_memory *m, struct crit_error *err)
{
	size_t i;

	for (i = 1; i < m->n_vmas && compare(&m->vmas[i - 1], &m->vmas[i]) <= 0; i++)
		;
	if (i < m->n_vmas)
		qsort(m->vmas, m->n_vmas, sizeof(*m->vmas), compare);
	return part(m, err);
}

size_t crit_mappings_find(const struct crit_memory *m, uint64_t addr)
{
	size_t low = 0, high = m->n_vmas, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (m->vmas[middle]->end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
