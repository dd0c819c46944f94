/*
 * Which files are images, and of which type: headers and names.
 */
#include "decoder/image.h"
#include "unit.h"

#define COMMON  "\x19\x43\x56\x54"
#define SERVICE "\x40\x59\x10\x55"
#define PSTREE  "\x30\x30\x27\x50"

static void headers(void)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		const char *type; /* NULL: no image */
		unsigned header;
		bool big_endian;
	} table[] = {
		{"pstree.img", COMMON PSTREE, 8, "PSTREE", 8, false},
		{"pstree.img", COMMON PSTREE "more", 12, "PSTREE", 8, false},
		{"pstree.img", PSTREE, 4, "PSTREE", 4, false}, /* v1.0 */
		{"pstree.img", PSTREE "\x02\0\0\0", 8, "PSTREE", 4, false},
		{"pstree.img", "\x54\x56\x43\x19\x50\x27\x30\x30", 8, "PSTREE", 8, true},
		{"pstree.img", "\x50\x27\x30\x30", 4, "PSTREE", 4, true},
		{"inventory.img", "\x16\x31\x31\x58", 4, "INVENTORY", 4, false},
		{"inventory.img", "\x58\x31\x31\x16\0\0\0\0", 8, "INVENTORY", 4, true},
		{"stats-dump", SERVICE "\x06\x33\x09\x57", 8, "STATS", 8, false},
		{"stats-dump", "\x55\x10\x59\x40\x57\x09\x33\x06", 8, "STATS", 8, true},
		{"stats-restore", "\x06\x33\x09\x57", 4, "STATS", 4, false},
		{"irmap-cache", SERVICE "\x59\x40\x00\x57", 8, "IRMAP_CACHE", 8, false},
		/* two words say enough whatever the name is, one word only with an image's */
		{"whatever", COMMON PSTREE, 8, "PSTREE", 8, false},
		{"core-1.img", COMMON PSTREE, 8, "PSTREE", 8, false},
		{"whatever", PSTREE, 4, NULL, 0, false},
		{"whatever.img", PSTREE, 4, "PSTREE", 4, false},
		{"pstree.img.bak", PSTREE, 4, NULL, 0, false},
		{"pstree.img", "", 0, NULL, 0, false},
		{"pstree.img", PSTREE, 3, NULL, 0, false},
		{"pstree.img", COMMON PSTREE, 4, NULL, 0, false},
		{"pstree.img", COMMON PSTREE, 7, NULL, 0, false},
		{"pstree.img", COMMON "\x31\x30\x27\x50", 8, NULL, 0, false},
		{"pstree.img", COMMON "\x50\x27\x30\x30", 8, NULL, 0,
		 false}, /* one word each way */
		{"pstree.img", "\x31\x30\x27\x50\0\0\0\0", 8, NULL, 0, false},
		{"dump.log", "(00.000", 7, NULL, 0, false},
		/* raw whatever they begin with */
		{"pages-1.img", COMMON PSTREE, 8, NULL, 0, false},
		{"iptables-9.img", COMMON PSTREE, 8, NULL, 0, false},
		{"tmpfs-dev-1.tar.gz.img", PSTREE, 4, NULL, 0, false},
	};
	struct crit_header h;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		unit_about("row %zu, %s", i, table[i].name);
		expect_int(crit_header_read(table[i].name, table[i].bytes, table[i].len, &h),
			   table[i].type != NULL);
		if (!table[i].type)
			continue;
		expect_str(h.type->name, table[i].type);
		expect_bytes(h.bytes, h.len, table[i].bytes, table[i].header);
		expect_int(h.big_endian, table[i].big_endian);
	}
}

