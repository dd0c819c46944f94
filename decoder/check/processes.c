/*
 * Processes: who descends from whom, and the images that each needs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "decoder/check/checker.h"
#include "files.pb-c.h"

uint64_t check_core_of(const struct checker *c, uint64_t tid)
{
	uint64_t has = 0;

	return crit_index_find(&c->set[CHECK_CORES], tid, &has) ? has : 0;
}

/* ----------------------------------------------------------------- core images */

static void cgroup(struct checker *c, struct check_at at, const char *what, uint32_t set)
{
	/* not every dump has the groups */
	if (check_exists(c, "cgroup.img") && !check_has(c, CHECK_CGROUPS, set))
		check_error(c, at, "%s: no set in cgroup.img has the id %u", what, set);
}

static void filter(struct checker *c, struct check_at at, const char *what, uint32_t n)
{
	const struct check_image *image = check_find(c, "seccomp.img");

	if (!check_exists(c, "seccomp.img"))
		check_missing(c, "seccomp.img", at);
	else if (image && image->whole && n >= c->n_filters)
		check_error(c, at, "%s: seccomp.img has no filter %u, only %zu", what, n,
			    c->n_filters);
}

static void timers(struct checker *c, struct check_at at, const TaskTimersEntry *timers)
{
	uint64_t pid;
	size_t i;

	for (i = 0; i < timers->n_posix; i++) {
		const PosixTimerEntry *t = timers->posix[i];
		uint32_t tid = (uint32_t)t->notify_thread_id;

		if (!t->has_notify_thread_id || c->unsure[CHECK_THREADS])
			continue;
		if (!crit_index_find(&c->set[CHECK_THREADS], tid, &pid) || pid != at.number)
			check_error(c, at,
				    "tc.timers.posix[%zu].notify_thread_id: the process "
				    "has no thread %u",
				    i, tid);
	}
}

void check_core(struct checker *c, struct check_at at, const void *msg)
{
	const CoreEntry *e = msg;
	const TaskCoreEntry *tc = e->tc;
	const ThreadCoreEntry *thread = e->thread_core;

	if (tc && tc->has_cg_set)
		cgroup(c, at, "tc.cg_set", tc->cg_set);
	if (thread && thread->has_cg_set)
		cgroup(c, at, "thread_core.cg_set", thread->cg_set);
	if (tc && tc->has_old_seccomp_filter && tc->old_seccomp_mode == SECCOMP_MODE__filter)
		filter(c, at, "tc.old_seccomp_filter", tc->old_seccomp_filter);
	if (thread && thread->has_seccomp_filter &&
	    thread->seccomp_mode == SECCOMP_MODE__filter)
		filter(c, at, "thread_core.seccomp_filter", thread->seccomp_filter);
	if (tc && tc->timers)
		timers(c, at, tc->timers);
	if (e->ids && !check_is_zombie(c, at.number))
		check_ids(c, at, e->ids);
}

/* -------------------------------------------------------------- kernel objects */

/* A namespace other than the one that the dump was made in has images. */
static void namespace(struct checker *c, struct check_at at, uint32_t id, uint32_t root,
		      const char *format)
{
	if (id && id != root)
		check_need(c, at, format, id);
}

void check_ids(struct checker *c, struct check_at at, const void *msg)
{
	const TaskKobjIdsEntry *e = msg, *root = c->root_ids;
	uint64_t files_id;

	if (crit_index_find(&c->set[CHECK_TABLES], at.number, &files_id))
		check_need(c, at, "fdinfo-%llu.img", files_id);
	if (!root || !c->ns_per_id)
		return;
	namespace(c, at, e->uts_ns_id, root->uts_ns_id, "utsns-%llu.img");
	namespace(c, at, e->ipc_ns_id, root->ipc_ns_id, "ipcns-var-%llu.img");
	namespace(c, at, e->mnt_ns_id, root->mnt_ns_id, "mountpoints-%llu.img");
	namespace(c, at, e->net_ns_id, root->net_ns_id, "netns-%llu.img");
	namespace(c, at, e->user_ns_id, root->user_ns_id, "userns-%llu.img");
	namespace(c, at, e->time_ns_id, root->time_ns_id, "timens-%llu.img");
}

void check_fs(struct checker *c, struct check_at at, const void *msg)
{
	const FsEntry *e = msg;

	check_file(c, at, FD_TYPES__REG, e->cwd_id, "cwd_id");
	check_file(c, at, FD_TYPES__REG, e->root_id, "root_id");
}

/* ----------------------------------------------------------------- the processes */

/* What is in the core image, or in an image of its own in old dumps. */
static const struct {
	uint64_t has;
	const char *image;
} parts_of_core[] = {
	{CHECK_CORE_IDS, "ids-%llu.img"},
	{CHECK_CORE_CREDS, "creds-%llu.img"},
	{CHECK_CORE_SIGACTIONS, "sigacts-%llu.img"},
	{CHECK_CORE_TIMERS, "itimers-%llu.img"},
	{CHECK_CORE_RLIMITS, "rlimit-%llu.img"},
};

