/*
 * The descriptors of a process, in rising order, and what is known of the open files behind
 * them.
 */
#ifndef CRIT_PROC_FD_H
#define CRIT_PROC_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/process.h"

struct crit_proc;

struct crit_proc_fd {
	uint32_t fd, id, type, flags; /* as in fdinfo_entry */
};

/* Zeros to begin with. */
struct crit_proc_fds {
	bool read, there;         /* there: the dump has its table */
	struct crit_proc_fd *all; /* owned; rising, each once */
	size_t n;
};

/* Read them: none where there is nothing to read, or no memory for it. */
void crit_proc_fds_read(struct crit_dump *dump, const struct crit_process *p,
			struct crit_proc_fds *fds);
void crit_proc_fds_fini(struct crit_proc_fds *fds);

/* The descriptor with this number; NULL if there is none. */
const struct crit_proc_fd *crit_proc_fd_find(const struct crit_proc_fds *fds, uint64_t fd);

/* An open file, whatever it is. */
struct crit_proc_opened {
	uint64_t pos;   /* bytes */
	uint32_t flags; /* O_*, without O_CLOEXEC, which is the descriptor's */
	bool has_mnt_id, has_ino;
	int32_t mnt_id;
	uint64_t ino;
};

/* What is not known is 0. */
void crit_proc_open_file(struct crit_proc *proc, uint32_t type, uint32_t id,
			 struct crit_proc_opened *opened);

#endif
