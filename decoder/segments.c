/*
 * From mappings to segments, and to their pages.
 */
#include "decoder/segments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/grow.h"
#include "decoder/index.h"
#include "decoder/segment-ids.h"
#include "decoder/shm-blobs.h"

enum {
	OPEN_MAX = 16,  /* segments whose page maps are open at a time */
	MAPS_MAX = 128, /* and page maps of theirs: each dump may have one */
};

struct segment {
	bool is_blob;
	uint64_t id;                /* its shmid; the number of its blob */
	struct crit_layers *layers; /* owned, NULL while it is not open */
};

/* What a mapping has instead of the number of a segment. */
enum { NONE = UINT32_MAX, LOST = UINT32_MAX - 1 };

struct crit_segments {
	struct crit_chain *chain; /* borrowed */
	struct segment *all;      /* owned */
	size_t n, room;
	uint32_t *of_vma;        /* owned: numbers of segments */
	size_t open[OPEN_MAX];   /* numbers of those that are open, as a ring */
	size_t open_max;         /* of which so many are used */
	size_t n_opened;         /* ever */
	struct timespec changed; /* of those that are no longer open */
	int sync_error;          /* of those, 0 or -errno: not told yet */
	struct crit_shm_blobs blobs;
};

/* What is needed only to find out. */
struct search {
	struct crit_dump *dump;
	const struct crit_process *p;
	struct crit_segment_ids *ids;
	struct crit_index by_shmid;
	bool read_blobs;
};

static int add(struct crit_segments *segs, struct segment seg)
{
	struct segment *all = crit_grow(segs->all, segs->n, &segs->room, sizeof(*all));

	if (!all)
		return -ENOMEM;
	segs->all = all;
	segs->all[segs->n++] = seg;
	return 0;
}

/* The segment with this id, a new one if it is met for the first time. */
static int put_shmid(struct crit_segments *segs, struct search *x, uint64_t shmid,
		     uint32_t *number)
{
	uint64_t there;

	if (crit_index_put(&x->by_shmid, shmid, segs->n, &there) < 0)
		return -ENOMEM;
	*number = (uint32_t)there;
	return there < segs->n ? 0 : add(segs, (struct segment){.id = shmid});
}

/* Is a SysV segment a blob? Then it is the next one. 1, 0, -ENOMEM. */
static int put_blob(struct crit_segments *segs, struct search *x, uint64_t id, uint32_t *number)
{
	uint64_t n;
	int ret;

	if (!x->read_blobs) {
		x->read_blobs = true;
		ret = crit_shm_blobs_read(x->dump, x->p, &segs->chain->watch, &segs->blobs);
		if (ret < 0)
			return ret;
	}
	if (!crit_shm_blobs_find(&segs->blobs, id, &n))
		return 0;
	*number = (uint32_t)segs->n;
	return add(segs, (struct segment){.is_blob = true, .id = n}) < 0 ? -ENOMEM : 1;
}

static int put(struct crit_segments *segs, struct search *x, const VmaEntry *vma,
	       uint32_t *number)
{
	uint64_t shmid;
	int ret = 0;

	if (vma->status & CRIT_VMA_SYSVIPC)
		ret = put_blob(segs, x, vma->shmid, number);
	if (ret)
		return ret;
	ret = crit_segment_id(x->ids, vma, &shmid);
	if (ret > 0)
		return put_shmid(segs, x, shmid, number);
	*number = ret == 0 ? NONE : LOST;
	return ret == -ENOENT ? 0 : ret;
}

static int find_all(struct crit_segments *segs, struct search *x, const struct crit_memory *m)
{
	int ret = 0;
	size_t i;

	x->ids = crit_segment_ids_new(x->dump, &segs->chain->watch);
	segs->of_vma = calloc(m->n_vmas + 1, sizeof(*segs->of_vma));
	if (!x->ids || !segs->of_vma)
		ret = -ENOMEM;
	for (i = 0; i < m->n_vmas && ret >= 0; i++)
		ret = put(segs, x, m->vmas[i], &segs->of_vma[i]);
	crit_segment_ids_free(x->ids);
	crit_index_fini(&x->by_shmid);
	return ret < 0 ? ret : 0;
}

