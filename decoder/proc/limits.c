/*
 * Limits of resources, and timers.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>

#include "decoder/proc/render.h"
#include "decoder/proc/subject.h"

#define UNLIMITED UINT64_MAX

/* As the kernel numbers and names them. */
static const struct {
	const char *name, *unit;
} resources[] = {
	{"Max cpu time", "seconds"},     {"Max file size", "bytes"},
	{"Max data size", "bytes"},      {"Max stack size", "bytes"},
	{"Max core file size", "bytes"}, {"Max resident set", "bytes"},
	{"Max processes", "processes"},  {"Max open files", "files"},
	{"Max locked memory", "bytes"},  {"Max address space", "bytes"},
	{"Max file locks", "locks"},     {"Max pending signals", "signals"},
	{"Max msgqueue size", "bytes"},  {"Max nice priority", NULL},
	{"Max realtime priority", NULL}, {"Max realtime timeout", "us"},
};

enum { N_RESOURCES = sizeof(resources) / sizeof(*resources) };

bool crit_proc_has_limits(struct crit_proc *proc, const struct crit_proc_file *f)
{
	const TaskCoreEntry *tc = crit_proc_subject(proc, f).tc;

	return tc && tc->rlimits;
}

static void add_limit(struct crit_buf *out, uint64_t limit)
{
	if (limit == UNLIMITED)
		crit_buf_printf(out, "%-20s ", "unlimited");
	else
		crit_buf_printf(out, "%-20" PRIu64 " ", limit);
}

int crit_proc_limits(struct crit_proc *proc, const struct crit_proc_file *f,
		     struct crit_buf *out, struct crit_error *err)
{
	struct crit_proc_subject s = crit_proc_subject(proc, f);
	uint64_t cur, max;
	unsigned i;

	(void)err;
	if (!s.tc || !s.tc->rlimits)
		return -ENOENT;
	crit_buf_printf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit",
			"Units");
	for (i = 0; i < N_RESOURCES && crit_proc_limit_of(&s, i, &cur, &max); i++) {
		crit_buf_printf(out, "%-25s ", resources[i].name);
		add_limit(out, cur);
		add_limit(out, max);
		crit_buf_printf(out, resources[i].unit ? "%-10s\n" : "\n", resources[i].unit);
	}
	return 0;
}

bool crit_proc_has_timers(struct crit_proc *proc, const struct crit_proc_file *f)
{
	const TaskCoreEntry *tc = crit_proc_subject(proc, f).tc;

	return tc && tc->timers;
}

static const char *notify_name(uint32_t notify)
{
	switch (notify & ~(uint32_t)SIGEV_THREAD_ID) {
	case SIGEV_SIGNAL:
		return "signal";
	case SIGEV_NONE:
		return "none";
	case SIGEV_THREAD:
		return "thread";
	default:
		return "?";
	}
}

static void add_timer(const PosixTimerEntry *t, uint32_t pid, struct crit_buf *out)
{
	bool thread = t->it_sigev_notify & SIGEV_THREAD_ID;

	if (thread && t->has_notify_thread_id)
		pid = (uint32_t)t->notify_thread_id;
	crit_buf_printf(out, "ID: %" PRIu32 "\n", t->it_id);
	crit_buf_printf(out, "signal: %" PRIu32 "/%016" PRIx64 "\n", t->si_signo, t->sival_ptr);
	crit_buf_printf(out, "notify: %s/%s.%" PRIu32 "\n", notify_name(t->it_sigev_notify),
			thread ? "tid" : "pid", pid);
	crit_buf_printf(out, "ClockID: %" PRId32 "\n", (int32_t)t->clock_id);
}

int crit_proc_timers(struct crit_proc *proc, const struct crit_proc_file *f,
		     struct crit_buf *out, struct crit_error *err)
{
	const TaskCoreEntry *tc = crit_proc_subject(proc, f).tc;
	size_t i;

	(void)err;
	if (!tc || !tc->timers)
		return -ENOENT;
	for (i = 0; i < tc->timers->n_posix; i++)
		add_timer(tc->timers->posix[i], f->pid, out);
	return 0;
}
