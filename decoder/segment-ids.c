/*
 * Finding the segments of mappings.
 */
#include "decoder/segment-ids.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/descriptors.h"
#include "decoder/index.h"

#define FILES "files.img"
#define MEMFD "memfd.img"

/* Under a file's id: this, or a shmid plus 1. */
#define NOT_FOUND 0

struct crit_segment_ids {
	struct crit_dump *dump;   /* borrowed */
	struct crit_watch *watch; /* borrowed */
	struct crit_files *files; /* owned, NULL until needed */
	struct crit_index inodes; /* shmids by memfd_inode_entry.inode_id */
	struct crit_index known;  /* what was found out for a file's id */
};

struct crit_segment_ids *crit_segment_ids_new(struct crit_dump *dump, struct crit_watch *watch)
{
	struct crit_segment_ids *ids = calloc(1, sizeof(*ids));

	if (ids) {
		ids->dump = dump;
		ids->watch = watch;
	}
	return ids;
}

void crit_segment_ids_free(struct crit_segment_ids *ids)
{
	if (!ids)
		return;
	crit_files_free(ids->files);
	crit_index_fini(&ids->inodes);
	crit_index_fini(&ids->known);
	free(ids);
}

static int read_inodes(struct crit_segment_ids *ids)
{
	struct crit_error err = {0};
	struct crit_walk walk;
	MemfdInodeEntry *inode;
	int ret = 0;

	if (crit_walk_open(ids->dump, MEMFD, &walk, &err) < 0) {
		crit_dump_tell(ids->dump, MEMFD, &err);
		return 0;
	}
	while (ret == 0 && (inode = crit_walk_rest(ids->dump, MEMFD, &walk))) {
		ret = crit_index_put(&ids->inodes, inode->inode_id, inode->shmid, NULL);
		memfd_inode_entry__free_unpacked(inode, NULL);
	}
	crit_walk_close(&walk);
	return ret;
}

/* Open what memory files are found with, once. */
static int open_files(struct crit_segment_ids *ids)
{
	if (ids->files)
		return 0;
	if (crit_watch_add(ids->watch, ids->dump->dir, FILES) < 0 ||
	    crit_watch_add(ids->watch, ids->dump->dir, MEMFD) < 0)
		return -ENOMEM;
	ids->files = crit_files_new(ids->dump);
	return ids->files ? read_inodes(ids) : -ENOMEM;
}

/* The segment of a memory file, plus 1; NOT_FOUND, of which the listener was told. */
static uint64_t find_memfd(struct crit_segment_ids *ids, uint64_t file_id)
{
	struct crit_open_file file;
	struct crit_error err = {0};
	uint64_t inode_id, shmid;

	if (!crit_files_find(ids->files, FD_TYPES__MEMFD, file_id, &file))
		return NOT_FOUND;
	inode_id = ((const MemfdFileEntry *)file.what)->inode_id;
	crit_open_file_fini(&file);
	if (crit_index_find(&ids->inodes, inode_id, &shmid))
		return shmid + 1;
	crit_fail(&err, CRIT_BROKEN, "no memory file in it has the inode_id %llu",
		  (unsigned long long)inode_id);
	crit_dump_tell(ids->dump, MEMFD, &err);
	return NOT_FOUND;
}

static int memfd_segment(struct crit_segment_ids *ids, uint64_t file_id, uint64_t *shmid)
{
	uint64_t found;

	if (!crit_index_find(&ids->known, file_id, &found)) {
		if (open_files(ids) < 0)
			return -ENOMEM;
		found = find_memfd(ids, file_id);
		if (crit_index_put(&ids->known, file_id, found, NULL) < 0)
			return -ENOMEM;
	}
	if (found == NOT_FOUND)
		return -ENOENT;
	*shmid = found - 1;
	return 1;
}

int crit_segment_id(struct crit_segment_ids *ids, const VmaEntry *vma, uint64_t *shmid)
{
	if (vma->status & (CRIT_VMA_ANON_SHARED | CRIT_VMA_SYSVIPC)) {
		*shmid = vma->shmid;
		return 1;
	}
	if (vma->status & CRIT_VMA_FILE && vma->status & CRIT_VMA_MEMFD)
		return memfd_segment(ids, vma->shmid, shmid);
	return 0;
}
