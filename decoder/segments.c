/*
 * From mappings to segments, and to their pages.
 */
#include "decoder/segments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/index.h"
#include "decoder/segment-ids.h"

struct segment {
	uint64_t shmid;
	struct crit_layers *layers; /* owned, NULL until needed */
};

/* What a mapping has instead of the number of a segment. */
enum { NONE = UINT32_MAX, LOST = UINT32_MAX - 1 };

struct crit_segments {
	struct crit_chain *chain; /* borrowed */
	struct segment *all;      /* owned */
	size_t n, room;
	uint32_t *of_vma; /* owned: numbers of segments */
};

/* The number of the segment with this id, a new one if it is met for the first time. */
static int put_segment(struct crit_segments *segs, struct crit_index *by_shmid, uint64_t shmid,
		       uint32_t *number)
{
	uint64_t there;
	struct segment *all;
	size_t room;

	if (crit_index_put(by_shmid, shmid, segs->n, &there) < 0)
		return -ENOMEM;
	*number = (uint32_t)there;
	if (there < segs->n)
		return 0;
	if (segs->n == segs->room) {
		room = segs->room ? segs->room * 2 : 4;
		all = realloc(segs->all, room * sizeof(*all));
		if (!all)
			return -ENOMEM;
		segs->all = all;
		segs->room = room;
	}
	segs->all[segs->n++] = (struct segment){.shmid = shmid};
	return 0;
}

static int find_all(struct crit_segments *segs, struct crit_segment_ids *ids,
		    const struct crit_memory *m)
{
	struct crit_index by_shmid = {0};
	uint64_t shmid;
	int ret = 0;
	size_t i;

	for (i = 0; i < m->n_vmas && ret != -ENOMEM; i++) {
		ret = crit_segment_id(ids, m->vmas[i], &shmid);
		segs->of_vma[i] = ret == 0 ? NONE : LOST;
		if (ret > 0)
			ret = put_segment(segs, &by_shmid, shmid, &segs->of_vma[i]);
	}
	crit_index_fini(&by_shmid);
	return ret == -ENOMEM ? ret : 0;
}

int crit_segments_open(struct crit_dump *dump, const struct crit_memory *m,
		       struct crit_chain *chain, struct crit_segments **out,
		       struct crit_error *err)
{
	struct crit_segment_ids *ids = crit_segment_ids_new(dump, &chain->watch);
	struct crit_segments *segs = calloc(1, sizeof(*segs));

	if (segs) {
		segs->chain = chain;
		segs->of_vma = calloc(m->n_vmas + 1, sizeof(*segs->of_vma));
	}
	if (!ids || !segs || !segs->of_vma || find_all(segs, ids, m) < 0) {
		crit_segments_free(segs);
		segs = NULL;
	}
	crit_segment_ids_free(ids);
	*out = segs;
	return segs ? 0 : crit_fail(err, CRIT_NO_MEMORY, "no memory for its segments");
}

void crit_segments_free(struct crit_segments *segs)
{
	size_t i;

	if (!segs)
		return;
	for (i = 0; i < segs->n; i++)
		crit_layers_free(segs->all[i].layers);
	free(segs->all);
	free(segs->of_vma);
	free(segs);
}

bool crit_segments_has(const struct crit_segments *segs, size_t vma)
{
	return segs->of_vma[vma] != NONE;
}

static int open_layers(struct crit_segments *segs, struct segment *seg, struct crit_error *err)
{
	char name[CRIT_IMAGE_NAME_MAX];

	if (seg->layers)
		return 0;
	snprintf(name, sizeof(name), "pagemap-shmem-%" PRIu64 ".img", seg->shmid);
	seg->layers = crit_layers_new(segs->chain, name);
	return seg->layers ? 0 : crit_fail(err, CRIT_NO_MEMORY, "no memory for a segment");
}

int crit_segments_find(struct crit_segments *segs, size_t vma, uint64_t off,
		       struct crit_stretch *s, struct crit_layers **from,
		       struct crit_error *err)
{
	struct segment *seg;
	int ret;

	if (segs->of_vma[vma] == LOST) {
		*s = (struct crit_stretch){0, UINT64_MAX, .backing = CRIT_MISSING, .fd = -1};
		s->reason = "it is in a memory file, which the dump does not have";
		return 1;
	}
	seg = &segs->all[segs->of_vma[vma]];
	ret = open_layers(segs, seg, err);
	if (ret < 0)
		return ret;
	*from = seg->layers;
	return crit_layers_find(seg->layers, off, s, err);
}

void crit_segments_changed(const struct crit_segments *segs, struct timespec *latest)
{
	size_t i;

	for (i = 0; i < segs->n; i++)
		if (segs->all[i].layers)
			crit_layers_changed(segs->all[i].layers, latest);
}
