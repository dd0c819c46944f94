/*
 * What a dump has: numbers that others refer to, by type of image.
 */
#include <errno.h>
#include <string.h>

#include "bpf.pb-c.h"
#include "cgroup.pb-c.h"
#include "decoder/check/checker.h"
#include "decoder/descriptors.h"
#include "deleted-files.pb-c.h"
#include "files.pb-c.h"
#include "ipc.pb-c.h"
#include "mounts.pb-c.h"
#include "tty.pb-c.h"

#define SET(s) (UINT64_C(1) << (s))
#define FILE_SETS                                                                              \
	(SET(CHECK_FILES) | SET(CHECK_FILE_IDS) | SET(CHECK_PIPES) | SET(CHECK_FIFOS) |        \
	 SET(CHECK_BPFMAPS) | SET(CHECK_UNIX) | SET(CHECK_INET))

bool check_put(struct checker *c, enum check_set set, uint64_t key, uint64_t value,
	       uint64_t *there)
{
	uint64_t before = c->set[set].n;

	if (crit_index_put(&c->set[set], key, value, there) < 0)
		c->error = -ENOMEM;
	return c->set[set].n == before && !c->error;
}

bool check_has(struct checker *c, enum check_set set, uint64_t key)
{
	uint64_t value;

	return crit_index_find(&c->set[set], key, &value) || c->unsure[set];
}

/* ------------------------------------------------------------------ processes */

static void pstree(struct checker *c, struct check_at at, const void *msg)
{
	const PstreeEntry *p = msg;
	uint64_t there;
	size_t i;

	if (check_put(c, CHECK_PROCESSES, p->pid, at.entry, &there)) {
		check_error(c, at, "another process has the pid %u, too: entry %llu", p->pid,
			    (unsigned long long)there);
		return;
	}
	if (check_is_zombie(c, p->pid)) { /* its list of threads may hold anything */
		check_put(c, CHECK_THREADS, p->pid, p->pid, NULL);
		return;
	}
	for (i = 0; i < p->n_threads; i++) {
		if (!check_put(c, CHECK_THREADS, p->threads[i], p->pid, &there))
			continue;
		if (there == p->pid)
			check_error(c, at, "the thread %u is listed twice", p->threads[i]);
		else
			check_error(c, at, "the thread %u is one of process %llu, too",
				    p->threads[i], (unsigned long long)there);
	}
}

static void core(struct checker *c, struct check_at at, const void *msg)
{
	enum { DEAD = 2, ZOMBIE = 6 }; /* task_state */
	const CoreEntry *e = msg;
	const TaskCoreEntry *tc = e->tc;
	uint64_t has = 0;

	if (tc)
		has |= CHECK_CORE_TC;
	if (tc && (tc->task_state == DEAD || tc->task_state == ZOMBIE))
		has |= CHECK_CORE_ZOMBIE;
	if (tc && tc->n_sigactions)
		has |= CHECK_CORE_SIGACTIONS;
	if (tc && tc->timers)
		has |= CHECK_CORE_TIMERS;
	if (tc && tc->rlimits)
		has |= CHECK_CORE_RLIMITS;
	if (e->ids)
		has |= CHECK_CORE_IDS;
	if (e->thread_core)
		has |= CHECK_CORE_THREAD;
	if (e->thread_core && e->thread_core->creds)
		has |= CHECK_CORE_CREDS;
	check_put(c, CHECK_CORES, at.number, has, NULL);
}

static void ids(struct checker *c, const TaskKobjIdsEntry *e, uint64_t pid)
{
	const uint32_t namespaces[] = {e->pid_ns_id,  e->net_ns_id,   e->ipc_ns_id,
				       e->uts_ns_id,  e->mnt_ns_id,   e->user_ns_id,
				       e->time_ns_id, e->cgroup_ns_id};
	uint64_t files_id = c->fdinfo_per_id || !c->has_inventory ? e->files_id : pid;
	size_t i;

	for (i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++)
		if (namespaces[i])
			check_put(c, CHECK_NAMESPACES, namespaces[i], 0, NULL);
	if (!pid)
		return;
	check_put(c, CHECK_TABLES, pid, files_id, NULL);
	check_put(c, CHECK_TABLE_IDS, files_id, pid, NULL);
}

