/*
 * Archives as the container engines write them: tar, plain or compressed. Of a plain one
 * the members stay where they are, as spans of the file. A compressed one is unpacked once,
 * into a temporary file without a name, which is a plain archive then: no name that an
 * archive has is ever made on disk. Read with libarchive.
 *
 * Names are those of the members, without leading slashes and "./". What can't be a name
 * here (".." in it, longer than any file system has it) is left out, and told; of members
 * with one name the last counts, but for a directory with something in it. What says that
 * it has more bytes than it has can't be read. Counted, and constant once it is open: for
 * several threads.
 */
#ifndef CRIT_ARCHIVE_H
#define CRIT_ARCHIVE_H

#include <stdint.h>
#include <sys/stat.h>

#include "decoder/error.h"
#include "decoder/file.h"

#define CRIT_ARCHIVE_MEMBERS_MAX (1u << 20)
#define CRIT_ARCHIVE_UNPACKED    (UINT64_C(64) << 30) /* bytes, where nothing else is said */

struct crit_archive;

struct crit_member {
	char *name;    /* owned: in the directory that it is in; NULL for the top */
	void *members; /* owned: of a directory, see tsearch(3) */
	struct stat st;
	char *target; /* owned: of a symlink */
	int fd;       /* borrowed: where the bytes of a regular file are (-1: nowhere), */
	uint64_t off; /* and from where on */
};

/* Who hears of what is left out (a line, no newline), and how far unpacking is. */
struct crit_archive_listener {
	void (*tell)(struct crit_archive_listener *l, const char *text);
	/* Of so many bytes so many are read. False: it is not to go on (-EINTR). */
	bool (*progress)(struct crit_archive_listener *l, uint64_t read, uint64_t of);
};

/*
 * Open an archive; `file` is only needed during the call. It may take up to `unpacked_max`
 * bytes in temporary files. 0; -EBADMSG if it is no tar, or damaged; -EFBIG beyond a
 * limit; -EINTR; -ENOSYS without libarchive; -errno; and the reason.
 */
int crit_archive_open(const struct crit_file *file, uint64_t unpacked_max,
		      struct crit_archive_listener *listener, struct crit_archive **out,
		      struct crit_error *err);

struct crit_archive *crit_archive_get(struct crit_archive *archive);
void crit_archive_put(struct crit_archive *archive); /* NULL is fine */

/* The directory at its top. */
const struct crit_member *crit_archive_top(const struct crit_archive *archive);

/* Of the archive file itself; borrowed. */
int crit_archive_fd(const struct crit_archive *archive);

/* Are its members still where they were? Nobody wrote to it, or it was unpacked. */
bool crit_archive_is_intact(const struct crit_archive *archive);

/* A member in a directory, or NULL. */
const struct crit_member *crit_member_find(const struct crit_member *dir, const char *name);

/* As crit_dir_each(). */
int crit_member_each(const struct crit_member *dir,
		     int (*visit)(void *arg, const char *name, unsigned char type), void *arg);

/*
 * Open a member to be read. 0, -ELOOP of a symlink, -EINVAL of what else is no regular
 * file, -ENODATA of one that has less than it says, -EIO if the archive is no longer what it
 * was, -errno.
 */
int crit_archive_file(const struct crit_archive *archive, const struct crit_member *m,
		      struct crit_file **out);

/* Does a name look like that of an archive, as nested ones are called? */
bool crit_archive_is_name(const char *name);

#endif
