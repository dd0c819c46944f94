/*
 * Building the new frame of an edited entry.
 */
#include "decoder/edit.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/extra.h"
#include "decoder/json.h"
#include "decoder/parse.h"
#include "decoder/print.h"
#include "decoder/wire.h"

/* The new contents of an entry. */
struct contents {
	struct crit_buf message;
	struct crit_extra_rule rule; /* of the new message */
	int changed;                 /* blob that `source` replaces; -1: none */
	const struct crit_piece *source;
	size_t n_source;
};

void crit_edit_fini(struct crit_edit *edit)
{
	free(edit->pieces);
	crit_buf_fini(&edit->frame);
	crit_buf_fini(&edit->values);
	*edit = (struct crit_edit){0};
}

int crit_image_at(struct crit_image *img, struct crit_place place, struct crit_entry *e,
		  struct crit_error *err)
{
	struct crit_entry outer;
	int ret;

	if (place.m == CRIT_NO_MSG)
		return crit_image_entry(img, place.n, e, err);
	ret = crit_image_entry(img, place.n, &outer, err);
	return ret < 0 ? ret : crit_image_msg(img, &outer, place.m, e, err);
}

static int add_piece(struct crit_edit *edit, struct crit_piece piece)
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

static int add_span(struct crit_edit *edit, struct crit_image *img, uint64_t from, uint64_t to)
{
	return add_piece(edit, (struct crit_piece){.fd = crit_image_file(img)->fd,
						   .off = from,
						   .len = to - from});
}

static uint64_t pieces_len(const struct crit_piece *pieces, size_t n)
{
	uint64_t len = 0;

	while (n--)
		len += pieces[n].len;
	return len;
}

static int rule_of(struct crit_image *img, struct crit_place place, const uint8_t *message,
		   size_t len, struct crit_extra_rule *rule)
{
	if (place.m != CRIT_NO_MSG) {
		*rule = crit_msg_rule;
		return 0;
	}
	return crit_extra_rule(crit_image_header(img)->type, place.n, message, len, rule);
}

static uint64_t new_blob_len(const struct crit_entry *old, const struct contents *c, unsigned i)
{
	if (c->changed == (int)i)
		return pieces_len(c->source, c->n_source);
	return i < old->n_blobs ? old->blob[i].len : 0;
}

