/*
 * Single values as text and back: ranges of the integer types, hexadecimal
 * numbers, flags, tables, device numbers and addresses.
 */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/sysmacros.h>

#include "decoder/text.h"
#include "values.h"

/* A JSON scalar as it is written: in quotes it is a string. */
static int read_value(const struct crit_field *field, const char *json, uint64_t *wire,
		      struct crit_error *err)
{
	bool is_string = *json == '"';
	struct crit_scalar s = {is_string, json + is_string,
				strlen(json) - 2 * (size_t)is_string};

	*err = (struct crit_error){0};
	return crit_value_read(field, &s, wire, err);
}

static void expect_read(const struct crit_field *field, const char *json, uint64_t wanted)
{
	struct crit_error err;
	uint64_t wire = 0;

	unit_about("%s = %s", field->pb->name, json);
	if (read_value(field, json, &wire, &err))
		fail("expected %" PRIu64 ", found it refused: %s", wanted, err.text);
	expect_u64(wire, wanted);
}

static void expect_refused(const struct crit_field *field, const char *json, const char *says)
{
	struct crit_error err;
	uint64_t wire;

	unit_about("%s = %s", field->pb->name, json);
	expect_int(read_value(field, json, &wire, &err), -EBADMSG);
	expect_int(err.errnum, EBADMSG);
	if (!strstr(err.text, says))
		fail("expected \"… %s\", found \"%s\"", says, err.text);
}

/* Each integer type: the number as JSON has it and as it stands on the wire. */
static const struct {
	const char *message, *field;
	const char *least, *largest, *below, *above;
	uint64_t least_wire, largest_wire, minus_one_wire;
} types[] = {
	{"file_lock_entry", "pid", "-2147483648", "2147483647", "-2147483649", "2147483648",
	 0xffffffff80000000, 0x7fffffff, UINT64_MAX}, /* int32 */
	{"reg_file_entry", "mnt_id", "-2147483648", "2147483647", "-2147483649", "2147483648",
	 0xffffffff, 0xfffffffe, 1}, /* sint32 */
	{"pipe_entry", "id", "0", "4294967295", "-1", "4294967296", 0, 0xffffffff,
	 0}, /* uint32 */
	{"file_lock_entry", "start", "-9223372036854775808", "9223372036854775807",
	 "-9223372036854775809", "9223372036854775808", UINT64_C(1) << 63, INT64_MAX,
	 UINT64_MAX},
	{"vma_entry", "fd", "-9223372036854775808", "9223372036854775807",
	 "-9223372036854775809", "9223372036854775808", UINT64_MAX, UINT64_MAX - 1,
	 1}, /* sint64 */
	{"ghost_chunk_entry", "len", "0", "18446744073709551615", "-1", "18446744073709551616",
	 0, UINT64_MAX, 0}, /* uint64 */
	{"sk_opts_entry", "so_filter", "0", "18446744073709551615", "-1",
	 "18446744073709551616", 0, UINT64_MAX, 0}, /* fixed64 */
	{"remap_file_path_entry", "remap_type", "-2147483648", "2147483647", "-2147483649",
	 "2147483648", 0xffffffff80000000, 0x7fffffff, UINT64_MAX}, /* enum */
};

static void integers_have_ranges(void)
{
	char quoted[40];
	size_t i;

	for (i = 0; i < COUNT(types); i++) {
		const struct crit_field *f = field_of(types[i].message, types[i].field);

		expect_read(f, types[i].least, types[i].least_wire);
		expect_read(f, types[i].largest, types[i].largest_wire);
		expect_refused(f, types[i].below, "out of range");
		expect_refused(f, types[i].above, "out of range");
		expect_refused(f, "99999999999999999999999999999999999999", "out of range");
		expect_refused(f, "-99999999999999999999999999999999999999", "out of range");
		expect_printed(f, &pretty, types[i].least_wire, false, types[i].least);
		expect_printed(f, &pretty, types[i].largest_wire, false, types[i].largest);
		expect_printed(f, &plain, types[i].largest_wire, false, types[i].largest);
		snprintf(quoted, sizeof(quoted), "\"%s\"", types[i].largest);
		expect_read(f, quoted, types[i].largest_wire);
		snprintf(quoted, sizeof(quoted), "\"%s\"", types[i].above);
		expect_refused(f, quoted, "out of range");
		expect_read(f, "0", 0);
		expect_read(f, "-0", 0);
		if (*types[i].least == '-') {
			expect_read(f, "-1", types[i].minus_one_wire);
			expect_read(f, "\"-0x1\"", types[i].minus_one_wire);
			expect_printed(f, &pretty, types[i].minus_one_wire, false, "-1");
		}
	}
}

