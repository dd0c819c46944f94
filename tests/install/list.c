/*
 * list DUMP IMAGE: the entries of an image as JSON. Compiled against what is installed, as
 * programs of others are.
 */
#include <stdio.h>
#include <string.h>

#include <crit.h>

static int fail(const char *what, int ret, const struct crit_error *err)
{
	fprintf(stderr, "list: %s: %s\n", what, err->errnum ? err->text : strerror(-ret));
	return 1;
}

static int list(struct crit_image *img, struct crit_error *err)
{
	struct crit_buf text = {0};
	struct crit_entry entry;
	uint64_t n;
	int ret;

	for (n = 0; (ret = crit_image_entry(img, n, &entry, err)) == 0; n++) {
		crit_buf_reset(&text);
		ret = crit_image_print(img, &entry, false, &text, err);
		if (ret < 0)
			break;
		fwrite(text.data, 1, text.len, stdout);
	}
	crit_buf_fini(&text);
	return ret == -ENOENT ? 0 : ret;
}

int main(int argc, char **argv)
{
	struct crit_error err = {0};
	struct crit_image *img;
	struct crit_file *file;
	struct crit_dir *dir;
	int ret;

	if (argc != 3) {
		fprintf(stderr, "usage: list DUMP IMAGE\n");
		return 2;
	}
	ret = crit_dir_open(argv[1], &dir);
	if (ret < 0)
		return fail(argv[1], ret, &err);
	ret = crit_dir_file(dir, argv[2], &file);
	crit_dir_put(dir);
	if (ret < 0)
		return fail(argv[2], ret, &err);
	ret = crit_image_new(file, argv[2], &img, &err);
	crit_file_put(file);
	if (ret == 0) {
		ret = list(img, &err);
		crit_image_free(img);
	}
	return ret < 0 ? fail(argv[2], ret, &err) : 0;
}
