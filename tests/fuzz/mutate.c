/*
 * How libFuzzer changes images, and containers of them (dump.c): mostly one field of one
 * message, whose length, and those of all around it, are put right. A fuzzer that knows only
 * bytes breaks the frames nearly each time, and does not get to what is in them.
 */
#include "fuzz.h"

#include <errno.h>

#include "tests/unit/images.h"
#include "tests/unit/messages.h"

#include "decoder/wire.h"

#define FIELDS_MAX 400
#define NAME_LEN   100
#define FILES_MAX  100

size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed);

static bool one_in(struct maker *m, size_t n)
{
	return unit_below(&m->r, n) == 0;
}

/* ------------------------------------------------------------ messages */

/* Some bytes changed as libFuzzer likes. */
static void put_mutated(struct crit_buf *out, const uint8_t *bytes, size_t len)
{
	size_t max = len + 20;

	if (!crit_buf_reserve(out, max))
		return;
	if (len)
		memcpy(out->data + out->len, bytes, len);
	out->len += LLVMFuzzerMutate(out->data + out->len, len, max);
}

static void put_bytes_field(struct crit_buf *out, uint32_t id, const struct crit_buf *bytes)
{
	crit_wire_put_tag(out, id, CRIT_WIRE_BYTES);
	crit_varint_put(out, bytes->len);
	crit_buf_add(out, bytes->data, bytes->len);
}

/* A field that the message may have, with a value of its type. */
static void put_new_field(struct maker *m, const struct crit_message *type,
			  struct crit_buf *out)
{
	const struct crit_field *f;
	struct crit_buf value = {0};

	if (!type->pb->n_fields)
		return;
	f = &type->fields[unit_below(&m->r, type->pb->n_fields)];
	if (f->message)
		make_wire(m, f->message, &value);
	else if (crit_wire_type_of(f->pb) == CRIT_WIRE_BYTES)
		put_mutated(&value, (const uint8_t *)"/x", 2);
	if (crit_wire_type_of(f->pb) == CRIT_WIRE_BYTES)
		put_bytes_field(out, f->pb->id, &value);
	else
		crit_wire_put_number(out, f->pb, make_number(m));
	crit_buf_fini(&value);
}

/* A number that is near, or another one's, or any. */
static uint64_t other_number(struct maker *m, uint64_t value, uint64_t neighbour)
{
	switch (unit_below(&m->r, 6)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return neighbour;
	case 3:
		return value ^ UINT64_C(1) << unit_below(&m->r, 64);
	case 4:
		return value + (UINT64_C(1) << unit_below(&m->r, 40)) * 4096;
	default:
		return make_number(m);
	}
}

static void put_mutated_message(struct maker *m, const struct crit_message *type,
				const uint8_t *bytes, size_t len, struct crit_buf *out);

static void put_mutated_field(struct maker *m, const struct crit_wire_field *f,
			      uint64_t neighbour, struct crit_buf *out)
{
	struct crit_buf value = {0};

	if (f->wire_type != CRIT_WIRE_BYTES) {
		crit_wire_put_number(out, f->field->pb, other_number(m, f->value, neighbour));
		return;
	}
	if (f->field->message)
		put_mutated_message(m, f->field->message, f->data, f->len, &value);
	else
		put_mutated(&value, f->data, f->len);
	put_bytes_field(out, f->field->pb->id, &value);
	crit_buf_fini(&value);
}

/* The message with one field changed, removed, doubled, or one more. */
static void put_mutated_message(struct maker *m, const struct crit_message *type,
				const uint8_t *bytes, size_t len, struct crit_buf *out)
{
	struct crit_wire_field *fields = calloc(FIELDS_MAX, sizeof(*fields));
	struct crit_wire w = crit_wire_open(type, bytes, len);
	size_t n = 0, i, which, how;

	while (n < FIELDS_MAX && crit_wire_next(&w, &fields[n]) > 0)
		n++;
	which = unit_below(&m->r, n + 1);
	how = unit_below(&m->r, 12);
	for (i = 0; i < n; i++) {
		const uint8_t *end = i + 1 < n ? fields[i + 1].start : w.at;

		if (i == which && how > 2 && fields[i].field)
			put_mutated_field(m, &fields[i], fields[unit_below(&m->r, n)].value,
					  out);
		else if (i != which || how != 0)
			crit_buf_add(out, fields[i].start, (size_t)(end - fields[i].start));
		if (i == which && how == 1)
			crit_buf_add(out, fields[i].start, (size_t)(end - fields[i].start));
	}
	if (which == n || how == 2)
		put_new_field(m, type, out);
	free(fields);
}

/* -------------------------------------------------------------- images */

