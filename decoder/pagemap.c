/*
 * Reading a page map, its sparse index, its pages file.
 */
#include "decoder/pagemap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/grow.h"
#include "decoder/memory.h"
#include "decoder/page-size.h"
#include "decoder/wire.h"

#define STRIDE    256                 /* entries between two marks */
#define PAGES_MAX (UINT64_C(1) << 46) /* of a pages file; bytes of so many fit 63 bits */
#define TOP       (UINT64_C(1) << 63) /* no process has memory from there on */
#define ENDLESS   UINT64_MAX

/* Where a walk stands. */
struct place {
	uint64_t n;       /* the entry that comes next */
	uint64_t floor;   /* no good entry from there on begins below this address */
	uint64_t page;    /* of the pages file, where the next present page is */
	const char *lost; /* why that is not known; NULL if it is */
};

/* A good entry. */
struct run {
	uint64_t start, end; /* addresses; end is 0 if the entry is no good */
	uint32_t flags;
	uint64_t page;
	const char *lost;
};

struct crit_pagemap {
	struct crit_dump dump; /* borrowed directory, no listener */
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_watch *watch; /* borrowed */
	struct crit_walk walk;
	uint32_t page_size;

	struct crit_pages_file pages;

	struct place *marks; /* owned: marks[i].n is 1 + i * STRIDE */
	size_t n_marks, room;
	uint64_t n_entries; /* with the head */
	uint64_t n_pages;   /* in the pages file; 0 if that is not known */
	bool damaged;       /* something stands behind the last entry */
	struct crit_error complaint;

	/* the last answer: all from `floor` to `run`'s end */
	uint64_t floor;
	struct run run;
	struct place next; /* behind it */
};

static void complain(struct crit_pagemap *map, const struct crit_error *err)
{
	if (!map->complaint.errnum)
		map->complaint = *err;
}

static void complain_of(struct crit_pagemap *map, uint64_t n, const char *what)
{
	struct crit_error err = {0};

	crit_fail(&err, CRIT_BROKEN, "entry %llu %s", (unsigned long long)n, what);
	complain(map, &err);
}

/* What is wrong with where an entry's pages are; NULL if nothing is. */
static const char *fault(const struct crit_pagemap *map, uint64_t floor,
			 const struct crit_page_run *e)
{
	if (e->vaddr % map->page_size)
		return "does not begin at a page";
	if (e->vaddr >= TOP || e->n > (TOP - e->vaddr) / map->page_size)
		return "reaches beyond all addresses";
	if (e->vaddr < floor)
		return "is out of order, or overlaps the one before";
	return NULL;
}

static void count_pages(struct place *at, const struct crit_page_run *e)
{
	if (e->flags & ~(uint32_t)CRIT_PE_KNOWN)
		at->lost = "it is compressed, or stored in another way that is not known";
	if (e->flags & CRIT_PE_PRESENT)
		at->page = e->n < PAGES_MAX - at->page ? at->page + e->n : PAGES_MAX;
}

/*
 * Read the entry at *at, which moves behind it. 1 and *run, which is empty if it is no
 * good; *wrong says then what is wrong. 0 at the end, -errno.
 */
static int step(struct crit_pagemap *map, struct place *at, struct run *run, const char **wrong,
		struct crit_error *err)
{
	struct crit_page_run e;
	int ret;

	map->walk.n = at->n;
	ret = crit_page_run_read(&map->walk, &e, err);
	*run = (struct run){0};
	if (ret == -EBADMSG) {
		at->lost = "an entry before it in the page map can't be read";
		at->n++;
		*wrong = "is no pagemap_entry";
		return 1;
	}
	if (ret <= 0)
		return ret;
	at->n++;
	*wrong = fault(map, at->floor, &e);
	if (!*wrong && e.n) {
		run->start = e.vaddr;
		run->end = at->floor = e.vaddr + e.n * map->page_size;
		run->flags = e.flags;
		run->page = at->page;
	}
	count_pages(at, &e);
	run->lost = at->lost;
	return 1;
}

