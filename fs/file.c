/*
 * Open files.
 */
#include "fs/file.h"

#include <errno.h>
#include <fcntl.h>

#include "decoder/json.h"
#include "fs/attr.h"
#include "fs/commit.h"
#include "fs/document.h"
#include "fs/entry.h"
#include "fs/jobs.h"
#include "fs/passed.h"
#include "fs/pending.h"
#include "fs/procfile.h"
#include "fs/promise.h"
#include "fs/reading.h"
#include "fs/refusal.h"
#include "fs/scratch.h"
#include "fs/special.h"

static struct cfs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* What the handle reads, and for one that was truncated, what it will write. */
static int load_entry(struct cfs *fs, struct cfs_handle *h, bool truncate)
{
	struct crit_file *file;
	int ret;

	if (truncate) {
		h->draft = cfs_draft_new(&fs->store);
		h->dirty = true;
		clock_gettime(CLOCK_REALTIME, &h->mtime);
		return h->draft ? 0 : -ENOMEM;
	}
	if (h->ref.part == CFS_PART_DOCUMENT)
		return cfs_document_open(fs, h);
	if (cfs_part_is_text(h->ref.part))
		return cfs_entry_text(fs, &h->ref, &h->text, NULL);
	ret = cfs_entry_span(fs, &h->ref, &h->span, NULL);
	if (ret < 0)
		return ret;
	file = crit_image_file(h->ref.image->open);
	h->file = crit_file_get(file);
	return 0;
}

int cfs_file_open_entry(struct cfs *fs, fuse_ino_t ino, struct cfs_node *node,
			const struct cfs_ref *ref, struct fuse_file_info *fi)
{
	/* the id of an older version is good enough for who shares nothing */
	bool share = node ? node->kind == CFS_ENTRY : ino == cfs_entry_id(ref);
	struct cfs_readers others;
	struct cfs_handle *h;
	int ret;

	ret = cfs_image_open(fs, ref->image, NULL);
	if (ret < 0)
		return ret;
	if (cfs_part_is_raw(ref->part) && (fi->flags & O_ACCMODE) != O_RDONLY)
		return -EPERM;
	others = cfs_handle_readers(fs, ino);
	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		if (others.cached || (share && cfs_promise_holds(ref, node)))
			return cfs_entry_contend(fs, ref);
		cfs_promise_pause(ref->image);
	}
	h = cfs_handle_new(fs, CFS_HANDLE_ENTRY, ino, node);
	if (!h)
		return -ENOMEM;
	cfs_handle_set_access(h, fi);
	ref->image->asked++;
	h->ref = *ref;
	h->generation = ref->image->generation;
	ret = h->truncated ? cfs_entry_find(fs, ref, NULL) : 0;
	if (ret == 0)
		ret = load_entry(fs, h, h->truncated);
	if (ret < 0) {
		cfs_handle_unref(fs, h);
		return ret;
	}
	cfs_handle_give(h, fi);
	/*
	 * Pages are the inode's, drafts the handle's. Readers share pages while they
	 * all read the same; a handle that also writes has them, for mmap, to itself.
	 */
	if (h->writable)
		cfs_layout_settle(&ref->image->layout, ref, fs->asker);
	share = share && !cfs_layout_is_contended(&ref->image->layout, ref);
	h->cached = share && h->readable && !others.writers && !(h->writable && others.any);
	fi->direct_io = !h->cached;
	/* nobody writes through pages that others may find there later */
	fi->keep_cache = h->cached && !h->writable && !(node && node->written);
	return 0;
}

int cfs_file_open_scratch(struct cfs *fs, struct cfs_node *node, struct fuse_file_info *fi)
{
	struct cfs_handle *h = cfs_handle_new(fs, CFS_HANDLE_SCRATCH, node->id, node);

	if (!h)
		return -ENOMEM;
	cfs_handle_set_access(h, fi);
	if (h->truncated) {
		int ret = cfs_scratch_own(node->scratch);

		if (ret < 0) {
			cfs_handle_unref(fs, h);
			return ret;
		}
		cfs_draft_truncate(node->scratch->contents, 0);
	}
	cfs_handle_give(h, fi);
	/* it was an entry's file, and who read that may still be filling its pages */
	h->cached = !cfs_handle_of_entry(fs, node->id);
	fi->direct_io = !h->cached;
	return 0;
}

static int open_special(struct cfs *fs, struct cfs_node *node, struct fuse_file_info *fi)
{
	struct cfs_handle *h;
	int ret;

	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	h = cfs_handle_new(fs, CFS_HANDLE_SPECIAL, node->id, node);
	if (!h)
		return -ENOMEM;
	ret = cfs_special_text(fs, node, &h->text);
	if (ret < 0) {
		cfs_handle_unref(fs, h);
		return ret;
	}
	cfs_handle_give(h, fi);
	fi->direct_io = 1; /* it may have grown since its size was asked for */
	return 0;
}

static int open_proc(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o,
		     struct fuse_file_info *fi)
{
	struct cfs_handle *h;
	bool keep;
	int ret = cfs_procfile_open(fs, ino, o, fi->flags, &h, &keep);

