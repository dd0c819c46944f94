/*
 * The jobs of the reading worker.
 */
#include "fs/reading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/document.h"
#include "fs/attr.h"
#include "fs/document.h"
#include "fs/ids.h"
#include "fs/proc.h"
#include "fs/procfile.h"
#include "fs/special.h"
#include "fs/view.h"
#include "fs/worker.h"

#define SPLICED_MIN ((size_t)64 << 10) /* bytes; a pipe takes its time, too */

struct answer_job {
	struct cfs_job job;
	struct cfs_image *image;
	void (*answer)(struct cfs *fs, const struct cfs_asked *a);
	struct cfs_asked asked;
	struct fuse_file_info fi;
	char name[];
};

static void run_answer(struct cfs *fs, struct cfs_job *job)
{
	struct answer_job *j = (struct answer_job *)job;

	/* what went wrong, the answer will find out itself */
	if (j->image)
		cfs_document_measure(fs, j->image);
	j->answer(fs, &j->asked);
	free(j);
}

void cfs_reading_answer(struct cfs *fs, struct cfs_image *image,
			void (*answer)(struct cfs *fs, const struct cfs_asked *a),
			const struct cfs_asked *a)
{
	if (!image || cfs_document_is_measured(image))
		answer(fs, a);
	else
		cfs_reading_post(fs, image, answer, a);
}

/* Nobody who reads something else waits for a text that takes long to make. */
static struct cfs_worker *worker_for(struct cfs *fs, const struct cfs_asked *a)
{
	const struct cfs_node *node = cfs_node_by_id(&fs->nodes, a->ino);

	return node && (node->kind == CFS_SPECIAL || node->kind == CFS_VIEW) ? fs->makes
									     : fs->reads;
}

void cfs_reading_post(struct cfs *fs, struct cfs_image *image,
		      void (*answer)(struct cfs *fs, const struct cfs_asked *a),
		      const struct cfs_asked *a)
{
	size_t len = a->name ? strlen(a->name) + 1 : 0;
	struct answer_job *j;

	/* a turn of another thread takes longer than that */
	if (!image && cfs_proc_is_at_hand(fs, a->ino) && cfs_worker_borrow(fs->reads)) {
		answer(fs, a);
		cfs_worker_return(fs->reads);
		return;
	}

	j = calloc(1, sizeof(*j) + len);
	if (!j) {
		fuse_reply_err(a->req, ENOMEM);
		return;
	}
	j->job.run = run_answer;
	j->image = image;
	j->answer = answer;
	j->asked = *a;
	if (a->name)
		j->asked.name = memcpy(j->name, a->name, len);
	if (a->fi) {
		j->fi = *a->fi;
		j->asked.fi = &j->fi;
	}
	cfs_worker_post(worker_for(fs, a), &j->job);
}

bool cfs_reading_is_needed(struct cfs *fs, fuse_ino_t ino)
{
	const struct cfs_node *node = cfs_node_by_id(&fs->nodes, ino);

	if (!node)
		return cfs_id_is_run(ino);
	return node->kind == CFS_PROC ||
	       (node->kind == CFS_SPECIAL && cfs_special_is_made(node->special));
}

bool cfs_reading_is_needed_for(struct cfs *fs, fuse_ino_t parent, const char *name)
{
	const struct cfs_node *node = cfs_node_by_id(&fs->nodes, parent);

	if (!node)
		return false;
	if (cfs_view_is_slow(fs, parent))
		return true;
	return node->kind == CFS_PROC ||
	       (node->kind == CFS_SPECIAL_DIR && cfs_special_by_name(name) == CFS_SPECIAL_PROC);
}

struct cfs_image *cfs_reading_image(struct cfs *fs, fuse_ino_t ino)
{
	struct cfs_object o;

