/*
 * The directories that a mount may reach.
 */
#include "fs/reach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/dir.h"
#include "decoder/overlay.h"
#include "decoder/parents.h"
#include "decoder/temporary.h"
#include "fs/log.h"
#include "fs/syscalls.h"

/* A dump that another one builds on, while it is looked through. */
struct parent {
	struct cfs_sandbox *box;
	const struct crit_dir *dir;
	bool is_dump; /* it has one of the files */
};

void cfs_reach_make_place(struct cfs *fs)
{
	if (asprintf(&fs->place, "%s/critfs.XXXXXX", crit_temporary_path()) < 0)
		fs->place = NULL;
	if (fs->place && (!mkdtemp(fs->place) || setenv("TMPDIR", fs->place, 1) < 0)) {
		free(fs->place);
		fs->place = NULL;
	}
}

void cfs_reach_drop_place(struct cfs *fs)
{
	if (fs->place)
		rmdir(fs->place);
	free(fs->place);
	fs->place = NULL;
}

/* Allow one of the files that are opened in parents. */
static int allow_if_needed(void *arg, const char *name, unsigned char type)
{
	struct parent *p = arg;
	struct stat st;
	int fd;

	if ((type != DT_REG && type != DT_UNKNOWN) || !crit_parents_need(name))
		return 0;
	fd = openat(crit_dir_lower(p->dir), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    cfs_sandbox_allow(p->box, fd, CFS_SANDBOX_READ) == 0)
		p->is_dump = true;
	close(fd);
	return 0;
}

/*
 * Whoever wrote a dump has chosen where its `parent` leads: nothing but what is opened there
 * is allowed, and of what is no dump nothing at all.
 */
static void allow_parent(struct cfs *fs, const struct crit_dir *dir)
{
	struct parent p = {&fs->box, dir, false};

	if (crit_dir_lower(dir) < 0)
		return;
	crit_dir_each(dir, allow_if_needed, &p);
	if (p.is_dump)
		cfs_sandbox_allow(&fs->box, crit_dir_lower(dir), CFS_SANDBOX_LIST);
}

/*
 * The dumps that one builds on, as parents.h follows them, as far as they are outside of what
 * is mounted: what is in it is allowed, and the dumps there are looked at themselves. What
 * can't be allowed can't be opened later, which is told then.
 */
static void allow_parents(struct cfs *fs, const struct crit_dir *dump)
{
	struct crit_dir *at = crit_dir_get(dump), *next;
	unsigned level;

	for (level = 0; level < CRIT_PARENTS_MAX; level++) {
		if (crit_dir_follow(at, CRIT_PARENT, &next) < 0)
			break;
		crit_dir_put(at);
		at = next;
		if (level == 0 && crit_dir_up(at))
			break;
		allow_parent(fs, at);
	}
	crit_dir_put(at);
}

static bool has_parent(int fd, const char *name)
{
	char path[NAME_MAX + sizeof("/" CRIT_PARENT)];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" CRIT_PARENT, name);
	return fd >= 0 && fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISLNK(st.st_mode);
}

/* There may be a thousand dumps: those without a parent are not even opened. */
static int allow_parents_of(void *arg, const char *name, unsigned char type)
{
	struct cfs *fs = arg;
	struct crit_dir *dump;

	if ((type != DT_DIR && type != DT_UNKNOWN) ||
	    (!has_parent(crit_dir_lower(fs->dump), name) &&
	     !has_parent(crit_dir_changed(fs->dump), name)) ||
	    crit_dir_sub(fs->dump, name, &dump) < 0)
		return 0;
	allow_parents(fs, dump);
	crit_dir_put(dump);
	return 0;
}

static int allow_all(struct cfs *fs)
{
	int lower = crit_dir_lower(fs->dump), upper = crit_dir_changed(fs->dump);
	bool changes = !fs->opt.read_only;
	int ret = cfs_sandbox_init(&fs->box, fs->procfd);

	if (ret == 0 && fs->store.dirfd >= 0) {
		/* nobody else's broom takes a directory that is locked, see tmpfiles.d(5) */
		if (fs->place)
			flock(fs->store.dirfd, LOCK_SH);
		ret = cfs_sandbox_allow(&fs->box, fs->store.dirfd, CFS_SANDBOX_CHANGE);
	}
	if (ret == 0 && lower >= 0)
		ret = cfs_sandbox_allow(&fs->box, lower,
					changes && lower == upper ? CFS_SANDBOX_CHANGE
								  : CFS_SANDBOX_READ);
	if (ret == 0 && upper >= 0 && upper != lower)
		ret = cfs_sandbox_allow(&fs->box, upper,
					changes ? CFS_SANDBOX_CHANGE : CFS_SANDBOX_READ);
	allow_parents(fs, fs->dump);
	crit_dir_each(fs->dump, allow_parents_of, fs);
	return ret;
}

int cfs_reach_allow(struct cfs *fs)
{
	int ret;

	if (!fs->opt.sandbox)
		return 0;
	if (!cfs_syscalls_can_be_limited()) {
		cfs_say("this kernel can't limit system calls, mounting without a sandbox");
		fs->opt.sandbox = 0;
		return 0;
	}
	ret = allow_all(fs);
	if (ret < 0)
		cfs_say("can't set up the sandbox: %s (-o nosandbox does without)",
			strerror(-ret));
	return ret < 0 ? -1 : 0;
}
