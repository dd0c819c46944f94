/*
 * Print where the memory of a dump's processes is: a line "process PID" for each that has
 * any, below it a line a stretch of a mapping: first address, address behind the last, what
 * backs it, and of pages in a file that file and the offset there. What could not be read
 * is told on stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "decoder/space.h"

static void tell(struct crit_listener *l, const char *image, const struct crit_error *err)
{
	(void)l;
	fprintf(stderr, "%s: %s\n", image, err->text);
}

static void show_stretch(const struct crit_stretch *s)
{
	static const char *const names[] = {"unmapped", "stored",  "inherited",
					    "zeros",    "outside", "missing"};
	char link[64], path[4096];
	ssize_t len;

	printf("%" PRIx64 " %" PRIx64 " %s", s->start, s->end, names[s->backing]);
	if (s->fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", s->fd);
		len = readlink(link, path, sizeof(path));
		printf(" %" PRIu64 " %.*s", s->off, (int)(len < 0 ? 0 : len), path);
	}
	putchar('\n');
}

static int show_mapping(struct crit_space *space, const VmaEntry *vma)
{
	struct crit_error err = {0};
	struct crit_stretch s;
	uint64_t at;

	for (at = vma->start; at < vma->end; at = s.end) {
		if (crit_space_at(space, at, &s, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			return 1;
		}
		show_stretch(&s);
	}
	return 0;
}

static int show_process(struct crit_dump *dump, const struct crit_process *p)
{
	const struct crit_memory *memory;
	struct crit_error err = {0};
	struct crit_space *space;
	int failed = 0;
	size_t i;

	if (crit_space_open(dump, p, &space, &err) < 0)
		return 0;
	printf("process %u\n", p->entry->pid);
	memory = crit_space_memory(space);
	for (i = 0; i < memory->n_vmas; i++)
		failed |= show_mapping(space, memory->vmas[i]);
	crit_space_put(space);
	return failed;
}

int main(int argc, char **argv)
{
	struct crit_listener listener = {tell};
	struct crit_processes processes;
	struct crit_error err = {0};
	struct crit_dump dump;
	int failed = 0;
	size_t i;

	if (argc != 2 || crit_dump_open(argv[1], &listener, &dump) < 0)
		return 2;
	if (crit_processes_read(&dump, &processes, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		crit_dump_close(&dump);
		return 2;
	}
	for (i = 0; i < processes.n; i++)
		failed |= show_process(&dump, &processes.all[i]);
	crit_processes_fini(&processes);
	crit_dump_close(&dump);
	return failed;
}
