/*
 * Page maps: runs of pages in rising order, each in a mapping, with all their bytes in the
 * pages file or in the parent's. One pass over each, beside the mappings and beside the
 * parent's page map, so that a million of runs take no memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/check/checker.h"
#include "decoder/mappings.h"
#include "decoder/page-size.h"
#include "decoder/parents.h"

#define SHMEM "pagemap-shmem-"

/* What all page maps of a dump have in common. */
struct maps {
	struct checker *c;
	struct crit_parents parents;
	bool unsure;        /* not all parents could be opened: that was told */
	uint64_t page_size; /* bytes */
};

/* A page map, run by run. */
struct runs {
	struct crit_walk walk;
	struct crit_page_run run;
	uint64_t end; /* of the run, address */
	bool there;   /* there is a run */
};

/* The page map of a level: 0 is the dump, 1 its parent. */
struct map {
	struct maps *maps;
	unsigned level;
	const char *name;
	char path[CRIT_PARENTS_MAX * 8 + CRIT_IMAGE_NAME_MAX]; /* from the dump */
	uint64_t start, end; /* of the last run that was in order */
	uint64_t n_pages;    /* in the pages file */
	bool sure;           /* n_pages holds */

	struct crit_memory memory; /* its mappings */
	size_t at;                 /* the mapping where the last run ended */
	struct runs above;         /* the parent's */
	bool has_memory, has_above, needs_above;
};

static struct crit_dump *dump_of(struct maps *maps, unsigned level)
{
	return level ? &maps->parents.dump[level - 1] : &maps->c->dump;
}

/* "parent/parent/pagemap-42.img" */
static void spell_path(char *path, size_t size, unsigned level, const char *name)
{
	size_t at = 0;

	for (; level; level--)
		at += (size_t)snprintf(path + at, size - at, "parent/");
	snprintf(path + at, size - at, "%s", name);
}

/* The size of a pages file, -ENOENT. */
static int64_t pages_size(struct crit_dump *dump, const char *name)
{
	struct stat st;
	int ret = crit_dir_stat(dump->dir, name, &st);

	if (ret < 0)
		return ret;
	return S_ISREG(st.st_mode) ? st.st_size : -EINVAL;
}

/* ---------------------------------------------------------------------- sizes */

static uint64_t page_size(struct checker *c)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < c->n_images && !size; i++)
		if (check_is(&c->images[i], "PAGEMAP"))
			size = crit_page_size_of(&c->dump, c->images[i].name);
	return size ? size : CRIT_PAGE_SIZE_MIN;
}

/* Is the pages file as long as the page map says? */
static void check_size(struct map *m)
{
	struct maps *maps = m->maps;
	struct check_at at = check_at(m->path, CHECK_WHOLE);
	char name[CRIT_IMAGE_NAME_MAX], path[sizeof(m->path)];
	uint32_t pages_id;
	int64_t size;

	if (crit_pages_id(dump_of(maps, m->level), m->name, &pages_id) < 0)
		return;
	snprintf(name, sizeof(name), "pages-%u.img", pages_id);
	spell_path(path, sizeof(path), m->level, name);
	if (m->level == 0 && check_put(maps->c, CHECK_PAGES, pages_id, 0, NULL))
		check_error(maps->c, at, "another page map has the pages_id %u, too", pages_id);
	size = pages_size(dump_of(maps, m->level), name);
	if (size == -ENOENT && m->n_pages)
		check_missing(maps->c, path, at);
	else if (size == -EINVAL)
		check_error(maps->c, check_at(path, CHECK_WHOLE), "it is no regular file");
	if (size < 0 || !m->sure || (uint64_t)size == m->n_pages * maps->page_size)
		return;
	check_error(maps->c, check_at(path, CHECK_WHOLE),
		    "it has %lld bytes, but the %llu pages in %s take %llu", (long long)size,
		    (unsigned long long)m->n_pages, m->name,
		    (unsigned long long)m->n_pages * maps->page_size);
}

/* ------------------------------------------------------------------ the parent */

