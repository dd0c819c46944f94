/*
 * The watch.
 */
#include "fs/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/ids.h"
#include "fs/names.h"
#include "fs/promise.h"
#include "fs/stateless.h"

#define TICK_MS   400 /* between two looks */
#define WATCH_S   60  /* after the last promise */
#define IN_A_TURN 64  /* images that are looked at without letting others in */
#define LATER_S   1
#define DRAIN_MS  20

/* Node ids of an image, as it was, whose attributes are to be forgotten. */
struct notice {
	unsigned serial;
	uint64_t n;      /* slots whose ids are computed */
	uint64_t *nodes; /* owned: others */
	size_t n_nodes;
	struct notice *next;
};

/* A name that is to be forgotten. */
struct lapsed {
	uint64_t parent; /* node id */
	char name[CFS_NAME_SIZE];
	struct lapsed *next;
};

struct later {
	uint64_t ino;
	struct timespec since;
};

struct cfs_watch {
	pthread_t thread;
	pthread_cond_t wake, settled;
	struct timespec promised; /* something, last */
	bool asleep;              /* nothing is promised */
	bool stop;
	unsigned telling;       /* threads that have notices off the list */
	bool naming;            /* names are being told */
	struct notice *notices; /* owned */
	struct lapsed *names;   /* owned */
	struct later *later;    /* owned */
	size_t n_later, cap_later;
};

static time_t seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec - then->tv_sec;
}

/* Attributes only (-1), which waits for nobody. */
static void forget_attributes(struct cfs *fs, uint64_t ino)
{
	fuse_lowlevel_notify_inval_inode(fs->session, ino, -1, 0);
}

static void tell(struct cfs *fs, const struct notice *notice)
{
	uint64_t slot;
	size_t i;

	for (slot = 0; slot < notice->n; slot++)
		forget_attributes(fs, cfs_id_of(notice->serial, slot, CRIT_PART_JSON));
	for (i = 0; i < notice->n_nodes; i++)
		forget_attributes(fs, notice->nodes[i]);
}

static void free_notice(struct notice *notice)
{
	free(notice->nodes);
	free(notice);
}

void cfs_watch_settle(struct cfs *fs)
{
	struct cfs_watch *w = fs->watch;
	struct notice *notice;

	if (!w)
		return;
	while (w->notices) {
		notice = w->notices;
		LL_DELETE(w->notices, notice);
		w->telling++;
		cfs_unlock(fs);
		tell(fs, notice);
		free_notice(notice);
		cfs_lock(fs);
		if (!--w->telling)
			pthread_cond_broadcast(&w->settled);
	}
	while (w->telling)
		pthread_cond_wait(&w->settled, &fs->lock);
}

/* The kernel may have to wait for whoever is at work in the directory. */
static void tell_names(struct cfs *fs)
{
	struct cfs_watch *w = fs->watch;
	struct lapsed *name;

	w->naming = true;
	while (w->names && !w->stop) {
		name = w->names;
		LL_DELETE(w->names, name);
		cfs_unlock(fs);
		fuse_lowlevel_notify_inval_entry(fs->session, name->parent, name->name,
						 strlen(name->name));
		free(name);
		cfs_lock(fs);
	}
	w->naming = false;
}

static void tell_later(struct cfs *fs)
{
	struct cfs_watch *w = fs->watch;
	size_t i, kept = 0, n = w->n_later;
	uint64_t *inos = malloc(n * sizeof(*inos) + 1);

	for (i = 0; i < n; i++) {
		if (inos)
			inos[i] = w->later[i].ino;
		if (seconds_since(&w->later[i].since) <= LATER_S)
			w->later[kept++] = w->later[i];
	}
	w->n_later = kept;
	cfs_unlock(fs);
	for (i = 0; inos && i < n; i++)
		forget_attributes(fs, inos[i]);
	free(inos);
	cfs_lock(fs);
}

static void look_at_images(struct cfs *fs)
{
	size_t i;

	for (i = 0; i < fs->n_images; i++) {
		struct cfs_image *image = fs->images[i];

		/* others lead to the same image */
		if (image->number == i && cfs_promise_holds_any(image))
			cfs_image_check(fs, image);
		if (i % IN_A_TURN == IN_A_TURN - 1) {
			cfs_unlock(fs);
			cfs_lock(fs);
		}
	}
}

static void wait(struct cfs *fs, struct cfs_watch *w)
{
	struct timespec when;

	if (w->notices || w->names)
		return;
	if (!w->n_later && seconds_since(&w->promised) > WATCH_S) {
		w->asleep = true;
		pthread_cond_wait(&w->wake, &fs->lock);
		w->asleep = false;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &when);
	when.tv_nsec += TICK_MS * 1000000L;
	when.tv_sec += when.tv_nsec / 1000000000L;
	when.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&w->wake, &fs->lock, &when);
}