static void ids_image(struct checker *c, struct check_at at, const void *msg)
{
	ids(c, msg, at.number);
}

/* Old dumps have the ids there. */
static void ids_of_core(struct checker *c, struct check_at at, const void *msg)
{
	core(c, at, msg);
	if (((const CoreEntry *)msg)->ids)
		ids(c, ((const CoreEntry *)msg)->ids, at.number);
}

static void cgroups(struct checker *c, struct check_at at, const void *msg)
{
	const CgroupEntry *e = msg;
	size_t i;

	for (i = 0; i < e->n_sets; i++)
		if (check_put(c, CHECK_CGROUPS, e->sets[i]->id, i, NULL))
			check_error(c, at, "sets[%zu]: another set has the id %u, too", i,
				    e->sets[i]->id);
}

static void seccomp(struct checker *c, struct check_at at, const void *msg)
{
	(void)at;
	c->n_filters = ((const SeccompEntry *)msg)->n_seccomp_filters;
}

/* ---------------------------------------------------------------- open files */

/* Its numbers, but for the id. */
static void numbers_of_file(struct checker *c, uint32_t type, uint64_t entry, const void *what)
{
	const UnixSkEntry *usk = what;

	switch (type) {
	case FD_TYPES__PIPE:
		check_put(c, CHECK_PIPES, ((const PipeEntry *)what)->pipe_id, entry, NULL);
		break;
	case FD_TYPES__FIFO:
		check_put(c, CHECK_FIFOS, ((const FifoEntry *)what)->pipe_id, entry, NULL);
		break;
	case FD_TYPES__BPFMAP:
		check_put(c, CHECK_BPFMAPS, ((const BpfmapFileEntry *)what)->map_id, entry,
			  NULL);
		break;
	case FD_TYPES__UNIXSK:
		check_put(c, CHECK_UNIX, usk->ino, entry, NULL);
		break;
	case FD_TYPES__INETSK:
		check_put(c, CHECK_INET, ((const InetSkEntry *)what)->ino, entry, NULL);
		break;
	default:
		break;
	}
}

static void put_file(struct checker *c, struct check_at at, uint32_t type, uint32_t id,
		     const void *what)
{
	uint64_t there;

	check_put(c, CHECK_FILE_IDS, id, type, NULL);
	/* the path of a TUNF is a REG of the same id */
	if (check_put(c, CHECK_FILES, check_pair(type, id), at.entry, &there))
		check_error(c, at, "another file of its type has the id %u, too: entry %llu",
			    id, (unsigned long long)there);
	if (what)
		numbers_of_file(c, type, at.entry, what);
}

static void file(struct checker *c, struct check_at at, const void *msg)
{
	const FileEntry *e = msg;

	put_file(c, at, (uint32_t)e->type, e->id, crit_file_of_entry(e));
}

static void remap(struct checker *c, struct check_at at, const void *msg)
{
	const RemapFilePathEntry *e = msg;

	check_put(c, CHECK_GHOSTS, e->remap_id & ~CHECK_REMAP_GHOST, at.entry, NULL);
}

static void terminal(struct checker *c, struct check_at at, const void *msg)
{
	const TtyInfoEntry *e = msg;

	if (check_put(c, CHECK_TERMINALS, e->id, at.entry, NULL))
		check_error(c, at, "another terminal has the id %u, too", e->id);
}

static void memfd(struct checker *c, struct check_at at, const void *msg)
{
	const MemfdInodeEntry *e = msg;

	if (check_put(c, CHECK_MEMFDS, e->inode_id, at.entry, NULL))
		check_error(c, at, "another file has the inode_id %llu, too",
			    (unsigned long long)e->inode_id);
}

/* The descriptors of a table; who polls is noted, so that what it polls can be looked for. */
static void fdinfo(struct checker *c, struct check_at at, const void *msg)
{
	const FdinfoEntry *e = msg;
	uint32_t table = (uint32_t)at.number;
	uint64_t other;

	if (check_put(c, CHECK_FDS, check_pair(table, e->fd), at.entry, &other))
		check_error(c, at, "descriptor %u is in the table twice, see entry %llu", e->fd,
			    (unsigned long long)other);
	if (e->type != FD_TYPES__EVENTPOLL)
		return;
	if (check_put(c, CHECK_POLLS, e->id, table, &other) && other != table)
		check_put(c, CHECK_SHARED_POLLS, e->id, 0, NULL);
}

