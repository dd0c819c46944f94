/*
 * Contents of entries as pieces.
 */
#include "decoder/contents.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/parse.h"
#include "decoder/wire.h"

int crit_edit_no_memory(struct crit_error *err)
{
	return crit_fail(err, CRIT_NO_MEMORY, "no memory for the edit");
}

int crit_edit_add(struct crit_edit *edit, struct crit_piece piece)
{
	if (!piece.len)
		return 0;
	if (edit->n_pieces == edit->cap_pieces) {
		size_t cap = edit->cap_pieces ? edit->cap_pieces * 2 : 8;
		struct crit_piece *pieces = realloc(edit->pieces, cap * sizeof(*pieces));

		if (!pieces)
			return -ENOMEM;
		edit->pieces = pieces;
		edit->cap_pieces = cap;
	}
	edit->pieces[edit->n_pieces++] = piece;
	return 0;
}

int crit_edit_add_span(struct crit_edit *edit, struct crit_image *img, uint64_t from,
		       uint64_t to)
{
	return crit_edit_add(edit, crit_piece_of(crit_image_file(img), from, to - from));
}

uint64_t crit_pieces_len(const struct crit_piece *pieces, size_t n)
{
	uint64_t len = 0;

	while (n--)
		len += pieces[n].len;
	return len;
}

void crit_contents_fini(struct crit_contents *c)
{
	crit_buf_fini(&c->message);
}

int crit_contents_rule(struct crit_image *img, struct crit_place place, struct crit_contents *c)
{
	if (place.m != CRIT_NO_MSG) {
		c->rule = crit_msg_rule;
		return 0;
	}
	return crit_extra_rule(crit_image_header(img)->type, place.n, c->message.data,
			       c->message.len, &c->rule);
}

int crit_contents_parse(struct crit_image *img, struct crit_place place,
			const struct crit_message *type, const char *text, size_t len,
			struct crit_contents *c, struct crit_error *err)
{
	struct crit_style style = crit_image_style(img, false);
	int ret = crit_parse(type, text, len, &style, &c->message, err);

	return ret < 0 ? ret : crit_contents_rule(img, place, c);
}

void crit_contents_take(struct crit_contents *c, struct crit_blob *blobs, size_t n)
{
	size_t b;
	unsigned i;

	for (b = 0; b < n; b++) {
		blobs[b].used = false;
		for (i = 0; i < c->rule.n_blobs; i++) {
			if (c->rule.blob[i].part != blobs[b].part)
				continue;
			c->blob[i] = &blobs[b];
			blobs[b].used = true;
		}
	}
}

static uint64_t blob_len(const struct crit_entry *old, const struct crit_contents *c,
			 unsigned i)
{
	if (c->blob[i])
		return crit_pieces_len(c->blob[i]->source, c->blob[i]->n_source);
	return i < old->n_blobs ? old->blob[i].len : 0;
}

/* What the field that counts blob `i` has to say. */
static uint64_t blob_count(const struct crit_entry *old, const struct crit_contents *c,
			   unsigned i)
{
	if (c->rule.blob[i].part == CRIT_PART_MSGS)
		return c->blob[i] ? c->blob[i]->n_msgs : old->n_msgs;
	return blob_len(old, c, i) / c->rule.blob[i].unit;
}

int crit_contents_count(const struct crit_entry *old, struct crit_contents *c,
			struct crit_error *err)
{
	unsigned i;
	int ret;

