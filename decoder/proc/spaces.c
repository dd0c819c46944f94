/*
 * Address spaces that are kept.
 */
#include "decoder/proc/spaces.h"

#include <string.h>

static void put_first(struct crit_proc_spaces *s, unsigned i, uint32_t pid,
		      struct crit_space *space)
{
	memmove(s->all + 1, s->all, i * sizeof(*s->all));
	s->all[0].pid = pid;
	s->all[0].space = space;
}

static void add(struct crit_proc_spaces *s, uint32_t pid, struct crit_space *space)
{
	if (s->n == CRIT_PROC_SPACES_MAX)
		crit_space_put(s->all[--s->n].space);
	put_first(s, s->n++, pid, space);
}

struct crit_space *crit_proc_spaces_get(struct crit_proc_spaces *s, struct crit_dump *dump,
					const struct crit_process *p)
{
	uint32_t pid = p->entry->pid;
	struct crit_space *space;
	unsigned i;

	for (i = 0; i < s->n && s->all[i].pid != pid; i++)
		;
	if (i < s->n) {
		space = s->all[i].space;
		put_first(s, i, pid, space);
	} else {
		if (crit_space_open(dump, p, &space, NULL) < 0)
			return NULL;
		add(s, pid, space);
	}
	return crit_space_get(space);
}

void crit_proc_spaces_take(struct crit_proc_spaces *s, struct crit_proc_spaces *from)
{
	unsigned i;

	for (i = from->n; i-- > 0;)
		if (crit_space_is_current(from->all[i].space))
			add(s, from->all[i].pid, crit_space_get(from->all[i].space));
}

void crit_proc_spaces_fini(struct crit_proc_spaces *s)
{
	while (s->n)
		crit_space_put(s->all[--s->n].space);
}
