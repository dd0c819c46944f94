/*
 * Members of an archive, written one after the other.
 */
#include "decoder/archive/pack.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/archive/inside.h"
#include "decoder/commit.h"
#include "decoder/listing.h"
#include "decoder/overlay.h"
#include "decoder/printable.h"

#define AT_ONCE ((size_t)1 << 20) /* bytes */

/* The path of a member of the original, and where it comes last. */
struct known {
	char *path; /* owned, clean */
	uint64_t last;
	bool written;
};

struct packing {
	const struct crit_libarchive *la;
	const struct crit_dir *top;
	struct crit_pack_output *out;
	struct crit_error *err;
	struct archive *writer;
	struct archive_entry *entry; /* of what is new */
	void *known;                 /* owned: of struct known, see tsearch(3) */
	bool dotted;                 /* names begin with "./" */
	bool fractions;              /* times have fractions of seconds */
	int failed;                  /* -errno of the output */
	uint8_t *buf;                /* owned */
	struct crit_dir *dir;        /* a reference: the directory that was looked up last, */
	char dir_path[PATH_MAX];     /* and its path */
	char path[PATH_MAX];         /* of what is new, as it is walked through */
};

/* A path within the archive, in the one spelling that they are compared in. */
static int clean(const char *path, char out[PATH_MAX])
{
	const char *name;
	size_t len, at = 0;

	out[0] = '\0';
	if (crit_member_path_error(path))
		return -EINVAL;
	while (crit_member_next_name(&path, &name, &len)) {
		if (at)
			out[at++] = '/';
		memcpy(out + at, name, len);
		at += len;
		out[at] = '\0';
	}
	return 0;
}

static int enter(struct packing *p, const char *path, size_t len)
{
	struct crit_dir *at = crit_dir_get(p->top), *next;
	const char *end = path + len, *name;
	char part[NAME_MAX + 1];
	size_t n;
	int ret;

	while (path < end && crit_member_next_name(&path, &name, &n)) {
		memcpy(part, name, n);
		part[n] = '\0';
		ret = crit_dir_sub(at, part, &next);
		crit_dir_put(at);
		if (ret < 0)
			return ret;
		at = next;
	}
	crit_dir_put(p->dir);
	p->dir = at;
	snprintf(p->dir_path, sizeof(p->dir_path), "%.*s", (int)len, end - len);
	return 0;
}

/* Where a path is: the directory, good until the next call, and the name in it. */
static int find(struct packing *p, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	*name = slash ? slash + 1 : path;
	/* mostly they come directory by directory */
	if (p->dir && strlen(p->dir_path) == len && !memcmp(p->dir_path, path, len))
		return 0;
	return enter(p, path, len);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->path, ((const struct known *)b)->path);
}

static void free_known(void *known)
{
	free(((struct known *)known)->path);
	free(known);
}

static struct known *get_known(struct packing *p, const char *path)
{
	const struct known wanted = {.path = (char *)path};
	struct known *const *found = tfind(&wanted, &p->known, compare);

	return found ? *found : NULL;
}

/* The same, made if need be. NULL: no memory, and that is told. */
static struct known *know(struct packing *p, const char *path)
{
	struct known *k = get_known(p, path);

	if (k)
		return k;
	k = calloc(1, sizeof(*k));
	if (k && (k->path = strdup(path)) && tsearch(k, &p->known, compare))
		return k;
	if (k)
		free_known(k);
	crit_fail(p->err, CRIT_NO_MEMORY, "no memory for a name");
	return NULL;
}

static int fail_writing(struct packing *p, const char *path)
{
	const char *why = p->la->archive_error_string(p->writer);

	if (p->failed) /* the output has said why */
		return p->failed;
	return crit_fail_errno(p->err, EIO, "%s: %s", path, why ? why : "can't be written");
}

static int write_data(struct packing *p, const char *path, const struct crit_file *file)
{
	uint64_t size = (uint64_t)file->st.st_size, at;
	size_t n;
	int ret;

	for (at = 0; at < size; at += n) {
		n = size - at < AT_ONCE ? (size_t)(size - at) : AT_ONCE;
		ret = crit_file_read(file, p->buf, n, at);
		if (ret < 0)
			return crit_fail_errno(p->err, -ret, "%s: can't read it", path);
		if (p->la->archive_write_data(p->writer, p->buf, n) != (la_ssize_t)n)
			return fail_writing(p, path);
	}
	return 0;
}

