/*
 * Edits that change which entries an image has: what inserting, removing and
 * moving them makes of its bytes. All numbers are positions in the image as it
 * is before the edit. An entry never comes to mean something else by a change
 * of its place: where the first entry is of another kind than all others (page
 * maps, ghost files), it stays first.
 */
#ifndef CRIT_STRUCTURE_H
#define CRIT_STRUCTURE_H

#include "decoder/edit.h"

/*
 * A new entry before `place.n` (at most the number of entries), or a new message
 * before `place.m` of that entry; its text, and bytes for its parts, which are
 * empty otherwise. Those that its message allows for are `used`, and have to
 * live as long as *edit. Returns as crit_edit_json() does, -ENOENT beyond the end.
 */
int crit_edit_insert(struct crit_image *img, struct crit_place place, const char *text,
		     size_t len, struct crit_blob *blobs, size_t n_blobs,
		     struct crit_edit *edit, struct crit_error *err);

/*
 * Without `count` entries from place.n on, or one message. 0, -ENOENT, -errno; -EPERM for a
 * first entry that what follows needs, be it no more than a tail.
 */
int crit_edit_remove(struct crit_image *img, struct crit_place place, uint64_t count,
		     struct crit_edit *edit, struct crit_error *err);

/*
 * Entry `from` goes before entry `to`, with `replace` in its place; byte for byte,
 * with all its parts. edit->changes is false where it stands there already.
 */
int crit_edit_move(struct crit_image *img, uint64_t from, uint64_t to, bool replace,
		   struct crit_edit *edit, struct crit_error *err);

/* Without what stands behind the last whole entry. */
int crit_edit_cut_tail(struct crit_image *img, struct crit_edit *edit, struct crit_error *err);

/* Is the edit nothing but bytes behind a file of `size` bytes that `fd` is open on? */
bool crit_edit_appends(const struct crit_edit *edit, int fd, uint64_t size);

#endif
