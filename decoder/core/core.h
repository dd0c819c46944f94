/*
 * A process of a dump as an ELF core, as the kernel would have written it. It is made as it
 * is read: its size is exact from the beginning, and nothing of it is kept but its notes and
 * a sparse index of its segments. See core(5), elf(5). No thread safety.
 */
#ifndef CRIT_CORE_H
#define CRIT_CORE_H

#include "decoder/space.h"

struct crit_core;

/*
 * The core of a process; takes a reference of its own to `space`. What it lacks, though it
 * should be in the dump, is told to the dump's listener. -EOPNOTSUPP for machines
 * other than x86-64 and aarch64, -ENOENT for a zombie, -errno; each with the reason.
 */
int crit_core_new(struct crit_dump *dump, const struct crit_process *p,
		  struct crit_space *space, struct crit_core **out, struct crit_error *err);
void crit_core_free(struct crit_core *core); /* NULL is fine */

/* Bytes. */
uint64_t crit_core_size(const struct crit_core *core);

/*
 * Read up to `len` bytes at `off`: all there are before the end; 0 there. -EIO and the
 * reason if a pages file can't be read.
 */
ssize_t crit_core_read(struct crit_core *core, uint64_t off, void *buf, size_t len,
		       struct crit_error *err);

/* SEEK_DATA and SEEK_HOLE, the end of the file being a hole. -ENXIO, -errno. */
int crit_core_seek(struct crit_core *core, uint64_t off, bool data, uint64_t *found,
		   struct crit_error *err);

#endif
