/*
 * File objects that the kernel knows by an id from the counter: directories,
 * files that are passed through, scratch files, and those entry files whose
 * computed id went elsewhere (see ids.h). A node lives while the kernel, a
 * handle or a name refers to it. A node id names an object, not a name: renames
 * move the object.
 */
#ifndef CFS_NODE_H
#define CFS_NODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "decoder/dir.h"
#include "decoder/edit.h"
#include "fs/hash.h"

struct cfs_image;
struct cfs_made;
struct cfs_proc_node;
struct cfs_procs;
struct cfs_scratch;

/* An entry file: a part of an entry, or of a message within one; or a document. */
struct cfs_ref {
	struct cfs_image *image;
	struct crit_place place; /* slot and message */
	unsigned part;           /* enum crit_part or CFS_PART_* */
};

/* Do they mean the same file of one image? */
static inline bool cfs_ref_same(const struct cfs_ref *a, const struct cfs_ref *b)
{
	return a->place.n == b->place.n && a->place.m == b->place.m && a->part == b->part;
}

enum cfs_kind {
	CFS_DIR,         /* a directory of the dump */
	CFS_IMAGE,       /* an image, as a directory; has a computed id */
	CFS_PASSED,      /* a file, link or other thing of the dump, shown as it is */
	CFS_ENTRY,       /* an entry file, see ref */
	CFS_SCRATCH,     /* in memory only */
	CFS_SPECIAL_DIR, /* .critfs */
	CFS_SPECIAL,     /* a text in it */
	CFS_DOCUMENTS,   /* .critfs/json */
	CFS_PROC,        /* .critfs/proc, and what is in it */
	CFS_VIEW,        /* .critfs/img and .critfs/tar, and directories in that: see view.h */
	CFS_OLD,         /* an entry file as it was before a commit, or was removed; see ref */
	CFS_GONE,        /* what it was is no more; only the kernel still knows it */
};

/* What a directory shows that shows files as they are. */
enum cfs_view_kind {
	CFS_VIEW_IMAGES, /* the files of a dump */
	CFS_VIEW_TARS,   /* its archives, as directories */
	CFS_VIEW_TREE,   /* what is in one of them */
};

struct cfs_node_key;

struct cfs_node {
	uint64_t id;
	enum cfs_kind kind;
	uint64_t lookups;         /* references that the kernel holds */
	bool forever;             /* it has a computed id, whose lookups were not counted */
	unsigned refs;            /* of handles, images and nodes below */
	struct cfs_node_key *key; /* owned: where it is to be found; NULL: nowhere */
	struct cfs_node *parent;  /* a reference: the directory around it, NULL for the root */
	struct crit_dir
		*dir; /* a reference, of a CFS_DIR and a CFS_VIEW; NULL: not opened yet */
	struct cfs_node *documents; /* a reference, of a CFS_DIR: its CFS_DOCUMENTS, if any */
	struct cfs_ref ref;         /* of CFS_ENTRY, CFS_OLD and pending ones; else the image */
	struct cfs_scratch *scratch;   /* owned, of CFS_SCRATCH */
	unsigned special;              /* enum cfs_special */
	struct cfs_made *made;         /* owned, of CFS_SPECIAL: see made.h */
	struct cfs_proc_node *proc;    /* owned, of CFS_PROC: see proc.h */
	struct cfs_procs *procs;       /* owned, of CFS_DIR: see procs.h */
	enum cfs_view_kind view;       /* of CFS_VIEW, */
	struct crit_identity archived; /* and which archive it shows; zeros: none. */
	int failed;                    /* -errno of opening that */
	/*
	 * Of CFS_SCRATCH: it has the name of an entry file that the image has not (yet),
	 * which ref is; and the image's generation when it got it.
	 */
	bool pending;
	uint64_t generation;
	bool promised; /* of CFS_ENTRY: see promise.h */
	bool written;  /* of CFS_ENTRY: its pages may hold what was written, not what it says */
	unsigned writers; /* of CFS_PASSED: handles that wrote and were not flushed */
	dev_t dev;        /* of CFS_PASSED: which file it is, */
	ino_t inode;
	struct timespec opened; /* and its ctime at the last open; 0: too fresh */
	UT_hash_handle by_id;
	struct cfs_node *next, *prev; /* of CFS_SCRATCH, in the table's list */
};

struct cfs_node_table {
	struct cfs_node *by_id;       /* uthash */
	struct cfs_node_key *by_name; /* uthash */
	struct cfs_node *scratch;     /* those that are CFS_SCRATCH, utlist: they are few */
	uint64_t last_id;
};

/* Make a node; id 0: the next of the counter. A name makes it found there. */
struct cfs_node *cfs_node_new(struct cfs_node_table *t, uint64_t id, enum cfs_kind kind,
			      struct cfs_node *parent, uint64_t container, const char *name);

struct cfs_node *cfs_node_by_id(struct cfs_node_table *t, uint64_t id);
struct cfs_node *cfs_node_by_name(struct cfs_node_table *t, uint64_t container,
				  const char *name);

/* It is something else now: a scratch file that was an entry's, or the other way. */
void cfs_node_become(struct cfs_node_table *t, struct cfs_node *node, enum cfs_kind kind);

/* The name it is found by, NULL if none, and the id of what it is in. */
const char *cfs_node_name(const struct cfs_node *node);
uint64_t cfs_node_container(const struct cfs_node *node);

/*
 * Move it to another name, or (NULL) to none and free it if nobody refers to it. 0, -ENOMEM:
 * it is where it was.
 */
int cfs_node_rename(struct cfs_node_table *t, struct cfs_node *node, uint64_t container,
		    const char *name);

/* Move a file or directory of the dump to another name. It has no name if that fails. */
int cfs_node_move(struct cfs_node_table *t, struct cfs_node *node, struct cfs_node *dir,
		  const char *name);

/* Free it if nobody refers to it: no name that must stay, no lookup, no ref. */
void cfs_node_release(struct cfs_node_table *t, struct cfs_node *node);

void cfs_node_ref(struct cfs_node *node);
void cfs_node_unref(struct cfs_node_table *t, struct cfs_node *node); /* NULL is fine */

/* The kernel forgot `n` of its references to `id`. */
void cfs_node_forget(struct cfs_node_table *t, uint64_t id, uint64_t n);

/* At the end of the mount. */
void cfs_nodes_fini(struct cfs_node_table *t);

#endif
