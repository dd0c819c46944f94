/*
 * A worker's queue and thread.
 */
#include "fs/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "fs/commit.h"
#include "fs/soon.h"
#include "fs/write.h"

#define AGAIN_MS 100 /* until what there was no memory for is tried again */

struct cfs_worker {
	pthread_t thread;
	pthread_cond_t posted;
	struct cfs *fs;
	struct cfs_job *first, **last;
	bool running, borrowed;
	bool syncs; /* what is due, between jobs */
	bool stop;
};

/* When is there something to do beside jobs? False: not at all. */
static bool next_due(struct cfs *fs, struct timespec *when)
{
	bool any = cfs_sync_next(fs, when);
	struct timespec again = cfs_in_ms(AGAIN_MS);

	if (fs->n_left && (!any || cfs_earlier(&again, when)))
		*when = again;
	return any || fs->n_left;
}

static void do_due(struct cfs *fs)
{
	cfs_sync_due(fs, false);
	cfs_commit_left(fs);
}

/* Wait for a job, or until something is due. */
static void wait(struct cfs_worker *w)
{
	struct cfs *fs = w->fs;
	struct timespec when;

	if (!w->syncs || !next_due(fs, &when))
		pthread_cond_wait(&w->posted, &fs->lock);
	else if (pthread_cond_timedwait(&w->posted, &fs->lock, &when) == ETIMEDOUT)
		do_due(fs);
}

static void *work(void *arg)
{
	struct cfs_worker *w = arg;
	struct cfs *fs = w->fs;
	struct cfs_job *job;

	cfs_lock(fs);
	for (;;) {
		while ((!w->first || w->borrowed) && !w->stop)
			wait(w);
		job = w->first;
		if (!job)
			break;
		w->first = job->next;
		if (!w->first)
			w->last = &w->first;
		fs->turn++; /* the lock was given away since it was taken */
		w->running = true;
		job->run(fs, job);
		w->running = false;
		if (w->syncs) {
			cfs_changed(fs);
			do_due(fs);
		}
	}
	cfs_unlock(fs);
	return NULL;
}

int cfs_worker_start(struct cfs *fs, bool syncs, struct cfs_worker **out)
{
	struct cfs_worker *w = calloc(1, sizeof(*w));
	pthread_condattr_t monotonic;
	sigset_t all, old;
	int ret;

	if (!w)
		return -ENOMEM;
	w->fs = fs;
	w->syncs = syncs;
	w->last = &w->first;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->posted, &monotonic);
	pthread_condattr_destroy(&monotonic);
	/* signals are the request loop's business */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret) {
		pthread_cond_destroy(&w->posted);
		free(w);
		return -ret;
	}
	*out = w;
	return 0;
}

void cfs_worker_post(struct cfs_worker *w, struct cfs_job *job)
{
	job->next = NULL;
	*w->last = job;
	w->last = &job->next;
	pthread_cond_signal(&w->posted);
}

void cfs_worker_wake(struct cfs_worker *w)
{
	pthread_cond_signal(&w->posted);
}

bool cfs_worker_is_idle(const struct cfs_worker *w)
{
	return !w->running && !w->borrowed;
}

bool cfs_worker_borrow(struct cfs_worker *w)
{
	if (w->first || !cfs_worker_is_idle(w))
		return false;
	w->borrowed = true;
	return true;
}

void cfs_worker_return(struct cfs_worker *w)
{
	w->borrowed = false;
	if (w->first)
		pthread_cond_signal(&w->posted);
}

void cfs_worker_stop(struct cfs *fs, struct cfs_worker *w)
{
	if (!w)
		return;
	cfs_lock(fs);
	w->stop = true;
	pthread_cond_signal(&w->posted);
	cfs_unlock(fs);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->posted);
	free(w);
}
