/*
 * Preloaded into critfs: makes system calls fail, or ends the daemon at one.
 *
 * The file that CRITFS_TEST_FAIL names says which, a line "CALL WHAT [NUMBER]": WHAT
 * is an errno's number, or -1 to be killed before the call, -2 after it; NUMBER is
 * how many such calls go well before. No such file: all goes well. Calls are counted
 * anew whenever the file's contents change.
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

#define WRAP(result, name, parameters, arguments)                                              \
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
		return done;                                                                   \
	}

WRAP(int, fsync, (int fd), (fd))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(int, flock, (int fd, int operation), (fd, operation))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size))
WRAP(int, unlinkat, (int dirfd, const char *name, int flags), (dirfd, name, flags))
WRAP(int, renameat, (int from, const char *old, int to, const char *new), (from, old, to, new))
WRAP(int, renameat2, (int from, const char *old, int to, const char *new, unsigned flags),
     (from, old, to, new, flags))
WRAP(int, fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags),
     (fd, name, value, size, flags))
WRAP(ssize_t, pread64, (int fd, void *buf, size_t size, off64_t off), (fd, buf, size, off))
WRAP(ssize_t, pwrite64, (int fd, const void *buf, size_t size, off64_t off),
     (fd, buf, size, off))
WRAP(ssize_t, copy_file_range,
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
	done = next(dirfd, name, flags, mode);
	if (what == KILL_AFTER)
		syscall(SYS_kill, getpid(), SIGKILL);
	return done;
}
