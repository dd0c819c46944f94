/*
 * Where links lead: the files, directories and namespaces of a process.
 */
#include "decoder/proc/render.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The path of a file; of one that the dump has not there is no link. */
static int put_link(struct crit_proc *proc, uint64_t id, struct crit_buf *out)
{
	struct crit_naming *naming = crit_proc_naming(proc);
	size_t before = out->len;

	if (naming && crit_naming_put(naming, FD_TYPES__REG, id, out))
		return 0;
	out->len = before;
	return -ENOENT;
}

int crit_proc_exe(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		  struct crit_error *err)
{
	struct crit_space *space = crit_proc_memory(proc, f->pid);

	(void)err;
	if (!space)
		return -ENOENT;
	return put_link(proc, crit_space_memory(space)->mm->exe_file_id, out);
}

int crit_proc_cwd(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		  struct crit_error *err)
{
	const FsEntry *fs = crit_proc_fs(proc, f->pid);

	(void)err;
	return fs ? put_link(proc, fs->cwd_id, out) : -ENOENT;
}

int crit_proc_root(struct crit_proc *proc, const struct crit_proc_file *f, struct crit_buf *out,
		   struct crit_error *err)
{
	const FsEntry *fs = crit_proc_fs(proc, f->pid);

	(void)err;
	return fs ? put_link(proc, fs->root_id, out) : -ENOENT;
}

bool crit_proc_has_fs(struct crit_proc *proc, const struct crit_proc_file *f)
{
	return crit_proc_fs(proc, f->pid) != NULL;
}

int crit_proc_fd_link(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	const struct crit_proc_fds *fds = crit_proc_fds(proc, f->pid);
	const struct crit_proc_fd *fd = fds ? crit_proc_fd_find(fds, f->number) : NULL;
	struct crit_naming *naming = crit_proc_naming(proc);

	(void)err;
	if (!fd || !naming)
		return -ENOENT;
	crit_naming_put(naming, fd->type, fd->id, out);
	return 0;
}

/*
 * The number of a namespace in the dump; 0: not known. Those of the children are the same:
 * CRIU dumps no process that has others waiting for its children.
 */
static uint32_t namespace_id(const TaskKobjIdsEntry *ids, const char *name)
{
	static const struct {
		const char *name;
		size_t has, id;
	} kinds[] = {
#define KIND(name, field)                                                                      \
	{name, offsetof(TaskKobjIdsEntry, has_##field), offsetof(TaskKobjIdsEntry, field)}
		KIND("cgroup", cgroup_ns_id), KIND("ipc", ipc_ns_id),
		KIND("mnt", mnt_ns_id),       KIND("net", net_ns_id),
		KIND("pid", pid_ns_id),       KIND("pid_for_children", pid_ns_id),
		KIND("time", time_ns_id),     KIND("time_for_children", time_ns_id),
		KIND("user", user_ns_id),     KIND("uts", uts_ns_id),
#undef KIND
	};
	const char *base = (const char *)ids;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name) &&
		    *(const protobuf_c_boolean *)(base + kinds[i].has))
			return *(const uint32_t *)(base + kinds[i].id);
	return 0;
}

bool crit_proc_has_namespace(struct crit_proc *proc, const struct crit_proc_file *f)
{
	const TaskKobjIdsEntry *ids = crit_proc_ids(proc, f->pid);

	return ids && namespace_id(ids, f->kind->name);
}

int crit_proc_namespace(struct crit_proc *proc, const struct crit_proc_file *f,
			struct crit_buf *out, struct crit_error *err)
{
	const TaskKobjIdsEntry *ids = crit_proc_ids(proc, f->pid);
	const char *name = f->kind->name;
	uint32_t id = ids ? namespace_id(ids, name) : 0;

	(void)err;
	if (!id)
		return -ENOENT;
	crit_buf_add(out, name, strcspn(name, "_"));
	crit_buf_printf(out, ":[%" PRIu32 "]", id);
	return 0;
}
