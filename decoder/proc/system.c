/*
 * The machine: of it a dump knows next to nothing. Readers of proc do not start without
 * these files; what they say is what the dump's processes add up to, or 0.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/proc/render.h"
#include "namespaces.pb-c.h"

#define MICROSECONDS 1000000

/* Readers want to open it; how many there were no dump tells. */
int crit_proc_cpuinfo(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	(void)proc;
	(void)f;
	(void)out;
	(void)err;
	return 0;
}

int crit_proc_loadavg(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	uint32_t last = proc->n_pids ? proc->pids[proc->n_pids - 1].pid : 0;

	(void)f;
	(void)err;
	crit_buf_printf(out, "0.00 0.00 0.00 0/%zu %" PRIu32 "\n", proc->n_pids, last);
	return 0;
}

struct adding {
	const struct crit_dir *dir;
	uint64_t bytes;
};

static int add_pages(void *arg, const char *name, unsigned char type)
{
	struct adding *a = arg;
	struct stat st;

	(void)type;
	if (!strncmp(name, "pages-", 6) && crit_dir_stat(a->dir, name, &st) == 0)
		a->bytes += (uint64_t)st.st_size;
	return 0;
}

/* Bytes of pages that the dump has itself. */
static uint64_t bytes_of_pages(struct crit_proc *proc)
{
	struct adding a = {.dir = proc->dump.dir};

	crit_dir_each(a.dir, add_pages, &a);
	return a.bytes;
}

/*
 * Shares of the machine's memory are shares of the dump's then. Never 0: readers divide by
 * it.
 */
int crit_proc_meminfo(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	static const char *const others[] = {
		"MemFree", "MemAvailable", "Buffers",   "Cached",   "SwapCached",
		"Active",  "Inactive",     "SwapTotal", "SwapFree", "Shmem",
		"Slab",    "SReclaimable", "SUnreclaim"};
	uint64_t total = bytes_of_pages(proc) >> 10;
	size_t i;

	(void)f;
	(void)err;
	crit_buf_printf(out, "MemTotal:       %8" PRIu64 " kB\n", total ? total : 1);
	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		crit_buf_printf(out, "%s:%*s        0 kB\n", others[i],
				15 - (int)strlen(others[i]), "");
	return 0;
}

int crit_proc_system_stat(struct crit_proc *proc, const struct crit_proc_file *f,
			  struct crit_buf *out, struct crit_error *err)
{
	(void)f;
	(void)err;
	crit_buf_str(out, "cpu  0 0 0 0 0 0 0 0 0 0\nintr 0\nctxt 0\nbtime 0\n");
	crit_buf_printf(out, "processes %zu\nprocs_running 0\nprocs_blocked 0\n", proc->n_pids);
	return 0;
}

/* Since the machine was started, microseconds; 0: not known. */
static uint64_t uptime_of(struct crit_proc *proc)
{
	const InventoryEntry *inventory = crit_proc_inventory(proc);
	struct crit_error err = {0};
	uint64_t uptime = 0;
	TimensEntry *clocks;

	if (inventory && inventory->has_dump_uptime)
		return inventory->dump_uptime;
	clocks = crit_dump_first(&proc->dump, "timens-0.img", &err);
	if (clocks && clocks->boottime && clocks->boottime->tv_sec < UINT32_MAX)
		uptime = clocks->boottime->tv_sec * MICROSECONDS +
			 clocks->boottime->tv_nsec % 1000000000 / 1000;
	timens_entry__free_unpacked(clocks, NULL);
	return uptime;
}

int crit_proc_uptime(struct crit_proc *proc, const struct crit_proc_file *f,
		     struct crit_buf *out, struct crit_error *err)
{
	uint64_t uptime = uptime_of(proc);

	(void)f;
	(void)err;
	crit_buf_printf(out, "%" PRIu64 ".%02u 0.00\n", uptime / MICROSECONDS,
			(unsigned)(uptime % MICROSECONDS / (MICROSECONDS / 100)));
	return 0;
}
