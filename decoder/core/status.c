/*
 * prstatus and prpsinfo: layouts from the kernel's include/linux/elfcore.h for 64-bit
 * machines, contents as its fill_prstatus() and fill_psinfo() (fs/binfmt_elf.c) choose them.
 */
#include <elf.h>
#include <endian.h>
#include <string.h>

#include "decoder/core/notes.h"
#include "decoder/core/put.h"

enum {
	PRFNAME_SIZE = 16,
	PRARGS_SIZE = 80, /* ELF_PRARGSZ, with a NUL */
	TIMES = 4,        /* user, system, and both of the children */
	TIMEVAL_SIZE = 16,
};

/* Signals of a queue as a set, bit 0 is signal 1. */
static uint64_t signals_of(const SignalQueueEntry *queue)
{
	uint64_t set = 0;
	uint32_t signo;
	size_t i;

	for (i = 0; queue && i < queue->n_signals; i++) {
		const ProtobufCBinaryData *info = &queue->signals[i]->siginfo;

		if (info->len < sizeof(signo))
			continue;
		memcpy(&signo, info->data, sizeof(signo)); /* si_signo is the first */
		signo = le32toh(signo);
		if (signo >= 1 && signo <= 64)
			set |= UINT64_C(1) << (signo - 1);
	}
	return set;
}

static uint64_t blocked_of(const CoreEntry *thread)
{
	const ThreadCoreEntry *own = thread->thread_core;

	if (own && own->has_blk_sigset)
		return own->blk_sigset;
	return thread->tc ? thread->tc->blk_sigset : 0; /* the leader's are there */
}

static void put_ids(struct crit_buf *b, const PstreeEntry *entry, uint32_t pid)
{
	crit_core_put32(b, pid);
	crit_core_put32(b, entry->ppid);
	crit_core_put32(b, entry->pgid);
	crit_core_put32(b, entry->sid);
}

void crit_note_status(struct crit_buf *b, const struct crit_core_process *of, uint32_t tid,
		      const CoreEntry *thread)
{
	const ThreadCoreEntry *own = thread->thread_core;
	size_t note = crit_note_begin(b, "CORE", NT_PRSTATUS);

	crit_buf_fill(b, 0, 12); /* pr_info: no signal, see put_siginfo() */
	crit_buf_fill(b, 0, 4);  /* pr_cursig, padding */
	crit_core_put64(b, signals_of(own ? own->signals_p : NULL));
	crit_core_put64(b, blocked_of(thread));
	put_ids(b, of->p->entry, tid);
	crit_buf_fill(b, 0, TIMES * TIMEVAL_SIZE); /* a dump has none */
	of->machine->put_general(b, thread);
	crit_core_put32(b, 1); /* pr_fpvalid */
	crit_core_put32(b, 0);
	crit_note_end(b, note);
}

/* In old dumps credentials have an image of their own. */
static void put_owner(struct crit_buf *b, const struct crit_core_process *of)
{
	const ThreadCoreEntry *own = of->leader->thread_core;
	const CredsEntry *creds = own ? own->creds : NULL;
	CredsEntry *old = creds ? NULL : crit_process_first(of->dump, of->p, "creds");

	creds = creds ? creds : old;
	crit_core_put32(b, creds ? creds->uid : 0);
	crit_core_put32(b, creds ? creds->gid : 0);
	creds_entry__free_unpacked(old, NULL);
}

/* All that the kernel says of one that was not stopped is that it was running. */
static void put_state(struct crit_buf *b, const struct crit_core_process *of)
{
	const ThreadCoreEntry *own = of->leader->thread_core;
	const TaskCoreEntry *tc = of->leader->tc;
	bool stopped = tc && tc->task_state == CRIT_TASK_STOPPED;

	crit_buf_byte(b, stopped ? 3 : 0); /* pr_state, a place in "RSDTZW" */
	crit_buf_byte(b, stopped ? 'T' : 'R');
	crit_buf_byte(b, 0); /* pr_zomb */
	crit_buf_byte(b, (uint8_t)(own && own->has_sched_nice ? own->sched_nice : 0));
	crit_core_put32(b, 0);
	crit_core_put64(b, tc ? tc->flags : 0);
}

static void put_name(struct crit_buf *b, const char *comm)
{
	char name[PRFNAME_SIZE] = "";

	memcpy(name, comm, strnlen(comm, sizeof(name) - 1));
	crit_buf_add(b, name, sizeof(name));
}

/* What there is in memory, with blanks between. */
static void put_arguments(struct crit_buf *b, const struct crit_core_process *of)
{
	const MmEntry *mm = crit_space_memory(of->space)->mm;
	uint64_t len = mm->mm_arg_end - mm->mm_arg_start;
	char args[PRARGS_SIZE] = "";
	ssize_t n = 0, i;

	if (len > sizeof(args) - 1)
		len = sizeof(args) - 1;
	if (mm->mm_arg_start < mm->mm_arg_end)
		n = crit_space_read(of->space, mm->mm_arg_start, args, (size_t)len, NULL);
	for (i = 0; i < n; i++)
		if (!args[i])
			args[i] = ' ';
	crit_buf_add(b, args, sizeof(args));
}

void crit_note_process(struct crit_buf *b, const struct crit_core_process *of)
{
	size_t note = crit_note_begin(b, "CORE", NT_PRPSINFO);

	put_state(b, of);
	put_owner(b, of);
	put_ids(b, of->p->entry, of->p->entry->pid);
	put_name(b, of->leader->tc ? of->leader->tc->comm : "");
	put_arguments(b, of);
	crit_note_end(b, note);
}