	cfs_object_find(fs, ino, &o); /* an old version will do */
	if (!o.is_entry || o.ref.part != CFS_PART_DOCUMENT ||
	    cfs_document_is_measured(o.ref.image))
		return NULL;
	return o.ref.image;
}

struct cfs_image *cfs_reading_image_of_attr(struct cfs *fs, fuse_ino_t ino)
{
	struct cfs_image *image = cfs_reading_image(fs, ino);
	struct cfs_object o;

	if (image && cfs_object_find(fs, ino, &o) < 0 && cfs_handle_of_entry(fs, ino))
		return NULL;
	return image;
}

struct read_job {
	struct cfs_job job;
	fuse_req_t req;
	struct cfs_handle *h; /* a reference */
	size_t size;
	off_t off;
	int flags;
};

static void reply(fuse_req_t req, const uint8_t *buf, ssize_t n)
{
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, (const char *)buf, (size_t)n);
}

/*
 * Room for what is read, in a buffer that stays: it is in the processor's cache, and none
 * is mapped and cleared for each read. NULL and errno.
 */
static uint8_t *room(struct crit_buf *buf, size_t size)
{
	uint8_t *data;

	crit_buf_reset(buf);
	data = crit_buf_room(buf, size);
	if (!data)
		errno = ENOMEM;
	return data;
}

static ssize_t read_document(struct cfs *fs, struct cfs_handle *h, uint8_t *buf, size_t size,
			     off_t off)
{
	ssize_t n;

	/* somebody wrote in place: this is not what was opened */
	if (!cfs_handle_is_intact(h))
		return -EIO;
	/* nobody else reads by this handle: they are all in this worker's queue */
	cfs_unlock(fs);
	n = crit_document_read(h->document, buf, size, (uint64_t)off, NULL);
	cfs_lock(fs);
	return n;
}

static void run_read(struct cfs *fs, struct cfs_job *job)
{
	struct read_job *j = (struct read_job *)job;
	struct cfs_handle *h = j->h;
	uint8_t *buf = room(&fs->walked, j->size);
	ssize_t n = -ENOMEM;

	if (buf && h->proc)
		n = cfs_procfile_read(fs, h, buf, j->size, j->off, j->flags);
	else if (buf)
		n = read_document(fs, h, buf, j->size, j->off);
	reply(j->req, buf, n);
	cfs_handle_unref(fs, h);
	free(j);
}

void cfs_reading_read(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		      off_t off, int flags)
{
	struct read_job *j = calloc(1, sizeof(*j));

	if (!j) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	j->job.run = run_read;
	j->req = req;
	j->h = h;
	j->size = size;
	j->off = off;
	j->flags = flags;
	cfs_handle_ref(h);
	cfs_worker_post(fs->reads, &j->job);
}

void cfs_reading_reply_draft(struct cfs *fs, fuse_req_t req, const struct cfs_draft *d,
			     size_t size, off_t off)
{
	uint8_t *buf = room(&fs->read, size);

	reply(req, buf, buf ? cfs_draft_read(d, buf, size, (uint64_t)off) : -ENOMEM);
}

/* What goes to the page cache goes there straight; but not to somebody's own buffer. */
static bool is_worth_splicing(size_t size, int flags)
{
	return size >= SPLICED_MIN && !(flags & O_DIRECT);
}

void cfs_reading_reply_fd(struct cfs *fs, fuse_req_t req, int fd, size_t size, off_t off,
			  int flags)
{
	struct fuse_bufvec v = FUSE_BUFVEC_INIT(size);
	uint8_t *buf;
	ssize_t n;

	if (is_worth_splicing(size, flags)) {
		v.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
		v.buf[0].fd = fd;
		v.buf[0].pos = off;
		/* copied: moving would take them from the file's own page cache */
		fuse_reply_data(req, &v, 0);
		return;
	}
	buf = room(&fs->read, size);
	n = buf ? pread(fd, buf, size, off) : -1;
	reply(req, buf, n < 0 ? -errno : n);
}
