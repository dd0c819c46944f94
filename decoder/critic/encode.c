/*
 * critic encode: documents to images. Nothing is written before the whole document has
 * proved good.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/commit.h"
#include "decoder/compose.h"
#include "decoder/critic/critic.h"
#include "decoder/critic/files.h"

/* Write what was composed to where nothing has to be kept. */
static int write_out(const char *path, const struct crit_spool *image, struct crit_error *err)
{
	struct critic_output out;
	uint8_t buf[16384];
	uint64_t off = 0;
	ssize_t n;
	int ret;

	ret = critic_output_open(&out, path, NULL, err);
	if (ret < 0)
		return ret;
	while (ret == 0 && (n = crit_spool_read(image, buf, sizeof(buf), off)) != 0) {
		if (n < 0)
			ret = crit_fail_errno(err, (int)-n, "can't read what was put by");
		else
			ret = critic_output_write(&out, buf, (size_t)n, err);
		off += n > 0 ? (uint64_t)n : 0;
	}
	if (ret == 0)
		return critic_output_close(&out, err);
	critic_output_abort(&out);
	return ret;
}

/* Replace an image, with all the care that an edit of it would get. */
static int replace(const char *path, struct crit_file *old, const struct crit_spool *image,
		   struct crit_error *err)
{
	struct crit_edit edit = {.changes = true};
	struct crit_file *replaced = NULL;
	struct crit_piece pieces[2];
	char *dir = strdup(path), *name = strdup(path);
	struct crit_dir *in = NULL;
	int ret = dir && name ? crit_dir_open(dirname(dir), &in) : -ENOMEM;

	edit.pieces = pieces;
	edit.n_pieces = crit_spool_pieces(image, pieces);
	if (ret < 0)
		ret = crit_fail_errno(err, -ret, "can't write there");
	else
		ret = crit_commit(in, basename(name), old, &edit, CRIT_SYNC_FILE, NULL,
				  &replaced, err);
	if (replaced)
		crit_file_put(replaced);
	crit_dir_put(in);
	free(dir);
	free(name);
	return ret;
}

static int write_image(const char *path, const struct crit_spool *image, struct crit_error *err)
{
	char *real = path ? realpath(path, NULL) : NULL;
	struct crit_file *old = NULL;
	struct stat st;
	int ret;

	if (!real || stat(real, &st) < 0 || !S_ISREG(st.st_mode)) {
		free(real);
		return write_out(path, image, err);
	}
	ret = crit_file_open(AT_FDCWD, real, &old);
	if (ret < 0)
		ret = crit_fail_errno(err, -ret, "can't open it");
	else
		ret = replace(real, old, image, err);
	if (old)
		crit_file_put(old);
	free(real);
	return ret;
}

int critic_encode_file(const char *in, const char *out, bool *at_output, struct crit_error *err)
{
	struct critic_source source;
	struct crit_spool image;
	int ret;

	*at_output = false;
	crit_spool_init(&image, -1);
	ret = critic_source_open(&source, in, err);
	if (ret == 0)
		ret = crit_compose(&source.source, NULL, &image, err);
	if (ret == 0) {
		ret = write_image(out, &image, err);
		*at_output = ret < 0;
	}
	critic_source_close(&source);
	crit_spool_fini(&image);
	return ret;
}

int critic_encode(const struct critic_args *args)
{
	struct crit_error err = {0};
	bool at_output;

	if (critic_encode_file(args->in, args->out, &at_output, &err) == 0)
		return 0;
	if (at_output)
		return critic_fail(args->out ? args->out : "<stdout>", &err);
	return critic_fail(critic_name(args->in), &err);
}
