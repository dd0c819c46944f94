/*
 * The tree of processes, and their images.
 */
#include "decoder/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/grow.h"
#include "decoder/index.h"

#define PSTREE "pstree.img"
#define CORE   "core"

bool crit_task_state_is_dead(uint32_t state)
{
	return state == CRIT_TASK_DEAD || state == CRIT_TASK_ZOMBIE;
}

static int add(struct crit_processes *ps, PstreeEntry *entry, size_t *room)
{
	struct crit_process *all = crit_grow(ps->all, ps->n, room, sizeof(*all));

	if (!all)
		return -ENOMEM;
	ps->all = all;
	ps->all[ps->n++] = (struct crit_process){.entry = entry};
	return 0;
}

static int read_all(struct crit_dump *dump, struct crit_processes *ps, struct crit_error *err)
{
	PstreeEntry *entry;
	struct crit_walk walk;
	size_t room = 0;
	int ret;

	ret = crit_walk_open(dump, PSTREE, &walk, err);
	if (ret < 0)
		return ret;
	while (ret == 0 && (entry = crit_walk_rest(dump, PSTREE, &walk))) {
		ret = add(ps, entry, &room);
		if (ret < 0)
			pstree_entry__free_unpacked(entry, NULL);
	}
	crit_walk_close(&walk);
	return ret < 0 ? crit_fail(err, CRIT_NO_MEMORY, "no memory for its processes") : 0;
}

static int set_parents(struct crit_processes *ps)
{
	struct crit_index by_pid = {0};
	uint64_t at;
	size_t i;
	int ret = 0;

	for (i = 0; i < ps->n && ret == 0; i++)
		ret = crit_index_put(&by_pid, ps->all[i].entry->pid, i, NULL);
	for (i = 0; i < ps->n && ret == 0; i++) {
		uint32_t ppid = ps->all[i].entry->ppid;

		if (ppid && crit_index_find(&by_pid, ppid, &at))
			ps->all[i].parent = &ps->all[at];
	}
	crit_index_fini(&by_pid);
	return ret;
}

/*
 * Who is met twice on the way to its root is in a loop, and becomes a root itself. The
 * depth serves as a mark: which way came by first.
 */
static void cut_loops(struct crit_processes *ps)
{
	struct crit_process *p;
	unsigned way;

	for (way = 1; way <= ps->n; way++) {
		for (p = &ps->all[way - 1]; p && !p->depth; p = p->parent)
			p->depth = way;
		if (p && p->depth == way)
			p->parent = NULL;
	}
}

/* Backwards, so that each comes before those that were there already. */
static void link_children(struct crit_processes *ps)
{
	struct crit_process *p, **list;
	size_t i;

	for (i = ps->n; i-- > 0;) {
		p = &ps->all[i];
		list = p->parent ? &p->parent->child : &ps->root;
		p->sibling = *list;
		*list = p;
	}
	for (p = ps->root; p; p = crit_process_next(p))
		p->depth = p->parent ? p->parent->depth + 1 : 0;
}

int crit_processes_read(struct crit_dump *dump, struct crit_processes *ps,
			struct crit_error *err)
{
	int ret;

	*ps = (struct crit_processes){0};
	ret = read_all(dump, ps, err);
	if (ret == 0 && set_parents(ps) < 0)
		ret = crit_fail(err, CRIT_NO_MEMORY, "no memory for its processes");
	if (ret < 0) {
		crit_processes_fini(ps);
		return ret;
	}
	cut_loops(ps);
	link_children(ps);
	return 0;
}

void crit_processes_fini(struct crit_processes *ps)
{
	size_t i;

	for (i = 0; i < ps->n; i++)
		pstree_entry__free_unpacked(ps->all[i].entry, NULL);
	free(ps->all);
}

struct crit_process *crit_process_next(const struct crit_process *p)
{
	if (p->child)
		return p->child;
	while (p && !p->sibling)
		p = p->parent;
	return p ? p->sibling : NULL;
}

static void *first(struct crit_dump *dump, const struct crit_process *p, const char *kind,
		   char name[CRIT_IMAGE_NAME_MAX], struct crit_error *err)
{
	snprintf(name, CRIT_IMAGE_NAME_MAX, "%s-%u.img", kind, p->entry->pid);
	return crit_dump_first(dump, name, err);
}

/* The core image of a process, if it can be had; nobody is told. */
static CoreEntry *quiet_core(struct crit_dump *dump, const struct crit_process *p)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};

	return first(dump, p, CORE, name, &err);
}

bool crit_process_is_zombie(struct crit_dump *dump, const struct crit_process *p)
{
	CoreEntry *core = quiet_core(dump, p);
	uint32_t state = core && core->tc ? core->tc->task_state : 0;

	core_entry__free_unpacked(core, NULL);
	return crit_task_state_is_dead(state);
}

void *crit_process_first(struct crit_dump *dump, const struct crit_process *p, const char *kind)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};
	void *msg = first(dump, p, kind, name, &err);

	if (!msg && (err.errnum != ENOENT || !crit_process_is_zombie(dump, p)))
		crit_dump_tell(dump, name, &err);
	return msg;
}

CoreEntry *crit_process_core(struct crit_dump *dump, const struct crit_process *p)
{
	return crit_process_first(dump, p, CORE);
}

FsEntry *crit_process_fs(struct crit_dump *dump, const struct crit_process *p)
{
	return crit_process_first(dump, p, "fs");
}

/* Old dumps have them in the core image. */
static TaskKobjIdsEntry *ids_of_core(struct crit_dump *dump, const struct crit_process *p)
{
	CoreEntry *core = quiet_core(dump, p);
	TaskKobjIdsEntry *ids = core ? core->ids : NULL;

	if (ids)
		core->ids = NULL; /* it is the caller's now */
	core_entry__free_unpacked(core, NULL);
	return ids;
}

TaskKobjIdsEntry *crit_process_ids(struct crit_dump *dump, const struct crit_process *p)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};
	TaskKobjIdsEntry *ids = first(dump, p, "ids", name, &err);

	if (!ids && err.errnum == ENOENT)
		ids = ids_of_core(dump, p);
	if (!ids && (err.errnum != ENOENT || !crit_process_is_zombie(dump, p)))
		crit_dump_tell(dump, name, &err);
	return ids;
}
