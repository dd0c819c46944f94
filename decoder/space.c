/*
 * Opening an address space, and what there is to say of it as a whole.
 */
#include "decoder/space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/space-inside.h"

static int open_chain(struct crit_dump *dump, struct crit_chain *chain)
{
	struct crit_error err = {0};
	unsigned i;

	chain->page_size = UINT32_C(1) << CRIT_PAGE_SHIFT;
	chain->dump.dir = crit_dir_get(dump->dir);
	if (crit_parents_open(dump, &chain->parents, &err) < 0)
		crit_dump_tell(dump, "parent", &err);
	for (i = 0; i <= chain->parents.n; i++) {
		struct crit_dump *one = i ? &chain->parents.dump[i - 1] : &chain->dump;

		one->listener = NULL; /* it may be gone when pages are read */
		if (crit_watch_add(&chain->watch, one->dir, "parent") < 0)
			return -ENOMEM;
		/* another one may get the name of an overlaid one */
		if (crit_dir_is_overlaid(one->dir) && crit_dir_up(one->dir) &&
		    crit_watch_add(&chain->watch, crit_dir_up(one->dir),
				   crit_dir_name(one->dir)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void close_chain(struct crit_chain *chain)
{
	crit_parents_close(&chain->parents);
	crit_dump_close(&chain->dump);
	crit_watch_fini(&chain->watch);
}

static int watch_images(struct crit_space *space, uint32_t pid)
{
	static const char *const kinds[] = {"mm", "vmas"};
	char name[CRIT_IMAGE_NAME_MAX];
	int ret = 0;
	size_t i;

	for (i = 0; ret == 0 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		snprintf(name, sizeof(name), "%s-%u.img", kinds[i], pid);
		ret = crit_watch_add(&space->chain.watch, space->chain.dump.dir, name);
	}
	return ret;
}

static int read_mappings(struct crit_dump *dump, const struct crit_process *p,
			 struct crit_space *space, struct crit_error *err)
{
	uint32_t pid = p->entry->pid;
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error wrong = {0};

	if (watch_images(space, pid) < 0)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for a name");
	if (crit_memory_read(dump, p, &space->memory) < 0)
		return crit_fail_errno(err, ENOENT, "no mm of process %u", pid);
	if (crit_mappings_sort(&space->memory, &wrong)) {
		snprintf(name, sizeof(name), "%s-%u.img", space->memory.own ? "vmas" : "mm",
			 pid);
		crit_dump_tell(dump, name, &wrong);
	}
	return 0;
}

static bool all_aligned(const struct crit_memory *m, uint32_t page_size)
{
	uint64_t bits = 0;
	size_t i;

	for (i = 0; i < m->n_vmas; i++)
		if (m->vmas[i]->end <= CRIT_ADDRESS_TOP)
			bits |= m->vmas[i]->start | m->vmas[i]->end;
	return bits % page_size == 0;
}

/* Other machines have larger pages. The first dump that has any pages tells. */
static int find_page_size(struct crit_space *space, struct crit_error *err)
{
	struct crit_error unheard = {0};
	struct crit_pagemap *map;
	uint32_t guess = 0;
	unsigned level;
	int ret = 0;

	for (level = 0; !guess && (map = crit_layers_map(space->own, level, &unheard)); level++)
		guess = crit_pagemap_guess(map);
	if (!guess || !all_aligned(&space->memory, guess))
		return 0;
	space->chain.page_size = guess;
	while (ret == 0 && level-- > 0)
		ret = crit_pagemap_resize(crit_layers_map(space->own, level, err), guess, err);
	return ret;
}

static int open_own(struct crit_dump *dump, uint32_t pid, struct crit_space *space,
		    struct crit_error *err)
{
	char name[CRIT_IMAGE_NAME_MAX];
	const struct crit_error *complaint;
	struct crit_error wrong = {0};
	struct crit_pagemap *map;
	int ret;

	snprintf(name, sizeof(name), "pagemap-%u.img", pid);
	space->own = crit_layers_new(&space->chain, name);
	if (!space->own)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for a page map");
	map = crit_layers_map(space->own, 0, &wrong);
	if (!map && crit_is_passing(-wrong.errnum))
		return crit_fail_errno(err, wrong.errnum, "can't open %s", name);
	if (!map) {
		crit_dump_tell(dump, name, &wrong);
		return 0;
	}
	ret = find_page_size(space, err);
	complaint = crit_pagemap_complaint(map);
	if (complaint)
		crit_dump_tell(dump, name, complaint);
	return ret;
}

static int open_all(struct crit_dump *dump, const struct crit_process *p,
		    struct crit_space *space, struct crit_error *err)
{
	int ret = open_chain(dump, &space->chain);

	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't open the dump again");
	ret = read_mappings(dump, p, space, err);
	if (ret == 0)
		ret = open_own(dump, p->entry->pid, space, err);
	if (ret == 0)
		ret = crit_segments_open(dump, p, &space->memory, &space->chain,
					 &space->segments, err);
	return ret;
}

int crit_space_open(struct crit_dump *dump, const struct crit_process *p,
		    struct crit_space **out, struct crit_error *err)
{
	struct crit_space *space = calloc(1, sizeof(*space));
	int ret;

	if (!space)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for an address space");
	space->refs = 1;
	ret = open_all(dump, p, space, err);
	if (ret < 0)
		crit_space_put(space);
	else
		*out = space;
	return ret;
}

struct crit_space *crit_space_get(struct crit_space *space)
{
	space->refs++;
	return space;
}

void crit_space_put(struct crit_space *space)
{
	if (!space || --space->refs)
		return;
	crit_segments_free(space->segments);
	crit_layers_free(space->own);
	if (space->memory.mm)
		crit_memory_fini(&space->memory);
	close_chain(&space->chain);
	free(space);
}

bool crit_space_is_current(const struct crit_space *space)
{
	return crit_watch_same(&space->chain.watch);
}

struct timespec crit_space_changed(const struct crit_space *space)
{
	struct timespec latest = {0};

	crit_layers_changed(space->own, &latest);
	crit_segments_changed(space->segments, &latest);
	crit_watch_changed(&space->chain.watch, &latest);
	return latest;
}

const struct crit_memory *crit_space_memory(const struct crit_space *space)
{
	return &space->memory;
}

const VmaEntry *crit_space_mapping(const struct crit_space *space, uint64_t addr)
{
	size_t i = crit_mappings_find(&space->memory, addr);

	return i < space->memory.n_vmas ? space->memory.vmas[i] : NULL;
}

uint32_t crit_space_page_size(const struct crit_space *space)
{
	return space->chain.page_size;
}

#define END_MAX (CRIT_ADDRESS_TOP - 512)

uint64_t crit_space_end(const struct crit_space *space)
{
	/* behind that is only what the kernel has there in every process */
	size_t n = crit_mappings_find(&space->memory, CRIT_ADDRESS_TOP);

	uint64_t end = n ? space->memory.vmas[n - 1]->end : 0;

	/* it becomes the size of a file, which is also counted in blocks of 512 bytes */
	return end < END_MAX ? end : END_MAX;
}
