/*
 * A directory of a dump: what its names lead to, wherever that is. It is one on disk or in
 * an archive, or either of them with an upper directory over it that has what was changed,
 * in the layout of overlayfs: what is in the upper directory hides what is below, but
 * directories, which are merged unless the upper one is opaque; what was removed has a
 * whiteout there, which is a character device 0/0, or an empty file `.wh.NAME`.
 *
 * Directories are shared and counted, may be used by several threads at once, and stay
 * what they are; only that the upper directory is made when something is written there.
 * Symlinks are never followed. Changing is in overlay.h.
 */
#ifndef CRIT_DIR_H
#define CRIT_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "decoder/file.h"

struct crit_archive_listener;
struct crit_dir;

/* A directory on disk, by its path, or open already (taken over on success). 0, -errno. */
int crit_dir_open(const char *path, struct crit_dir **out);
int crit_dir_adopt(int fd, struct crit_dir **out);

/* The top of an archive, see crit_archive_open(), which has the errors as well. */
int crit_dir_of_archive(const struct crit_file *file, uint64_t unpacked_max,
			struct crit_archive_listener *listener, struct crit_dir **out,
			struct crit_error *err);

/*
 * `below` with the directory `upperfd` (taken over on success) over it: below is never
 * written to from then on. 0, -ENOMEM, -errno.
 */
int crit_dir_over(const struct crit_dir *below, int upperfd, struct crit_dir **out);

/*
 * From now on modes of files with ACLs are narrowed, see acl.h, in it and in what is found by
 * way of it: where others than who runs this are let in by the modes that they are shown.
 */
void crit_dir_heed_acls(struct crit_dir *dir);

/* Narrow a mode that is known otherwise, of a file in it that is open, if it does that. */
void crit_dir_narrow(const struct crit_dir *dir, int fd, struct stat *st);

struct crit_dir *crit_dir_get(const struct crit_dir *dir);
void crit_dir_put(const struct crit_dir *shared); /* NULL is fine */

/* A directory in it. 0, -ENOENT, -ENOTDIR, -ELOOP, -errno. */
int crit_dir_sub(const struct crit_dir *up, const char *name, struct crit_dir **out);

/*
 * What the symlink `name` leads to, if that is a directory: within what was opened or
 * (but not out of an archive) anywhere on disk. 0, -ENOENT if there is no such name,
 * -EINVAL if it is no symlink, -errno.
 */
int crit_dir_follow(const struct crit_dir *dir, const char *name, struct crit_dir **out);

/*
 * Attributes, as lstat(2) has them, of a name in it and of itself. Where the user who runs
 * this is not root and an upper directory would get the copy of a file that is somebody
 * else's, they are what the copy would have: his own. 0, -errno.
 */
int crit_dir_stat(const struct crit_dir *dir, const char *name, struct stat *st);
int crit_dir_self(const struct crit_dir *dir, struct stat *st);

/* What a symlink says, with a NUL: its length; -ENAMETOOLONG beyond `size`, -errno. */
ssize_t crit_dir_readlink(const struct crit_dir *dir, const char *name, char *out, size_t size);

/* Open a regular file to be read, never through a symlink. -errno, -ELOOP, -EINVAL. */
int crit_dir_file(const struct crit_dir *dir, const char *name, struct crit_file **out);

/*
 * Call `visit` with each name, but "." and "..", and its type (DT_*, DT_UNKNOWN too), in no
 * order, until it returns something else than 0. That, 0, -errno.
 */
typedef int (*crit_dir_visit)(void *arg, const char *name, unsigned char type);
int crit_dir_each(const struct crit_dir *dir, crit_dir_visit visit, void *arg);

/* The directory around it, borrowed; NULL for what was opened. And its name there. */
const struct crit_dir *crit_dir_up(const struct crit_dir *dir);
const char *crit_dir_name(const struct crit_dir *dir);

/* Is there an upper directory over what was opened? */
bool crit_dir_is_overlaid(const struct crit_dir *dir);

/* The directory on disk that it is, or that the upper one is over; -1: none. Borrowed. */
int crit_dir_lower(const struct crit_dir *dir);

/* A descriptor on what statfs(2) is to be asked of; borrowed. */
int crit_dir_fd(const struct crit_dir *dir);

#endif