/* Protobuf cuts what a 32-bit field can't hold. */
static void wide_varints_are_cut(void)
{
	expect_printed(field_of("pipe_entry", "id"), &plain, 0x100000007, false, "7");
	expect_printed(field_of("file_lock_entry", "pid"), &plain, 0xffffffff, false, "-1");
	expect_printed(field_of("file_lock_entry", "pid"), &plain, 0x12345678fffffffe, false,
		       "-2");
	expect_printed(field_of("reg_file_entry", "mnt_id"), &plain, 0x100000001, false, "-1");
	expect_printed(field_of("remap_file_path_entry", "remap_type"), &plain, 0x100000001,
		       false, "\"GHOST\"");
	expect_printed(field_of("pagemap_entry", "in_parent"), &plain, 0, false, "false");
	expect_printed(field_of("pagemap_entry", "in_parent"), &plain, 2, false, "true");
}

static void integers_as_strings(void)
{
	const struct crit_field *f = field_of("ghost_chunk_entry", "len");
	/* clang-format off */
	static const char *const refused[] = {
		"\"\"", "\" 1\"", "\"1 \"", "\"012\"", "\"00\"", "\"0x\"", "\"0o\"", "\"0b\"",
		"\"0xg\"", "\"0o8\"", "\"0b2\"", "\"x1\"", "\"1f\"", "\"+1\"", "\"--1\"",
		"\"-\"", "\"1_000\"", "\"1.0\"", "\"1e3\"", "\"abc\"", "\"1\xc2\"", "\"0x-1\"",
		"1.0", "1e3", "1.5", "0e0",
	};
	/* clang-format on */
	size_t i;

	expect_read(f, "\"12\"", 12);
	expect_read(f, "\"0x1f\"", 0x1f);
	expect_read(f, "\"0X1F\"", 0x1f);
	expect_read(f, "\"0xffffffffffffffff\"", UINT64_MAX);
	expect_read(f, "\"0o17\"", 15);
	expect_read(f, "\"0b101\"", 5);
	expect_read(f, "\"0x0012\"", 0x12);
	expect_read(f, "\"-0\"", 0);
	for (i = 0; i < COUNT(refused); i++)
		expect_refused(f, refused[i], "expected an integer, got ");
	expect_refused(f, "\"0x10000000000000000\"", "out of range");
	expect_refused(f, "\"-0x1\"", "out of range");
	expect_refused(f, "\"abc\"", "expected an integer, got \"abc\"");
	expect_refused(f, "1.5", "expected an integer, got 1.5");
}

static void hexadecimal(void)
{
	const struct crit_field *marked = field_of("vma_entry", "start");
	const struct crit_field *pid = field_of("file_lock_entry", "pid");
	const struct crit_field *fd = field_of("vma_entry", "fd");
	const struct crit_field *flags = field_of("vma_entry", "prot");
	const struct crit_field *remap = field_of("remap_file_path_entry", "remap_type");

	expect_printed(marked, &pretty, 0, false, "\"0x0\"");
	expect_printed(marked, &pretty, 0x7ffe12345678, false, "\"0x7ffe12345678\"");
	expect_printed(marked, &pretty, UINT64_MAX, false, "\"0xffffffffffffffff\"");
	expect_printed(marked, &plain, 0x1000, false, "4096");
	/* inherited, and over other marks; an enum keeps its names */
	expect_printed(pid, &pretty, 31, true, "\"0x1f\"");
	expect_printed(pid, &pretty, UINT64_MAX, true, "\"-0x1\"");
	expect_printed(pid, &pretty, 0xffffffff80000000, true, "\"-0x80000000\"");
	expect_printed(pid, &plain, UINT64_MAX, true, "-1");
	expect_printed(fd, &pretty, UINT64_MAX, true, "\"-0x8000000000000000\"");
	expect_printed(flags, &pretty, 3, true, "\"0x3\"");
	expect_printed(field_of("mnt_entry", "root_dev"), &pretty, 0x800001, true,
		       "\"0x800001\"");
	expect_printed(field_of("inet_sk_entry", "family"), &pretty, 2, true, "\"0x2\"");
	expect_printed(remap, &pretty, 1, true, "\"GHOST\"");
	expect_printed(remap, &pretty, 77, true, "77");
	expect_read(pid, "\"-0x80000000\"", 0xffffffff80000000);
	expect_refused(pid, "\"-0x80000001\"", "out of range");
	expect_read(fd, "\"-0x8000000000000000\"", UINT64_MAX);
	expect_refused(fd, "\"-0x8000000000000001\"", "out of range");
	expect_refused(pid, "\"0x80000000\"", "out of range");
}

