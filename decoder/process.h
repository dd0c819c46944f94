/*
 * The processes of a dump: who they are and whose children (pstree.img), and what
 * each has in images of its own. A zombie has no more than its core image.
 */
#ifndef CRIT_PROCESS_H
#define CRIT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/dump.h"
#include "processes.pb-c.h"

struct crit_process {
	PstreeEntry *entry; /* owned; pids are those in the dump's pid namespace */

	/* the tree; all borrowed. Roots are siblings, too. */
	struct crit_process *parent, *child, *sibling;
	unsigned depth; /* 0 for a root */
};

struct crit_processes {
	struct crit_process *all; /* owned, as they stand in pstree.img */
	size_t n;
	struct crit_process *root; /* the first one, NULL without processes */
};

/*
 * Read pstree.img. A process whose parent is not in the dump is a root; where
 * processes are each other's ancestors, one of them is made a root. 0, -ENOENT if
 * there is no such image (as after a pre-dump), -errno; entries that can't be read are
 * told and left out.
 */
int crit_processes_read(struct crit_dump *dump, struct crit_processes *ps,
			struct crit_error *err);
void crit_processes_fini(struct crit_processes *ps);

/* The process behind `p` in the order parent, first child, its children, second child. */
struct crit_process *crit_process_next(const struct crit_process *p);

/*
 * What a process has in its own images. NULL if it can't be had, of which the listener
 * was told, but if the process is a zombie, which has none but the core. To be freed
 * with protobuf_c_message_free_unpacked().
 */
CoreEntry *crit_process_core(struct crit_dump *dump, const struct crit_process *p);
TaskKobjIdsEntry *crit_process_ids(struct crit_dump *dump, const struct crit_process *p);
FsEntry *crit_process_fs(struct crit_dump *dump, const struct crit_process *p);

/* Any of these, by what its name begins with: "mm" of mm-<pid>.img. */
void *crit_process_first(struct crit_dump *dump, const struct crit_process *p,
			 const char *kind);

/* task_core_entry.task_state. */
enum crit_task_state {
	CRIT_TASK_ALIVE = 1,
	CRIT_TASK_DEAD = 2, /* what old dumps say of a zombie */
	CRIT_TASK_STOPPED = 3,
	CRIT_TASK_ZOMBIE = 6,
};

bool crit_task_state_is_dead(uint32_t state);

/* Does its core image say so? false where it can't be read; nobody is told. */
bool crit_process_is_zombie(struct crit_dump *dump, const struct crit_process *p);

#endif