/* Make the message's counting fields say what the blobs are. */
static int count_blobs(const struct crit_entry *old, struct contents *c, struct crit_error *err)
{
	unsigned i;
	int ret;

	for (i = 0; i < c->rule.n_blobs; i++) {
		const struct crit_blob_rule *b = &c->rule.blob[i];
		const ProtobufCFieldDescriptor *pb;
		struct crit_buf counted = {0};
		uint64_t count;

		if (!b->length)
			continue;
		count = b->part == CRIT_PART_MSGS ? old->n_msgs
						  : new_blob_len(old, c, i) / b->unit;
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

/* An edit of the message must not make bytes mean something else, or nothing. */
static int keep_blobs(struct crit_image *img, struct crit_place place,
		      const struct crit_entry *old, const struct contents *c,
		      struct crit_error *err)
{
	uint64_t size = (uint64_t)crit_image_file(img)->st.st_size;
	bool to_end = c->rule.n_blobs && !c->rule.blob[0].length;
	uint64_t count;
	int ret;

	if (!c->rule.n_blobs && old->n_blobs && old->blob[0].len) {
		crit_error_at(err, 1, 1);
		return crit_fail(err, CRIT_REJECTED,
				 "this would leave no place for the %llu bytes of %llu.extra; "
				 "empty that first",
				 (unsigned long long)old->blob[0].len,
				 (unsigned long long)place.n);
	}
	if (c->rule.n_blobs && !old->n_blobs && !to_end) {
		ret = crit_wire_uint(old->type, c->message.data, c->message.len,
				     c->rule.blob[0].length, &count);
		if (ret > 0 && count) {
			crit_error_at(err, 1, 1);
			return crit_fail(err, CRIT_REJECTED,
					 "%s says %llu bytes would follow, but there are none",
					 c->rule.blob[0].length, (unsigned long long)count);
		}
	}
	if (to_end && !old->n_blobs && old->end != size) {
		crit_error_at(err, 1, 1);
		return crit_fail(err, CRIT_REJECTED,
				 "this would turn the chunks that follow into plain contents");
	}
	return 0;
}

static int no_memory(struct crit_error *err)
{
	return crit_fail(err, CRIT_NO_MEMORY, "no memory for the edit");
}

/* The pieces of the whole file with the entry's new frame in its place. */
static int build(struct crit_image *img, struct crit_place place, const struct crit_entry *old,
		 const struct contents *c, struct crit_edit *edit, struct crit_error *err)
{
	uint64_t size = (uint64_t)crit_image_file(img)->st.st_size, blobs = 0, padding;
	struct crit_entry outer = *old;
	size_t i, s;
	int ret;

	if (place.m != CRIT_NO_MSG) {
		ret = crit_image_entry(img, place.n, &outer, err);
		if (ret < 0)
			return ret;
	}
	if (c->message.len > CRIT_MESSAGE_MAX)
		return crit_fail(err, CRIT_TOO_BIG, "a message of %zu bytes", c->message.len);
	crit_put_u32(crit_image_header(img), (uint32_t)c->message.len, &edit->frame);
	crit_buf_add(&edit->frame, c->message.data, c->message.len);
	if (edit->frame.error)
		return no_memory(err);
	ret = add_span(edit, img, 0, old->off);
	ret |= add_piece(edit, (struct crit_piece){.fd = -1,
						   .data = edit->frame.data,
						   .len = edit->frame.len});
	for (i = 0; i < c->rule.n_blobs; i++) {
		blobs += new_blob_len(old, c, (unsigned)i);
		if ((int)i != c->changed && i < old->n_blobs)
			ret |= add_span(edit, img, old->blob[i].off,
					old->blob[i].off + old->blob[i].len);
		for (s = 0; (int)i == c->changed && s < c->n_source; s++)
			ret |= add_piece(edit, c->source[s]);
	}
	padding = crit_padding(&c->rule, blobs);
	ret |= add_piece(edit, (struct crit_piece){.fd = -1, .len = padding});
	ret |= add_span(edit, img, old->end, size);
	if (ret)
		return no_memory(err);
	edit->n = place.n;
	edit->old_end = outer.end;
	edit->new_end = outer.end - old->end + old->off + edit->frame.len + blobs + padding;
	edit->changes = true;
	return 0;
}

/* The message that the entry's own text would make, to tell whether one differs. */
static int own_message(struct crit_image *img, struct crit_place place,
		       const struct crit_entry *e, struct contents *own)
{
	struct crit_style style = crit_image_style(img, false);
	struct crit_buf text = {0};
	int ret;

	ret = crit_image_print(img, e, false, &text, NULL);
	if (ret == 0)
		ret = crit_parse(e->type, (const char *)text.data, text.len, &style,
				 &own->message, NULL);
	crit_buf_fini(&text);
	if (ret == 0)
		ret = rule_of(img, place, own->message.data, own->message.len, &own->rule);
	return ret < 0 ? ret : count_blobs(e, own, NULL);
}

static bool same_message(struct crit_image *img, struct crit_place place,
			 const struct crit_entry *e, const struct contents *c)
{
	struct contents own = {.changed = -1};
	bool same;

	same = own_message(img, place, e, &own) == 0 && own.message.len == c->message.len &&
	       (!own.message.len ||
		!memcmp(own.message.data, c->message.data, own.message.len));
	crit_buf_fini(&own.message);
	return same;
}

int crit_edit_json(struct crit_image *img, struct crit_place place, const char *text,
		   size_t len, struct crit_edit *edit, struct crit_error *err)
{
	struct crit_style style = crit_image_style(img, false);
	struct contents c = {.changed = -1};
	struct crit_entry e;
	int ret;

	ret = crit_image_at(img, place, &e, err);
	if (ret < 0)
		return ret;
	ret = crit_parse(e.type, text, len, &style, &c.message, err);
	if (ret == 0)
		ret = rule_of(img, place, c.message.data, c.message.len, &c.rule);
	if (ret == 0)
		ret = keep_blobs(img, place, &e, &c, err);
	if (ret == 0)
		ret = count_blobs(&e, &c, err);
	if (ret == 0 && !same_message(img, place, &e, &c))
		ret = build(img, place, &e, &c, edit, err);
	crit_buf_fini(&c.message);
	return ret;
}

#define COMPARE_AT_ONCE ((size_t)64 << 10) /* bytes */

/* Are the file's bytes at `off` those of the piece? Unreadable is different. */
static bool same_bytes(int fd, uint64_t off, const struct crit_piece *piece)
{
	uint8_t *ours = malloc(2 * COMPARE_AT_ONCE), *theirs = ours + COMPARE_AT_ONCE;
	bool same = ours != NULL;
	uint64_t done;
	size_t n;

	for (done = 0; same && done < piece->len; done += n) {
		n = piece->len - done < COMPARE_AT_ONCE ? (size_t)(piece->len - done)
							: COMPARE_AT_ONCE;
		same = crit_pread_full(fd, ours, n, off + done) == 0;
		if (!same)
			break;
		if (piece->fd >= 0)
			same = crit_pread_full(piece->fd, theirs, n, piece->off + done) == 0;
		else if (piece->data)
			memcpy(theirs, piece->data + done, n);
		else
			memset(theirs, 0, n);
		same = same && !memcmp(ours, theirs, n);
	}
	free(ours);
	return same;
}

bool crit_blob_same(int fd, struct crit_span span, const struct crit_piece *source,
		    size_t n_source)
{
	uint64_t off = span.off;
	size_t i;

	if (pieces_len(source, n_source) != span.len)
		return false;
	for (i = 0; i < n_source; i++) {
		/* what was never written over is the file's own */
		if ((source[i].fd != fd || source[i].off != off) &&
		    !same_bytes(fd, off, &source[i]))
			return false;
		off += source[i].len;
	}
	return true;
}

static int find_blob(const struct crit_entry *e, enum crit_part part)
{
	unsigned i;

	for (i = 0; i < e->n_blobs; i++)
		if (e->part[i] == part)
			return (int)i;
	return -1;
}

int crit_edit_blob(struct crit_image *img, struct crit_place place, enum crit_part part,
		   const struct crit_piece *source, size_t n_source, struct crit_edit *edit,
		   struct crit_error *err)
{
	struct contents c = {.source = source, .n_source = n_source};
	const uint8_t *message;
	struct crit_entry e;
	int ret;

	ret = crit_image_at(img, place, &e, err);
	if (ret < 0)
		return ret;
	c.changed = find_blob(&e, part);
	if (c.changed < 0)
		return crit_fail_errno(err, ENOENT, "the entry has no such part");
	message = crit_image_bytes(img, e.message, err);
	if (!message)
		return -EIO;
	crit_buf_add(&c.message, message, e.message.len);
	ret = c.message.error ? no_memory(err) : 0;
	if (ret == 0)
		ret = rule_of(img, place, c.message.data, c.message.len, &c.rule);
	if (ret == 0 && pieces_len(source, n_source) % c.rule.blob[c.changed].unit)
		ret = crit_fail(err, CRIT_REJECTED, "not a multiple of %u bytes",
				c.rule.blob[c.changed].unit);
	if (ret == 0)
		ret = count_blobs(&e, &c, err);
	if (ret == 0)
		ret = build(img, place, &e, &c, edit, err);
	crit_buf_fini(&c.message);
	return ret;
}

static int read_sem(struct crit_json *j, const struct crit_header *h, struct crit_buf *out)
{
	unsigned long v;
	char number[8];

	if (j->token != CRIT_JSON_NUMBER || j->value_len >= sizeof(number) ||
	    memchr(j->value, '.', j->value_len) || *j->value == '-')
		return crit_json_expected(j, "", "a number from 0 to 65535");
	memcpy(number, j->value, j->value_len);
	number[j->value_len] = '\0';
	v = strtoul(number, NULL, 10);
	if (v > UINT16_MAX || strspn(number, "0123456789") != j->value_len)
		return crit_json_expected(j, "", "a number from 0 to 65535");
	crit_put_u16(h, (uint16_t)v, out);
	return 0;
}

static int read_sems(struct crit_json *j, const struct crit_header *h, struct crit_buf *out)
{
	int ret;

	if (crit_json_next(j) != '[')
		return crit_json_expected(j, "", "a list of numbers");
	if (crit_json_next(j) != ']') {
		for (;;) {
			ret = read_sem(j, h, out);
			if (ret < 0)
				return ret;
			if (crit_json_next(j) == ']')
				break;
			if (j->token != ',')
				return crit_json_expected(j, "", "',' or ']'");
			crit_json_next(j);
		}
	}
	if (crit_json_next(j) != CRIT_JSON_END)
		return crit_json_expected(j, "", "nothing behind the list");
	return out->error;
}

int crit_edit_sems(struct crit_image *img, struct crit_place place, const char *text,
		   size_t len, struct crit_edit *edit, struct crit_error *err)
{
	struct crit_piece piece;
	struct crit_entry e;
	struct crit_json j;
	int ret, i;

	crit_json_init(&j, text, len, err);
	ret = read_sems(&j, crit_image_header(img), &edit->values);
	crit_json_fini(&j);
	if (ret < 0)
		return ret;
	piece = (struct crit_piece){
		.fd = -1, .data = edit->values.data, .len = edit->values.len};
	ret = crit_image_at(img, place, &e, err);
	if (ret < 0)
		return ret;
	i = find_blob(&e, CRIT_PART_SEMS);
	if (i >= 0 && crit_blob_same(crit_image_file(img)->fd, e.blob[i], &piece, 1))
		return 0;
	return crit_edit_blob(img, place, CRIT_PART_SEMS, &piece, 1, edit, err);
}
