/*
 * Adding up mappings and pages.
 */
#include "decoder/proc/usage.h"

#include <sys/mman.h>

/* The kernel's rules, see may_expand_vm() and the like there. */
static void add_mapping(struct crit_proc_usage *usage, uint64_t *exec, const VmaEntry *vma)
{
	uint64_t bytes = vma->end - vma->start;
	bool stack = vma->flags & MAP_GROWSDOWN, write = vma->prot & PROT_WRITE;

	if (vma->status & CRIT_VMA_VSYSCALL)
		return; /* the same for all, and no one's */
	usage->size += bytes;
	if (vma->flags & MAP_LOCKED)
		usage->locked += bytes;
	if (stack)
		usage->stack += bytes;
	else if (write && !(vma->flags & MAP_SHARED))
		usage->data += bytes;
	else if (!write && (vma->prot & PROT_EXEC))
		*exec += bytes;
}

/* Pages of a private mapping of a file are there because they were written to. */
static void add_pages(struct crit_proc_usage *usage, const VmaEntry *vma, uint64_t bytes)
{
	if (vma->status & (CRIT_VMA_VDSO | CRIT_VMA_VSYSCALL))
		usage->file += bytes;
	else if ((vma->flags & MAP_SHARED) || (vma->status & CRIT_VMA_MEMFD))
		usage->shmem += bytes;
	else
		usage->anon += bytes;
}

static void add_resident(struct crit_space *space, struct crit_proc_usage *usage)
{
	uint64_t addr = 0, start, end, left;
	const VmaEntry *vma;

	for (left = CRIT_WALK_MAX; left; left--) {
		if (crit_space_run(space, addr, &start, &end, NULL) <= 0 || end <= addr)
			return;
		vma = crit_space_mapping(space, start);
		if (vma)
			add_pages(usage, vma, end - start);
		addr = end;
	}
}

void crit_proc_measure(struct crit_space *space, struct crit_proc_usage *usage)
{
	const struct crit_memory *m = crit_space_memory(space);
	uint64_t page = crit_space_page_size(space), exec = 0, start, end;
	size_t i;

	*usage = (struct crit_proc_usage){0};
	for (i = 0; i < m->n_vmas; i++)
		add_mapping(usage, &exec, m->vmas[i]);
	start = m->mm->mm_start_code / page * page;
	end = m->mm->mm_end_code;
	if (end > start)
		usage->text = (end - start - 1) / page * page + page;
	if (usage->text > exec)
		usage->text = exec;
	usage->lib = exec - usage->text;
	add_resident(space, usage);
}