/* Write a member with the header `entry`, whose size is the file's. */
static int write_member(struct packing *p, const char *path, struct archive_entry *entry,
			const struct crit_file *file)
{
	if (p->la->archive_write_header(p->writer, entry) < ARCHIVE_WARN)
		return fail_writing(p, path);
	return file ? write_data(p, path, file) : 0;
}

static void spell(struct packing *p, const char *path, bool dir, struct archive_entry *entry)
{
	char spelled[PATH_MAX + 4];

	snprintf(spelled, sizeof(spelled), "%s%s%s", p->dotted ? "./" : "", path,
		 dir ? "/" : "");
	p->la->archive_entry_copy_pathname(entry, spelled);
}

/* Fill in what a file in p->dir says of itself. */
static int describe(struct packing *p, const char *name, const char *path,
		    const struct stat *st, struct archive_entry *entry)
{
	const char *was = p->la->archive_entry_pathname(entry);
	char target[PATH_MAX + 1];
	struct stat plain = *st;
	ssize_t len;

	/* numbers of this machine are nobody's business */
	plain.st_dev = plain.st_ino = 0;
	plain.st_nlink = 1;
	if (p->la->archive_entry_uid(entry) != (la_int64_t)st->st_uid)
		p->la->archive_entry_copy_uname(entry, NULL);
	if (p->la->archive_entry_gid(entry) != (la_int64_t)st->st_gid)
		p->la->archive_entry_copy_gname(entry, NULL);
	p->la->archive_entry_copy_stat(entry, &plain);
	p->la->archive_entry_copy_hardlink(entry, NULL);
	p->la->archive_entry_copy_symlink(entry, NULL);
	p->la->archive_entry_sparse_clear(entry);
	if (!S_ISREG(st->st_mode))
		p->la->archive_entry_set_size(entry, 0);
	/* what was a directory has a slash at its end, and may be something else now */
	if (!was || S_ISDIR(st->st_mode) != (was[strlen(was) - 1] == '/'))
		spell(p, path, S_ISDIR(st->st_mode), entry);
	if (!S_ISLNK(st->st_mode))
		return 0;
	len = crit_dir_readlink(p->dir, name, target, sizeof(target));
	if (len < 0)
		return crit_fail_errno(p->err, (int)-len, "%s: can't read the link", path);
	p->la->archive_entry_copy_symlink(entry, target);
	return 0;
}

/* Write what is `name` in p->dir; with `old`, which is what the archive says of it. */
static int write_file(struct packing *p, const char *name, const char *path,
		      const struct stat *st, struct archive_entry *entry, bool old)
{
	struct crit_file *file = NULL;
	int ret = 0;

	if (S_ISREG(st->st_mode))
		ret = crit_dir_file(p->dir, name, &file);
	if (ret < 0)
		return crit_fail_errno(p->err, -ret, "%s: can't open it", path);
	if (!old)
		ret = describe(p, name, path, file ? &file->st : st, entry);
	if (ret == 0)
		ret = write_member(p, path, entry, file);
	crit_file_put(file);
	return ret;
}

/* ------------------------------------------------------------ what the archive had */

/* The file of a member that nobody changed, a reference; NULL if it is none. */
static struct crit_file *original_file(struct packing *p, const char *path)
{
	struct crit_file *file;
	const char *name;

	if (find(p, path, &name) < 0 || !*name ||
	    (crit_dir_is_overlaid(p->dir) && !crit_dir_is_below(p->dir, name)) ||
	    crit_dir_file(p->dir, name, &file) < 0)
		return NULL;
	return file;
}

/* Is a hard link one still: to what was written, and is the same bytes? */
static bool is_link(struct packing *p, const char *path, const char *target)
{
	struct crit_file *file, *to;
	char other[PATH_MAX];
	struct known *k;
	bool same;

	if (clean(target, other) < 0 || !(k = get_known(p, other)) || !k->written)
		return false;
	file = original_file(p, path);
	to = original_file(p, other);
	same = file && to && file->base == to->base && file->st.st_size == to->st.st_size &&
	       crit_identity_same(&file->whole, &to->whole);
	crit_file_put(file);
	crit_file_put(to);
	return same;
}

static int is_gone(int ret)
{
	return ret == -ENOENT || ret == -ENOTDIR;
}

