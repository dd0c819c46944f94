/*
 * Snapshots.
 */
#include "fs/procs.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/soon.h"

#define SNAPSHOT_S 0.25 /* what changes outside is seen then */

struct cfs_procs {
	struct crit_proc *proc; /* owned; NULL: none yet */
	uint64_t changes;       /* of the mount, when it was made */
	struct timespec made;   /* CLOCK_MONOTONIC_COARSE */
	uint32_t pid;           /* of the last one whose address space was opened; 0: none */
};

static bool is_good(const struct cfs *fs, const struct cfs_procs *p)
{
	return p->proc && p->changes == fs->n_changes &&
	       cfs_seconds_since(&p->made) < SNAPSHOT_S;
}

static int renew(const struct cfs_node *dump, struct cfs_procs *p)
{
	struct crit_proc *old = p->proc;
	int ret = crit_proc_new(dump->dir, &p->proc, NULL);

	if (ret < 0)
		p->proc = NULL;
	else if (old)
		crit_proc_inherit(p->proc, old);
	crit_proc_free(old);
	return ret;
}

int cfs_procs_enter(struct cfs *fs, struct cfs_node *dump, struct crit_proc **proc)
{
	struct cfs_procs *p = dump->procs;
	bool good;
	int ret = 0;

	if (!p)
		p = dump->procs = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	good = is_good(fs, p);
	if (!good) {
		/* what changes while it is made makes it old */
		p->changes = fs->n_changes;
		p->pid = 0;
		clock_gettime(CLOCK_MONOTONIC_COARSE, &p->made);
	}
	cfs_node_ref(dump);
	cfs_unlock(fs);
	if (!good)
		ret = renew(dump, p);
	*proc = p->proc;
	if (ret < 0)
		cfs_procs_leave(fs, dump);
	return ret;
}

void cfs_procs_leave(struct cfs *fs, struct cfs_node *dump)
{
	cfs_lock(fs);
	cfs_node_unref(&fs->nodes, dump);
}

void cfs_procs_note(struct cfs_node *dump, uint32_t pid)
{
	dump->procs->pid = pid;
}

bool cfs_procs_is_at_hand(const struct cfs *fs, const struct cfs_node *dump, uint32_t pid)
{
	return dump->procs && dump->procs->pid == pid && is_good(fs, dump->procs);
}

void cfs_procs_free(struct cfs_procs *procs)
{
	if (!procs)
		return;
	crit_proc_free(procs->proc);
	free(procs);
}