static void images_of(struct checker *c, struct check_at at, uint32_t pid)
{
	uint64_t has = check_core_of(c, pid);
	size_t i;

	check_need(c, at, "mm-%llu.img", pid);
	check_need(c, at, "fs-%llu.img", pid);
	check_need(c, at, "pagemap-%llu.img", pid);
	/* without tc, or damaged, it can't tell what it lacks */
	for (i = 0; i < sizeof(parts_of_core) / sizeof(*parts_of_core); i++)
		if (has & CHECK_CORE_TC && !(has & parts_of_core[i].has))
			check_need(c, at, parts_of_core[i].image, pid);
}

/* The core image of a thread: there, and with what it has to have. */
static void core_image(struct checker *c, struct check_at at, uint32_t tid, uint64_t bit,
		       const char *lacks)
{
	const struct check_image *image;
	char name[CRIT_IMAGE_NAME_MAX];

	snprintf(name, sizeof(name), "core-%u.img", tid);
	image = check_find(c, name);
	if (!image)
		check_missing(c, name, at);
	else if (image->type && image->whole && !(check_core_of(c, tid) & bit))
		check_error(c, check_at(name, 0), "%s", lacks);
}

static void process(struct checker *c, struct check_at at, const void *msg)
{
	const PstreeEntry *p = msg;
	size_t i;

	core_image(c, at, p->pid, CHECK_CORE_TC,
		   "it has no tc, which the image of a process has");
	if (check_is_zombie(c, p->pid))
		return;
	if (!p->n_threads || p->threads[0] != p->pid)
		check_warning(c, at, "its first thread is not %u, the process itself", p->pid);
	for (i = 0; i < p->n_threads; i++)
		core_image(c, at, p->threads[i], CHECK_CORE_THREAD, "it has no thread_core");
	images_of(c, at, p->pid);
}

/* ------------------------------------------------------------------ the tree */

static void ppid(struct checker *c, struct check_tree *tree, size_t i)
{
	struct check_at at = check_at("pstree.img", tree->node[i].entry);
	size_t parent = tree->node[i].parent;
	uint64_t id = tree->node[i].parent_id;

	if (!id) {
		if (i > 0)
			check_error(c, at, "it has no parent (ppid 0), as only the first may");
	} else if (tree->node[i].in_ring) {
		check_error(c, at, "its parent %llu descends from it", (unsigned long long)id);
	} else if (parent == CHECK_NONE) {
		if (!c->unsure[CHECK_PROCESSES])
			check_error(c, at, "no process has its ppid, %llu",
				    (unsigned long long)id);
	} else if (parent > i && !tree->n_rings) {
		check_error(c, at, "its parent %llu comes behind it", (unsigned long long)id);
	}
}

static void descent(struct checker *c, const struct check_image *image)
{
	struct check_tree tree = {.checker = c};
	PstreeEntry *p;
	struct crit_walk walk;
	size_t i;

	if (crit_walk_open(&c->dump, image->name, &walk, NULL) < 0)
		return;
	while ((p = crit_walk_rest(&c->dump, image->name, &walk))) {
		check_tree_add(&tree, walk.n - 1, p->pid, p->ppid);
		pstree_entry__free_unpacked(p, NULL);
	}
	crit_walk_close(&walk);
	check_tree_link(&tree);
	for (i = 0; i < tree.n; i++)
		ppid(c, &tree, i);
	check_tree_fini(&tree);
}

/* Without processes it is a pre-dump, or only some images: then nothing is of a process. */
static void no_pstree(struct checker *c)
{
	size_t i;

	for (i = 0; i < c->n_images; i++) {
		if (check_is(&c->images[i], "CORE") || check_is(&c->images[i], "FILES")) {
			check_missing(c, "pstree.img",
				      check_at(c->images[i].name, CHECK_WHOLE));
			return;
		}
	}
}

/* Images by what they are of, which should be there. */
static const struct {
	const char *type;
	enum check_set set;
	const char *of;
} owners[] = {
	{"CORE", CHECK_THREADS, "thread has the id"},
	{"IDS", CHECK_PROCESSES, "process has the pid"},
	{"MM", CHECK_PROCESSES, "process has the pid"},
	{"FS", CHECK_PROCESSES, "process has the pid"},
	{"PAGEMAP", CHECK_PROCESSES, "process has the pid"},
	{"FDINFO", CHECK_TABLE_IDS, "process has the files_id"},
	{"GHOST_FILE", CHECK_GHOSTS, "entry of remap-fpath.img has the remap_id"},
	{"TCP_STREAM", CHECK_INET, "socket has the inode"},
};

static void owner(struct checker *c, const struct check_image *image)
{
	size_t i;

	if (!strncmp(image->name, "pagemap-shmem-", 14))
		return;
	for (i = 0; i < sizeof(owners) / sizeof(*owners); i++)
		if (check_is(image, owners[i].type) &&
		    !check_has(c, owners[i].set, image->number))
			check_warning(c, check_at(image->name, CHECK_WHOLE),
				      "nothing needs it: no %s %llu", owners[i].of,
				      (unsigned long long)image->number);
}

void check_processes(struct checker *c)
{
	const struct check_image *image = check_find(c, "pstree.img");
	size_t i;

	if (!image) {
		no_pstree(c);
		return;
	}
	if (!image->type)
		return;
	/* first who they are: too many findings of what they need would hide it */
	descent(c, image);
	check_each(c, image, process);
	for (i = 0; i < c->n_images; i++)
		owner(c, &c->images[i]);
}
