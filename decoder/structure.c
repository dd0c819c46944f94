/*
 * Inserting, removing and moving entries.
 */
#include "decoder/structure.h"

#include <errno.h>

#include "decoder/contents.h"
#include "schema-messages.h"

static bool first_is_special(const struct crit_image *img)
{
	const struct crit_type *type = crit_image_header(img)->type;

	return type->head != type->rest;
}

/* Before the first entry nothing may be inserted that it would become second to. */
static int check_insertion(struct crit_image *img, uint64_t n, const struct crit_contents *c,
			   uint64_t off, struct crit_error *err)
{
	uint64_t size = (uint64_t)crit_image_file(img)->st.st_size;
	struct crit_entry first;
	int ret;

	if (n >= CRIT_ENTRIES_MAX)
		return crit_fail(err, CRIT_TOO_BIG, "an image can have %llu entries",
				 (unsigned long long)CRIT_ENTRIES_MAX);
	if (c->rule.n_blobs && !c->rule.blob[0].length && off != size)
		return crit_fail(err, CRIT_REJECTED,
				 "what follows in the image would become its contents");
	if (!first_is_special(img))
		return 0;
	ret = crit_image_entry(img, 0, &first, err);
	if (ret < 0)
		return ret == -ENOENT && !n ? 0 : ret;
	if (!n)
		return crit_fail(err, CRIT_REJECTED, "the image has its first entry already");
	if (crit_image_header(img)->type->extra == CRIT_EXTRA_GHOST && first.n_blobs)
		return crit_fail(err, CRIT_REJECTED,
				 "nothing can follow: the contents of the first entry reach to "
				 "the end of the image");
	return 0;
}

static int insert_entry(struct crit_image *img, struct crit_place place, const char *text,
			size_t len, struct crit_blob *blobs, size_t n_blobs,
			struct crit_edit *edit, struct crit_error *err)
{
	const struct crit_type *type = crit_image_header(img)->type;
	struct crit_entry none = {.type = place.n ? type->rest : type->head};
	uint64_t size = (uint64_t)crit_image_file(img)->st.st_size, added = 0;
	struct crit_contents c = {0};
	int ret;

	ret = crit_image_offset(img, place.n, &none.off, err);
	if (ret == 0)
		ret = crit_contents_parse(img, place, none.type, text, len, &c, err);
	if (ret == 0)
		ret = check_insertion(img, place.n, &c, none.off, err);
	if (ret == 0) {
		crit_contents_take(&c, blobs, n_blobs);
		ret = crit_contents_count(&none, &c, err);
	}
	if (ret == 0 && crit_edit_add_span(edit, img, 0, none.off) < 0)
		ret = crit_edit_no_memory(err);
	if (ret == 0)
		ret = crit_contents_add(img, &none, &c, &edit->frame, edit, &added, err);
	if (ret == 0 && crit_edit_add_span(edit, img, none.off, size) < 0)
		ret = crit_edit_no_memory(err);
	crit_contents_fini(&c);
	if (ret < 0)
		return ret;
	edit->change = (struct crit_change){.n = place.n, .off = none.off, .renumbers = true};
	edit->changes = true;
	return 0;
}

/*
 * The messages of a queue become `between` (NULL: nothing) in place of those bytes
 * of the file that `hole` is, and so many more or fewer.
 */
static int edit_queue(struct crit_image *img, uint64_t n, struct crit_span hole,
		      const struct crit_edit *between, int64_t more, struct crit_edit *edit,
		      struct crit_error *err)
{
	struct crit_blob blob = {.part = CRIT_PART_MSGS};
	struct crit_place place = {n, CRIT_NO_MSG};
	struct crit_edit source = {0};
	struct crit_contents c = {0};
	struct crit_entry e;
	const uint8_t *message;
	size_t i;
	int ret;

	ret = crit_image_entry(img, n, &e, err);
	if (ret < 0)
		return ret;
	message = crit_image_bytes(img, e.message, err);
	if (!message)
		return -EIO;
	crit_buf_add(&c.message, message, e.message.len);
	ret = crit_edit_add_span(&source, img, e.blob[0].off, hole.off);
	for (i = 0; between && i < between->n_pieces; i++)
		ret |= crit_edit_add(&source, between->pieces[i]);
	ret |= crit_edit_add_span(&source, img, hole.off + hole.len,
				  e.blob[0].off + e.blob[0].len);
	ret = ret || c.message.error ? crit_edit_no_memory(err)
				     : crit_contents_rule(img, place, &c);
	if (ret == 0) {
		blob.source = source.pieces;
		blob.n_source = source.n_pieces;
		blob.n_msgs = e.n_msgs + (uint64_t)more;
		crit_contents_take(&c, &blob, 1);
		ret = crit_contents_count(&e, &c, err);
	}
	if (ret == 0)
		ret = crit_contents_replace(img, place, &e, &c, edit, err);
	crit_edit_fini(&source);
	crit_contents_fini(&c);
	return ret;
}

/* Where message `m` of a queue begins, or would: m is at most their number. */
static int message_offset(struct crit_image *img, struct crit_place place, uint64_t *off,
			  struct crit_error *err)
{
	struct crit_entry e, msg;
	int ret = crit_image_entry(img, place.n, &e, err);

	if (ret < 0)
		return ret;
	if (!e.n_blobs || e.part[0] != CRIT_PART_MSGS || place.m > e.n_msgs)
		return -ENOENT;
	*off = e.end;
	if (place.m == e.n_msgs)
		return 0;
	ret = crit_image_msg(img, &e, place.m, &msg, err);
	*off = msg.off;
	return ret;
}

