/*
 * Why something failed, told so that a person can act on it. The caller owns a
 * struct crit_error, functions fill it in and return -errno; nothing here
 * allocates, so an error about memory can be told too.
 */
#ifndef CRIT_ERROR_H
#define CRIT_ERROR_H

#include <stddef.h>

/* What went wrong, as far as a program has to tell cases apart. */
enum crit_reason {
	CRIT_REJECTED = 1, /* text or contents that make no valid image */
	CRIT_CHANGED,      /* the file is no longer the one that was read */
	CRIT_BROKEN,       /* the image itself can't be read as one */
	CRIT_TOO_BIG,      /* beyond a limit of the format or of critfs */
	CRIT_NO_MEMORY,
};

struct crit_error {
	int errnum;    /* positive errno, 0 while nothing failed */
	unsigned line; /* 1-based place in the text; 0: none */
	unsigned col;  /* 1-based, in bytes, as editors jump to it */
	char text[400];
};

/*
 * Fill in `err` (may be NULL) and return the -errno that stands for `reason`.
 * A place set before by crit_error_at() is kept.
 */
int crit_fail(struct crit_error *err, enum crit_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a system call that failed with `errnum`; appends its meaning. */
int crit_fail_errno(struct crit_error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "PATH: " before the reason (of a failure that was just filled in). */
void crit_error_prefix(struct crit_error *err, const char *path);

/* The place in a text that the next crit_fail() speaks of. */
void crit_error_at(struct crit_error *err, unsigned line, unsigned col);

/*
 * Write "PATH:LINE:COL: error: TEXT" (without place: "PATH: error: TEXT"), cut
 * to `size` bytes, no newline. The path is made safe to show, as the text of each error
 * is already (printable.h). Returns as snprintf does.
 */
int crit_error_format(const struct crit_error *err, const char *path, char *out, size_t size);

#endif
