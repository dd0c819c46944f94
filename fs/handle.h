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
	CFS_HANDLE_PASSED,  /* a file of the dump, as it is */
	CFS_HANDLE_SPECIAL, /* a text of .critfs, as it was when opened */
	CFS_HANDLE_PROC,    /* memory or core of a process, see procfile.h */
	CFS_HANDLE_DIR,     /* a directory that is listed from `names` */
	CFS_HANDLE_IMAGE,   /* an image, or messages of a queue, listed by cookie */
};

struct cfs_names;
struct cfs_proc_open;

/* How much of a directory is listed together with attributes, see listing.c. */
struct cfs_wanted {
	unsigned left;  /* files */
	uint64_t asked; /* of the image, when there was new hope that somebody asks for them */
};

struct cfs_handle {
	enum cfs_handle_kind kind;
	unsigned refs; /* of the kernel, and of jobs */
	unsigned jobs; /* commits under way: writing has to wait for them */
	uint64_t ino;
	struct cfs_node *node; /* a reference, where there is one */
	struct cfs_ref ref;    /* of ENTRY; of IMAGE, place.n where it lists messages */
	uint64_t generation;   /* of the image when it was opened */
	bool readable, writable;
	bool append;
	bool cached;    /* reads and writes through the kernel's pages */
	bool stale;     /* what it reads was committed over: its node id is only its own now */
	bool truncated; /* opened with O_TRUNC */
	bool written;   /* something was written since it was opened */
	bool gone;      /* the entry file was removed: what is written is nobody's */
	bool flushed;   /* of PASSED: nothing was written since the last flush */
	bool upgraded;  /* of PASSED: it reads as `text`, and behind it `span` of `file` */
	struct timespec mtime;  /* when the draft was last written to */
	bool dirty;             /* the draft was neither committed nor refused yet */
	int refused;            /* -errno of the last refusal, until the draft changes */
	int short_of;           /* -errno of a write that failed, until its bytes, */
	uint64_t short_from;    /* from here on, are written or cut off */
	bool left;              /* closed, but what it has is neither committed nor kept */
	struct crit_buf text;   /* of texts: as rendered when opened */
	struct crit_file *file; /* a reference, of PASSED; of blobs and documents: as it was
				   when opened */
	struct crit_span span;
	struct crit_document *document; /* owned, of a document: the same; made from `file` */
	uint64_t document_size;
	struct cfs_draft *draft;    /* owned; NULL until something is written */
	struct timespec since;      /* of SPECIAL and PROC: when it was opened; coarse */
	struct cfs_proc_open *proc; /* owned, of PROC */
	struct cfs_names *names;    /* owned, of DIR */
	struct cfs_wanted wanted;   /* of directories */
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

/* What it may do, by the flags of open(2); and hand it out in fi->fh. */
void cfs_handle_set_access(struct cfs_handle *h, const struct fuse_file_info *fi);
void cfs_handle_give(struct cfs_handle *h, struct fuse_file_info *fi);

/*
 * Who has an entry file open under a node id. Pages and size are the inode's, so only
 * handles that all read the same may share them.
 */
struct cfs_readers {
	bool any, writers;
	bool cached;               /* some read through the kernel's pages */
	struct cfs_handle *mapped; /* such a one with a draft: its size is the inode's */
};

struct cfs_readers cfs_handle_readers(struct cfs *fs, uint64_t ino);

/* Has somebody the entry file open who may write to it, under whichever node id? */
bool cfs_handle_has_writer(struct cfs *fs, const struct cfs_ref *ref);

/* An entry file was committed over: what was opened before is stale. */
void cfs_handle_mark_stale(struct cfs *fs, const struct cfs_ref *ref);

/*
 * A document was committed: its image is another, but to the handles of the document not
 * one that was changed underneath since `generation`.
 */
void cfs_handle_renumber(struct cfs *fs, const struct cfs_image *image, uint64_t generation);

/* The same for all that is open of an image which was read anew. */
void cfs_handle_mark_image(struct cfs *fs, const struct cfs_image *image);

/*
 * What is open as an entry file under a node id; one that is cached, or
 * only read, if there is any.
 */
struct cfs_handle *cfs_handle_of_entry(struct cfs *fs, uint64_t ino);

/*
 * The entry file, or (`whole`) all of its entry, was removed: who has it open goes on
 * by himself. Or the entry went to another slot, and its handles with it.
 */
void cfs_handle_remove(struct cfs *fs, const struct cfs_ref *ref, bool whole);
void cfs_handle_move(struct cfs *fs, const struct cfs_ref *from, const struct cfs_ref *to);

/* Any open handle of a file that is shown as it is, or NULL. */
struct cfs_handle *cfs_handle_of_passed(struct cfs *fs, const struct cfs_node *node);

/* What an open entry file reads, bytes; it stays so whatever is committed. */
uint64_t cfs_handle_size(const struct cfs_handle *h);

/*
 * Does it take long to make a draft of what the handle reads? A document's is made on the
 * worker, with the lock dropped meanwhile.
 */
bool cfs_handle_draft_is_slow(const struct cfs_handle *h);

/* Is the file what it was when the handle was opened, or what commits made of it since? */
bool cfs_handle_is_intact(const struct cfs_handle *h);

/* Make a draft of what the handle reads, or of the one it has its own. 0, -errno */
int cfs_handle_own_draft(struct cfs *fs, struct cfs_handle *h);

/* A write to its draft failed with `ret`: the draft is not to be committed as it is. */
void cfs_handle_fell_short(struct cfs_handle *h, uint64_t off, int ret);

/* The draft was changed: what is at `off`, or all behind it, is as its writer wants it. */
void cfs_handle_drafted(struct cfs_handle *h, uint64_t off);

#endif
