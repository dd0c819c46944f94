/*
 * Single facts of a process or thread.
 */
#include <errno.h>
#include <inttypes.h>

#include "decoder/proc/render.h"
#include "decoder/proc/subject.h"

int crit_proc_comm(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		   struct crit_error *err)
{
	struct crit_proc_subject s = crit_proc_subject(proc, f);

	(void)err;
	crit_buf_printf(out, "%.*s\n", CRIT_PROC_COMM_MAX, crit_proc_comm_of(&s));
	return 0;
}

/* Whose children they are of a process' threads is not known: they are its leader's. */
int crit_proc_children(struct crit_proc *proc, const struct crit_proc_file *f,
		       struct crit_buf *out, struct crit_error *err)
{
	const struct crit_process *p = crit_proc_process(proc, f->pid);

	(void)err;
	if (!p || f->tid != f->pid)
		return 0;
	for (p = p->child; p; p = p->sibling)
		crit_buf_printf(out, "%" PRIu32 " ", p->entry->pid);
	return 0;
}

/* No dump knows it. Readers who found it once where they run expect it everywhere. */
int crit_proc_io(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		 struct crit_error *err)
{
	static const char *const names[] = {"rchar",
					    "wchar",
					    "syscr",
					    "syscw",
					    "read_bytes",
					    "write_bytes",
					    "cancelled_write_bytes"};
	size_t i;

	(void)proc;
	(void)f;
	(void)err;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		crit_buf_printf(out, "%s: 0\n", names[i]);
	return 0;
}

bool crit_proc_has_personality(struct crit_proc *proc, const struct crit_proc_file *f)
{
	return crit_proc_subject(proc, f).tc != NULL;
}

int crit_proc_personality(struct crit_proc *proc, const struct crit_proc_file *f,
			  struct crit_buf *out, struct crit_error *err)
{
	const TaskCoreEntry *tc = crit_proc_subject(proc, f).tc;

	(void)err;
	if (!tc)
		return -ENOENT;
	crit_buf_printf(out, "%08" PRIx32 "\n", tc->personality);
	return 0;
}

bool crit_proc_has_loginuid(struct crit_proc *proc, const struct crit_proc_file *f)
{
	const TaskCoreEntry *tc = crit_proc_subject(proc, f).tc;

	return tc && tc->has_loginuid;
}

int crit_proc_loginuid(struct crit_proc *proc, const struct crit_proc_file *f,
		       struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	if (!crit_proc_has_loginuid(proc, f))
		return -ENOENT;
	crit_buf_printf(out, "%" PRIu32, crit_proc_subject(proc, f).tc->loginuid);
	return 0;
}

bool crit_proc_has_oom_score_adj(struct crit_proc *proc, const struct crit_proc_file *f)
{
	const TaskCoreEntry *tc = crit_proc_subject(proc, f).tc;

	return tc && tc->has_oom_score_adj;
}

int crit_proc_oom_score_adj(struct crit_proc *proc, const struct crit_proc_file *f,
			    struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	if (!crit_proc_has_oom_score_adj(proc, f))
		return -ENOENT;
	crit_buf_printf(out, "%" PRId32 "\n", crit_proc_subject(proc, f).tc->oom_score_adj);
	return 0;
}

bool crit_proc_has_label(struct crit_proc *proc, const struct crit_proc_file *f)
{
	const CredsEntry *creds = crit_proc_subject(proc, f).creds;

	return creds && creds->lsm_profile;
}

/* SELinux' labels end without a newline. */
int crit_proc_label(struct crit_proc *proc, const struct crit_proc_file *f,
		    struct crit_buf *out, struct crit_error *err)
{
	const InventoryEntry *inventory = crit_proc_inventory(proc);

	(void)err;
	if (!crit_proc_has_label(proc, f))
		return -ENOENT;
	crit_buf_str(out, crit_proc_subject(proc, f).creds->lsm_profile);
	if (!inventory || inventory->lsmtype != LSMTYPE__SELINUX)
		crit_buf_byte(out, '\n');
	return 0;
}
