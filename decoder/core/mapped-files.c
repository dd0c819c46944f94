/*
 * NT_FILE, as the kernel's fill_files_note() (fs/binfmt_elf.c) writes it: how many, the page
 * size, where each is mapped, and behind them all names.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>

#include "decoder/core/notes.h"
#include "decoder/core/put.h"
#include "decoder/mapped.h"

/* The most that the kernel can be told to write (core_file_note_size_limit). */
#define FILES_MAX ((size_t)16 << 20)

struct list {
	struct crit_buf where, names;
	uint64_t n;
	uint32_t page_size;
};

static void add(struct list *l, struct crit_mapped *mapped, const VmaEntry *vma)
{
	size_t len = l->names.len;

	if (!crit_mapped_name(mapped, vma, &l->names))
		return;
	if (l->names.len == len) /* each name ends the one before */
		crit_buf_byte(&l->names, '?');
	crit_buf_byte(&l->names, '\0');
	crit_core_put64(&l->where, vma->start);
	crit_core_put64(&l->where, vma->end);
	crit_core_put64(&l->where, vma->pgoff / l->page_size);
	l->n++;
}

static void put_note(struct crit_buf *b, const struct list *l)
{
	size_t note = crit_note_begin(b, "CORE", NT_FILE);

	crit_core_put64(b, l->n);
	crit_core_put64(b, l->page_size);
	crit_buf_add(b, l->where.data, l->where.len);
	crit_buf_add(b, l->names.data, l->names.len);
	crit_note_end(b, note);
}

/* The kernel writes no such note either where it would be too long. */
static void tell_too_long(const struct crit_core_process *of)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};

	snprintf(name, sizeof(name), "mm-%u.img", of->p->entry->pid);
	crit_fail(&err, CRIT_TOO_BIG, "too many mapped files, a core can't list them");
	crit_dump_tell(of->dump, name, &err);
}

int crit_note_files(struct crit_buf *b, const struct crit_core_process *of)
{
	const struct crit_memory *memory = crit_space_memory(of->space);
	struct crit_files *files = crit_files_new(of->dump);
	struct list l = {.page_size = crit_space_page_size(of->space)};
	struct crit_naming naming;
	struct crit_mapped mapped;
	size_t i;
	int ret = files ? 0 : -ENOMEM;

	l.where.limit = l.names.limit = FILES_MAX / 2;
	crit_naming_init(&naming, of->dump, files);
	crit_mapped_init(&mapped, of->p, &naming);
	for (i = 0; i < memory->n_vmas && files && !l.where.error && !l.names.error; i++)
		add(&l, &mapped, memory->vmas[i]);
	if (l.where.error == -EFBIG || l.names.error == -EFBIG)
		tell_too_long(of);
	else if (l.where.error || l.names.error)
		ret = -ENOMEM;
	else if (l.n)
		put_note(b, &l);
	crit_mapped_fini(&mapped);
	crit_naming_fini(&naming);
	crit_files_free(files);
	crit_buf_fini(&l.where);
	crit_buf_fini(&l.names);
	return ret;
}
