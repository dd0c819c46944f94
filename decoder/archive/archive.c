/*
 * Reading the headers of an archive into a tree of its members.
 */
#include "decoder/archive/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/archive/unpack.h"
#include "decoder/buf.h"
#include "decoder/printable.h"

struct crit_archive {
	atomic_uint refs;
	struct crit_file *file;         /* a reference: the archive, or what was unpacked of it */
	struct crit_unpacked unpacked;  /* what is not in it as it is */
	struct crit_file *of;           /* a reference: the archive itself */
	struct crit_member *top;        /* owned */
	uint64_t n;                     /* members */
};

/* ------------------------------------------------------------------------ the tree */

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct crit_member *)a)->name,
		      ((const struct crit_member *)b)->name);
}

static void free_member(void *node)
{
	struct crit_member *m = node;

	tdestroy(m->members, free_member);
	free(m->name);
	free(m->target);
	free(m);
}

const struct crit_member *crit_member_find(const struct crit_member *dir, const char *name)
{
	const struct crit_member wanted = {.name = (char *)name};
	struct crit_member *const *found = tfind(&wanted, &dir->members, compare);

	return found ? *found : NULL;
}

struct visiting {
	int (*visit)(void *arg, const char *name, unsigned char type);
	void *arg;
	int ret;
};

static void visit_member(const void *node, VISIT when, void *arg)
{
	const struct crit_member *m = *(const struct crit_member *const *)node;
	struct visiting *v = arg;

	/* each once */
	if (v->ret == 0 && (when == postorder || when == leaf))
		v->ret = v->visit(v->arg, m->name, IFTODT(m->st.st_mode));
}

int crit_member_each(const struct crit_member *dir,
		     int (*visit)(void *arg, const char *name, unsigned char type), void *arg)
{
	struct visiting v = {visit, arg, 0};

	twalk_r(dir->members, visit_member, &v);
	return v.ret;
}

/* A directory that nothing is known of but that there are members in it. */
static void be_directory(const struct crit_archive *a, struct crit_member *m)
{
	const struct stat *st = &a->of->st;

	m->st.st_mode = S_IFDIR | (st->st_mode & 0666) | (st->st_mode & 0444) >> 2;
	m->st.st_uid = st->st_uid;
	m->st.st_gid = st->st_gid;
	m->st.st_mtim = st->st_mtim;
	m->st.st_atim = st->st_mtim;
	m->st.st_nlink = 1;
}

static struct crit_member *new_member(struct crit_archive *a, const char *name)
{
	struct crit_member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	if (name && !(m->name = strdup(name))) {
		free(m);
		return NULL;
	}
	m->fd = -1;
	/* numbers that no file beside the archive is likely to have */
	m->st.st_dev = a->of->st.st_dev;
	m->st.st_ino = (a->of->st.st_ino << 24) ^ ++a->n;
	m->st.st_ctim = a->of->st.st_ctim;
	be_directory(a, m);
	return m;
}

/* The member of that name in a directory, made if need be. NULL: no memory. */
static struct crit_member *get_member(struct crit_archive *a, struct crit_member *dir,
				      const char *name)
{
	struct crit_member *m = (struct crit_member *)crit_member_find(dir, name);

	if (m)
		return m;
	m = new_member(a, name);
	if (m && !tsearch(m, &dir->members, compare)) {
		free_member(m);
		return NULL;
	}
	return m;
}

/* ------------------------------------------------------------------------ building */

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

/* The next name of a path, and behind it. False at the end. */
static bool next_name(const char **path, const char **name, size_t *len)
{
	do {
		*path += strspn(*path, "/");
		*name = *path;
		*len = strcspn(*path, "/");
		*path += *len;
	} while (*len == 1 && **name == '.');
	return *len != 0;
}

/* Why a path can't be that of a member; NULL if it can. */
static const char *what_is_wrong(const char *path)
{
	const char *name;
	size_t len;

	if (strlen(path) >= PATH_MAX)
		return "a name that is longer than any path, left out";
	while (next_name(&path, &name, &len)) {
		if (len == 2 && !memcmp(name, "..", 2))
			return "a name that leads out of the archive, left out";
		if (len > NAME_MAX)
			return "a name that is longer than any file's, left out";
	}
	return NULL;
}

/*
 * The member of a path; with `make`, made with all directories on the way if need be. What
 * is no directory but has members becomes one. NULL: there is none, or no memory.
 */
static struct crit_member *member_at(struct crit_archive *a, const char *path, bool make)
{
	struct crit_member *m = a->top;
	char buf[NAME_MAX + 1];
	const char *name;
	size_t len;

	while (m && next_name(&path, &name, &len)) {
		memcpy(buf, name, len);
		buf[len] = '\0';
		if (!S_ISDIR(m->st.st_mode)) {
			if (!make)
				return NULL;
			be_directory(a, m);
		}
		m = make ? get_member(a, m, buf)
			 : (struct crit_member *)crit_member_find(m, buf);
	}
	return m;
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
		what_is_wrong(target) ? NULL : member_at(b->archive, target, false);

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

