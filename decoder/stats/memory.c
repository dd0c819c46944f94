/*
 * Memory: what is mapped, and where its pages are. Each page map is read once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/index.h"
#include "decoder/mappings.h"
#include "decoder/stats/tally.h"
#include "ipc.pb-c.h"
#include "special-files.pb-c.h"

enum { LARGEST = 10, MAP_SHARED_FLAG = 1, STATUS_ANON_PRIVATE = 1 << 9 };

struct sizes {
	uint64_t mapped, shared, present, parents, lazy, zero; /* bytes */
};

struct process {
	uint32_t pid;
	uint64_t mapped, present;
	char comm[64]; /* cut */
};

struct memory {
	struct tally *t;
	struct sizes sum;
	bool has_mappings, has_maps;
	struct crit_index segments; /* shmid: size in bytes */
	struct process largest[LARGEST + 1];
	size_t n_largest;
};

/* a + b, as far as there are numbers. */
static void add(uint64_t *a, uint64_t b)
{
	if (__builtin_add_overflow(*a, b, a))
		*a = UINT64_MAX;
}

/* ------------------------------------------------------------------ page maps */

/* Anonymous memory, whose pages are zeros until they are written to. */
static bool is_anonymous(const VmaEntry *v)
{
	return v->status & STATUS_ANON_PRIVATE && !(v->status & CRIT_VMA_VVAR);
}

/* How much of [from, end) is anonymous; *at is the mapping where the last one ended. */
static uint64_t anonymous_in(const struct crit_memory *m, size_t *at, uint64_t from,
			     uint64_t end)
{
	uint64_t sum = 0, upto;

	while (*at < m->n_vmas && m->vmas[*at]->end <= from)
		++*at;
	while (*at < m->n_vmas && m->vmas[*at]->start < end) {
		const VmaEntry *v = m->vmas[*at];

		if (from < v->start)
			from = v->start;
		upto = end < v->end ? end : v->end;
		if (is_anonymous(v))
			sum += upto - from;
		from = upto;
		if (v->end > end)
			break;
		++*at;
	}
	return sum;
}

/*
 * Add up a page map. `m`: the mappings, sorted, or NULL; *known becomes how many bytes of
 * anonymous memory, or without mappings of all, the page map speaks of.
 */
static void read_map(struct memory *mem, const char *name, const struct crit_memory *m,
		     struct sizes *sum, uint64_t *known)
{
	uint64_t page = mem->t->page_size, before = 0, size, end;
	struct crit_page_run run;
	struct crit_walk walk;
	size_t at = 0;
	int ret;

	if (crit_walk_open(&mem->t->dump, name, &walk, NULL) < 0)
		return;
	mem->has_maps = true;
	while ((ret = crit_page_run_read(&walk, &run, NULL)) > 0 || ret == -EBADMSG) {
		if (ret < 0 || __builtin_mul_overflow(run.n, page, &size) ||
		    __builtin_add_overflow(run.vaddr, size, &end))
			continue;
		if (run.flags & CRIT_PE_PRESENT)
			add(&sum->present, size);
		else if (run.flags & CRIT_PE_PARENT)
			add(&sum->parents, size);
		else if (run.flags & CRIT_PE_LAZY)
			add(&sum->lazy, size);
		if (run.vaddr < before)
			continue;
		before = end;
		add(known, m ? anonymous_in(m, &at, run.vaddr, end) : size);
	}
	crit_walk_close(&walk);
}

/* ------------------------------------------------------------------- segments */

static int put_segment(struct memory *mem, uint64_t shmid, uint64_t size)
{
	uint64_t page = mem->t->page_size;

	size = size > UINT64_MAX - page ? UINT64_MAX / page * page : size + page - 1;
	return crit_index_put(&mem->segments, shmid, size / page * page, NULL);
}

/* The size of shared memory that no image says: as much of it as is mapped first. */
static int mapped_segment(struct memory *mem, const VmaEntry *v)
{
	uint64_t size;

	if (!(v->status & CRIT_VMA_ANON_SHARED) || v->status & CRIT_VMA_SYSVIPC ||
	    v->end <= v->start || __builtin_add_overflow(v->pgoff, v->end - v->start, &size))
		return 0;
	return put_segment(mem, v->shmid, size);
}

static int segments_of_image(struct memory *mem, const char *name)
{
	bool memfd = tally_is(name, "MEMFD_INODE");
	struct crit_walk walk;
	ProtobufCMessage *msg;
	int ret = 0;

	if ((!memfd && !tally_is(name, "IPCNS_SHM")) ||
	    crit_walk_open(&mem->t->dump, name, &walk, NULL) < 0)
		return 0;
	while (ret == 0 && (msg = crit_walk_rest(&mem->t->dump, name, &walk))) {
		const MemfdInodeEntry *file = (const void *)msg;
		const IpcShmEntry *shm = (const void *)msg;

		if (memfd)
			ret = put_segment(mem, file->shmid, file->size);
		else if (shm->in_pagemaps)
			ret = put_segment(mem, shm->desc->id, shm->size);
		protobuf_c_message_free_unpacked(msg, NULL);
	}
	crit_walk_close(&walk);
	return ret;
}

