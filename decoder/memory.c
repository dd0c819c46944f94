/*
 * Mappings and page maps.
 */
#include "decoder/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/wire.h"
#include "schema-messages.h"

static int add(struct crit_memory *m, VmaEntry *vma, size_t *room)
{
	VmaEntry **own;
	size_t cap;

	if (m->n_vmas == *room) {
		cap = *room ? *room * 2 : 64;
		own = realloc(m->own, cap * sizeof(*own));
		if (!own)
			return -ENOMEM;
		m->own = own;
		*room = cap;
	}
	m->own[m->n_vmas++] = vma;
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

	for (i = 0; m->own && i < m->n_vmas; i++)
		vma_entry__free_unpacked(m->own[i], NULL);
	free(m->own);
	mm_entry__free_unpacked(m->mm, NULL);
}

/* A run from its bytes: there are too many to unpack each into a struct. */
static int read_run(const uint8_t *bytes, size_t len, struct crit_page_run *run)
{
	const struct crit_message *type = &crit_msg_pagemap_entry;
	uint64_t compat;

	if (crit_wire_check(type, bytes, len) < 0)
		return -EBADMSG;
	crit_wire_uint(type, bytes, len, "vaddr", &run->vaddr);
	crit_wire_uint(type, bytes, len, "compat_nr_pages", &compat);
	crit_wire_uint(type, bytes, len, "nr_pages", &run->n);
	if (!run->n)
		run->n = compat;
	return 0;
}

int crit_page_run_next(struct crit_dump *dump, const char *name, struct crit_walk *walk,
		       struct crit_page_run *run)
{
	struct crit_error err = {0};
	const uint8_t *bytes;
	struct crit_entry e;
	int ret;

	while ((ret = crit_walk_bytes(walk, &e, &bytes, &err)) > 0) {
		if (walk->n == 1) /* the head */
			continue;
		if (read_run(bytes, e.message.len, run) == 0)
			return 1;
		crit_walk_refuse(walk, &e, &err);
		crit_dump_tell(dump, name, &err);
	}
	if (ret < 0)
		crit_dump_tell(dump, name, &err);
	return 0;
}