static int add_mark(struct crit_pagemap *map, const struct place *at, struct crit_error *err)
{
	struct place *marks;

	marks = crit_grow(map->marks, map->n_marks, &map->room, sizeof(*marks));
	if (!marks)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for its index");
	map->marks = marks;
	map->marks[map->n_marks++] = *at;
	return 0;
}

/* Behind the last entry: nothing, or who knows what. */
static int end_index(struct crit_pagemap *map, const struct place *at, int ret,
		     struct crit_error *err)
{
	if (ret < 0 && ret != -EIO)
		return ret;
	if (ret < 0)
		complain(map, err);
	map->damaged = ret < 0;
	map->n_entries = at->n;
	map->n_pages = at->lost || map->damaged ? 0 : at->page;
	return 0;
}

/* Read it all. */
static int make_index(struct crit_pagemap *map, struct crit_error *err)
{
	struct place at = {.n = 1};
	const char *wrong;
	struct run run;
	int ret;

	map->n_marks = 0;
	map->floor = 0;
	map->run = (struct run){0};
	do {
		if ((at.n - 1) % STRIDE == 0 && (ret = add_mark(map, &at, err)) < 0)
			return ret;
		ret = step(map, &at, &run, &wrong, err);
		if (ret > 0 && wrong)
			complain_of(map, at.n - 1, wrong);
	} while (ret > 0);
	map->next = map->marks[0];
	return end_index(map, &at, ret, err);
}

static int open_pages(struct crit_pagemap *map, uint32_t id, struct crit_error *err)
{
	struct crit_error why = {0};
	int ret;

	ret = crit_pages_file_open(map->dump.dir, id, map->watch, &map->pages, &why);
	if (crit_is_passing(ret)) {
		*err = why;
		return ret;
	}
	if (ret < 0)
		complain(map, &why);
	return 0;
}

/* The head says which pages file it is. */
static int read_head(struct crit_pagemap *map, struct crit_error *err)
{
	const uint8_t *bytes;
	struct crit_entry e;
	uint64_t id;
	int ret;

	ret = crit_walk_bytes(&map->walk, &e, &bytes, err);
	if (ret < 0)
		return ret;
	if (ret == 0)
		return crit_fail(err, CRIT_BROKEN, "it has no head");
	if (crit_wire_check(e.type, bytes, e.message.len) < 0 ||
	    crit_wire_uint(e.type, bytes, e.message.len, "pages_id", &id) < 0)
		return crit_walk_refuse(&map->walk, &e, err);
	return open_pages(map, (uint32_t)id, err);
}

static int open_all(struct crit_pagemap *map, struct crit_error *err)
{
	int ret;

	if (crit_watch_add(map->watch, map->dump.dir, map->name) < 0)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for a name");
	ret = crit_walk_open(&map->dump, map->name, &map->walk, err);
	if (ret < 0) {
		map->walk.img = NULL;
		return ret;
	}
	ret = read_head(map, err);
	if (ret == 0)
		ret = make_index(map, err);
	return ret;
}

int crit_pagemap_open(struct crit_dump *dump, const char *name, uint32_t page_size,
		      struct crit_watch *watch, struct crit_pagemap **out,
		      struct crit_error *err)
{
	struct crit_pagemap *map = calloc(1, sizeof(*map));
	struct crit_error unheard;
	int ret;

	if (!err)
		err = &unheard;
	if (!map)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for a page map");
	map->dump.dir = dump->dir;
	snprintf(map->name, sizeof(map->name), "%s", name);
	map->watch = watch;
	map->page_size = page_size;
	map->pages.write_fd = -1;
	ret = open_all(map, err);
	if (ret < 0) {
		crit_pagemap_free(map);
		return ret;
	}
	*out = map;
	return 0;
}

void crit_pagemap_free(struct crit_pagemap *map)
{
	if (!map)
		return;
	crit_walk_close(&map->walk);
	crit_pages_file_close(&map->pages);
	free(map->marks);
	free(map);
}

const struct crit_error *crit_pagemap_complaint(const struct crit_pagemap *map)
{
	return map->complaint.errnum ? &map->complaint : NULL;
}

uint32_t crit_pagemap_guess(const struct crit_pagemap *map)
{
	return crit_page_size_by(map->n_pages, crit_pages_file_size(&map->pages));
}

