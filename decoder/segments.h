/*
 * Memory that several processes share: which of a process' mappings has which segment,
 * and where its pages are. Those of anonymous shared memory, SysV segments and memory
 * files are in page maps of their own; old dumps have SysV segments as blobs. No thread
 * safety.
 */
#ifndef CRIT_SEGMENTS_H
#define CRIT_SEGMENTS_H

#include "decoder/layers.h"

struct crit_segments;

/*
 * Find out for all mappings, which are no longer needed then, but their order is kept.
 * Page maps are opened as they are needed, and some of them closed when many are. What
 * can't be found is told to the dump's listener. 0, -errno and the reason.
 */
int crit_segments_open(struct crit_dump *dump, const struct crit_process *p,
		       const struct crit_memory *m, struct crit_chain *chain,
		       struct crit_segments **out, struct crit_error *err);
void crit_segments_free(struct crit_segments *segs); /* NULL is fine */

/* Has mapping number `vma` a segment? */
bool crit_segments_has(const struct crit_segments *segs, size_t vma);

/*
 * Where the page at the offset `off` of its segment is: as crit_layers_find(), with
 * offsets for addresses. s->fd and *from, which is what has it (NULL: a blob), are
 * borrowed and good until the next call.
 */
int crit_segments_find(struct crit_segments *segs, size_t vma, uint64_t off,
		       struct crit_stretch *s, struct crit_layers **from,
		       struct crit_error *err);

/* As crit_layers_sync() and crit_layers_changed(). */
int crit_segments_sync(struct crit_segments *segs);
void crit_segments_changed(const struct crit_segments *segs, struct timespec *latest);

#endif
