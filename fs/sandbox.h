/*
 * What the daemon can still do once it serves: whoever wrote a dump may have written it
 * against the program that opens it. Landlock, where the kernel has it, leaves only the files
 * that were allowed here, seccomp only the system calls that a running mount needs (see
 * syscalls.h). What is left out gives an error, it never kills.
 *
 * What the sandbox forbids and the end of a mount needs is done by another process, see
 * keeper.h.
 */
#ifndef CFS_SANDBOX_H
#define CFS_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

struct cfs_sandbox {
	int ruleset;      /* Landlock's, -1 without */
	uint64_t handled; /* which accesses it decides on, LANDLOCK_ACCESS_FS_* */
};

/*
 * Begin one, in which nothing but this may be read: the libraries of the system, for what is
 * loaded later, and `procfd`, the kernel's /proc (-1: none). 0, -errno.
 */
int cfs_sandbox_init(struct cfs_sandbox *box, int procfd);

enum cfs_sandbox_for {
	CFS_SANDBOX_LIST, /* the names below a directory */
	CFS_SANDBOX_READ, /* and the files; or one file */
	CFS_SANDBOX_CHANGE,
};

/* Allow that of everything below `fd`. A file that is open already needs no permission. 0,
 * -errno. */
int cfs_sandbox_allow(struct cfs_sandbox *box, int fd, enum cfs_sandbox_for what);

/* The calling thread and all it starts are in it from now on. 0, -errno. */
int cfs_sandbox_enter(struct cfs_sandbox *box);

void cfs_sandbox_fini(struct cfs_sandbox *box);

#endif