/* The next run of the parent; those that are not in order are told of where they are. */
static void next_above(struct map *m)
{
	struct runs *above = &m->above;
	uint64_t size;
	int ret;

	do {
		ret = crit_page_run_read(&above->walk, &above->run, NULL);
	} while (ret == -EBADMSG);
	above->there = ret > 0;
	if (ret > 0 && (__builtin_mul_overflow(above->run.n, m->maps->page_size, &size) ||
			__builtin_add_overflow(above->run.vaddr, size, &above->end)))
		above->end = UINT64_MAX;
}

static void open_above(struct map *m, struct check_at at)
{
	struct maps *maps = m->maps;
	char path[sizeof(m->path)];
	struct stat st;

	m->needs_above = true;
	if (m->level == maps->parents.n) {
		spell_path(path, sizeof(path), m->level, "parent");
		if (!maps->unsure)
			check_missing(maps->c, path, at);
		return;
	}
	m->has_above = crit_walk_open(dump_of(maps, m->level + 1), m->name, &m->above.walk,
				      NULL) == 0;
	if (m->has_above) {
		next_above(m);
		return;
	}
	spell_path(path, sizeof(path), m->level + 1, m->name);
	if (crit_dir_stat(dump_of(maps, m->level + 1)->dir, m->name, &st) < 0)
		check_missing(maps->c, path, at);
}

/* Has the parent all pages of the run? */
static void inherit(struct map *m, struct check_at at, const struct crit_page_run *run,
		    uint64_t end)
{
	struct runs *above = &m->above;
	uint64_t from = run->vaddr;

	if (!m->needs_above)
		open_above(m, at);
	if (!m->has_above)
		return;
	while (above->there && above->end <= from)
		next_above(m);
	while (above->there && above->run.vaddr <= from && from < end) {
		from = above->end;
		if (from < end)
			next_above(m);
	}
	if (from < end)
		check_error(m->maps->c, at,
			    "its pages from 0x%llx on should be in the parent, which has none",
			    (unsigned long long)from);
}

/* ----------------------------------------------------------------- a page map */

/* The run is in order: is all of it mapped? */
static void mapped(struct map *m, struct check_at at, const struct crit_page_run *run,
		   uint64_t end)
{
	const struct crit_memory *memory = &m->memory;
	uint64_t from = run->vaddr;

	if (!m->has_memory)
		return;
	while (m->at < memory->n_vmas && memory->vmas[m->at]->end <= from)
		m->at++;
	while (m->at < memory->n_vmas && memory->vmas[m->at]->start <= from && from < end) {
		from = memory->vmas[m->at]->end;
		m->at += from < end;
	}
	if (from < end)
		check_error(m->maps->c, at, "its pages from 0x%llx on are in no mapping",
			    (unsigned long long)from);
}

static void check_run(struct map *m, struct check_at at, const struct crit_page_run *run)
{
	struct checker *c = m->maps->c;
	unsigned long long vaddr = run->vaddr, n = run->n;
	uint64_t size, end;

	if (run->flags & ~(uint32_t)CRIT_PE_KNOWN) {
		check_warning(c, at, "its flags 0x%x are newer than this",
			      run->flags & ~(uint32_t)CRIT_PE_KNOWN);
		m->sure = false;
	}
	if (__builtin_mul_overflow(run->n, m->maps->page_size, &size) ||
	    __builtin_add_overflow(run->vaddr, size, &end)) {
		check_error(c, at, "%llu pages from 0x%llx on are more than there are", n,
			    vaddr);
		m->sure = false;
		return;
	}
	if (run->flags & CRIT_PE_PRESENT && __builtin_add_overflow(m->n_pages, n, &m->n_pages))
		m->sure = false;
	if (!n)
		check_error(c, at, "it has no pages");
	else if (vaddr % m->maps->page_size)
		check_error(c, at, "it begins at 0x%llx, which is no start of a page", vaddr);
	else if (vaddr >= m->start && vaddr < m->end)
		check_error(c, at,
			    "it begins at 0x%llx, inside the entry before it, which ends at "
			    "0x%llx",
			    vaddr, (unsigned long long)m->end);
	else if (vaddr < m->start)
		check_error(c, at, "it begins at 0x%llx, before the entry before it, at 0x%llx",
			    vaddr, (unsigned long long)m->start);
	else {
		m->start = vaddr;
		m->end = end;
		mapped(m, at, run, end);
		if (run->flags & CRIT_PE_PARENT)
			inherit(m, at, run, end);
	}
}

