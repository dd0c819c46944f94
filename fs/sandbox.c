/*
 * Landlock's part of the sandbox, see landlock(7), and entering it.
 */
#include "fs/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/syscalls.h"

/* Rights that came after the first version, with the number of theirs. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (UINT64_C(1) << 13) /* 2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (UINT64_C(1) << 14) /* 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#endif

#define FIRST_VERSION_RIGHTS ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* What a file can be asked, the rest is for directories. */
#define FILE_RIGHTS                                                                            \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |                           \
	 LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |                         \
	 LANDLOCK_ACCESS_FS_IOCTL_DEV)

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

/* No block device: which devices can be made at all is said in syscalls.c. */
#define CHANGING                                                                               \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |                         \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                      \
	 LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_MAKE_REG |                              \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM |                           \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_FIFO |                         \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK)

/* Which rights this kernel knows, 0 where it has no Landlock, or not for us. */
static uint64_t known_rights(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t rights = version > 0 ? FIRST_VERSION_RIGHTS : 0;

	if (version >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (version >= 5)
		rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return rights;
}

static int allow(struct cfs_sandbox *box, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr beneath = {.parent_fd = fd};
	struct stat st;

	if (box->ruleset < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		rights &= FILE_RIGHTS;
	beneath.allowed_access = rights & box->handled;
	if (syscall(SYS_landlock_add_rule, box->ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath,
		    0) < 0)
		return -errno;
	return 0;
}

/* What is not there needs no permission. */
static int allow_path(struct cfs_sandbox *box, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC), ret;

	if (fd < 0)
		return 0;
	ret = allow(box, fd, READING);
	close(fd);
	return ret;
}

/* Where libraries are that are loaded when they are needed, as libarchive: beside libc. */
static int allow_libraries(struct cfs_sandbox *box)
{
	char path[PATH_MAX], *slash;
	Dl_info libc;
	int ret = allow_path(box, "/etc/ld.so.cache");

	if (ret < 0 || !dladdr((void *)(uintptr_t)&open, &libc) ||
	    !realpath(libc.dli_fname, path))
		return ret;
	slash = strrchr(path, '/');
	*slash = '\0';
	return allow_path(box, path);
}

int cfs_sandbox_init(struct cfs_sandbox *box, int procfd)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = known_rights()};
	int ret = 0;

	*box = (struct cfs_sandbox){.ruleset = -1};
	if (!attr.handled_access_fs)
		return 0;
	box->handled = attr.handled_access_fs;
	box->ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (box->ruleset < 0)
		return -errno;
	if (procfd >= 0)
		ret = allow(box, procfd, LANDLOCK_ACCESS_FS_READ_FILE);
	if (ret == 0)
		ret = allow_libraries(box);
#ifdef CFS_SANITIZED
	/* their reports need the names in the program, and its threads */
	if (ret == 0)
		ret = allow_path(box, "/proc");
	if (ret == 0)
		ret = allow_path(box, "/proc/self/exe");
#endif
	return ret;
}

int cfs_sandbox_allow(struct cfs_sandbox *box, int fd, enum cfs_sandbox_for what)
{
	static const uint64_t rights[] = {
		[CFS_SANDBOX_LIST] = LANDLOCK_ACCESS_FS_READ_DIR,
		[CFS_SANDBOX_READ] = READING,
		[CFS_SANDBOX_CHANGE] = READING | CHANGING,
	};

	return allow(box, fd, rights[what]);
}

int cfs_sandbox_enter(struct cfs_sandbox *box)
{
	int ret = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (box->ruleset >= 0 && syscall(SYS_landlock_restrict_self, box->ruleset, 0) < 0)
		ret = -errno;
	cfs_sandbox_fini(box);
	return ret < 0 ? ret : cfs_syscalls_limit();
}

void cfs_sandbox_fini(struct cfs_sandbox *box)
{
	if (box->ruleset >= 0)
		close(box->ruleset);
	box->ruleset = -1;
}
