/*
 * The machine: of it a dump knows next to nothing.
 */
#include "decoder/proc/render.h"

int crit_proc_version(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	(void)proc;
	(void)f;
	(void)err;
	crit_buf_str(out, "Linux version 0.0.0\n");
	return 0;
}
