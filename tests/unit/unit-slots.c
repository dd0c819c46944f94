/*
 * Numbers that stay, held against one flag a number.
 */
#include "fs/slots.h"
#include "unit.h"

#define SPACE 700 /* numbers that the model has */

struct model {
	bool taken[SPACE];
};

static uint64_t model_below(const struct model *m, uint64_t slot)
{
	uint64_t n = 0, i;

	for (i = 0; i < SPACE && i < slot; i++)
		n += m->taken[i];
	return n;
}

static void expect_slot(const struct cfs_slots *s, const struct model *m, uint64_t slot)
{
	bool taken = slot < SPACE && m->taken[slot];
	uint64_t position, next, wanted = slot;

	expect_int(cfs_slots_find(s, slot, &position), taken);
	if (taken)
		expect_u64(position, model_below(m, slot));
	expect_u64(cfs_slots_below(s, slot), model_below(m, slot));
	while (wanted < SPACE && !m->taken[wanted])
		wanted++;
	expect_int(cfs_slots_next(s, slot, &next), wanted < SPACE);
	if (wanted < SPACE)
		expect_u64(next, wanted);
}

static void expect_same(const struct cfs_slots *s, const struct model *m)
{
	uint64_t slot;

	for (slot = 0; slot < SPACE + 3; slot++)
		expect_slot(s, m, slot);
	expect_slot(s, m, UINT64_MAX);
	expect_slot(s, m, UINT64_MAX - 1);
}

static void change(struct cfs_slots *s, struct model *m, uint64_t slot)
{
	expect_int(cfs_slots_reserve(s), 0);
	if (m->taken[slot])
		cfs_slots_remove(s, slot);
	else
		cfs_slots_add(s, slot);
	m->taken[slot] = !m->taken[slot];
}

static void uncounted_ones_are_all_taken(void)
{
	static const uint64_t slots[] = {0, 1, 1000, UINT64_MAX - 1, UINT64_MAX};
	struct cfs_slots s = {0};
	uint64_t found;
	size_t i;

	for (i = 0; i < COUNT(slots); i++) {
		expect(cfs_slots_find(&s, slots[i], &found));
		expect_u64(found, slots[i]);
		expect(cfs_slots_next(&s, slots[i], &found));
		expect_u64(found, slots[i]);
		expect_u64(cfs_slots_below(&s, slots[i]), slots[i]);
	}
	expect(!s.runs);
	cfs_slots_fini(&s);
}

static void counted(void)
{
	uint64_t n, i;

	for (n = 0; n < 5; n++) {
		struct cfs_slots s = {0};
		struct model m = {0};

		unit_about("%llu of them", (unsigned long long)n);
		for (i = 0; i < n; i++)
			m.taken[i] = true;
		expect_int(cfs_slots_count(&s, n), 0);
		expect_same(&s, &m);
		cfs_slots_fini(&s);
		expect(!s.counted && !s.runs);
	}
}

/* What is added beside, between and apart from runs; and taken out of them. */
static void every_neighbourhood(void)
{
	unsigned before, slot, i;

	for (before = 0; before < 1 << 7; before++) {
		for (slot = 0; slot < 7; slot++) {
			struct cfs_slots s = {0};
			struct model m = {0};

			unit_about("runs %x, number %u", before, slot);
			expect_int(cfs_slots_count(&s, 0), 0);
			for (i = 7; i--;)
				if (before & 1u << i)
					change(&s, &m, i);
			change(&s, &m, slot);
			for (i = 0; i < 9; i++)
				expect_slot(&s, &m, i);
			expect(s.n <= 4);
			change(&s, &m, slot);
			expect_same(&s, &m);
			cfs_slots_fini(&s);
		}
	}
}

static void random_changes(void)
{
	struct unit_random r = unit_seed(50);
	unsigned round, step, i;

	for (round = 0; round < 6; round++) {
		struct cfs_slots s = {0};
		struct model m = {0};
		size_t range = round % 2 ? 20 : SPACE;
		uint64_t first = unit_below(&r, range);

		expect_int(cfs_slots_count(&s, first), 0);
		for (i = 0; i < first; i++)
			m.taken[i] = true;
		for (step = 0; step < 2000; step++) {
			unit_about("round %u, step %u", round, step);
			change(&s, &m, unit_below(&r, range));
			expect_slot(&s, &m, unit_below(&r, range + 2));
			if (step % 100 == 0)
				expect_same(&s, &m);
		}
		expect_same(&s, &m);
		for (i = 0; i < SPACE; i++)
			if (m.taken[i])
				change(&s, &m, i);
		expect_u64(s.n, 0);
		expect_same(&s, &m);
		cfs_slots_fini(&s);
	}
}

/* Runs, not numbers, take memory; and they grow together again. */
static void few_runs_are_kept(void)
{
	struct cfs_slots s = {0};
	uint64_t i, position, far = UINT64_C(1) << 40;

	expect_int(cfs_slots_count(&s, 1000000), 0);
	for (i = 0; i < 1000; i++) {
		expect_int(cfs_slots_reserve(&s), 0);
		cfs_slots_remove(&s, 500 + i);
	}
	expect_u64(s.n, 2);
	for (i = 0; i < 1000; i++) {
		expect_int(cfs_slots_reserve(&s), 0);
		cfs_slots_add(&s, 1499 - i);
	}
	expect_u64(s.n, 1);
	expect_int(cfs_slots_reserve(&s), 0);
	cfs_slots_add(&s, far);
	expect(cfs_slots_find(&s, far, &position));
	expect_u64(position, 1000000);
	expect_u64(cfs_slots_below(&s, UINT64_MAX), 1000001);
	cfs_slots_fini(&s);
}

/* As one move does it: two are removed and one is added after one reservation. */
static void one_reservation_is_enough(void)
{
	struct cfs_slots s = {0};
	struct model m = {0};
	struct unit_random r = unit_seed(51);
	unsigned step;
	uint64_t a, b, i;

	expect_int(cfs_slots_count(&s, 100), 0);
	for (i = 0; i < 100; i++)
		m.taken[i] = true;
	for (step = 0; step < 3000; step++) {
		size_t cap;

		unit_about("step %u", step);
		do {
			a = unit_below(&r, 300);
			b = unit_below(&r, 300);
		} while (!m.taken[a] || a == b);
		expect_int(cfs_slots_reserve(&s), 0);
		cap = s.cap;
		if (m.taken[b])
			cfs_slots_remove(&s, b);
		cfs_slots_remove(&s, a);
		m.taken[a] = m.taken[b] = false;
		/* one is made anew from time to time, so that there are always some */
		cfs_slots_add(&s, b);
		m.taken[b] = true;
		expect(s.n <= cap && s.cap == cap);
		if (model_below(&m, SPACE) < 50)
			for (i = 0; i < 100; i++)
				if (!m.taken[i])
					change(&s, &m, i);
		expect_slot(&s, &m, a);
		expect_slot(&s, &m, b);
	}
	expect_same(&s, &m);
	cfs_slots_fini(&s);
}

static const struct unit_test tests[] = {
	TEST(uncounted_ones_are_all_taken),
	TEST(counted),
	TEST(every_neighbourhood),
	TEST(random_changes),
	TEST(few_runs_are_kept),
	TEST(one_reservation_is_enough),
};

UNIT_MAIN(tests)
