/*
 * Where data and holes are.
 */
#include "fs/seek.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "decoder/proc/proc.h"
#include "fs/passed.h"
#include "fs/procfile.h"
#include "fs/scratch.h"
#include "fs/worker.h"

struct seek_job {
	struct cfs_job job;
	fuse_req_t req;
	struct cfs_handle *h; /* a reference */
	off_t off;
	bool data;
};

static void reply(fuse_req_t req, int ret, off_t found)
{
	if (ret < 0)
		fuse_reply_err(req, -ret);
	else
		fuse_reply_lseek(req, found);
}

static void run_seek(struct cfs *fs, struct cfs_job *job)
{
	struct seek_job *j = (struct seek_job *)job;
	off_t found;
	int ret = cfs_procfile_seek(fs, j->h, j->off, j->data, &found);

	reply(j->req, ret, found);
	cfs_handle_unref(fs, j->h);
	free(j);
}

static void post(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, off_t off, bool data)
{
	struct seek_job *j = calloc(1, sizeof(*j));

	if (!j) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*j = (struct seek_job){{.run = run_seek}, req, h, off, data};
	cfs_handle_ref(h);
	cfs_worker_post(fs->reads, &j->job);
}

int cfs_seek_plain(uint64_t size, off_t off, bool data, off_t *found)
{
	if (off < 0 || (uint64_t)off >= size)
		return -ENXIO;
	*found = data ? off : (off_t)size;
	return 0;
}

void cfs_seek(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, off_t off, int whence)
{
	bool data = whence == SEEK_DATA;
	off_t found = 0;
	int ret;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		ret = -EINVAL; /* the kernel does that itself */
	else if (h->kind == CFS_HANDLE_PROC) {
		post(fs, req, h, off, data);
		return;
	} else if (h->kind == CFS_HANDLE_PASSED)
		ret = cfs_passed_seek(h, off, whence, &found);
	else if (h->kind == CFS_HANDLE_SCRATCH && h->node->scratch)
		ret = cfs_seek_plain(cfs_draft_size(h->node->scratch->contents), off, data,
				     &found);
	else
		ret = cfs_seek_plain(cfs_handle_size(h), off, data, &found);
	reply(req, ret, found);
}

void cfs_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		  struct fuse_file_info *fi)
{
	struct cfs *fs = fuse_req_userdata(req);

	(void)ino;
	cfs_lock(fs);
	cfs_seek(fs, req, cfs_handle_of(fi), off, whence);
	cfs_unlock(fs);
}
