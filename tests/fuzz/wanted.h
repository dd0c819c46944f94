/*
 * What edits of an image have to come to, and whether the file that was written is that: all
 * that was not edited has the bytes that it had, and what is new is what was asked for.
 */
#ifndef FUZZ_WANTED_H
#define FUZZ_WANTED_H

#include "decoder/extra.h"
#include "decoder/print.h"
#include "decoder/wire.h"
#include "tests/unit/scenes.h"

#define ENTRIES_MAX 400
#define NEW         UINT64_MAX
#define PARTS       (CRIT_PART_SEMS + 1) /* that a blob may be */

/* Entries of an image, or messages of an entry, and the bytes they are in. */
struct list {
	struct crit_entry all[ENTRIES_MAX];
	size_t n;
};

struct state {
	struct crit_buf bytes; /* owned */
	struct list entries;
};

/* What an edit has to come to: things of the old list by number, and NEW ones. */
struct plan {
	uint64_t item[ENTRIES_MAX + 1];
	size_t n;
};

/* What is asked for. */
struct wanted {
	struct plan entries, msgs;
	bool edits_msgs; /* the new entry is what entry `old` was but for its messages */
	bool cuts_tail;
	struct crit_place old; /* what the new thing replaces; n is NEW if nothing */
	struct crit_buf message;
	struct crit_buf blob[PARTS];
	bool given[PARTS];
};

struct comparing {
	struct scene s;
	struct state before, after;
	struct wanted wanted;
};

/* --------------------------------------------------------------- plans */

static inline void keep_all(struct plan *plan, size_t n)
{
	for (plan->n = 0; plan->n < n; plan->n++)
		plan->item[plan->n] = plan->n;
}

static inline void plan_insert(struct plan *plan, size_t n, uint64_t what)
{
	memmove(&plan->item[n + 1], &plan->item[n], (plan->n - n) * sizeof(*plan->item));
	plan->item[n] = what;
	plan->n++;
}

static inline void plan_remove(struct plan *plan, size_t n, size_t count)
{
	plan->n -= count;
	memmove(&plan->item[n], &plan->item[n + count], (plan->n - n) * sizeof(*plan->item));
}

static inline void plan_move(struct plan *plan, size_t from, size_t to, bool replace)
{
	uint64_t what = plan->item[from];

	if (replace) {
		plan->item[to] = what;
		if (from != to)
			plan_remove(plan, from, 1);
	} else {
		plan_insert(plan, to, what);
		plan_remove(plan, from + (from >= to), 1);
	}
}

/* ----------------------------------------------------------- comparing */

static inline bool read_state(struct scene *s, struct crit_image *img, struct state *state)
{
	uint64_t n;

	read_file(s->dir, s->name, &state->bytes);
	expect_int(crit_image_count(img, &n, NULL), 0);
	if (n > ENTRIES_MAX)
		return false;
	for (state->entries.n = 0; state->entries.n < n; state->entries.n++)
		expect_int(crit_image_entry(img, state->entries.n,
					    &state->entries.all[state->entries.n], NULL),
			   0);
	return true;
}

static inline void read_msgs(struct crit_image *img, const struct crit_entry *e, struct list *l)
{
	expect(e->n_msgs <= ENTRIES_MAX);
	for (l->n = 0; l->n < e->n_msgs; l->n++)
		expect_int(crit_image_msg(img, e, l->n, &l->all[l->n], NULL), 0);
}

/* An empty buffer has no bytes to point at. */
static inline const uint8_t *at(const struct crit_buf *b, uint64_t off)
{
	return off ? b->data + off : b->data;
}

static inline void expect_same_bytes(const struct crit_buf *found, uint64_t off, uint64_t end,
				     const struct crit_buf *wanted, uint64_t wanted_off,
				     uint64_t wanted_end)
{
	expect_bytes(at(found, off), end - off, at(wanted, wanted_off),
		     wanted_end - wanted_off);
}

/* All that is not new is what it was. Returns where the new thing is; NEW: nowhere. */
static inline size_t expect_kept(struct comparing *c, const struct list *found,
				 const struct list *old, const struct plan *plan)
{
	size_t i, new = (size_t)NEW;

	expect_u64(found->n, plan->n);
	for (i = 0; i < plan->n; i++) {
		if (plan->item[i] == NEW) {
			new = i;
			continue;
		}
		expect_same_bytes(&c->after.bytes, found->all[i].off, found->all[i].end,
				  &c->before.bytes, old->all[plan->item[i]].off,
				  old->all[plan->item[i]].end);
	}
	return new;
}

/* Where a list ends, or begins while there is nothing in it. */
static inline uint64_t end_of(const struct list *l, uint64_t begin)
{
	return l->n ? l->all[l->n - 1].end : begin;
}

