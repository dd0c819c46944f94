/*
 * The processes of a dump as a tree of files, the one that proc(5) describes: which files
 * there are, and what they say. What a dump does not hold is absent, or zero as the kernel
 * has it for threads of its own. A tree is a snapshot: it reads images when it needs them and
 * keeps some, so who wants to see changes makes a new one. No thread safety.
 */
#ifndef CRIT_PROC_H
#define CRIT_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "decoder/buf.h"
#include "decoder/error.h"
#include "decoder/space.h"

struct crit_proc;
struct crit_proc_kind; /* see tree.h */

/* What a file is to who opens it. */
enum crit_proc_shape {
	CRIT_PROC_DIRECTORY,
	CRIT_PROC_LINK,
	CRIT_PROC_TEXT,
	CRIT_PROC_MEM, /* the address space */
	CRIT_PROC_RUN, /* a run of its pages, from `number` to `end` */
	CRIT_PROC_CORE,
};

/* A file of the tree: a value, good for any snapshot of the same dump. */
struct crit_proc_file {
	const struct crit_proc_kind *kind; /* static */
	uint32_t pid, tid;                 /* 0: of none; tid only below task/ */
	uint64_t number; /* which one of its directory: descriptor, address, … */
	uint64_t end;    /* of a run, else 0 */
};

static inline bool crit_proc_same(const struct crit_proc_file *a,
				  const struct crit_proc_file *b)
{
	return a->kind == b->kind && a->pid == b->pid && a->tid == b->tid &&
	       a->number == b->number && a->end == b->end;
}

/* The dump in a directory. 0, -ENOMEM. Without pstree.img it is empty. */
int crit_proc_new(const struct crit_dir *dir, struct crit_proc **out, struct crit_error *err);
void crit_proc_free(struct crit_proc *proc); /* NULL is fine */

/* Keep what was expensive to make in an older tree of the same dump, and is good still. */
void crit_proc_inherit(struct crit_proc *proc, struct crit_proc *from);

/* The top directory. */
struct crit_proc_file crit_proc_top(void);

enum crit_proc_shape crit_proc_shape(const struct crit_proc_file *file);

/*
 * The file of this name in a directory. `caller` is the process that asks, which finds itself
 * and `self` even where the dump has no such process. 0, -ENOENT, -errno.
 */
int crit_proc_lookup(struct crit_proc *proc, const struct crit_proc_file *dir, const char *name,
		     uint32_t caller, struct crit_proc_file *file);

#define CRIT_PROC_NAME_MAX 64

/* The file of this number in a directory whose files have numbers. 0, -ENOENT, -errno. */
int crit_proc_member(struct crit_proc *proc, const struct crit_proc_file *dir, uint64_t number,
		     struct crit_proc_file *file);

/* The name that it has in its directory. */
void crit_proc_name(const struct crit_proc_file *file, char name[CRIT_PROC_NAME_MAX]);

/*
 * The first file of a directory at or behind *cookie, which begins with 0 and is set to go on
 * from. 1, 0 at the end, -errno.
 */
int crit_proc_next(struct crit_proc *proc, const struct crit_proc_file *dir, uint64_t *cookie,
		   char name[CRIT_PROC_NAME_MAX], struct crit_proc_file *file);

/* Append what a text says, or where a link leads (without a NUL). 0, -ENOENT, -errno. */
int crit_proc_text(struct crit_proc *proc, const struct crit_proc_file *file, uint32_t caller,
		   struct crit_buf *out, struct crit_error *err);

/*
 * Type, permissions, owner, times, exact size and links. Owner and permissions are those of
 * the image that the process is read from, but the directory of a process or thread is its
 * user's, as readers of proc expect. The top directory lets nobody in who can't read all
 * images. 0, -ENOENT, -errno.
 */
int crit_proc_stat(struct crit_proc *proc, const struct crit_proc_file *file, uint32_t caller,
		   struct stat *st);

/* The address space of a process, shared with the snapshot; a reference. 0, -ENOENT, -errno */
int crit_proc_space(struct crit_proc *proc, uint32_t pid, struct crit_space **out,
		    struct crit_error *err);

struct crit_core;

/* Its core, to be freed by the caller, who may go on with it after the snapshot is gone. */
int crit_proc_core(struct crit_proc *proc, uint32_t pid, struct crit_core **out,
		   struct crit_error *err);

#endif
