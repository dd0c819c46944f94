/*
 * Spare files.
 */
#include "decoder/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "decoder/commit.h"

void crit_spare_drop(int dirfd, struct crit_spare *spare)
{
	if (spare->name[0])
		unlinkat(dirfd, spare->name, 0);
	crit_file_put(spare->file);
	spare->name[0] = '\0';
	spare->file = NULL;
}

/* Can others write as much and more while this is kept? */
static bool has_room(const struct crit_file *file)
{
	struct statfs fs;

	return fstatfs(file->fd, &fs) == 0 && fs.f_bsize > 0 &&
	       fs.f_bavail > (uint64_t)file->st.st_size / (uint64_t)fs.f_bsize;
}

/* Is it fit to be written to later, a file that is nobody's copy? */
static bool is_fit(const struct crit_file *old)
{
	struct stat st;

	return (fcntl(old->fd, F_GETFL) & O_ACCMODE) == O_RDWR && fstat(old->fd, &st) == 0 &&
	       crit_bytes_same(&st, &old->st) && st.st_nlink == 1 && has_room(old);
}

void crit_spare_keep(int dirfd, struct crit_spare *spare, struct crit_file *old)
{
	if (!spare->name[0])
		return;
	/* as any temporary file: locked, so that no sweep removes it, and not for others */
	if (is_fit(old) && flock(old->fd, LOCK_EX | LOCK_NB) == 0 &&
	    fchmod(old->fd, 0600) == 0 && fstat(old->fd, &old->st) == 0)
		spare->file = crit_file_get(old);
	else
		crit_spare_drop(dirfd, spare);
}

void crit_spare_appended(struct crit_spare *spare, const struct crit_file *was,
			 const struct crit_file *is)
{
	struct crit_extent added = {(uint64_t)was->st.st_size, UINT64_MAX};
	struct crit_identity before = crit_identity_of(&was->st);

	if (!crit_identity_same(&spare->image, &before))
		return;
	spare->image = crit_identity_of(&is->st);
	spare->stale = crit_extent_both(spare->stale, added);
}

/*
 * File systems where all who have a file open have it open here, and through the file
 * that a lease is taken on: no network, no layers.
 */
static bool leases_tell(int fd)
{
	struct statfs fs;
	uint32_t type; /* as it is written, whatever sign it has here */

	if (fstatfs(fd, &fs) < 0)
		return false;
	type = (uint32_t)fs.f_type;
	return type == EXT4_SUPER_MAGIC || type == XFS_SUPER_MAGIC ||
	       type == BTRFS_SUPER_MAGIC || type == TMPFS_MAGIC;
}

/*
 * A write lease is granted to none but the only one who has the file open, and whoever
 * opens it then waits until it is given back. That he does is told by a signal: one that
 * nobody minds, for the usual SIGIO ends a process.
 */
static int take_lease(int fd)
{
	if (!leases_tell(fd))
		return -EOPNOTSUPP;
	if (fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		return -errno;
	return 0;
}

/* Is the file what was put aside, and nobody's copy? */
static int check_kept(const struct crit_spare *spare)
{
	struct crit_identity was = crit_identity_of(&spare->file->st), is;
	struct stat st;

	if (fstat(spare->file->fd, &st) < 0)
		return -errno;
	is = crit_identity_of(&st);
	return st.st_nlink == 1 && crit_identity_same(&was, &is) ? 0 : -EBUSY;
}

/*
 * Who knew the file when it was the image before has to see that it is another one: the
 * kernel's clock may not have ticked since.
 */
static int renew_time(const struct crit_spare *spare)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
	struct stat st;

	if (fstat(spare->file->fd, &st) < 0)
		return -errno;
	if (st.st_nlink != 1)
		return -EBUSY;
	if (!crit_bytes_same(&st, &spare->file->st))
		return 0;
	clock_gettime(CLOCK_REALTIME, &times[1]);
	return futimens(spare->file->fd, times) < 0 ? -errno : 0;
}

/* Without power before that, the name could lead to what is being written over. */
int crit_spare_settle(int dirfd, struct crit_spare *spare)
{
	int ret = spare->settled ? 0 : crit_sync_directory(dirfd);

	spare->settled = ret == 0;
	return ret;
}

int crit_spare_patch(int dirfd, struct crit_spare *spare, const struct crit_file *old,
		     const struct crit_edit *edit, bool sync)
{
	struct crit_identity image = crit_identity_of(&old->st);
	int fd = spare->file->fd, ret;

	if (!crit_identity_same(&image, &spare->image))
		return -EBUSY;
	ret = sync ? crit_spare_settle(dirfd, spare) : 0;
	if (ret == 0)
		ret = take_lease(fd);
	if (ret < 0)
		return ret;
	ret = check_kept(spare);
	if (ret == 0)
		ret = crit_patch(fd, old->fd, spare->stale, edit->pieces, edit->n_pieces, sync);
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return ret < 0 ? ret : renew_time(spare);
}
