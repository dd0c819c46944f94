/*
 * Atomic replacement of an image file.
 */
#include "decoder/commit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "decoder/copy.h"

#define PREFIX    ".critfs."
#define SUFFIX    ".tmp"
#define RANDOM    6 /* characters between them */
#define NAME_LEN  (sizeof(PREFIX) - 1 + RANDOM + sizeof(SUFFIX) - 1)

_Static_assert(NAME_LEN < CRIT_TEMPORARY_NAME, "names of temporary files are longer");

bool crit_commit_is_temporary(const char *name)
{
	return strlen(name) == NAME_LEN && !strncmp(name, PREFIX, sizeof(PREFIX) - 1) &&
	       !strcmp(name + NAME_LEN - (sizeof(SUFFIX) - 1), SUFFIX);
}

static void random_name(char name[CRIT_TEMPORARY_NAME])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	uint8_t r[RANDOM] = {0};
	unsigned i;

	if (getrandom(r, sizeof(r), 0) < 0)
		r[0] = (uint8_t)getpid(); /* O_EXCL finds what is taken */
	memcpy(name, PREFIX, sizeof(PREFIX) - 1);
	for (i = 0; i < RANDOM; i++)
		name[sizeof(PREFIX) - 1 + i] = letters[r[i] & 31];
	memcpy(name + sizeof(PREFIX) - 1 + RANDOM, SUFFIX, sizeof(SUFFIX));
}

/*
 * A new file, locked, so that a sweep leaves it alone. One may come between
 * creating and locking; then the file goes, and another is made.
 */
int crit_commit_temporary(int dirfd, char name[CRIT_TEMPORARY_NAME])
{
	struct stat st;
	int fd, tries;

	for (tries = 0; tries < 100; tries++) {
		random_name(name);
		fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			    0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		/* where nothing can be locked, no sweep can either, and leaves it alone */
		if ((flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) &&
		    fstat(fd, &st) == 0 && st.st_nlink)
			return fd;
		close(fd);
	}
	return -EEXIST;
}

