/*
 * The files stat and statm: numbers in a line. What no dump can tell is 0.
 */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "decoder/proc/render.h"
#include "decoder/proc/subject.h"

/* A zombie has nothing of this. */
static const MmEntry no_layout = MM_ENTRY__INIT;
static const struct crit_proc_usage no_usage;

static const MmEntry *layout_of(struct crit_proc *proc, uint32_t pid)
{
	struct crit_space *space = crit_proc_memory(proc, pid);

	return space ? crit_space_memory(space)->mm : &no_layout;
}

static const struct crit_proc_usage *usage_of(struct crit_proc *proc, uint32_t pid)
{
	const struct crit_proc_usage *usage = crit_proc_usage(proc, pid);

	return usage ? usage : &no_usage;
}

/* In pages of the machine that reads, which counts them by its own. */
static uint64_t pages(uint64_t bytes)
{
	return bytes / (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Fields 4 to 9: process, group, session, terminal, flags. */
static void add_family(struct crit_proc *proc, const struct crit_proc_subject *s,
		       struct crit_buf *out)
{
	static const PstreeEntry none = PSTREE_ENTRY__INIT;
	const PstreeEntry *e = s->p ? s->p->entry : &none;
	uint32_t device = 0, group = UINT32_MAX, flags = 0;

	crit_proc_terminal(&proc->dump, &proc->tables, e->sid, &device, &group);
	if (s->tc && s->tid == s->pid)
		flags = s->tc->flags;
	crit_buf_printf(out, " %" PRIu32 " %" PRIu32 " %" PRIu32, e->ppid, e->pgid, e->sid);
	crit_buf_printf(out, " %" PRId32 " %" PRId32 " %" PRIu32, (int32_t)device,
			(int32_t)group, flags);
}

static uint32_t policy_of(const struct crit_proc_subject *s)
{
	return s->thread ? s->thread->sched_policy & ~(uint32_t)SCHED_RESET_ON_FORK : 0;
}

/* As top shows it: real-time priorities are below all others. */
static int64_t priority_of(const struct crit_proc_subject *s)
{
	uint32_t policy = policy_of(s);

	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return -1 - (int64_t)s->thread->sched_prio;
	if (policy == SCHED_DEADLINE)
		return -101;
	return 20 + (int64_t)(s->thread ? s->thread->sched_nice : 0);
}

/* Fields 10 to 22: faults, times, priority, threads, start. */
static void add_schedule(struct crit_proc *proc, const struct crit_proc_subject *s,
			 struct crit_buf *out)
{
	size_t threads = s->p ? crit_proc_n_threads(proc, s->pid) : 1;
	int32_t nice = s->thread ? s->thread->sched_nice : 0;

	crit_buf_str(out, " 0 0 0 0 0 0 0 0");
	crit_buf_printf(out, " %" PRId64 " %" PRId32 " %zu 0 0", priority_of(s), nice, threads);
}

/* Fields 23 to 30: sizes and addresses. */
static void add_memory(const struct crit_proc_subject *s, const MmEntry *mm,
		       const struct crit_proc_usage *u, struct crit_buf *out)
{
	uint64_t limit = 0, max;

	crit_proc_limit_of(s, RLIMIT_RSS, &limit, &max);
	crit_buf_printf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64, u->size,
			pages(crit_proc_resident(u)), limit);
	crit_buf_printf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0", mm->mm_start_code,
			mm->mm_end_code, mm->mm_start_stack);
}

/* Fields 31 to 44: signals, and how it is scheduled. */
static void add_signals(const struct crit_proc_subject *s, struct crit_buf *out)
{
	struct crit_proc_signals signals = crit_proc_signals_of(s);
	const uint32_t most = INT32_MAX; /* the first 31, as it always was */

	crit_buf_printf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0 0",
			signals.pending & most, signals.blocked & most, signals.ignored & most,
			signals.caught & most);
	crit_buf_printf(out, " %d 0 %" PRIu32 " %" PRIu32 " 0 0 0",
			s->tid == s->pid ? SIGCHLD : -1, s->thread ? s->thread->sched_prio : 0,
			policy_of(s));
}

/* Fields 45 to 52. */
static void add_layout(const struct crit_proc_subject *s, const MmEntry *mm,
		       struct crit_buf *out)
{
	crit_buf_printf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64, mm->mm_start_data,
			mm->mm_end_data, mm->mm_start_brk);
	crit_buf_printf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, mm->mm_arg_start,
			mm->mm_arg_end, mm->mm_env_start, mm->mm_env_end);
	crit_buf_printf(out, " %" PRIu32 "\n",
			s->tc && s->tid == s->pid ? s->tc->exit_code : 0);
}

int crit_proc_task_stat(struct crit_proc *proc, const struct crit_proc_file *f,
			struct crit_buf *out, struct crit_error *err)
{
	struct crit_proc_subject s = crit_proc_subject(proc, f);
	const MmEntry *mm = layout_of(proc, f->pid);

	(void)err;
	crit_buf_printf(out, "%" PRIu32 " (%.*s) %c", s.tid, CRIT_PROC_COMM_MAX,
			crit_proc_comm_of(&s), crit_proc_state_of(&s));
	add_family(proc, &s, out);
	add_schedule(proc, &s, out);
	add_memory(&s, mm, usage_of(proc, f->pid), out);
	add_signals(&s, out);
	add_layout(&s, mm, out);
	return 0;
}

int crit_proc_statm(struct crit_proc *proc, const struct crit_proc_file *f,
		    struct crit_buf *out, struct crit_error *err)
{
	const struct crit_proc_usage *u = usage_of(proc, f->pid);

	(void)err;
	crit_buf_printf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64, pages(u->size),
			pages(crit_proc_resident(u)), pages(u->file + u->shmem));
	crit_buf_printf(out, " %" PRIu64 " 0 %" PRIu64 " 0\n", pages(u->text),
			pages(u->data + u->stack));
	return 0;
}
