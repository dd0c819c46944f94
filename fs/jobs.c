/*
 * Requests that the worker answers.
 */
#include "fs/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/overlay.h"
#include "fs/attr.h"
#include "fs/commit.h"
#include "fs/document.h"
#include "fs/entry.h"
#include "fs/file.h"
#include "fs/procfile.h"
#include "fs/reading.h"
#include "fs/setattr.h"
#include "fs/watch.h"
#include "fs/worker.h"
#include "fs/write.h"

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

/* Who does what is to be done with a handle: processes are the other one's. */
static struct cfs_worker *worker_of(const struct cfs *fs, const struct cfs_handle *h)
{
	return h && h->kind == CFS_HANDLE_PROC ? fs->reads : fs->changes;
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
	int ret = j->req ? cfs_commit_handle(fs, j->h, j->sync ? CRIT_SYNC_DIR : CRIT_SYNC_FILE)
			 : cfs_commit_closed(fs, j->h, CRIT_SYNC_FILE);
	struct cfs_image *image = j->h->kind == CFS_HANDLE_SCRATCH ? j->h->node->ref.image
								   : j->h->ref.image;

	/* what was committed before may not be on the disk yet */
	if (ret == 0 && image && j->sync && (!was_dirty || image->unsynced))
		ret = cfs_sync_image(fs, image);
	cfs_watch_settle(fs); /* who asks now must be told what was committed */
	if (j->req)
		fuse_reply_err(j->req, -ret);
	if (!j->req && cfs_commit_is_left(j->h)) {
		cfs_handle_ref(j->h);
		cfs_commit_leave(fs, j->h);
	}
	end_handle_job(fs, j);
}

int cfs_job_commit(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, bool sync)
{
	struct handle_job *j = new_handle_job(h, req, 0, run_commit);

	if (!j) {
		if (req)
			h->refused = -ENOMEM;
		return -ENOMEM;
	}
	j->sync = sync;
	cfs_worker_post(fs->changes, &j->job);
	return 0;
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

	if (!j) {
		cfs_handle_fell_short(h, off, -ENOMEM);
		return;
	}
	j->off = off;
	memcpy(j->data, buf, len);
	cfs_worker_post(worker_of(fs, h), &j->job);
}

struct truncate_job {
	struct cfs_job job;
	fuse_req_t req;
	fuse_ino_t ino;
	struct cfs_ref ref;
	uint64_t generation;
	uint64_t size;
};

static int truncate_entry(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
			  uint64_t size)
{
	struct cfs_draft *d;
	int ret;

	/* a commit of the same document before this is no change from outside */
	if (ref->part == CFS_PART_DOCUMENT)
		generation = ref->image->generation;
	d = cfs_entry_draft(fs, ref, &ret);
	if (!d)
		return ret;
	ret = cfs_draft_truncate(d, size);
	if (ret == 0)
		ret = cfs_commit(fs, ref, generation, d, NULL, CRIT_SYNC_FILE);
	cfs_draft_put(d);
	return ret;
}

static void run_truncate(struct cfs *fs, struct cfs_job *job)
{
	struct truncate_job *j = (struct truncate_job *)job;
	struct cfs_object o = {.is_entry = true, .ref = j->ref};
	int ret = truncate_entry(fs, &j->ref, j->generation, j->size);
	struct stat st;
	double timeout;

	if (ret == 0 && j->ref.part == CFS_PART_DOCUMENT)
		ret = cfs_document_measure(fs, j->ref.image);
	cfs_watch_settle(fs);
	if (ret == 0)
		ret = cfs_attr(fs, j->ino, &o, &st, &timeout);
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
	j->generation = ref->image->generation;
	j->size = size;
	cfs_worker_post(fs->changes, &j->job);
}

struct call_job {
	struct cfs_job job;
	fuse_req_t req;
	int (*fn)(struct cfs *fs, fuse_req_t req, const struct cfs_call *call);
	struct cfs_image *image; /* that it was asked of, NULL: a directory */
	uint64_t generation;
	struct cfs_call call; /* its names follow */
	char names[];
};

static void run_call(struct cfs *fs, struct cfs_job *job)
{
	struct call_job *j = (struct call_job *)job;
	int ret = 0;

	/* names that were given to one image are not meant for another */
	if (j->image && cfs_image_look(fs, j->image) == 0 &&
	    j->image->generation != j->generation)
		ret = -EBUSY;
	if (ret == 0)
		ret = j->fn(fs, j->req, &j->call);
	fuse_reply_err(j->req, -ret);
	free(j);
}

void cfs_job_call(struct cfs *fs, fuse_req_t req,
		  int (*fn)(struct cfs *fs, fuse_req_t req, const struct cfs_call *call),
		  const struct cfs_call *call)
{
	size_t len = strlen(call->name) + 1;
	size_t new_len = call->new_name ? strlen(call->new_name) + 1 : 0;
	struct call_job *j = new_job(req, sizeof(*j) + len + new_len, run_call);
	struct cfs_object o;

	if (!j)
		return;
	j->req = req;
	if (cfs_object_find(fs, call->parent, &o) == 0 && o.ref.image) {
		j->image = o.ref.image;
		j->generation = j->image->generation;
	}
	j->fn = fn;
	j->call = *call;
	j->call.name = strcpy(j->names, call->name);
	if (new_len)
		j->call.new_name = strcpy(j->names + len, call->new_name);
	cfs_worker_post(fs->changes, &j->job);
}

struct sync_job {
	struct cfs_job job;
	fuse_req_t req;
	struct cfs_node *dir;    /* a reference; or */
	struct cfs_image *image; /* or */
	struct cfs_handle *h;    /* a reference, of a file of the dump */
};

static void run_sync(struct cfs *fs, struct cfs_job *job)
{
	struct sync_job *j = (struct sync_job *)job;
	int ret;

	if (j->image) {
		ret = cfs_sync_image(fs, j->image);
	} else if (j->h && j->h->kind == CFS_HANDLE_PROC) {
		ret = cfs_procfile_sync(fs, j->h);
	} else {
		cfs_unlock(fs);
		if (j->h)
			ret = fsync(j->h->file->fd) < 0 ? -errno : 0;
		else
			ret = crit_dir_sync(j->dir->dir);
		cfs_lock(fs);
	}
	fuse_reply_err(j->req, -ret);
	cfs_node_unref(&fs->nodes, j->dir);
	if (j->h)
		cfs_handle_unref(fs, j->h);
	free(j);
}

void cfs_job_sync(struct cfs *fs, fuse_req_t req, struct cfs_node *dir, struct cfs_image *image,
		  struct cfs_handle *h)
{
	struct sync_job *j = new_job(req, sizeof(*j), run_sync);

	if (!j)
		return;
	j->req = req;
	j->dir = dir;
	j->image = image;
	j->h = h;
	if (dir)
		cfs_node_ref(dir);
	if (h)
		cfs_handle_ref(h);
	cfs_worker_post(worker_of(fs, h), &j->job);
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
	struct cfs_image *image = cfs_reading_image_of_attr(fs, j->ino);

	if (image)
		cfs_document_measure(fs, image);
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
	cfs_worker_post(fs->changes, &j->job);
}
