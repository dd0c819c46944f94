/*
 * critic core: a process of a dump as an ELF core, for debuggers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/core/core.h"
#include "decoder/critic/complaints.h"
#include "decoder/critic/critic.h"
#include "decoder/critic/files.h"

#define PIECE_SIZE ((size_t)1 << 20)

/* Write what is between `off` and `end`, all of it data. */
static int write_data(struct crit_core *core, uint64_t off, uint64_t end, void *piece,
		      struct critic_output *out, bool *at_output, struct crit_error *err)
{
	size_t len;
	ssize_t n;
	int ret;

	for (; off < end; off += (uint64_t)n) {
		len = end - off < PIECE_SIZE ? (size_t)(end - off) : PIECE_SIZE;
		n = crit_core_read(core, off, piece, len, err);
		if (n <= 0)
			return n < 0 ? (int)n : crit_fail(err, CRIT_CHANGED, "it got shorter");
		ret = critic_output_write(out, piece, (size_t)n, err);
		*at_output = ret < 0;
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The next data from `off` on: *data to *hole; both the end if there is none. */
static int next_data(struct crit_core *core, uint64_t off, uint64_t *data, uint64_t *hole,
		     struct crit_error *err)
{
	int ret = crit_core_seek(core, off, true, data, err);

	if (ret == -ENXIO) {
		*data = *hole = crit_core_size(core);
		return 0;
	}
	return ret < 0 ? ret : crit_core_seek(core, *data, false, hole, err);
}

static int write_pieces(struct crit_core *core, void *piece, struct critic_output *out,
			bool *at_output, struct crit_error *err)
{
	uint64_t off, data, hole, size = crit_core_size(core);
	int ret = 0;

	for (off = 0; ret == 0 && off < size; off = hole) {
		ret = next_data(core, off, &data, &hole, err);
		if (ret < 0)
			return ret;
		ret = critic_output_skip(out, data - off, err);
		*at_output = ret < 0;
		if (ret == 0)
			ret = write_data(core, data, hole, piece, out, at_output, err);
	}
	return ret;
}

static int write_core(struct crit_core *core, const char *path, bool *at_output,
		      struct crit_error *err)
{
	void *piece = malloc(PIECE_SIZE);
	struct critic_output out;
	int ret;

	if (!piece)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory to copy it");
	ret = critic_output_open(&out, path, NULL, err);
	*at_output = ret < 0;
	if (ret == 0) {
		ret = write_pieces(core, piece, &out, at_output, err);
		if (ret == 0) {
			ret = critic_output_close(&out, err);
			*at_output = ret < 0;
		} else {
			critic_output_abort(&out);
		}
	}
	free(piece);
	return ret;
}

static int write_process(struct crit_dump *dump, const struct crit_process *p, const char *path,
			 bool *at_output, struct crit_error *err)
{
	struct crit_space *space;
	struct crit_core *core;
	int ret;

	ret = crit_space_open(dump, p, &space, err);
	if (ret < 0)
		return ret;
	ret = crit_core_new(dump, p, space, &core, err);
	crit_space_put(space);
	if (ret < 0)
		return ret;
	ret = write_core(core, path, at_output, err);
	crit_core_free(core);
	return ret;
}

static const struct crit_process *find(const struct crit_processes *ps, uint32_t pid)
{
	size_t i;

	for (i = 0; i < ps->n; i++)
		if (ps->all[i].entry->pid == pid)
			return &ps->all[i];
	return NULL;
}

/* The processes are read. */
static void core_of(struct critic_complaints *complaints, struct crit_dump *dump,
		    const struct crit_processes *ps, const struct critic_args *args)
{
	const struct crit_process *p = find(ps, args->pid);
	struct crit_error err = {0};
	bool at_output = false;
	char whose[32];

	snprintf(whose, sizeof(whose), "process %u", args->pid);
	if (!p) {
		critic_complain(complaints, NULL, "there is no ", whose);
		return;
	}
	if (write_process(dump, p, args->out, &at_output, &err) == 0)
		return;
	complaints->any = true;
	if (!at_output)
		crit_error_prefix(&err, whose);
	critic_fail(at_output ? args->out ? args->out : "<stdout>" : complaints->dir, &err);
}

int critic_core(const struct critic_args *args)
{
	struct critic_complaints complaints;
	struct crit_processes ps;
	struct crit_dump dump;
	int ret;

	critic_complaints_init(&complaints, args->in ? args->in : "-", stderr);
	ret = crit_dump_open(complaints.dir, &complaints.listener, &dump);
	if (ret < 0) {
		critic_complain(&complaints, NULL, strerror(-ret), "");
		return 1;
	}
	if (critic_read_processes(&complaints, &dump, &ps)) {
		core_of(&complaints, &dump, &ps, args);
		crit_processes_fini(&ps);
	}
	crit_dump_close(&dump);
	return complaints.any ? 1 : 0;
}
