/*
 * Preloaded into critfs: makes system calls fail, or ends the daemon at one.
 *
 * The file that CRITFS_TEST_FAIL names says which, a line "CALL WHAT [NUMBER]": WHAT
 * is an errno's number, or -1 to be killed before the call, -2 after it, or -3 for
 * somebody else who makes the file first, which is empty and for nobody else; NUMBER is
 * how many such calls go well before. No such file: all goes well. Calls are counted
 * anew whenever the file's contents change.
 *
 * The file that CRITFS_TEST_LOG names, if there is one, gets a line "CALL INODE" for each
 * such call that goes well, INODE being that of the file which it is about.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#define KILL_BEFORE (-1)
#define KILL_AFTER  (-2)
#define MADE_BEFORE (-3)

struct plan {
	char call[32];
	int what;
	long number;
};

/* The plan that is in the file now, read with calls that are not ours. */
static bool read_plan(struct plan *plan)
{
	const char *path = getenv("CRITFS_TEST_FAIL");
	char text[128] = "";
	long fd, n;

	if (!path)
		return false;
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	n = syscall(SYS_pread64, fd, text, sizeof(text) - 1, 0);
	syscall(SYS_close, fd);
	memset(plan, 0, sizeof(*plan));
	return n > 0 &&
	       sscanf(text, "%31s %d %ld", plan->call, &plan->what, &plan->number) >= 2;
}

/* Is it this call's turn? What shall happen, or 0. */
static int turn(const char *call)
{
	static struct plan last;
	static long seen;
	int saved = errno, what = 0;
	struct plan plan;

	/* only the daemon itself, no program that it starts */
	if (!strcmp(program_invocation_short_name, "critfs") && read_plan(&plan)) {
		if (memcmp(&plan, &last, sizeof(plan))) {
			last = plan;
			seen = 0;
		}
		if (!strcmp(call, plan.call) && seen++ >= plan.number)
			what = plan.what;
	}
	if (what == KILL_BEFORE)
		syscall(SYS_kill, getpid(), SIGKILL);
	errno = saved;
	return what;
}

/* What was done to the file `fd`, or to a name in the directory. */
static void note(const char *call, int fd)
{
	const char *path = getenv("CRITFS_TEST_LOG");
	int saved = errno, len;
	char line[64];
	struct stat st;
	long out;

	if (!path || strcmp(program_invocation_short_name, "critfs") || fstat(fd, &st) < 0)
		return;
	out = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
	if (out >= 0) {
		len = snprintf(line, sizeof(line), "%s %lu\n", call, (unsigned long)st.st_ino);
		syscall(SYS_write, out, line, len);
		syscall(SYS_close, out);
	}
	errno = saved;
}

#define WRAP(result, name, fd, parameters, arguments)                                          \
	result name parameters                                                                 \
	{                                                                                      \
		result(*next) parameters = (result(*) parameters)dlsym(RTLD_NEXT, #name);      \
		int what = turn(#name);                                                        \
		result done;                                                                   \
                                                                                               \
		if (what > 0) {                                                                \
			errno = what;                                                          \
			return -1;                                                             \
		}                                                                              \
		done = next arguments;                                                         \
		if (what == KILL_AFTER)                                                        \
			syscall(SYS_kill, getpid(), SIGKILL);                                  \
		if (done >= 0)                                                                 \
			note(#name, fd);                                                       \
		return done;                                                                   \
	}

WRAP(int, fsync, fd, (int fd), (fd))
WRAP(int, fchmod, fd, (int fd, mode_t mode), (fd, mode))
WRAP(int, fchown, fd, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(int, flock, fd, (int fd, int operation), (fd, operation))
WRAP(int, ftruncate64, fd, (int fd, off64_t size), (fd, size))
WRAP(int, unlinkat, dirfd, (int dirfd, const char *name, int flags), (dirfd, name, flags))
WRAP(int, mknodat, dirfd, (int dirfd, const char *name, mode_t mode, dev_t dev),
     (dirfd, name, mode, dev))
WRAP(int, renameat, to, (int from, const char *old, int to, const char *new),
     (from, old, to, new))
WRAP(int, renameat2, to, (int from, const char *old, int to, const char *new, unsigned flags),
     (from, old, to, new, flags))
WRAP(int, fsetxattr, fd, (int fd, const char *name, const void *value, size_t size, int flags),
     (fd, name, value, size, flags))
WRAP(ssize_t, pread64, fd, (int fd, void *buf, size_t size, off64_t off), (fd, buf, size, off))
WRAP(ssize_t, pwrite64, fd, (int fd, const void *buf, size_t size, off64_t off),
     (fd, buf, size, off))
WRAP(ssize_t, copy_file_range, out,
     (int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags),
     (in, from, out, to, size, flags))

/* Only where a file is made: to fail to open what is there is another matter. */
int openat64(int dirfd, const char *name, int flags, ...)
{
	int (*next)(int, const char *, int,
		    ...) = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat64");
	int what = flags & O_CREAT ? turn("openat64") : 0, done;
	mode_t mode = 0;
	va_list args;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (what > 0) {
		errno = what;
		return -1;
	}
	if (what == MADE_BEFORE)
		syscall(SYS_mknodat, dirfd, name, S_IFREG | 0600, 0);
	done = next(dirfd, name, flags, mode);
	if (what == KILL_AFTER)
		syscall(SYS_kill, getpid(), SIGKILL);
	return done;
}

/* Only leases: all else about descriptors goes well. */
int fcntl64(int fd, int command, ...)
{
	int (*next)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl64");
	int what = command == F_SETLEASE ? turn("fcntl64") : 0, done;
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	if (what > 0) {
		errno = what;
		return -1;
	}
	done = next(fd, command, arg);
	if (what == KILL_AFTER)
		syscall(SYS_kill, getpid(), SIGKILL);
	if (command == F_SETLEASE && done == 0)
		note("fcntl64", fd);
	return done;
}
