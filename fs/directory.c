/*
 * Open directories.
 */
#include "fs/directory.h"

#include <errno.h>

#include "fs/attr.h"
#include "fs/handle.h"
#include "fs/jobs.h"
#include "fs/jsondir.h"
#include "fs/listing.h"
#include "fs/pending.h"
#include "fs/proc.h"
#include "fs/reading.h"
#include "fs/snapshot.h"
#include "fs/view.h"

/* Is it a directory that is no image? */
static bool is_listed(const struct cfs_node *node)
{
	return node->kind == CFS_DIR || node->kind == CFS_SPECIAL_DIR ||
	       node->kind == CFS_DOCUMENTS || node->kind == CFS_VIEW ||
	       (node->kind == CFS_PROC &&
		crit_proc_shape(&node->proc->file) == CRIT_PROC_DIRECTORY);
}

static int open_directory(struct cfs *fs, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cfs_handle *h;
	struct cfs_object o;
	bool image;
	int ret;

	ret = cfs_object_find(fs, ino, &o);
	if (ret < 0)
		return ret;
	image = cfs_object_is_queue(&o) || (!o.is_entry && o.node->kind == CFS_IMAGE);
	if (o.is_entry && !image)
		return -ENOTDIR;
	if (!image && !is_listed(o.node))
		return -ENOTDIR;
	if (image && (ret = cfs_image_open(fs, o.ref.image, NULL)) < 0)
		return ret;
	if (image && o.ref.image->expired)
		cfs_pending_expire(fs, o.ref.image);
	h = cfs_handle_new(fs, image ? CFS_HANDLE_IMAGE : CFS_HANDLE_DIR, ino, o.node);
	if (!h)
		return -ENOMEM;
	h->ref = o.ref;
	if (!image && o.node->kind == CFS_DIR)
		ret = cfs_names_read(fs, o.node, &h->names);
	else if (!image && o.node->kind == CFS_DOCUMENTS)
		ret = cfs_names_read_documents(fs, o.node, &h->names);
	else if (!image && o.node->kind == CFS_VIEW)
		ret = cfs_view_names(fs, o.node, &h->names);
	if (ret < 0) {
		cfs_handle_unref(fs, h);
		return ret;
	}
	fi->fh = (uintptr_t)h;
	return 0;
}

static void answer_opendir(struct cfs *fs, const struct cfs_asked *a)
{
	int ret = open_directory(fs, a->ino, a->fi);

	if (ret < 0)
		fuse_reply_err(a->req, -ret);
	else if (fuse_reply_open(a->req, a->fi) < 0)
		cfs_handle_unref(fs, cfs_handle_of(a->fi));
}

void cfs_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cfs_asked asked = {.req = req, .ino = ino, .fi = fi};
	struct cfs *fs = fuse_req_userdata(req);

	cfs_lock(fs);
	if (cfs_view_is_slow(fs, ino))
		cfs_reading_post(fs, NULL, answer_opendir, &asked);
	else
		answer_opendir(fs, &asked);
	cfs_unlock(fs);
}

static void answer_list(struct cfs *fs, const struct cfs_asked *a)
{
	cfs_listing_reply(fs, a->req, cfs_handle_of(a->fi), a->size, a->off, a->plus);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi, bool plus)
{
	struct cfs_asked asked = {
		.req = req, .ino = ino, .fi = fi, .size = size, .off = off, .plus = plus};
	struct cfs *fs = fuse_req_userdata(req);

	cfs_lock(fs);
	if (cfs_reading_is_needed(fs, ino))
		cfs_reading_post(fs, NULL, answer_list, &asked);
	else
		answer_list(fs, &asked);
	cfs_unlock(fs);
}

void cfs_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, false);
}

void cfs_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, true);
}

void cfs_op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cfs *fs = fuse_req_userdata(req);

	(void)ino;
	cfs_lock(fs);
	cfs_handle_unref(fs, cfs_handle_of(fi));
	fuse_reply_err(req, 0);
	cfs_unlock(fs);
}

void cfs_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct cfs *fs = fuse_req_userdata(req);
	struct cfs_object o;

	(void)datasync;
	(void)fi;
	cfs_lock(fs);
	if (cfs_object_find(fs, ino, &o) < 0) {
		fuse_reply_err(req, ESTALE);
	} else if (!o.is_entry && (o.node->kind == CFS_SPECIAL_DIR ||
				   o.node->kind == CFS_PROC || o.node->kind == CFS_VIEW)) {
		fuse_reply_err(req, 0);
	} else if (!o.is_entry && o.node->kind == CFS_DOCUMENTS) {
		cfs_job_sync(fs, req, cfs_jsondir_dump(o.node), NULL, NULL);
	} else {
		cfs_job_sync(fs, req, o.ref.image ? NULL : o.node, o.ref.image, NULL);
	}
	cfs_unlock(fs);
}
