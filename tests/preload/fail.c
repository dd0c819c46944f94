/*
 * Preloaded into critfs: makes system calls fail, or ends the daemon at one, as plan.h
 * says.
 *
 * The file that CRITFS_TEST_LOG names, if there is one, gets a line "CALL INODE" for each
 * such call that goes well, INODE being that of the file which it is about.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "plan.h"

/* What was done to the file `fd`, or to a name in the directory. */
static void note(const char *call, int fd)
{
	int saved = errno;
	char line[64];
	struct stat st;

	if (!strcmp(program_invocation_short_name, "critfs") && fstat(fd, &st) == 0) {
		snprintf(line, sizeof(line), "%s %lu\n", call, (unsigned long)st.st_ino);
		append_line(PLAN_LOG, line);
	}
	errno = saved;
}

/* Requests and answers are the kernel's; it is not the disk that fails there. */
static int turn_of_file(const char *call, int fd, const char *group)
{
	int saved = errno;
	struct stat st;
	bool is_file = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));

	errno = saved;
	return is_file ? turn(call, group) : 0;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* `failed` is what the function returns when it fails. */
#define WRAP_AS(result, failed, name, whose_turn, arguments, noted)                            \
	{                                                                                      \
		int what = whose_turn;                                                         \
		result done;                                                                   \
                                                                                               \
		if (what > 0) {                                                                \
			errno = what;                                                          \
			return failed;                                                         \
		}                                                                              \
		done = NEXT(name) arguments;                                                   \
		if (what == KILL_AFTER)                                                        \
			syscall(SYS_kill, getpid(), SIGKILL);                                  \
		if (done != failed)                                                            \
			noted;                                                                 \
		return done;                                                                   \
	}

/* A call that changes something, which is noted. */
#define WRAP(result, name, fd, parameters, arguments)                                          \
	result name parameters WRAP_AS(result, -1, name, turn(#name, "any"), arguments,        \
				       note(#name, fd))

/* Others: of files, and of names. */
#define WRAP_FILE(result, name, fd, parameters, arguments)                                     \
	result name parameters WRAP_AS(result, -1, name, turn_of_file(#name, fd, "any"),       \
				       arguments, (void)0)
#define WRAP_NAME(result, name, parameters, arguments)                                         \
	result name parameters WRAP_AS(result, -1, name, turn(#name, "any"), arguments, (void)0)

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

WRAP_FILE(ssize_t, read, fd, (int fd, void *buf, size_t size), (fd, buf, size))
WRAP_FILE(ssize_t, write, fd, (int fd, const void *buf, size_t size), (fd, buf, size))
WRAP_FILE(ssize_t, splice, in,
	  (int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags),
	  (in, from, out, to, size, flags))
WRAP_FILE(int, fstatfs64, fd, (int fd, struct statfs64 *st), (fd, st))
WRAP_FILE(int, fstatvfs64, fd, (int fd, struct statvfs64 *st), (fd, st))
WRAP_FILE(int, fallocate64, fd, (int fd, int mode, off64_t off, off64_t len),
	  (fd, mode, off, len))
WRAP_FILE(int, sync_file_range, fd, (int fd, off64_t off, off64_t len, unsigned flags),
	  (fd, off, len, flags))
WRAP_FILE(int, futimens, fd, (int fd, const struct timespec times[2]), (fd, times))
WRAP_FILE(off64_t, lseek64, fd, (int fd, off64_t off, int whence), (fd, off, whence))
WRAP_FILE(ssize_t, fgetxattr, fd, (int fd, const char *name, void *value, size_t size),
	  (fd, name, value, size))
WRAP_FILE(ssize_t, flistxattr, fd, (int fd, char *list, size_t size), (fd, list, size))
WRAP_FILE(int, fremovexattr, fd, (int fd, const char *name), (fd, name))

WRAP_NAME(int, fstatat64, (int dirfd, const char *name, struct stat64 *st, int flags),
	  (dirfd, name, st, flags))
WRAP_NAME(int, fchownat, (int dirfd, const char *name, uid_t uid, gid_t gid, int flags),
	  (dirfd, name, uid, gid, flags))
WRAP_NAME(int, faccessat, (int dirfd, const char *name, int mode, int flags),
	  (dirfd, name, mode, flags))
WRAP_NAME(int, mkdirat, (int dirfd, const char *name, mode_t mode), (dirfd, name, mode))
WRAP_NAME(int, symlinkat, (const char *target, int dirfd, const char *name),
	  (target, dirfd, name))
WRAP_NAME(int, linkat, (int from, const char *old, int to, const char *new, int flags),
	  (from, old, to, new, flags))
WRAP_NAME(int, utimensat,
	  (int dirfd, const char *name, const struct timespec times[2], int flags),
	  (dirfd, name, times, flags))
WRAP_NAME(ssize_t, readlinkat, (int dirfd, const char *name, char *buf, size_t size),
	  (dirfd, name, buf, size))
WRAP_NAME(int, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAP_NAME(ssize_t, getrandom, (void *buf, size_t size, unsigned flags), (buf, size, flags))

int fstat64(int fd, struct stat64 *st)
	WRAP_AS(int, -1, fstat64, turn_of_file("fstat64", fd, NULL), (fd, st),
		(void)0) void *mmap64(void *at, size_t size, int protection, int flags, int fd,
				      off64_t off)
		WRAP_AS(void *, MAP_FAILED, mmap64, turn("mmap", "any"),
			(at, size, protection, flags, fd, off),
			(void)0) void *mmap(void *at, size_t size, int protection, int flags,
					    int fd, off_t off)
			WRAP_AS(void *, MAP_FAILED, mmap, turn("mmap", "any"),
				(at, size, protection, flags, fd, off),
				(void)0) struct dirent64 *readdir64(DIR *dir)
				WRAP_AS(struct dirent64 *, NULL, readdir64,
					turn("readdir64", "any"), (dir), (void)0)

	/* To make a file is one matter, "openat64", to open what is there is another. */
	int openat64(int dirfd, const char *name, int flags, ...)
{
	int now = turn(flags & O_CREAT ? "openat64" : "open", "any");
	mode_t mode = 0;
	va_list args;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (now == MADE_BEFORE)
		syscall(SYS_mknodat, dirfd, name, S_IFREG | 0600, 0);
	WRAP_AS(int, -1, openat64, now, (dirfd, name, flags, mode), (void)0)
}

/*
 * Leases, and further descriptors; all else about descriptors goes well, and to give a
 * lease back does.
 */
int fcntl64(int fd, int command, ...)
{
	bool lease = command == F_SETLEASE;
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	WRAP_AS(int, -1, fcntl64,
		lease ? turn("fcntl64", (long)arg == F_UNLCK ? NULL : "any")
		: command == F_DUPFD_CLOEXEC ? turn("dup", "any")
					     : 0,
		(fd, command, arg), lease ? note("fcntl64", fd) : (void)0)
}

/* Sharing the blocks of a file. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	WRAP_AS(int, -1, ioctl, turn_of_file("ioctl", fd, "any"), (fd, request, arg), (void)0)
}
