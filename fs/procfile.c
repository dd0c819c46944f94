/*
 * Open files of processes.
 */
#include "fs/procfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "decoder/core/core.h"
#include "fs/proc.h"
#include "fs/procs.h"
#include "fs/reading.h"
#include "fs/refusal.h"
#include "fs/seek.h"
#include "fs/soon.h"
#include "fs/worker.h"

#define CURRENT_S 0.25 /* between two looks whether the dump is what it was */

struct cfs_proc_open {
	struct cfs_job job;    /* its end; first */
	struct cfs_node *dump; /* a reference */
	struct cfs_node *dir;  /* a reference: that it is in */
	struct crit_proc_file file;
	struct crit_space *space; /* a reference; NULL: of a core */
	struct crit_core *core;   /* owned */
	uint64_t size;            /* bytes; of memory the end */
	/* what was read last, or comes next; fd is owned, as the space's may go; -1: nowhere */
	struct crit_stretch at;
	uint64_t changes;        /* of the mount, when the space was the current one, */
	struct timespec checked; /* and when that was; CLOCK_MONOTONIC_COARSE */
};

/* ---- opening ---- */

/* What was opened, without the lock. */
struct opened {
	struct crit_buf text;
	struct crit_space *space;
	struct crit_core *core;
	uint64_t size;
	struct timespec changed; /* when the pages were */
	struct crit_stretch at;
};

static bool is_memory(const struct crit_proc_file *file)
{
	enum crit_proc_shape shape = crit_proc_shape(file);

	return shape == CRIT_PROC_MEM || shape == CRIT_PROC_RUN;
}

static bool is_in_file(const struct crit_stretch *s)
{
	return s->backing == CRIT_STORED || s->backing == CRIT_INHERITED;
}

/* What is at `addr`, with a descriptor for the caller; fd -1 if it is in no file. */
static struct crit_stretch find(struct crit_space *space, uint64_t addr)
{
	struct crit_stretch s;

	if (crit_space_at(space, addr, &s, NULL) < 0 || !is_in_file(&s))
		s.fd = -1;
	else
		s.fd = fcntl(s.fd, F_DUPFD_CLOEXEC, 0);
	return s;
}

static void forget(struct crit_stretch *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static uint64_t size_of(const struct crit_proc_file *file, const struct crit_space *space)
{
	return crit_proc_shape(file) == CRIT_PROC_RUN ? file->end - file->number
						      : crit_space_end(space);
}

static int open_memory(struct crit_proc *proc, const struct crit_proc_file *file,
		       struct opened *o)
{
	int ret = crit_proc_space(proc, file->pid, &o->space, NULL);

	if (ret < 0)
		return ret;
	o->size = size_of(file, o->space);
	o->changed = crit_space_changed(o->space);
	if (crit_proc_shape(file) == CRIT_PROC_RUN)
		o->at = find(o->space, file->number);
	return 0;
}

static int open_core(struct crit_proc *proc, const struct crit_proc_file *file,
		     struct opened *o, struct crit_error *err)
{
	int ret = crit_proc_core(proc, file->pid, &o->core, err);

	if (ret == 0)
		o->size = crit_core_size(o->core);
	return ret;
}

static int open_file(struct crit_proc *proc, const struct cfs_proc_at *at, int flags,
		     struct opened *o, struct crit_error *err)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	enum crit_proc_shape shape = crit_proc_shape(&at->file);

	if (flags & O_TRUNC && is_memory(&at->file))
		return -EPERM;
	if ((writes || flags & O_TRUNC) && !is_memory(&at->file))
		return -EROFS;
	switch (shape) {
	case CRIT_PROC_TEXT:
		return crit_proc_text(proc, &at->file, at->caller, &o->text, NULL);
	case CRIT_PROC_CORE:
		return open_core(proc, &at->file, o, err);
	case CRIT_PROC_MEM:
	case CRIT_PROC_RUN:
		return open_memory(proc, &at->file, o);
	default:
		return shape == CRIT_PROC_LINK ? -ELOOP : -EISDIR;
	}
}

static struct cfs_proc_open *new_open(const struct cfs_proc_at *at, const struct cfs_object *o)
{
	struct cfs_proc_open *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->file = at->file;
	p->dump = at->dump;
	p->dir = o->is_run ? o->node : o->node->parent;
	cfs_node_ref(p->dump);
	cfs_node_ref(p->dir);
	p->at.fd = -1;
	return p;
}

static int make_handle(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o,
		       const struct cfs_proc_at *at, struct opened *opened,
		       struct cfs_handle **out)
{
	bool is_text = crit_proc_shape(&at->file) == CRIT_PROC_TEXT;
	struct cfs_handle *h;

