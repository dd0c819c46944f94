/*
 * Who a process or thread is.
 */
#include "decoder/proc/render.h"

#include <errno.h>

int crit_proc_comm(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		   struct crit_error *err)
{
	const CoreEntry *core = crit_proc_core_entry(proc, f->pid, f->tid);

	(void)err;
	if (!core)
		return -ENOENT;
	if (core->thread_core && core->thread_core->comm)
		crit_buf_str(out, core->thread_core->comm);
	else if (core->tc)
		crit_buf_str(out, core->tc->comm);
	crit_buf_byte(out, '\n');
	return 0;
}
