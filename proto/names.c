/*
 * Names for numbers, see names.h. Names and values are those of crit, so that
 * its documents and those of critfs can be exchanged. The numbers belong to the
 * image format, not to the machine that critfs runs on; therefore they are
 * written out here and not taken from system headers.
 */
#include "proto/names.h"

#define BIT(n) (UINT64_C(1) << (n))

/* One name a line, the numbers in a column. */
/* clang-format off */

#define NAME(text, number) \
	{ .name = text, .value = number, .len = sizeof(text) - 1 }
#define INPUT_NAME(text, number) \
	{ .name = text, .value = number, .len = sizeof(text) - 1, .input_only = true }
#define END { .name = NULL }

#define TABLE(id, text) \
	const struct crit_names id = { .title = text, .names = id##_names }

static const struct crit_name crit_flags_mmap_prot_names[] = {
	NAME("PROT_READ",  0x1),
	NAME("PROT_WRITE", 0x2),
	NAME("PROT_EXEC",  0x4),
	END
};
TABLE(crit_flags_mmap_prot, "mmap.prot");

static const struct crit_name crit_flags_mmap_flags_names[] = {
	NAME("MAP_SHARED",    0x1),
	NAME("MAP_PRIVATE",   0x2),
	NAME("MAP_DROPPABLE", 0x8),
	NAME("MAP_ANON",      0x20),
	NAME("MAP_GROWSDOWN", 0x100),
	END
};
TABLE(crit_flags_mmap_flags, "mmap.flags");

static const struct crit_name crit_flags_mmap_status_names[] = {
	INPUT_NAME("VMA_AREA_NONE", 0),
	NAME("VMA_AREA_REGULAR",    BIT(0)),
	NAME("VMA_AREA_STACK",      BIT(1)),
	NAME("VMA_AREA_VSYSCALL",   BIT(2)),
	NAME("VMA_AREA_VDSO",       BIT(3)),
	NAME("VMA_AREA_HEAP",       BIT(5)),
	NAME("VMA_FILE_PRIVATE",    BIT(6)),
	NAME("VMA_FILE_SHARED",     BIT(7)),
	NAME("VMA_ANON_SHARED",     BIT(8)),
	NAME("VMA_ANON_PRIVATE",    BIT(9)),
	NAME("VMA_AREA_SYSVIPC",    BIT(10)),
	NAME("VMA_AREA_SOCKET",     BIT(11)),
	NAME("VMA_AREA_VVAR",       BIT(12)),
	NAME("VMA_AREA_AIORING",    BIT(13)),
	NAME("VMA_AREA_MEMFD",      BIT(14)),
	NAME("VMA_AREA_SHSTK",      BIT(15)),
	NAME("VMA_AREA_UPROBES",    BIT(17)),
	NAME("VMA_UNSUPP",          BIT(31)),
	END
};
TABLE(crit_flags_mmap_status, "mmap.status");

/* Open flags as x86 numbers them. */
static const struct crit_name crit_flags_rfile_flags_names[] = {
	NAME("O_WRONLY",    01),
	NAME("O_RDWR",      02),
	NAME("O_CREAT",     0100),
	NAME("O_EXCL",      0200),
	NAME("O_NOCTTY",    0400),
	NAME("O_TRUNC",     01000),
	NAME("O_APPEND",    02000),
	NAME("O_NONBLOCK",  04000),
	NAME("O_DSYNC",     010000),
	NAME("FASYNC",      020000),
	NAME("O_DIRECT",    040000),
	NAME("O_LARGEFILE", 0100000),
	NAME("O_DIRECTORY", 0200000),
	NAME("O_NOFOLLOW",  0400000),
	NAME("O_NOATIME",   01000000),
	NAME("O_CLOEXEC",   02000000),
	END
};
TABLE(crit_flags_rfile_flags, "rfile.flags");

static const struct crit_name crit_flags_pmap_flags_names[] = {
	NAME("PE_PARENT",  0x1),
	NAME("PE_LAZY",    0x2),
	NAME("PE_PRESENT", 0x4),
	END
};
TABLE(crit_flags_pmap_flags, "pmap.flags");

static const struct crit_name crit_flags_seals_flags_names[] = {
	NAME("F_SEAL_SEAL",         0x1),
	NAME("F_SEAL_SHRINK",       0x2),
	NAME("F_SEAL_GROW",         0x4),
	NAME("F_SEAL_WRITE",        0x8),
	NAME("F_SEAL_FUTURE_WRITE", 0x10),
	END
};
TABLE(crit_flags_seals_flags, "seals.flags");

/*
 * In the images 3 is a stopped process and 6 a zombie, but crit names them the
 * other way round. Its documents must encode to the bytes it means, so its names
 * are understood; they are not shown, because a reader would be misled.
 */
static const struct crit_name crit_dict_gen_task_state_names[] = {
	NAME("Alive",         1),
	INPUT_NAME("Zombie",  3),
	INPUT_NAME("Stopped", 6),
	END
};
TABLE(crit_dict_gen_task_state, "gen.task_state");

static const struct crit_name crit_dict_sk_family_names[] = {
	NAME("UNIX",    1),
	NAME("INET",    2),
	NAME("INET6",   10),
	NAME("NETLINK", 16),
	NAME("PACKET",  17),
	END
};
TABLE(crit_dict_sk_family, "sk.family");

static const struct crit_name crit_dict_sk_type_names[] = {
	NAME("STREAM",    1),
	NAME("DGRAM",     2),
	NAME("RAW",       3),
	NAME("SEQPACKET", 5),
	NAME("PACKET",    10),
	END
};
TABLE(crit_dict_sk_type, "sk.type");

/* TCP's states; a socket of another kind is in one of them too. */
static const struct crit_name crit_dict_sk_state_names[] = {
	NAME("ESTABLISHED", 1),
	NAME("SYN_SENT",    2),
	NAME("SYN_RECV",    3),
	NAME("FIN_WAIT1",   4),
	NAME("FIN_WAIT2",   5),
	NAME("TIME_WAIT",   6),
	NAME("CLOSE",       7),
	NAME("CLOSE_WAIT",  8),
	NAME("LAST_ACK",    9),
	NAME("LISTEN",      10),
	END
};
TABLE(crit_dict_sk_state, "sk.state");

static const struct crit_name crit_dict_sk_proto_names[] = {
	NAME("IP",      0),
	NAME("TCP",     6),
	NAME("UDP",     17),
	NAME("UDPLITE", 136),
	END
};
TABLE(crit_dict_sk_proto, "sk.proto");
