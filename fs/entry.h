/*
 * Entry files: which of them an image has, how long they are and what they say.
 */
#ifndef CFS_ENTRY_H
#define CFS_ENTRY_H

#include "fs/image.h"

/* Parts that one slot can have. */
#define CFS_PARTS_MAX (CRIT_BLOBS_MAX + 1)

/* A JSON text; anything else is bytes as they are in the image. */
static inline bool cfs_part_is_text(unsigned part)
{
	return part == CRIT_PART_JSON || part == CRIT_PART_SEMS || part == CFS_PART_DOCUMENT;
}

/* Can be read, not written: what critfs does not understand. */
static inline bool cfs_part_is_raw(unsigned part)
{
	return part == CRIT_PART_RAW || part == CFS_PART_TAIL;
}

/*
 * The parts of a slot (or of a message in it) in the order they are listed, for
 * an image that is open: their number, -ENOENT if the slot is free, -errno. Those
 * that are hidden (see layout.h) are left out.
 * `sized`: the size of the text is asked for next.
 */
int cfs_entry_parts(struct cfs *fs, struct cfs_image *image, struct crit_place place,
		    bool sized, unsigned parts[CFS_PARTS_MAX], struct crit_error *err);

/* Is there such a file? Opens the image. 0, -ENOENT, -errno. */
int cfs_entry_find(struct cfs *fs, const struct cfs_ref *ref, struct crit_error *err);

/* Has the image, which is open, such an entry or message? 1 and where, 0, -errno. */
int cfs_entry_at(struct cfs_image *image, struct crit_place slot, struct crit_place *at,
		 struct crit_error *err);

/* What the image has for its slot, hidden or not. Opens the image. 0, -ENOENT, -errno. */
int cfs_entry_load(struct cfs *fs, const struct cfs_ref *ref, struct crit_entry *e,
		   struct crit_error *err);

/* Has the image such a part, be its file hidden or not? An N.raw is an N.json. 1, 0, -errno. */
int cfs_entry_has(struct cfs *fs, const struct cfs_ref *ref);

/* Its bytes in the image's file; not for texts. */
int cfs_entry_span(struct cfs *fs, const struct cfs_ref *ref, struct crit_span *span,
		   struct crit_error *err);

/* Append its text; only for texts, and not for documents. */
int cfs_entry_text(struct cfs *fs, const struct cfs_ref *ref, struct crit_buf *out,
		   struct crit_error *err);

/* Its length in bytes, exactly. For a document see document.h. */
int cfs_entry_size(struct cfs *fs, const struct cfs_ref *ref, uint64_t *size,
		   struct crit_error *err);

/*
 * What it says now, as contents to be edited; NULL and *ret if that fails. Drops the lock
 * for a document: on a worker then.
 */
struct cfs_draft *cfs_entry_draft(struct cfs *fs, const struct cfs_ref *ref, int *ret);

/* Its computed node id; 0 if it has none, or that was another version's (see below). */
uint64_t cfs_entry_id(const struct cfs_ref *ref);

/*
 * Size and pages are the inode's to the kernel. So what a file is at a time has a node
 * id of its own: when its contents become others, the one it had is given up.
 */
void cfs_entry_renew(struct cfs *fs, const struct cfs_ref *ref);

/*
 * Somebody wants to write who would disturb those that read, or that were promised that
 * it stays as it is: leave the node id to them. The next one is for the writer, and
 * readers beside him get no pages. Returns -ESTALE, with which the kernel looks for it.
 */
int cfs_entry_contend(struct cfs *fs, const struct cfs_ref *ref);

/* The directory of the messages of a slot, as cfs_entry_container() of each of them. */
uint64_t cfs_entry_queue(const struct cfs_ref *ref);

/* The directory that it is in, as nodes are named there (see node.h), and its name. */
uint64_t cfs_entry_container(const struct cfs_ref *ref);
void cfs_entry_name(const struct cfs_ref *ref, char *name); /* CFS_NAME_SIZE bytes */

#endif
