/*
 * The control groups of a thread, as it sees them (cgroup.img).
 */
#include "decoder/proc/render.h"

#include <errno.h>
#include <inttypes.h>

#include "decoder/proc/escape.h"

static const CgroupEntry *all_groups(struct crit_proc *proc)
{
	struct crit_error err;

	if (!proc->cgroup_read)
		proc->cgroup = crit_dump_first(&proc->dump, "cgroup.img", &err);
	proc->cgroup_read = true;
	return proc->cgroup;
}

static bool set_of(const CoreEntry *core, uint32_t *id)
{
	const ThreadCoreEntry *thread = core ? core->thread_core : NULL;
	const TaskCoreEntry *task = core ? core->tc : NULL;

	if (thread && thread->has_cg_set)
		*id = thread->cg_set;
	else if (task && task->has_cg_set)
		*id = task->cg_set;
	else
		return false;
	return true;
}

/* In old dumps only the process has one. */
static const CgSetEntry *find_set(struct crit_proc *proc, const struct crit_proc_file *f)
{
	const CgroupEntry *cgroup = all_groups(proc);
	uint32_t id;
	size_t i;

	if (!cgroup || (!set_of(crit_proc_core_entry(proc, f->pid, f->tid), &id) &&
			!set_of(crit_proc_core_entry(proc, f->pid, 0), &id)))
		return NULL;
	for (i = 0; i < cgroup->n_sets; i++)
		if (cgroup->sets[i]->id == id)
			return cgroup->sets[i];
	return NULL;
}

bool crit_proc_has_cgroup(struct crit_proc *proc, const struct crit_proc_file *f)
{
	return find_set(proc, f) != NULL;
}

/* From the root of its namespace. */
static const char *path_inside(const CgMemberEntry *member)
{
	size_t len = strlen(member->path);

	if (!member->has_cgns_prefix || member->cgns_prefix > len)
		return member->path;
	return member->cgns_prefix == len ? "/" : member->path + member->cgns_prefix;
}

/*
 * The unified hierarchy is the last one and has the number 0. The numbers of others are not
 * in the dump; the kernel's fall from line to line.
 */
int crit_proc_cgroup(struct crit_proc *proc, const struct crit_proc_file *f,
		     struct crit_buf *out, struct crit_error *err)
{
	const CgSetEntry *set = find_set(proc, f);
	const CgMemberEntry *unified = NULL;
	size_t i, number = 0;

	(void)err;
	if (!set)
		return -ENOENT;
	for (i = 0; i < set->n_ctls; i++)
		number += *set->ctls[i]->name != 0;
	for (i = set->n_ctls; i-- > 0;) {
		const CgMemberEntry *member = set->ctls[i];

		if (!*member->name) {
			unified = member;
			continue;
		}
		crit_buf_printf(out, "%zu:%s:", number--, member->name);
		crit_proc_escape(out, path_inside(member), strlen(path_inside(member)), "\n");
		crit_buf_byte(out, '\n');
	}
	if (unified) {
		crit_buf_str(out, "0::");
		crit_proc_escape(out, path_inside(unified), strlen(path_inside(unified)), "\n");
		crit_buf_byte(out, '\n');
	}
	return 0;
}