static void *watch(void *arg)
{
	struct cfs *fs = arg;
	struct cfs_watch *w = fs->watch;

	cfs_lock(fs);
	while (!w->stop) {
		wait(fs, w);
		fs->turn++;
		look_at_images(fs);
		cfs_watch_settle(fs);
		tell_names(fs);
		tell_later(fs);
		cfs_stateless_expire(fs);
	}
	cfs_unlock(fs);
	return NULL;
}

int cfs_watch_start(struct cfs *fs)
{
	struct cfs_watch *w = calloc(1, sizeof(*w));
	pthread_condattr_t monotonic;
	sigset_t all, old;
	int ret;

	if (!w)
		return -ENOMEM;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &monotonic);
	pthread_cond_init(&w->settled, &monotonic);
	pthread_condattr_destroy(&monotonic);
	clock_gettime(CLOCK_MONOTONIC_COARSE, &w->promised);
	fs->watch = w;
	/* signals are the request loop's business */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = pthread_create(&w->thread, NULL, watch, fs);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret) {
		fs->watch = NULL;
		free(w);
	}
	return -ret;
}

/* Serve a request, if one comes. */
static void serve_one(struct fuse_session *session)
{
	struct pollfd fd = {.fd = fuse_session_fd(session), .events = POLLIN};
	struct fuse_buf buf = {.mem = NULL};

	if (poll(&fd, 1, DRAIN_MS) > 0 && fuse_session_receive_buf(session, &buf) > 0)
		fuse_session_process_buf(session, &buf);
	free(buf.mem);
}

void cfs_watch_stop(struct cfs *fs)
{
	struct cfs_watch *w = fs->watch;
	struct notice *notice, *next;
	struct lapsed *name, *after;

	if (!w)
		return;
	cfs_lock(fs);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	while (w->naming) {
		cfs_unlock(fs);
		serve_one(fs->session);
		cfs_lock(fs);
	}
	cfs_unlock(fs);
	pthread_join(w->thread, NULL);
	fs->watch = NULL;
	LL_FOREACH_SAFE(w->notices, notice, next)
	free_notice(notice);
	LL_FOREACH_SAFE(w->names, name, after)
	free(name);
	free(w->later);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->settled);
	free(w);
}

void cfs_watch_wake(struct cfs *fs)
{
	struct cfs_watch *w = fs->watch;

	if (!w)
		return;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &w->promised);
	if (w->asleep)
		pthread_cond_signal(&w->wake);
}

/* The ids of the image's entry files that have none that is computed; *out to be freed. */
static size_t list_nodes(struct cfs *fs, const struct cfs_image *image, uint64_t **out)
{
	struct cfs_node *node, *next;
	size_t n = 0, cap = 0;

	*out = NULL;
	HASH_ITER(by_id, fs->nodes.by_id, node, next) {
		if (node->ref.image != image || !node->promised)
			continue;
		if (n == cap) {
			uint64_t *grown = realloc(*out, (cap ? cap * 2 : 64) * sizeof(*grown));

			if (!grown)
				break; /* then they are right when the promise ends */
			cap = cap ? cap * 2 : 64;
			*out = grown;
		}
		(*out)[n++] = node->id;
	}
	return n;
}

/*
 * Whoever has an old version open is told of that, by its node id; who asks by name must
 * not come to that.
 */
static void list_names(struct cfs *fs, const struct cfs_image *image)
{
	struct cfs_handle *h;
	struct lapsed *name;

	DL_FOREACH(fs->handles, h) {
		if (h->kind != CFS_HANDLE_ENTRY || h->ref.image != image ||
		    h->ref.part != CRIT_PART_JSON || h->ref.place.m != CRIT_NO_MSG)
			continue;
		name = calloc(1, sizeof(*name));
		if (!name)
			return;
		name->parent = image->node->id;
		cfs_entry_name(&h->ref, name->name);
		LL_PREPEND(fs->watch->names, name);
	}
}

void cfs_watch_tell_image(struct cfs *fs, struct cfs_image *image, uint64_t n)
{
	struct notice *notice = calloc(1, sizeof(*notice));

	if (!notice || !fs->watch) {
		free(notice);
		return;
	}
	notice->serial = image->serial;
	notice->n = n;
	notice->n_nodes = list_nodes(fs, image, &notice->nodes);
	LL_PREPEND(fs->watch->notices, notice);
	list_names(fs, image);
	pthread_cond_signal(&fs->watch->wake);
}

void cfs_watch_tell_later(struct cfs *fs, uint64_t ino)
{
	struct cfs_watch *w = fs->watch;

	if (!w)
		return;
	if (w->n_later == w->cap_later) {
		size_t cap = w->cap_later ? w->cap_later * 2 : 64;
		struct later *grown = realloc(w->later, cap * sizeof(*grown));

		if (!grown)
			return;
		w->later = grown;
		w->cap_later = cap;
	}
	w->later[w->n_later].ino = ino;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &w->later[w->n_later++].since);
	if (w->asleep)
		pthread_cond_signal(&w->wake);
}
