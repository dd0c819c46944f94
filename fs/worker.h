/*
 * Workers: slow requests are put in a queue and answered from there, one after the
 * other. There is one for all that changes something, so that commits of one image
 * come in the order in which they were asked for, one for reading, which no commit
 * has to wait for, and one for texts that are made of the whole dump.
 */
#ifndef CFS_WORKER_H
#define CFS_WORKER_H

#include "fs/cfs.h"

struct cfs_job {
	struct cfs_job *next;
	/* Runs with the lock held, may drop it meanwhile; frees the job. */
	void (*run)(struct cfs *fs, struct cfs_job *job);
};

struct cfs_worker;

/*
 * Start a thread, which syncs what is due between its jobs if `syncs`; not before the
 * process has become a daemon. 0 and *out, -errno.
 */
int cfs_worker_start(struct cfs *fs, bool syncs, struct cfs_worker **out);

/* Put a job into the queue. With the lock held. */
void cfs_worker_post(struct cfs_worker *w, struct cfs_job *job);

/* There is something to do that is no job. */
void cfs_worker_wake(struct cfs_worker *w);

/*
 * Is it at no job? Whoever has the lock may do what else is its business then, as long as
 * he keeps it; or beyond that, if he borrows it: it begins no job until it is returned.
 */
bool cfs_worker_is_idle(const struct cfs_worker *w);
bool cfs_worker_borrow(struct cfs_worker *w); /* if it has nothing to do */
void cfs_worker_return(struct cfs_worker *w);

/* Run what is queued, end the thread and free the worker. Without the lock; NULL is fine. */
void cfs_worker_stop(struct cfs *fs, struct cfs_worker *w);

#endif
