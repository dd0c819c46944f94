/*
 * How the user and group ids of a user namespace map to those outside.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "decoder/proc/render.h"
#include "namespaces.pb-c.h"

/* What the kernel takes. */
#define EXTENTS_MAX 340

/* NULL: the dump has none, as of the namespace that the dump was made in. */
static UsernsEntry *namespace_of(struct crit_proc *proc, const struct crit_proc_file *f)
{
	const TaskKobjIdsEntry *ids = crit_proc_ids(proc, f->pid);
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};

	if (!ids || !ids->has_user_ns_id)
		return NULL;
	snprintf(name, sizeof(name), "userns-%" PRIu32 ".img", ids->user_ns_id);
	return crit_dump_first(&proc->dump, name, &err);
}

bool crit_proc_has_id_maps(struct crit_proc *proc, const struct crit_proc_file *f)
{
	UsernsEntry *ns = namespace_of(proc, f);

	userns_entry__free_unpacked(ns, NULL);
	return ns != NULL;
}

static void add_map(struct crit_buf *out, UidGidExtent **map, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < EXTENTS_MAX; i++)
		crit_buf_printf(out, "%10" PRIu32 " %10" PRIu32 " %10" PRIu32 "\n",
				map[i]->first, map[i]->lower_first, map[i]->count);
}

int crit_proc_uid_map(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	UsernsEntry *ns = namespace_of(proc, f);

	(void)err;
	if (!ns)
		return -ENOENT;
	add_map(out, ns->uid_map, ns->n_uid_map);
	userns_entry__free_unpacked(ns, NULL);
	return 0;
}

int crit_proc_gid_map(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	UsernsEntry *ns = namespace_of(proc, f);

	(void)err;
	if (!ns)
		return -ENOENT;
	add_map(out, ns->gid_map, ns->n_gid_map);
	userns_entry__free_unpacked(ns, NULL);
	return 0;
}
