/*
 * Reading tty-info.img and seccomp.img.
 */
#include "decoder/proc/tables.h"

#include <stdlib.h>
#include <sys/sysmacros.h>

#include "security.pb-c.h"
#include "tty.pb-c.h"

enum { MAJOR_ALIAS = 5, MAJOR_PTS = 136 };

/* Aliases of terminals, which no process has as its own. */
#define DEV_TTY  makedev(MAJOR_ALIAS, 0)
#define DEV_PTMX makedev(MAJOR_ALIAS, 2)

void crit_proc_tables_fini(struct crit_proc_tables *tables)
{
	crit_index_fini(&tables->terminals);
	free(tables->filters);
}

/* The slave's device stands for that of a master, which may be all that was open. */
static uint32_t device_of(const TtyInfoEntry *tty)
{
	if (tty->rdev == DEV_PTMX && tty->pty)
		return (uint32_t)makedev(MAJOR_PTS, tty->pty->index);
	return tty->rdev == DEV_TTY || tty->rdev == DEV_PTMX ? 0 : tty->rdev;
}

static void read_terminals(struct crit_dump *dump, struct crit_proc_tables *tables)
{
	static const char name[] = "tty-info.img";
	struct crit_error err = {0};
	struct crit_walk walk;
	TtyInfoEntry *tty;
	uint64_t device;
	int ret = 0;

	if (crit_walk_open(dump, name, &walk, &err) < 0)
		return;
	while (ret == 0 && (tty = crit_walk_rest(dump, name, &walk))) {
		device = device_of(tty);
		if (tty->sid && device)
			ret = crit_index_put(&tables->terminals, tty->sid,
					     device << 32 | tty->pgrp, NULL);
		tty_info_entry__free_unpacked(tty, NULL);
	}
	crit_walk_close(&walk);
}

bool crit_proc_terminal(struct crit_dump *dump, struct crit_proc_tables *tables, uint32_t sid,
			uint32_t *device, uint32_t *group)
{
	uint64_t found;

	if (!tables->terminals_read)
		read_terminals(dump, tables);
	tables->terminals_read = true;
	if (!crit_index_find(&tables->terminals, sid, &found))
		return false;
	*device = (uint32_t)(found >> 32);
	*group = (uint32_t)found;
	return true;
}

/* The one before was dumped before: what says otherwise is no chain. */
static void read_filters(struct crit_dump *dump, struct crit_proc_tables *tables)
{
	struct crit_error err = {0};
	SeccompEntry *all = crit_dump_first(dump, "seccomp.img", &err);
	const SeccompFilter *f;
	size_t i;

	if (all && all->n_seccomp_filters)
		tables->filters = calloc(all->n_seccomp_filters, sizeof(*tables->filters));
	for (i = 0; tables->filters && i < all->n_seccomp_filters; i++) {
		f = all->seccomp_filters[i];
		tables->filters[i] = 1;
		if (f->has_prev && f->prev < i)
			tables->filters[i] += tables->filters[f->prev];
		tables->n_filters = i + 1;
	}
	seccomp_entry__free_unpacked(all, NULL);
}

uint32_t crit_proc_filters(struct crit_dump *dump, struct crit_proc_tables *tables,
			   uint32_t last)
{
	if (!tables->filters_read)
		read_filters(dump, tables);
	tables->filters_read = true;
	return last < tables->n_filters ? tables->filters[last] : 0;
}
