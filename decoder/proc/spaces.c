/*
 * Address spaces that are kept.
 */
#include "decoder/proc/spaces.h"

#include <string.h>

/* What is at i, or is new there, becomes the first. */
static void put_first(struct crit_proc_spaces *s, unsigned i, struct crit_proc_kept kept)
{
	memmove(s->all + 1, s->all, i * sizeof(*s->all));
	s->all[0] = kept;
}

static void add(struct crit_proc_spaces *s, struct crit_proc_kept kept)
{
	if (s->n == CRIT_PROC_SPACES_MAX)
		crit_space_put(s->all[--s->n].space);
	put_first(s, s->n++, kept);
}

struct crit_space *crit_proc_spaces_get(struct crit_proc_spaces *s, struct crit_dump *dump,
					const struct crit_process *p)
{
	struct crit_proc_kept kept = {.pid = p->entry->pid};
	unsigned i;

	for (i = 0; i < s->n && s->all[i].pid != kept.pid; i++)
		;
	if (i < s->n)
		put_first(s, i, s->all[i]);
	else if (crit_space_open(dump, p, &kept.space, NULL) == 0)
		add(s, kept);
	else
		return NULL;
	return crit_space_get(s->all[0].space);
}

const struct crit_proc_usage *crit_proc_spaces_usage(struct crit_proc_spaces *s)
{
	struct crit_proc_kept *kept = &s->all[0];

	if (!kept->measured)
		crit_proc_measure(kept->space, &kept->usage);
	kept->measured = true;
	return &kept->usage;
}

void crit_proc_spaces_take(struct crit_proc_spaces *s, struct crit_proc_spaces *from)
{
	unsigned i;

	for (i = from->n; i-- > 0;) {
		if (!crit_space_is_current(from->all[i].space))
			continue;
		crit_space_get(from->all[i].space);
		add(s, from->all[i]);
	}
}

void crit_proc_spaces_fini(struct crit_proc_spaces *s)
{
	while (s->n)
		crit_space_put(s->all[--s->n].space);
}