static void flags_are_named(void)
{
	static const struct {
		const char *message, *field;
		uint64_t wire;
		const char *text;
	} table[] = {
		{"vma_entry", "prot", 0, "\"\""},
		{"vma_entry", "prot", 1, "\"PROT_READ\""},
		{"vma_entry", "prot", 7, "\"PROT_READ | PROT_WRITE | PROT_EXEC\""},
		{"vma_entry", "prot", 8, "\"0x8\""},
		{"vma_entry", "prot", 0xfffffffc, "\"PROT_EXEC | 0xfffffff8\""},
		{"vma_entry", "flags", 0x40022, "\"MAP_PRIVATE | MAP_ANON | 0x40000\""},
		{"vma_entry", "flags", 0x101, "\"MAP_SHARED | MAP_GROWSDOWN\""},
		{"vma_entry", "status", 0x80000201,
		 "\"VMA_AREA_REGULAR | VMA_ANON_PRIVATE | VMA_UNSUPP\""},
		{"vma_entry", "status", 0x30010, "\"VMA_AREA_UPROBES | 0x10010\""},
		{"vma_entry", "status", 0x8000, "\"VMA_AREA_SHSTK\""},
		{"reg_file_entry", "flags", 0100002, "\"O_RDWR | O_LARGEFILE\""},
		{"reg_file_entry", "flags", 02004000, "\"O_NONBLOCK | O_CLOEXEC\""},
		{"pagemap_entry", "flags", 6, "\"PE_LAZY | PE_PRESENT\""},
		{"memfd_inode_entry", "seals", 0x1f,
		 "\"F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | "
		 "F_SEAL_FUTURE_WRITE\""},
	};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		const struct crit_field *f = field_of(table[i].message, table[i].field);
		char number[30];

		unit_about("%s", table[i].text);
		snprintf(number, sizeof(number), "%" PRIu64, table[i].wire);
		expect_printed(f, &pretty, table[i].wire, false, table[i].text);
		expect_printed(f, &plain, table[i].wire, false, number);
		expect_read(f, table[i].text, table[i].wire);
		expect_read(f, number, table[i].wire);
	}
}

static void flags_are_read(void)
{
	const struct crit_field *prot = field_of("vma_entry", "prot");
	const struct crit_field *status = field_of("vma_entry", "status");
	/* clang-format off */
	static const char *const refused[] = {
		"\" \"", "\"|\"", "\"PROT_READ |\"", "\"| PROT_READ\"",
		"\"PROT_READ || PROT_EXEC\"", "\"prot_read\"", "\"PROT_READ PROT_EXEC\"",
		"\"PROT_REA\"", "\"PROT_READS\"", "\"MAP_SHARED\"", "\"PROT_READ | 1x\"",
		"\"PROT_READ, PROT_EXEC\"", "\"0x100000000\"", "\"-1\"", "\"PROT_READ + 2\"",
	};
	/* clang-format on */
	size_t i;

	expect_read(prot, "\"PROT_EXEC | PROT_READ\"", 5);
	expect_read(prot, "\"PROT_READ|PROT_WRITE\"", 3);
	expect_read(prot, "\"  PROT_READ  |  PROT_WRITE  \"", 3);
	expect_read(prot, "\"PROT_READ | PROT_READ\"", 1); /* or-ed, not added */
	expect_read(prot, "\"PROT_READ | 0x3 | 0o10\"", 11);
	expect_read(prot, "\"3\"", 3);
	expect_read(prot, "\"0xffffffff\"", 0xffffffff);
	expect_read(status, "\"VMA_AREA_NONE\"", 0);
	expect_read(status, "\"VMA_AREA_NONE | VMA_AREA_HEAP\"", 32);
	for (i = 0; i < COUNT(refused); i++)
		expect_refused(prot, refused[i], "no flag of mmap.prot and no number");
	expect_refused(prot, "\"PROT_READ | PROT_REED\"", "\"PROT_REED\" is no flag");
	expect_refused(prot, "-1", "out of range");
	expect_refused(prot, "1.5", "expected an integer");
}