	if (ret < 0)
		return ret;
	cfs_handle_set_access(h, fi);
	cfs_handle_give(h, fi);
	/* runs of pages have a size that stays; but what is refused must not be in pages */
	h->cached = o->is_run && !h->writable;
	fi->direct_io = !h->cached;
	fi->keep_cache = h->cached && keep;
	return 0;
}

int cfs_file_open(struct cfs *fs, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cfs_object o;
	int ret = cfs_object_find(fs, ino, &o);

	if (ret < 0 && !o.old)
		return ret;
	if (o.old && cfs_promise_recall(fs, &o.ref)) /* he comes again, once */
		return (fi->flags & O_ACCMODE) == O_RDONLY ? ret
							   : cfs_entry_contend(fs, &o.ref);
	if (o.is_entry)
		return cfs_file_open_entry(fs, ino, o.node, &o.ref, fi);
	switch (o.node->kind) {
	case CFS_SCRATCH:
		return cfs_file_open_scratch(fs, o.node, fi);
	case CFS_PASSED:
		return cfs_passed_open_name(fs, o.node, fi);
	case CFS_SPECIAL:
		return open_special(fs, o.node, fi);
	case CFS_PROC:
		return open_proc(fs, ino, &o, fi);
	default:
		return -EISDIR;
	}
}

static void answer_open(struct cfs *fs, const struct cfs_asked *a)
{
	int ret;

	fs->asker = fuse_req_ctx(a->req)->pid;
	ret = cfs_file_open(fs, a->ino, a->fi);
	if (ret < 0)
		fuse_reply_err(a->req, -ret);
	else if (fuse_reply_open(a->req, a->fi) < 0)
		cfs_handle_unref(fs, cfs_handle_of(a->fi)); /* the open was interrupted */
}

static bool is_slow_to_write(struct cfs *fs, fuse_ino_t ino)
{
	const struct cfs_node *node = cfs_node_by_id(&fs->nodes, ino);

	return node && cfs_passed_is_slow(node);
}

void cfs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cfs_asked asked = {.req = req, .ino = ino, .fi = fi};
	struct cfs *fs = fs_of(req);

	cfs_lock(fs);
	if (cfs_reading_is_needed(fs, ino) ||
	    ((fi->flags & O_ACCMODE) != O_RDONLY && is_slow_to_write(fs, ino)))
		cfs_reading_post(fs, NULL, answer_open, &asked);
	else
		cfs_reading_answer(fs, fi->flags & O_TRUNC ? NULL : cfs_reading_image(fs, ino),
				   answer_open, &asked);
	cfs_unlock(fs);
}

static void reply_span(struct cfs *fs, fuse_req_t req, const struct cfs_handle *h, size_t size,
		       off_t off, int flags)
{
	if ((uint64_t)off >= h->span.len) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	/* somebody wrote in place: these are not the bytes that were opened */
	if (!cfs_handle_is_intact(h)) {
		fuse_reply_err(req, EIO);
		return;
	}
	if (size > h->span.len - (uint64_t)off)
		size = (size_t)(h->span.len - (uint64_t)off);
	cfs_reading_reply_fd(fs, req, h->file->fd, size,
			     (off_t)(h->file->base + h->span.off) + off, flags);
}

static void reply_text(fuse_req_t req, const struct crit_buf *text, size_t size, off_t off)
{
	if ((uint64_t)off >= text->len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, (char *)text->data + off,
			       size < text->len - (size_t)off ? size : text->len - (size_t)off);
}

void cfs_file_read(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size, off_t off,
		   int flags)
{
	if (h->kind == CFS_HANDLE_PASSED)
		cfs_passed_reply(fs, req, h, size, off, flags);
	else if (h->kind == CFS_HANDLE_SCRATCH)
		cfs_reading_reply_draft(fs, req, h->node->scratch->contents, size, off);
	else if (h->draft)
		cfs_reading_reply_draft(fs, req, h->draft, size, off);
	else if (h->document)
		cfs_reading_read(fs, req, h, size, off, flags);
	else if (h->kind == CFS_HANDLE_PROC)
		cfs_procfile_reply(fs, req, h, size, off, flags);
	else if (h->file)
		reply_span(fs, req, h, size, off, flags);
	else
		reply_text(req, &h->text, size, off);
}

void cfs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi)
{
	struct cfs *fs = fs_of(req);

	(void)ino;
	cfs_lock(fs);
	cfs_file_read(fs, req, cfs_handle_of(fi), size, off, fi->flags);
	cfs_unlock(fs);
}

/*
 * A shell ignores what close(2) says, so bad JSON that comes in one piece is
 * refused at once: `echo '{bad' > 0.json` has to fail. Only a syntax error, and
 * only where nothing that is still to be written could mend it.
 */
static int check_first_write(struct cfs *fs, const struct cfs_handle *h,
			     const struct cfs_ref *ref, const void *buf, size_t size,
			     uint64_t off)
{
	struct crit_error err = {0};
	struct cfs_draft *refused;

	if (!h->truncated || h->written || off || !cfs_part_is_text(ref->part))
		return 0;
	if (crit_json_check(buf, size, &err) >= 0)
		return 0;
	refused = cfs_draft_of_text(&fs->store, buf, size);
	if (refused)
		cfs_refuse(fs, ref, h->node, refused, &err);
	cfs_draft_put(refused);
	return -err.errnum;
}

