/*
 * Files to read and to write, wherever the command line says they are.
 */
#ifndef CRITIC_FILES_H
#define CRITIC_FILES_H

#include <stddef.h>
#include <sys/stat.h>

#include "decoder/error.h"
#include "decoder/file.h"
#include "decoder/source.h"

/*
 * Open an image; NULL is stdin. What can't be read at any offset, like a pipe, is read
 * into a temporary file first. 0, -errno.
 */
int critic_open(const char *path, struct crit_file **out, struct crit_error *err);

/* A document in a file or from a pipe. */
struct critic_source {
	struct crit_source source; /* must be the first */
	int fd;                    /* owned */
	uint64_t begin;            /* where in the file it begins, bytes */
};

/* NULL is stdin. 0, -errno; to be closed whichever. */
int critic_source_open(struct critic_source *s, const char *path, struct crit_error *err);
void critic_source_close(struct critic_source *s);

/* Something to be written: a regular file appears when it is whole, or not at all. */
struct critic_output {
	int fd;          /* owned, but for stdout */
	char *path;      /* owned: of a file that is to appear, links followed; else NULL */
	char *temporary; /* owned: its path until then */
};

/*
 * Begin to write to `path`; NULL is stdout. It must not be `in`, which may be NULL.
 * 0, -errno.
 */
int critic_output_open(struct critic_output *out, const char *path, const struct crit_file *in,
		       struct crit_error *err);

/* Append. 0, -errno. */
int critic_output_write(struct critic_output *out, const void *data, size_t len,
			struct crit_error *err);

/*
 * Append `len` zeros: as a hole, unless that is not to be had, as in a pipe. 0, -errno.
 */
int critic_output_skip(struct critic_output *out, uint64_t len, struct crit_error *err);

/* End: the file takes its name (a mode like the old one's). 0, -errno. */
int critic_output_close(struct critic_output *out, struct crit_error *err);

/* End without it; does nothing behind critic_output_close(). */
void critic_output_abort(struct critic_output *out);

#endif
