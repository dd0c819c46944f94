/*
 * Names of mapped files.
 */
#include "decoder/mapped.h"

#include <errno.h>
#include <stdio.h>

#include "ipc.pb-c.h"

#define DELETED " (deleted)" /* d_path() of the kernel says so */

enum { MAP_HUGETLB_BIT = 0x40000 };

void crit_mapped_init(struct crit_mapped *m, const struct crit_process *p,
		      struct crit_naming *naming)
{
	*m = (struct crit_mapped){.naming = naming, .p = p};
}

void crit_mapped_fini(struct crit_mapped *m)
{
	crit_index_fini(&m->keys);
}

/* Many dumps have no such image. */
static bool open_walk(struct crit_mapped *m, const char *name, struct crit_walk *walk)
{
	struct crit_error err = {0};
	int ret = crit_walk_open(m->naming->dump, name, walk, &err);

	if (ret < 0 && ret != -ENOENT)
		crit_dump_tell(m->naming->dump, name, &err);
	return ret == 0;
}

static bool put_file(struct crit_mapped *m, uint32_t type, uint64_t id, struct crit_buf *out)
{
	size_t before = out->len;

	if (crit_naming_put(m->naming, type, id, out))
		return true;
	out->len = before;
	return false;
}

static void read_keys(struct crit_mapped *m)
{
	TaskKobjIdsEntry *ids = m->keys_read ? NULL : crit_process_ids(m->naming->dump, m->p);
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_walk walk;
	IpcShmEntry *segment;

	if (!ids)
		return;
	snprintf(name, sizeof(name), "ipcns-shm-%u.img", ids->ipc_ns_id);
	task_kobj_ids_entry__free_unpacked(ids, NULL);
	if (!open_walk(m, name, &walk))
		return;
	while ((segment = crit_walk_rest(m->naming->dump, name, &walk))) {
		crit_index_put(&m->keys, segment->desc->id, segment->desc->key, NULL);
		ipc_shm_entry__free_unpacked(segment, NULL);
	}
	crit_walk_close(&walk);
}

static bool put_segment(struct crit_mapped *m, uint64_t id, struct crit_buf *out)
{
	uint64_t key = 0;
	char name[32];

	read_keys(m);
	m->keys_read = true;
	crit_index_find(&m->keys, id, &key);
	snprintf(name, sizeof(name), "/SYSV%08x" DELETED, (uint32_t)key);
	crit_buf_str(out, name);
	return true;
}

bool crit_mapped_name(struct crit_mapped *m, const VmaEntry *vma, struct crit_buf *out)
{
	if (vma->status & CRIT_VMA_SYSVIPC)
		return put_segment(m, vma->shmid, out);
	if (vma->status & CRIT_VMA_SOCKET)
		return put_file(m, FD_TYPES__PACKETSK, vma->shmid, out);
	if (vma->status & CRIT_VMA_FILE) {
		if (vma->status & CRIT_VMA_MEMFD)
			return put_file(m, FD_TYPES__MEMFD, vma->shmid, out);
		return put_file(m, FD_TYPES__REG, vma->shmid, out);
	}
	if (vma->status & CRIT_VMA_AIORING)
		crit_buf_str(out, "/[aio]" DELETED);
	else if (vma->flags & MAP_HUGETLB_BIT)
		crit_buf_str(out, "/anon_hugepage" DELETED);
	else if (vma->status & CRIT_VMA_ANON_SHARED)
		crit_buf_str(out, "/dev/zero" DELETED);
	else
		return false;
	return true;
}
