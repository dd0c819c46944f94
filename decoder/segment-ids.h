/*
 * Which shared segment a mapping has: its own number, or that of the memory file behind
 * it (files.img, memfd.img). No thread safety.
 */
#ifndef CRIT_SEGMENT_IDS_H
#define CRIT_SEGMENT_IDS_H

#include "decoder/memory.h"
#include "decoder/watch.h"

struct crit_segment_ids;

/*
 * Reads nothing yet. All are borrowed and live longer; the images that are read are added
 * to `watch`. NULL: no memory.
 */
struct crit_segment_ids *crit_segment_ids_new(struct crit_dump *dump, struct crit_watch *watch);
void crit_segment_ids_free(struct crit_segment_ids *ids); /* NULL is fine */

/*
 * 1 and *shmid, the pages being in pagemap-shmem-<shmid>.img; 0 if the mapping has no
 * segment; -ENOENT if that can't be found out, of which the listener was told; -ENOMEM.
 */
int crit_segment_id(struct crit_segment_ids *ids, const VmaEntry *vma, uint64_t *shmid);

#endif
