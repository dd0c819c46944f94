/*
 * Address spaces: mappings in order, and the files and segments behind them.
 */
#include <stdio.h>

#include "decoder/check/checker.h"
#include "decoder/memory.h"
#include "files.pb-c.h"

enum { PAGE = 1 << CRIT_PAGE_SHIFT };

/* What is mapped there. */
static void backing(struct checker *c, struct check_at at, const char *where, const VmaEntry *v)
{
	uint32_t file = v->status & CRIT_VMA_MEMFD ? FD_TYPES__MEMFD : FD_TYPES__REG;

	if (v->status & CRIT_VMA_FILE)
		check_file(c, at, file, v->shmid, "%s, shmid", where);
	else if (v->status & CRIT_VMA_SOCKET)
		check_file(c, at, FD_TYPES__PACKETSK, v->shmid, "%s, shmid", where);
	else if (v->status & CRIT_VMA_SYSVIPC && !check_has(c, CHECK_SEGMENTS, v->shmid))
		check_error(c, at, "%s, shmid: no segment in ipcns-shm-*.img has the id %llu",
			    where, (unsigned long long)v->shmid);
	else if (v->status & CRIT_VMA_ANON_SHARED && !(v->status & CRIT_VMA_SYSVIPC))
		check_need(c, at, "pagemap-shmem-%llu.img", v->shmid);
}

/* `before`: the end of the mappings before it. */
static void mapping(struct checker *c, struct check_at at, const VmaEntry *v, uint64_t *before)
{
	unsigned long long start = v->start, end = v->end;
	char where[64];

	snprintf(where, sizeof(where), "the mapping at 0x%llx", start);
	if (end <= start)
		check_error(c, at, "%s: it ends at 0x%llx, not behind its start", where, end);
	else if (start % PAGE || end % PAGE)
		check_error(c, at, "%s: it is not of whole pages, up to 0x%llx", where, end);
	else if (start < *before)
		check_error(c, at, "%s: it begins before the one before it ends, at 0x%llx",
			    where, (unsigned long long)*before);
	else
		*before = end;
	backing(c, at, where, v);
}

static bool is_mapped(const MmEntry *mm, uint64_t addr)
{
	size_t i;

	for (i = 0; i < mm->n_vmas; i++)
		if (addr >= mm->vmas[i]->start && addr < mm->vmas[i]->end)
			return true;
	return false;
}

/* A range for the process itself, such as its arguments. */
static void range(struct checker *c, struct check_at at, const char *what, const MmEntry *mm,
		  uint64_t start, uint64_t end)
{
	if (end < start)
		check_warning(c, at, "%s_end: 0x%llx is before %s_start, 0x%llx", what,
			      (unsigned long long)end, what, (unsigned long long)start);
	else if (end > start && mm->n_vmas &&
		 (!is_mapped(mm, start) || !is_mapped(mm, end - 1)))
		check_warning(c, at, "%s_start: nothing is mapped from 0x%llx to 0x%llx", what,
			      (unsigned long long)start, (unsigned long long)end);
}

void check_mm(struct checker *c, struct check_at at, const void *msg)
{
	const MmEntry *mm = msg;
	uint64_t before = 0;
	size_t i;

	check_file(c, at, FD_TYPES__REG, mm->exe_file_id, "exe_file_id");
	for (i = 0; i < mm->n_vmas; i++)
		mapping(c, at, mm->vmas[i], &before);
	if (!mm->n_vmas)
		check_need(c, at, "vmas-%llu.img", at.number);
	range(c, at, "mm_arg", mm, mm->mm_arg_start, mm->mm_arg_end);
	range(c, at, "mm_env", mm, mm->mm_env_start, mm->mm_env_end);
}

void check_vmas(struct checker *c, const struct check_image *image)
{
	struct check_at at = {.image = image->name};
	uint64_t before = 0;
	struct crit_walk walk;
	VmaEntry *v;

	if (crit_walk_open(&c->dump, image->name, &walk, NULL) < 0)
		return;
	while ((v = crit_walk_rest(&c->dump, image->name, &walk))) {
		at.entry = walk.n - 1;
		mapping(c, at, v, &before);
		vma_entry__free_unpacked(v, NULL);
	}
	crit_walk_close(&walk);
}
