/*
 * The files of the tree that have names of their own.
 */
#include "decoder/proc/render.h"
#include "decoder/proc/snapshot.h"
#include "decoder/proc/tree.h"

#define TOP         CRIT_IN(CRIT_IN_TOP)
#define PROCESS     CRIT_IN(CRIT_IN_PROCESS)
#define TASK        CRIT_IN(CRIT_IN_TASK)
#define CALLER      CRIT_IN(CRIT_IN_CALLER)
#define CALLER_TASK CRIT_IN(CRIT_IN_CALLER_TASK)
#define BOTH        (PROCESS | TASK)
#define ALL         (BOTH | CALLER | CALLER_TASK)
#define ATTR        CRIT_IN(CRIT_IN_ATTR)
#define SYS         CRIT_IN(CRIT_IN_SYS)
#define SYS_KERNEL  CRIT_IN(CRIT_IN_SYS_KERNEL)
#define SEEN        (BOTH | CALLER)
#define NS          CRIT_IN(CRIT_IN_NS)
#define NET         CRIT_IN(CRIT_IN_NET)

/* It has an address space. */
static bool has_memory(struct crit_proc *proc, const struct crit_proc_file *f)
{
	return crit_proc_memory(proc, f->pid) != NULL;
}

/* Of each place in the order in which a listing has them. */
/* clang-format off */
const struct crit_proc_kind crit_proc_kinds[] = {
	{"cpuinfo",     TOP, CRIT_PROC_TEXT,      0444, .render = crit_proc_cpuinfo},
	{"loadavg",     TOP, CRIT_PROC_TEXT,      0444, .render = crit_proc_loadavg},
	{"locks",       TOP, CRIT_PROC_TEXT,      0444, .render = crit_proc_locks_text},
	{"meminfo",     TOP, CRIT_PROC_TEXT,      0444, .render = crit_proc_meminfo},
	{"mounts",      TOP, CRIT_PROC_LINK,      0777, .render = crit_proc_to_mounts},
	{"net",         TOP, CRIT_PROC_LINK,      0777, .render = crit_proc_to_net},
	{"self",        TOP, CRIT_PROC_LINK,      0777, .render = crit_proc_self},
	{"stat",        TOP, CRIT_PROC_TEXT,      0444, .render = crit_proc_system_stat},
	{"sys",         TOP, CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_SYS},
	{"thread-self", TOP, CRIT_PROC_LINK,      0777, .render = crit_proc_thread_self},
	{"uptime",      TOP, CRIT_PROC_TEXT,      0444, .render = crit_proc_uptime},
	{"version",     TOP, CRIT_PROC_TEXT,      0444, .render = crit_proc_version},

	{"kernel", SYS, CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_SYS_KERNEL},

	{"domainname", SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_domainname, .there = crit_proc_has_uts},
	{"hostname",   SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_hostname, .there = crit_proc_has_uts},
	{"osrelease",  SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_osrelease},
	{"ostype",     SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_ostype},
	{"pid_max",    SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_pid_max},

	{"attr",          BOTH,               CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_ATTR, .there = crit_proc_has_label},
	{"auxv",          BOTH,               CRIT_PROC_TEXT,      0400, .render = crit_proc_auxv},
	{"cgroup",        BOTH,               CRIT_PROC_TEXT,      0444, .render = crit_proc_cgroup, .there = crit_proc_has_cgroup},
	{"children",      TASK | CALLER_TASK, CRIT_PROC_TEXT,      0444, .render = crit_proc_children},
	{"cmdline",       ALL,                CRIT_PROC_TEXT,      0444, .render = crit_proc_cmdline},
	{"comm",          ALL,                CRIT_PROC_TEXT,      0444, .render = crit_proc_comm},
	{"core",          PROCESS,            CRIT_PROC_CORE,      0400, .there = has_memory},
	{"cwd",           BOTH,               CRIT_PROC_LINK,      0777, .render = crit_proc_cwd, .there = crit_proc_has_fs},
	{"environ",       ALL,                CRIT_PROC_TEXT,      0400, .render = crit_proc_environ},
	{"exe",           BOTH,               CRIT_PROC_LINK,      0777, .render = crit_proc_exe, .there = has_memory},
	{"fd",            BOTH,               CRIT_PROC_DIRECTORY, 0500, .holds = CRIT_IN_FD},
	{"fdinfo",        BOTH,               CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_FDINFO},
	{"gid_map",       BOTH,               CRIT_PROC_TEXT,      0444, .render = crit_proc_gid_map, .there = crit_proc_has_id_maps},
	{"io",            BOTH,               CRIT_PROC_TEXT,      0400, .render = crit_proc_io},
	{"limits",        BOTH,               CRIT_PROC_TEXT,      0444, .render = crit_proc_limits, .there = crit_proc_has_limits},
	{"loginuid",      BOTH,               CRIT_PROC_TEXT,      0444, .render = crit_proc_loginuid, .there = crit_proc_has_loginuid},
	{"map_files",     PROCESS,            CRIT_PROC_DIRECTORY, 0500, .holds = CRIT_IN_MAP_FILES},
	{"maps",          BOTH,               CRIT_PROC_TEXT,      0444, .render = crit_proc_maps},
	{"mem",           PROCESS,            CRIT_PROC_MEM,       0600, .there = has_memory},
	{"mountinfo",     SEEN,               CRIT_PROC_TEXT,      0444, .render = crit_proc_mountinfo, .there = crit_proc_has_mounts},
	{"mounts",        SEEN,               CRIT_PROC_TEXT,      0444, .render = crit_proc_mounts, .there = crit_proc_has_mounts},
	{"mountstats",    PROCESS,            CRIT_PROC_TEXT,      0400, .render = crit_proc_mountstats, .there = crit_proc_has_mounts},
	{"net",           SEEN,               CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_NET},
	{"ns",            BOTH,               CRIT_PROC_DIRECTORY, 0511, .holds = CRIT_IN_NS},
	{"oom_score_adj", BOTH,               CRIT_PROC_TEXT,      0444, .render = crit_proc_oom_score_adj, .there = crit_proc_has_oom_score_adj},
	{"personality",   BOTH,               CRIT_PROC_TEXT,      0400, .render = crit_proc_personality, .there = crit_proc_has_personality},
	{"root",          BOTH,               CRIT_PROC_LINK,      0777, .render = crit_proc_root, .there = crit_proc_has_fs},
	{"smaps",         BOTH,               CRIT_PROC_TEXT,      0444, .render = crit_proc_smaps},
	{"smaps_rollup",  BOTH,               CRIT_PROC_TEXT,      0444, .render = crit_proc_smaps_rollup, .there = has_memory},
	{"stat",          ALL,                CRIT_PROC_TEXT,      0444, .render = crit_proc_task_stat},
	{"statm",         ALL,                CRIT_PROC_TEXT,      0444, .render = crit_proc_statm},
	{"status",        ALL,                CRIT_PROC_TEXT,      0444, .render = crit_proc_status},
	{"task",          PROCESS,            CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_TASKS},
	{"task",          CALLER,             CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_CALLER_TASKS},
	{"timers",        PROCESS,            CRIT_PROC_TEXT,      0444, .render = crit_proc_timers, .there = crit_proc_has_timers},
	{"uid_map",       BOTH,               CRIT_PROC_TEXT,      0444, .render = crit_proc_uid_map, .there = crit_proc_has_id_maps},

	{"current", ATTR, CRIT_PROC_TEXT, 0444, .render = crit_proc_label},

	{"cgroup",            NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},
	{"ipc",               NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},
	{"mnt",               NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},
	{"net",               NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},
	{"pid",               NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},
	{"pid_for_children",  NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},
	{"time",              NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},
	{"time_for_children", NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},
	{"user",              NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},
	{"uts",               NS, CRIT_PROC_LINK, 0777, .render = crit_proc_namespace, .there = crit_proc_has_namespace},

	{"dev",      NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_dev, .there = crit_proc_has_net_dev},
	{"netlink",  NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_netlink, .there = crit_proc_has_net},
	{"packet",   NET, CRIT_PROC_TEXT, 0440, .render = crit_proc_net_packet, .there = crit_proc_has_net},
	{"raw",      NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_raw, .there = crit_proc_has_net},
	{"raw6",     NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_raw, .there = crit_proc_has_net},
	{"tcp",      NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_tcp, .there = crit_proc_has_net},
	{"tcp6",     NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_tcp, .there = crit_proc_has_net},
	{"udp",      NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_udp, .there = crit_proc_has_net},
	{"udp6",     NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_udp, .there = crit_proc_has_net},
	{"udplite",  NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_udplite, .there = crit_proc_has_net},
	{"udplite6", NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_udplite, .there = crit_proc_has_net},
	{"unix",     NET, CRIT_PROC_TEXT, 0444, .render = crit_proc_net_unix, .there = crit_proc_has_net},
};
/* clang-format on */

const size_t crit_proc_n_kinds = sizeof(crit_proc_kinds) / sizeof(*crit_proc_kinds);