static int insert_msg(struct crit_image *img, struct crit_place place, const char *text,
		      size_t len, struct crit_blob *blobs, size_t n_blobs,
		      struct crit_edit *edit, struct crit_error *err)
{
	struct crit_entry none = {.type = &crit_msg_ipc_msg};
	struct crit_contents c = {0};
	struct crit_edit msg = {0};
	uint64_t added;
	int ret;

	ret = message_offset(img, place, &none.off, err);
	if (ret == 0)
		ret = crit_contents_parse(img, place, none.type, text, len, &c, err);
	if (ret == 0) {
		crit_contents_take(&c, blobs, n_blobs);
		ret = crit_contents_count(&none, &c, err);
	}
	/* `values` outlives the pieces of `msg`, which become pieces of `edit` */
	if (ret == 0)
		ret = crit_contents_add(img, &none, &c, &edit->values, &msg, &added, err);
	if (ret == 0)
		ret = edit_queue(img, place.n, (struct crit_span){none.off, 0}, &msg, 1, edit,
				 err);
	crit_edit_fini(&msg);
	crit_contents_fini(&c);
	return ret;
}

int crit_edit_insert(struct crit_image *img, struct crit_place place, const char *text,
		     size_t len, struct crit_blob *blobs, size_t n_blobs,
		     struct crit_edit *edit, struct crit_error *err)
{
	if (place.m == CRIT_NO_MSG)
		return insert_entry(img, place, text, len, blobs, n_blobs, edit, err);
	return insert_msg(img, place, text, len, blobs, n_blobs, edit, err);
}

int crit_edit_remove(struct crit_image *img, struct crit_place place, uint64_t count,
		     struct crit_edit *edit, struct crit_error *err)
{
	uint64_t size = (uint64_t)crit_image_file(img)->st.st_size;
	struct crit_entry first, last;
	int ret;

	ret = crit_image_at(img, place, &first, err);
	if (ret < 0)
		return ret;
	if (place.m != CRIT_NO_MSG)
		return edit_queue(img, place.n,
				  (struct crit_span){first.off, first.end - first.off}, NULL,
				  -1, edit, err);
	ret = crit_image_entry(img, place.n + count - 1, &last, err);
	if (ret < 0)
		return ret;
	if (!place.n && first_is_special(img) && last.end != size)
		return crit_fail_errno(err, EPERM, "what follows in the image needs it");
	if (crit_edit_add_span(edit, img, 0, first.off) < 0 ||
	    crit_edit_add_span(edit, img, last.end, size) < 0)
		return crit_edit_no_memory(err);
	edit->change = (struct crit_change){.n = place.n, .off = first.off, .renumbers = true};
	edit->changes = true;
	return 0;
}

int crit_edit_move(struct crit_image *img, uint64_t from, uint64_t to, bool replace,
		   struct crit_edit *edit, struct crit_error *err)
{
	uint64_t size = (uint64_t)crit_image_file(img)->st.st_size;
	struct crit_entry moved, at = {0};
	int ret;

	ret = crit_image_entry(img, from, &moved, err);
	if (ret < 0)
		return ret;
	if (first_is_special(img) && (!from || !to))
		return crit_fail_errno(err, EPERM,
				       "the first entry is of another kind than the others");
	if (replace) {
		ret = crit_image_entry(img, to, &at, err);
	} else {
		ret = crit_image_offset(img, to, &at.off, err);
		at.end = at.off;
	}
	if (ret < 0)
		return ret;
	if (replace ? from == to : to == from || to == from + 1)
		return 0;
	if (at.off < moved.off) {
		ret = crit_edit_add_span(edit, img, 0, at.off);
		ret |= crit_edit_add_span(edit, img, moved.off, moved.end);
		ret |= crit_edit_add_span(edit, img, at.end, moved.off);
		ret |= crit_edit_add_span(edit, img, moved.end, size);
	} else {
		ret = crit_edit_add_span(edit, img, 0, moved.off);
		ret |= crit_edit_add_span(edit, img, moved.end, at.off);
		ret |= crit_edit_add_span(edit, img, moved.off, moved.end);
		ret |= crit_edit_add_span(edit, img, at.end, size);
	}
	if (ret)
		return crit_edit_no_memory(err);
	edit->change = (struct crit_change){
		.n = from < to ? from : to,
		.off = from < to ? moved.off : at.off,
		.renumbers = true,
	};
	edit->changes = true;
	return 0;
}

int crit_edit_cut_tail(struct crit_image *img, struct crit_edit *edit, struct crit_error *err)
{
	struct crit_span tail;
	uint64_t n;
	int ret = crit_image_tail(img, &tail, err);

	if (ret == 0)
		ret = crit_image_count(img, &n, err);
	if (ret < 0)
		return ret;
	if (crit_edit_add_span(edit, img, 0, tail.off) < 0)
		return crit_edit_no_memory(err);
	edit->change = (struct crit_change){.n = n, .off = tail.off, .renumbers = true};
	edit->changes = tail.len > 0;
	return 0;
}

bool crit_edit_appends(const struct crit_edit *edit, int fd, uint64_t size)
{
	const struct crit_piece *p = edit->pieces;

	return edit->n_pieces > 1 && p->fd == fd && !p->off && p->len == size;
}