	wrong = path ? what_is_wrong(path) : "a name that can't be read, left out";
	if (wrong) {
		leave_out(b, path ? path : "?", wrong);
		return 0;
	}
	m = member_at(a, path, true);
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

/* ------------------------------------------------------------------------- opening */

/* The archive as a plain one: 0 and *plain, a reference. */
static int decompress(const struct crit_file *file, uint64_t max,
		      struct crit_archive_listener *listener, struct crit_file **plain,
		      struct crit_error *err)
{
	struct crit_unpacked to = {.fd = -1, .max = max};
	struct archive_entry *entry;
	struct crit_input in;
	int ret = crit_input_open(&in, file, CRIT_INPUT_RAW, err);

	if (ret == 0)
		ret = crit_input_next(&in, &entry, err);
	if (ret > 0)
		ret = crit_unpack_member(&in, &to, listener, err);
	crit_input_close(&in);
	if (ret == 0 && to.fd < 0)
		ret = crit_fail(err, CRIT_REJECTED, "it is empty");
	if (ret == 0) {
		ret = crit_file_adopt(to.fd, plain);
		if (ret == 0)
			return 0;
		crit_fail_errno(err, -ret, "can't unpack it");
	}
	if (to.fd >= 0)
		close(to.fd);
	return ret;
}

/* 1 if it is compressed, 0 if not; -errno. */
static int is_compressed(const struct crit_file *file, struct crit_error *err)
{
	struct archive_entry *entry;
	struct crit_input in;
	int ret = crit_input_open(&in, file, CRIT_INPUT_TAR, err);

	if (ret == 0) {
		ret = crit_input_next(&in, &entry, err);
		if (in.la->archive_filter_code(in.reader, 0) != ARCHIVE_FILTER_NONE)
			ret = 1; /* whatever is in it, unpacking will tell */
		else if (ret >= 0)
			ret = 0;
	}
	crit_input_close(&in);
	return ret;
}

/* Another one on the same file, for as long as the archive lasts. */
static int keep_file(const struct crit_file *file, struct crit_file **out)
{
	struct crit_file *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *file;
	copy->refs = 1;
	copy->fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
	if (copy->fd < 0) {
		free(copy);
		return -errno;
	}
	*out = copy;
	return 0;
}

static int open_all(const struct crit_file *file, uint64_t max, struct building *b)
{
	struct crit_archive *a = b->archive;
	int ret = keep_file(file, &a->of);

	a->unpacked.max = max;
	if (ret < 0)
		return crit_fail_errno(b->err, -ret, "can't open it");
	ret = is_compressed(file, b->err);
	if (ret > 0) {
		ret = decompress(file, max, b->listener, &a->file, b->err);
		if (ret == 0)
			a->unpacked.max -= (uint64_t)a->file->st.st_size;
	} else if (ret == 0) {
		a->file = crit_file_get(a->of);
	}
	if (ret < 0)
		return ret;
	a->top = new_member(a, NULL);
	if (!a->top)
		return crit_fail(b->err, CRIT_NO_MEMORY, "no memory for its members");
	ret = crit_input_open(&b->in, a->file, CRIT_INPUT_TAR, b->err);
	if (ret == 0)
		ret = add_members(b);
	crit_input_close(&b->in);
	return ret;
}

int crit_archive_open(const struct crit_file *file, uint64_t unpacked_max,
		      struct crit_archive_listener *listener, struct crit_archive **out,
		      struct crit_error *err)
{
	struct building b = {.listener = listener, .err = err};
	int ret;

	b.archive = calloc(1, sizeof(*b.archive));
	if (!b.archive)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for an archive");
	atomic_init(&b.archive->refs, 1);
	b.archive->unpacked.fd = -1;
	ret = open_all(file, unpacked_max, &b);
	if (ret < 0)
		crit_archive_put(b.archive);
	else
		*out = b.archive;
	return ret;
}

struct crit_archive *crit_archive_get(struct crit_archive *archive)
{
	atomic_fetch_add(&archive->refs, 1);
	return archive;
}

void crit_archive_put(struct crit_archive *archive)
{
	if (!archive || atomic_fetch_sub(&archive->refs, 1) != 1)
		return;
	if (archive->top)
		free_member(archive->top);
	if (archive->unpacked.fd >= 0)
		close(archive->unpacked.fd);
	crit_file_put(archive->file);
	crit_file_put(archive->of);
	free(archive);
}

const struct crit_member *crit_archive_top(const struct crit_archive *archive)
{
	return archive->top;
}

int crit_archive_fd(const struct crit_archive *archive)
{
	return archive->of->fd;
}

int crit_archive_file(const struct crit_archive *archive, const struct crit_member *m,
		      struct crit_file **out)
{
	if (S_ISLNK(m->st.st_mode))
		return -ELOOP;
	if (!S_ISREG(m->st.st_mode))
		return -EINVAL;
	/* what was unpacked is nobody else's */
	return crit_file_of_span(m->fd, m->fd == archive->of->fd ? archive->of : NULL, m->off,
				 &m->st, out);
}

bool crit_archive_is_intact(const struct crit_archive *archive)
{
	return archive->file != archive->of || crit_file_is_intact(archive->of);
}

bool crit_archive_is_name(const char *name)
{
	static const char *const suffixes[] = {".tar",	   ".tgz",     ".tar.gz", ".tar.zst",
					       ".tar.xz", ".tar.bz2", ".tar.lz4"};
	size_t len = strlen(name), i;

	/* CRIU's own, of tmpfs mounts */
	if (len > 4 && !strcmp(name + len - 4, ".img"))
		len -= 4;
	for (i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && !memcmp(name + len - n, suffixes[i], n))
			return true;
	}
	return false;
}
