/*
 * Which files the tree of proc has: the rows of the table in table.c, and the directories whose
 * names are numbers that a dump gives.
 */
#ifndef CRIT_PROC_TREE_H
#define CRIT_PROC_TREE_H

#include "decoder/proc/proc.h"

/* A kind of directory. */
enum crit_proc_place {
	CRIT_IN_TOP,
	CRIT_IN_PROCESS,   /* <pid> */
	CRIT_IN_TASK,      /* <pid>/task/<tid> */
	CRIT_IN_TASKS,     /* <pid>/task */
	CRIT_IN_FD,        /* <pid>/fd */
	CRIT_IN_FDINFO,    /* <pid>/fdinfo */
	CRIT_IN_NS,        /* <pid>/ns */
	CRIT_IN_NET,       /* <pid>/net */
	CRIT_IN_MAP_FILES, /* <pid>/map_files */
	CRIT_IN_ATTR,      /* <pid>/attr */
	CRIT_IN_SYS,
	CRIT_IN_SYS_KERNEL,
	CRIT_IN_CALLER,       /* the process that asks, which the dump has not */
	CRIT_IN_CALLER_TASKS, /* its task, and its only thread */
	CRIT_IN_CALLER_TASK,
	CRIT_N_PLACES,
};

#define CRIT_IN(place) (1u << (place))

/* What a text says, or where a link leads: 0, -ENOENT if there is none, -errno. */
typedef int crit_proc_render(struct crit_proc *proc, const struct crit_proc_file *f,
			     struct crit_buf *out, struct crit_error *err);

/* Is there one in its directory? */
typedef bool crit_proc_there(struct crit_proc *proc, const struct crit_proc_file *f);

/* A file, or all those in a directory that differ by a number. */
struct crit_proc_kind {
	const char *name; /* NULL: a number */
	unsigned in;      /* the places where there is one, CRIT_IN() */
	enum crit_proc_shape shape;
	unsigned mode;              /* permissions at most; the image's own limit them */
	crit_proc_render *render;   /* of texts and links */
	enum crit_proc_place holds; /* of directories */
	crit_proc_there *there;     /* NULL: always */
	/* the permissions of a link; NULL: all */
	unsigned (*permits)(struct crit_proc *proc, const struct crit_proc_file *f);
};

extern const struct crit_proc_kind crit_proc_kinds[];
extern const size_t crit_proc_n_kinds;

/* The files of a directory that have numbers. */
struct crit_proc_members {
	const struct crit_proc_kind *kind;
	/* the first one whose number is at least *number: 1 and the number, its end; 0, -errno
	 */
	int (*next)(struct crit_proc *proc, const struct crit_proc_file *dir, uint64_t *number,
		    uint64_t *end);
};

/* The members of descriptors' directories (in descriptors' own file), see above. */
int crit_proc_next_fd(struct crit_proc *proc, const struct crit_proc_file *dir,
		      uint64_t *number, uint64_t *end);

#endif
