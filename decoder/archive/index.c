/*
 * Reading the headers of an archive into a tree of its members.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/archive/inside.h"
#include "decoder/buf.h"
#include "decoder/printable.h"

struct building {
	struct crit_archive *archive;
	struct crit_input in;
	struct crit_archive_listener *listener; /* NULL: nobody */
	struct crit_error *err;
};

/* Say that a member is left out. */
static void leave_out(struct building *b, const char *path, const char *why)
{
	struct crit_buf line = {0};

	if (!b->listener || !b->listener->tell)
		return;
	crit_printable(&line, path, strlen(path), "");
	crit_buf_str(&line, ": ");
	crit_buf_str(&line, why);
	crit_buf_byte(&line, '\0');
	if (!line.error)
		b->listener->tell(b->listener, (const char *)line.data);
	crit_buf_fini(&line);
}

/* Its bytes are not in one piece in the archive. */
static int unpack_sparse(struct building *b, struct crit_member *m)
{
	struct crit_unpacked *to = &b->archive->unpacked;
	uint64_t begin = to->size, size = (uint64_t)m->st.st_size;
	int ret = crit_unpack_member(&b->in, to, NULL, b->err);

	if (ret < 0)
		return ret;
	if (size > to->max || begin > to->max - size)
		return crit_fail(b->err, CRIT_TOO_BIG, "unpacked, it is too large");
	to->size = begin + size;
	if (ftruncate(to->fd, (off_t)to->size) < 0)
		return crit_fail_errno(b->err, errno, "can't unpack it");
	m->fd = to->fd;
	m->off = begin;
	return 0;
}

/* Where the bytes of a regular file are. */
static int place(struct building *b, struct archive_entry *entry, struct crit_member *m)
{
	const struct crit_libarchive *la = b->in.la;
	uint64_t off = (uint64_t)la->archive_filter_bytes(b->in.reader, 0);
	uint64_t size = (uint64_t)m->st.st_size, have = (uint64_t)b->in.file->st.st_size;

	if (la->archive_entry_sparse_count(entry) > 0)
		return unpack_sparse(b, m);
	if (off > have || size > have - off)
		return crit_fail(b->err, CRIT_REJECTED, "the archive is cut off within it");
	m->fd = b->in.file->fd;
	m->off = b->in.file->base + off;
	return 0;
}

/* Another name of an earlier member. */
static int link_to(struct building *b, struct crit_member *m, const char *path,
		   const char *target)
{
	const struct crit_member *to =
		crit_member_path_error(target) ? NULL : crit_member_at(b->archive, target, false);

	if (!to || !S_ISREG(to->st.st_mode) || to == m) {
		leave_out(b, path, "a link to what is not in the archive, empty here");
		m->st.st_mode = S_IFREG | 0600;
		m->st.st_size = 0;
		m->fd = b->in.file->fd;
		return 0;
	}
	m->st = to->st;
	m->fd = to->fd;
	m->off = to->off;
	return 0;
}

static void take_attributes(struct crit_archive *a, const struct stat *st,
			    struct crit_member *m)
{
	m->st.st_mode = st->st_mode;
	m->st.st_uid = st->st_uid;
	m->st.st_gid = st->st_gid;
	m->st.st_rdev = st->st_rdev;
	m->st.st_mtim = m->st.st_atim = st->st_mtim;
	m->st.st_ctim = a->of->st.st_ctim;
	m->st.st_size = S_ISREG(st->st_mode) && st->st_size > 0 ? st->st_size : 0;
	m->st.st_blocks = (m->st.st_size + 511) / 512;
	m->st.st_blksize = 4096;
	m->st.st_nlink = 1;
}

static int add_member(struct building *b, struct archive_entry *entry)
{
	const struct crit_libarchive *la = b->in.la;
	const char *path = la->archive_entry_pathname(entry), *wrong, *text;
	struct crit_archive *a = b->archive;
	struct crit_member *m;
	int ret = 0;

	wrong = path ? crit_member_path_error(path) : "a name that can't be read, left out";
	if (wrong) {
		leave_out(b, path ? path : "?", wrong);
		return 0;
	}
	m = crit_member_at(a, path, true);
	if (!m)
		return crit_fail(b->err, CRIT_NO_MEMORY, "no memory for its members");
	if (m == a->top)
		return 0; /* who may enter the archive is what the archive's mode says */
	/* what comes later counts; what is in a directory stays */
	if (m->members && la->archive_entry_filetype(entry) != AE_IFDIR) {
		leave_out(b, path, "it is a directory with members as well, left out");
		return 0;
	}
	free(m->target);
	m->target = NULL;
	take_attributes(a, la->archive_entry_stat(entry), m);
	text = la->archive_entry_hardlink(entry);
	if (text) {
		ret = link_to(b, m, path, text);
	} else if (S_ISREG(m->st.st_mode)) {
		ret = place(b, entry, m);
	} else if (S_ISLNK(m->st.st_mode)) {
		text = la->archive_entry_symlink(entry);
		m->target = strdup(text ? text : "");
		m->st.st_size = text ? (off_t)strlen(text) : 0;
		if (!m->target)
			ret = crit_fail(b->err, CRIT_NO_MEMORY, "no memory for its members");
	} else if (!S_ISDIR(m->st.st_mode) && !S_ISCHR(m->st.st_mode) &&
		   !S_ISBLK(m->st.st_mode) && !S_ISFIFO(m->st.st_mode)) {
		leave_out(b, path, "a member of an unknown type, empty here");
		m->st.st_mode = S_IFREG | 0600;
		m->st.st_size = 0;
		m->fd = b->in.file->fd;
	}
	if (ret < 0) {
		struct crit_buf name = {0};

		crit_printable(&name, path, strlen(path) < 200 ? strlen(path) : 200, "");
		crit_buf_byte(&name, '\0');
		if (!name.error)
			crit_error_prefix(b->err, (const char *)name.data);
		crit_buf_fini(&name);
	}
	return ret;
}

static int add_members(struct building *b)
{
	struct archive_entry *entry;
	int ret;

	while ((ret = crit_input_next(&b->in, &entry, b->err)) > 0) {
		if (b->archive->n >= CRIT_ARCHIVE_MEMBERS_MAX) {
			crit_fail(b->err, CRIT_TOO_BIG, "it has more than %u members",
				  CRIT_ARCHIVE_MEMBERS_MAX);
			return -EFBIG;
		}
		ret = add_member(b, entry);
		if (ret < 0)
			return ret;
	}
	return ret;
}

int crit_archive_index(struct crit_archive *archive, struct crit_archive_listener *listener,
		       struct crit_error *err)
{
	struct building b = {.archive = archive, .listener = listener, .err = err};
	int ret = crit_input_open(&b.in, archive->file, CRIT_INPUT_TAR, err);

	if (ret == 0)
		ret = add_members(&b);
	crit_input_close(&b.in);
	return ret;
}
