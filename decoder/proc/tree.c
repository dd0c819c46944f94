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

#define TOP     CRIT_IN(CRIT_IN_TOP)
#define PROCESS CRIT_IN(CRIT_IN_PROCESS)
#define TASK    CRIT_IN(CRIT_IN_TASK)
#define BOTH    (PROCESS | TASK)

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
	{"self",      TOP,     CRIT_PROC_LINK, 0777, .render = crit_proc_self},
	{"version",   TOP,     CRIT_PROC_TEXT, 0444, .render = crit_proc_version},

	{"comm",      BOTH,    CRIT_PROC_TEXT, 0444, .render = crit_proc_comm},
	{"core",      PROCESS, CRIT_PROC_CORE, 0400, .there = has_memory},
	{"map_files", PROCESS, CRIT_PROC_DIRECTORY, 0500, .holds = CRIT_IN_MAP_FILES},
	{"mem",       PROCESS, CRIT_PROC_MEM,  0600, .there = has_memory},
	{"task",      PROCESS, CRIT_PROC_DIRECTORY, 0555, .holds = CRIT_IN_TASKS},
};
/* clang-format on */

enum { N_KINDS = sizeof(kinds) / sizeof(*kinds) };

static const struct crit_proc_kind process = {
	.shape = CRIT_PROC_DIRECTORY, .mode = 0555, .holds = CRIT_IN_PROCESS};
static const struct crit_proc_kind task = {
	.shape = CRIT_PROC_DIRECTORY, .mode = 0555, .holds = CRIT_IN_TASK};
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

/* A zombie has none of its own but the leader, whatever its list says. */
static int next_task(struct crit_proc *proc, const struct crit_proc_file *dir, uint64_t *number,
		     uint64_t *end)
{
	const struct crit_process *p = crit_proc_process(proc, dir->pid);
	bool zombie = crit_proc_is_zombie(proc, dir->pid);
	uint64_t found = UINT64_MAX;
	size_t i;

	(void)end;
	if (!p)
		return -ENOENT;
	if (p->entry->pid >= *number)
		found = p->entry->pid;
	for (i = 0; i < p->entry->n_threads && !zombie; i++)
		if (p->entry->threads[i] >= *number && p->entry->threads[i] < found)
			found = p->entry->threads[i];
	if (found == UINT64_MAX)
		return 0;
	*number = found;
	return 1;
}

static int next_run(struct crit_proc *proc, const struct crit_proc_file *dir, uint64_t *number,
		    uint64_t *end)
{
	struct crit_space *space = crit_proc_memory(proc, dir->pid);

	return space ? crit_space_run(space, *number, number, end, NULL) : 0;
}

static const struct crit_proc_members members[CRIT_N_PLACES] = {
	[CRIT_IN_TOP] = {&process, next_process},
	[CRIT_IN_TASKS] = {&task, next_task},
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
	else if (place == CRIT_IN_TASKS)
		f.tid = (uint32_t)number;
	f.number = number;
	f.end = end;
	return f;
}

static void name_of(const struct crit_proc_file *f, char name[CRIT_PROC_NAME_MAX])
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

static int lookup_member(struct crit_proc *proc, const struct crit_proc_file *dir,
			 const char *name, struct crit_proc_file *file)
{
	const struct crit_proc_members *m = &members[dir->kind->holds];
	char spelled[CRIT_PROC_NAME_MAX];
	uint64_t number, end = 0;
	int ret;

	if (!m->kind)
		return -ENOENT;
	number = number_in(m->kind, name);
	ret = m->next(proc, dir, &number, &end);
	if (ret <= 0)
		return ret < 0 ? ret : -ENOENT;
	*file = numbered(dir, number, end);
	name_of(file, spelled);
	return strcmp(name, spelled) ? -ENOENT : 0;
}

int crit_proc_lookup(struct crit_proc *proc, const struct crit_proc_file *dir, const char *name,
		     uint32_t caller, struct crit_proc_file *file)
{
	size_t i;

	proc->caller = caller;
	if (dir->kind->shape != CRIT_PROC_DIRECTORY)
		return -ENOTDIR;
	for (i = 0; i < N_KINDS; i++) {
		if (!(kinds[i].in & CRIT_IN(dir->kind->holds)) || strcmp(kinds[i].name, name))
			continue;
		*file = named(dir, &kinds[i]);
		return is_there(proc, file) ? 0 : -ENOENT;
	}
	return lookup_member(proc, dir, name, file);
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
			name_of(file, name);
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
	name_of(file, name);
	*cookie = number + 1 + N_KINDS;
	return 1;
}

int crit_proc_text(struct crit_proc *proc, const struct crit_proc_file *file, uint32_t caller,
		   struct crit_buf *out, struct crit_error *err)
{
	int ret;

	proc->caller = caller;
	if (!file->kind->render)
		return -EINVAL;
	ret = file->kind->render(proc, file, out, err);
	return ret < 0 ? ret : out->error;
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
	struct crit_buf text = {0};
	struct crit_space *space;
	struct crit_core *core;
	int ret;

	switch (file->kind->shape) {
	case CRIT_PROC_TEXT:
	case CRIT_PROC_LINK:
		ret = crit_proc_text(proc, file, caller, &text, NULL);
		*size = (off_t)text.len;
		crit_buf_fini(&text);
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
			return ret == -EOPNOTSUPP ? 0 : ret; /* open(2) says so */
		*size = (off_t)crit_core_size(core);
		crit_core_free(core);
		return 0;
	default:
		return 0;
	}
}

static mode_t type_of(enum crit_proc_shape shape)
{
	if (shape == CRIT_PROC_DIRECTORY)
		return S_IFDIR;
	return shape == CRIT_PROC_LINK ? S_IFLNK : S_IFREG;
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
		st->st_mode = S_IFLNK | 0777;
	if (file->kind == &process || file->kind == &task) {
		st->st_mode = S_IFDIR | 0555;
		give_to_user(proc, file, st);
	}
	st->st_nlink = 1;
	st->st_blocks = (st->st_size + 511) / 512;
	return 0;
}
