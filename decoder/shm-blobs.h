/*
 * SysV shared memory as old dumps have it: no page maps, but the contents of each segment
 * behind its entry in ipcns-shm-<ns>.img. No thread safety.
 */
#ifndef CRIT_SHM_BLOBS_H
#define CRIT_SHM_BLOBS_H

#include "decoder/index.h"
#include "decoder/process.h"
#include "decoder/space.h"
#include "decoder/watch.h"

struct crit_shm_blob {
	uint64_t off, len; /* bytes of the image */
};

/* Fill with zeros to begin with. */
struct crit_shm_blobs {
	struct crit_file *file;    /* a reference; NULL: there are none */
	struct crit_shm_blob *all; /* owned */
	size_t n, room;
	struct crit_index by_id;

	/* a page with what is left over of one of them, zeros behind */
	int tail_fd;      /* owned, if `tail_made` */
	uint64_t tail_of; /* its number */
	bool tail_made;
};

/*
 * Find those of the process' namespace; the image is added to `watch`. What can't be read
 * is told to the dump's listener. 0, -ENOMEM.
 */
int crit_shm_blobs_read(struct crit_dump *dump, const struct crit_process *p,
			struct crit_watch *watch, struct crit_shm_blobs *blobs);
void crit_shm_blobs_fini(struct crit_shm_blobs *blobs);

/* The number of the segment with this id, if it has a blob. */
bool crit_shm_blobs_find(const struct crit_shm_blobs *blobs, uint64_t id, uint64_t *n);

/*
 * Where the page with the offset `off` is, as in crit_layers_find(): it can be read, not
 * written. s->fd is good until the next call.
 */
int crit_shm_blobs_at(struct crit_shm_blobs *blobs, uint64_t n, uint64_t off,
		      uint32_t page_size, struct crit_stretch *s, struct crit_error *err);

#endif
