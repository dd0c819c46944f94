/*
 * The process or thread that a file tells of: what was read of it, side by side.
 */
#ifndef CRIT_PROC_SUBJECT_H
#define CRIT_PROC_SUBJECT_H

#include "decoder/proc/snapshot.h"

/* All borrowed, as the snapshot gives them. */
struct crit_proc_subject {
	uint32_t pid, tid;             /* tid: the pid if it is no thread's file */
	const struct crit_process *p;  /* NULL: the process that asks */
	const CoreEntry *core;         /* NULL: can't be had */
	const TaskCoreEntry *tc;       /* of its leader; likewise */
	const ThreadCoreEntry *thread; /* likewise */
	const CredsEntry *creds;       /* likewise */
	bool zombie;
};

struct crit_proc_subject crit_proc_subject(struct crit_proc *proc,
					   const struct crit_proc_file *f);

/* Its name, of up to CRIT_PROC_COMM_MAX bytes; "?" if it can't be had. */
#define CRIT_PROC_COMM_MAX 64
const char *crit_proc_comm_of(const struct crit_proc_subject *s);

/* R, S, T, Z. Who was dumped while it ran is said to sleep. */
char crit_proc_state_of(const struct crit_proc_subject *s);

/* RLIMIT_*; false if the dump has no such limit. */
bool crit_proc_limit_of(const struct crit_proc_subject *s, unsigned resource, uint64_t *cur,
			uint64_t *max);

/* Signals as sets, bit 0 being signal 1. */
struct crit_proc_signals {
	uint64_t pending, shared, blocked, ignored, caught;
	size_t queued;
};

struct crit_proc_signals crit_proc_signals_of(const struct crit_proc_subject *s);

#endif