/* What the segments have, and what of them was never written to. */
static void segments(struct memory *mem)
{
	const char *prefix = "pagemap-shmem-";
	uint64_t known, size;
	size_t i;

	for (i = 0; i < mem->t->files.n; i++) {
		const char *name = mem->t->files.name[i];

		if (!tally_is(name, "PAGEMAP") || strncmp(name, prefix, strlen(prefix)))
			continue;
		known = 0;
		read_map(mem, name, NULL, &mem->sum, &known);
		if (crit_index_find(&mem->segments, strtoull(name + strlen(prefix), NULL, 10),
				    &size) &&
		    size > known)
			add(&mem->sum.zero, size - known);
	}
}

/* ------------------------------------------------------------------ processes */

static bool is_larger(const struct process *a, const struct process *b)
{
	if (a->present != b->present)
		return a->present > b->present;
	return a->mapped > b->mapped;
}

/* Keep the largest; of equals those that come first. */
static void rank(struct memory *mem, const struct process *p)
{
	size_t at = mem->n_largest;

	while (at > 0 && is_larger(p, &mem->largest[at - 1])) {
		mem->largest[at] = mem->largest[at - 1];
		at--;
	}
	mem->largest[at] = *p;
	if (mem->n_largest < LARGEST)
		mem->n_largest++;
}

static void read_comm(struct memory *mem, const struct crit_process *p, char *comm, size_t size)
{
	CoreEntry *core = crit_process_core(&mem->t->dump, p);

	snprintf(comm, size, "%s", core && core->tc ? core->tc->comm : "");
	core_entry__free_unpacked(core, NULL);
}

static int add_mappings(struct memory *mem, const struct crit_memory *m, struct sizes *sum,
			uint64_t *anonymous)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < m->n_vmas && ret == 0; i++) {
		const VmaEntry *v = m->vmas[i];

		add(&sum->mapped, v->end - v->start);
		if (v->flags & MAP_SHARED_FLAG)
			add(&sum->shared, v->end - v->start);
		if (is_anonymous(v))
			add(anonymous, v->end - v->start);
		ret = mapped_segment(mem, v);
	}
	return ret;
}

static int process(struct memory *mem, const struct crit_process *p)
{
	struct process one = {.pid = p->entry->pid};
	uint64_t anonymous = 0, known = 0;
	char name[CRIT_IMAGE_NAME_MAX];
	struct sizes sum = {0};
	struct crit_memory m;
	int ret;

	if (crit_memory_read(&mem->t->dump, p, &m) < 0)
		return 0;
	mem->has_mappings = true;
	crit_mappings_sort(&m, NULL);
	ret = add_mappings(mem, &m, &sum, &anonymous);
	snprintf(name, sizeof(name), "pagemap-%u.img", p->entry->pid);
	read_map(mem, name, &m, &sum, &known);
	crit_memory_fini(&m);
	if (anonymous > known)
		add(&mem->sum.zero, anonymous - known);
	add(&mem->sum.mapped, sum.mapped);
	add(&mem->sum.shared, sum.shared);
	add(&mem->sum.present, sum.present);
	add(&mem->sum.parents, sum.parents);
	add(&mem->sum.lazy, sum.lazy);
	one.mapped = sum.mapped;
	one.present = sum.present;
	read_comm(mem, p, one.comm, sizeof(one.comm));
	rank(mem, &one);
	return ret;
}

/* Of a pre-dump, which has page maps only. */
static void page_maps(struct memory *mem)
{
	uint64_t known = 0;
	size_t i;

	for (i = 0; i < mem->t->files.n; i++)
		if (tally_is(mem->t->files.name[i], "PAGEMAP") &&
		    strncmp(mem->t->files.name[i], "pagemap-shmem-", 14))
			read_map(mem, mem->t->files.name[i], NULL, &mem->sum, &known);
}

/* ----------------------------------------------------------------------- text */

static void put(struct memory *mem)
{
	struct json_object *to, *list, *one;
	struct stat st;
	size_t i;

	if (!mem->has_mappings && !mem->has_maps)
		return;
	to = tally_object(mem->t->out, "memory");
	if (mem->has_mappings) {
		tally_number(to, "mapped", mem->sum.mapped);
		tally_number(to, "shared", mem->sum.shared);
	}
	if (mem->has_maps)
		tally_number(to, "present", mem->sum.present);
	if (mem->sum.parents || crit_dir_stat(mem->t->dump.dir, "parent", &st) == 0)
		tally_number(to, "in_parents", mem->sum.parents);
	if (mem->sum.lazy)
		tally_number(to, "lazy", mem->sum.lazy);
	if (mem->has_mappings && mem->has_maps)
		tally_number(to, "zero", mem->sum.zero);
	if (!mem->n_largest)
		return;
	list = json_object_new_array();
	json_object_object_add(mem->t->out, "largest", list);
	for (i = 0; i < mem->n_largest; i++) {
		one = json_object_new_object();
		tally_number(one, "pid", mem->largest[i].pid);
		tally_text(one, "comm", mem->largest[i].comm);
		tally_number(one, "mapped", mem->largest[i].mapped);
		tally_number(one, "present", mem->largest[i].present);
		json_object_array_add(list, one);
	}
}

int tally_memory(struct tally *t)
{
	struct memory mem = {.t = t};
	int ret = 0;
	size_t i;

	for (i = 0; i < t->files.n && ret == 0; i++)
		ret = segments_of_image(&mem, t->files.name[i]);
	for (i = 0; t->has_processes && i < t->processes.n && ret == 0; i++)
		ret = process(&mem, &t->processes.all[i]);
	if (!t->has_processes)
		page_maps(&mem);
	if (ret == 0) {
		segments(&mem);
		put(&mem);
	}
	crit_index_fini(&mem.segments);
	return ret;
}
