/*
 * The file status: a line a fact, in the kernel's order. Lines about memory are there if
 * there is any, as in the kernel; those that no dump can tell are left out.
 */
#include <inttypes.h>
#include <sys/resource.h>

#include "decoder/proc/render.h"
#include "decoder/proc/subject.h"

#define GROUPS_MAX 65536 /* what setgroups(2) takes */

/* Line ends and backslashes are escaped, as no other file has them. */
static void add_name(const struct crit_proc_subject *s, struct crit_buf *out)
{
	const char *comm = crit_proc_comm_of(s);
	size_t i;

	crit_buf_str(out, "Name:\t");
	for (i = 0; i < CRIT_PROC_COMM_MAX && comm[i]; i++) {
		if (comm[i] == '\n')
			crit_buf_str(out, "\\n");
		else if (comm[i] == '\\')
			crit_buf_str(out, "\\\\");
		else
			crit_buf_byte(out, (uint8_t)comm[i]);
	}
	crit_buf_byte(out, '\n');
}

static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "R (running)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "S (sleeping)";
	}
}

static void add_credentials(const struct crit_proc_subject *s, uint64_t slots,
			    struct crit_buf *out)
{
	static const CredsEntry none = CREDS_ENTRY__INIT;
	const CredsEntry *c = s->creds ? s->creds : &none;
	size_t i;

	crit_buf_printf(out, "Uid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->fsuid);
	crit_buf_printf(out, "Gid:\t%u\t%u\t%u\t%u\n", c->gid, c->egid, c->sgid, c->fsgid);
	crit_buf_printf(out, "FDSize:\t%" PRIu64 "\nGroups:\t", slots);
	for (i = 0; i < c->n_groups && i < GROUPS_MAX; i++)
		crit_buf_printf(out, "%s%u", i ? " " : "", c->groups[i]);
	crit_buf_str(out, " \n");
}

static void add_identity(struct crit_proc *proc, const struct crit_proc_subject *s,
			 struct crit_buf *out)
{
	static const PstreeEntry none = PSTREE_ENTRY__INIT;
	const PstreeEntry *e = s->p ? s->p->entry : &none;
	const FsEntry *fs = s->zombie ? NULL : crit_proc_fs(proc, s->pid);

	if (fs && fs->has_umask)
		crit_buf_printf(out, "Umask:\t%04o\n", fs->umask);
	crit_buf_printf(out, "State:\t%s\n", state_name(crit_proc_state_of(s)));
	crit_buf_printf(out, "Tgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
			s->pid, s->tid, e->ppid);
	add_credentials(s, s->zombie ? 0 : crit_proc_slots(proc, s->pid), out);
	crit_buf_printf(out, "NStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\nKthread:\t0\n",
			s->pid, s->tid, e->pgid, e->sid);
}

static void add_bytes(struct crit_buf *out, const char *name, uint64_t bytes)
{
	crit_buf_printf(out, "%s:\t%8" PRIu64 " kB\n", name, bytes >> 10);
}

/* The peaks are at least what there is now. */
static void add_memory(struct crit_space *space, const struct crit_proc_usage *u,
		       struct crit_buf *out)
{
	const MmEntry *mm = crit_space_memory(space)->mm;

	add_bytes(out, "VmPeak", u->size);
	add_bytes(out, "VmSize", u->size);
	add_bytes(out, "VmLck", u->locked);
	add_bytes(out, "VmPin", 0);
	add_bytes(out, "VmHWM", crit_proc_resident(u));
	add_bytes(out, "VmRSS", crit_proc_resident(u));
	add_bytes(out, "RssAnon", u->anon);
	add_bytes(out, "RssFile", u->file);
	add_bytes(out, "RssShmem", u->shmem);
	add_bytes(out, "VmData", u->data);
	add_bytes(out, "VmStk", u->stack);
	add_bytes(out, "VmExe", u->text);
	add_bytes(out, "VmLib", u->lib);
	add_bytes(out, "VmPTE", 0);
	add_bytes(out, "VmSwap", 0);
	add_bytes(out, "HugetlbPages", 0);
	crit_buf_printf(out, "CoreDumping:\t0\nTHP_enabled:\t%d\n", !mm->thp_disabled);
}

static void add_signals(struct crit_proc *proc, const struct crit_proc_subject *s,
			struct crit_buf *out)
{
	struct crit_proc_signals signals = crit_proc_signals_of(s);
	size_t threads = s->p ? crit_proc_n_threads(proc, s->pid) : 1;
	uint64_t most = 0, max;

