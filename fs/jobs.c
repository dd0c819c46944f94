/*
 * Requests that the worker answers.
 */
#include "fs/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "decoder/commit.h"
#include "fs/attr.h"
#include "fs/commit.h"
#include "fs/entry.h"
#include "fs/file.h"
#include "fs/scratch.h"
#include "fs/setattr.h"
#include "fs/worker.h"

/*
 * A job of `size` bytes, of which struct cfs_job is the first. NULL after telling
 * whoever waits (`req` may be NULL) that there is no memory.
 */
static void *new_job(fuse_req_t req, size_t size, void (*run)(struct cfs *, struct cfs_job *))
{
	struct cfs_job *job = calloc(1, size);

	if (job)
		job->run = run;
	else if (req)
		fuse_reply_err(req, ENOMEM);
	return job;
}

/* A job that has to do with a handle. */
struct handle_job {
	struct cfs_job job;
	fuse_req_t req; /* NULL: nobody waits */
	struct cfs_handle *h;
	bool sync;
	size_t len; /* of WRITE */
	uint64_t off;
	uint8_t data[];
};

static struct handle_job *new_handle_job(struct cfs_handle *h, fuse_req_t req, size_t len,
					 void (*run)(struct cfs *, struct cfs_job *))
{
	struct handle_job *j = new_job(req, sizeof(*j) + len, run);

	if (!j)
		return NULL;
	j->req = req;
	j->h = h;
	j->len = len;
	cfs_handle_ref(h);
	h->jobs++;
	return j;
}

static void end_handle_job(struct cfs *fs, struct handle_job *j)
{
	j->h->jobs--;
	cfs_handle_unref(fs, j->h);
	free(j);
}

static void run_commit(struct cfs *fs, struct cfs_job *job)
{
	struct handle_job *j = (struct handle_job *)job;
	bool was_dirty = j->h->dirty;
	int ret = cfs_commit_handle(fs, j->h, j->sync);

	/* a flush may have renamed it already, without syncing the directory */
	if (ret == 0 && j->sync && !was_dirty) {
		cfs_unlock(fs);
		ret = crit_sync_directory(j->h->ref.image->node->parent->dirfd);
		cfs_lock(fs);
	}
	if (j->req)
		fuse_reply_err(j->req, -ret);
	end_handle_job(fs, j);
}

void cfs_job_commit(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, bool sync)
{
	struct handle_job *j = new_handle_job(h, req, 0, run_commit);

	if (!j)
		return;
	j->sync = sync;
	cfs_worker_post(fs, &j->job);
}

static void run_write(struct cfs *fs, struct cfs_job *job)
{
	struct handle_job *j = (struct handle_job *)job;

	cfs_file_write(fs, j->req, j->h, j->data, j->len, j->off);
	end_handle_job(fs, j);
}

void cfs_job_write(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, const void *buf,
		   size_t len, uint64_t off)
{
	struct handle_job *j = new_handle_job(h, req, len, run_write);

	if (!j)
		return;
	j->off = off;
	memcpy(j->data, buf, len);
	cfs_worker_post(fs, &j->job);
}

struct truncate_job {
	struct cfs_job job;
	fuse_req_t req;
	fuse_ino_t ino;
	struct cfs_ref ref;
	uint64_t size;
};

static int truncate_entry(struct cfs *fs, const struct cfs_ref *ref, uint64_t size)
{
	struct cfs_draft *d;
	int ret;

	d = cfs_entry_draft(fs, ref, &ret);
	if (!d)
		return ret;
	ret = cfs_draft_truncate(d, size);
	if (ret == 0)
		ret = cfs_commit(fs, ref, ref->image->generation, d, false);
	cfs_draft_put(d);
	return ret;
}

static void run_truncate(struct cfs *fs, struct cfs_job *job)
{
	struct truncate_job *j = (struct truncate_job *)job;
	int ret = truncate_entry(fs, &j->ref, j->size);
	struct stat st;
	double timeout;

	if (ret == 0)
		ret = cfs_attr_open(fs, j->ino, NULL, &st, &timeout);
	if (ret < 0)
		fuse_reply_err(j->req, -ret);
	else
		fuse_reply_attr(j->req, &st, timeout);
	free(j);
}

void cfs_job_truncate(struct cfs *fs, fuse_req_t req, fuse_ino_t ino, const struct cfs_ref *ref,
		      uint64_t size)
{
	struct truncate_job *j = new_job(req, sizeof(*j), run_truncate);

	if (!j)
		return;
	j->req = req;
	j->ino = ino;
	j->ref = *ref;
	j->size = size;
	cfs_worker_post(fs, &j->job);
}

struct rename_job {
	struct cfs_job job;
	fuse_req_t req;
	struct cfs_node *scratch; /* a reference */
	struct cfs_ref ref;
	uint64_t container; /* id of the directory */
	char name[];
};

/*
 * The scratch file is the entry file now. Handles that are still open on it
 * become the entry's; what they wrote since `committed` was is their draft.
 */
