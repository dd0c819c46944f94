/*
 * Names to files and back.
 */
#include "decoder/proc/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/core/core.h"
#include "decoder/permits.h"
#include "decoder/proc/render.h"
#include "decoder/proc/snapshot.h"

/* Bytes that are kept of a text's buffer for the next one. */
#define LAST_KEEP ((size_t)64 << 10)

static const struct crit_proc_kind top = {
	.shape = CRIT_PROC_DIRECTORY, .mode = 0555, .holds = CRIT_IN_TOP};

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
	for (i = 0; i < crit_proc_n_kinds; i++) {
		if (!(crit_proc_kinds[i].in & CRIT_IN(dir->kind->holds)) ||
		    strcmp(crit_proc_kinds[i].name, name))
			continue;
		*file = named(dir, &crit_proc_kinds[i]);
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

	for (; *cookie < crit_proc_n_kinds; ++*cookie) {
		*file = named(dir, &crit_proc_kinds[*cookie]);
		if ((file->kind->in & CRIT_IN(dir->kind->holds)) && is_there(proc, file)) {
			crit_proc_name(file, name);
			++*cookie;
			return 1;
		}
	}
	if (!m->kind)
		return 0;
	number = *cookie - crit_proc_n_kinds;
	ret = m->next(proc, dir, &number, &end);
	if (ret <= 0)
		return ret;
	*file = numbered(dir, number, end);
	crit_proc_name(file, name);
	/* from the end of a run on: to look at it again would lead the page map back */
	*cookie = (end ? end : number + 1) + crit_proc_n_kinds;
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
	if (crit_dir_stat(proc->dump.dir, name, st) == 0)
		return 0;
	return crit_dir_self(proc->dump.dir, st);
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
	/* what is told of a process is from many images: nobody comes in who can't read all */
	return file->kind == &top ? crit_permits_narrow(proc->dump.dir, st) : 0;
}
