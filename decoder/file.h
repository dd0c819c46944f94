/*
 * An open file of a dump, shared by all who read it, and how it is recognised
 * again. Commits never write into a file that anybody else holds but replace it, so
 * whoever has the old one reads on undisturbed. No thread safety: the caller has a lock.
 */
#ifndef CRIT_FILE_H
#define CRIT_FILE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "decoder/error.h"

/* Two stats with equal identities are of one file with the same contents. */
struct crit_identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct crit_identity crit_identity_of(const struct stat *st);
bool crit_identity_same(const struct crit_identity *a, const struct crit_identity *b);

static inline bool crit_time_same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Make *latest that time, if it is later. */
static inline void crit_time_later(const struct timespec *t, struct timespec *latest)
{
	if (t->tv_sec > latest->tv_sec ||
	    (t->tv_sec == latest->tv_sec && t->tv_nsec > latest->tv_nsec))
		*latest = *t;
}

/* The same file with the same bytes, whatever became of its name and its mode since. */
bool crit_bytes_same(const struct stat *a, const struct stat *b);

struct crit_file {
	int fd; /* owned; others than commits only read, however it was opened */
	unsigned refs;
	struct stat st; /* when it was opened */
	/* Of a member of an archive: */
	bool is_span;
	uint64_t base;              /* where its bytes begin in what fd is open on, */
	struct crit_identity whole; /* and which file that is, whenever its inode changed */
};

/* Is it the machine that fails, not the file? Then it may be tried again. */
static inline bool crit_is_passing(int ret)
{
	return ret == -ENOMEM || ret == -EMFILE || ret == -ENFILE;
}

/* Open a regular file, never through a symlink. -errno, -ELOOP, -EINVAL. */
int crit_file_open(int dirfd, const char *name, struct crit_file **out);

/* Takes ownership of `fd` on success. */
int crit_file_adopt(int fd, struct crit_file **out);

/*
 * A file that is st->st_size bytes of another one, from `off` on; `fd` is open on that, and
 * `in`, if it is not NULL, is what it should be. 0, -EIO if that was written to, -errno.
 */
int crit_file_of_span(int fd, const struct crit_file *in, uint64_t off, const struct stat *st,
		      struct crit_file **out);

struct crit_file *crit_file_get(struct crit_file *file);
void crit_file_put(struct crit_file *file); /* NULL is fine */

/*
 * What it is now, which is file->st as long as nobody wrote to it; of a span, or to what
 * it is in. 0, -errno.
 */
int crit_file_stat(const struct crit_file *file, struct stat *st);

/* Has it the bytes that it had then, whatever became of its name and its mode? */
bool crit_file_is_intact(const struct crit_file *file);

/* Read exactly `len` of its bytes; -EIO if it has become shorter than that. */
int crit_file_read(const struct crit_file *file, void *buf, size_t len, uint64_t off);

/* Make *latest the time when it was last changed, if that is later. NULL is fine. */
void crit_file_changed(const struct crit_file *file, struct timespec *latest);

/* Read exactly `len` bytes; -EIO if the file has become shorter than that. */
int crit_pread_full(int fd, void *buf, size_t len, uint64_t off);

/* Write exactly `len` bytes at `off`. */
int crit_pwrite_full(int fd, const void *buf, size_t len, uint64_t off);

#endif
