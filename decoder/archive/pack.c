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

#include "decoder/archive/input.h"
#include "decoder/commit.h"
#include "decoder/listing.h"
#include "decoder/overlay.h"

#define AT_ONCE ((size_t)1 << 20) /* bytes */

struct packing {
	const struct crit_libarchive *la;
	const struct crit_dir *top;
	struct crit_pack_output *out;
	struct crit_error *err;
	struct archive *writer;
	struct archive_entry *entry; /* of what is new */
	void *written;               /* paths, see tsearch(3) */
	bool dotted;                 /* names begin with "./" */
	int failed;                  /* -errno of the output */
	uint8_t *buf;
};

/* A path within the archive, in the one spelling that they are compared in. */
static int clean(const char *path, char out[PATH_MAX])
{
	size_t len, at = 0;

	out[0] = '\0';
	for (path += strspn(path, "/"); *path; path += len + strspn(path + len, "/")) {
		len = strcspn(path, "/");
		if (len == 1 && *path == '.')
			continue;
		if ((len == 2 && path[0] == '.' && path[1] == '.') || at + len + 2 > PATH_MAX)
			return -EINVAL;
		if (at)
			out[at++] = '/';
		memcpy(out + at, path, len);
		at += len;
		out[at] = '\0';
	}
	return 0;
}

/* Where a path is: the directory, a reference, and the name in it. */
static int find(const struct crit_dir *top, const char *path, struct crit_dir **dir,
		const char **name)
{
	struct crit_dir *at = crit_dir_get(top), *next;
	char part[NAME_MAX + 1];
	const char *slash;
	int ret;

	for (; (slash = strchr(path, '/')); path = slash + 1) {
		if ((size_t)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path) >=
		    sizeof(part))
			ret = -ENAMETOOLONG;
		else
			ret = crit_dir_sub(at, part, &next);
		crit_dir_put(at);
		if (ret < 0)
			return ret;
		at = next;
	}
	*dir = at;
	*name = path;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* 1: it is new, 0: it was written before; -ENOMEM. */