void crit_commit_sweep(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int tmp;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((d = readdir(dir))) {
		if (!crit_commit_is_temporary(d->d_name))
			continue;
		tmp = openat(dirfd, d->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (tmp < 0)
			continue;
		if (flock(tmp, LOCK_EX | LOCK_NB) == 0)
			unlinkat(dirfd, d->d_name, 0);
		close(tmp);
	}
	closedir(dir);
}

/* Every span has to be there still: a hole is told from a cut file by its size. */
static int check_source(const struct crit_piece *piece)
{
	struct stat st;

	if (piece->fd < 0)
		return 0;
	if (fstat(piece->fd, &st) < 0)
		return -errno;
	return piece->off + piece->len > (uint64_t)st.st_size ? -EIO : 0;
}

/* Write `n` pieces to `fd` from `at` on, which ends behind them then. */
static int write_pieces(int fd, uint64_t at, const struct crit_piece *pieces, size_t n)
{
	uint64_t total = at;
	size_t i;
	int ret = 0;

	for (i = 0; i < n; i++)
		total += pieces[i].len;
	if (total > INT64_MAX)
		return -EFBIG;
	if (ftruncate(fd, (off_t)total) < 0)
		return -errno;
	for (i = 0; i < n && ret == 0; i++) {
		const struct crit_piece *p = &pieces[i];

		ret = check_source(p);
		if (ret == 0 && p->fd >= 0)
			ret = crit_copy_span(p->fd, p->off, fd, at, p->len);
		else if (ret == 0 && p->data)
			ret = crit_pwrite_full(fd, p->data, p->len, at);
		at += p->len;
	}
	return ret;
}

/* Attributes of the system that only some may set are left to it. */
static bool xattr_is_optional(const char *name)
{
	return !strncmp(name, "security.", 9) || !strncmp(name, "trusted.", 8);
}

static int copy_xattr(int from, int to, const char *name)
{
	char stack[1024], *value = stack;
	ssize_t len;
	int ret = 0;

	len = fgetxattr(from, name, stack, sizeof(stack));
	if (len < 0 && errno == ERANGE) {
		value = malloc(XATTR_SIZE_MAX);
		if (!value)
			return -ENOMEM;
		len = fgetxattr(from, name, value, XATTR_SIZE_MAX);
	}
	if (len < 0 || fsetxattr(to, name, value, (size_t)len, 0) < 0)
		ret = xattr_is_optional(name) ? 0 : -errno;
	if (value != stack)
		free(value);
	return ret;
}

/* The names of a file's extended attributes, *out to be freed; their length. */
static ssize_t list_xattrs(int fd, char **out)
{
	ssize_t len = flistxattr(fd, NULL, 0);

	*out = NULL;
	if (len <= 0)
		return 0; /* none, or none on this file system */
	*out = malloc((size_t)len);
	return *out ? flistxattr(fd, *out, (size_t)len) : -1;
}

/* Extended attributes, ACLs among them. */
static int copy_xattrs(int from, int to)
{
	ssize_t len, at;
	char *names;
	int ret = 0;

	len = list_xattrs(from, &names);
	if (len < 0)
		ret = -errno;
	for (at = 0; at < len && ret == 0; at += (ssize_t)strlen(names + at) + 1)
		ret = copy_xattr(from, to, names + at);
	free(names);
	return ret;
}

/* A new file inherits its directory's default ACL; the old one may have none. */
static int drop_inherited(int fd, int old)
{
	ssize_t len, at;
	char *names;
	int ret = 0;

	len = list_xattrs(fd, &names);
	if (len < 0)
		ret = -errno;
	for (at = 0; at < len && ret == 0; at += (ssize_t)strlen(names + at) + 1)
		if (fgetxattr(old, names + at, NULL, 0) < 0 &&
		    fremovexattr(fd, names + at) < 0 && !xattr_is_optional(names + at))
			ret = -errno;
	free(names);
	return ret;
}

static int keep_attributes(int fd, const struct crit_file *old, struct crit_error *err)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0)
		return crit_fail_errno(err, errno, "can't stat the new file");
	if ((st.st_uid != old->st.st_uid || st.st_gid != old->st.st_gid) &&
	    fchown(fd, old->st.st_uid, old->st.st_gid) < 0)
		return crit_fail_errno(err, EPERM, "can't keep the image's owner (%u:%u)",
				       old->st.st_uid, old->st.st_gid);
	ret = drop_inherited(fd, old->fd);
	if (ret == 0 && fchmod(fd, old->st.st_mode & 07777) < 0)
		return crit_fail_errno(err, errno, "can't keep the image's mode");
	if (ret == 0)
		ret = copy_xattrs(old->fd, fd);
	return ret < 0 ? crit_fail_errno(err, -ret, "can't keep the image's attributes") : 0;
}

static int check_unchanged(int dirfd, const char *name, const struct crit_file *old,
			   struct crit_error *err)
{
	struct crit_identity was = crit_identity_of(&old->st), is;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return crit_fail(err, CRIT_CHANGED, "the image was removed underneath");
	is = crit_identity_of(&st);
	if (!crit_identity_same(&was, &is))
		return crit_fail(err, CRIT_CHANGED, "the image was changed underneath");
	return 0;
}

/* Would writing only what is no hole leave something of what was there before? */
static bool leaves_holes(const struct crit_edit *edit)
{
	const struct crit_piece *p;

	for (p = edit->pieces; p < edit->pieces + edit->n_pieces; p++)
		if (p->fd < 0
			    ? !p->data
			    : lseek(p->fd, (off_t)p->off, SEEK_HOLE) < (off_t)(p->off + p->len))
			return true;
	return false;
}

