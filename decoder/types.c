/*
 * The table of image types. Adding a type is one row.
 */
#include "decoder/types.h"

#include <string.h>

#include "schema-messages.h"

#define COMMON  CRIT_MAGIC_COMMON
#define SERVICE CRIT_MAGIC_SERVICE

/* clang-format off */
#define ALL(message)     .head = &crit_msg_##message, .rest = &crit_msg_##message
#define HEAD(first, all) .head = &crit_msg_##first, .rest = &crit_msg_##all

const struct crit_type crit_types[] = {
	{"INVENTORY", 0x58313116, 0, {"inventory.img"},
	 ALL(inventory_entry)},
	{"PSTREE", 0x50273030, COMMON, {"pstree.img"},
	 ALL(pstree_entry)},
	{"CORE", 0x55053847, COMMON, {"core-%u.img"},
	 ALL(core_entry)},
	{"IDS", 0x54432030, COMMON, {"ids-%u.img"},
	 ALL(task_kobj_ids_entry)},
	{"MM", 0x57492820, COMMON, {"mm-%u.img"},
	 ALL(mm_entry)},
	{"FS", 0x51403912, COMMON, {"fs-%u.img"},
	 ALL(fs_entry)},
	{"PAGEMAP", 0x56084025, COMMON, {"pagemap-%lu.img", "pagemap-shmem-%lu.img"},
	 HEAD(pagemap_head, pagemap_entry)},
	{"FDINFO", 0x56213732, COMMON, {"fdinfo-%u.img"},
	 ALL(fdinfo_entry)},
	{"FILES", 0x56303138, COMMON, {"files.img"},
	 ALL(file_entry)},
	{"REMAP_FPATH", 0x59133954, COMMON, {"remap-fpath.img"},
	 ALL(remap_file_path_entry)},
	{"GHOST_FILE", 0x52583605, COMMON, {"ghost-file-%x.img"},
	 HEAD(ghost_file_entry, ghost_chunk_entry), .extra = CRIT_EXTRA_GHOST},
	{"TCP_STREAM", 0x51465506, COMMON, {"tcp-stream-%x.img"},
	 ALL(tcp_stream_entry), .extra = CRIT_EXTRA_TCP},
	{"SK_QUEUES", 0x56264026, COMMON, {"sk-queues.img"},
	 ALL(sk_packet_entry), .extra = CRIT_EXTRA_LENGTH},
	{"PIPES_DATA", 0x56453709, COMMON, {"pipes-data.img"},
	 ALL(pipe_data_entry), .extra = CRIT_EXTRA_BYTES},
	{"FIFO_DATA", 0x59333054, COMMON, {"fifo-data.img"},
	 ALL(pipe_data_entry), .extra = CRIT_EXTRA_BYTES},
	{"TTY_INFO", 0x59453036, COMMON, {"tty-info.img"},
	 ALL(tty_info_entry)},
	{"TTY_DATA", 0x59413026, COMMON, {"tty-data.img"},
	 ALL(tty_data_entry)},
	{"CGROUP", 0x59383330, COMMON, {"cgroup.img"},
	 ALL(cgroup_entry)},
	{"FILE_LOCKS", 0x54323616, COMMON, {"filelocks.img"},
	 ALL(file_lock_entry)},
	{"SECCOMP", 0x64413049, COMMON, {"seccomp.img"},
	 ALL(seccomp_entry)},
	{"APPARMOR", 0x59423047, COMMON, {"apparmor.img"},
	 ALL(apparmor_entry)},
	{"MEMFD_INODE", 0x48453499, COMMON, {"memfd.img"},
	 ALL(memfd_inode_entry)},
	{"BPFMAP_DATA", 0x64324033, COMMON, {"bpfmap-data.img"},
	 ALL(bpfmap_data_entry), .extra = CRIT_EXTRA_BPFMAP},
	{"UTSNS", 0x54473203, COMMON, {"utsns-%u.img"},
	 ALL(utsns_entry)},
	{"IPC_VAR", 0x53115007, COMMON, {"ipcns-var-%u.img"},
	 ALL(ipc_var_entry)},
	{"IPCNS_SHM", 0x46283044, COMMON, {"ipcns-shm-%u.img"},
	 ALL(ipc_shm_entry), .extra = CRIT_EXTRA_SHM},
	{"IPCNS_MSG", 0x55453737, COMMON, {"ipcns-msg-%u.img"},
	 ALL(ipc_msg_entry), .extra = CRIT_EXTRA_MSG},
	{"IPCNS_SEM", 0x59573019, COMMON, {"ipcns-sem-%u.img"},
	 ALL(ipc_sem_entry), .extra = CRIT_EXTRA_SEM},
	{"TIMENS", 0x43114433, COMMON, {"timens-%u.img"},
	 ALL(timens_entry)},
	{"PIDNS", 0x61157326, COMMON, {"pidns-%u.img"},
	 ALL(pidns_entry)},
	{"USERNS", 0x55474906, COMMON, {"userns-%u.img"},
	 ALL(userns_entry)},
	{"MNTS", 0x55563928, COMMON, {"mountpoints-%u.img"},
	 ALL(mnt_entry)},
	{"NETDEV", 0x57373951, COMMON, {"netdev-%u.img"},
	 ALL(net_device_entry)},
	{"NETNS", 0x55933752, COMMON, {"netns-%u.img"},
	 ALL(netns_entry)},
	{"CPUINFO", 0x61404013, COMMON, {"cpuinfo.img"},
	 ALL(cpuinfo_entry)},
	{"AUTOFS", 0x49353943, COMMON, {"autofs-%u.img"},
	 ALL(autofs_entry)},
	{"BINFMT_MISC", 0x67343323, COMMON, {"binfmt-misc.img", "binfmt-misc-%u.img"},
	 ALL(binfmt_misc_entry)},
	{"STATS", 0x57093306, SERVICE, {"stats-%s"},
	 ALL(stats_entry)},
	{"IRMAP_CACHE", 0x57004059, SERVICE, {"irmap-cache"},
	 ALL(irmap_cache_entry)},

	/* only old dumps have these */
	{"PIDFD", 0x54435556, COMMON, {"pidfd.img"},
	 ALL(pidfd_entry)},
	{"SIGNAL", 0x59255647, COMMON, {"signal-s-%u.img", "signal-p-%u.img"},
	 ALL(siginfo_entry)},
	{"VMAS", 0x54123737, COMMON, {"vmas-%u.img"},
	 ALL(vma_entry)},
	{"SIGACT", 0x55344201, COMMON, {"sigacts-%u.img"},
	 ALL(sa_entry)},
	{"ITIMERS", 0x57464056, COMMON, {"itimers-%u.img"},
	 ALL(itimer_entry)},
	{"POSIX_TIMERS", 0x52603957, COMMON, {"posix-timers-%u.img"},
	 ALL(posix_timer_entry)},
	{"RLIMIT", 0x57113925, COMMON, {"rlimit-%u.img"},
	 ALL(rlimit_entry)},
	{"CREDS", 0x54023547, COMMON, {"creds-%u.img"},
	 ALL(creds_entry)},
	{"REG_FILES", 0x50363636, COMMON, {"reg-files.img"},
	 ALL(reg_file_entry)},
	{"EXT_FILES", 0x59255641, COMMON, {"ext-files.img"},
	 ALL(ext_file_entry)},
	{"NS_FILES", 0x61394011, COMMON, {"ns-files.img"},
	 ALL(ns_file_entry)},
	{"PIPES", 0x56513555, COMMON, {"pipes.img"},
	 ALL(pipe_entry)},
	{"FIFO", 0x58364939, COMMON, {"fifo.img"},
	 ALL(fifo_entry)},
	{"UNIXSK", 0x54373943, COMMON, {"unixsk.img"},
	 ALL(unix_sk_entry)},
	{"INETSK", 0x56443851, COMMON, {"inetsk.img"},
	 ALL(inet_sk_entry)},
	{"PACKETSK", 0x60454618, COMMON, {"packetsk.img"},
	 ALL(packet_sock_entry)},
	{"NETLINK_SK", 0x58005614, COMMON, {"netlinksk.img"},
	 ALL(netlink_sk_entry)},
	{"EVENTFD_FILE", 0x44523722, COMMON, {"eventfd.img"},
	 ALL(eventfd_file_entry)},
	{"EVENTPOLL_FILE", 0x45023858, COMMON, {"eventpoll.img"},
	 ALL(eventpoll_file_entry)},
	{"EVENTPOLL_TFD", 0x44433746, COMMON, {"eventpoll-tfd.img"},
	 ALL(eventpoll_tfd_entry)},
	{"SIGNALFD", 0x57323820, COMMON, {"signalfd.img"},
	 ALL(signalfd_entry)},
	{"INOTIFY_FILE", 0x48424431, COMMON, {"inotify.img"},
	 ALL(inotify_file_entry)},
	{"INOTIFY_WD", 0x54562009, COMMON, {"inotify-wd.img"},
	 ALL(inotify_wd_entry)},
	{"FANOTIFY_FILE", 0x55096122, COMMON, {"fanotify.img"},
	 ALL(fanotify_file_entry)},
	{"FANOTIFY_MARK", 0x56506035, COMMON, {"fanotify-mark.img"},
	 ALL(fanotify_mark_entry)},
	{"TTY_FILES", 0x59433025, COMMON, {"tty.img"},
	 ALL(tty_file_entry)},
	{"TUNFILE", 0x57143751, COMMON, {"tunfile.img"},
	 ALL(tunfile_entry)},
	{"TIMERFD", 0x50493712, COMMON, {"timerfd.img"},
	 ALL(timerfd_entry)},
	{"BPFMAP_FILE", 0x57506142, COMMON, {"bpfmap-file.img"},
	 ALL(bpfmap_file_entry)},
};

