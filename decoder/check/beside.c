/*
 * What belongs to open files and to namespaces, in images of its own: bytes in pipes, packets
 * in sockets, contents of nameless files, locks, shared memory.
 */
#include <stdio.h>

#include "bpf.pb-c.h"
#include "decoder/check/checker.h"
#include "deleted-files.pb-c.h"
#include "files.pb-c.h"
#include "ipc.pb-c.h"
#include "network.pb-c.h"
#include "tty.pb-c.h"

void check_pipe_data(struct checker *c, struct check_at at, const void *msg)
{
	const PipeDataEntry *e = msg;

	if (!check_has(c, CHECK_PIPES, e->pipe_id))
		check_warning(c, at, "no pipe has the pipe_id %u", e->pipe_id);
}

void check_fifo_data(struct checker *c, struct check_at at, const void *msg)
{
	const PipeDataEntry *e = msg;

	if (!check_has(c, CHECK_FIFOS, e->pipe_id))
		check_warning(c, at, "no FIFO has the pipe_id %u", e->pipe_id);
}

void check_packet(struct checker *c, struct check_at at, const void *msg)
{
	const SkPacketEntry *e = msg;
	size_t i, k;

	if (!check_has(c, CHECK_FILE_IDS, e->id_for))
		check_warning(c, at, "id_for: no socket has the id %u", e->id_for);
	for (i = 0; i < e->n_scm; i++)
		for (k = 0; k < e->scm[i]->n_rights; k++)
			if (!check_has(c, CHECK_FILE_IDS, e->scm[i]->rights[k]))
				check_error(c, at,
					    "scm[%zu].rights[%zu]: no file has the id %u", i, k,
					    e->scm[i]->rights[k]);
}

void check_remap(struct checker *c, struct check_at at, const void *msg)
{
	const RemapFilePathEntry *e = msg;
	uint32_t id = e->remap_id & ~CHECK_REMAP_GHOST;
	bool ghost = e->has_remap_type ? e->remap_type == REMAP_TYPE__GHOST : id != e->remap_id;
	bool linked = e->has_remap_type ? e->remap_type == REMAP_TYPE__LINKED : !ghost;
	char name[CRIT_IMAGE_NAME_MAX];

	check_file(c, at, FD_TYPES__REG, e->orig_id, "orig_id");
	if (linked)
		check_file(c, at, FD_TYPES__REG, e->remap_id, "remap_id");
	if (!ghost)
		return;
	snprintf(name, sizeof(name), "ghost-file-%x.img", id);
	if (!check_exists(c, name))
		check_missing(c, name, at);
}

void check_tty_data(struct checker *c, struct check_at at, const void *msg)
{
	const TtyDataEntry *e = msg;

	if (!check_has(c, CHECK_TERMINALS, e->tty_id))
		check_warning(c, at, "no entry of tty-info.img has the id %u", e->tty_id);
}

void check_lock(struct checker *c, struct check_at at, const void *msg)
{
	const FileLockEntry *e = msg;
	uint64_t table;

	if (!check_has(c, CHECK_PROCESSES, (uint32_t)e->pid))
		check_warning(c, at, "no process has the pid %d", e->pid);
	else if (crit_index_find(&c->set[CHECK_TABLES], (uint32_t)e->pid, &table) &&
		 !check_has(c, CHECK_FDS, check_pair((uint32_t)table, (uint32_t)e->fd)))
		check_error(c, at, "fdinfo-%llu.img of process %d has no descriptor %d",
			    (unsigned long long)table, e->pid, e->fd);
}

void check_bpfmap_data(struct checker *c, struct check_at at, const void *msg)
{
	const BpfmapDataEntry *e = msg;

	if (!check_has(c, CHECK_BPFMAPS, e->map_id))
		check_warning(c, at, "no map has the map_id %u", e->map_id);
}

void check_memfd(struct checker *c, struct check_at at, const void *msg)
{
	const MemfdInodeEntry *e = msg;

	if (e->size)
		check_need(c, at, "pagemap-shmem-%llu.img", e->shmid);
}

void check_segment(struct checker *c, struct check_at at, const void *msg)
{
	const IpcShmEntry *e = msg;

	if (e->in_pagemaps)
		check_need(c, at, "pagemap-shmem-%llu.img", e->desc->id);
}

void check_netns(struct checker *c, struct check_at at, const void *msg)
{
	const NetnsEntry *e = msg;
	size_t i;

	/* one that is handed in has its devices already */
	if (!e->ext_key)
		check_need(c, at, "netdev-%llu.img", at.number);
	for (i = 0; i < e->n_nsids; i++)
		if (!check_has(c, CHECK_NAMESPACES, e->nsids[i]->target_ns_id))
			check_error(c, at, "nsids[%zu]: no namespace has the id %u", i,
				    e->nsids[i]->target_ns_id);
}

/* A chain of filters ends, since each leads to one before it. */
void check_seccomp(struct checker *c, struct check_at at, const void *msg)
{
	const SeccompEntry *e = msg;
	size_t i;

	for (i = 0; i < e->n_seccomp_filters; i++) {
		const SeccompFilter *f = e->seccomp_filters[i];

		if (f->has_prev && f->prev >= e->n_seccomp_filters)
			check_error(c, at,
				    "seccomp_filters[%zu].prev: there is no filter %u, "
				    "only %zu",
				    i, f->prev, e->n_seccomp_filters);
		else if (f->has_prev && f->prev >= i)
			check_error(c, at,
				    "seccomp_filters[%zu].prev: the filter %u is not "
				    "before it",
				    i, f->prev);
		if (f->filter.len % 8)
			check_error(c, at,
				    "seccomp_filters[%zu].filter: %zu bytes, which are no "
				    "instructions of 8 bytes",
				    i, f->filter.len);
	}
}