/* Nothing behind a bar is no flag, what stands before it being 0 or not. */
static void flags_do_not_end_with_a_bar(void)
{
	expect_refused(field_of("vma_entry", "prot"), "\"0 |\"", "no flag");
	expect_refused(field_of("vma_entry", "status"), "\"VMA_AREA_NONE |\"", "no flag");
}

static void tables_of_names(void)
{
	static const struct {
		const char *message, *field;
		uint64_t wire;
		const char *text;
	} table[] = {
		{"inet_sk_entry", "family", 2, "\"INET\""},
		{"inet_sk_entry", "family", 10, "\"INET6\""},
		{"inet_sk_entry", "family", 3, "3"},
		{"inet_sk_entry", "type", 2, "\"DGRAM\""},
		{"inet_sk_entry", "type", 10, "\"PACKET\""},
		{"inet_sk_entry", "proto", 0, "\"IP\""},
		{"inet_sk_entry", "proto", 136, "\"UDPLITE\""},
		{"inet_sk_entry", "proto", 1, "1"},
		{"inet_sk_entry", "state", 10, "\"LISTEN\""},
		{"inet_sk_entry", "state", 0, "0"},
		{"unix_sk_entry", "type", 5, "\"SEQPACKET\""},
		{"task_core_entry", "task_state", 1, "\"Alive\""},
		{"task_core_entry", "task_state", 3, "3"},
		{"task_core_entry", "task_state", 6, "6"},
	};
	const struct crit_field *state = field_of("task_core_entry", "task_state");
	const struct crit_field *type = field_of("inet_sk_entry", "type");
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		const struct crit_field *f = field_of(table[i].message, table[i].field);

		unit_about("%s.%s %s", table[i].message, table[i].field, table[i].text);
		expect_printed(f, &pretty, table[i].wire, false, table[i].text);
		expect_read(f, table[i].text, table[i].wire);
	}
	expect_printed(state, &plain, 1, false, "1");
	/* crit's names with crit's values */
	expect_read(state, "\"Zombie\"", 3);
	expect_read(state, "\"Stopped\"", 6);
	expect_refused(state, "\"Dead\"",
		       "expected a name from its table or a number, got \"Dead\"");
	expect_refused(type, "\"INET\"", "expected a name from its table or a number");
	expect_refused(type, "\"dgram\"", "expected a name from its table or a number");
	expect_refused(type, "\"\"", "expected a name from its table or a number");
	expect_read(type, "\"0x2\"", 2);
	expect_refused(type, "4294967296", "out of range");
}

static void device_numbers(void)
{
	const struct crit_field *dev = field_of("mnt_entry", "root_dev");
	const struct crit_field *odev = field_of("ghost_file_entry", "rdev");
	/* clang-format off */
	static const char *const refused[] = {
		"\"8:\"", "\":1\"", "\":\"", "\"8:1:2\"", "\"a:1\"", "\"8:b\"", "\"-8:1\"",
		"\"8: 1\"", "\"0x8:1\"", "\"4096:0\"", "\"8:1048576\"", "\"4294967296:0\"",
		"\"\"", "\"8\\1\"",
	};
	/* clang-format on */
	size_t i;

	expect_printed(dev, &pretty, 0, false, "\"0:0\"");
	expect_printed(dev, &pretty, 0x800001, false, "\"8:1\"");
	expect_printed(dev, &pretty, 0xffffffff, false, "\"4095:1048575\"");
	expect_printed(dev, &plain, 0x800001, false, "8388609");
	expect_printed(odev, &pretty, makedev(8, 1), false, "\"8:1\"");
	expect_printed(odev, &pretty, makedev(4095, 1048575), false, "\"4095:1048575\"");
	expect_printed(odev, &pretty, makedev(136, 300), false, "\"136:300\"");
	expect_printed(odev, &plain, makedev(8, 1), false, "2049");
	expect_read(dev, "\"8:1\"", 0x800001);
	expect_read(dev, "\"4095:1048575\"", 0xffffffff);
	expect_read(dev, "\"0x800001\"", 0x800001);
	expect_read(dev, "8388609", 0x800001);
	expect_read(odev, "\"8:1\"", makedev(8, 1));
	expect_read(odev, "\"136:300\"", makedev(136, 300));
	expect_read(odev, "\"4095:1048575\"", makedev(4095, 1048575));
	expect_read(odev, "\"2049\"", 2049);
	for (i = 0; i < COUNT(refused); i++) {
		expect_refused(dev, refused[i], "\"major:minor\" or a number");
		expect_refused(odev, refused[i], "\"major:minor\" or a number");
	}
	expect_refused(dev, "4294967296", "out of range");
}

