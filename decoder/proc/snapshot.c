/*
 * Reading images for the tree of proc, and keeping the last ones.
 */
#include "decoder/proc/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/core/core.h"
#include "decoder/proc/legacy.h"

static void forget(struct crit_listener *l, const char *image, const struct crit_error *err)
{
	(void)l;
	(void)image;
	(void)err;
}

static int by_pid(const void *a, const void *b)
{
	const struct crit_proc_pid *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	/* of two with one pid the first in the image */
	return x->p < y->p ? -1 : x->p > y->p;
}

static int sort_pids(struct crit_proc *proc)
{
	const struct crit_processes *ps = &proc->processes;
	size_t i, n = 0;

	proc->pids = calloc(ps->n + 1, sizeof(*proc->pids));
	if (!proc->pids)
		return -ENOMEM;
	for (i = 0; i < ps->n; i++)
		proc->pids[i] = (struct crit_proc_pid){ps->all[i].entry->pid, &ps->all[i]};
	qsort(proc->pids, ps->n, sizeof(*proc->pids), by_pid);
	/* each once, and none that is no pid */
	for (i = 0; i < ps->n; i++)
		if (proc->pids[i].pid != (n ? proc->pids[n - 1].pid : 0))
			proc->pids[n++] = proc->pids[i];
	proc->n_pids = n;
	return 0;
}

int crit_proc_new(const struct crit_dir *dir, struct crit_proc **out, struct crit_error *err)
{
	struct crit_proc *proc = calloc(1, sizeof(*proc));
	int ret;

	if (!proc)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for its processes");
	proc->listener.tell = forget;
	proc->dump.listener = &proc->listener;
	proc->dump.dir = crit_dir_get(dir);
	ret = crit_processes_read(&proc->dump, &proc->processes, err);
	/* of a pre-dump, or damaged: there are no processes to show */
	if (ret < 0)
		proc->processes = (struct crit_processes){0};
	ret = sort_pids(proc);
	if (ret < 0) {
		crit_proc_free(proc);
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for its processes");
	}
	*out = proc;
	return 0;
}

void crit_proc_inherit(struct crit_proc *proc, struct crit_proc *from)
{
	crit_proc_spaces_take(&proc->spaces, &from->spaces);
}

static void task_fini(struct crit_proc_task *t)
{
	core_entry__free_unpacked(t->core, NULL);
	task_kobj_ids_entry__free_unpacked(t->ids, NULL);
	fs_entry__free_unpacked(t->fs, NULL);
	crit_proc_fds_fini(&t->fds);
	crit_space_put(t->space);
	free(t->threads);
	*t = (struct crit_proc_task){0};
}

void crit_proc_free(struct crit_proc *proc)
{
	if (!proc)
		return;
	task_fini(&proc->process);
	task_fini(&proc->thread);
	crit_buf_fini(&proc->last.text);
	crit_proc_tables_fini(&proc->tables);
	crit_proc_spaces_fini(&proc->spaces);
	inventory_entry__free_unpacked(proc->inventory, NULL);
	cgroup_entry__free_unpacked(proc->cgroup, NULL);
	crit_naming_fini(&proc->naming);
	crit_proc_locks_fini(&proc->locks);
	crit_files_free(proc->files);
	free(proc->pids);
	crit_processes_fini(&proc->processes);
	crit_dump_close(&proc->dump);
	free(proc);
}

