/*
 * The state of a mount. One thread runs the request loop, one worker commits, another
 * one walks through documents, and the watch looks after what the kernel believes; `lock`
 * guards everything below and every object reached from it. Handlers run with it held, the
 * workers hold it but for the writing of files and the making of documents.
 */
#ifndef CFS_CFS_H
#define CFS_CFS_H

#define FUSE_USE_VERSION 314

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "decoder/buf.h"
#include "fs/draft.h"
#include "fs/node.h"
#include "fs/sandbox.h"

struct cfs_options {
	char *dump;       /* as given; owned */
	char *mountpoint; /* owned */
	char *upper;      /* where changes go, as given; owned, NULL: into the dump */
	int plain;        /* numbers spelled plainly */
	int critdir_visible;
	int read_only;
	int fake;              /* as mount(8) -f: all but mounting */
	int sandbox;           /* see sandbox.h */
	int allow_other;       /* others are let in, as the modes say that they are shown */
	int upgrade;           /* .critfs/img shows images of v1.0 as v1.1 */
	uint64_t scratch_max;  /* of scratch files and drafts, bytes */
	uint64_t unpacked_max; /* of an archive, bytes */
};

struct cfs_burst;
struct cfs_handle;
struct cfs_image;
struct cfs_keeper;
struct cfs_unsynced;
struct cfs_watch;
struct cfs_worker;
struct crit_file;

/* What is kept between reads on a read-only mount, see stateless.h. */
#define CFS_KEPT_MAX 64

struct cfs_kept {
	struct cfs_handle *h; /* owned */
	struct timespec used;
};

/* The process of the thread that asked last, see proc.c. */
struct cfs_caller {
	pid_t thread, process;
	struct timespec when; /* CLOCK_MONOTONIC_COARSE */
};

/* A file whose name somebody was told to look up again, see promise.h. */
#define CFS_RECALLED_MAX 64

struct cfs_recalled {
	struct cfs_ref ref;
	struct timespec when; /* CLOCK_MONOTONIC_COARSE */
};

struct cfs {
	struct cfs_options opt;
	struct fuse_session *session;
	pthread_mutex_t lock;
	uint64_t turn; /* counts how often the lock was taken */
	pid_t asker;   /* who sent the request that is being answered, where that matters */
	struct cfs_caller caller;
	struct crit_dir *dump; /* a reference */
	char *source, *upper;  /* owned: of the dump and what is over it, real paths; or NULL */
	bool archive;          /* the dump is one */
	dev_t dev;             /* of the dump, without what is over it */
	int procfd; /* of the kernel's own /proc, -1 without; .critfs/proc may be mounted over
		       it */
	struct cfs_node_table nodes;
	struct cfs_image **images; /* owned; by number; NULL: it was removed, and is no more */
	size_t n_images, cap_images;
	size_t n_removed;         /* images, since the last look for such, see reap.h */
	size_t n_lost;            /* of those, see cfs_image_lost() */
	struct cfs_image *recent; /* images that are open, latest first */
	unsigned n_open_images;
	struct cfs_handle *handles;         /* all open ones, */
	unsigned n_left;                    /* and how many of them are closed but left */
	struct cfs_kept kept[CFS_KEPT_MAX]; /* latest first */
	unsigned n_kept;
	struct cfs_recalled recalled[CFS_RECALLED_MAX]; /* a ring */
	unsigned n_recalled;                            /* in all */
	uint64_t n_changes;         /* of the dump, through this mount; see cfs_changed() */
	struct cfs_node **memories; /* references: all map_files, by their numbers, for good */
	size_t n_memories, cap_memories;
	struct cfs_unsynced *unsynced;      /* what waits for being synced; owned */
	struct cfs_burst *bursts;           /* images that are changed often; owned */
	struct crit_file *replaced;         /* a reference: what an image was before a commit */
	struct cfs_worker *changes, *reads; /* see worker.h */
	struct cfs_worker *makes;           /* of what takes longest, see made.h */
	struct cfs_watch *watch;            /* see watch.h; NULL before and after */
	struct cfs_store store;             /* of scratch files and drafts */
	struct cfs_sandbox box;             /* before it is entered */
	struct cfs_keeper *keeper;          /* owned; NULL: without a sandbox */
	char *place; /* owned: a directory for temporary files, until the keeper has it; NULL:
			the one of all */
	struct crit_buf text;   /* where texts are rendered to learn their size */
	struct crit_buf read;   /* where bytes are read to be replied */
	struct crit_buf walked; /* likewise, of documents by their worker */
	struct crit_buf errors; /* .critfs/errors */
	atomic_bool stopping;   /* nobody waits for an answer any more */
	bool to_stderr;         /* -f: no syslog */
};

/* How long the kernel may believe names and attributes, seconds. */
#define CFS_TIMEOUT 0.5

static inline void cfs_lock(struct cfs *fs)
{
	pthread_mutex_lock(&fs->lock);
	fs->turn++;
}

static inline void cfs_unlock(struct cfs *fs)
{
	pthread_mutex_unlock(&fs->lock);
}

/* Something in the dump was changed: what was made of it otherwise is old. */
static inline void cfs_changed(struct cfs *fs)
{
	fs->n_changes++;
}

#endif