static void enums_have_names(void)
{
	const struct crit_field *f = field_of("remap_file_path_entry", "remap_type");
	/* clang-format off */
	static const char *const refused[] = {
		"\"ghost\"", "\"\"", "\"GHOST \"", "\"GHOSTS\"", "\"TTY\"", "1.0",
		"\"remap_type\"",
	};
	/* clang-format on */
	size_t i;

	expect_printed(f, &pretty, 0, false, "\"LINKED\"");
	expect_printed(f, &plain, 1, false, "\"GHOST\"");
	expect_printed(f, &pretty, 77, false, "77");
	expect_printed(f, &pretty, UINT64_MAX - 4, false, "-5");
	expect_read(f, "\"PROCFS\"", 2);
	expect_read(f, "77", 77);
	expect_read(f, "\"77\"", 77);
	expect_read(f, "\"-5\"", UINT64_MAX - 4);
	for (i = 0; i < COUNT(refused); i++)
		expect_refused(f, refused[i], "expected a name of its enum or a number");
	expect_refused(f, "\"2147483648\"", "out of range");
}

/* All names of all enums, both ways. */
static void every_enum_name(void)
{
	size_t m;
	unsigned i, v;

	for (m = 0; m < crit_n_messages; m++) {
		for (i = 0; i < crit_messages[m]->pb->n_fields; i++) {
			const struct crit_field *f = &crit_messages[m]->fields[i];
			const ProtobufCEnumDescriptor *e = f->pb->descriptor;

			if (f->pb->type != PROTOBUF_C_TYPE_ENUM)
				continue;
			for (v = 0; v < e->n_values; v++) {
				char quoted[100];

				snprintf(quoted, sizeof(quoted), "\"%s\"", e->values[v].name);
				expect_read(f, quoted, (uint64_t)(int64_t)e->values[v].value);
				expect_printed(f, &pretty,
					       (uint64_t)(int64_t)e->values[v].value, false,
					       quoted);
			}
		}
	}
}

