/*
 * The process that asks. Readers of proc want to find themselves there.
 */
#include "decoder/proc/render.h"

#include <inttypes.h>
#include <stdio.h>

int crit_proc_self(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		   struct crit_error *err)
{
	char text[16];

	(void)f;
	(void)err;
	snprintf(text, sizeof(text), "%" PRIu32, proc->caller);
	crit_buf_str(out, text);
	return 0;
}
