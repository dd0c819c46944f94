/*
 * Mappings as the kernel prints them.
 */
#include "decoder/proc/mapping.h"

#include <inttypes.h>
#include <sys/mman.h>

#include "decoder/proc/escape.h"
#include "decoder/proc/render.h"

/* Where names begin. */
enum { NAME_COLUMN = 73 };

bool crit_proc_maps_begin(struct crit_proc *proc, uint32_t pid, struct crit_proc_maps *maps)
{
	struct crit_space *space = crit_proc_memory(proc, pid);
	struct crit_naming *naming = crit_proc_naming(proc);

	if (!space || !naming)
		return false;
	*maps = (struct crit_proc_maps){.proc = proc, .memory = crit_space_memory(space)};
	crit_mapped_init(&maps->mapped, crit_proc_process(proc, pid), naming);
	return true;
}

void crit_proc_maps_end(struct crit_proc_maps *maps)
{
	crit_mapped_fini(&maps->mapped);
}

/* The kernel's rules for memory that no file is behind. */
static const char *region(const struct crit_memory *m, const VmaEntry *vma)
{
	if (vma->status & CRIT_VMA_VSYSCALL)
		return "[vsyscall]";
	if (vma->status & CRIT_VMA_VDSO)
		return "[vdso]";
	if (vma->status & CRIT_VMA_VVAR)
		return "[vvar]";
	if (vma->status & CRIT_VMA_UPROBES)
		return "[uprobes]";
	if (vma->status & CRIT_VMA_HEAP ||
	    (vma->start <= m->mm->mm_brk && vma->end >= m->mm->mm_start_brk))
		return "[heap]";
	if (vma->status & CRIT_VMA_STACK ||
	    (vma->start <= m->mm->mm_start_stack && vma->end >= m->mm->mm_start_stack))
		return "[stack]";
	return "";
}

static void put_name(struct crit_proc_maps *maps, const VmaEntry *vma, struct crit_buf *out)
{
	if (!crit_mapped_name(&maps->mapped, vma, out) && !(vma->status & CRIT_VMA_FILE))
		crit_buf_str(out, region(maps->memory, vma));
}

/* Shared memory that is no file has its inode's number for an id. */
static struct crit_inode inode_of(struct crit_proc_maps *maps, const VmaEntry *vma)
{
	struct crit_inode inode = {0};

	if (vma->status & (CRIT_VMA_SYSVIPC | CRIT_VMA_ANON_SHARED))
		inode.ino = vma->shmid;
	else if (vma->status & CRIT_VMA_FILE && !(vma->status & CRIT_VMA_MEMFD))
		crit_naming_inode(crit_proc_naming(maps->proc), vma->shmid, &inode);
	return inode;
}

void crit_proc_put_map_line(const struct crit_proc_map_line *line, struct crit_buf *out)
{
	size_t begin = out->len;

	crit_buf_printf(out, "%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64, line->start,
			line->end, line->permissions, line->offset);
	crit_buf_printf(out, " %02" PRIx32 ":%02" PRIx32 " %" PRIu64 " ", line->inode.major,
			line->inode.minor, line->inode.ino);
	if (line->len && out->len - begin < NAME_COLUMN)
		crit_buf_fill(out, ' ', NAME_COLUMN - (out->len - begin));
	crit_proc_escape(out, line->name, line->len, "\n");
	crit_buf_byte(out, '\n');
}

void crit_proc_put_mapping(struct crit_proc_maps *maps, const VmaEntry *vma,
			   struct crit_buf *out)
{
	const char permissions[] = {
		vma->prot & PROT_READ ? 'r' : '-', vma->prot & PROT_WRITE ? 'w' : '-',
		vma->prot & PROT_EXEC ? 'x' : '-', vma->flags & MAP_SHARED ? 's' : 'p', '\0'};
	struct crit_buf name = {0};

	put_name(maps, vma, &name);
	crit_proc_put_map_line(&(struct crit_proc_map_line){.start = vma->start,
							    .end = vma->end,
							    .permissions = permissions,
							    .offset = vma->pgoff,
							    .inode = inode_of(maps, vma),
							    .name = (const char *)name.data,
							    .len = name.len},
			       out);
	crit_buf_fini(&name);
}

int crit_proc_maps(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		   struct crit_error *err)
{
	struct crit_proc_maps maps;
	size_t i;

	(void)err;
	if (!crit_proc_maps_begin(proc, f->pid, &maps))
		return 0;
	for (i = 0; i < maps.memory->n_vmas && !out->error; i++)
		crit_proc_put_mapping(&maps, maps.memory->vmas[i], out);
	crit_proc_maps_end(&maps);
	return 0;
}
