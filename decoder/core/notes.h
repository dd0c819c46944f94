/*
 * The notes of a core: what is known of the process and its threads but for its memory.
 */
#ifndef CRIT_CORE_NOTES_H
#define CRIT_CORE_NOTES_H

#include "decoder/core/machine.h"
#include "decoder/space.h"

/* More is refused; some 18,000 threads of the largest registers fit. */
#define CRIT_CORE_NOTES_MAX ((size_t)64 << 20)

/*
 * Begin a note behind others, as elf(5) lays it out, and end it when its contents are there.
 * `note` is what its beginning returned.
 */
size_t crit_note_begin(struct crit_buf *b, const char *owner, uint32_t type);
void crit_note_end(struct crit_buf *b, size_t note);

/* Of whom the notes are. All is borrowed. */
struct crit_core_process {
	struct crit_dump *dump;
	const struct crit_process *p;
	struct crit_space *space;
	const CoreEntry *leader;
	const struct crit_core_machine *machine;
};

/* struct elf_prstatus of a thread: its ids, signals and general registers. */
void crit_note_status(struct crit_buf *b, const struct crit_core_process *of, uint32_t tid,
		      const CoreEntry *thread);

/* struct elf_prpsinfo: state, owner, name and arguments of the process. */
void crit_note_process(struct crit_buf *b, const struct crit_core_process *of);

/* Which files are mapped where. 0, -ENOMEM. What is not to be had is told and left out. */
int crit_note_files(struct crit_buf *b, const struct crit_core_process *of);

/*
 * All notes, in the kernel's order. A thread that can't be read is told to the dump's
 * listener and left out. 0, -errno and the reason.
 */
int crit_core_notes(struct crit_buf *b, const struct crit_core_process *of,
		    struct crit_error *err);

#endif