/* Write what has become of a member: that it was removed is fine. */
static int write_again(struct packing *p, const char *path, struct archive_entry *old)
{
	const char *link = p->la->archive_entry_hardlink(old), *name;
	struct archive_entry *entry;
	struct stat st;
	bool same;
	int ret;

	if (!*path) /* the top */
		return write_member(p, ".", old, NULL);
	if (link && is_link(p, path, link))
		return write_member(p, path, old, NULL);
	ret = find(p, path, &name);
	if (ret == 0)
		ret = crit_dir_stat(p->dir, name, &st);
	if (ret < 0)
		return is_gone(ret)
			       ? 1
			       : crit_fail_errno(p->err, -ret, "%s: can't look at it", path);
	same = !link && (st.st_mode & S_IFMT) == p->la->archive_entry_filetype(old) &&
	       (!crit_dir_is_overlaid(p->dir) || crit_dir_is_below(p->dir, name));
	entry = p->la->archive_entry_clone(old);
	if (!entry)
		return crit_fail(p->err, CRIT_NO_MEMORY, "no memory for a member");
	ret = write_file(p, name, path, &st, entry, same);
	p->la->archive_entry_free(entry);
	return ret;
}

/* Call `each` with every member of the original that was not left out when it was opened. */
static int each_member(struct packing *p, const struct crit_file *original,
		       int (*each)(struct packing *p, const char *path, uint64_t n,
				   struct archive_entry *entry))
{
	struct archive_entry *entry;
	char path[PATH_MAX];
	struct crit_input in;
	const char *name;
	uint64_t n = 0;
	int ret = crit_input_open(&in, original, CRIT_INPUT_TAR, p->err);

	while (ret >= 0 && (ret = crit_input_next(&in, &entry, p->err)) > 0) {
		name = p->la->archive_entry_pathname(entry);
		if (name && clean(name, path) == 0)
			ret = each(p, path, n, entry);
		n++;
	}
	crit_input_close(&in);
	return ret;
}

static int note_member(struct packing *p, const char *path, uint64_t n,
		       struct archive_entry *entry)
{
	struct known *k = know(p, path);

	if (!k)
		return -ENOMEM;
	k->last = n;
	p->dotted |= !strncmp(p->la->archive_entry_pathname(entry), "./", 2);
	p->fractions |= p->la->archive_entry_mtime_nsec(entry) != 0;
	return 0;
}

/* Of members with one name the last counts. */
static int write_member_again(struct packing *p, const char *path, uint64_t n,
			      struct archive_entry *entry)
{
	struct known *k = get_known(p, path);
	int ret;

	if (!k || k->last != n)
		return 0;
	ret = write_again(p, path, entry);
	k->written = ret == 0;
	return ret < 0 ? ret : 0;
}

/* --------------------------------------------------------------------- what is new */

/* Does it belong into an archive? Sockets can't be in a tar. */
static bool belongs_there(struct packing *p, const char *name, const struct stat *st)
{
	struct crit_buf line = {0};

	if (crit_commit_is_temporary(name) ||
	    (st->st_dev == p->out->self.st_dev && st->st_ino == p->out->self.st_ino))
		return false;
	if (!S_ISSOCK(st->st_mode))
		return true;
	crit_printable(&line, p->path, strlen(p->path), "");
	crit_buf_str(&line, ": a socket, left out");
	crit_buf_byte(&line, '\0');
	if (!line.error)
		p->out->tell(p->out, (const char *)line.data);
	crit_buf_fini(&line);
	return false;
}

static int write_rest(struct packing *p, const struct crit_dir *dir);

/* What is p->path, and `name` in `dir`. */
static int write_new(struct packing *p, const struct crit_dir *dir, const char *name)
{
	const struct known *k = get_known(p, p->path);
	struct crit_dir *sub;
	struct stat st;
	int ret = crit_dir_stat(dir, name, &st);

	if (ret < 0)
		return is_gone(ret)
			       ? 0
			       : crit_fail_errno(p->err, -ret, "%s: can't look at it", p->path);
	if (!belongs_there(p, name, &st))
		return 0;
	if (!k || !k->written) {
		ret = find(p, p->path, &name);
		p->la->archive_entry_clear(p->entry);
		if (ret == 0)
			ret = write_file(p, name, p->path, &st, p->entry, false);
	}
	if (ret < 0 || !S_ISDIR(st.st_mode))
		return ret;
	ret = crit_dir_sub(dir, name, &sub);
	if (ret < 0)
		return crit_fail_errno(p->err, -ret, "%s: can't open it", p->path);
	ret = write_rest(p, sub);
	crit_dir_put(sub);
	return ret;
}

