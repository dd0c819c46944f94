/*
 * Reading the headers of an archive into a tree of its members.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/archive/inside.h"
#include "decoder/buf.h"
#include "decoder/printable.h"

#define TOLD_MAX 20  /* lines of what is left out; the rest is counted */
#define SHOWN    200 /* bytes of a name in a line */

/* What all links of an archive say, bytes: a small one may have a million long ones. */
#define TARGETS_MAX ((uint64_t)64 << 20)

struct building {
	struct crit_archive *archive;
	struct crit_input in;
	struct crit_archive_listener *listener; /* NULL: nobody */
	struct crit_error *err;
	uint64_t n_told;
	uint64_t n_targets;         /* bytes that its links say */
	struct crit_member *placed; /* the last one that has its bytes in the archive, */
	char *placed_path;          /* owned: and its name */
};

static void tell(struct building *b, struct crit_buf *line)
{
	crit_buf_byte(line, '\0');
	if (!line->error)
		b->listener->tell(b->listener, (const char *)line->data);
	crit_buf_fini(line);
}

static void add_name(struct crit_buf *line, const char *path)
{
	crit_printable(line, path, strnlen(path, SHOWN), "");
}

/* Say what is wrong with a member that is not what it should be, or is not there. */
static void complain(struct building *b, const char *path, const char *what)
{
	struct crit_buf line = {0};

	if (!b->listener || !b->listener->tell || b->n_told++ >= TOLD_MAX)
		return;
	add_name(&line, path);
	crit_buf_str(&line, ": ");
	crit_buf_str(&line, what);
	tell(b, &line);
}

static void complain_of_rest(struct building *b)
{
	struct crit_buf line = {0};

	if (b->n_told <= TOLD_MAX)
		return;
	crit_buf_printf(&line, "%llu members more like these",
			(unsigned long long)(b->n_told - TOLD_MAX));
	tell(b, &line);
}

/* Reading it fails; all else of it is shown. */
static void be_broken(struct building *b, struct crit_member *m, const char *path,
		      const char *what)
{
	m->fd = -1;
	complain(b, path, what);
}

/* Its bytes are not in one piece in the archive. */
static int unpack_sparse(struct building *b, struct crit_member *m, const char *path)
{
	struct crit_unpacked *to = &b->archive->unpacked;
	uint64_t begin = to->size, size = (uint64_t)m->st.st_size;
	int ret;

	if (begin > to->max || size > to->max - begin) {
		be_broken(b, m, path, "unpacked, it is too large; it can't be read");
		return 0;
	}
	ret = crit_unpack_member(&b->in, to, b->listener, b->err);
	if (ret < 0)
		return ret;
	to->size = begin + size;
	if (ftruncate(to->fd, (off_t)to->size) < 0)
		return crit_fail_errno(b->err, errno, "can't unpack it");
	m->fd = to->fd;
	m->off = begin;
	return 0;
}

/* Where the bytes of a regular file are. */
static int place(struct building *b, struct archive_entry *entry, struct crit_member *m,
		 const char *path)
{
	const struct crit_libarchive *la = b->in.la;
	uint64_t off = (uint64_t)la->archive_filter_bytes(b->in.reader, 0);
	uint64_t size = (uint64_t)m->st.st_size, have = (uint64_t)b->in.file->st.st_size;

	if (la->archive_entry_sparse_count(entry) > 0)
		return unpack_sparse(b, m, path);
	if (off > have || size > have - off)
		return crit_fail(b->err, CRIT_REJECTED, "the archive is cut off within it");
	m->fd = b->in.file->fd;
	m->off = b->in.file->base + off;
	b->placed = m;
	free(b->placed_path);
	b->placed_path = strdup(path);
	return b->placed_path ? 0 : crit_fail(b->err, CRIT_NO_MEMORY, "no memory for its name");
}

/* What it says of its length may be more than it has: the next header tells, or the end. */
static void check_placed(struct building *b, uint64_t end)
{
	struct crit_member *m = b->placed;

	if (m && m->fd == b->in.file->fd &&
	    (uint64_t)m->st.st_size > end - (m->off - b->in.file->base))
		be_broken(b, m, b->placed_path, "it has less than it says, and can't be read");
	b->placed = NULL;
}

/* Nothing, where something was to be. */
static void be_empty(struct building *b, struct crit_member *m, const char *path,
		     const char *why)
{
	m->st.st_mode = S_IFREG | 0600;
	m->st.st_size = m->st.st_blocks = 0;
	m->fd = b->in.file->fd;
	complain(b, path, why);
}

/* What a symlink says. */
static int set_target(struct building *b, struct crit_member *m, const char *target)
{
	b->n_targets += strlen(target) + 1;
	if (b->n_targets > TARGETS_MAX)
		return crit_fail(b->err, CRIT_TOO_BIG,
				 "its links say more than %u MiB, which is too much",
				 (unsigned)(TARGETS_MAX >> 20));
	m->target = strdup(target);
	return m->target ? 0 : crit_fail(b->err, CRIT_NO_MEMORY, "no memory for its members");
}

/* Another name of an earlier member. */
static int link_to(struct building *b, struct crit_member *m, const char *path,
		   const char *target)
{
	const struct crit_member *to = crit_member_path_error(target)
					       ? NULL
					       : crit_member_at(b->archive, target, false);

	if (!to || S_ISDIR(to->st.st_mode) || to == m) {
		be_empty(b, m, path, "a link to what is not in the archive, empty here");
		return 0;
	}
	m->st = to->st;
	m->fd = to->fd;
	m->off = to->off;
	return to->target ? set_target(b, m, to->target) : 0;
}

