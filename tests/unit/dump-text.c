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
#include "decoder/stats.h"

int main(int argc, char **argv)
{
	struct crit_buf out = {0};
	int fd, ret;

	if (argc != 3)
		return 2;
	fd = open(argv[2], O_RDONLY | O_DIRECTORY);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	ret = strcmp(argv[1], "stats") ? crit_check_text(fd, &out) : crit_stats(fd, &out);
	if (out.len)
		fwrite(out.data, 1, out.len, stdout);
	crit_buf_fini(&out);
	if (ret < 0)
		fprintf(stderr, "%s\n", strerror(-ret));
	return ret < 0;
}
