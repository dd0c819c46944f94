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
#include "fs/soon.h"
#include "fs/stateless.h"

#define TICK_MS   400 /* between two looks */
#define WATCH_S   70  /* after the last promise */
#define IN_A_TURN 64  /* images that are looked at without letting others in */
#define LATER_S   2   /* the next second, and what is left of this one */
#define NAMES_MS  50  /* whoever is at work in a directory may wait for who waits for us */
#define DRAIN_MS  20

/* Node ids of an image, as it was, whose attributes are to be forgotten. */
struct notice {
	unsigned serial;
	uint64_t n;      /* slots whose ids are computed */
	uint64_t *nodes; /* owned: others */
	size_t n_nodes;
	struct notice *next;
};

/* Names of entry files, from one slot to before another, that are to be forgotten. */
struct lapsed {
	uint64_t parent; /* node id */
	uint64_t slot, end;
	struct lapsed *next;
};

struct later {
	uint64_t ino;
	uint64_t parent, slot; /* where its name is; 0: it was never promised */
	struct timespec since;
};

struct cfs_watch {
	pthread_t thread;
	pthread_cond_t wake, settled;
	struct timespec promised; /* something, last */
	bool asleep;              /* nothing is promised */
	bool stop;
	unsigned telling;       /* threads that have notices off the list */
	unsigned settling;      /* threads that wait for that */
	bool naming;            /* names are being told */
	struct notice *notices; /* owned */
	struct lapsed *names;   /* owned */
	struct later *later;    /* owned */
	size_t n_later, cap_later;
};

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

