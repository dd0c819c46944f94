/*
 * Which entry files an image shows while it is mounted. A fresh image shows
 * entry n as slot n; from then on slots stay, whatever is removed, added and moved
 * between them. Beside the slots it is kept here what became of single files: renamed
 * away, removed, or part of an entry that was removed.
 */
#ifndef CFS_LAYOUT_H
#define CFS_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "decoder/edit.h"
#include "fs/ids.h"
#include "fs/node.h"
#include "fs/slots.h"

struct cfs_draft;

/* A file that was renamed to a scratch name, and the scratch file. */
struct cfs_vacancy {
	struct cfs_ref ref;
	const struct cfs_node *holder; /* borrowed */
	bool covered; /* another file has the name, but nothing was committed from it */
};

/* A file for which a writer tries again. */
struct cfs_contended {
	struct cfs_ref ref;
	pid_t who;             /* tries again */
	struct timespec until; /* CLOCK_MONOTONIC_COARSE */
};

/* A part of an entry that was removed; a new N.json in its slot gets it back. */
struct cfs_parked {
	struct crit_place place;
	unsigned part;
	struct cfs_draft *contents; /* owned */
	uint64_t n_msgs;            /* of CRIT_PART_MSGS */
};

struct cfs_layout {
	struct cfs_slots entries;
	struct cfs_queue *queues; /* uthash, owned: messages of those that changed */
	/*
	 * Slot 0 was removed, but its entry is of another kind than all others and stays
	 * in the file as long as there are others.
	 */
	bool head_kept;
	/* by part: slots whose computed id is that of a file, or version, that is gone */
	struct cfs_slots retired[CFS_N_PARTS];
	struct cfs_vacancy *vacant; /* owned */
	size_t n_vacant, cap_vacant;
	struct cfs_ref *absent; /* owned: parts that were removed, or not made yet */
	size_t n_absent, cap_absent;
	struct cfs_contended *contended; /* owned: files that somebody is about to write to */
	size_t n_contended, cap_contended;
	struct cfs_parked *parked; /* owned */
	size_t n_parked, cap_parked;
};

/* Back to what a fresh image shows. */
void cfs_layout_reset(struct cfs_layout *l);

/* Is the slot taken? Then *at is where the entry, or message, is in the image. */
bool cfs_layout_find(const struct cfs_layout *l, struct crit_place slot, struct crit_place *at);

/* Where a new entry, or message, of that slot belongs. */
struct crit_place cfs_layout_insertion(const struct cfs_layout *l, struct crit_place slot);

/* The first slot that may be taken from this one on (of messages: of this queue). */
bool cfs_layout_next(const struct cfs_layout *l, struct crit_place slot, uint64_t *next);

/* The kept head is not to be seen, but has a place. */
bool cfs_layout_is_kept_head(const struct cfs_layout *l, struct crit_place slot);

/*
 * Before one slot is added, removed or moved: count what the image has. Then it
 * can't fail. 0, -errno.
 */
int cfs_layout_prepare(struct cfs_layout *l, struct crit_image *img, struct crit_place slot,
		       struct crit_error *err);

/* The image has, or has no more, the entry of this slot. */
void cfs_layout_add(struct cfs_layout *l, struct crit_place slot);
void cfs_layout_remove(struct cfs_layout *l, struct crit_place slot);

/* The entry of a slot took another, which may have been taken. */
void cfs_layout_move(struct cfs_layout *l, uint64_t from, uint64_t to);

/* Slot 0 goes, its entry stays. */
void cfs_layout_keep_head(struct cfs_layout *l);

/*
 * Is the computed id that of a file, or of a version of it, which is gone? And make it so;
 * after preparing for that it can't fail. 0, -ENOMEM.
 */
bool cfs_layout_is_retired(const struct cfs_layout *l, uint64_t slot, unsigned part);
int cfs_layout_prepare_retire(struct cfs_layout *l, unsigned part);
int cfs_layout_retire(struct cfs_layout *l, uint64_t slot, unsigned part);

/* Is the file not to be seen, though the entry has such a part? */
bool cfs_layout_hides(const struct cfs_layout *l, const struct cfs_ref *ref);

/* The part was removed, or is not made yet. 0, -ENOMEM; and: it was made again. */
int cfs_layout_set_absent(struct cfs_layout *l, const struct cfs_ref *ref);
bool cfs_layout_is_absent(const struct cfs_layout *l, const struct cfs_ref *ref);
void cfs_layout_set_present(struct cfs_layout *l, const struct cfs_ref *ref);

/*
 * Did somebody find others reading when he wanted to write to the file, a moment ago?
 * He tries again, and those that open it meanwhile had better get no pages.
 */
int cfs_layout_contend(struct cfs_layout *l, const struct cfs_ref *ref, pid_t who);
bool cfs_layout_is_contended(struct cfs_layout *l, const struct cfs_ref *ref);

/* Who tried again has it open now, and is seen without that; others are still about to. */
void cfs_layout_settle(struct cfs_layout *l, const struct cfs_ref *ref, pid_t who);

/*
 * Is the file renamed away to a scratch name? And make it so; or not any more,
 * because another file's contents are the entry's, or because its holder goes.
 */
bool cfs_layout_is_vacant(const struct cfs_layout *l, const struct cfs_ref *ref);
int cfs_layout_vacate(struct cfs_layout *l, const struct cfs_ref *ref,
		      const struct cfs_node *holder);
void cfs_layout_fill(struct cfs_layout *l, const struct cfs_ref *ref);
void cfs_layout_release(struct cfs_layout *l, const struct cfs_node *holder); /* NULL is fine */

/*
 * A new file has the name of one that is renamed away. Until it is committed, the
 * other is not lost: removing the new one leaves things as before. Was it so?
 */
void cfs_layout_cover(struct cfs_layout *l, const struct cfs_ref *ref);
bool cfs_layout_uncover(struct cfs_layout *l, const struct cfs_ref *ref);

/* Is the scratch file all that the mount shows of some file? Then of which. NULL: of none. */
bool cfs_layout_holds(const struct cfs_layout *l, const struct cfs_node *holder,
		      struct cfs_ref *ref);

/* Was the scratch file renamed away from this name, and nothing committed there since? */
bool cfs_layout_came_from(const struct cfs_layout *l, const struct cfs_node *holder,
			  const struct cfs_ref *ref);

/* Before that: make sure that all parts of an entry can be kept. 0, -ENOMEM. */
int cfs_layout_prepare_park(struct cfs_layout *l);

/* Keep a part of an entry that is removed; takes over `contents`. */
void cfs_layout_park(struct cfs_layout *l, struct crit_place place, unsigned part,
		     struct cfs_draft *contents, uint64_t n_msgs);

/* What is kept of a part, or NULL; and forget all that is kept for a slot. */
const struct cfs_parked *cfs_layout_parked(const struct cfs_layout *l, struct crit_place place,
					   unsigned part);
void cfs_layout_unpark(struct cfs_layout *l, struct crit_place place);

#endif
