/*
 * What a process was started with, as it is in its memory.
 */
#include <stdlib.h>

#include "decoder/proc/render.h"

/* As much as execve(2) takes; hostile bounds may be any. */
#define TEXT_MAX (UINT64_C(6) << 20)
#define STEP     ((size_t)64 << 10)

static const MmEntry *layout_of(struct crit_space *space)
{
	return crit_space_memory(space)->mm;
}

/* Append the bytes of these addresses, up to the first that can't be had. */
static void add_memory(struct crit_space *space, uint64_t start, uint64_t end,
		       struct crit_buf *out)
{
	uint64_t left = end > start ? end - start : 0;
	uint8_t *room;
	ssize_t n;

	if (left > TEXT_MAX)
		left = TEXT_MAX;
	for (; left; left -= (uint64_t)n, start += (uint64_t)n) {
		size_t step = left < STEP ? (size_t)left : STEP;

		room = crit_buf_room(out, step);
		n = room ? crit_space_read(space, start, room, step, NULL) : 0;
		if (n <= 0)
			return;
		out->len += (size_t)n;
	}
}

/* One byte, 0 where there is none. */
static uint8_t peek(struct crit_space *space, uint64_t addr)
{
	uint8_t c;

	return crit_space_read(space, addr, &c, 1, NULL) == 1 ? c : 0;
}

/*
 * A process that overwrote the end of its arguments has put a title there (setproctitle),
 * which ends at its first NUL and may go on where its environment was.
 */
static void add_title(struct crit_space *space, const MmEntry *mm, struct crit_buf *out)
{
	uint64_t most = crit_space_page_size(space), end = mm->mm_arg_end;
	const uint8_t *nul;

	if (mm->mm_env_start == end && mm->mm_env_end > end)
		end = mm->mm_env_end;
	if (end - mm->mm_arg_start > most)
		end = mm->mm_arg_start + most;
	add_memory(space, mm->mm_arg_start, end, out);
	nul = out->len ? memchr(out->data, 0, out->len) : NULL;
	if (nul)
		out->len = (size_t)(nul - out->data) + 1;
}

int crit_proc_cmdline(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	struct crit_space *space = crit_proc_memory(proc, f->pid);
	const MmEntry *mm = space ? layout_of(space) : NULL;

	(void)err;
	if (!mm || mm->mm_arg_start >= mm->mm_arg_end)
		return 0;
	if (peek(space, mm->mm_arg_end - 1))
		add_title(space, mm, out);
	else
		add_memory(space, mm->mm_arg_start, mm->mm_arg_end, out);
	return 0;
}

int crit_proc_environ(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	struct crit_space *space = crit_proc_memory(proc, f->pid);

	(void)err;
	if (space)
		add_memory(space, layout_of(space)->mm_env_start, layout_of(space)->mm_env_end,
			   out);
	return 0;
}

/* A word of the machine that made the dump. */
static void add_word(struct crit_buf *out, uint64_t value, const CoreEntry *core)
{
	unsigned size = core && core->mtype == CORE_ENTRY__MARCH__ARM ? 4 : 8, i;
	bool big_endian = core && core->mtype == CORE_ENTRY__MARCH__S390;

	for (i = 0; i < size; i++)
		crit_buf_byte(out, (uint8_t)(value >> 8 * (big_endian ? size - 1 - i : i)));
}

/* Pairs of type and value, with one of type 0 (AT_NULL) at the end. */
int crit_proc_auxv(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		   struct crit_error *err)
{
	struct crit_space *space = crit_proc_memory(proc, f->pid);
	const CoreEntry *core = crit_proc_core_entry(proc, f->pid, 0);
	const MmEntry *mm = space ? layout_of(space) : NULL;
	size_t i;

	(void)err;
	if (!mm)
		return 0;
	for (i = 0; i + 1 < mm->n_mm_saved_auxv && mm->mm_saved_auxv[i]; i += 2) {
		add_word(out, mm->mm_saved_auxv[i], core);
		add_word(out, mm->mm_saved_auxv[i + 1], core);
	}
	add_word(out, 0, core);
	add_word(out, 0, core);
	return 0;
}
