/*
 * An image from its document (see document.h), in whatever dialect: crit's, pretty or
 * plain, go-criu's, or with the keys that only critfs writes. The text is read in a
 * window and entry by entry, so it may be of any size.
 */
#ifndef CRIT_COMPOSE_H
#define CRIT_COMPOSE_H

#include "decoder/edit.h"
#include "decoder/error.h"
#include "decoder/image.h"
#include "decoder/source.h"
#include "decoder/spool.h"

/*
 * Append to `out` the image that a document says. `header`: what it has to be, where
 * that is known, else NULL; its words are kept unless the document names others.
 * 0; -EBADMSG with line, column and path ("entries[3].reg.pos: …") for a document
 * that is none, -ENOMEM, -errno of reading or spooling.
 */
int crit_compose(struct crit_source *doc, const struct crit_header *header,
		 struct crit_spool *out, struct crit_error *err);

/*
 * The edit that makes a whole image what a document says. Entries that say what the
 * image's own entries of that number say keep their bytes; if all do, nothing changes
 * (!edit->changes). `img` must not be shared while this runs, and `out`, which gets
 * the new bytes, must live as long as the edit. edit->change is of no use: the image is
 * to be opened anew. As crit_compose().
 */
int crit_edit_document(struct crit_image *img, struct crit_source *doc, struct crit_spool *out,
		       struct crit_edit *edit, struct crit_error *err);

#endif