	h = cfs_handle_new(fs, is_text ? CFS_HANDLE_SPECIAL : CFS_HANDLE_PROC, ino,
			   o->is_run ? NULL : o->node);
	*out = h;
	if (!h)
		return -ENOMEM;
	h->text = opened->text;
	opened->text = (struct crit_buf){0};
	if (is_text)
		return 0;
	h->proc = new_open(at, o);
	if (!h->proc) {
		cfs_handle_unref(fs, h);
		return -ENOMEM;
	}
	h->proc->space = opened->space;
	h->proc->core = opened->core;
	h->proc->size = opened->size;
	h->proc->at = opened->at;
	opened->space = NULL;
	opened->core = NULL;
	opened->at.fd = -1;
	return 0;
}

static void refuse(struct cfs *fs, const struct cfs_node *dir,
		   const struct crit_proc_file *file, const struct crit_error *why)
{
	char name[CRIT_PROC_NAME_MAX];

	crit_proc_name(file, name);
	cfs_refusal_log_name(fs, dir, name, why);
}

int cfs_procfile_open(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o, int flags,
		      struct cfs_handle **out, bool *keep)
{
	struct opened opened = {.at.fd = -1};
	uint64_t changes = fs->n_changes;
	struct crit_error err = {0};
	struct crit_proc *proc;
	struct cfs_proc_at at;
	int ret;

	cfs_proc_find(fs, ino, o, &at);
	cfs_node_ref(o->node);
	ret = cfs_proc_enter(fs, &at, &proc);
	if (ret == 0) {
		ret = open_file(proc, &at, flags, &opened, &err);
		cfs_procs_leave(fs, at.dump);
	}
	if (ret == -EOPNOTSUPP)
		refuse(fs, o->node->parent, &at.file, &err);
	if (ret == 0)
		ret = make_handle(fs, ino, o, &at, &opened, out);
	if (ret == 0 && (*out)->proc) {
		(*out)->proc->changes = changes;
		clock_gettime(CLOCK_MONOTONIC_COARSE, &(*out)->proc->checked);
	}
	/* attributes tell the kernel of changes by their time, if that tells them apart */
	*keep = opened.changed.tv_sec && cfs_is_past(&opened.changed);
	cfs_node_unref(&fs->nodes, o->node);
	crit_space_put(opened.space);
	crit_core_free(opened.core);
	forget(&opened.at);
	crit_buf_fini(&opened.text);
	return ret == -ENOENT ? -ESTALE : ret;
}

static void free_open(struct cfs *fs, struct cfs_proc_open *p)
{
	crit_core_free(p->core);
	crit_space_put(p->space);
	forget(&p->at);
	cfs_node_unref(&fs->nodes, p->dir);
	cfs_node_unref(&fs->nodes, p->dump);
	free(p);
}

static void run_close(struct cfs *fs, struct cfs_job *job)
{
	free_open(fs, (struct cfs_proc_open *)job);
}

void cfs_procfile_close(struct cfs *fs, struct cfs_proc_open *p)
{
	if (!p)
		return;
	p->job.run = run_close;
	/* without a worker the mount is over */
	if (!fs->reads || cfs_worker_is_idle(fs->reads))
		free_open(fs, p);
	else
		cfs_worker_post(fs->reads, &p->job);
}

/* ---- reading ---- */

static bool is_current(const struct cfs *fs, const struct cfs_proc_open *p)
{
	return p->changes == fs->n_changes && cfs_seconds_since(&p->checked) < CURRENT_S;
}

static int reopen(struct cfs *fs, struct cfs_proc_open *p)
{
	struct crit_space *space;
	struct crit_proc *proc;
	int ret = cfs_procs_enter(fs, p->dump, &proc);

	if (ret < 0)
		return ret;
	ret = crit_proc_space(proc, p->file.pid, &space, NULL);
	if (ret == 0) {
		crit_space_put(p->space);
		p->space = space;
		p->size = size_of(&p->file, space);
	}
	cfs_procs_leave(fs, p->dump);
	return ret;
}

/*
 * Whoever has memory open sees what the dump has now; else what he reads would be put with
 * what others read, in the kernel's pages.
 */
static int make_current(struct cfs *fs, struct cfs_proc_open *p)
{
	uint64_t changes = fs->n_changes;
	struct timespec now;
	bool same;
	int ret = 0;

	if (is_current(fs, p))
		return 0;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	forget(&p->at);
	cfs_unlock(fs);
	same = crit_space_is_current(p->space);
	cfs_lock(fs);
	if (!same)
		ret = reopen(fs, p);
	if (ret == 0) {
		p->changes = changes;
		p->checked = now;
	}
	return ret == -ENOENT ? -EIO : ret;
}

static uint64_t address_of(const struct cfs_proc_open *p, off_t off)
{
	bool is_run = crit_proc_shape(&p->file) == CRIT_PROC_RUN;

	return (is_run ? p->file.number : 0) + (uint64_t)off;
}

/* How much of it there is at most. */
static size_t clip(const struct cfs_proc_open *p, size_t size, off_t off)
{
	uint64_t left = (uint64_t)off < p->size ? p->size - (uint64_t)off : 0;

	return size < left ? size : (size_t)left;
}