static int write_new(int fd, int dirfd, const char *name, const struct crit_file *old,
		     const struct crit_edit *edit, enum crit_sync sync, struct crit_error *err)
{
	int ret = write_pieces(fd, 0, edit->pieces, edit->n_pieces);

	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't write the new image");
	ret = keep_attributes(fd, old, err);
	if (ret < 0)
		return ret;
	if (sync != CRIT_SYNC_NONE && fsync(fd) < 0)
		return crit_fail_errno(err, errno, "can't sync the new image");
	return check_unchanged(dirfd, name, old, err);
}

static int replace(int dirfd, const char *temporary, const char *name, struct crit_error *err)
{
	if (renameat(dirfd, temporary, dirfd, name) < 0)
		return crit_fail_errno(err, errno, "can't replace the image");
	return 0;
}

/* The image and the file beside it change places: the old one is the spare then. */
static int exchange(int dirfd, struct crit_spare *spare, const char *name,
		    const struct crit_file *old, struct crit_error *err)
{
	struct stat st;

	if (renameat2(dirfd, spare->name, dirfd, name, RENAME_EXCHANGE) < 0) {
		int ret = replace(dirfd, spare->name, name, err);

		if (ret == 0)
			spare->name[0] = '\0';
		return ret;
	}
	if (fstatat(dirfd, spare->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == old->st.st_dev && st.st_ino == old->st.st_ino)
		return 0;
	/* somebody else's took the image's place in this very moment: give it back */
	renameat2(dirfd, spare->name, dirfd, name, RENAME_EXCHANGE);
	return crit_fail(err, CRIT_CHANGED, "the image was changed underneath");
}

int crit_sync_directory(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	/* some file systems can't; then the rename is as safe as it gets there */
	if (fsync(fd) < 0 && errno != EINVAL)
		ret = -errno;
	close(fd);
	return ret;
}

/* Open what is to become the image; *fd is taken over by *out. */
static int open_new(int dirfd, char *name, int fd, struct crit_file **out,
		    struct crit_error *err)
{
	int ret;

	if (fd < 0)
		fd = crit_commit_temporary(dirfd, name);
	if (fd < 0)
		return crit_fail_errno(err, -fd, "can't write beside the image");
	ret = crit_file_adopt(fd, out);
	if (ret < 0) {
		unlinkat(dirfd, name, 0);
		close(fd);
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for the new image");
	}
	return 0;
}

int crit_commit(int dirfd, const char *name, const struct crit_file *old,
		const struct crit_edit *edit, enum crit_sync sync, struct crit_file **out,
		struct crit_error *err)
{
	char temporary[CRIT_TEMPORARY_NAME];
	struct crit_file *file;
	int ret;

	*out = NULL;
	if (!edit->changes)
		return crit_fail_errno(err, EINVAL, "there is nothing to write");
	ret = check_unchanged(dirfd, name, old, err);
	if (ret == 0)
		ret = open_new(dirfd, temporary, -1, &file, err);
	if (ret < 0)
		return ret;
	ret = write_new(file->fd, dirfd, name, old, edit, sync, err);
	if (ret == 0)
		ret = replace(dirfd, temporary, name, err);
	if (ret < 0) {
		unlinkat(dirfd, temporary, 0);
		crit_file_put(file);
		return ret;
	}
	/* the new image is in place, whatever happens now */
	flock(file->fd, LOCK_UN);
	fstat(file->fd, &file->st);
	*out = file;
	if (sync == CRIT_SYNC_DIR && (ret = crit_sync_directory(dirfd)) < 0)
		crit_fail_errno(err, -ret, "can't sync the directory");
	return ret;
}

int crit_commit_over(int dirfd, const char *name, const struct crit_file *old,
		     const struct crit_edit *edit, struct crit_spare *spare,
		     struct crit_file **out, struct crit_error *err)
{
	struct crit_file *file;
	int ret, fd;

	*out = NULL;
	ret = check_unchanged(dirfd, name, old, err);
	if (ret == 0 && spare->fd >= 0 && leaves_holes(edit) && ftruncate(spare->fd, 0) < 0)
		ret = crit_fail_errno(err, errno, "can't write beside the image");
	if (ret == 0) {
		fd = spare->fd;
		spare->fd = -1;
		ret = open_new(dirfd, spare->name, fd, &file, err);
	}
	if (ret < 0) {
		crit_spare_drop(dirfd, spare);
		return ret;
	}
	ret = write_new(file->fd, dirfd, name, old, edit, CRIT_SYNC_NONE, err);
	if (ret == 0)
		ret = exchange(dirfd, spare, name, old, err);
	if (ret < 0) {
		crit_spare_drop(dirfd, spare);
		crit_file_put(file);
		return ret;
	}
	flock(file->fd, LOCK_UN);
	fstat(file->fd, &file->st);
	*out = file;
	return 0;
}

void crit_spare_keep(int dirfd, struct crit_spare *spare)
{
	struct stat st;

	if (!spare->name[0])
		return;
	spare->fd = openat(dirfd, spare->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	/* a file with other names is somebody's copy */
	if (spare->fd < 0 || flock(spare->fd, LOCK_EX | LOCK_NB) < 0 ||
	    fstat(spare->fd, &st) < 0 || st.st_nlink != 1)
		crit_spare_drop(dirfd, spare);
}

void crit_spare_drop(int dirfd, struct crit_spare *spare)
{
	if (spare->name[0])
		unlinkat(dirfd, spare->name, 0);
	if (spare->fd >= 0)
		close(spare->fd);
	spare->name[0] = '\0';
	spare->fd = -1;
}

int crit_commit_append(int dirfd, const char *name, const struct crit_file *old,
		       const struct crit_edit *edit, struct crit_file **out,
		       struct crit_error *err)
{
	int fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), ret;
	struct crit_identity was = crit_identity_of(&old->st), is;
	struct crit_file *file;

	*out = NULL;
	if (fd < 0)
		return crit_fail_errno(err, errno, "can't write to the image");
	ret = crit_file_adopt(fd, &file);
	if (ret < 0) {
		close(fd);
		return crit_fail_errno(err, -ret, "can't write to the image");
	}
	is = crit_identity_of(&file->st);
	if (!crit_identity_same(&was, &is)) {
		crit_file_put(file);
		return crit_fail(err, CRIT_CHANGED, "the image was changed underneath");
	}
	ret = write_pieces(fd, (uint64_t)old->st.st_size, edit->pieces + 1, edit->n_pieces - 1);
	if (ret < 0) {
		crit_fail_errno(err, -ret, "can't write to the image");
		if (ftruncate(fd, old->st.st_size) < 0)
			ret = -EIO; /* what was written of it is a damaged tail now */
	}
	/* even then: its times are others */
	fstat(fd, &file->st);
	*out = file;
	return ret;
}

/* Rename, but over nothing, also where the file system can't do that at once. */
static int take_free_name(int dirfd, const char *temporary, const char *name)
{
	if (renameat2(dirfd, temporary, dirfd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if ((errno != EINVAL && errno != ENOSYS) ||
	    linkat(dirfd, temporary, dirfd, name, 0) < 0)
		return -errno;
	unlinkat(dirfd, temporary, 0);
	return 0;
}

int crit_commit_new(int dirfd, const char *name, const struct crit_piece *pieces,
		    size_t n_pieces, enum crit_sync sync, mode_t mode, uid_t uid, gid_t gid)
{
	char temporary[CRIT_TEMPORARY_NAME];
	int fd = crit_commit_temporary(dirfd, temporary), ret;

	if (fd < 0)
		return fd;
	ret = write_pieces(fd, 0, pieces, n_pieces);
	if (ret == 0 && geteuid() == 0 && fchown(fd, uid, gid) < 0)
		ret = -errno;
	if (ret == 0 && fchmod(fd, mode) < 0)
		ret = -errno;
	if (ret == 0 && sync != CRIT_SYNC_NONE && fsync(fd) < 0)
		ret = -errno;
	if (ret == 0)
		ret = take_free_name(dirfd, temporary, name);
	if (ret < 0)
		unlinkat(dirfd, temporary, 0);
	close(fd);
	return ret;
}