/* All that is in the directory p->path, "" for the top. */
static int write_rest(struct packing *p, const struct crit_dir *dir)
{
	size_t len = strlen(p->path), i;
	struct crit_listing names;
	int ret = crit_listing_read_all(dir, &names);

	if (ret < 0)
		crit_fail_errno(p->err, -ret, "%s: can't list it", len ? p->path : ".");
	for (i = 0; ret >= 0 && i < names.n; i++) {
		const char *name = names.name[i];

		if (len + strlen(name) + 2 > sizeof(p->path)) {
			ret = crit_fail_errno(p->err, ENAMETOOLONG, "%s/…", p->path);
			break;
		}
		sprintf(p->path + len, "%s%s", len ? "/" : "", name);
		ret = write_new(p, dir, name);
		p->path[len] = '\0';
	}
	crit_listing_fini(&names);
	return ret;
}

/* ------------------------------------------------------------------------- the whole */

static la_ssize_t put(struct archive *writer, void *data, const void *buf, size_t len)
{
	struct packing *p = data;

	(void)writer;
	if (!p->failed)
		p->failed = p->out->write(p->out, buf, len, p->err);
	return p->failed ? -1 : (la_ssize_t)len;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n >= s && !strcmp(name + n - s, suffix);
}

static int filter_by_name(const char *name)
{
	static const struct {
		const char *suffix;
		int filter;
	} known[] = {
		{".gz", ARCHIVE_FILTER_GZIP},   {".tgz", ARCHIVE_FILTER_GZIP},
		{".zst", ARCHIVE_FILTER_ZSTD},  {".xz", ARCHIVE_FILTER_XZ},
		{".bz2", ARCHIVE_FILTER_BZIP2}, {".lz4", ARCHIVE_FILTER_LZ4},
	};
	size_t i;

	for (i = 0; name && i < sizeof(known) / sizeof(*known); i++)
		if (ends_in(name, known[i].suffix))
			return known[i].filter;
	return ARCHIVE_FILTER_NONE;
}

/* How the original is compressed: an ARCHIVE_FILTER_*, -errno. */
static int filter_of(const struct crit_file *original, struct crit_error *err)
{
	struct archive_entry *entry;
	struct crit_input in;
	int ret = crit_input_open(&in, original, CRIT_INPUT_TAR, err);

	if (ret == 0)
		ret = crit_input_next(&in, &entry, err);
	if (ret >= 0)
		ret = in.la->archive_filter_code(in.reader, 0);
	crit_input_close(&in);
	return ret;
}

static int open_writer(struct packing *p, int filter)
{
	const struct crit_libarchive *la = p->la;

	p->writer = la->archive_write_new();
	p->entry = la->archive_entry_new();
	p->buf = malloc(AT_ONCE);
	if (!p->writer || !p->entry || !p->buf)
		return crit_fail(p->err, CRIT_NO_MEMORY, "no memory to write an archive");
	/* only what is not compressed may end in zeros */
	if ((p->fractions
		     ? la->archive_write_set_format_pax(p->writer)
		     : la->archive_write_set_format_pax_restricted(p->writer)) != ARCHIVE_OK ||
	    (filter != ARCHIVE_FILTER_NONE &&
	     (la->archive_write_add_filter(p->writer, filter) != ARCHIVE_OK ||
	      la->archive_write_set_bytes_in_last_block(p->writer, 1) != ARCHIVE_OK)) ||
	    la->archive_write_open(p->writer, p, NULL, put, NULL) != ARCHIVE_OK)
		return fail_writing(p, "the archive");
	return 0;
}

static int write_all(struct packing *p, const struct crit_file *original, const char *name)
{
	int filter = original ? filter_of(original, p->err) : filter_by_name(name);
	int ret = filter < 0 ? filter : 0;

	if (ret == 0 && original)
		ret = each_member(p, original, note_member);
	if (ret == 0)
		ret = open_writer(p, filter);
	if (ret == 0 && original)
		ret = each_member(p, original, write_member_again);
	if (ret == 0)
		ret = write_rest(p, p->top);
	if (ret == 0 && p->la->archive_write_close(p->writer) != ARCHIVE_OK)
		ret = fail_writing(p, "the archive");
	return ret;
}

int crit_pack(const struct crit_dir *top, const struct crit_file *original, const char *name,
	      struct crit_pack_output *out, struct crit_error *err)
{
	struct packing *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory to write an archive");
	*p = (struct packing){.la = crit_libarchive(err), .top = top, .out = out, .err = err};
	ret = p->la ? write_all(p, original, name) : -ENOSYS;
	if (p->writer) {
		p->failed = p->failed ? p->failed : ret; /* nothing more is written */
		p->la->archive_write_free(p->writer);
	}
	if (p->entry)
		p->la->archive_entry_free(p->entry);
	tdestroy(p->known, free_known);
	crit_dir_put(p->dir);
	free(p->buf);
	free(p);
	return ret;
}