static int write_entry(struct cfs *fs, struct cfs_handle *h, const void *buf, size_t size,
		       uint64_t off)
{
	int ret = check_first_write(fs, h, &h->ref, buf, size, off);

	if (ret < 0)
		return ret;
	if (h->append)
		off = cfs_handle_size(h);
	ret = cfs_handle_own_draft(fs, h);
	if (ret == 0)
		ret = cfs_draft_write(h->draft, buf, size, off);
	if (ret < 0) {
		cfs_handle_fell_short(h, off, ret);
		return ret;
	}
	h->written = true;
	cfs_handle_drafted(h, off);
	return 0;
}

static int write_scratch(struct cfs *fs, struct cfs_handle *h, const void *buf, size_t size,
			 uint64_t off)
{
	struct cfs_node *node = h->node;
	struct cfs_scratch *s = node->scratch;
	int ret = 0;

	if (node->pending)
		ret = check_first_write(fs, h, &node->ref, buf, size, off);
	if (ret < 0) {
		/* there is no such entry, and what was to be one lies beside it */
		cfs_pending_drop(fs, node);
		return ret;
	}
	h->written = true;
	ret = cfs_scratch_own(s);
	if (ret < 0)
		return ret;
	if (h->append)
		off = cfs_draft_size(s->contents);
	return cfs_draft_write(s->contents, buf, size, off);
}

void cfs_file_write(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, const void *buf,
		    size_t size, uint64_t off)
{
	int ret;

	if (h->kind == CFS_HANDLE_ENTRY)
		ret = write_entry(fs, h, buf, size, off);
	else if (h->kind == CFS_HANDLE_SCRATCH)
		ret = write_scratch(fs, h, buf, size, off);
	else if (h->kind == CFS_HANDLE_PROC)
		ret = cfs_procfile_write(fs, h, buf, size, off);
	else
		ret = cfs_passed_write(fs, h, buf, size, off);
	if (ret < 0)
		fuse_reply_err(req, -ret);
	else
		fuse_reply_write(req, size);
}

void cfs_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		  struct fuse_file_info *fi)
{
	struct cfs_handle *h = cfs_handle_of(fi);
	struct cfs *fs = fs_of(req);

	(void)ino;
	cfs_lock(fs);
	if (h->jobs || h->kind == CFS_HANDLE_PROC || cfs_handle_draft_is_slow(h))
		cfs_job_write(fs, req, h, buf, size, (uint64_t)off);
	else
		cfs_file_write(fs, req, h, buf, size, (uint64_t)off);
	cfs_unlock(fs);
}

void cfs_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cfs_handle *h = cfs_handle_of(fi);
	struct cfs *fs = fs_of(req);

	(void)ino;
	cfs_lock(fs);
	if (h->kind == CFS_HANDLE_PASSED)
		cfs_passed_flushed(h);
	if ((h->kind == CFS_HANDLE_ENTRY && (h->dirty || h->jobs || h->refused)) ||
	    (h->kind == CFS_HANDLE_SCRATCH && (h->node->pending || h->jobs)))
		cfs_job_commit(fs, req, h, false);
	else
		fuse_reply_err(req, 0);
	cfs_unlock(fs);
}

void cfs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct cfs_handle *h = cfs_handle_of(fi);
	struct cfs *fs = fs_of(req);

	(void)ino;
	(void)datasync;
	cfs_lock(fs);
	if (h->kind == CFS_HANDLE_ENTRY || (h->kind == CFS_HANDLE_SCRATCH && h->node->pending))
		cfs_job_commit(fs, req, h, true);
	else if (h->kind == CFS_HANDLE_PASSED || h->kind == CFS_HANDLE_PROC)
		cfs_job_sync(fs, req, NULL, NULL, h);
	else
		fuse_reply_err(req, 0);
	cfs_unlock(fs);
}

/* What was written is in the pages of its node id, be it committed or not. */
static void give_up_pages(struct cfs *fs, const struct cfs_handle *h)
{
	if (h->node)
		h->node->written = true;
	else if (h->ino == cfs_entry_id(&h->ref))
		cfs_entry_renew(fs, &h->ref);
}

void cfs_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cfs_handle *h = cfs_handle_of(fi);
	struct cfs *fs = fs_of(req);

	(void)ino;
	cfs_lock(fs);
	if (h->kind == CFS_HANDLE_ENTRY && h->cached && h->writable)
		give_up_pages(fs, h);
	/* pages of a mapping may be written after the last close */
	if (((h->kind == CFS_HANDLE_ENTRY && h->dirty) ||
	     (h->kind == CFS_HANDLE_SCRATCH && h->node->pending && h->node->scratch->dirty)) &&
	    cfs_job_commit(fs, NULL, h, false) < 0)
		cfs_commit_leave(fs, h);
	else
		cfs_handle_unref(fs, h);
	fuse_reply_err(req, 0);
	cfs_unlock(fs);
}
