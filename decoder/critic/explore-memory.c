/*
 * critic x DIR mems, rss: the mappings of processes, and which pages of them are in
 * the dump.
 */
#include <inttypes.h>

#include "decoder/critic/explorer.h"
#include "decoder/index.h"
#include "decoder/memory.h"

#define VMA_PROT_READ      0x1
#define VMA_PROT_WRITE     0x2
#define VMA_PROT_EXEC      0x4
#define VMA_FLAG_GROWSDOWN 0x100

/* Short numbers for shared segments, whose own are long: from 1 on as they are met. */
static void put_segment(struct explorer *x, struct crit_index *segments, const char *kind,
			uint64_t shmid)
{
	uint64_t n = segments->n + 1;

	if (crit_index_put(segments, shmid, n, &n) < 0)
		fprintf(x->out, " %s[?]", kind);
	else
		fprintf(x->out, " %s[%" PRIx64 "]", kind, n);
}

/* The file behind a mapping; crit has no name for a memfd. */
static const char *mapped_file(struct explorer *x, const VmaEntry *vma)
{
	if (vma->status & CRIT_VMA_MEMFD)
		return "unknown path";
	return explorer_file(x, FD_TYPES__REG, vma->shmid);
}

static void put_mapped_file(struct explorer *x, const VmaEntry *vma)
{
	fprintf(x->out, " %s", mapped_file(x, vma));
	if (vma->pgoff)
		fprintf(x->out, " + 0x%" PRIx64, vma->pgoff);
	if (vma->status & CRIT_VMA_FILE_SHARED)
		fputs(" (s)", x->out);
}

/* What is mapped there. The first that fits, as the bits are not exclusive. */
static void put_what(struct explorer *x, struct crit_index *segments, const VmaEntry *vma)
{
	if (vma->status & CRIT_VMA_SYSVIPC)
		put_segment(x, segments, "ips", vma->shmid);
	else if (vma->status & CRIT_VMA_ANON_SHARED)
		put_segment(x, segments, "shmem", vma->shmid);
	else if (vma->status & CRIT_VMA_SOCKET)
		put_segment(x, segments, "packet", vma->shmid);
	else if (vma->status & CRIT_VMA_FILE)
		put_mapped_file(x, vma);
	else if (vma->status & CRIT_VMA_STACK)
		fputs(" [stack]", x->out);
	else if (vma->status & CRIT_VMA_VSYSCALL)
		fputs(" [vsyscall]", x->out);
	else if (vma->status & CRIT_VMA_VDSO)
		fputs(" [vdso]", x->out);
	else if (vma->flags & VMA_FLAG_GROWSDOWN)
		fputs(" [stack?]", x->out);
	if (!(vma->status & CRIT_VMA_REGULAR))
		fputs(" *", x->out);
}

static void put_mapping(struct explorer *x, struct crit_index *segments, const VmaEntry *vma)
{
	char range[48];

	snprintf(range, sizeof(range), "%08" PRIx64 "-%08" PRIx64, vma->start, vma->end);
	fprintf(x->out, "\t%-36s%c%c%c", range, vma->prot & VMA_PROT_READ ? 'r' : '-',
		vma->prot & VMA_PROT_WRITE ? 'w' : '-', vma->prot & VMA_PROT_EXEC ? 'x' : '-');
	put_what(x, segments, vma);
	fputc('\n', x->out);
}

void explore_mems(struct explorer *x)
{
	struct crit_index segments = {0};
	struct crit_memory m;
	size_t i, v;

	for (i = 0; i < x->processes.n; i++) {
		const struct crit_process *p = &x->processes.all[i];

		fprintf(x->out, "%u\n", p->entry->pid);
		if (crit_memory_read(&x->dump, p, &m) < 0)
			continue;
		fprintf(x->out, "\t%-36s    %s\n", "exe",
			explorer_file(x, FD_TYPES__REG, m.mm->exe_file_id));
		for (v = 0; v < m.n_vmas; v++)
			put_mapping(x, &segments, m.vmas[v]);
		crit_memory_fini(&m);
	}
	crit_index_fini(&segments);
}

/* A walk through mappings beside one through the page map, both by address. */
struct beside {
	const struct crit_memory *m;
	size_t at;    /* the mapping where the last run ended */
	size_t shown; /* the mapping that was named last, plus 1 */
};

static void put_beside(struct explorer *x, const VmaEntry *vma)
{
	/* in the other order the count is negative, as crit has it */
	int64_t pages = (int64_t)(vma->end - vma->start) >> CRIT_PAGE_SHIFT;

	fprintf(x->out, " %08" PRIx64 " / %-8" PRId64, vma->start, pages);
	if (vma->status & CRIT_VMA_FILE)
		fprintf(x->out, " %s", mapped_file(x, vma));
}

static uint64_t end_of(const struct crit_page_run *run)
{
	uint64_t left = UINT64_MAX - run->vaddr;

	return run->n > left >> CRIT_PAGE_SHIFT ? UINT64_MAX
						: run->vaddr + (run->n << CRIT_PAGE_SHIFT);
}

static void put_run(struct explorer *x, struct beside *b, const struct crit_page_run *run)
{
	const struct crit_memory *m = b->m;
	uint64_t end = end_of(run);
	char text[64];
	bool any = false;

	snprintf(text, sizeof(text), "\t%" PRIx64 " / %-8" PRIu64, run->vaddr, run->n);
	fprintf(x->out, "%-24s", text);
	while (b->at < m->n_vmas && m->vmas[b->at]->end <= run->vaddr)
		b->at++;
	for (; b->at < m->n_vmas && m->vmas[b->at]->start < end; b->at++, any = true) {
		if (b->shown == b->at + 1)
			fputs(" ~", x->out);
		else
			put_beside(x, m->vmas[b->at]);
		b->shown = b->at + 1;
		fprintf(x->out, "\n\t%23s", "");
	}
	if (any)
		b->at--; /* the next run may begin in the same mapping */
	fputc('\n', x->out);
}

static void put_runs(struct explorer *x, const struct crit_process *p,
		     const struct crit_memory *m)
{
	struct beside b = {.m = m};
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};
	struct crit_page_run run;
	struct crit_walk walk;

	snprintf(name, sizeof(name), "pagemap-%u.img", p->entry->pid);
	if (crit_walk_open(&x->dump, name, &walk, &err) < 0) {
		crit_dump_tell(&x->dump, name, &err);
		return;
	}
	while (crit_page_run_next(&x->dump, name, &walk, &run) > 0)
		put_run(x, &b, &run);
	crit_walk_close(&walk);
}

void explore_rss(struct explorer *x)
{
	struct crit_memory m;
	size_t i;

	for (i = 0; i < x->processes.n; i++) {
		const struct crit_process *p = &x->processes.all[i];

		fprintf(x->out, "%u\n", p->entry->pid);
		if (crit_memory_read(&x->dump, p, &m) < 0)
			continue;
		put_runs(x, p, &m);
		crit_memory_fini(&m);
	}
}