/* Computed with Python's ipaddress; words as little and as big endian images have them. */
static const struct {
	const char *text;
	unsigned n_words;
	uint32_t little[4], big[4];
} addresses[] = {
	{"0.0.0.0", 1, {0x00000000}, {0x00000000}},
	{"127.0.0.1", 1, {0x0100007f}, {0x7f000001}},
	{"255.255.255.255", 1, {0xffffffff}, {0xffffffff}},
	{"192.168.0.1", 1, {0x0100a8c0}, {0xc0a80001}},
	{"1.2.3.4", 1, {0x04030201}, {0x01020304}},
	{"::",
	 4,
	 {0x00000000, 0x00000000, 0x00000000, 0x00000000},
	 {0x00000000, 0x00000000, 0x00000000, 0x00000000}},
	{"::1",
	 4,
	 {0x00000000, 0x00000000, 0x00000000, 0x01000000},
	 {0x00000000, 0x00000000, 0x00000000, 0x00000001}},
	{"1::",
	 4,
	 {0x00000100, 0x00000000, 0x00000000, 0x00000000},
	 {0x00010000, 0x00000000, 0x00000000, 0x00000000}},
	{"fe80::1",
	 4,
	 {0x000080fe, 0x00000000, 0x00000000, 0x01000000},
	 {0xfe800000, 0x00000000, 0x00000000, 0x00000001}},
	{"2001:db8::8a2e:370:7334",
	 4,
	 {0xb80d0120, 0x00000000, 0x2e8a0000, 0x34737003},
	 {0x20010db8, 0x00000000, 0x00008a2e, 0x03707334}},
	{"2001:db8:0:1:1:1:1:1",
	 4,
	 {0xb80d0120, 0x01000000, 0x01000100, 0x01000100},
	 {0x20010db8, 0x00000001, 0x00010001, 0x00010001}},
	{"1:0:0:2::3",
	 4,
	 {0x00000100, 0x02000000, 0x00000000, 0x03000000},
	 {0x00010000, 0x00000002, 0x00000000, 0x00000003}},
	{"1::2:3:0:0:4",
	 4,
	 {0x00000100, 0x02000000, 0x00000300, 0x04000000},
	 {0x00010000, 0x00000002, 0x00030000, 0x00000004}},
	{"0:0:1::",
	 4,
	 {0x00000000, 0x00000100, 0x00000000, 0x00000000},
	 {0x00000000, 0x00010000, 0x00000000, 0x00000000}},
	{"1:2:3:4:5:6:7:8",
	 4,
	 {0x02000100, 0x04000300, 0x06000500, 0x08000700},
	 {0x00010002, 0x00030004, 0x00050006, 0x00070008}},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	 4,
	 {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
	 {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
	{"::ffff:102:304",
	 4,
	 {0x00000000, 0x00000000, 0xffff0000, 0x04030201},
	 {0x00000000, 0x00000000, 0x0000ffff, 0x01020304}},
	{"::102:304",
	 4,
	 {0x00000000, 0x00000000, 0x00000000, 0x04030201},
	 {0x00000000, 0x00000000, 0x00000000, 0x01020304}},
	{"64:ff9b::c000:221",
	 4,
	 {0x9bff6400, 0x00000000, 0x00000000, 0x210200c0},
	 {0x0064ff9b, 0x00000000, 0x00000000, 0xc0000221}},
	{"0:1:0:1:0:1:0:1",
	 4,
	 {0x01000000, 0x01000000, 0x01000000, 0x01000000},
	 {0x00000001, 0x00000001, 0x00000001, 0x00000001}},
	{"a:b:c:d:e:f::",
	 4,
	 {0x0b000a00, 0x0d000c00, 0x0f000e00, 0x00000000},
	 {0x000a000b, 0x000c000d, 0x000e000f, 0x00000000}},
	{"::a:b:c:d:e:f",
	 4,
	 {0x00000000, 0x0b000a00, 0x0d000c00, 0x0f000e00},
	 {0x00000000, 0x000a000b, 0x000c000d, 0x000e000f}},
	{"a:0:b:c:d:e:f:1",
	 4,
	 {0x00000a00, 0x0c000b00, 0x0e000d00, 0x01000f00},
	 {0x000a0000, 0x000b000c, 0x000d000e, 0x000f0001}},
	{"1:2::5:6:0:0",
	 4,
	 {0x02000100, 0x00000000, 0x06000500, 0x00000000},
	 {0x00010002, 0x00000000, 0x00050006, 0x00000000}},
};

static void addresses_as_python(void)
{
	const struct crit_style little = {.big_endian = false}, big = {.big_endian = true};
	struct crit_buf out = {0};
	uint32_t words[4];
	char quoted[60];
	size_t i;

	for (i = 0; i < COUNT(addresses); i++) {
		struct crit_scalar s = {true, addresses[i].text, strlen(addresses[i].text)};
		unsigned n = addresses[i].n_words;

		unit_about("%s", addresses[i].text);
		snprintf(quoted, sizeof(quoted), "\"%s\"", addresses[i].text);
		crit_buf_reset(&out);
		crit_address_print(&out, addresses[i].little, n, &little);
		expect_bytes(out.data, out.len, quoted, strlen(quoted));
		crit_buf_reset(&out);
		crit_address_print(&out, addresses[i].big, n, &big);
		expect_bytes(out.data, out.len, quoted, strlen(quoted));
		expect_int(crit_address_read(&s, &little, words), n);
		expect_bytes(words, 4 * n, addresses[i].little, 4 * n);
		expect_int(crit_address_read(&s, &big, words), n);
		expect_bytes(words, 4 * n, addresses[i].big, 4 * n);
	}
	crit_buf_fini(&out);
}

static void other_spellings_of_addresses(void)
{
	static const struct {
		const char *text;
		uint32_t big[4];
	} table[] = {
		{"0:0:0:0:0:0:0:1", {0, 0, 0, 1}},
		{"2001:DB8::1", {0x20010db8, 0, 0, 1}},
		{"2001:0db8::0001", {0x20010db8, 0, 0, 1}},
		{"::ffff:1.2.3.4", {0, 0, 0xffff, 0x01020304}},
	};
	/* clang-format off */
	static const char *const refused[] = {
		"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/8",
		"::1%lo", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"12345::", "g::", "[::1]", "0x7f000001",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", "1.2.3.4\n",
	};
	/* clang-format on */
	const struct crit_style big = {.big_endian = true};
	struct crit_scalar s;
	uint32_t words[4];
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("%s", table[i].text);
		s = (struct crit_scalar){true, table[i].text, strlen(table[i].text)};
		expect_int(crit_address_read(&s, &big, words), 4);
		expect_bytes(words, sizeof(words), table[i].big, sizeof(words));
	}
	for (i = 0; i < COUNT(refused); i++) {
		unit_about("%s", refused[i]);
		s = (struct crit_scalar){true, refused[i], strlen(refused[i])};
		expect_int(crit_address_read(&s, &big, words), 0);
	}
	unit_about("a number");
	s = (struct crit_scalar){false, "1.2.3.4", 7};
	expect_int(crit_address_read(&s, &big, words), 0);
}

/* A NUL ends a C string, but not the text. */
static void addresses_are_read_to_the_end(void)
{
	struct crit_scalar v4 = {true, "1.2.3.4\0x", 9}, v6 = {true, "::1\0", 4};
	uint32_t words[4];

	expect_int(crit_address_read(&v4, &pretty, words), 0);
	expect_int(crit_address_read(&v6, &pretty, words), 0);
}

/* A number's digits, made and counted, as C has them. */
static void expect_digits(uint64_t v)
{
	struct crit_sink counting = crit_sink_counting(), to;
	struct crit_buf out = {0};
	char wanted[60];

	snprintf(wanted, sizeof(wanted), "%" PRIu64 " %" PRIx64, v, v);
	to = crit_sink_of(&out);
	crit_sink_decimal(&to, v);
	crit_sink_byte(&to, ' ');
	crit_sink_hex(&to, v);
	crit_sink_close(&to);
	expect_bytes(out.data, out.len, wanted, strlen(wanted));
	crit_sink_decimal(&counting, v);
	crit_sink_byte(&counting, ' ');
	crit_sink_hex(&counting, v);
	expect_u64(counting.at, strlen(wanted));
	crit_buf_fini(&out);
}

static void digits_of_all_lengths(void)
{
	uint64_t ten = 1;
	unsigned i;

	for (i = 0; i < 20; i++, ten *= 10) {
		expect_digits(ten - 1);
		expect_digits(ten);
		expect_digits(ten + 1);
		expect_digits(ten / 9 * 7);
	}
	for (i = 0; i < 64; i++) {
		expect_digits(UINT64_C(1) << i);
		expect_digits((UINT64_C(1) << i) - 1);
		expect_digits(UINT64_C(0xfedcba9876543210) >> i);
	}
	expect_digits(UINT64_MAX);
}

/* Nothing is written behind the end of a buffer that has failed. */
static void failed_buffers_stay_as_they_are(void)
{
	uint8_t bytes[64] = {0};
	struct crit_buf out = {.data = bytes, .len = 8, .cap = 8, .error = -EFBIG};
	const struct crit_field *field = field_of("pagemap_entry", "vaddr");

	crit_value_print(&out, field, &pretty, UINT64_MAX, false);
	crit_quote(&out, "some text", 9);
	crit_quote_base64(&out, "some bytes", 10);
	expect_u64(out.len, 8);
	expect_int(out.error, -EFBIG);
	expect_bytes(bytes, sizeof(bytes), (uint8_t[sizeof(bytes)]){0}, sizeof(bytes));
}

static const struct unit_test tests[] = {
	TEST(digits_of_all_lengths),
	TEST(failed_buffers_stay_as_they_are),
	TEST(integers_have_ranges),
	TEST(wide_varints_are_cut),
	TEST(integers_as_strings),
	TEST(hexadecimal),
	TEST(flags_are_named),
	TEST(flags_are_read),
	TEST(flags_do_not_end_with_a_bar),
	TEST(tables_of_names),
	TEST(device_numbers),
	TEST(enums_have_names),
	TEST(every_enum_name),
	TEST(addresses_as_python),
	TEST(other_spellings_of_addresses),
	TEST(addresses_are_read_to_the_end),
};

UNIT_MAIN(tests)
