/*
 * What the files of the tree are rendered from: the images of a dump, read when they are
 * first needed. Of processes the last one is kept, since readers ask for one after the other.
 * All that is returned is borrowed and good until another process is asked for.
 */
#ifndef CRIT_PROC_SNAPSHOT_H
#define CRIT_PROC_SNAPSHOT_H

#include "decoder/descriptors.h"
#include "decoder/naming.h"
#include "decoder/proc/fd.h"
#include "decoder/proc/locks.h"
#include "decoder/proc/proc.h"
#include "decoder/proc/tables.h"
#include "decoder/proc/spaces.h"
#include "cgroup.pb-c.h"
#include "inventory.pb-c.h"

struct crit_proc_pid {
	uint32_t pid;
	const struct crit_process *p;
};

/* What was read of a process or thread; NULL where it was not, or is not to be had. */
struct crit_proc_task {
	uint32_t pid, tid;
	bool core_read, ids_read, fs_read, space_read, threads_read;
	CoreEntry *core;
	TaskKobjIdsEntry *ids;
	struct crit_proc_fds fds;
	FsEntry *fs;
	struct crit_space *space;
	uint32_t *threads; /* owned; rising, each once */
	size_t n_threads;
};

/* The text that was rendered last: who opens a file has asked for its size before. */
struct crit_proc_last {
	struct crit_proc_file file; /* kind NULL: none yet */
	uint32_t caller;
	struct crit_buf text;
};

struct crit_proc {
	struct crit_listener listener; /* hears, and forgets: what is missing is not shown */
	struct crit_dump dump;
	struct crit_processes processes;
	struct crit_proc_pid *pids; /* owned; rising, each once */
	size_t n_pids;
	struct crit_files *files;  /* NULL: not asked for yet */
	struct crit_naming naming; /* zeros: likewise */
	struct crit_proc_locks locks;
	CgroupEntry *cgroup; /* NULL: none, or likewise */
	bool cgroup_read;
	InventoryEntry *inventory; /* likewise */
	bool inventory_read;
	struct crit_proc_task process, thread; /* the last ones */
	struct crit_proc_last last;
	struct crit_proc_tables tables;
	uint32_t caller; /* who asks now */
	struct crit_proc_spaces spaces;
};

/* The process with this pid; NULL if there is none. */
const struct crit_process *crit_proc_process(const struct crit_proc *proc, uint32_t pid);

/*
 * The process whose network and mounts a process sees: itself. Who asks and is not in the dump
 * sees those of its first process; 0 if there is none.
 */
uint32_t crit_proc_seen_by(const struct crit_proc *proc, uint32_t pid);

/* The position in `pids` of the first one that is at least `pid`. */
size_t crit_proc_pid_from(const struct crit_proc *proc, uint32_t pid);

/*
 * The threads of a process by number, the leader too; a zombie has no other, whatever its
 * list says. The first one that is at least `tid`; 0 if there is none.
 */
uint32_t crit_proc_thread_from(struct crit_proc *proc, uint32_t pid, uint32_t tid);
size_t crit_proc_n_threads(struct crit_proc *proc, uint32_t pid);

/*
 * The core image of a process (tid 0 or its pid), or of a thread. NULL. What old dumps have
 * elsewhere is in it.
 */
const CoreEntry *crit_proc_core_entry(struct crit_proc *proc, uint32_t pid, uint32_t tid);

/* Of a process; NULL where a dump has none, as of a zombie. */
const TaskKobjIdsEntry *crit_proc_ids(struct crit_proc *proc, uint32_t pid);
const FsEntry *crit_proc_fs(struct crit_proc *proc, uint32_t pid);
struct crit_space *crit_proc_memory(struct crit_proc *proc, uint32_t pid);
const struct crit_proc_usage *crit_proc_usage(struct crit_proc *proc, uint32_t pid);

/* The least number of slots that its table of descriptors can have; 0: it has none. */
uint64_t crit_proc_slots(struct crit_proc *proc, uint32_t pid);

/* The descriptors of a process; NULL if there is no such process. */
const struct crit_proc_fds *crit_proc_fds(struct crit_proc *proc, uint32_t pid);

/* NULL: no memory, or no inventory. */
struct crit_files *crit_proc_files(struct crit_proc *proc);
struct crit_naming *crit_proc_naming(struct crit_proc *proc);
const InventoryEntry *crit_proc_inventory(struct crit_proc *proc);

/* Is it dead, by its core image? */
bool crit_proc_is_zombie(struct crit_proc *proc, uint32_t pid);

#endif
