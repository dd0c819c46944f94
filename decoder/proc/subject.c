/*
 * Who it is, and its signals.
 */
#include "decoder/proc/subject.h"

#include <signal.h>

/* Old dumps have credentials of processes only. */
static const CredsEntry *creds_of(const CoreEntry *core, const CoreEntry *leader)
{
	if (core && core->thread_core && core->thread_core->creds)
		return core->thread_core->creds;
	return leader && leader->thread_core ? leader->thread_core->creds : NULL;
}

struct crit_proc_subject crit_proc_subject(struct crit_proc *proc,
					   const struct crit_proc_file *f)
{
	const CoreEntry *leader = crit_proc_core_entry(proc, f->pid, 0);
	struct crit_proc_subject s = {
		.pid = f->pid,
		.tid = f->tid ? f->tid : f->pid,
		.p = crit_proc_process(proc, f->pid),
		.core = crit_proc_core_entry(proc, f->pid, f->tid),
		.tc = leader ? leader->tc : NULL,
	};

	s.thread = s.core ? s.core->thread_core : NULL;
	s.creds = creds_of(s.core, leader);
	s.zombie = s.tc && crit_task_state_is_dead(s.tc->task_state);
	return s;
}

/* Threads of old dumps have no names: the leader's is what they began with. */
const char *crit_proc_comm_of(const struct crit_proc_subject *s)
{
	if (!s->p)
		return "critfs";
	if (s->thread && s->thread->comm)
		return s->thread->comm;
	return s->tc && s->tc->comm ? s->tc->comm : "?";
}

char crit_proc_state_of(const struct crit_proc_subject *s)
{
	if (!s->p)
		return 'R';
	if (s->zombie)
		return 'Z';
	return s->tc && s->tc->task_state == CRIT_TASK_STOPPED ? 'T' : 'S';
}

bool crit_proc_limit_of(const struct crit_proc_subject *s, unsigned resource, uint64_t *cur,
			uint64_t *max)
{
	const TaskRlimitsEntry *limits = s->tc ? s->tc->rlimits : NULL;

	if (!limits || resource >= limits->n_rlimits)
		return false;
	*cur = limits->rlimits[resource]->cur;
	*max = limits->rlimits[resource]->max;
	return true;
}

static uint64_t bit_of(unsigned signo)
{
	return signo >= 1 && signo <= 64 ? UINT64_C(1) << (signo - 1) : 0;
}

/* The number comes first in a siginfo_t, in the byte order of the machine. */
static uint64_t set_of(const SignalQueueEntry *queue, bool big_endian, size_t *queued)
{
	uint64_t set = 0;
	size_t i;

	for (i = 0; queue && i < queue->n_signals; i++) {
		const ProtobufCBinaryData *info = &queue->signals[i]->siginfo;

		if (info->len < 4)
			continue;
		set |= bit_of(info->data[big_endian ? 3 : 0]);
		++*queued;
	}
	return set;
}

/* The actions are those for signal 1 and so on; there are none for these two. */
static void sort_actions(const TaskCoreEntry *tc, struct crit_proc_signals *out)
{
	unsigned signo = 1;
	size_t i;

	for (i = 0; i < tc->n_sigactions && signo <= 64; i++, signo++) {
		while (signo == SIGKILL || signo == SIGSTOP)
			signo++;
		if (tc->sigactions[i]->sigaction == (uintptr_t)SIG_IGN)
			out->ignored |= bit_of(signo);
		else if (tc->sigactions[i]->sigaction != (uintptr_t)SIG_DFL)
			out->caught |= bit_of(signo);
	}
}

struct crit_proc_signals crit_proc_signals_of(const struct crit_proc_subject *s)
{
	bool big_endian = s->core && s->core->mtype == CORE_ENTRY__MARCH__S390;
	struct crit_proc_signals out = {0};

	if (s->thread)
		out.pending = set_of(s->thread->signals_p, big_endian, &out.queued);
	if (s->thread && s->thread->has_blk_sigset)
		out.blocked = s->thread->blk_sigset;
	if (!s->tc)
		return out;
	out.shared = set_of(s->tc->signals_s, big_endian, &out.queued);
	if (s->tid == s->pid && !(s->thread && s->thread->has_blk_sigset))
		out.blocked = s->tc->blk_sigset;
	sort_actions(s->tc, &out);
	return out;
}