size_t crit_proc_pid_from(const struct crit_proc *proc, uint32_t pid)
{
	size_t low = 0, high = proc->n_pids, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (proc->pids[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct crit_process *crit_proc_process(const struct crit_proc *proc, uint32_t pid)
{
	size_t at = crit_proc_pid_from(proc, pid);

	return at < proc->n_pids && proc->pids[at].pid == pid ? proc->pids[at].p : NULL;
}

uint32_t crit_proc_seen_by(const struct crit_proc *proc, uint32_t pid)
{
	const struct crit_process *root = proc->processes.root;

	if (crit_proc_process(proc, pid))
		return pid;
	return root ? root->entry->pid : 0;
}

/* The process or thread that is asked for, instead of the one before. */
static struct crit_proc_task *turn_to(struct crit_proc_task *t, uint32_t pid, uint32_t tid)
{
	if (t->pid == pid && t->tid == tid)
		return t;
	task_fini(t);
	t->pid = pid;
	t->tid = tid;
	return t;
}

/* What is kept of a process; NULL if there is none. */
static struct crit_proc_task *kept(struct crit_proc *proc, uint32_t pid)
{
	return crit_proc_process(proc, pid) ? turn_to(&proc->process, pid, pid) : NULL;
}

const CoreEntry *crit_proc_core_entry(struct crit_proc *proc, uint32_t pid, uint32_t tid)
{
	const struct crit_process *p = crit_proc_process(proc, pid);
	struct crit_error err = {0};
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_proc_task *t;

	if (!p)
		return NULL;
	if (!tid)
		tid = pid;
	t = turn_to(tid == pid ? &proc->process : &proc->thread, pid, tid);
	if (!t->core_read) {
		snprintf(name, sizeof(name), "core-%u.img", tid);
		t->core = crit_dump_first(&proc->dump, name, &err);
		if (t->core)
			crit_core_add_legacy(&proc->dump, t->core, tid);
		t->core_read = true;
	}
	return t->core;
}

const TaskKobjIdsEntry *crit_proc_ids(struct crit_proc *proc, uint32_t pid)
{
	struct crit_proc_task *t = kept(proc, pid);

	if (t && !t->ids_read) {
		t->ids = crit_process_ids(&proc->dump, crit_proc_process(proc, pid));
		t->ids_read = true;
	}
	return t ? t->ids : NULL;
}

const FsEntry *crit_proc_fs(struct crit_proc *proc, uint32_t pid)
{
	struct crit_proc_task *t = kept(proc, pid);

	if (t && !t->fs_read) {
		t->fs = crit_process_fs(&proc->dump, crit_proc_process(proc, pid));
		t->fs_read = true;
	}
	return t ? t->fs : NULL;
}

struct crit_space *crit_proc_memory(struct crit_proc *proc, uint32_t pid)
{
	struct crit_proc_task *t = kept(proc, pid);

	if (t && !t->space_read) {
		t->space = crit_proc_spaces_get(&proc->spaces, &proc->dump,
						crit_proc_process(proc, pid));
		t->space_read = true;
	}
	return t ? t->space : NULL;
}

const struct crit_proc_usage *crit_proc_usage(struct crit_proc *proc, uint32_t pid)
{
	return crit_proc_memory(proc, pid) ? crit_proc_spaces_usage(&proc->spaces) : NULL;
}

/* A power of two, as the kernel has it. */
uint64_t crit_proc_slots(struct crit_proc *proc, uint32_t pid)
{
	const struct crit_proc_fds *fds = crit_proc_fds(proc, pid);
	uint64_t slots = 64;

	if (!fds || !fds->there)
		return 0;
	while (fds->n && slots <= fds->all[fds->n - 1].fd)
		slots *= 2;
	return slots;
}

const struct crit_proc_fds *crit_proc_fds(struct crit_proc *proc, uint32_t pid)
{
	struct crit_proc_task *t = kept(proc, pid);

	if (t && !t->fds.read)
		crit_proc_fds_read(&proc->dump, crit_proc_process(proc, pid), &t->fds);
	return t ? &t->fds : NULL;
}

struct crit_files *crit_proc_files(struct crit_proc *proc)
{
	if (!proc->files)
		proc->files = crit_files_new(&proc->dump);
	return proc->files;
}

struct crit_naming *crit_proc_naming(struct crit_proc *proc)
{
	struct crit_files *files = crit_proc_files(proc);

	if (files && !proc->naming.files)
		crit_naming_init(&proc->naming, &proc->dump, files);
	return files ? &proc->naming : NULL;
}

const InventoryEntry *crit_proc_inventory(struct crit_proc *proc)
{
	struct crit_error err = {0};

	if (!proc->inventory_read)
		proc->inventory = crit_dump_first(&proc->dump, "inventory.img", &err);
	proc->inventory_read = true;
	return proc->inventory;
}

bool crit_proc_is_zombie(struct crit_proc *proc, uint32_t pid)
{
	const CoreEntry *core = crit_proc_core_entry(proc, pid, pid);

	return core && core->tc && crit_task_state_is_dead(core->tc->task_state);
}

int crit_proc_space(struct crit_proc *proc, uint32_t pid, struct crit_space **out,
		    struct crit_error *err)
{
	struct crit_space *space = crit_proc_memory(proc, pid);

	if (!space)
		return crit_fail_errno(err, ENOENT, "the dump has no memory of it");
	*out = crit_space_get(space);
	return 0;
}

int crit_proc_core(struct crit_proc *proc, uint32_t pid, struct crit_core **out,
		   struct crit_error *err)
{
	const struct crit_process *p = crit_proc_process(proc, pid);
	struct crit_space *space = crit_proc_memory(proc, pid);

	if (!p || !space)
		return crit_fail_errno(err, ENOENT, "the dump has no memory of it");
	return crit_core_new(&proc->dump, p, space, out, err);
}
