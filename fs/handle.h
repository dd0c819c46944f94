/*
 * Open files and directories. A handle reads what there was when it was opened;
 * what it writes is its own draft until a commit (see commit.h).
 */
#ifndef CFS_HANDLE_H
#define CFS_HANDLE_H

#include "fs/cfs.h"
#include "fs/draft.h"
#include "fs/image.h"

enum cfs_handle_kind {
	CFS_HANDLE_ENTRY,   /* an entry file */
	CFS_HANDLE_SCRATCH, /* reads and writes node->scratch itself */
	CFS_HANDLE_PASSED,  /* a file of the dump, by fd */
	CFS_HANDLE_SPECIAL, /* a text of .critfs, as it was when opened */
	CFS_HANDLE_DIR,     /* a directory that is listed from `names` */
	CFS_HANDLE_IMAGE,   /* an image, or messages of a queue, listed by cookie */
};

struct cfs_names;

struct cfs_handle {
	enum cfs_handle_kind kind;
	unsigned refs;         /* of the kernel, and of jobs */
	unsigned jobs;         /* commits under way: writing has to wait for them */
	uint64_t ino;
	struct cfs_node *node; /* a reference, where there is one */
	struct cfs_ref ref;    /* of ENTRY; of IMAGE, place.n where it lists messages */
	uint64_t generation;   /* of the image when it was opened */
	bool readable, writable;
	bool append;
	bool truncated;        /* opened with O_TRUNC */
	bool written;          /* something was written since it was opened */
	bool dirty;            /* the draft was neither committed nor refused yet */
	int refused;           /* -errno of the last refusal, until the draft changes */
	struct crit_buf text;  /* of texts: as rendered when opened */
	struct crit_file *file; /* a reference, of blobs: as it was when opened */
	struct crit_span span;
	struct cfs_draft *draft; /* owned; NULL until something is written */
	int fd;                  /* of PASSED, else -1; owned */
	struct cfs_names *names; /* owned, of DIR */
	struct cfs_handle *next, *prev;
};

struct cfs_handle *cfs_handle_new(struct cfs *fs, enum cfs_handle_kind kind, uint64_t ino,
				  struct cfs_node *node);
void cfs_handle_ref(struct cfs_handle *h);
void cfs_handle_unref(struct cfs *fs, struct cfs_handle *h);

static inline struct cfs_handle *cfs_handle_of(const struct fuse_file_info *fi)
{
	return (struct cfs_handle *)(uintptr_t)fi->fh;
}

/* Is an entry file open for writing? Then its pages must not be shared. */
bool cfs_handle_writing(struct cfs *fs, uint64_t ino);

/* The latest read-write handle with a draft: mmap needs its size; or NULL. */
struct cfs_handle *cfs_handle_mapped(struct cfs *fs, uint64_t ino);

/* Make a draft of what the handle reads, if it has none. 0, -ENOMEM */
int cfs_handle_start_draft(struct cfs *fs, struct cfs_handle *h);

#endif
