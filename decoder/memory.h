/*
 * The address space of a process: its mappings (mm-<pid>.img; in old dumps
 * vmas-<pid>.img), and the runs of pages that the dump has of it.
 */
#ifndef CRIT_MEMORY_H
#define CRIT_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/process.h"
#include "memory.pb-c.h"

/* Bits of vma_entry.status. */
enum crit_vma_status {
	CRIT_VMA_REGULAR = 1 << 0,
	CRIT_VMA_STACK = 1 << 1,
	CRIT_VMA_VSYSCALL = 1 << 2,
	CRIT_VMA_VDSO = 1 << 3,
	CRIT_VMA_HEAP = 1 << 5,
	CRIT_VMA_FILE_PRIVATE = 1 << 6, /* shmid is the file's id */
	CRIT_VMA_FILE_SHARED = 1 << 7,  /* likewise */
	CRIT_VMA_ANON_SHARED = 1 << 8,
	CRIT_VMA_SYSVIPC = 1 << 10,
	CRIT_VMA_SOCKET = 1 << 11,
	CRIT_VMA_VVAR = 1 << 12,
	CRIT_VMA_AIORING = 1 << 13,
	CRIT_VMA_MEMFD = 1 << 14, /* of a file mapping: the file has no path */
	CRIT_VMA_UPROBES = 1 << 17,

	CRIT_VMA_FILE = CRIT_VMA_FILE_PRIVATE | CRIT_VMA_FILE_SHARED,
};

enum { CRIT_PAGE_SHIFT = 12 };

struct crit_memory {
	MmEntry *mm;     /* owned */
	VmaEntry **vmas; /* by address, as they were dumped */
	size_t n_vmas;
	VmaEntry **own; /* owned, with what it points to: of an old dump; else NULL */
	size_t n_own;
};

/*
 * 0; -ENOENT if there is nothing to show: of a zombie, or of what can't be read, of
 * which the listener was told.
 */
int crit_memory_read(struct crit_dump *dump, const struct crit_process *p,
		     struct crit_memory *m);
void crit_memory_fini(struct crit_memory *m);

/* Bits of pagemap_entry.flags. */
enum crit_page_flags {
	CRIT_PE_PARENT = 1 << 0,  /* in the dump that this one builds on */
	CRIT_PE_LAZY = 1 << 1,    /* alone: left to a page server */
	CRIT_PE_PRESENT = 1 << 2, /* takes bytes in the pages file */

	CRIT_PE_KNOWN = CRIT_PE_PARENT | CRIT_PE_LAZY | CRIT_PE_PRESENT,
};

struct crit_page_run {
	uint64_t vaddr; /* of the first page */
	uint64_t n;     /* pages */
	uint32_t flags; /* crit_page_flags; where old dumps have none, what they mean */
};

/*
 * The run of pages that entry walk->n of a page map has; 0 is the head. 1 and *run; 0 at
 * the end; -EBADMSG if the entry does not decode, after which the next call gives the one
 * behind it; -errno where no more can be read.
 */
int crit_page_run_read(struct crit_walk *walk, struct crit_page_run *run,
		       struct crit_error *err);

/*
 * The next run of a page map: 1 and *run, 0 at the end. The walk is one of
 * crit_walk_open() on pagemap-<pid>.img, which is called `name`; what can't be read is
 * told. Runs are not kept, as there may be millions.
 */
int crit_page_run_next(struct crit_dump *dump, const char *name, struct crit_walk *walk,
		       struct crit_page_run *run);

#endif
