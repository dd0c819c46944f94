/*
 * Which system calls are allowed, as a seccomp filter. By names: which of them a C library
 * uses depends on its version and on the machine.
 */
#include "fs/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off */
static const int allowed[] = {
	/* memory, and loading a library when it is needed */
	SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect),
	SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(memfd_create),

	/* threads, which are made by clone(), see below */
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(futex_time64),
	SCMP_SYS(get_robust_list), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(membarrier),
	SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address),

	/* signals, but for sending them */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(sigreturn),

	/* time */
	SCMP_SYS(clock_getres), SCMP_SYS(clock_getres_time64), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64),
	SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(time),

	/* what the system is, and who we are */
	SCMP_SYS(getcwd), SCMP_SYS(getegid), SCMP_SYS(getegid32), SCMP_SYS(geteuid),
	SCMP_SYS(geteuid32), SCMP_SYS(getgid), SCMP_SYS(getgid32), SCMP_SYS(getgroups),
	SCMP_SYS(getgroups32), SCMP_SYS(getrandom), SCMP_SYS(getuid), SCMP_SYS(getuid32),
	SCMP_SYS(sysinfo), SCMP_SYS(umask), SCMP_SYS(uname),

	/* open files */
	SCMP_SYS(_llseek), SCMP_SYS(close), SCMP_SYS(copy_file_range), SCMP_SYS(dup),
	SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fadvise64), SCMP_SYS(fadvise64_64),
	SCMP_SYS(fallocate), SCMP_SYS(fdatasync),
	SCMP_SYS(flock), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64),
	SCMP_SYS(lseek), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(ppoll_time64), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(preadv2),
	SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(pwritev2), SCMP_SYS(read),
	SCMP_SYS(readv), SCMP_SYS(sendfile), SCMP_SYS(sendfile64), SCMP_SYS(splice),
	SCMP_SYS(sync_file_range), SCMP_SYS(tee), SCMP_SYS(vmsplice), SCMP_SYS(write),
	SCMP_SYS(writev),

	/* names, where Landlock says which */
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(getdents),
	SCMP_SYS(getdents64), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(rename), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(rmdir), SCMP_SYS(symlink), SCMP_SYS(symlinkat),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat),

	/* attributes */
	SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat),
	SCMP_SYS(fchown), SCMP_SYS(fchown32), SCMP_SYS(fchownat), SCMP_SYS(lchown),
	SCMP_SYS(lchown32), SCMP_SYS(fgetxattr), SCMP_SYS(flistxattr),
	SCMP_SYS(fremovexattr), SCMP_SYS(fsetxattr), SCMP_SYS(getxattr), SCMP_SYS(lgetxattr),
	SCMP_SYS(listxattr), SCMP_SYS(llistxattr), SCMP_SYS(lremovexattr), SCMP_SYS(lsetxattr),
	SCMP_SYS(removexattr), SCMP_SYS(setxattr), SCMP_SYS(fstat), SCMP_SYS(fstat64),
	SCMP_SYS(fstatat64), SCMP_SYS(fstatfs), SCMP_SYS(fstatfs64), SCMP_SYS(lstat),
	SCMP_SYS(lstat64), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(stat64),
	SCMP_SYS(statfs), SCMP_SYS(statfs64), SCMP_SYS(statx), SCMP_SYS(utimensat),
	SCMP_SYS(utimensat_time64),
#if defined(__NR_fchmodat2) || defined(__PNR_fchmodat2)
	SCMP_SYS(fchmodat2),
#endif
#ifdef CFS_SANITIZED
	SCMP_SYS(clone), SCMP_SYS(getppid), SCMP_SYS(kill), SCMP_SYS(prctl),
	SCMP_SYS(process_vm_readv), SCMP_SYS(ptrace), SCMP_SYS(tgkill), SCMP_SYS(tkill),
	SCMP_SYS(wait4), SCMP_SYS(waitid),
#endif
};
/* clang-format on */

/* Which argument of clone(2) has the flags; on some machines the stack comes first. */
#if defined(__s390__) || defined(__CRIS__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* An argument, counted from 0, that is a value. */
static struct scmp_arg_cmp is(unsigned arg, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){arg, SCMP_CMP_EQ, value, 0};
}

