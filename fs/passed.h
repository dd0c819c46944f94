/*
 * Open files that are shown as they are in the dump: reading and writing goes straight there.
 */
#ifndef CFS_PASSED_H
#define CFS_PASSED_H

#include "fs/cfs.h"
#include "fs/handle.h"

/* A handle for a new open file, which it takes over. 0, -ENOMEM. */
int cfs_passed_open(struct cfs *fs, struct cfs_node *node, struct crit_file *file,
		    struct fuse_file_info *fi);

/*
 * The same for the file that has the node's name; one that is to be written is copied up
 * first where that must be. 0, -EPERM for what is no file, -errno.
 */
int cfs_passed_open_name(struct cfs *fs, struct cfs_node *node, struct fuse_file_info *fi);

/* Answer READ. */
void cfs_passed_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		      off_t off, int flags);

/* Where data or a hole begins, as lseek(2). 0, -errno. */
int cfs_passed_seek(const struct cfs_handle *h, off_t off, int whence, off_t *found);

int cfs_passed_write(struct cfs *fs, struct cfs_handle *h, const void *buf, size_t size,
		     uint64_t off);

/* It was flushed: if nobody else writes to it, it may be an image from now on. */
void cfs_passed_flushed(struct cfs_handle *h);

/* Does it take long to open it, or change it otherwise, as it has to be copied up first? */
bool cfs_passed_is_slow(const struct cfs_node *node);

/* Copy it up if it has to be. Drops the lock meanwhile. 0, -errno. */
int cfs_passed_copy_up(struct cfs *fs, struct cfs_node *node, bool empty);

/* The file that has the node's name is still the one that the node stands for. */
void cfs_passed_note(struct cfs_node *node, const struct stat *st);

/*
 * The same where it is a copy now: who has what was below open reads on in the copy, for
 * all of them share the kernel's pages.
 */
void cfs_passed_follow(struct cfs *fs, struct cfs_node *node);

#endif