	crit_proc_limit_of(s, RLIMIT_SIGPENDING, &most, &max);
	crit_buf_printf(out, "Threads:\t%zu\nSigQ:\t%zu/%" PRIu64 "\n", threads, signals.queued,
			most);
	crit_buf_printf(out, "SigPnd:\t%016" PRIx64 "\n", signals.pending);
	crit_buf_printf(out, "ShdPnd:\t%016" PRIx64 "\n", signals.shared);
	crit_buf_printf(out, "SigBlk:\t%016" PRIx64 "\n", signals.blocked);
	crit_buf_printf(out, "SigIgn:\t%016" PRIx64 "\n", signals.ignored);
	crit_buf_printf(out, "SigCgt:\t%016" PRIx64 "\n", signals.caught);
}

static void add_capabilities(struct crit_buf *out, const char *name, size_t n,
			     const uint32_t *words)
{
	uint64_t set = n > 0 ? words[0] : 0;

	if (n > 1)
		set |= (uint64_t)words[1] << 32;
	crit_buf_printf(out, "%s:\t%016" PRIx64 "\n", name, set);
}

/* Old dumps say it of the process. */
static void add_seccomp(struct crit_proc *proc, const struct crit_proc_subject *s,
			struct crit_buf *out)
{
	SeccompMode mode = SECCOMP_MODE__disabled;
	uint32_t last = 0, filters = 0;

	if (s->thread && s->thread->has_seccomp_mode) {
		mode = s->thread->seccomp_mode;
		last = s->thread->seccomp_filter;
	} else if (s->tc && s->tc->has_old_seccomp_mode) {
		mode = s->tc->old_seccomp_mode;
		last = s->tc->old_seccomp_filter;
	}
	if (mode == SECCOMP_MODE__filter)
		filters = crit_proc_filters(&proc->dump, &proc->tables, last);
	crit_buf_printf(out, "Seccomp:\t%d\nSeccomp_filters:\t%" PRIu32 "\n", (int)mode,
			filters);
}

static void add_privileges(struct crit_proc *proc, const struct crit_proc_subject *s,
			   struct crit_buf *out)
{
	static const CredsEntry none = CREDS_ENTRY__INIT;
	const CredsEntry *c = s->creds ? s->creds : &none;

	add_capabilities(out, "CapInh", c->n_cap_inh, c->cap_inh);
	add_capabilities(out, "CapPrm", c->n_cap_prm, c->cap_prm);
	add_capabilities(out, "CapEff", c->n_cap_eff, c->cap_eff);
	add_capabilities(out, "CapBnd", c->n_cap_bnd, c->cap_bnd);
	add_capabilities(out, "CapAmb", c->n_cap_amb, c->cap_amb);
	crit_buf_printf(out, "NoNewPrivs:\t%u\n", c->no_new_privs);
	add_seccomp(proc, s, out);
}

int crit_proc_status(struct crit_proc *proc, const struct crit_proc_file *f,
		     struct crit_buf *out, struct crit_error *err)
{
	struct crit_proc_subject s = crit_proc_subject(proc, f);
	const struct crit_proc_usage *usage = s.zombie ? NULL : crit_proc_usage(proc, f->pid);

	(void)err;
	add_name(&s, out);
	add_identity(proc, &s, out);
	if (usage)
		add_memory(crit_proc_memory(proc, f->pid), usage, out);
	add_signals(proc, &s, out);
	add_privileges(proc, &s, out);
	crit_buf_str(out, "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
	return 0;
}