static int take_target(struct building *b, struct crit_member *m, const char *path,
		       const char *target)
{
	if (!target || strlen(target) >= PATH_MAX) {
		be_empty(b, m, path, "a link that leads nowhere, empty here");
		return 0;
	}
	m->st.st_size = (off_t)strlen(target);
	m->st.st_mode |= 0777;
	return set_target(b, m, target);
}

static void take_attributes(struct crit_archive *a, const struct stat *st,
			    struct crit_member *m)
{
	off_t size = S_ISREG(st->st_mode) && st->st_size > 0 ? st->st_size : 0;

	/* other bytes under the same name are another file */
	crit_member_renumber(a, m);
	m->st.st_mode = st->st_mode;
	m->st.st_uid = st->st_uid;
	m->st.st_gid = st->st_gid;
	m->st.st_rdev = st->st_rdev;
	m->st.st_mtim = m->st.st_atim = st->st_mtim;
	m->st.st_ctim = a->of->st.st_ctim;
	m->st.st_size = size;
	m->st.st_blocks = size / 512 + (size % 512 != 0);
	m->st.st_blksize = 4096;
	m->st.st_nlink = 1;
}

/* What there is behind the header. */
static int take_contents(struct building *b, struct archive_entry *entry, struct crit_member *m,
			 const char *path)
{
	const char *link = b->in.la->archive_entry_hardlink(entry);

	switch (link ? 0 : m->st.st_mode & S_IFMT) {
	case 0:
		if (link)
			return link_to(b, m, path, link);
		break;
	case S_IFREG:
		return place(b, entry, m, path);
	case S_IFLNK:
		return take_target(b, m, path, b->in.la->archive_entry_symlink(entry));
	case S_IFDIR:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return 0;
	default:
		break;
	}
	be_empty(b, m, path, "a member of an unknown type, empty here");
	return 0;
}

/* The member that an entry is: 1, 0 if it is left out, -ENOMEM. */
static int find_member(struct building *b, struct archive_entry *entry, const char *path,
		       struct crit_member **out)
{
	const char *wrong = path ? crit_member_path_error(path)
				 : "a name that can't be read, left out";
	struct crit_member *m;

	if (wrong) {
		complain(b, path ? path : "?", wrong);
		return 0;
	}
	*out = m = crit_member_at(b->archive, path, true);
	if (!m)
		return crit_fail(b->err, CRIT_NO_MEMORY, "no memory for its members");
	if (m == b->archive->top)
		return 0; /* who may enter the archive is what the archive's mode says */
	/* what comes later counts; but what is in a directory stays */
	if (!m->members || b->in.la->archive_entry_filetype(entry) == AE_IFDIR)
		return 1;
	complain(b, path, "it is a directory with members as well, left out");
	return 0;
}

static int add_member(struct building *b, struct archive_entry *entry, const char *path)
{
	struct crit_member *m;
	int ret = find_member(b, entry, path, &m);

	if (ret <= 0)
		return ret;
	free(m->target);
	m->target = NULL;
	take_attributes(b->archive, b->in.la->archive_entry_stat(entry), m);
	return take_contents(b, entry, m, path);
}

/* Say where something went wrong. */
static int fail_at(struct building *b, const char *behind, const char *path, int ret)
{
	struct crit_buf name = {0};

	if (!path && behind)
		crit_buf_str(&name, "behind ");
	if (path || behind)
		add_name(&name, path ? path : behind);
	crit_buf_byte(&name, '\0');
	if (!name.error && name.len > 1)
		crit_error_prefix(b->err, (const char *)name.data);
	crit_buf_fini(&name);
	return ret;
}

static int add_members(struct building *b)
{
	const struct crit_libarchive *la = b->in.la;
	struct archive_entry *entry;
	const char *path = NULL;
	char *last = NULL;
	int ret;

	while ((ret = crit_input_next(&b->in, &entry, b->err)) > 0) {
		path = la->archive_entry_pathname(entry);
		check_placed(b, (uint64_t)la->archive_read_header_position(b->in.reader));
		if (b->archive->n / 2 >= CRIT_ARCHIVE_MEMBERS_MAX) { /* each has two numbers */
			crit_fail(b->err, CRIT_TOO_BIG, "it has more than %u members",
				  CRIT_ARCHIVE_MEMBERS_MAX);
			ret = -EFBIG;
			break;
		}
		ret = add_member(b, entry, path);
		if (ret < 0)
			break;
		free(last);
		last = path ? strdup(path) : NULL;
		path = NULL;
	}
	if (ret == 0)
		check_placed(b, (uint64_t)la->archive_filter_bytes(b->in.reader, 0));
	else
		fail_at(b, last, path, ret);
	free(last);
	return ret;
}

int crit_archive_index(struct crit_archive *archive, struct crit_archive_listener *listener,
		       struct crit_error *err)
{
	struct building b = {.archive = archive, .listener = listener, .err = err};
	int ret = crit_input_open(&b.in, archive->file, CRIT_INPUT_PLAIN_TAR, err);

	if (ret == 0)
		ret = add_members(&b);
	crit_input_close(&b.in);
	complain_of_rest(&b);
	free(b.placed_path);
	return ret;
}