/* ---------------------------------------------------------------- namespaces */

static void mount(struct checker *c, struct check_at at, const void *msg)
{
	const MntEntry *e = msg;

	if (check_put(c, CHECK_MOUNTS, e->mnt_id, at.entry, NULL))
		check_error(c, at, "another mount has the mnt_id %u, too", e->mnt_id);
	if (e->shared_id)
		check_put(c, CHECK_GROUPS, e->shared_id, at.entry, NULL);
}

static void netns(struct checker *c, struct check_at at, const void *msg)
{
	(void)msg;
	check_put(c, CHECK_NAMESPACES, at.number, 0, NULL);
}

static void segment(struct checker *c, struct check_at at, const void *msg)
{
	check_put(c, CHECK_SEGMENTS, ((const IpcShmEntry *)msg)->desc->id, at.entry, NULL);
}

/* What is lost if an image of the type is damaged. */
static const struct {
	const char *type;
	check_visit *visit;
	uint64_t sets;
} collectors[] = {
	{"CORE", ids_of_core,
	 SET(CHECK_CORES) | SET(CHECK_TABLES) | SET(CHECK_TABLE_IDS) | SET(CHECK_NAMESPACES)},
	{"PSTREE", pstree, SET(CHECK_PROCESSES) | SET(CHECK_THREADS)},
	{"IDS", ids_image, SET(CHECK_TABLES) | SET(CHECK_TABLE_IDS) | SET(CHECK_NAMESPACES)},
	{"FDINFO", fdinfo, SET(CHECK_FDS) | SET(CHECK_POLLS)},
	{"FILES", file, FILE_SETS},
	{"REMAP_FPATH", remap, SET(CHECK_GHOSTS)},
	{"TTY_INFO", terminal, SET(CHECK_TERMINALS)},
	{"MEMFD_INODE", memfd, SET(CHECK_MEMFDS)},
	{"CGROUP", cgroups, SET(CHECK_CGROUPS)},
	{"SECCOMP", seccomp, 0},
	{"MNTS", mount, SET(CHECK_MOUNTS) | SET(CHECK_GROUPS)},
	{"NETNS", netns, SET(CHECK_NAMESPACES)},
	{"IPCNS_SHM", segment, SET(CHECK_SEGMENTS)},
};

enum { N_COLLECTORS = sizeof(collectors) / sizeof(*collectors) };

static void doubt(struct checker *c, uint64_t sets)
{
	unsigned i;

	for (i = 0; i < CHECK_N_SETS; i++)
		c->unsure[i] |= sets >> i & 1;
}

/* An image of one kind of files, as old dumps have them. */
static void old_files(struct checker *c, const struct check_image *image)
{
	uint32_t type = crit_file_type_of_image(image->name);
	struct check_at at = {.image = image->name};
	ProtobufCMessage *msg;
	struct crit_walk walk;

	if (type == FD_TYPES__UND || crit_walk_open(&c->dump, image->name, &walk, NULL) < 0)
		return;
	while ((msg = crit_walk_rest(&c->dump, image->name, &walk))) {
		at.entry = walk.n - 1;
		put_file(c, at, type, crit_file_id(msg), msg);
		protobuf_c_message_free_unpacked(msg, NULL);
	}
	crit_walk_close(&walk);
}

/* By name: a core image comes before pstree.img. */
void check_collect(struct checker *c)
{
	const struct check_image *image = c->images, *end = c->images + c->n_images;
	const struct crit_type *by_name; /* damaged or not */
	uint32_t kind;
	size_t i;

	if (c->root_ids)
		ids(c, c->root_ids, 0);
	for (; image < end; image++) {
		by_name = crit_type_by_name(image->name);
		if (!by_name)
			continue;
		kind = crit_file_type_of_image(image->name);
		if (kind != FD_TYPES__UND) {
			c->old_kinds |= UINT64_C(1) << kind;
			old_files(c, image);
			if (!image->whole)
				doubt(c, FILE_SETS);
		}
		for (i = 0; i < N_COLLECTORS; i++) {
			if (strcmp(by_name->name, collectors[i].type))
				continue;
			check_each(c, image, collectors[i].visit);
			if (!image->whole)
				doubt(c, collectors[i].sets);
		}
	}
}
