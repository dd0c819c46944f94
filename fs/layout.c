/*
 * Slots and what became of single files.
 */
#include "fs/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "fs/draft.h"

#define CONTENDED_S 1

/* The messages of the queue in `slot`. */
struct cfs_queue {
	uint64_t slot;
	struct cfs_slots messages;
	UT_hash_handle hh;
};

static const struct cfs_slots untouched;

/* Make room for one more of `size` bytes; NULL if there is no memory. */
static void *grow(void **items, size_t n, size_t *cap, size_t size)
{
	void *grown;

	if (n < *cap)
		return *items;
	grown = realloc(*items, (*cap ? *cap * 2 : 8) * size);
	if (!grown)
		return NULL;
	*cap = *cap ? *cap * 2 : 8;
	*items = grown;
	return grown;
}

static struct cfs_queue *find_queue(const struct cfs_layout *l, uint64_t slot)
{
	struct cfs_queue *q = NULL;

	if (l->queues)
		HASH_FIND(hh, l->queues, &slot, sizeof(slot), q);
	return q;
}

static void drop_queue(struct cfs_layout *l, struct cfs_queue *q)
{
	if (!q)
		return;
	HASH_DEL(l->queues, q);
	cfs_slots_fini(&q->messages);
	free(q);
}

void cfs_layout_reset(struct cfs_layout *l)
{
	unsigned part;

	while (l->queues)
		drop_queue(l, l->queues);
	while (l->n_parked)
		cfs_draft_put(l->parked[--l->n_parked].contents);
	cfs_slots_fini(&l->entries);
	for (part = 0; part < CFS_N_PARTS; part++)
		cfs_slots_fini(&l->retired[part]);
	free(l->vacant);
	free(l->absent);
	free(l->contended);
	free(l->parked);
	*l = (struct cfs_layout){0};
}

static const struct cfs_slots *messages_of(const struct cfs_layout *l, uint64_t slot)
{
	const struct cfs_queue *q = find_queue(l, slot);

	return q ? &q->messages : &untouched;
}

bool cfs_layout_find(const struct cfs_layout *l, struct crit_place slot, struct crit_place *at)
{
	*at = slot;
	if (!cfs_slots_find(&l->entries, slot.n, &at->n))
		return false;
	at->n += l->head_kept;
	return slot.m == CRIT_NO_MSG || cfs_slots_find(messages_of(l, slot.n), slot.m, &at->m);
}

struct crit_place cfs_layout_insertion(const struct cfs_layout *l, struct crit_place slot)
{
	struct crit_place at = slot;

	at.n = cfs_slots_below(&l->entries, slot.n) + l->head_kept;
	if (slot.m != CRIT_NO_MSG)
		at.m = cfs_slots_below(messages_of(l, slot.n), slot.m);
	return at;
}

bool cfs_layout_next(const struct cfs_layout *l, struct crit_place slot, uint64_t *next)
{
	return slot.m == CRIT_NO_MSG ? cfs_slots_next(&l->entries, slot.n, next)
				     : cfs_slots_next(messages_of(l, slot.n), slot.m, next);
}

bool cfs_layout_is_kept_head(const struct cfs_layout *l, struct crit_place slot)
{
	return l->head_kept && slot.n == 0 && slot.m == CRIT_NO_MSG;
}

static int count_messages(struct cfs_layout *l, struct crit_image *img, uint64_t slot,
			  struct crit_error *err)
{
	struct cfs_queue *q = find_queue(l, slot);
	struct crit_place at;
	struct crit_entry e;
	int ret;

	if (q)
		return cfs_slots_reserve(&q->messages);
	if (!cfs_layout_find(l, (struct crit_place){slot, CRIT_NO_MSG}, &at))
		return -ENOENT;
	ret = crit_image_at(img, at, &e, err);
	if (ret < 0)
		return ret;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->slot = slot;
	HASH_ADD(hh, l->queues, slot, sizeof(slot), q);
	if (!cfs_is_hashed(&q->hh)) {
		free(q);
		return -ENOMEM;
	}
	ret = cfs_slots_count(&q->messages, e.n_msgs);
	if (ret < 0)
		drop_queue(l, q);
	return ret < 0 ? ret : cfs_slots_reserve(&q->messages);
}

int cfs_layout_prepare(struct cfs_layout *l, struct crit_image *img, struct crit_place slot,
		       struct crit_error *err)
{
	uint64_t n;
	int ret = 0;

	if (slot.m != CRIT_NO_MSG)
		return count_messages(l, img, slot.n, err);
	if (!l->entries.counted) {
		ret = crit_image_count(img, &n, err);
		if (ret == 0)
			ret = cfs_slots_count(&l->entries, n);
	}
	return ret < 0 ? ret : cfs_slots_reserve(&l->entries);
}

void cfs_layout_add(struct cfs_layout *l, struct crit_place slot)
{
	struct cfs_queue *q;

	if (slot.m == CRIT_NO_MSG) {
		if (slot.n == 0)
			l->head_kept = false;
		cfs_slots_add(&l->entries, slot.n);
	} else if ((q = find_queue(l, slot.n))) {
		cfs_slots_add(&q->messages, slot.m);
	}
}

