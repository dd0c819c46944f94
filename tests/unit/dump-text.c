/*
 * The texts that .critfs has about a dump, for tests that compare them:
 *
 *     dump-text check|stats DIR
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "decoder/check/check.h"
#include "decoder/dir.h"
#include "decoder/stats.h"

int main(int argc, char **argv)
{
	struct crit_buf out = {0};
	struct crit_dir *dir;
	int ret;

	if (argc != 3)
		return 2;
	ret = crit_dir_open(argv[2], &dir);
	if (ret < 0) {
		fprintf(stderr, "%s: %s\n", argv[2], strerror(-ret));
		return 1;
	}
	ret = strcmp(argv[1], "stats") ? crit_check_text(dir, &out) : crit_stats(dir, &out);
	crit_dir_put(dir);
	if (out.len)
		fwrite(out.data, 1, out.len, stdout);
	crit_buf_fini(&out);
	if (ret < 0)
		fprintf(stderr, "%s\n", strerror(-ret));
	return ret < 0;
}
