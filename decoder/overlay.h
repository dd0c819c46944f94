/*
 * Changing what is in a directory of a dump. Without an upper directory over it that is
 * done where it is; with one, only there: files are copied up at their first change, what
 * is removed gets a whiteout. Whenever that is interrupted, a name leads to what it did
 * before or to what it shall. An archive without an upper directory gives -EROFS.
 */
#ifndef CRIT_OVERLAY_H
#define CRIT_OVERLAY_H

#include "decoder/dir.h"

/*
 * The directory on disk where changes go, made if it is not there yet: a descriptor,
 * borrowed; -EROFS, -errno.
 */
int crit_dir_writable(const struct crit_dir *dir);

/* The same if it is there, and -1 if not. */
int crit_dir_changed(const struct crit_dir *dir);

/* Wait until it is on the disk which names there are. 0, -errno. */
int crit_dir_sync(const struct crit_dir *dir);

/* Is what a name leads to still below, where nothing is written? */
bool crit_dir_is_below(const struct crit_dir *dir, const char *name);

/*
 * Copy it up if it is, with its owner (where that is permitted), mode, times, extended
 * attributes and holes; of a directory, only itself. `empty`: without its bytes. 0, -errno.
 */
int crit_dir_copy_up(const struct crit_dir *dir, const char *name, bool empty);

/*
 * Open a file to write to it: flags and mode are those of open(2), O_NOFOLLOW is implied.
 * A descriptor that the caller owns, -errno.
 */
int crit_dir_open_file(const struct crit_dir *dir, const char *name, int flags, mode_t mode);

/* As mkdirat(2), symlinkat(2) and mknodat(2) of a regular file. 0, -EEXIST, -errno. */
int crit_dir_mkdir(const struct crit_dir *dir, const char *name, mode_t mode);
int crit_dir_symlink(const struct crit_dir *dir, const char *name, const char *target);
int crit_dir_mknod(const struct crit_dir *dir, const char *name, mode_t mode);

/* As unlinkat(2), flags too. 0, -ENOENT, -ENOTEMPTY, -errno. */
int crit_dir_unlink(const struct crit_dir *dir, const char *name, int flags);

/*
 * As renameat2(2) with no flag or RENAME_NOREPLACE. -EXDEV for a directory that is below,
 * also in part: it has to be copied, file by file.
 */
int crit_dir_rename(const struct crit_dir *from, const char *name, const struct crit_dir *to,
		    const char *new_name, unsigned flags);

/*
 * A file that was made in crit_dir_writable() as `temporary` takes a name that nothing
 * has. 0, -EEXIST, -errno.
 */
int crit_dir_publish(const struct crit_dir *dir, const char *temporary, const char *name);

#endif