/* One whose bits of `mask` are the value. */
static struct scmp_arg_cmp has(unsigned arg, scmp_datum_t mask, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){arg, SCMP_CMP_MASKED_EQ, mask, value};
}

#define NEW_NAMESPACES                                                                         \
	(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP |          \
	 CLONE_NEWUSER | CLONE_NEWPID)

/* What is asked of descriptors. Not who gets a signal of them: that could be anybody. */
static int allow_fcntl(scmp_filter_ctx filter)
{
	static const int commands[] = {
		F_DUPFD,    F_DUPFD_CLOEXEC, F_GETFD,      F_SETFD,      F_GETFL,     F_SETFL,
		F_GETLEASE, F_SETLEASE,      F_GETPIPE_SZ, F_SETPIPE_SZ, F_GET_SEALS,
	};
	static const int calls[] = {SCMP_SYS(fcntl), SCMP_SYS(fcntl64)};
	struct scmp_arg_cmp args[2];
	size_t i, k;
	int ret = 0;

	for (k = 0; k < 2; k++) {
		for (i = 0; ret == 0 && i < sizeof(commands) / sizeof(*commands); i++) {
			args[0] = is(1, (scmp_datum_t)commands[i]);
			ret = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls[k], 1, args);
		}
		/* the one that tells of leases, which nobody minds; see decoder/spare.c */
		args[0] = is(1, F_SETSIG);
		args[1] = is(2, SIGURG);
		if (ret == 0)
			ret = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls[k], 2, args);
	}
	return ret;
}

/* What is allowed only with these arguments. 0, -errno. */
static int allow_some(scmp_filter_ctx filter)
{
	const struct {
		int call;
		unsigned n;
		struct scmp_arg_cmp args[2];
	} some[] = {
		/* a thread, no process */
		{SCMP_SYS(clone),
		 1,
		 {has(CLONE_FLAGS, CLONE_THREAD | NEW_NAMESPACES, CLONE_THREAD)}},
		/* to itself, as abort() does */
		{SCMP_SYS(kill), 1, {is(0, (scmp_datum_t)getpid())}},
		{SCMP_SYS(tgkill), 1, {is(0, (scmp_datum_t)getpid())}},
		/* reading a limit, not setting it */
		{SCMP_SYS(prlimit64), 1, {is(2, 0)}},
		/* sharing blocks */
		{SCMP_SYS(ioctl), 1, {is(1, FICLONE)}},
		/* to the log that is open, nowhere else */
		{SCMP_SYS(sendto), 1, {is(4, 0)}},
		/* whiteouts, and what is copied up, but for devices */
		{SCMP_SYS(mknodat), 2, {has(2, S_IFMT, S_IFCHR), is(3, 0)}},
		{SCMP_SYS(mknodat), 2, {has(2, S_IFMT, S_IFIFO), is(3, 0)}},
		{SCMP_SYS(mknodat), 2, {has(2, S_IFMT, S_IFSOCK), is(3, 0)}},
		{SCMP_SYS(mknodat), 2, {has(2, S_IFMT, S_IFREG), is(3, 0)}},
	};
	size_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < sizeof(some) / sizeof(*some); i++)
		ret = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, some[i].call, some[i].n,
					     some[i].args);
	return ret;
}

static int allow_all(scmp_filter_ctx filter)
{
	size_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < sizeof(allowed) / sizeof(*allowed); i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	return ret;
}

static int set_up(scmp_filter_ctx filter)
{
	int ret;

	/* another machine's calls are refused as well, where the default is to kill */
	ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
	/* no code of others runs here: no slower for fear of what it could guess of memory */
	if (ret == 0)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	/* looked up, not searched one by one */
	if (ret == 0)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* its flags are out of sight; without it glibc takes clone() */
	if (ret == 0)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (ret == 0)
		ret = allow_some(filter);
	if (ret == 0)
		ret = allow_fcntl(filter);
	if (ret == 0)
		ret = allow_all(filter);
	return ret;
}

bool cfs_syscalls_can_be_limited(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

int cfs_syscalls_limit(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int ret;

	if (!filter)
		return -ENOMEM;
	ret = set_up(filter);
	if (ret == 0)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	return ret;
}
