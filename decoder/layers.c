/*
 * Looking up pages from parent to parent.
 */
#include "decoder/layers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct layer {
	struct crit_pagemap *map; /* owned */
	bool tried;
};

struct crit_layers {
	struct crit_chain *chain; /* borrowed */
	char name[CRIT_IMAGE_NAME_MAX];
	unsigned n;
	struct layer layer[];
};

struct crit_layers *crit_layers_new(struct crit_chain *chain, const char *name)
{
	unsigned n = 1 + chain->parents.n;
	struct crit_layers *l = calloc(1, sizeof(*l) + n * sizeof(*l->layer));

	if (!l)
		return NULL;
	l->chain = chain;
	l->n = n;
	snprintf(l->name, sizeof(l->name), "%s", name);
	return l;
}

void crit_layers_free(struct crit_layers *l)
{
	unsigned i;

	for (i = 0; l && i < l->n; i++)
		crit_pagemap_free(l->layer[i].map);
	free(l);
}

struct crit_pagemap *crit_layers_map(struct crit_layers *l, unsigned level,
				     struct crit_error *err)
{
	struct crit_chain *chain = l->chain;
	struct layer *layer;
	int ret;

	if (level >= l->n)
		return NULL;
	layer = &l->layer[level];
	if (!layer->tried) {
		ret = crit_pagemap_open(level ? &chain->parents.dump[level - 1] : &chain->dump,
					l->name, chain->page_size, &chain->watch, &layer->map,
					err);
		layer->tried = !crit_is_passing(ret);
	}
	return layer->map;
}

static const char *no_map_reason(const struct crit_layers *l, unsigned level)
{
	if (!level)
		return "its page map is missing or can't be read";
	if (level >= l->n)
		return "it is in a parent dump, which is not there";
	return "it is in the parent dump, whose page map is missing or can't be read";
}

/* Keep of *s what is in the piece as well. */
static void narrow(struct crit_stretch *s, const struct crit_piece *piece)
{
	if (piece->start > s->start)
		s->start = piece->start;
	if (piece->end < s->end)
		s->end = piece->end;
	s->reason = piece->reason;
}

static void set_here(struct crit_pagemap *map, unsigned level, const struct crit_piece *piece,
		     struct crit_stretch *s)
{
	const struct crit_file *file = crit_pagemap_pages(map)->file;

	s->fd = file->fd;
	s->backing = level ? CRIT_INHERITED : CRIT_STORED;
	s->off = file->base + piece->off + (s->start - piece->start);
}

int crit_layers_find(struct crit_layers *l, uint64_t addr, struct crit_stretch *s,
		     struct crit_error *err)
{
	struct crit_error why = {0};
	struct crit_piece piece;
	unsigned level;
	int ret;

	*s = (struct crit_stretch){0, UINT64_MAX, .backing = CRIT_MISSING, .fd = -1};
	for (level = 0;; level++) {
		struct crit_pagemap *map = crit_layers_map(l, level, &why);

		if (!map && crit_is_passing(-why.errnum))
			return crit_fail_errno(err, why.errnum, "can't open a page map");
		if (!map) {
			s->reason = no_map_reason(l, level);
			return 1;
		}
		ret = crit_pagemap_find(map, addr, &piece, err);
		if (ret < 0)
			return ret;
		narrow(s, &piece);
		if (piece.pages != CRIT_PAGES_PARENT)
			break;
	}
	if (piece.pages == CRIT_PAGES_HERE)
		set_here(crit_layers_map(l, level, NULL), level, &piece, s);
	else if (piece.pages == CRIT_PAGES_NONE && level == 0)
		return 0;
	else if (piece.pages == CRIT_PAGES_NONE)
		s->reason = "it should be in the parent dump, which does not have it";
	return 1;
}

void crit_layers_changed(const struct crit_layers *l, struct timespec *latest)
{
	unsigned i;

	for (i = 0; i < l->n; i++)
		if (l->layer[i].map)
			crit_file_changed(crit_pagemap_pages(l->layer[i].map)->file, latest);
}

int crit_layers_sync(struct crit_layers *l)
{
	struct crit_pagemap *map = l->layer[0].map;

	return map ? crit_pages_file_sync(crit_pagemap_pages(map)) : 0;
}
