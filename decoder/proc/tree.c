/*
 * Names to files and back.
 */
#include "decoder/proc/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/core/core.h"
#include "decoder/proc/render.h"
#include "decoder/proc/snapshot.h"

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

/* Bytes that are kept of a text's buffer for the next one. */
#define LAST_KEEP ((size_t)64 << 10)

/* It has an address space. */
static bool has_memory(struct crit_proc *proc, const struct crit_proc_file *f)
{
	return crit_proc_memory(proc, f->pid) != NULL;
}

static const struct crit_proc_kind top = {
	.shape = CRIT_PROC_DIRECTORY, .mode = 0555, .holds = CRIT_IN_TOP};

/* In the order in which a listing has them. Before the members with numbers. */
/* clang-format off */
static const struct crit_proc_kind kinds[] = {
	{"cpuinfo",       TOP,     CRIT_PROC_TEXT, 0444, .render = crit_proc_cpuinfo},
	{"loadavg",       TOP,     CRIT_PROC_TEXT, 0444, .render = crit_proc_loadavg},
	{"meminfo",       TOP,     CRIT_PROC_TEXT, 0444, .render = crit_proc_meminfo},
	{"mounts",        TOP,     CRIT_PROC_LINK, 0777, .render = crit_proc_to_mounts},
	{"net",           TOP,     CRIT_PROC_LINK, 0777, .render = crit_proc_to_net},
	{"self",          TOP,     CRIT_PROC_LINK, 0777, .render = crit_proc_self},
	{"stat",          TOP,     CRIT_PROC_TEXT, 0444, .render = crit_proc_system_stat},
	{"sys",           TOP,     CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_SYS},
	{"thread-self",   TOP,     CRIT_PROC_LINK, 0777, .render = crit_proc_thread_self},
	{"uptime",        TOP,     CRIT_PROC_TEXT, 0444, .render = crit_proc_uptime},
	{"version",       TOP,     CRIT_PROC_TEXT, 0444, .render = crit_proc_version},

	{"kernel",        SYS,     CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_SYS_KERNEL},
	{"domainname",    SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_domainname, .there = crit_proc_has_uts},
	{"hostname",      SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_hostname, .there = crit_proc_has_uts},
	{"osrelease",     SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_osrelease},
	{"ostype",        SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_ostype},
	{"pid_max",       SYS_KERNEL, CRIT_PROC_TEXT, 0444, .render = crit_proc_pid_max},

	{"attr",          BOTH,    CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_ATTR, .there = crit_proc_has_label},
	{"auxv",          BOTH,    CRIT_PROC_TEXT, 0400, .render = crit_proc_auxv},
	{"children",      TASK | CALLER_TASK, CRIT_PROC_TEXT, 0444, .render = crit_proc_children},
	{"cmdline",       ALL,     CRIT_PROC_TEXT, 0444, .render = crit_proc_cmdline},
	{"comm",          ALL,     CRIT_PROC_TEXT, 0444, .render = crit_proc_comm},
	{"core",          PROCESS, CRIT_PROC_CORE, 0400, .there = has_memory},
	{"environ",       ALL,     CRIT_PROC_TEXT, 0400, .render = crit_proc_environ},
	{"gid_map",       BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_gid_map, .there = crit_proc_has_id_maps},
	{"limits",        BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_limits, .there = crit_proc_has_limits},
	{"loginuid",      BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_loginuid, .there = crit_proc_has_loginuid},
	{"map_files",     PROCESS, CRIT_PROC_DIRECTORY, 0500, .holds = CRIT_IN_MAP_FILES},
	{"mem",           PROCESS, CRIT_PROC_MEM,  0600, .there = has_memory},
	{"oom_score_adj", BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_oom_score_adj, .there = crit_proc_has_oom_score_adj},
	{"personality",   BOTH,    CRIT_PROC_TEXT, 0400, .render = crit_proc_personality, .there = crit_proc_has_personality},
	{"stat",          ALL,     CRIT_PROC_TEXT, 0444, .render = crit_proc_task_stat},
	{"statm",         ALL,     CRIT_PROC_TEXT, 0444, .render = crit_proc_statm},
	{"status",        ALL,     CRIT_PROC_TEXT, 0444, .render = crit_proc_status},
	{"task",          PROCESS, CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_TASKS},
	{"task",          CALLER,  CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_CALLER_TASKS},
	{"timers",        PROCESS, CRIT_PROC_TEXT, 0444, .render = crit_proc_timers, .there = crit_proc_has_timers},
	{"uid_map",       BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_uid_map, .there = crit_proc_has_id_maps},

	{"current",       ATTR,    CRIT_PROC_TEXT, 0444, .render = crit_proc_label},

	{"cgroup",       BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_cgroup, .there = crit_proc_has_cgroup},
	{"cwd",          BOTH,    CRIT_PROC_LINK, 0777, .render = crit_proc_cwd, .there = crit_proc_has_fs},
	{"exe",          BOTH,    CRIT_PROC_LINK, 0777, .render = crit_proc_exe, .there = has_memory},
	{"fd",           BOTH,    CRIT_PROC_DIRECTORY, 0500, .holds = CRIT_IN_FD},
	{"fdinfo",       BOTH,    CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_FDINFO},
	{"locks",        TOP,     CRIT_PROC_TEXT, 0444, .render = crit_proc_locks_text},
	{"maps",         BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_maps},
	{"mountinfo",    SEEN,    CRIT_PROC_TEXT, 0444, .render = crit_proc_mountinfo, .there = crit_proc_has_mounts},
	{"mounts",       SEEN,    CRIT_PROC_TEXT, 0444, .render = crit_proc_mounts, .there = crit_proc_has_mounts},
	{"mountstats",   PROCESS, CRIT_PROC_TEXT, 0400, .render = crit_proc_mountstats, .there = crit_proc_has_mounts},
	{"net",          SEEN,    CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_NET},
	{"ns",           BOTH,    CRIT_PROC_DIRECTORY, 0511, .holds = CRIT_IN_NS},
	{"root",         BOTH,    CRIT_PROC_LINK, 0777, .render = crit_proc_root, .there = crit_proc_has_fs},
	{"smaps",        BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_smaps},
	{"smaps_rollup", BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_smaps_rollup, .there = has_memory},

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

enum { N_KINDS = sizeof(kinds) / sizeof(*kinds) };

static const struct crit_proc_kind process = {
	.shape = CRIT_PROC_DIRECTORY, .mode = 0555, .holds = CRIT_IN_PROCESS};
static const struct crit_proc_kind task = {
	.shape = CRIT_PROC_DIRECTORY, .mode = 0555, .holds = CRIT_IN_TASK};
static const struct crit_proc_kind caller_itself = {
	.shape = CRIT_PROC_DIRECTORY, .mode = 0555, .holds = CRIT_IN_CALLER};
static const struct crit_proc_kind caller_task = {
	.shape = CRIT_PROC_DIRECTORY, .mode = 0555, .holds = CRIT_IN_CALLER_TASK};
static const struct crit_proc_kind fd_link = {
	.shape = CRIT_PROC_LINK, .render = crit_proc_fd_link, .permits = crit_proc_fd_permits};
static const struct crit_proc_kind fd_info = {
	.shape = CRIT_PROC_TEXT, .mode = 0400, .render = crit_proc_fdinfo};
static const struct crit_proc_kind run = {.shape = CRIT_PROC_RUN, .mode = 0600};

static int next_process(struct crit_proc *proc, const struct crit_proc_file *dir,
			uint64_t *number, uint64_t *end)
{
	size_t at;

	(void)dir;
	(void)end;
	if (*number > UINT32_MAX)
		return 0;
	at = crit_proc_pid_from(proc, (uint32_t)*number);
	if (at == proc->n_pids)
		return 0;
	*number = proc->pids[at].pid;
	return 1;
}

static int next_task(struct crit_proc *proc, const struct crit_proc_file *dir, uint64_t *number,
		     uint64_t *end)
{
	uint32_t tid;

	(void)end;
	if (*number > UINT32_MAX)
		return 0;
	tid = crit_proc_thread_from(proc, dir->pid, (uint32_t)*number);
	*number = tid;
	return tid != 0;
}

/* The only thread of the process that asks. */
static int next_caller(struct crit_proc *proc, const struct crit_proc_file *dir,
		       uint64_t *number, uint64_t *end)
{
	(void)proc;
	(void)end;
	if (*number > dir->pid)
		return 0;
	*number = dir->pid;
	return 1;
}

static int next_run(struct crit_proc *proc, const struct crit_proc_file *dir, uint64_t *number,
		    uint64_t *end)
{
	struct crit_space *space = crit_proc_memory(proc, dir->pid);
	uint64_t from = *number;
	int ret = space ? crit_space_run(space, from, number, end, NULL) : 0;

	/* one that begins before has been shown */
	if (ret > 0 && *number < from)
		ret = crit_space_run(space, *end, number, end, NULL);
	return ret;
}

static const struct crit_proc_members members[CRIT_N_PLACES] = {
	[CRIT_IN_TOP] = {&process, next_process},
	[CRIT_IN_TASKS] = {&task, next_task},
	[CRIT_IN_CALLER_TASKS] = {&caller_task, next_caller},
	[CRIT_IN_FD] = {&fd_link, crit_proc_next_fd},
	[CRIT_IN_FDINFO] = {&fd_info, crit_proc_next_fd},
	[CRIT_IN_MAP_FILES] = {&run, next_run},
};

struct crit_proc_file crit_proc_top(void)
{
	return (struct crit_proc_file){.kind = &top};
}

enum crit_proc_shape crit_proc_shape(const struct crit_proc_file *file)
{
	return file->kind->shape;
}

static bool is_there(struct crit_proc *proc, const struct crit_proc_file *f)
{
	return !f->kind->there || f->kind->there(proc, f);
}

/* A file with a name of its own in a directory. */
static struct crit_proc_file named(const struct crit_proc_file *dir,
				   const struct crit_proc_kind *kind)
{
	return (struct crit_proc_file){.kind = kind, .pid = dir->pid, .tid = dir->tid};
}

/* One with a number. */
static struct crit_proc_file numbered(const struct crit_proc_file *dir, uint64_t number,
				      uint64_t end)
{
	enum crit_proc_place place = dir->kind->holds;
	struct crit_proc_file f = named(dir, members[place].kind);

	if (place == CRIT_IN_TOP)
		f.pid = (uint32_t)number;
	else if (place == CRIT_IN_TASKS || place == CRIT_IN_CALLER_TASKS)
		f.tid = (uint32_t)number;
	f.number = number;
	f.end = end;
	return f;
}

void crit_proc_name(const struct crit_proc_file *f, char name[CRIT_PROC_NAME_MAX])
{
	if (f->kind->name)
		snprintf(name, CRIT_PROC_NAME_MAX, "%s", f->kind->name);
	else if (f->kind->shape == CRIT_PROC_RUN)
		snprintf(name, CRIT_PROC_NAME_MAX, "%" PRIx64 "-%" PRIx64, f->number, f->end);
	else
		snprintf(name, CRIT_PROC_NAME_MAX, "%" PRIu64, f->number);
}

/* The number that a name begins with; only names spelled as ours are any file's. */
static uint64_t number_in(const struct crit_proc_kind *kind, const char *name)
{
	return strtoull(name, NULL, kind->shape == CRIT_PROC_RUN ? 16 : 10);
}

int crit_proc_member(struct crit_proc *proc, const struct crit_proc_file *dir, uint64_t number,
		     struct crit_proc_file *file)
{
	const struct crit_proc_members *m = &members[dir->kind->holds];
	uint64_t found = number, end = 0;
	int ret;

	if (!m->kind)
		return -ENOENT;
	ret = m->next(proc, dir, &found, &end);
	if (ret <= 0 || found != number)
		return ret < 0 ? ret : -ENOENT;
	*file = numbered(dir, number, end);
	return 0;
}

static int lookup_member(struct crit_proc *proc, const struct crit_proc_file *dir,
			 const char *name, struct crit_proc_file *file)
{
	const struct crit_proc_kind *kind = members[dir->kind->holds].kind;
	char spelled[CRIT_PROC_NAME_MAX];
	int ret;

	if (!kind)
		return -ENOENT;
	ret = crit_proc_member(proc, dir, number_in(kind, name), file);
	if (ret < 0)
		return ret;
	crit_proc_name(file, spelled);
	return strcmp(name, spelled) ? -ENOENT : 0;
}

/* Who asks finds himself, if the dump has no such process. */
static int lookup_caller(const char *name, uint32_t caller, struct crit_proc_file *file)
{
	char spelled[CRIT_PROC_NAME_MAX];

	*file = (struct crit_proc_file){
		.kind = &caller_itself, .pid = caller, .number = caller};
	crit_proc_name(file, spelled);
	return !caller || strcmp(name, spelled) ? -ENOENT : 0;
}

int crit_proc_lookup(struct crit_proc *proc, const struct crit_proc_file *dir, const char *name,
		     uint32_t caller, struct crit_proc_file *file)
{
	size_t i;
	int ret;

	proc->caller = caller;
	if (dir->kind->shape != CRIT_PROC_DIRECTORY)
		return -ENOTDIR;
	for (i = 0; i < N_KINDS; i++) {
		if (!(kinds[i].in & CRIT_IN(dir->kind->holds)) || strcmp(kinds[i].name, name))
			continue;
		*file = named(dir, &kinds[i]);
		return is_there(proc, file) ? 0 : -ENOENT;
	}
	ret = lookup_member(proc, dir, name, file);
	if (ret == -ENOENT && dir->kind == &top)
		ret = lookup_caller(name, caller, file);
	return ret;
}

/* Cookies: the rows of the table, then the numbers. */
int crit_proc_next(struct crit_proc *proc, const struct crit_proc_file *dir, uint64_t *cookie,
		   char name[CRIT_PROC_NAME_MAX], struct crit_proc_file *file)
{
	const struct crit_proc_members *m = &members[dir->kind->holds];
	uint64_t number, end = 0;
	int ret;

	for (; *cookie < N_KINDS; ++*cookie) {
		*file = named(dir, &kinds[*cookie]);
		if ((file->kind->in & CRIT_IN(dir->kind->holds)) && is_there(proc, file)) {
			crit_proc_name(file, name);
			++*cookie;
			return 1;
		}
	}
	if (!m->kind)
		return 0;
	number = *cookie - N_KINDS;
	ret = m->next(proc, dir, &number, &end);
	if (ret <= 0)
		return ret;
	*file = numbered(dir, number, end);
	crit_proc_name(file, name);
	*cookie = number + 1 + N_KINDS;
	return 1;
}

/* Its text is the last one then. */
static int render(struct crit_proc *proc, const struct crit_proc_file *file, uint32_t caller,
		  struct crit_error *err)
{
	struct crit_proc_last *last = &proc->last;
	int ret;

	if (!file->kind->render)
		return -EINVAL;
	if (last->caller == caller && crit_proc_same(&last->file, file))
		return 0;
	last->file = (struct crit_proc_file){0};
	crit_buf_trim(&last->text, LAST_KEEP);
	proc->caller = caller;
	ret = file->kind->render(proc, file, &last->text, err);
	if (ret < 0 || last->text.error)
		return ret < 0 ? ret : last->text.error;
	last->file = *file;
	last->caller = caller;
	return 0;
}

int crit_proc_text(struct crit_proc *proc, const struct crit_proc_file *file, uint32_t caller,
		   struct crit_buf *out, struct crit_error *err)
{
	int ret = render(proc, file, caller, err);

	if (ret < 0)
		return ret;
	crit_buf_add(out, proc->last.text.data, proc->last.text.len);
	return out->error;
}

/* Owner, permissions and times are those of the image that it is read from. */
static int stat_image(struct crit_proc *proc, const struct crit_proc_file *file,
		      struct stat *st)
{
	char name[CRIT_IMAGE_NAME_MAX];

	snprintf(name, sizeof(name), file->pid ? "core-%u.img" : "pstree.img", file->pid);
	if (fstatat(proc->dump.dirfd, name, st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    fstat(proc->dump.dirfd, st) < 0)
		return -errno;
	return 0;
}

/* The directory of a process is its user's: ps takes the owner from there. */
static void give_to_user(struct crit_proc *proc, const struct crit_proc_file *file,
			 struct stat *st)
{
	const CoreEntry *core = crit_proc_core_entry(proc, file->pid, file->tid);

	if (!core || !core->thread_core || !core->thread_core->creds)
		return;
	st->st_uid = core->thread_core->creds->euid;
	st->st_gid = core->thread_core->creds->egid;
}

static int size_of(struct crit_proc *proc, const struct crit_proc_file *file, uint32_t caller,
		   off_t *size)
{
	struct crit_space *space;
	struct crit_core *core;
	int ret;

	switch (file->kind->shape) {
	case CRIT_PROC_TEXT:
	case CRIT_PROC_LINK:
		ret = render(proc, file, caller, NULL);
		*size = ret < 0 ? 0 : (off_t)proc->last.text.len;
		return ret;
	case CRIT_PROC_RUN:
		*size = (off_t)(file->end - file->number);
		return 0;
	case CRIT_PROC_MEM:
		space = crit_proc_memory(proc, file->pid);
		*size = space ? (off_t)crit_space_end(space) : 0;
		return space ? 0 : -ENOENT;
	case CRIT_PROC_CORE:
		ret = crit_proc_core(proc, file->pid, &core, NULL);
		if (ret < 0)
			return ret == -ENOENT ? ret : 0; /* open(2) says why */
		*size = (off_t)crit_core_size(core);
		crit_core_free(core);
		return 0;
	default:
		return 0;
	}
}

/* Memory and cores are mostly holes: what takes room is what is resident. */
static blkcnt_t blocks_of(struct crit_proc *proc, const struct crit_proc_file *file, off_t size)
{
	const struct crit_proc_usage *usage = NULL;

	if (file->kind->shape == CRIT_PROC_MEM || file->kind->shape == CRIT_PROC_CORE)
		usage = crit_proc_usage(proc, file->pid);
	if (usage)
		size = (off_t)crit_proc_resident(usage);
	return (size + 511) / 512;
}

static mode_t type_of(enum crit_proc_shape shape)
{
	if (shape == CRIT_PROC_DIRECTORY)
		return S_IFDIR;
	return shape == CRIT_PROC_LINK ? S_IFLNK : S_IFREG;
}

/* What a link itself allows, which is only to be looked at. */
static mode_t permits(struct crit_proc *proc, const struct crit_proc_file *file)
{
	return file->kind->permits ? file->kind->permits(proc, file) : 0777;
}

int crit_proc_stat(struct crit_proc *proc, const struct crit_proc_file *file, uint32_t caller,
		   struct stat *st)
{
	mode_t may;
	int ret = stat_image(proc, file, st);

	if (ret < 0)
		return ret;
	st->st_size = 0;
	ret = size_of(proc, file, caller, &st->st_size);
	if (ret < 0)
		return ret;
	/* x where r is, and never more than the owner's for all others */
	may = (st->st_mode & 0666) | (st->st_mode & 0444) >> 2 | 0700;
	st->st_mode = type_of(file->kind->shape) | (file->kind->mode & may);
	if (file->kind->shape == CRIT_PROC_LINK)
		st->st_mode = S_IFLNK | permits(proc, file);
	if (file->kind == &process || file->kind == &task) {
		st->st_mode = S_IFDIR | 0555;
		give_to_user(proc, file, st);
	}
	st->st_nlink = 1;
	st->st_blocks = blocks_of(proc, file, st->st_size);
	return 0;
}