static void raw_names(void)
{
	/* clang-format off */
	static const char *const raw[] = {
		"pages-1.img", "pages-shmem-1.img", "iptables-9.img", "ip6tables-9.img",
		"nftables-9.img", "route-9.img", "route6-9.img", "ifaddr-9.img", "rule-9.img",
		"tmpfs-1.tar.gz.img", "tmpfs-dev-1.tar.gz.img", "netns-ct-9.img",
		"netns-exp-9.img", "amdgpu-kfd-1.img",
	};
	/* clang-format on */
	/* clang-format off */
	static const char *const others[] = {
		"pagemap-1.img", "netns-9.img", "netdev-9.img", "core-1.img", "page-1.img",
		"pages.img", "", "Pages-1.img", "xpages-1.img", "autofs-1.img",
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < COUNT(raw); i++) {
		unit_about("%s", raw[i]);
		expect(crit_name_is_raw(raw[i]));
		expect(!crit_type_by_name(raw[i]));
	}
	for (i = 0; i < COUNT(others); i++) {
		unit_about("%s", others[i]);
		expect(!crit_name_is_raw(others[i]));
	}
}

/* What a row of the table calls file number `n`, as printf() understands it. */
static void name_by_printf(const char *pattern, unsigned long n, char *out, size_t size)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (strstr(pattern, "%s"))
		snprintf(out, size, pattern, "dump");
	else if (strstr(pattern, "%lu"))
		snprintf(out, size, pattern, n);
	else
		snprintf(out, size, pattern, (unsigned)n);
#pragma GCC diagnostic pop
}

static void types_by_name(void)
{
	static const unsigned long numbers[] = {0, 1, 9, 10, 31, 12345, 4294967295};
	size_t t, p, i;
	char name[100];

	for (t = 0; t < crit_n_types; t++) {
		expect(crit_types[t].file_name[0] != NULL);
		for (p = 0; p < 2 && crit_types[t].file_name[p]; p++) {
			for (i = 0; i < COUNT(numbers); i++) {
				name_by_printf(crit_types[t].file_name[p], numbers[i], name,
					       sizeof(name));
				unit_about("%s", name);
				expect(crit_type_by_name(name) == &crit_types[t]);
			}
		}
		expect(crit_type_by_magic(crit_types[t].magic) == &crit_types[t]);
		expect(crit_types[t].head && crit_types[t].rest);
	}
	expect(!crit_type_by_magic(0));
	expect(!crit_type_by_magic(CRIT_MAGIC_COMMON));
}

static void names_of_no_type(void)
{
	/* clang-format off */
	static const char *const names[] = {
		"", ".img", "core.img", "core-.img", "core-1a.img", "core--1.img",
		"core-1.img.bak", "core-1.imgx", "xcore-1.img", "core-1", "core-%u.img",
		"CORE-1.img", "tcp-stream-.img", "tcp-stream-G.img", "tcp-stream-1F.img",
		"stats-", "stats", "inventory", "inventory.img~", "core-1 .img", "pagemap-.img",
		"pagemap-shmem-1f.img", "ghost-file-1g.img", "mm-a.img", "pagemap-shmem-.img",
		"pagemap-shmem.img", "signal-x-1.img", "files-1.img", ".critfs", "parent",
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		unit_about("%s", names[i]);
		expect(crit_type_by_name(names[i]) == NULL);
	}
	expect_str(crit_type_by_name("tcp-stream-1f.img")->name, "TCP_STREAM");
	expect_str(crit_type_by_name("pagemap-shmem-7.img")->name, "PAGEMAP");
	expect_str(crit_type_by_name("stats-anything")->name, "STATS");
	expect_str(crit_type_by_name("signal-p-3.img")->name, "SIGNAL");
	expect_str(crit_type_by_name("binfmt-misc.img")->name, "BINFMT_MISC");
	expect_str(crit_type_by_name("binfmt-misc-8.img")->name, "BINFMT_MISC");
}

static const struct unit_test tests[] = {
	TEST(headers),
	TEST(raw_names),
	TEST(types_by_name),
	TEST(names_of_no_type),
};

UNIT_MAIN(tests)
