/*
 * The address space of a process as far as a dump has it: what is mapped where, and for
 * each address where its page is: in this dump's pages, in a parent's, in those of a shared
 * segment, or nowhere because it was never written to. Pages are looked up through a
 * sparse index: a page map of a million entries costs some kilobytes. Nothing is mapped
 * into memory, everything is read with pread. No thread safety.
 */
#ifndef CRIT_SPACE_H
#define CRIT_SPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "decoder/memory.h"
#include "decoder/process.h"

/* Where the bytes at an address are. */
enum crit_backing {
	CRIT_UNMAPPED,  /* there is no mapping */
	CRIT_STORED,    /* in a pages file of the dump */
	CRIT_INHERITED, /* in a pages file of a parent, or an old dump's image of shared
			   memory: they can't be written */
	CRIT_ZEROS,     /* never written to: anonymous or shared memory */
	CRIT_OUTSIDE,   /* in a mapped file, which no dump has */
	CRIT_MISSING,   /* not to be had: lazy, compressed, cut off, no parent; see reason */
};

/*
 * A stretch of addresses whose bytes are in one place, one behind the other. The next may
 * say the same, as answers have a limit.
 */
struct crit_stretch {
	uint64_t start, end; /* addresses, of whole pages; UNMAPPED may end at UINT64_MAX */
	enum crit_backing backing;
	/*
	 * Borrowed, and good until the next call for this space: the pages file of STORED
	 * and INHERITED, else -1.
	 */
	int fd;
	uint64_t off; /* where the byte at `start` is in it */
	/* of OUTSIDE and MISSING, NULL for most others: a clause for people; static */
	const char *reason;
};

struct crit_space;

/*
 * The address space of a process of an open dump, which may be closed then. -ENOENT if it
 * has none (a zombie); -errno and the reason. What can't be read of it is told to the
 * dump's listener. Counted references, since open files and a cache share it.
 */
int crit_space_open(struct crit_dump *dump, const struct crit_process *p,
		    struct crit_space **out, struct crit_error *err);
struct crit_space *crit_space_get(struct crit_space *space);
void crit_space_put(struct crit_space *space); /* NULL is fine */

/* Are the images and pages files still those that were opened? */
bool crit_space_is_current(const struct crit_space *space);

/*
 * The latest change of any file that pages are read from, or that says where they are: who
 * keeps pages elsewhere can tell whether they are still good.
 */
struct timespec crit_space_changed(const struct crit_space *space);

/*
 * Borrowed: the mappings, in rising order and without overlaps, and all else of mm. None is
 * beyond 2^63 but the kernel's vsyscall page, which has CRIT_VMA_VSYSCALL.
 */
const struct crit_memory *crit_space_memory(const struct crit_space *space);

/* The mapping around an address, or the next behind it; NULL if there is none. */
const VmaEntry *crit_space_mapping(const struct crit_space *space, uint64_t addr);

/* Bytes of a page, as the machine had it that made the dump. */
uint32_t crit_space_page_size(const struct crit_space *space);

/*
 * What is at `addr`: the stretch from there on as far as one answer holds, never beyond its
 * mapping; start is addr rounded down to a page. 0; -errno and the reason if an image
 * can't be read: -EIO, -EBUSY if it changed, -EMFILE and the like.
 */
int crit_space_at(struct crit_space *space, uint64_t addr, struct crit_stretch *s,
		  struct crit_error *err);

/*
 * Read up to `len` bytes at `addr`: how many, less where an unreadable page follows. -EIO and
 * the reason if there is none at `addr`.
 */
ssize_t crit_space_read(struct crit_space *space, uint64_t addr, void *buf, size_t len,
			struct crit_error *err);

/*
 * Write into pages that the dump itself has, in place. All or nothing is accepted: -EIO where
 * nothing is mapped, -EPERM for pages that are not in the dump's own pages files; the reason
 * names the address. -EBUSY if the page map or the pages file is no longer what was opened.
 * 0, -errno.
 */
int crit_space_write(struct crit_space *space, uint64_t addr, const void *buf, size_t len,
		     struct crit_error *err);

/* Wait until what was written is on the disk. 0, -errno. */
int crit_space_sync(struct crit_space *space);

/*
 * A run of pages whose bytes are in this dump or its parents, all of one mapping. The first
 * one that ends behind `addr`, from there on: 1 and *start, *end; 0 if there is none, -errno.
 */
int crit_space_run(struct crit_space *space, uint64_t addr, uint64_t *start, uint64_t *end,
		   struct crit_error *err);

/*
 * So many runs, or stretches, who goes through all of them follows at most: real page maps have
 * millions, but thousands of mappings of one segment that has thousands of runs are made up,
 * and would take hours.
 */
#define CRIT_WALK_MAX (UINT64_C(1) << 23)

/*
 * SEEK_DATA and SEEK_HOLE: the first address from `addr` on whose page is in some pages file
 * (data), or is not. -ENXIO behind the last such page.
 */
int crit_space_seek(struct crit_space *space, uint64_t addr, bool data, uint64_t *found,
		    struct crit_error *err);

/* The end of the last mapping below 2^63, the size of its memory as a file. */
uint64_t crit_space_end(const struct crit_space *space);

#endif
