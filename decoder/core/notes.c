/*
 * The order of the notes, and their frames. The order is that of the kernel's
 * elf_core_dump() (fs/binfmt_elf.c): what is known of the process stands between the status
 * of its leader and the leader's other registers.
 */
#include "decoder/core/notes.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "decoder/core/put.h"
#include "decoder/index.h"

enum {
	NOTE_ALIGN = 4,
	SIGINFO_SIZE = 128, /* siginfo_t */
};

static void align(struct crit_buf *b)
{
	crit_buf_fill(b, 0, -b->len % NOTE_ALIGN);
}

size_t crit_note_begin(struct crit_buf *b, const char *owner, uint32_t type)
{
	crit_core_put32(b, (uint32_t)strlen(owner) + 1);
	crit_core_put32(b, 0); /* the length of the contents */
	crit_core_put32(b, type);
	crit_buf_add(b, owner, strlen(owner) + 1);
	align(b);
	return b->len;
}

void crit_note_end(struct crit_buf *b, size_t note)
{
	uint32_t len = htole32((uint32_t)(b->len - note));
	size_t owner;

	if (b->error)
		return;
	/* "CORE" and "LINUX" take the same room */
	owner = note - 2 * NOTE_ALIGN;
	memcpy(b->data + owner - sizeof(Elf64_Nhdr) + sizeof(Elf64_Word), &len, sizeof(len));
	align(b);
}

/*
 * A process in a dump did not die of a signal, so there is none to tell of. Debuggers write
 * the SIGSTOP that they held it with, which says nothing about the process.
 */
static void put_siginfo(struct crit_buf *b)
{
	size_t note = crit_note_begin(b, "CORE", NT_SIGINFO);

	crit_buf_fill(b, 0, SIGINFO_SIZE);
	crit_note_end(b, note);
}

/* In some dumps the end is among the pairs, in others it is not. */
static void put_auxv(struct crit_buf *b, const MmEntry *mm)
{
	size_t note = crit_note_begin(b, "CORE", NT_AUXV);
	size_t i;

	for (i = 0; i + 1 < mm->n_mm_saved_auxv && mm->mm_saved_auxv[i] != AT_NULL; i += 2) {
		crit_core_put64(b, mm->mm_saved_auxv[i]);
		crit_core_put64(b, mm->mm_saved_auxv[i + 1]);
	}
	crit_core_put64(b, AT_NULL);
	crit_core_put64(b, 0);
	crit_note_end(b, note);
}

static int put_leader(struct crit_buf *b, const struct crit_core_process *of)
{
	int ret;

	crit_note_status(b, of, of->p->entry->pid, of->leader);
	crit_note_process(b, of);
	put_siginfo(b);
	put_auxv(b, crit_space_memory(of->space)->mm);
	ret = crit_note_files(b, of);
	of->machine->put_notes(b, of->leader);
	return ret;
}

static int check_thread(const struct crit_core_process *of, const CoreEntry *thread,
			struct crit_error *err)
{
	if ((uint32_t)thread->mtype != of->machine->march)
		return crit_fail(err, CRIT_BROKEN, "another machine than its process ran on");
	return of->machine->check(thread, err);
}

static void put_thread(struct crit_buf *b, const struct crit_core_process *of, uint32_t tid)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};
	CoreEntry *thread;

	snprintf(name, sizeof(name), "core-%u.img", tid);
	thread = crit_dump_first(of->dump, name, &err);
	if (!thread || check_thread(of, thread, &err) < 0) {
		crit_dump_tell(of->dump, name, &err);
	} else {
		crit_note_status(b, of, tid, thread);
		of->machine->put_notes(b, thread);
	}
	core_entry__free_unpacked(thread, NULL);
}

/* Each thread once, however often the list has it. */
static int put_threads(struct crit_buf *b, const struct crit_core_process *of)
{
	const PstreeEntry *entry = of->p->entry;
	struct crit_index seen = {0};
	uint64_t before;
	size_t i;
	int ret;

	ret = crit_index_put(&seen, entry->pid, 0, NULL);
	for (i = 0; i < entry->n_threads && ret == 0 && !b->error; i++) {
		before = 0;
		ret = crit_index_put(&seen, entry->threads[i], i + 1, &before);
		if (ret == 0 && before == i + 1)
			put_thread(b, of, entry->threads[i]);
	}
	crit_index_fini(&seen);
	return ret;
}

int crit_core_notes(struct crit_buf *b, const struct crit_core_process *of,
		    struct crit_error *err)
{
	int ret = put_leader(b, of);

	if (ret == 0)
		ret = put_threads(b, of);
	if (b->error == -EFBIG)
		return crit_fail(err, CRIT_TOO_BIG, "its notes are larger than %zu MiB",
				 CRIT_CORE_NOTES_MAX >> 20);
	if (ret < 0 || b->error)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for its notes");
	return 0;
}
