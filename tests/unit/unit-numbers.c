/*
 * Numbers: those that are read at once are what they are elsewhere, and all are printed
 * as printf(3) does.
 */
#include "unit.h"

#include <inttypes.h>

#include "decoder/json.h"
#include "values.h"

/* A number that is taken at once is what it is elsewhere. */
static void expect_small(const struct crit_field *field, const char *number)
{
	bool is_string = *number == '"';
	struct crit_scalar s = {is_string, number + is_string,
				strlen(number) - 2 * (size_t)is_string};
	uint64_t taken = 0, wire = 1;
	struct crit_json j;
	char text[40];

	snprintf(text, sizeof(text), "%s,   ", number);
	crit_json_init(&j, text, strlen(text), NULL);
	if (crit_json_take_number(&j, crit_value_plain_max(field), &taken)) {
		expect_int(crit_value_read(field, &s, &wire, NULL), 0);
		expect_u64(taken, wire);
		expect_int(j.token, is_string ? CRIT_JSON_STRING : CRIT_JSON_NUMBER);
		expect_int(crit_json_next(&j), ',');
	} else {
		expect_int(crit_json_next(&j), is_string ? CRIT_JSON_STRING : CRIT_JSON_NUMBER);
	}
	crit_json_fini(&j);
}

static void expect_small_numbers(const struct crit_field *field)
{
	uint64_t v;
	char text[40];
	unsigned i;
	int by;

	for (i = 0; i < 64; i++)
		for (by = -2; by <= 2; by++) {
			v = (UINT64_C(1) << i) + (uint64_t)by;
			unit_about("%s = %" PRIu64, field->pb->name, v);
			snprintf(text, sizeof(text), "%" PRIu64, v);
			expect_small(field, text);
			snprintf(text, sizeof(text), "\"0x%" PRIx64 "\"", v);
			expect_small(field, text);
			snprintf(text, sizeof(text), "\"0x%016" PRIX64 "\"", v);
			expect_small(field, text);
			snprintf(text, sizeof(text), "\"%" PRIu64 "\"", v);
			expect_small(field, text);
		}
}

static void small_numbers_are_as_others(void)
{
	/* one of each integer type, and of each mark */
	static const struct {
		const char *message, *field;
	} fields[] = {
		{"file_lock_entry", "pid"},
		{"reg_file_entry", "mnt_id"},
		{"pipe_entry", "id"},
		{"file_lock_entry", "start"},
		{"vma_entry", "fd"},
		{"ghost_chunk_entry", "len"},
		{"sk_opts_entry", "so_filter"},
		{"remap_file_path_entry", "remap_type"},
		{"vma_entry", "prot"},
		{"vma_entry", "start"},
		{"reg_file_entry", "flags"},
		{"inet_sk_entry", "src_addr"},
		{"mnt_entry", "root_dev"},
		{"ghost_file_entry", "rdev"},
	};
	size_t i;

	for (i = 0; i < COUNT(fields); i++)
		expect_small_numbers(field_of(fields[i].message, fields[i].field));
}

/* Which texts are taken at once, with what follows them. */
static void small_numbers_are_taken(void)
{
	static const struct {
		const char *text;
		bool taken;
		uint64_t max, number;
	} table[] = {
		{"0,  ", true, 0, 0},
		{" 7]  ", true, 7, 7},
		{"7}   ", true, UINT64_MAX, 7},
		{"10\n  ", true, 10, 10},
		{"10,  ", false, 9, 0},
		{"123456789012345678,", true, UINT64_MAX, 123456789012345678},
		{"1234567890123456789,", false, UINT64_MAX, 0},
		{"00,   ", false, 9, 0},
		{"01,   ", false, 9, 0},
		{"-1,   ", false, 9, 0},
		{"1.0,  ", false, 9, 0},
		{"1e2,  ", false, 999, 0},
		{"1x,   ", false, 9, 0},
		{"1234", false, 9999, 0}, /* it may go on */
		{"", false, 9, 0},
		{"\"7\",  ", false, 9, 0},
		{"\"0x7\", ", true, 7, 7},
		{"\"0xfF\", ", true, 255, 255},
		{"\"0xfF\", ", false, 254, 0},
		{"\"0x7fffffffffffffF\"", true, UINT64_MAX, UINT64_C(0x7ffffffffffffff)},
		{"\"0x1234567890123456\"", false, UINT64_MAX, 0},
		{"\"0x\",   ", false, 9, 0},
		{"\"0X7\",  ", false, 9, 0},
		{"\"-0x7\", ", false, 9, 0},
		{"\"0x7", false, 9, 0},
		{"\"0x7 \",", false, 9, 0},
		{"\"0x7g\",", false, 9, 0},
		{"true,  ", false, 9, 0},
	};
	struct crit_json j;
	uint64_t number;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("[%s]", table[i].text);
		crit_json_init(&j, table[i].text, strlen(table[i].text), NULL);
		expect_int(crit_json_take_number(&j, table[i].max, &number), table[i].taken);
		if (table[i].taken)
			expect_u64(number, table[i].number);
		else
			expect(j.at == table[i].text);
		crit_json_fini(&j);
	}
	expect_u64(crit_value_plain_max(field_of("reg_file_entry", "mnt_id")), 0);
	expect_u64(crit_value_plain_max(field_of("vma_entry", "fd")), 0);
	expect_u64(crit_value_plain_max(field_of("pagemap_entry", "in_parent")), 0);
}

/* Numbers as printf(3) has them, at and around the powers of two and ten. */
static void expect_number(uint64_t v)
{
	char wanted[40];

	unit_about("%" PRIu64, v);
	snprintf(wanted, sizeof(wanted), "%" PRIu64, v);
	expect_printed(field_of("ghost_chunk_entry", "len"), &pretty, v, false, wanted);
	expect_printed(field_of("sk_opts_entry", "so_filter"), &plain, v, false, wanted);
	snprintf(wanted, sizeof(wanted), "%" PRIu32, (uint32_t)v);
	expect_printed(field_of("pipe_entry", "id"), &pretty, v, false, wanted);
	snprintf(wanted, sizeof(wanted), "%" PRId32, (int32_t)v);
	expect_printed(field_of("file_lock_entry", "pid"), &pretty, v, false, wanted);
	snprintf(wanted, sizeof(wanted), "%" PRId64, (int64_t)v);
	expect_printed(field_of("file_lock_entry", "start"), &plain, v, false, wanted);
	snprintf(wanted, sizeof(wanted), "\"0x%" PRIx64 "\"", v);
	expect_printed(field_of("ghost_chunk_entry", "len"), &pretty, v, true, wanted);
}

static void numbers_are_printed(void)
{
	uint64_t ten = 1;
	unsigned i;
	int by;

	for (i = 0; i < 64; i++)
		for (by = -1; by <= 1; by++)
			expect_number((UINT64_C(1) << i) + (uint64_t)by);
	for (i = 0; i < 20; i++, ten *= 10)
		for (by = -1; by <= 1; by++) {
			expect_number(ten + (uint64_t)by);
			expect_number(-(ten + (uint64_t)by));
		}
}

static const struct unit_test tests[] = {
	TEST(small_numbers_are_as_others),
	TEST(small_numbers_are_taken),
	TEST(numbers_are_printed),
};

UNIT_MAIN(tests)
