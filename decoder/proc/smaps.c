/*
 * Memory by mappings. Of pages it is known which ones the dump has, and nothing of who shares
 * them or what the processor did to them: there are no such lines.
 */
#include "decoder/proc/mapping.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "decoder/proc/render.h"

/* Bits of vma_entry.flags and, from the second half on, of madv, as VmFlags has them. */
static const struct vm_flag {
	char name[3];
	uint32_t flag; /* of flags, or 0 */
	unsigned advice;
} vm_flags[] = {
	{"gd", MAP_GROWSDOWN, 0}, {"lo", MAP_LOCKED, 0},      {"sr", 0, MADV_SEQUENTIAL},
	{"rr", 0, MADV_RANDOM},   {"dc", 0, MADV_DONTFORK},   {"nr", MAP_NORESERVE, 0},
	{"ht", MAP_HUGETLB, 0},   {"dd", 0, MADV_DONTDUMP},   {"wf", 0, MADV_WIPEONFORK},
	{"hg", 0, MADV_HUGEPAGE}, {"nh", 0, MADV_NOHUGEPAGE}, {"mg", 0, MADV_MERGEABLE},
};

static void put_flag(bool is_set, const char *name, struct crit_buf *out)
{
	if (is_set)
		crit_buf_printf(out, "%s ", name);
}

static void put_vm_flags(const VmaEntry *vma, struct crit_buf *out)
{
	uint64_t madv = vma->has_madv ? vma->madv : 0;
	size_t i;

	crit_buf_str(out, "VmFlags: ");
	put_flag(vma->prot & PROT_READ, "rd", out);
	put_flag(vma->prot & PROT_WRITE, "wr", out);
	put_flag(vma->prot & PROT_EXEC, "ex", out);
	put_flag(vma->flags & MAP_SHARED, "sh", out);
	for (i = 0; i < sizeof(vm_flags) / sizeof(*vm_flags); i++)
		put_flag(vm_flags[i].flag ? vma->flags & vm_flags[i].flag
					  : madv >> vm_flags[i].advice & 1,
			 vm_flags[i].name, out);
	crit_buf_byte(out, '\n');
}

/* Bytes of pages that the dump has. */
struct resident {
	uint64_t private, shared;
};

static void put_size(const char *name, uint64_t bytes, struct crit_buf *out)
{
	crit_buf_printf(out, "%-16s%8" PRIu64 " kB\n", name, bytes >> 10);
}

/* What is in a dump was written to; of a private mapping it is its own. */
static void put_resident(const struct resident *r, struct crit_buf *out)
{
	put_size("Rss:", r->private + r->shared, out);
	put_size("Shared_Dirty:", r->shared, out);
	put_size("Private_Dirty:", r->private, out);
	put_size("Anonymous:", r->private, out);
	put_size("Swap:", 0, out); /* it was read before the dump was written */
}

/* A walk through the runs of pages beside one through the mappings. */
struct runs {
	struct crit_space *space; /* borrowed */
	uint64_t left; /* so many more are looked at, what is beyond does not count */
	bool any;      /* the run is one */
	uint64_t start, end;
};

static void next_run(struct runs *runs)
{
	uint64_t from = runs->any ? runs->end : 0;

	runs->any = runs->left &&
		    crit_space_run(runs->space, from, &runs->start, &runs->end, NULL) > 0 &&
		    runs->end > from;
	runs->left -= runs->left > 0;
}

static uint64_t bytes_within(struct runs *runs, const VmaEntry *vma)
{
	uint64_t bytes = 0;

	for (; runs->any && runs->start < vma->end; next_run(runs))
		if (runs->start >= vma->start && runs->end <= vma->end)
			bytes += runs->end - runs->start;
	return bytes;
}

/* Both texts are made of these. */
struct measure {
	struct crit_proc_maps maps;
	struct runs runs;
	uint64_t page_size;
};

static bool measure_begin(struct crit_proc *proc, uint32_t pid, struct measure *m)
{
	if (!crit_proc_maps_begin(proc, pid, &m->maps))
		return false;
	m->runs = (struct runs){.space = crit_proc_memory(proc, pid), .left = CRIT_WALK_MAX};
	m->page_size = crit_space_page_size(m->runs.space);
	next_run(&m->runs);
	return true;
}

static struct resident resident_of(struct measure *m, const VmaEntry *vma)
{
	uint64_t bytes = bytes_within(&m->runs, vma);

	return vma->flags & MAP_SHARED ? (struct resident){.shared = bytes}
				       : (struct resident){.private = bytes};
}

int crit_proc_smaps(struct crit_proc *proc, const struct crit_proc_file *f,
		    struct crit_buf *out, struct crit_error *err)
{
	struct resident resident;
	struct measure m;
	size_t i;

	(void)err;
	if (!measure_begin(proc, f->pid, &m))
		return 0;
	for (i = 0; i < m.maps.memory->n_vmas && !out->error; i++) {
		const VmaEntry *vma = m.maps.memory->vmas[i];

		resident = resident_of(&m, vma);
		crit_proc_put_mapping(&m.maps, vma, out);
		put_size("Size:", vma->end - vma->start, out);
		put_size("KernelPageSize:", m.page_size, out);
		put_size("MMUPageSize:", m.page_size, out);
		put_resident(&resident, out);
		put_vm_flags(vma, out);
	}
	crit_proc_maps_end(&m.maps);
	return 0;
}

int crit_proc_smaps_rollup(struct crit_proc *proc, const struct crit_proc_file *f,
			   struct crit_buf *out, struct crit_error *err)
{
	struct resident resident, sum = {0};
	struct crit_proc_map_line line = {
		.permissions = "---p", .name = "[rollup]", .len = strlen("[rollup]")};
	const struct crit_memory *memory;
	struct measure m;
	size_t i;

	(void)err;
	if (!measure_begin(proc, f->pid, &m))
		return -ENOENT;
	memory = m.maps.memory;
	for (i = 0; i < memory->n_vmas; i++) {
		resident = resident_of(&m, memory->vmas[i]);
		sum.private += resident.private;
		sum.shared += resident.shared;
	}
	if (memory->n_vmas) {
		line.start = memory->vmas[0]->start;
		line.end = memory->vmas[memory->n_vmas - 1]->end;
	}
	crit_proc_put_map_line(&line, out);
	put_resident(&sum, out);
	crit_proc_maps_end(&m.maps);
	return 0;
}