/* Its message is the one that was asked for, with its fields that count blobs put right. */
static inline void expect_message(struct crit_image *img, const struct crit_entry *e,
				  const struct crit_extra_rule *rule, struct crit_buf *message)
{
	struct crit_style style = crit_image_style(img, false);
	struct crit_buf counted = {0}, found = {0}, text = {0}, wanted = {0};
	unsigned i;
	int ret;

	for (i = 0; i < rule->n_blobs; i++) {
		const struct crit_blob_rule *b = &rule->blob[i];

		if (!b->length)
			continue;
		crit_buf_reset(&counted);
		expect_int(crit_wire_set_uint(e->type, message->data, message->len, b->length,
					      b->part == CRIT_PART_MSGS
						      ? e->n_msgs
						      : e->blob[i].len / b->unit,
					      &counted),
			   0);
		crit_buf_reset(message);
		crit_buf_add(message, counted.data, counted.len);
	}
	crit_buf_add(&found, crit_image_bytes(img, e->message, NULL), e->message.len);
	ret = crit_print(e->type, message->data, message->len, &style, 0, &wanted);
	expect_int(crit_print(e->type, found.data, found.len, &style, 0, &text), ret);
	if (ret == 0)
		expect_bytes(text.data, text.len, wanted.data, wanted.len);
	crit_buf_fini(&counted);
	crit_buf_fini(&found);
	crit_buf_fini(&text);
	crit_buf_fini(&wanted);
}

/* The bytes of the old thing's part; none if there was none. */
static inline struct crit_span old_part(const struct crit_entry *old, enum crit_part part)
{
	unsigned i;

	for (i = 0; old && i < old->n_blobs; i++)
		if (old->part[i] == part)
			return old->blob[i];
	return (struct crit_span){0, 0};
}

static inline void expect_new(struct comparing *c, struct crit_image *img,
			      const struct crit_entry *e, size_t n, bool is_msg,
			      const struct crit_entry *old)
{
	const struct crit_type *type = crit_image_header(img)->type;
	struct wanted *w = &c->wanted;
	struct crit_extra_rule rule = crit_msg_rule;
	unsigned i;

	if (!is_msg)
		expect_int(crit_extra_rule(type, n, w->message.data, w->message.len, &rule), 0);
	expect_int(e->n_blobs, rule.n_blobs);
	for (i = 0; i < rule.n_blobs; i++) {
		enum crit_part part = rule.blob[i].part;
		struct crit_span kept = old_part(old, part);

		expect_int(e->part[i], part);
		if (part == CRIT_PART_MSGS)
			continue;
		if (w->given[part])
			expect_same_bytes(&c->after.bytes, e->blob[i].off,
					  e->blob[i].off + e->blob[i].len, &w->blob[part], 0,
					  w->blob[part].len);
		else
			expect_same_bytes(&c->after.bytes, e->blob[i].off,
					  e->blob[i].off + e->blob[i].len, &c->before.bytes,
					  kept.off, kept.off + kept.len);
	}
	expect_message(img, e, &rule, &w->message);
}

/* The messages of the entry that is new, one of which may be. */
static inline void expect_queue(struct comparing *c, struct crit_image *img,
				const struct crit_entry *e, const struct list *old)
{
	struct list *found = malloc(sizeof(*found));
	struct wanted *w = &c->wanted;
	size_t new;

	read_msgs(img, e, found);
	new = expect_kept(c, found, old, &w->msgs);
	if (new != (size_t)NEW)
		expect_new(c, img, &found->all[new], new, true,
			   w->old.m == NEW ? NULL : &old->all[w->old.m]);
	free(found);
}

static inline void expect_tail(struct comparing *c, uint64_t header)
{
	uint64_t old = end_of(&c->before.entries, header), len = c->before.bytes.len;

	expect_same_bytes(&c->after.bytes, end_of(&c->after.entries, header),
			  c->after.bytes.len, &c->before.bytes, old,
			  c->wanted.cuts_tail ? old : len);
}

/* The file is what was asked for; `queue` are the messages of the old entry. */
static inline void expect_wanted(struct comparing *c, const struct list *queue)
{
	struct crit_image *fresh = open_image(c->s.dir, c->s.name);
	unsigned header = crit_image_header(fresh)->len;
	struct wanted *w = &c->wanted;
	size_t new;

	expect(read_state(&c->s, fresh, &c->after));
	expect_same_bytes(&c->after.bytes, 0, header, &c->before.bytes, 0, header);
	new = expect_kept(c, &c->after.entries, &c->before.entries, &w->entries);
	expect_tail(c, header);
	if (w->edits_msgs)
		expect_queue(c, fresh, &c->after.entries.all[w->old.n], queue);
	else if (new != (size_t)NEW)
		expect_new(c, fresh, &c->after.entries.all[new], new, false,
			   w->old.n == NEW ? NULL : &c->before.entries.all[w->old.n]);
	expect_same_image(c->s.img, fresh);
	crit_image_free(fresh);
}

#endif