static size_t open_max(const struct crit_chain *chain)
{
	size_t n = MAPS_MAX / (1 + chain->parents.n);

	return n < OPEN_MAX ? n : OPEN_MAX;
}

int crit_segments_open(struct crit_dump *dump, const struct crit_process *p,
		       const struct crit_memory *m, struct crit_chain *chain,
		       struct crit_segments **out, struct crit_error *err)
{
	struct crit_segments *segs = calloc(1, sizeof(*segs));
	struct search x = {.dump = dump, .p = p};

	if (segs) {
		segs->chain = chain;
		segs->open_max = open_max(chain);
	}
	if (!segs || find_all(segs, &x, m) < 0) {
		crit_segments_free(segs);
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for its shared memory");
	}
	*out = segs;
	return 0;
}

void crit_segments_free(struct crit_segments *segs)
{
	size_t i;

	if (!segs)
		return;
	for (i = 0; i < segs->n; i++)
		crit_layers_free(segs->all[i].layers);
	crit_shm_blobs_fini(&segs->blobs);
	free(segs->all);
	free(segs->of_vma);
	free(segs);
}

bool crit_segments_has(const struct crit_segments *segs, size_t vma)
{
	return segs->of_vma[vma] != NONE;
}

/* A process may have thousands of them, and each takes some descriptors. */
static void close_oldest(struct crit_segments *segs)
{
	struct segment *seg;
	int ret;

	if (segs->n_opened < segs->open_max)
		return;
	seg = &segs->all[segs->open[segs->n_opened % segs->open_max]];
	crit_layers_changed(seg->layers, &segs->changed);
	ret = crit_layers_sync(seg->layers); /* nobody can do that later */
	if (!segs->sync_error)
		segs->sync_error = ret;
	crit_layers_free(seg->layers);
	seg->layers = NULL;
}

static int open_layers(struct crit_segments *segs, size_t n, struct crit_error *err)
{
	struct segment *seg = &segs->all[n];
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_layers *layers;

	if (seg->layers)
		return 0;
	snprintf(name, sizeof(name), "pagemap-shmem-%" PRIu64 ".img", seg->id);
	layers = crit_layers_new(segs->chain, name);
	if (!layers)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for shared memory");
	close_oldest(segs);
	segs->open[segs->n_opened++ % segs->open_max] = n;
	seg->layers = layers;
	return 0;
}

int crit_segments_find(struct crit_segments *segs, size_t vma, uint64_t off,
		       struct crit_stretch *s, struct crit_layers **from,
		       struct crit_error *err)
{
	uint32_t n = segs->of_vma[vma];
	int ret;

	*from = NULL;
	if (n == LOST) {
		*s = (struct crit_stretch){0, UINT64_MAX, .backing = CRIT_MISSING, .fd = -1};
		s->reason = "it is in a memory file, which the dump does not have";
		return 1;
	}
	if (segs->all[n].is_blob)
		return crit_shm_blobs_at(&segs->blobs, segs->all[n].id, off,
					 segs->chain->page_size, s, err);
	ret = open_layers(segs, n, err);
	if (ret < 0)
		return ret;
	*from = segs->all[n].layers;
	return crit_layers_find(*from, off, s, err);
}

static size_t n_open(const struct crit_segments *segs)
{
	return segs->n_opened < segs->open_max ? segs->n_opened : segs->open_max;
}

int crit_segments_sync(struct crit_segments *segs)
{
	size_t i, n = n_open(segs);
	int ret = segs->sync_error;

	segs->sync_error = 0;
	for (i = 0; i < n && ret == 0; i++)
		ret = crit_layers_sync(segs->all[segs->open[i]].layers);
	return ret;
}

void crit_segments_changed(const struct crit_segments *segs, struct timespec *latest)
{
	size_t i, n = n_open(segs);

	crit_time_later(&segs->changed, latest);
	crit_file_changed(segs->blobs.file, latest);
	for (i = 0; i < n; i++)
		crit_layers_changed(segs->all[segs->open[i]].layers, latest);
}
