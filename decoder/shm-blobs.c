/*
 * Blobs of SysV segments as pages.
 */
#include "decoder/shm-blobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decoder/grow.h"
#include "decoder/wire.h"
#include "ipc.pb-c.h"

#define READ_ONLY "the page is in an image of shared memory, which can only be read here"

void crit_shm_blobs_fini(struct crit_shm_blobs *blobs)
{
	if (blobs->tail_made)
		close(blobs->tail_fd);
	free(blobs->all);
	crit_index_fini(&blobs->by_id);
	crit_file_put(blobs->file);
}

static int add(struct crit_shm_blobs *blobs, uint64_t id, struct crit_span span)
{
	struct crit_shm_blob *all;

	all = crit_grow(blobs->all, blobs->n, &blobs->room, sizeof(*all));
	if (!all)
		return -ENOMEM;
	blobs->all = all;
	blobs->all[blobs->n++] = (struct crit_shm_blob){span.off, span.len};
	return crit_index_put(&blobs->by_id, id, blobs->n - 1, NULL);
}

static int add_entry(struct crit_shm_blobs *blobs, const struct crit_entry *e,
		     const uint8_t *bytes)
{
	IpcShmEntry *shm = NULL;
	int ret = -EBADMSG;

	if (crit_wire_check(e->type, bytes, e->message.len) == 0)
		shm = ipc_shm_entry__unpack(NULL, e->message.len, bytes);
	if (shm)
		ret = add(blobs, shm->desc->id, e->blob[0]);
	ipc_shm_entry__free_unpacked(shm, NULL);
	return ret;
}

static int read_image(struct crit_dump *dump, const char *name, struct crit_walk *walk,
		      struct crit_shm_blobs *blobs)
{
	struct crit_error err = {0};
	const uint8_t *bytes;
	struct crit_entry e;
	int ret;

	while ((ret = crit_walk_bytes(walk, &e, &bytes, &err)) > 0) {
		ret = e.n_blobs ? add_entry(blobs, &e, bytes) : 0;
		if (ret == -ENOMEM)
			return ret;
		if (ret < 0) {
			crit_walk_refuse(walk, &e, &err);
			crit_dump_tell(dump, name, &err);
		}
	}
	if (ret < 0)
		crit_dump_tell(dump, name, &err);
	return 0;
}

int crit_shm_blobs_read(struct crit_dump *dump, const struct crit_process *p,
			struct crit_watch *watch, struct crit_shm_blobs *blobs)
{
	TaskKobjIdsEntry *ids = crit_process_ids(dump, p);
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};
	struct crit_walk walk;
	int ret;

	if (!ids)
		return 0;
	snprintf(name, sizeof(name), "ipcns-shm-%u.img", ids->ipc_ns_id);
	task_kobj_ids_entry__free_unpacked(ids, NULL);
	if (crit_watch_add(watch, dump->dir, name) < 0)
		return -ENOMEM;
	ret = crit_walk_open(dump, name, &walk, &err);
	if (ret < 0) {
		/* a namespace that is not the dump's own has none */
		if (ret != -ENOENT)
			crit_dump_tell(dump, name, &err);
		return 0;
	}
	ret = read_image(dump, name, &walk, blobs);
	if (blobs->n)
		blobs->file = crit_file_get(crit_image_file(walk.img));
	crit_walk_close(&walk);
	return ret;
}

bool crit_shm_blobs_find(const struct crit_shm_blobs *blobs, uint64_t id, uint64_t *n)
{
	return crit_index_find(&blobs->by_id, id, n);
}

/*
 * The bytes behind the last whole page, in a file that is a page. There is one such file at a
 * time, as any number of segments may have some.
 */
static int make_tail(struct crit_shm_blobs *blobs, uint64_t n, uint32_t page_size)
{
	const struct crit_shm_blob *blob = &blobs->all[n];
	size_t len = blob->len % page_size;
	char *page = calloc(1, page_size);
	int fd = page ? memfd_create("critfs-shm", MFD_CLOEXEC) : -1, ret;

	if (fd < 0) {
		ret = page ? -errno : -ENOMEM;
		free(page);
		return ret;
	}
	ret = crit_file_read(blobs->file, page, len, blob->off + blob->len - len);
	if (ret == 0)
		ret = crit_pwrite_full(fd, page, page_size, 0);
	free(page);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	if (blobs->tail_made)
		close(blobs->tail_fd);
	blobs->tail_made = true;
	blobs->tail_fd = fd;
	blobs->tail_of = n;
	return 0;
}

int crit_shm_blobs_at(struct crit_shm_blobs *blobs, uint64_t n, uint64_t off,
		      uint32_t page_size, struct crit_stretch *s, struct crit_error *err)
{
	const struct crit_shm_blob *blob = &blobs->all[n];
	uint64_t whole = blob->len - blob->len % page_size;
	int ret;

	*s = (struct crit_stretch){
		0,        whole, CRIT_INHERITED, blobs->file->fd, blobs->file->base + blob->off,
		READ_ONLY};
	if (off < whole)
		return 1;
	if (off >= blob->len) {
		*s = (struct crit_stretch){blob->len > whole ? whole + page_size : whole,
					   UINT64_MAX, .fd = -1};
		return 0;
	}
	if (!blobs->tail_made || blobs->tail_of != n) {
		ret = make_tail(blobs, n, page_size);
		if (ret < 0)
			return crit_fail_errno(err, -ret, "can't read the end of a segment");
	}
	*s = (struct crit_stretch){whole, whole + page_size, CRIT_INHERITED, blobs->tail_fd,
				   0,     READ_ONLY};
	return 1;
}