/* clang-format on */

const size_t crit_n_types = sizeof(crit_types) / sizeof(crit_types[0]);

static const char *const raw_prefixes[] = {
	"pages-",  "iptables-", "ip6tables-", "nftables-", "route-",     "route6-",
	"ifaddr-", "rule-",     "tmpfs-",     "netns-ct-", "netns-exp-", "amdgpu-",
};

const struct crit_type *crit_type_by_magic(uint32_t magic)
{
	size_t i;

	for (i = 0; i < crit_n_types; i++)
		if (crit_types[i].magic == magic)
			return &crit_types[i];
	return NULL;
}

const struct crit_type *crit_type_by_title(const char *title, size_t len)
{
	size_t i;

	for (i = 0; i < crit_n_types; i++)
		if (strlen(crit_types[i].name) == len &&
		    !memcmp(crit_types[i].name, title, len))
			return &crit_types[i];
	return NULL;
}

/* Does the name follow the pattern, its one conversion standing for 1+ characters? */
static bool name_matches(const char *pattern, const char *name)
{
	size_t before = strcspn(pattern, "%"), len = strlen(name), after;
	const char *digits, *rest;

	if (!pattern[before])
		return !strcmp(pattern, name);
	rest = pattern + before + 1;
	digits = *rest == 'x' ? "0123456789abcdef" : *rest == 's' ? NULL : "0123456789";
	rest += *rest == 'l' ? 2 : 1;
	after = strlen(rest);
	if (len <= before + after || strncmp(name, pattern, before) ||
	    strcmp(name + len - after, rest))
		return false;
	return !digits || strspn(name + before, digits) == len - before - after;
}

const struct crit_type *crit_type_by_name(const char *file_name)
{
	size_t i, n;

	for (i = 0; i < crit_n_types; i++)
		for (n = 0; n < 2 && crit_types[i].file_name[n]; n++)
			if (name_matches(crit_types[i].file_name[n], file_name))
				return &crit_types[i];
	return NULL;
}

bool crit_name_is_raw(const char *file_name)
{
	size_t i;

	for (i = 0; i < sizeof(raw_prefixes) / sizeof(raw_prefixes[0]); i++)
		if (!strncmp(file_name, raw_prefixes[i], strlen(raw_prefixes[i])))
			return true;
	return false;
}