/* Are they all in one file, which has not become shorter? */
static bool is_at_hand(const struct cfs_proc_open *p, uint64_t addr, size_t size)
{
	const struct crit_stretch *s = &p->at;
	struct stat st;

	return s->fd >= 0 && addr >= s->start && addr < s->end && size <= s->end - addr &&
	       fstat(s->fd, &st) == 0 &&
	       s->off + (addr - s->start) + size <= (uint64_t)st.st_size;
}

void cfs_procfile_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
			off_t off, int flags)
{
	const struct cfs_proc_open *p = h->proc;
	uint64_t addr = address_of(p, off);
	size_t n = clip(p, size, off);

	if (p->space && n && is_current(fs, p) && is_at_hand(p, addr, n))
		cfs_reading_reply_fd(fs, req, p->at.fd, n,
				     (off_t)(p->at.off + (addr - p->at.start)), flags);
	else
		cfs_reading_read(fs, req, h, size, off, flags);
}

/* The kernel takes it for the end of the file where its pages can't be filled. */
static bool needs_all(const struct cfs *fs, const struct cfs_handle *h, int flags)
{
	return (h->cached || fs->opt.read_only) && !(flags & O_DIRECT);
}

static ssize_t read_core(struct cfs *fs, struct cfs_handle *h, void *buf, size_t size,
			 off_t off)
{
	ssize_t n;

	cfs_unlock(fs);
	n = crit_core_read(h->proc->core, (uint64_t)off, buf, size, NULL);
	cfs_lock(fs);
	return n;
}

ssize_t cfs_procfile_read(struct cfs *fs, struct cfs_handle *h, void *buf, size_t size,
			  off_t off, int flags)
{
	struct cfs_proc_open *p = h->proc;
	uint64_t addr = address_of(p, off);
	struct crit_stretch next = {.fd = -1};
	size_t want;
	ssize_t n;
	int ret;

	if (p->core)
		return read_core(fs, h, buf, size, off);
	ret = make_current(fs, p);
	if (ret < 0)
		return ret;
	want = clip(p, size, off);
	if (!want && needs_all(fs, h, flags))
		return 0;
	if (!want)
		return crit_proc_shape(&p->file) == CRIT_PROC_RUN ? 0 : -EIO;
	cfs_unlock(fs);
	n = crit_space_read(p->space, addr, buf, want, NULL);
	if (n > 0)
		next = find(p->space, addr + (size_t)n);
	cfs_lock(fs);
	forget(&p->at);
	p->at = next;
	return n > 0 && (size_t)n < want && needs_all(fs, h, flags) ? -EIO : n;
}

/* ---- writing ---- */

static int grows(const struct cfs_proc_open *p, size_t size, uint64_t off,
		 struct crit_error *err)
{
	if (crit_proc_shape(&p->file) != CRIT_PROC_RUN ||
	    (off <= p->size && size <= p->size - off))
		return 0;
	return crit_fail(err, CRIT_TOO_BIG, "it is as long as its run of pages, and stays so");
}

int cfs_procfile_write(struct cfs *fs, struct cfs_handle *h, const void *buf, size_t size,
		       uint64_t off)
{
	struct cfs_proc_open *p = h->proc;
	uint64_t addr = address_of(p, (off_t)off);
	struct crit_error err = {0};
	int ret = grows(p, size, off, &err);

	if (ret == 0) {
		ret = make_current(fs, p);
		if (ret < 0)
			return ret;
		cfs_unlock(fs);
		ret = crit_space_write(p->space, addr, buf, size, &err);
		cfs_lock(fs);
		cfs_changed(fs);
	}
	if (ret < 0)
		refuse(fs, p->dir, &p->file, &err);
	return ret;
}

int cfs_procfile_sync(struct cfs *fs, struct cfs_handle *h)
{
	struct cfs_proc_open *p = h->proc;
	int ret;

	if (!p->space)
		return 0;
	cfs_unlock(fs);
	ret = crit_space_sync(p->space);
	cfs_lock(fs);
	return ret;
}

/* ---- seeking ---- */

int cfs_procfile_seek(struct cfs *fs, struct cfs_handle *h, off_t off, bool data, off_t *found)
{
	struct cfs_proc_open *p = h->proc;
	uint64_t at = 0;
	int ret = p->core ? 0 : make_current(fs, p);

	if (ret < 0)
		return ret;
	if (crit_proc_shape(&p->file) == CRIT_PROC_RUN)
		return cfs_seek_plain(p->size, off, data, found);
	cfs_unlock(fs);
	if (p->core)
		ret = crit_core_seek(p->core, (uint64_t)off, data, &at, NULL);
	else
		ret = crit_space_seek(p->space, (uint64_t)off, data, &at, NULL);
	cfs_lock(fs);
	if (ret == 0 && at > INT64_MAX)
		ret = -ENXIO;
	*found = (off_t)at;
	return ret;
}
