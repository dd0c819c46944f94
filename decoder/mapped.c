/*
 * Names of mapped files.
 */
#include "decoder/mapped.h"

#include <errno.h>
#include <stdio.h>

#include "deleted-files.pb-c.h"
#include "ipc.pb-c.h"
#include "special-files.pb-c.h"

#define DELETED " (deleted)" /* d_path() of the kernel says so */
#define MEMFD   "memfd.img"
#define REMAP   "remap-fpath.img"

enum {
	MAP_HUGETLB_BIT = 0x40000,
	VMA_AIORING = 1 << 13,
};

void crit_mapped_init(struct crit_mapped *m, struct crit_dump *dump,
		      const struct crit_process *p, struct crit_files *files)
{
	*m = (struct crit_mapped){.dump = dump, .p = p, .files = files};
}

void crit_mapped_fini(struct crit_mapped *m)
{
	crit_index_fini(&m->deleted);
	crit_index_fini(&m->memory_files);
	crit_index_fini(&m->keys);
}

/* Many dumps have no such image. */
static bool open_walk(struct crit_mapped *m, const char *name, struct crit_walk *walk)
{
	struct crit_error err = {0};
	int ret = crit_walk_open(m->dump, name, walk, &err);

	if (ret < 0 && ret != -ENOENT)
		crit_dump_tell(m->dump, name, &err);
	return ret == 0;
}

static void read_deleted(struct crit_mapped *m)
{
	RemapFilePathEntry *remap;
	struct crit_walk walk;

	if (m->deleted_read || !open_walk(m, REMAP, &walk))
		return;
	while ((remap = crit_walk_rest(m->dump, REMAP, &walk))) {
		crit_index_put(&m->deleted, remap->orig_id, 0, NULL);
		remap_file_path_entry__free_unpacked(remap, NULL);
	}
	crit_walk_close(&walk);
}

static bool put_regular(struct crit_mapped *m, uint64_t id, struct crit_buf *out)
{
	struct crit_open_file file;
	uint64_t value;

	if (!crit_files_find(m->files, FD_TYPES__REG, id, &file))
		return false;
	read_deleted(m);
	m->deleted_read = true;
	crit_buf_str(out, ((const RegFileEntry *)file.what)->name);
	if (crit_index_find(&m->deleted, id, &value))
		crit_buf_str(out, DELETED);
	crit_open_file_fini(&file);
	return true;
}

static void read_memory_files(struct crit_mapped *m)
{
	MemfdInodeEntry *inode;
	struct crit_walk walk;

	if (m->memory_files_read || !open_walk(m, MEMFD, &walk))
		return;
	while ((inode = crit_walk_rest(m->dump, MEMFD, &walk))) {
		crit_index_put(&m->memory_files, inode->inode_id, walk.n - 1, NULL);
		memfd_inode_entry__free_unpacked(inode, NULL);
	}
	crit_walk_close(&walk);
}

static void put_inode_name(struct crit_mapped *m, uint64_t inode_id, struct crit_buf *out)
{
	MemfdInodeEntry *inode;
	struct crit_walk walk;
	uint64_t n;

	read_memory_files(m);
	m->memory_files_read = true;
	if (!crit_index_find(&m->memory_files, inode_id, &n) || !open_walk(m, MEMFD, &walk))
		return;
	walk.n = n;
	inode = crit_walk_rest(m->dump, MEMFD, &walk);
	if (inode)
		crit_buf_str(out, inode->name);
	memfd_inode_entry__free_unpacked(inode, NULL);
	crit_walk_close(&walk);
}

static bool put_memory_file(struct crit_mapped *m, uint64_t id, struct crit_buf *out)
{
	struct crit_open_file file;

	if (!crit_files_find(m->files, FD_TYPES__MEMFD, id, &file))
		return false;
	crit_buf_str(out, "/memfd:");
	put_inode_name(m, ((const MemfdFileEntry *)file.what)->inode_id, out);
	crit_buf_str(out, DELETED);
	crit_open_file_fini(&file);
	return true;
}

static void read_keys(struct crit_mapped *m)
{
	TaskKobjIdsEntry *ids = m->keys_read ? NULL : crit_process_ids(m->dump, m->p);
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_walk walk;
	IpcShmEntry *segment;

	if (!ids)
		return;
	snprintf(name, sizeof(name), "ipcns-shm-%u.img", ids->ipc_ns_id);
	task_kobj_ids_entry__free_unpacked(ids, NULL);
	if (!open_walk(m, name, &walk))
		return;
	while ((segment = crit_walk_rest(m->dump, name, &walk))) {
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
	if (vma->status & CRIT_VMA_FILE) {
		if (vma->status & CRIT_VMA_MEMFD)
			return put_memory_file(m, vma->shmid, out);
		return put_regular(m, vma->shmid, out);
	}
	if (vma->status & VMA_AIORING)
		crit_buf_str(out, "/[aio]" DELETED);
	else if (vma->flags & MAP_HUGETLB_BIT)
		crit_buf_str(out, "/anon_hugepage" DELETED);
	else if (vma->status & CRIT_VMA_ANON_SHARED)
		crit_buf_str(out, "/dev/zero" DELETED);
	else
		return false;
	return true;
}