/* Is the place the slot itself, or in its queue? */
static bool within(struct crit_place place, struct crit_place slot)
{
	return place.n == slot.n && (slot.m == CRIT_NO_MSG || place.m == slot.m);
}

void cfs_layout_remove(struct cfs_layout *l, struct crit_place slot)
{
	struct cfs_queue *q = find_queue(l, slot.n);
	size_t i;

	if (slot.m != CRIT_NO_MSG) {
		if (q)
			cfs_slots_remove(&q->messages, slot.m);
	} else {
		cfs_slots_remove(&l->entries, slot.n);
		drop_queue(l, q);
	}
	for (i = 0; i < l->n_vacant;)
		if (within(l->vacant[i].ref.place, slot))
			l->vacant[i] = l->vacant[--l->n_vacant];
		else
			i++;
	for (i = 0; i < l->n_absent;)
		if (within(l->absent[i].place, slot))
			l->absent[i] = l->absent[--l->n_absent];
		else
			i++;
}

void cfs_layout_move(struct cfs_layout *l, uint64_t from, uint64_t to)
{
	struct crit_place a = {from, CRIT_NO_MSG}, b = {to, CRIT_NO_MSG}, at;
	struct cfs_queue *q;
	size_t i;

	if (cfs_layout_find(l, b, &at))
		cfs_layout_remove(l, b);
	for (i = 0; i < l->n_absent; i++)
		if (l->absent[i].place.n == from)
			l->absent[i].place.n = to;
	q = find_queue(l, from);
	if (q) {
		HASH_DEL(l->queues, q);
		q->slot = to;
		HASH_ADD(hh, l->queues, slot, sizeof(q->slot), q);
		if (!cfs_is_hashed(&q->hh)) { /* its messages are numbered afresh */
			cfs_slots_fini(&q->messages);
			free(q);
		}
	}
	cfs_layout_remove(l, a);
	cfs_layout_add(l, b);
	cfs_layout_unpark(l, a);
	cfs_layout_unpark(l, b);
}

void cfs_layout_keep_head(struct cfs_layout *l)
{
	cfs_layout_remove(l, (struct crit_place){0, CRIT_NO_MSG});
	l->head_kept = true;
}

bool cfs_layout_is_retired(const struct cfs_layout *l, uint64_t slot, unsigned part)
{
	uint64_t position;

	return part < CFS_N_PARTS && l->retired[part].counted &&
	       cfs_slots_find(&l->retired[part], slot, &position);
}

int cfs_layout_prepare_retire(struct cfs_layout *l, unsigned part)
{
	struct cfs_slots *retired = &l->retired[part];
	int ret = retired->counted ? 0 : cfs_slots_count(retired, 0);

	return ret < 0 ? ret : cfs_slots_reserve(retired);
}

int cfs_layout_retire(struct cfs_layout *l, uint64_t slot, unsigned part)
{
	int ret;

	if (cfs_layout_is_retired(l, slot, part))
		return 0;
	ret = cfs_layout_prepare_retire(l, part);
	if (ret == 0)
		cfs_slots_add(&l->retired[part], slot);
	return ret;
}

bool cfs_layout_hides(const struct cfs_layout *l, const struct cfs_ref *ref)
{
	return (l->n_vacant && cfs_layout_is_vacant(l, ref)) ||
	       (l->n_absent && cfs_layout_is_absent(l, ref));
}

static bool has_ref(const struct cfs_ref *refs, size_t n, const struct cfs_ref *ref)
{
	while (n--)
		if (cfs_ref_same(&refs[n], ref))
			return true;
	return false;
}

static int add_ref(struct cfs_ref **refs, size_t *n, size_t *cap, const struct cfs_ref *ref)
{
	if (has_ref(*refs, *n, ref))
		return 0;
	if (!grow((void **)refs, *n, cap, sizeof(**refs)))
		return -ENOMEM;
	(*refs)[(*n)++] = *ref;
	return 0;
}

static void remove_ref(struct cfs_ref *refs, size_t *n, const struct cfs_ref *ref)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (cfs_ref_same(&refs[i], ref))
			refs[i--] = refs[--*n];
}

int cfs_layout_set_absent(struct cfs_layout *l, const struct cfs_ref *ref)
{
	return add_ref(&l->absent, &l->n_absent, &l->cap_absent, ref);
}

bool cfs_layout_is_absent(const struct cfs_layout *l, const struct cfs_ref *ref)
{
	return has_ref(l->absent, l->n_absent, ref);
}

void cfs_layout_set_present(struct cfs_layout *l, const struct cfs_ref *ref)
{
	remove_ref(l->absent, &l->n_absent, ref);
}

int cfs_layout_contend(struct cfs_layout *l, const struct cfs_ref *ref, pid_t who)
{
	struct cfs_contended *c;

	if (!grow((void **)&l->contended, l->n_contended, &l->cap_contended, sizeof(*c)))
		return -ENOMEM;
	c = &l->contended[l->n_contended++];
	c->ref = *ref;
	c->who = who;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &c->until);
	c->until.tv_sec += CONTENDED_S;
	return 0;
}

