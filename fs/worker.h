/*
 * The worker: slow requests are put in a queue and answered from there, one
 * after the other, so that commits of one image come in the order in which they
 * were asked for.
 */
#ifndef CFS_WORKER_H
#define CFS_WORKER_H

#include "fs/cfs.h"

struct cfs_job {
	struct cfs_job *next;
	/* Runs with the lock held, may drop it meanwhile; frees the job. */
	void (*run)(struct cfs *fs, struct cfs_job *job);
};

/* Start the thread; not before the process has become a daemon. -errno */
int cfs_worker_start(struct cfs *fs);

/* Put a job into the queue. With the lock held. */
void cfs_worker_post(struct cfs *fs, struct cfs_job *job);

/* Run what is queued and end the thread. Without the lock. */
void cfs_worker_stop(struct cfs *fs);

#endif
