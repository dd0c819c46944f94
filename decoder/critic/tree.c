/*
 * Whole directories. Both ways walk one tree and write another beside it.
 */
#include "decoder/critic/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/commit.h"
#include "decoder/copy.h"
#include "decoder/critic/files.h"
#include "decoder/critic/progress.h"
#include "decoder/edit.h"
#include "decoder/image.h"
#include "decoder/json.h"
#include "decoder/printable.h"

#define SUFFIX     ".json"
#define SUFFIX_LEN (sizeof(SUFFIX) - 1)

struct tree {
	const struct critic_args *args;
	size_t in_len; /* of args->in: what follows it in a path is relative */
	struct critic_progress progress;
	bool made; /* args->out was not there */
	bool failed;
	/* What becomes of a file; `to` is its path below args->out. 0, -errno. */
	int (*file)(struct tree *t, const FTSENT *from, const char *to, struct crit_error *err);
	bool (*is_taken)(const FTSENT *from); /* does another become what has this name? */
};

static void fail(struct tree *t, const char *path, const struct crit_error *err)
{
	critic_progress_clear(&t->progress);
	critic_fail(path, err);
	t->failed = true;
}

bool critic_is_tree(const struct critic_args *args)
{
	struct stat st;

	return args->in && stat(args->in, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Has the file of a dump at `path` the contents that its name promises? */
static bool is_image(const char *name, struct crit_file *file)
{
	uint8_t bytes[CRIT_HEADER_MAX];
	struct crit_header header;
	size_t len = (size_t)file->st.st_size;

	len = len < sizeof(bytes) ? len : sizeof(bytes);
	return crit_file_read(file, bytes, len, 0) == 0 &&
	       crit_header_read(name, bytes, len, &header);
}

static int set_times(const char *path, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	return utimensat(AT_FDCWD, path, times, 0);
}

/*
 * The mode and the time of the file that it was made from. Its owner is who runs this, so
 * that nobody may act as him for it.
 */
static int like(const char *path, const struct stat *st, struct crit_error *err)
{
	if (chmod(path, st->st_mode & 01777) < 0 || set_times(path, st) < 0)
		return crit_fail_errno(err, errno, "can't set its mode and time");
	return 0;
}

/* Is the file there already? A dump's many pages need not be written again. */
static bool is_copy(const char *path, const struct crit_file *file)
{
	const struct crit_span all = {0, (uint64_t)file->st.st_size};
	const struct crit_piece whole = crit_piece_of(file, 0, all.len);
	struct crit_file *there;
	bool same;

	if (crit_file_open(AT_FDCWD, path, &there) < 0)
		return false;
	same = there->st.st_size == file->st.st_size &&
	       crit_blob_same(there, all, &whole, all.len != 0);
	crit_file_put(there);
	return same;
}

/* Nothing is written through links, or into what is no file: a link that is there goes. */
static int make_room(const char *path, struct crit_error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	if (!S_ISLNK(st.st_mode))
		return crit_fail_errno(err, EEXIST, "can't replace what is no file");
	return unlink(path) < 0 ? crit_fail_errno(err, errno, "can't replace the link") : 0;
}

static int copy_file(struct crit_file *file, const char *to, struct crit_error *err)
{
	struct critic_output out;
	uint64_t size = (uint64_t)file->st.st_size;
	int ret;

	if (is_copy(to, file))
		return like(to, &file->st, err);
	ret = make_room(to, err);
	if (ret < 0)
		return ret;
	ret = critic_output_open(&out, to, file, err);
	if (ret < 0)
		return ret;
	ret = ftruncate(out.fd, (off_t)size) < 0 ? -errno : 0;
	if (ret == 0)
		ret = crit_copy_span(file->fd, file->base, out.fd, 0, size);
	if (ret < 0) {
		critic_output_abort(&out);
		return crit_fail_errno(err, -ret, "can't copy it");
	}
	ret = critic_output_close(&out, err);
	return ret < 0 ? ret : like(to, &file->st, err);
}

static int copy_link(const FTSENT *from, const char *to, struct crit_error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from->fts_accpath, target, sizeof(target) - 1);

	if (n < 0)
		return crit_fail_errno(err, errno, "can't read the link");
	target[n] = '\0';
	if (symlink(target, to) < 0 &&
	    (errno != EEXIST || unlink(to) < 0 || symlink(target, to) < 0))
		return crit_fail_errno(err, errno, "can't make the link");
	return 0;
}

static int decode_image(struct tree *t, struct crit_file *file, const char *name,
			const char *to, struct crit_error *err)
{
	struct crit_document_style style = {.plain = !t->args->pretty,
					    .one_line = !t->args->pretty};
	char document[PATH_MAX];
	bool at_output;
	int ret;

	if (snprintf(document, sizeof(document), "%s" SUFFIX, to) >= (int)sizeof(document))
		return crit_fail_errno(err, ENAMETOOLONG, "can't write its document");
	ret = make_room(document, err);
	if (ret < 0)
		return ret;
	ret = critic_decode_file(file, name, style, document, &at_output, err);
	if (ret < 0 && at_output)
		crit_error_prefix(err, document);
	return ret < 0 ? ret : like(document, &file->st, err);
}

/* Has a file a document's "magic"? Only asked where its name does not tell. */
static bool has_magic(const char *path)
{
	struct crit_error err = {0};
	struct critic_source source;
	struct crit_json j;
	bool found = false;

	if (critic_source_open(&source, path, &err) == 0) {
		crit_json_init_source(&j, &source.source, &err);
		if (crit_json_next(&j) == '{') {
			while (!(found = crit_json_take_key(&j, "magic", 5)) &&
			       crit_json_next(&j) == CRIT_JSON_STRING &&
			       crit_json_next(&j) == ':' && crit_json_next(&j) > 0 &&
			       crit_json_skip(&j) == 0 && crit_json_next(&j) == ',')
				;
			found = found && crit_json_next(&j) == CRIT_JSON_STRING &&
				crit_type_by_title(j.value, j.value_len);
		}
		crit_json_fini(&j);
	}
	critic_source_close(&source);
	return found;
}

/* Is a file called, or does it look, like an image's document? */
static bool is_document(const char *path)
{
	size_t len = strlen(path);
	char image[PATH_MAX];
	const char *name, *dot;

	if (len <= SUFFIX_LEN || len >= sizeof(image) ||
	    strcmp(path + len - SUFFIX_LEN, SUFFIX))
		return false;
	memcpy(image, path, len - SUFFIX_LEN);
	image[len - SUFFIX_LEN] = '\0';
	name = strrchr(image, '/');
	name = name ? name + 1 : image;
	dot = strrchr(name, '.');
	return crit_type_by_name(name) || (dot && !strcmp(dot, ".img")) || has_magic(path);
}

static bool is_regular(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Decoding: a link with the name of a document that there will be. */
static bool is_taken_by_document(const FTSENT *from)
{
	size_t len = strlen(from->fts_accpath);
	char image[PATH_MAX];

	if (from->fts_info == FTS_F || len <= SUFFIX_LEN || len >= sizeof(image) ||
	    strcmp(from->fts_accpath + len - SUFFIX_LEN, SUFFIX))
		return false;
	memcpy(image, from->fts_accpath, len - SUFFIX_LEN);
	image[len - SUFFIX_LEN] = '\0';
	return is_regular(image);
}

/* Encoding: a file or link with the name of an image that a document becomes. */
static bool is_taken_by_image(const FTSENT *from)
{
	char document[PATH_MAX];

	if (snprintf(document, sizeof(document), "%s" SUFFIX, from->fts_accpath) >=
	    (int)sizeof(document))
		return false;
	return is_regular(document) && is_document(document) &&
	       !(from->fts_info == FTS_F && is_document(from->fts_accpath));
}

static int decode_file(struct tree *t, const FTSENT *from, const char *to,
		       struct crit_error *err)
{
	struct crit_file *file;
	int ret = crit_file_open(AT_FDCWD, from->fts_accpath, &file);

	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't open it");
	if (is_image(from->fts_name, file))
		ret = decode_image(t, file, from->fts_name, to, err);
	else if (is_document(from->fts_accpath))
		ret = crit_fail_errno(err, EEXIST,
				      "left out: it would become an image on the way back");
	else
		ret = copy_file(file, to, err);
	crit_file_put(file);
	return ret;
}

static int encode_file(struct tree *t, const FTSENT *from, const char *to,
		       struct crit_error *err)
{
	char image[PATH_MAX];
	struct crit_file *file;
	bool at_output;
	int ret;

	(void)t;
	if (is_document(from->fts_accpath)) {
		snprintf(image, sizeof(image), "%.*s", (int)(strlen(to) - SUFFIX_LEN), to);
		ret = make_room(image, err);
		if (ret < 0)
			return ret;
		ret = critic_encode_file(from->fts_accpath, image, &at_output, err);
		if (ret < 0 && at_output)
			crit_error_prefix(err, image);
		return ret < 0 ? ret : like(image, from->fts_statp, err);
	}
	ret = crit_file_open(AT_FDCWD, from->fts_accpath, &file);
	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't open it");
	ret = copy_file(file, to, err);
	crit_file_put(file);
	return ret;
}

/* Make a directory; one that was there keeps its mode and time, see FTS_DP. */
static int make_directory(FTSENT *from, const char *path, struct crit_error *err)
{
	struct stat st;

	from->fts_number = mkdir(path, 0700) == 0;
	if (from->fts_number)
		return 0;
	if (errno == EEXIST && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return crit_fail_errno(err, errno, "can't make the directory");
}

/* One thing that the walk met. */
static int convert(struct tree *t, FTS *fts, FTSENT *from, struct crit_error *err)
{
	char to[PATH_MAX];
	int ret = 0;

	if (snprintf(to, sizeof(to), "%s%s", t->args->out, from->fts_path + t->in_len) >=
	    (int)sizeof(to))
		return crit_fail_errno(err, ENAMETOOLONG, "can't write it");
	switch (from->fts_info) {
	case FTS_D:
		/* the first is where we were told to write, be that a link or not */
		if (!from->fts_level)
			from->fts_number = t->made;
		else
			ret = make_directory(from, to, err);
		if (ret < 0)
			fts_set(fts, from, FTS_SKIP);
		return ret;
	case FTS_DP:
		return from->fts_number ? like(to, from->fts_statp, err) : 0;
	case FTS_F:
	case FTS_SL:
	case FTS_SLNONE:
		if (t->is_taken(from))
			return crit_fail_errno(err, EEXIST,
					       "left out: a document or image has this name");
		if (from->fts_info == FTS_F)
			return t->file(t, from, to, err);
		return copy_link(from, to, err);
	case FTS_DEFAULT: /* sockets of the dump's own making, pipes, devices */
		critic_progress_clear(&t->progress);
		crit_fail(err, CRIT_BROKEN, "left out: no file, directory or link");
		critic_fail(from->fts_path, err);
		return 0;
	default:
		return crit_fail_errno(err, from->fts_errno, "can't read it");
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strverscmp((*a)->fts_name, (*b)->fts_name);
}

static uint64_t total_size(char *const roots[])
{
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	uint64_t total = 0;
	FTSENT *e;

	while (fts && (e = fts_read(fts)))
		if (e->fts_info == FTS_F)
			total += (uint64_t)e->fts_statp->st_size;
	if (fts)
		fts_close(fts);
	return total;
}

static void walk(struct tree *t, char *root)
{
	char *const roots[] = {root, NULL};
	struct crit_error err = {0};
	uint64_t before = 0;
	FTSENT *e;
	FTS *fts;

	critic_progress_begin(&t->progress, total_size(roots));
	fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	while (fts && (errno = 0, e = fts_read(fts))) {
		critic_progress_step(&t->progress, before, e->fts_name);
		before = e->fts_info == FTS_F ? (uint64_t)e->fts_statp->st_size : 0;
		err = (struct crit_error){0};
		/* what a killed run has left, or one is writing */
		if (crit_commit_is_temporary(e->fts_name))
			continue;
		if (convert(t, fts, e, &err) < 0)
			fail(t, e->fts_path, &err);
	}
	if (errno) {
		crit_fail_errno(&err, errno, "can't read the directory");
		fail(t, root, &err);
	}
	critic_progress_clear(&t->progress);
	if (fts)
		fts_close(fts);
}

/* Would the output be within what is read? Then the walk would meet it. */
static bool is_within(const char *in, const char *out)
{
	char *in_real = realpath(in, NULL), *out_real = realpath(out, NULL);
	size_t len = in_real ? strlen(in_real) : 0;
	bool within = in_real && out_real && !strncmp(in_real, out_real, len) &&
		      (!out_real[len] || out_real[len] == '/');

	free(in_real);
	free(out_real);
	return within;
}

static int run(const struct critic_args *args,
	       int (*file)(struct tree *t, const FTSENT *from, const char *to,
			   struct crit_error *err),
	       bool (*is_taken)(const FTSENT *from))
{
	struct tree t = {.args = args, .file = file, .is_taken = is_taken};
	struct crit_error err = {0};
	char *root;

	if (!args->out) {
		crit_say(stderr, "critic: %s is a directory: say with -o where to write",
			 args->in);
		return 2;
	}
	/* what it holds is as secret as the dump; modes follow where a file is whole */
	umask(077);
	t.made = mkdir(args->out, 0700) == 0;
	if (!t.made && errno != EEXIST) {
		crit_fail_errno(&err, errno, "can't make the directory");
		return critic_fail(args->out, &err);
	}
	if (is_within(args->in, args->out)) {
		if (t.made)
			rmdir(args->out);
		crit_fail_errno(&err, EINVAL, "it is within the directory that is read");
		return critic_fail(args->out, &err);
	}
	root = strdup(args->in);
	if (!root)
		return 1;
	while (strlen(root) > 1 && root[strlen(root) - 1] == '/')
		root[strlen(root) - 1] = '\0';
	t.in_len = strlen(root);
	walk(&t, root);
	free(root);
	return t.failed;
}

int critic_decode_tree(const struct critic_args *args)
{
	return run(args, decode_file, is_taken_by_document);
}

int critic_encode_tree(const struct critic_args *args)
{
	return run(args, encode_file, is_taken_by_image);
}