/* One entry, or message of a queue, chosen at random; false if there is none. */
static bool choose_entry(struct maker *m, struct crit_image *img, struct crit_entry *e)
{
	struct crit_entry outer, msg;
	uint64_t n;

	if (crit_image_count(img, &n, NULL) < 0 || !n ||
	    crit_image_entry(img, unit_below(&m->r, n), &outer, NULL) < 0)
		return false;
	*e = outer;
	if (outer.n_msgs && one_in(m, 2) &&
	    crit_image_msg(img, &outer, unit_below(&m->r, outer.n_msgs), &msg, NULL) == 0)
		*e = msg;
	return true;
}

static void put_message_frame(struct maker *m, const struct crit_header *h,
			      const struct crit_entry *e, const uint8_t *data,
			      struct crit_buf *out)
{
	struct crit_buf message = {0};

	put_mutated_message(m, e->type, data + e->message.off, e->message.len, &message);
	crit_put_u32(h, (uint32_t)message.len, out);
	crit_buf_add(out, message.data, message.len);
	crit_buf_fini(&message);
}

static void put_new_entry(struct maker *m, const struct crit_image *img,
			  const struct crit_message *type, struct crit_buf *out)
{
	struct crit_buf message = {0};

	make_wire(m, type, &message);
	crit_put_u32(crit_image_header(img), (uint32_t)message.len, out);
	crit_buf_add(out, message.data, message.len);
	crit_buf_fini(&message);
}

/* Append the image with something changed; false if it is none, or has no entries. */
static bool put_mutated_image(struct maker *m, const uint8_t *data, size_t len,
			      struct crit_buf *out)
{
	struct crit_file *file = file_of(data, len);
	size_t from = out->len, how = unit_below(&m->r, 16), end;
	struct crit_image *img = NULL;
	struct crit_entry e;
	bool done;

	done = crit_image_new(file, NULL, &img, NULL) == 0 && choose_entry(m, img, &e);
	crit_file_put(file);
	if (done) {
		crit_buf_add(out, data, e.off);
		end = e.message.off + e.message.len;
		switch (how) {
		case 0: /* without it */
			end = e.end;
			break;
		case 1: /* twice */
			crit_buf_add(out, data + e.off, e.end - e.off);
			end = e.off;
			break;
		case 2: /* another one before it */
			put_new_entry(m, img, e.type, out);
			end = e.off;
			break;
		default:
			put_message_frame(m, crit_image_header(img), &e, data, out);
		}
		crit_buf_add(out, data + end, len - end);
	}
	crit_image_free(img);
	return done && out->len > from && !out->error;
}

/* ----------------------------------------------------------- containers */

struct named {
	const uint8_t *name, *bytes;
	size_t name_len, len;
};

static size_t read_container(struct fuzz_input in, struct named *files)
{
	size_t n;

	for (n = 0; in.left && n < FILES_MAX; n++) {
		const uint8_t *line = memchr(in.at, '\n', in.left);

		if (!line || line - in.at > NAME_LEN)
			break;
		files[n].name_len = (size_t)(line - in.at) + 1;
		files[n].name = fuzz_bytes(&in, &files[n].name_len);
		files[n].len = fuzz_word(&in);
		files[n].bytes = fuzz_bytes(&in, &files[n].len);
	}
	return n;
}

static void put_named(struct crit_buf *out, const struct named *f, const uint8_t *bytes,
		      size_t len)
{
	crit_buf_add(out, f->name, f->name_len);
	crit_buf_byte(out, (uint8_t)len);
	crit_buf_byte(out, (uint8_t)(len >> 8));
	crit_buf_add(out, bytes, len);
}

/* The container with one image changed, or without one file. */
static bool put_mutated_container(struct maker *m, const uint8_t *data, size_t len,
				  struct crit_buf *out)
{
	struct named files[FILES_MAX];
	size_t n = read_container((struct fuzz_input){data, len}, files), which, i;
	struct crit_buf image = {0};
	bool without = one_in(m, 30);

	if (n < 2)
		return false;
	for (i = 0, which = n; i < 8 && which == n && !without; i++) {
		which = unit_below(&m->r, n);
		crit_buf_reset(&image);
		if (!put_mutated_image(m, files[which].bytes, files[which].len, &image) ||
		    image.len > UINT16_MAX)
			which = n;
	}
	if (without)
		which = unit_below(&m->r, n);
	for (i = 0; i < n; i++)
		if (i != which)
			put_named(out, &files[i], files[i].bytes, files[i].len);
		else if (!without)
			put_named(out, &files[i], image.data, image.len);
	crit_buf_fini(&image);
	return which < n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	struct maker m = {unit_seed(seed), 1, false, false};
	struct crit_buf out = {0};

	if (!one_in(&m, 6) &&
	    (put_mutated_image(&m, data, len, &out) ||
	     put_mutated_container(&m, data, len, &out)) &&
	    out.len <= max && !out.error) {
		len = out.len;
		memcpy(data, out.data, len);
	} else {
		len = LLVMFuzzerMutate(data, len, max);
	}
	crit_buf_fini(&out);
	return len;
}