static void settle_attributes(struct cfs *fs)
{
	struct cfs_watch *w = fs->watch;
	struct notice *notice;

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

void cfs_watch_settle(struct cfs *fs)
{
	struct cfs_watch *w = fs->watch;
	struct timespec when;

	if (!w || w->stop || (!w->notices && !w->telling && !w->names && !w->naming))
		return;
	w->settling++;
	settle_attributes(fs);
	when = cfs_in_ms(NAMES_MS);
	while ((w->names || w->naming) && !w->stop &&
	       pthread_cond_timedwait(&w->settled, &fs->lock, &when) != ETIMEDOUT)
		;
	w->settling--;
	fs->turn++;
}

/* The next name; and forget that it is to be told. */
static uint64_t take_name(struct cfs_watch *w, char *out)
{
	struct lapsed *name = w->names;
	uint64_t parent = name->parent;

	cfs_name_format(out, name->slot++, CRIT_PART_JSON);
	if (name->slot >= name->end) {
		LL_DELETE(w->names, name);
		free(name);
	}
	return parent;
}

/* The kernel may have to wait for whoever is at work in the directory. */
static void tell_names(struct cfs *fs)
{
	struct cfs_watch *w = fs->watch;
	char name[CFS_NAME_SIZE];
	uint64_t parent;

	w->naming = true;
	while (w->names && !w->stop) {
		parent = take_name(w, name);
		cfs_unlock(fs);
		fuse_lowlevel_notify_inval_entry(fs->session, parent, name, strlen(name));
		cfs_lock(fs);
	}
	w->naming = false;
	pthread_cond_broadcast(&w->settled);
}

static void add_names(struct cfs_watch *w, uint64_t parent, uint64_t slot, uint64_t end)
{
	struct lapsed *name = slot < end ? calloc(1, sizeof(*name)) : NULL;

	if (!name)
		return;
	*name = (struct lapsed){.parent = parent, .slot = slot, .end = end};
	LL_PREPEND(w->names, name);
}

/* Takes over `nodes`. */
static void add_notice(struct cfs_watch *w, unsigned serial, uint64_t n, uint64_t *nodes,
		       size_t n_nodes)
{
	struct notice *notice = calloc(1, sizeof(*notice));

	if (!notice) {
		free(nodes);
		return;
	}
	*notice = (struct notice){.serial = serial, .n = n, .nodes = nodes, .n_nodes = n_nodes};
	LL_PREPEND(w->notices, notice);
}

static void tell_later(struct cfs *fs)
{
	struct cfs_watch *w = fs->watch;
	size_t i, kept = 0, n = w->n_later;
	uint64_t *inos = n ? malloc(n * sizeof(*inos)) : NULL;

	for (i = 0; i < n; i++) {
		struct later later = w->later[i];

		if (inos)
			inos[i] = later.ino;
		if (later.parent && cfs_handle_of_entry(fs, later.ino))
			add_names(w, later.parent, later.slot, later.slot + 1);
		if (cfs_seconds_since(&later.since) <= LATER_S)
			w->later[kept++] = later;
	}
	w->n_later = kept;
	if (inos)
		add_notice(w, 0, 0, inos, n);
}

static void look_at_images(struct cfs *fs)
{
	size_t i;

	for (i = 0; i < fs->n_images; i++) {
		struct cfs_image *image = fs->images[i];

		/* others lead to the same image */
		if (image && image->number == i && cfs_promise_holds_any(image))
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
	if (!w->n_later && !fs->n_kept && cfs_seconds_since(&w->promised) > WATCH_S) {
		w->asleep = true;
		pthread_cond_wait(&w->wake, &fs->lock);
		w->asleep = false;
		return;
	}
	when = cfs_in_ms(TICK_MS);
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
		tell_later(fs);
		settle_attributes(fs);
		tell_names(fs);
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
	pthread_cond_broadcast(&w->settled);
	while (w->naming || w->telling || w->settling) {
		cfs_unlock(fs);
		serve_one(fs->session);
		cfs_lock(fs);
	}
	cfs_unlock(fs);
	pthread_join(w->thread, NULL);
	cfs_lock(fs);
	fs->watch = NULL;
	cfs_unlock(fs);
	LL_FOREACH_SAFE(w->notices, notice, next)
	{
		free_notice(notice);
	}
	LL_FOREACH_SAFE(w->names, name, after)
	{
		free(name);
	}
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
 * not come to that. Of all names, where the kernel does not tell of opens: who reads an
 * old version can't be sent back then.
 */
static void list_names(struct cfs *fs, const struct cfs_image *image)
{
	struct cfs_handle *h;

	if (fs->opt.read_only) {
		add_names(fs->watch, image->node->id, 0, image->n_promised);
		return;
	}
	DL_FOREACH(fs->handles, h) {
		if (h->kind != CFS_HANDLE_ENTRY || h->ref.image != image ||
		    h->ref.part != CRIT_PART_JSON || h->ref.place.m != CRIT_NO_MSG)
			continue;
		add_names(fs->watch, image->node->id, h->ref.place.n, h->ref.place.n + 1);
	}
}

void cfs_watch_tell_image(struct cfs *fs, struct cfs_image *image, bool names)
{
	uint64_t *nodes;
	size_t n;

	if (!fs->watch)
		return;
	n = list_nodes(fs, image, &nodes);
	add_notice(fs->watch, image->serial, image->n_promised, nodes, n);
	if (names)
		list_names(fs, image);
	pthread_cond_signal(&fs->watch->wake);
}

void cfs_watch_tell_later(struct cfs *fs, const struct cfs_ref *ref, uint64_t ino)
{
	struct cfs_watch *w = fs->watch;
	uint64_t *now;

	if (!w)
		return;
	now = malloc(sizeof(*now));
	if (now) {
		*now = ino;
		add_notice(w, 0, 0, now, 1);
	}
	if (w->n_later == w->cap_later) {
		size_t cap = w->cap_later ? w->cap_later * 2 : 64;
		struct later *grown = realloc(w->later, cap * sizeof(*grown));

		if (!grown)
			return;
		w->later = grown;
		w->cap_later = cap;
	}
	w->later[w->n_later] = (struct later){.ino = ino};
	if (ref->part == CRIT_PART_JSON && ref->place.m == CRIT_NO_MSG) {
		w->later[w->n_later].parent = cfs_entry_container(ref);
		w->later[w->n_later].slot = ref->place.n;
	}
	clock_gettime(CLOCK_MONOTONIC_COARSE, &w->later[w->n_later++].since);
	if (w->asleep)
		pthread_cond_signal(&w->wake);
}