int crit_pagemap_resize(struct crit_pagemap *map, uint32_t page_size, struct crit_error *err)
{
	if (page_size == map->page_size)
		return 0;
	map->page_size = page_size;
	return make_index(map, err);
}

struct crit_pages_file *crit_pagemap_pages(struct crit_pagemap *map)
{
	return &map->pages;
}

/* The last mark from which on `addr` may be found. */
static const struct place *mark_before(const struct crit_pagemap *map, uint64_t addr)
{
	size_t low = 0, high = map->n_marks, middle;

	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (map->marks[middle].floor <= addr)
			low = middle;
		else
			high = middle;
	}
	return &map->marks[low];
}

/* Make the run that ends behind `addr` the last answer, or the end of all of them. */
static int seek(struct crit_pagemap *map, uint64_t addr, struct crit_error *err)
{
	struct place at = *mark_before(map, addr);
	const char *wrong;
	struct run run;
	uint64_t floor;
	int ret;

	if (map->next.floor <= addr && map->next.n > at.n)
		at = map->next;
	do {
		floor = at.floor;
		run = (struct run){.start = ENDLESS, .end = ENDLESS};
		ret = at.n < map->n_entries ? step(map, &at, &run, &wrong, err) : 0;
		if (ret < 0)
			return ret;
	} while (ret > 0 && run.end <= addr);
	if (ret == 0) /* the entries became fewer, or there are no more */
		run = (struct run){.start = ENDLESS, .end = ENDLESS};
	map->floor = floor;
	map->run = run;
	map->next = at;
	return 0;
}

/* Pages of the pages file, as far as that reaches. */
static void find_here(const struct crit_pagemap *map, uint64_t addr, struct crit_piece *piece)
{
	const struct run *run = &map->run;
	uint64_t there = crit_pages_file_size(&map->pages) / map->page_size;
	uint64_t cut = piece->end;

	if (there < run->page)
		cut = run->start;
	else if (there - run->page < (run->end - run->start) / map->page_size)
		cut = run->start + (there - run->page) * map->page_size;
	if (addr < cut) {
		piece->end = cut;
		piece->pages = CRIT_PAGES_HERE;
		piece->off = run->page * map->page_size;
	} else {
		piece->start = cut;
		piece->reason = map->pages.file ? "its pages file is too short"
						: "its pages file is missing or can't be read";
	}
}

static void find_in_run(const struct crit_pagemap *map, uint64_t addr, struct crit_piece *piece)
{
	const struct run *run = &map->run;

	*piece = (struct crit_piece){run->start, run->end, .pages = CRIT_PAGES_LOST};
	if (run->flags & CRIT_PE_PARENT)
		piece->pages = CRIT_PAGES_PARENT;
	else if (!(run->flags & CRIT_PE_PRESENT) && run->flags & CRIT_PE_LAZY)
		piece->reason = "it was left to be fetched lazily, from a page server";
	else if (run->lost)
		piece->reason = run->lost;
	else if (run->flags & CRIT_PE_PRESENT)
		find_here(map, addr, piece);
	else
		piece->reason = "the page map does not say where it is";
}

int crit_pagemap_find(struct crit_pagemap *map, uint64_t addr, struct crit_piece *piece,
		      struct crit_error *err)
{
	int ret;

	if (addr < map->floor || addr >= map->run.end) {
		ret = seek(map, addr, err);
		if (ret < 0)
			return ret;
	}
	if (addr >= map->run.start) {
		find_in_run(map, addr, piece);
		return 0;
	}
	*piece = (struct crit_piece){map->floor, map->run.start, .pages = CRIT_PAGES_NONE};
	if (map->damaged && map->run.start == ENDLESS) {
		piece->pages = CRIT_PAGES_LOST;
		piece->reason = "the page map is damaged";
	}
	return 0;
}

int crit_pagemap_prepare(struct crit_pagemap *map, struct crit_error *err)
{
	if (!crit_watch_same_name(map->watch, map->dump.dir, map->name))
		return crit_fail(err, CRIT_CHANGED, "%s changed since it was read", map->name);
	return crit_pages_file_prepare(&map->pages, err);
}