static void become_entry(struct cfs *fs, const struct rename_job *j,
			 const struct cfs_draft *committed)
{
	struct cfs_node *node = j->scratch;
	struct cfs_scratch *s = node->scratch;
	struct cfs_node *before = cfs_node_by_name(&fs->nodes, j->container, j->name);
	struct cfs_handle *h;

	cfs_image_release(j->ref.image, node);
	cfs_image_fill(j->ref.image, &j->ref);
	if (before)
		cfs_node_rename(&fs->nodes, before, 0, NULL);
	node->kind = CFS_ENTRY;
	node->ref = j->ref;
	node->scratch = NULL;
	if (cfs_node_rename(&fs->nodes, node, j->container, j->name) < 0)
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	DL_FOREACH(fs->handles, h) {
		if (h->node != node || h->kind != CFS_HANDLE_SCRATCH)
			continue;
		h->kind = CFS_HANDLE_ENTRY;
		h->ref = j->ref;
		h->generation = j->ref.image->generation;
		h->draft = cfs_draft_get(s->contents);
		h->stale = true;
		/* who writes to a shared draft makes it another one */
		h->dirty = h->writable && s->contents != committed;
	}
	cfs_scratch_free(s);
}

static int rename_onto(struct cfs *fs, const struct rename_job *j)
{
	struct cfs_draft *d;
	int ret;

	if (j->scratch->kind != CFS_SCRATCH)
		return -ENOENT;
	d = cfs_draft_get(j->scratch->scratch->contents);
	ret = cfs_commit(fs, &j->ref, j->ref.image->generation, d, false);
	if (ret == 0 && j->scratch->kind == CFS_SCRATCH)
		become_entry(fs, j, d);
	cfs_draft_put(d);
	return ret;
}

static void run_rename(struct cfs *fs, struct cfs_job *job)
{
	struct rename_job *j = (struct rename_job *)job;

	fuse_reply_err(j->req, -rename_onto(fs, j));
	cfs_node_unref(&fs->nodes, j->scratch);
	free(j);
}

void cfs_job_rename(struct cfs *fs, fuse_req_t req, struct cfs_node *scratch,
		    const struct cfs_ref *ref, uint64_t container, const char *name)
{
	struct rename_job *j = new_job(req, sizeof(*j) + strlen(name) + 1, run_rename);

	if (!j)
		return;
	j->req = req;
	j->scratch = scratch;
	cfs_node_ref(scratch);
	j->ref = *ref;
	j->container = container;
	strcpy(j->name, name);
	cfs_worker_post(fs, &j->job);
}

struct sync_job {
	struct cfs_job job;
	fuse_req_t req;
	struct cfs_node *dir; /* a reference; or */
	struct cfs_handle *h; /* a reference, of a file of the dump */
};

static void run_sync(struct cfs *fs, struct cfs_job *job)
{
	struct sync_job *j = (struct sync_job *)job;
	int ret;

	cfs_unlock(fs);
	if (j->h)
		ret = fsync(j->h->fd) < 0 ? -errno : 0;
	else
		ret = crit_sync_directory(j->dir->dirfd);
	cfs_lock(fs);
	fuse_reply_err(j->req, -ret);
	cfs_node_unref(&fs->nodes, j->dir);
	if (j->h)
		cfs_handle_unref(fs, j->h);
	free(j);
}

void cfs_job_sync(struct cfs *fs, fuse_req_t req, struct cfs_node *dir, struct cfs_handle *h)
{
	struct sync_job *j = new_job(req, sizeof(*j), run_sync);

	if (!j)
		return;
	j->req = req;
	j->dir = dir;
	j->h = h;
	if (dir)
		cfs_node_ref(dir);
	if (h)
		cfs_handle_ref(h);
	cfs_worker_post(fs, &j->job);
}

struct setattr_job {
	struct cfs_job job;
	fuse_req_t req;
	fuse_ino_t ino;
	struct cfs_handle *h; /* a reference, or NULL */
	struct stat attr;
	int to_set;
};

static void run_setattr(struct cfs *fs, struct cfs_job *job)
{
	struct setattr_job *j = (struct setattr_job *)job;

	cfs_setattr_now(fs, j->req, j->ino, j->h, &j->attr, j->to_set);
	if (j->h) {
		j->h->jobs--;
		cfs_handle_unref(fs, j->h);
	}
	free(j);
}

void cfs_job_setattr(struct cfs *fs, fuse_req_t req, fuse_ino_t ino, struct cfs_handle *h,
		     const struct stat *attr, int to_set)
{
	struct setattr_job *j = new_job(req, sizeof(*j), run_setattr);

	if (!j)
		return;
	j->req = req;
	j->ino = ino;
	j->h = h;
	j->attr = *attr;
	j->to_set = to_set;
	if (h) {
		cfs_handle_ref(h);
		h->jobs++;
	}
	cfs_worker_post(fs, &j->job);
}
