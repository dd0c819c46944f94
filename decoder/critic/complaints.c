/*
 * Complaints.
 */
#include "decoder/critic/complaints.h"

#include <errno.h>
#include <string.h>

#include "decoder/printable.h"

void critic_complain(struct critic_complaints *c, const char *image, const char *text,
		     const char *more)
{
	int len = (int)strlen(c->dir);

	c->any = true;
	if (c->quiet)
		return;
	while (image && len > 1 && c->dir[len - 1] == '/')
		len--;
	crit_say(c->to, "critic: %.*s%s%s: error: %s%s", len, c->dir, image ? "/" : "",
		 image ? image : "", text, more);
}

static void tell(struct crit_listener *l, const char *image, const struct crit_error *err)
{
	critic_complain((struct critic_complaints *)l, image, err->text, "");
}

void critic_complaints_init(struct critic_complaints *c, const char *dir, FILE *to)
{
	*c = (struct critic_complaints){.listener.tell = tell, .dir = dir, .to = to};
}

bool critic_read_processes(struct critic_complaints *c, struct crit_dump *dump,
			   struct crit_processes *ps)
{
	struct crit_error err = {0};

	if (crit_processes_read(dump, ps, &err) == 0)
		return true;
	critic_complain(c, "pstree.img", err.text,
			err.errnum == ENOENT ? "; a pre-dump has none" : "");
	return false;
}