	for (i = 0; i < c->rule.n_blobs; i++) {
		const struct crit_blob_rule *b = &c->rule.blob[i];
		uint64_t count = blob_count(old, c, i), said;
		const ProtobufCFieldDescriptor *pb;
		struct crit_buf counted = {0};

		if (blob_len(old, c, i) % b->unit)
			return crit_fail(err, CRIT_REJECTED, "not a multiple of %u bytes",
					 b->unit);
		if (!b->length)
			continue;
		/* what says so already keeps its bytes, however it says it */
		ret = crit_wire_uint(old->type, c->message.data, c->message.len, b->length,
				     &said);
		if (ret < 0)
			return crit_fail(err, CRIT_REJECTED, "its \"%s\" can't be read",
					 b->length);
		if (ret > 0 && said == count)
			continue;
		pb = protobuf_c_message_descriptor_get_field_by_name(old->type->pb, b->length);
		if (pb->type == PROTOBUF_C_TYPE_UINT32 && count > UINT32_MAX)
			return crit_fail(err, CRIT_TOO_BIG, "%s can't count %llu", b->length,
					 (unsigned long long)count);
		ret = crit_wire_set_uint(old->type, c->message.data, c->message.len, b->length,
					 count, &counted);
		if (ret < 0) {
			crit_buf_fini(&counted);
			return crit_fail(err, CRIT_NO_MEMORY, "no memory for the message");
		}
		crit_buf_fini(&c->message);
		c->message = counted;
	}
	return 0;
}

int crit_contents_own(struct crit_image *img, struct crit_place place,
		      const struct crit_entry *e, struct crit_contents *own)
{
	struct crit_buf text = {0};
	int ret;

	ret = crit_image_print(img, e, false, &text, NULL);
	if (ret == 0)
		ret = crit_contents_parse(img, place, e->type, (const char *)text.data,
					  text.len, own, NULL);
	crit_buf_fini(&text);
	return ret < 0 ? ret : crit_contents_count(e, own, NULL);
}

int crit_contents_add(struct crit_image *img, const struct crit_entry *old,
		      const struct crit_contents *c, struct crit_buf *frame,
		      struct crit_edit *edit, uint64_t *len, struct crit_error *err)
{
	uint64_t blobs = 0, padding;
	unsigned i;
	size_t s;
	int ret;

	if (c->message.len > CRIT_MESSAGE_MAX)
		return crit_fail(err, CRIT_TOO_BIG, "a message of %zu bytes", c->message.len);
	crit_put_u32(crit_image_header(img), (uint32_t)c->message.len, frame);
	crit_buf_add(frame, c->message.data, c->message.len);
	if (frame->error)
		return crit_edit_no_memory(err);
	ret = crit_edit_add(
		edit, (struct crit_piece){.fd = -1, .data = frame->data, .len = frame->len});
	for (i = 0; i < c->rule.n_blobs; i++) {
		blobs += blob_len(old, c, i);
		if (!c->blob[i] && i < old->n_blobs)
			ret |= crit_edit_add_span(edit, img, old->blob[i].off,
						  old->blob[i].off + old->blob[i].len);
		for (s = 0; c->blob[i] && s < c->blob[i]->n_source; s++)
			ret |= crit_edit_add(edit, c->blob[i]->source[s]);
	}
	padding = crit_padding(&c->rule, blobs);
	ret |= crit_edit_add(edit, (struct crit_piece){.fd = -1, .len = padding});
	*len = frame->len + blobs + padding;
	return ret ? crit_edit_no_memory(err) : 0;
}

int crit_contents_replace(struct crit_image *img, struct crit_place place,
			  const struct crit_entry *old, const struct crit_contents *c,
			  struct crit_edit *edit, struct crit_error *err)
{
	uint64_t size = (uint64_t)crit_image_file(img)->st.st_size, len;
	struct crit_entry outer = *old;
	int ret = 0;

	if (place.m != CRIT_NO_MSG)
		ret = crit_image_entry(img, place.n, &outer, err);
	if (ret < 0)
		return ret;
	if (crit_edit_add_span(edit, img, 0, old->off) < 0)
		return crit_edit_no_memory(err);
	ret = crit_contents_add(img, old, c, &edit->frame, edit, &len, err);
	if (ret < 0)
		return ret;
	if (crit_edit_add_span(edit, img, old->end, size) < 0)
		return crit_edit_no_memory(err);
	edit->change = (struct crit_change){
		.n = place.n,
		.off = outer.off,
		.old_end = outer.end,
		.new_end = outer.end - (old->end - old->off) + len,
	};
	edit->changes = true;
	return 0;
}