bool cfs_layout_is_contended(struct cfs_layout *l, const struct cfs_ref *ref)
{
	struct timespec now;
	bool found = false;
	size_t i;

	if (!l->n_contended)
		return false;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	for (i = 0; i < l->n_contended;) {
		if (now.tv_sec > l->contended[i].until.tv_sec) {
			l->contended[i] = l->contended[--l->n_contended];
			continue;
		}
		found |= cfs_ref_same(&l->contended[i++].ref, ref);
	}
	return found;
}

void cfs_layout_settle(struct cfs_layout *l, const struct cfs_ref *ref, pid_t who)
{
	size_t i;

	for (i = 0; i < l->n_contended;)
		if (l->contended[i].who == who && cfs_ref_same(&l->contended[i].ref, ref))
			l->contended[i] = l->contended[--l->n_contended];
		else
			i++; /* another writer's stays */
}

bool cfs_layout_is_vacant(const struct cfs_layout *l, const struct cfs_ref *ref)
{
	size_t i;

	for (i = 0; i < l->n_vacant; i++)
		if (cfs_ref_same(&l->vacant[i].ref, ref) && !l->vacant[i].covered)
			return true;
	return false;
}

void cfs_layout_cover(struct cfs_layout *l, const struct cfs_ref *ref)
{
	size_t i;

	for (i = 0; i < l->n_vacant; i++)
		if (cfs_ref_same(&l->vacant[i].ref, ref))
			l->vacant[i].covered = true;
}

bool cfs_layout_uncover(struct cfs_layout *l, const struct cfs_ref *ref)
{
	bool was = false;
	size_t i;

	for (i = 0; i < l->n_vacant; i++) {
		if (!cfs_ref_same(&l->vacant[i].ref, ref))
			continue;
		was |= l->vacant[i].covered;
		l->vacant[i].covered = false;
	}
	return was;
}

int cfs_layout_vacate(struct cfs_layout *l, const struct cfs_ref *ref,
		      const struct cfs_node *holder)
{
	if (!grow((void **)&l->vacant, l->n_vacant, &l->cap_vacant, sizeof(*l->vacant)))
		return -ENOMEM;
	l->vacant[l->n_vacant++] = (struct cfs_vacancy){*ref, holder, false};
	return 0;
}

void cfs_layout_fill(struct cfs_layout *l, const struct cfs_ref *ref)
{
	size_t i;

	for (i = 0; i < l->n_vacant;)
		if (cfs_ref_same(&l->vacant[i].ref, ref))
			l->vacant[i] = l->vacant[--l->n_vacant];
		else
			i++;
}

void cfs_layout_release(struct cfs_layout *l, const struct cfs_node *holder)
{
	size_t i;

	for (i = 0; l && i < l->n_vacant;)
		if (l->vacant[i].holder == holder)
			l->vacant[i] = l->vacant[--l->n_vacant];
		else
			i++;
}

bool cfs_layout_holds(const struct cfs_layout *l, const struct cfs_node *holder,
		      struct cfs_ref *ref)
{
	size_t i;

	for (i = 0; l && i < l->n_vacant; i++) {
		if (l->vacant[i].holder != holder || l->vacant[i].covered)
			continue;
		if (ref)
			*ref = l->vacant[i].ref;
		return true;
	}
	return false;
}

bool cfs_layout_came_from(const struct cfs_layout *l, const struct cfs_node *holder,
			  const struct cfs_ref *ref)
{
	size_t i;

	for (i = 0; i < l->n_vacant; i++)
		if (l->vacant[i].holder == holder && cfs_ref_same(&l->vacant[i].ref, ref))
			return true;
	return false;
}

int cfs_layout_prepare_park(struct cfs_layout *l)
{
	return grow((void **)&l->parked, l->n_parked + CRIT_BLOBS_MAX - 1, &l->cap_parked,
		    sizeof(*l->parked))
		       ? 0
		       : -ENOMEM;
}

void cfs_layout_park(struct cfs_layout *l, struct crit_place place, unsigned part,
		     struct cfs_draft *contents, uint64_t n_msgs)
{
	l->parked[l->n_parked++] = (struct cfs_parked){place, part, contents, n_msgs};
}

static bool same_place(struct crit_place a, struct crit_place b)
{
	return a.n == b.n && a.m == b.m;
}

const struct cfs_parked *cfs_layout_parked(const struct cfs_layout *l, struct crit_place place,
					   unsigned part)
{
	size_t i;

	for (i = 0; i < l->n_parked; i++)
		if (same_place(l->parked[i].place, place) && l->parked[i].part == part)
			return &l->parked[i];
	return NULL;
}

void cfs_layout_unpark(struct cfs_layout *l, struct crit_place place)
{
	size_t i;

	for (i = 0; i < l->n_parked;) {
		if (!same_place(l->parked[i].place, place)) {
			i++;
			continue;
		}
		cfs_draft_put(l->parked[i].contents);
		l->parked[i] = l->parked[--l->n_parked];
	}
}
