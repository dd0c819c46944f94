/*
 * Open files of .critfs/proc: the memory of a process, runs of its pages, its core. What lies
 * in one piece in a pages file is answered at once, from that file; all else by the
 * reading worker, which alone touches address spaces and cores.
 */
#ifndef CFS_PROCFILE_H
#define CFS_PROCFILE_H

#include "fs/attr.h"
#include "fs/cfs.h"
#include "fs/handle.h"

struct cfs_proc_open;

/*
 * Open what has the node id, which is a CFS_PROC, with these flags of open(2): on the reading
 * worker, drops the lock. A text's handle is a CFS_HANDLE_SPECIAL. *keep: the kernel's pages
 * of it are good still. 0, -errno.
 */
int cfs_procfile_open(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o, int flags,
		      struct cfs_handle **out, bool *keep);

/* Nobody has it open any more: it goes as soon as the reading worker comes to it. */
void cfs_procfile_close(struct cfs *fs, struct cfs_proc_open *p);

/* Answer READ, now or later. */
void cfs_procfile_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
			off_t off, int flags);

/* All of these on the reading worker; they drop the lock. Bytes or 0, -errno. */
ssize_t cfs_procfile_read(struct cfs *fs, struct cfs_handle *h, void *buf, size_t size,
			  off_t off, int flags);
int cfs_procfile_write(struct cfs *fs, struct cfs_handle *h, const void *buf, size_t size,
		       uint64_t off);
int cfs_procfile_sync(struct cfs *fs, struct cfs_handle *h);
int cfs_procfile_seek(struct cfs *fs, struct cfs_handle *h, off_t off, bool data, off_t *found);

#endif
