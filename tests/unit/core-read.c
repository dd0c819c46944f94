/*
 * core-read DIR PID: the core of a process of a dump, read wherever one likes. Each line of
 * stdin asks, each answer on stdout is a line with a number, -errno where it failed:
 * "size"; "read OFF LEN", whose bytes stand behind the line; "data OFF" and "hole OFF".
 * tests/test_core.py asks.
 */
#include <inttypes.h>

#include "decoder/core/core.h"
#include "unit.h"

static void ignore(struct crit_listener *l, const char *image, const struct crit_error *err)
{
	(void)l;
	(void)image;
	(void)err;
}

static struct crit_core *open_core(const char *dir, uint32_t pid)
{
	struct crit_listener listener = {.tell = ignore};
	struct crit_processes ps;
	struct crit_error err = {0};
	struct crit_space *space;
	struct crit_core *core = NULL;
	struct crit_dump dump;
	size_t i;

	expect_int(crit_dump_open(dir, &listener, &dump), 0);
	expect_int(crit_processes_read(&dump, &ps, &err), 0);
	for (i = 0; i < ps.n && !core; i++) {
		if (ps.all[i].entry->pid != pid)
			continue;
		expect_int(crit_space_open(&dump, &ps.all[i], &space, &err), 0);
		expect_int(crit_core_new(&dump, &ps.all[i], space, &core, &err), 0);
		crit_space_put(space);
	}
	/* a core needs none of these any more */
	crit_processes_fini(&ps);
	crit_dump_close(&dump);
	return core;
}

static void answer_read(struct crit_core *core, uint64_t off, uint64_t len)
{
	char *buf = malloc(len ? len : 1);
	ssize_t n = crit_core_read(core, off, buf, len, NULL);

	printf("%zd\n", n);
	if (n > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	free(buf);
}

static void answer_seek(struct crit_core *core, uint64_t off, bool data)
{
	uint64_t found = 0;
	int ret = crit_core_seek(core, off, data, &found, NULL);

	if (ret < 0)
		printf("%d\n", ret);
	else
		printf("%" PRIu64 "\n", found);
}

int main(int argc, char **argv)
{
	struct crit_core *core = argc == 3 ? open_core(argv[1], (uint32_t)atol(argv[2])) : NULL;
	uint64_t off, len;
	char line[100];

	while (core && fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "read %" SCNu64 " %" SCNu64, &off, &len) == 2)
			answer_read(core, off, len);
		else if (sscanf(line, "data %" SCNu64, &off) == 1)
			answer_seek(core, off, true);
		else if (sscanf(line, "hole %" SCNu64, &off) == 1)
			answer_seek(core, off, false);
		else
			printf("%" PRIu64 "\n", crit_core_size(core));
		fflush(stdout);
	}
	crit_core_free(core);
	return core ? 0 : 2;
}
