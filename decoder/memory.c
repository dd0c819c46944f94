/*
 * Mappings and page maps.
 */
#include "decoder/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/grow.h"
#include "decoder/wire.h"
#include "schema-messages.h"

static int add(struct crit_memory *m, VmaEntry *vma, size_t *room)
{
	VmaEntry **own = crit_grow(m->own, m->n_own, room, sizeof(*own));

	if (!own)
		return -ENOMEM;
	m->own = own;
	m->own[m->n_own++] = vma;
	return 0;
}

/* Old dumps have the mappings in an image of their own. */
static void read_vmas(struct crit_dump *dump, const struct crit_process *p,
		      struct crit_memory *m)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};
	struct crit_walk walk;
	size_t room = 0;
	VmaEntry *vma;

	snprintf(name, sizeof(name), "vmas-%u.img", p->entry->pid);
	if (crit_walk_open(dump, name, &walk, &err) < 0) {
		crit_dump_tell(dump, name, &err);
		return;
	}
	while ((vma = crit_walk_rest(dump, name, &walk)) && add(m, vma, &room) == 0)
		;
	if (vma) {
		vma_entry__free_unpacked(vma, NULL);
		crit_fail(&err, CRIT_NO_MEMORY, "no memory for its mappings");
		crit_dump_tell(dump, name, &err);
	}
	crit_walk_close(&walk);
	m->vmas = m->own;
	m->n_vmas = m->n_own;
}

int crit_memory_read(struct crit_dump *dump, const struct crit_process *p,
		     struct crit_memory *m)
{
	*m = (struct crit_memory){.mm = crit_process_first(dump, p, "mm")};
	if (!m->mm)
		return -ENOENT;
	m->vmas = m->mm->vmas;
	m->n_vmas = m->mm->n_vmas;
	if (!m->n_vmas)
		read_vmas(dump, p, m);
	return 0;
}

void crit_memory_fini(struct crit_memory *m)
{
	size_t i;

	for (i = 0; i < m->n_own; i++)
		vma_entry__free_unpacked(m->own[i], NULL);
	free(m->own);
	mm_entry__free_unpacked(m->mm, NULL);
}

/* The numbers of pagemap_entry's fields. */
enum { VADDR = 1, COMPAT_NR_PAGES, IN_PARENT, FLAGS, NR_PAGES, N_FIELDS };

/* A run from its bytes: there are too many to unpack each into a struct. */
static int parse_run(const uint8_t *bytes, size_t len, struct crit_page_run *run)
{
	struct crit_wire w = crit_wire_open(&crit_msg_pagemap_entry, bytes, len);
	uint64_t value[N_FIELDS] = {0};
	bool has_flags = false;
	struct crit_wire_field f;

	if (crit_wire_check(w.message, bytes, len) < 0)
		return -EBADMSG;
	while (crit_wire_next(&w, &f) > 0) {
		if (!f.field)
			continue;
		value[f.field->pb->id] = f.value;
		has_flags |= f.field->pb->id == FLAGS;
	}
	run->vaddr = value[VADDR];
	run->n = value[NR_PAGES] ? value[NR_PAGES] : (uint32_t)value[COMPAT_NR_PAGES];
	run->flags = (uint32_t)value[FLAGS];
	if (value[IN_PARENT])
		run->flags |= CRIT_PE_PARENT;
	else if (!has_flags)
		run->flags = CRIT_PE_PRESENT;
	return 0;
}

int crit_page_run_read(struct crit_walk *walk, struct crit_page_run *run,
		       struct crit_error *err)
{
	const uint8_t *bytes;
	struct crit_entry e;
	int ret;

	if (walk->n == 0) /* the head */
		walk->n = 1;
	ret = crit_walk_bytes(walk, &e, &bytes, err);
	if (ret > 0 && parse_run(bytes, e.message.len, run) < 0)
		return crit_walk_refuse(walk, &e, err);
	return ret;
}

int crit_page_run_next(struct crit_dump *dump, const char *name, struct crit_walk *walk,
		       struct crit_page_run *run)
{
	struct crit_error err = {0};
	int ret;

	do {
		ret = crit_page_run_read(walk, run, &err);
		if (ret < 0)
			crit_dump_tell(dump, name, &err);
	} while (ret == -EBADMSG);
	return ret > 0;
}
