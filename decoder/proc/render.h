/*
 * What the files of the tree say, in the format of proc(5). Each is a crit_proc_render, see
 * tree.h; those of one subject are in one file. Those that begin with has_ tell whether a
 * dump has what such files say.
 */
#ifndef CRIT_PROC_RENDER_H
#define CRIT_PROC_RENDER_H

#include "decoder/proc/snapshot.h"
#include "decoder/proc/tree.h"

/* task.c: single facts of a process or thread */
crit_proc_render crit_proc_comm;
crit_proc_render crit_proc_children;
crit_proc_render crit_proc_io;
crit_proc_render crit_proc_personality;
crit_proc_render crit_proc_loginuid;
crit_proc_render crit_proc_oom_score_adj;
crit_proc_render crit_proc_label;
crit_proc_there crit_proc_has_personality;
crit_proc_there crit_proc_has_loginuid;
crit_proc_there crit_proc_has_oom_score_adj;
crit_proc_there crit_proc_has_label;

/* command.c: what it was started with */
crit_proc_render crit_proc_cmdline;
crit_proc_render crit_proc_environ;
crit_proc_render crit_proc_auxv;

/* status.c, stat.c: all that is known of it at once */
crit_proc_render crit_proc_status;
crit_proc_render crit_proc_task_stat;
crit_proc_render crit_proc_statm;

/* limits.c */
crit_proc_render crit_proc_limits;
crit_proc_render crit_proc_timers;
crit_proc_there crit_proc_has_limits;
crit_proc_there crit_proc_has_timers;

/* id-maps.c: of its user namespace */
crit_proc_render crit_proc_uid_map;
crit_proc_render crit_proc_gid_map;
crit_proc_there crit_proc_has_id_maps;

/* system.c: the machine, as far as readers of proc insist on it */
crit_proc_render crit_proc_cpuinfo;
crit_proc_render crit_proc_loadavg;
crit_proc_render crit_proc_meminfo;
crit_proc_render crit_proc_system_stat;
crit_proc_render crit_proc_uptime;

/* kernel.c: what it was called */
crit_proc_render crit_proc_version;
crit_proc_render crit_proc_osrelease;
crit_proc_render crit_proc_ostype;
crit_proc_render crit_proc_hostname;
crit_proc_render crit_proc_domainname;
crit_proc_render crit_proc_pid_max;
crit_proc_there crit_proc_has_uts;

/* caller.c: the process that asks */
crit_proc_render crit_proc_self;
crit_proc_render crit_proc_thread_self;
crit_proc_render crit_proc_to_mounts;
crit_proc_render crit_proc_to_net;

/* fd.c, fdinfo.c, links.c: what it has open, and where its links lead */
crit_proc_render crit_proc_fd_link, crit_proc_fdinfo, crit_proc_exe, crit_proc_cwd;
crit_proc_render crit_proc_root, crit_proc_namespace;
unsigned crit_proc_fd_permits(struct crit_proc *proc, const struct crit_proc_file *f);
crit_proc_there crit_proc_has_fs;
crit_proc_there crit_proc_has_namespace;

/* locks.c: all locks of the dump */
crit_proc_render crit_proc_locks_text;

/* maps.c, smaps.c: what is mapped where */
crit_proc_render crit_proc_maps, crit_proc_smaps, crit_proc_smaps_rollup;

/* mounts.c: the mounts that it sees */
crit_proc_render crit_proc_mountinfo, crit_proc_mounts, crit_proc_mountstats;
crit_proc_there crit_proc_has_mounts;

/* cgroup.c: its control groups */
crit_proc_render crit_proc_cgroup;
crit_proc_there crit_proc_has_cgroup;

/* inet.c, net.c: the network that it sees. Of an IP version 6 if the name ends so. */
crit_proc_render crit_proc_net_tcp, crit_proc_net_udp, crit_proc_net_udplite;
crit_proc_render crit_proc_net_raw, crit_proc_net_unix, crit_proc_net_netlink;
crit_proc_render crit_proc_net_packet, crit_proc_net_dev;
crit_proc_there crit_proc_has_net;
crit_proc_there crit_proc_has_net_dev;

#endif
