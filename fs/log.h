/*
 * What critfs says, and where: to the log (stderr with -f, else syslog) while it serves, to
 * stderr before that. Each is one line, in which all that a terminal would obey, and line
 * ends, are escaped: what it repeats came from a dump.
 */
#ifndef CFS_LOG_H
#define CFS_LOG_H

#include <fuse_log.h>
#include <stdarg.h>

struct cfs;

/* To the log. No newline behind it. */
void cfs_log(struct cfs *fs, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* To whoever mounts, before critfs detaches. No newline behind it. */
void cfs_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What libfuse has to say, to stderr: for fuse_set_log_func(). */
void cfs_log_of_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

#endif