/* The number in a name: of PREFIXn.img, as criu writes it. */
static bool number_in(const char *name, const char *prefix, unsigned *number)
{
	char again[CRIT_IMAGE_NAME_MAX];

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return false;
	*number = (unsigned)strtoul(name + strlen(prefix), NULL, 10);
	snprintf(again, sizeof(again), "%s%u.img", prefix, *number);
	return !strcmp(name, again);
}

/* The mappings that belong to a page map; those of a pre-dump are not in it. */
static void read_memory(struct map *m)
{
	PstreeEntry entry = PSTREE_ENTRY__INIT;
	struct crit_process p = {.entry = &entry};
	struct crit_error err = {0};
	char name[CRIT_IMAGE_NAME_MAX];

	if (m->level || !number_in(m->name, "pagemap-", &entry.pid))
		return;
	snprintf(name, sizeof(name), "mm-%u.img", entry.pid);
	if (!check_exists(m->maps->c, name) ||
	    crit_memory_read(&m->maps->c->dump, &p, &m->memory) < 0)
		return;
	/* those in disorder were told */
	m->has_memory = m->memory.n_vmas && crit_mappings_sort(&m->memory, &err) == 0;
	if (!m->has_memory)
		crit_memory_fini(&m->memory);
}

/* One level. Is the next one needed? */
static bool check_map(struct map *m)
{
	struct check_at at = {.image = m->path};
	struct crit_page_run run;
	struct crit_walk walk;
	int ret;

	if (crit_walk_open(dump_of(m->maps, m->level), m->name, &walk, NULL) < 0)
		return false;
	m->sure = true;
	read_memory(m);
	while ((ret = crit_page_run_read(&walk, &run, NULL)) > 0 || ret == -EBADMSG) {
		at.entry = walk.n - 1;
		if (ret > 0)
			check_run(m, at, &run);
		else
			m->sure = false;
	}
	m->sure &= ret == 0; /* else there is a tail */
	crit_walk_close(&walk);
	check_size(m);
	if (m->has_above)
		crit_walk_close(&m->above.walk);
	if (m->has_memory)
		crit_memory_fini(&m->memory);
	return m->has_above;
}

/* A page map, and those that it builds on. */
static void check_chain(struct maps *maps, const char *name)
{
	unsigned level = 0;
	struct map m;

	do {
		m = (struct map){.maps = maps, .level = level, .name = name};
		spell_path(m.path, sizeof(m.path), level, name);
	} while (check_map(&m) && level++ < maps->parents.n);
}

/* ------------------------------------------------------------------ all of them */

static void owner(struct checker *c, const struct check_image *image)
{
	unsigned id;

	if (number_in(image->name, "pages-", &id) && !check_has(c, CHECK_PAGES, id))
		check_warning(c, check_at(image->name, CHECK_WHOLE),
			      "nothing needs it: no page map has the pages_id %u", id);
}

void check_page_maps(struct checker *c)
{
	struct maps maps = {.c = c, .page_size = page_size(c)};
	struct crit_error err = {0};
	bool damaged = false;
	size_t i;

	maps.unsure = crit_parents_open(&c->dump, &maps.parents, &err) < 0;
	if (maps.unsure)
		check_error(c, check_at("parent", CHECK_WHOLE), "%s", err.text);
	for (i = 0; i < c->n_images; i++) {
		if (check_is(&c->images[i], "PAGEMAP"))
			check_chain(&maps, c->images[i].name);
		else
			damaged |= !strncmp(c->images[i].name, "pagemap-", 8);
	}
	for (i = 0; i < c->n_images && !damaged; i++)
		owner(c, &c->images[i]);
	crit_parents_close(&maps.parents);
}
