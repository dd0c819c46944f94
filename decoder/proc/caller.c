/*
 * The process that asks. Readers of proc want to find themselves there.
 */
#include <errno.h>
#include <inttypes.h>

#include "decoder/proc/render.h"

int crit_proc_self(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		   struct crit_error *err)
{
	(void)f;
	(void)err;
	if (!proc->caller)
		return -ENOENT;
	crit_buf_printf(out, "%" PRIu32, proc->caller);
	return 0;
}

int crit_proc_thread_self(struct crit_proc *proc, const struct crit_proc_file *f,
			  struct crit_buf *out, struct crit_error *err)
{
	(void)f;
	(void)err;
	if (!proc->caller)
		return -ENOENT;
	crit_buf_printf(out, "%" PRIu32 "/task/%" PRIu32, proc->caller, proc->caller);
	return 0;
}

int crit_proc_to_mounts(struct crit_proc *proc, const struct crit_proc_file *f,
			struct crit_buf *out, struct crit_error *err)
{
	(void)proc;
	(void)f;
	(void)err;
	crit_buf_str(out, "self/mounts");
	return 0;
}

int crit_proc_to_net(struct crit_proc *proc, const struct crit_proc_file *f,
		     struct crit_buf *out, struct crit_error *err)
{
	(void)proc;
	(void)f;
	(void)err;
	crit_buf_str(out, "self/net");
	return 0;
}