static int note_written(struct packing *p, const char *path)
{
	char *own = strdup(path), **found = own ? tsearch(own, &p->written, compare) : NULL;

	if (!found) {
		free(own);
		return crit_fail(p->err, CRIT_NO_MEMORY, "no memory for a name");
	}
	if (*found == own)
		return 1;
	free(own);
	return 0;
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

/* Fill in what the file says of itself. */
static int describe(struct packing *p, const struct crit_dir *dir, const char *name,
		    const char *path, const struct stat *st, struct archive_entry *entry)
{
	char target[PATH_MAX + 1];
	ssize_t len;

	p->la->archive_entry_copy_stat(entry, st);
	if (!S_ISREG(st->st_mode))
		p->la->archive_entry_set_size(entry, 0);
	if (!S_ISLNK(st->st_mode))
		return 0;
	len = crit_dir_readlink(dir, name, target, sizeof(target));
	if (len < 0)
		return crit_fail_errno(p->err, (int)-len, "%s: can't read the link", path);
	p->la->archive_entry_copy_symlink(entry, target);
	return 0;
}

static int write_as(struct packing *p, const struct crit_dir *dir, const char *name,
		    const char *path, struct archive_entry *entry)
{
	struct crit_file *file = NULL;
	struct stat st;
	int ret = crit_dir_stat(dir, name, &st);

	if (ret == 0 && S_ISREG(st.st_mode))
		ret = crit_dir_file(dir, name, &file);
	if (ret < 0)
		return crit_fail_errno(p->err, -ret, "%s: can't open it", path);
	ret = describe(p, dir, name, path, file ? &file->st : &st, entry);
	if (ret == 0)
		ret = write_member(p, path, entry, file);
	crit_file_put(file);
	return ret;
}

/* ------------------------------------------------------------ what the archive had */

/* Is it what the archive has, and also what it is linked to? */
static bool is_as_it_was(struct packing *p, const char *path)
{
	struct crit_dir *dir;
	const char *name;
	struct stat st;
	bool same;

	if (find(p->top, path, &dir, &name) < 0)
		return false;
	same = crit_dir_stat(dir, name, &st) == 0 &&
	       (!crit_dir_is_overlaid(dir) || crit_dir_is_below(dir, name));
	crit_dir_put(dir);
	return same;
}

static int write_again(struct packing *p, const char *path, struct archive_entry *old)
{
	const char *link = p->la->archive_entry_hardlink(old), *name;
	struct archive_entry *entry = NULL;
	char target[PATH_MAX];
	struct crit_dir *dir;
	bool same = is_as_it_was(p, path);
	struct stat st;
	int ret;

	if (find(p->top, path, &dir, &name) < 0)
		return 0; /* it was removed */
	ret = *name ? crit_dir_stat(dir, name, &st) : crit_dir_self(dir, &st);
	if (ret < 0) {
		crit_dir_put(dir);
		return 0;
	}
	/* of members with one name the last counts, which may be something else */
	same = same &&
	       (link ? S_ISREG(st.st_mode)
		     : (st.st_mode & S_IFMT) == p->la->archive_entry_filetype(old));
	if (!*name || (same && S_ISDIR(st.st_mode)) ||
	    (link && same && clean(link, target) == 0 && is_as_it_was(p, target))) {
		ret = write_member(p, path, old, NULL);
	} else {
		entry = p->la->archive_entry_clone(old);
		if (!entry)
			ret = crit_fail(p->err, CRIT_NO_MEMORY, "no memory for a member");
		if (entry && link)
			p->la->archive_entry_copy_hardlink(entry, NULL);
		if (entry && (!same || link))
			p->la->archive_entry_sparse_clear(entry);
		if (entry)
			ret = write_as(p, dir, name, path, entry);
		p->la->archive_entry_free(entry);
	}
	crit_dir_put(dir);
	return ret;
}

static int write_original(struct packing *p, const struct crit_file *original)
{
	struct archive_entry *entry;
	char path[PATH_MAX];
	struct crit_input in;
	const char *name;
	int ret = crit_input_open(&in, original, CRIT_INPUT_TAR, p->err);

	while (ret >= 0 && (ret = crit_input_next(&in, &entry, p->err)) > 0) {
		name = p->la->archive_entry_pathname(entry);
		if (!name || clean(name, path) < 0)
			continue; /* it was left out when the archive was opened, too */
		p->dotted |= !strncmp(name, "./", 2);
		ret = note_written(p, path);
		if (ret > 0)
			ret = write_again(p, path, entry);
	}
	crit_input_close(&in);
	return ret;
}

/* --------------------------------------------------------------------- what is new */

static int write_new(struct packing *p, const struct crit_dir *dir, const char *name,
		     const char *path)
{
	char spelled[PATH_MAX + 2];

	snprintf(spelled, sizeof(spelled), "%s%s", p->dotted ? "./" : "", path);
	p->la->archive_entry_clear(p->entry);
	p->la->archive_entry_copy_pathname(p->entry, spelled);
	return write_as(p, dir, name, path, p->entry);
}

/* Would it be in nobody's way? Sockets can't be in a tar. */
static bool belongs_there(struct packing *p, const char *path, const char *name,
			  const struct stat *st)
{
	char line[PATH_MAX + 64];

	if (crit_commit_is_temporary(name))
		return false;
	if (!S_ISSOCK(st->st_mode))
		return true;
	snprintf(line, sizeof(line), "%s: a socket, left out", path);
	p->out->tell(p->out, line);
	return false;
}

static int write_rest(struct packing *p, const struct crit_dir *dir, const char *above)
{
	struct crit_listing names;
	char path[PATH_MAX];
	struct crit_dir *sub;
	struct stat st;
	int ret = crit_listing_read_all(dir, &names);
	size_t i;

	if (ret < 0)
		crit_fail_errno(p->err, -ret, "%s: can't list it", *above ? above : ".");
	for (i = 0; ret >= 0 && i < names.n; i++) {
		const char *name = names.name[i];

		if ((size_t)snprintf(path, sizeof(path), "%s%s%s", above, *above ? "/" : "",
				     name) >= sizeof(path) ||
		    crit_dir_stat(dir, name, &st) < 0 || !belongs_there(p, path, name, &st))
			continue;
		ret = note_written(p, path);
		if (ret > 0)
			ret = write_new(p, dir, name, path);
		if (ret < 0 || !S_ISDIR(st.st_mode) || crit_dir_sub(dir, name, &sub) < 0)
			continue;
		ret = write_rest(p, sub, path);
		crit_dir_put(sub);
	}
	crit_listing_fini(&names);
	return ret < 0 ? ret : 0;
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
		{".gz", ARCHIVE_FILTER_GZIP},  {".tgz", ARCHIVE_FILTER_GZIP},
		{".zst", ARCHIVE_FILTER_ZSTD}, {".xz", ARCHIVE_FILTER_XZ},
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
	if (la->archive_write_set_format_pax_restricted(p->writer) != ARCHIVE_OK ||
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
	int ret = filter < 0 ? filter : open_writer(p, filter);

	if (ret == 0 && original)
		ret = write_original(p, original);
	if (ret == 0)
		ret = write_rest(p, p->top, "");
	if (ret == 0 && p->la->archive_write_close(p->writer) != ARCHIVE_OK)
		ret = fail_writing(p, "the archive");
	return ret;
}

int crit_pack(const struct crit_dir *top, const struct crit_file *original, const char *name,
	      struct crit_pack_output *out, struct crit_error *err)
{
	struct packing p = {.la = crit_libarchive(err), .top = top, .out = out, .err = err};
	int ret;

	if (!p.la)
		return -ENOSYS;
	ret = write_all(&p, original, name);
	if (p.writer) {
		p.failed = p.failed ? p.failed : ret; /* nothing more is written */
		p.la->archive_write_free(p.writer);
	}
	if (p.entry)
		p.la->archive_entry_free(p.entry);
	tdestroy(p.written, free);
	free(p.buf);
	return ret;
}
