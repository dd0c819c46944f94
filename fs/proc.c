/*
 * The processes of a dump as files.
 */
#include "fs/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/core/core.h"
#include "fs/ids.h"
#include "fs/procs.h"
#include "fs/soon.h"
#include "fs/tree.h"

#define CALLER_S     0.25               /* a number is not used again so soon */
#define CORE_PRINTED ((size_t)64 << 10) /* bytes: headers and notes, mostly */

void cfs_proc_node_free(struct cfs_proc_node *proc)
{
	free(proc);
}

static struct cfs_node *new_node(struct cfs *fs, struct cfs_node *parent, const char *name,
				 const struct crit_proc_file *file)
{
	struct cfs_proc_node *proc = calloc(1, sizeof(*proc));
	struct cfs_node *node = NULL;

	if (proc)
		node = cfs_node_new(&fs->nodes, 0, CFS_PROC, parent, parent->id, name);
	if (!node) {
		free(proc);
		return NULL;
	}
	proc->file = *file;
	node->proc = proc;
	return node;
}

int cfs_proc_new_top(struct cfs *fs, struct cfs_node *special, struct cfs_node **out)
{
	struct crit_proc_file top = crit_proc_top();

	*out = new_node(fs, special, CFS_PROC_NAME, &top);
	return *out ? 0 : -ENOMEM;
}

struct cfs_node *cfs_proc_dump(const struct cfs_node *node)
{
	while (node->kind == CFS_PROC)
		node = node->parent;
	return node->parent;
}

/* Never by the path /proc: where critfs is mounted over it, that would ask critfs itself. */
static pid_t process_of(const struct cfs *fs, pid_t thread)
{
	char path[32], text[512];
	const char *line;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%d/status", (int)thread);
	fd = openat(fs->procfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return thread;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	line = strstr(text, "\nTgid:");
	return line ? (pid_t)strtol(line + 6, NULL, 10) : thread;
}

/* The kernel says which thread asks. */
static uint32_t caller_of(struct cfs *fs)
{
	struct cfs_caller *c = &fs->caller;

	if (c->thread != fs->asker || cfs_seconds_since(&c->when) > CALLER_S) {
		c->thread = fs->asker;
		c->process = process_of(fs, fs->asker);
		clock_gettime(CLOCK_MONOTONIC_COARSE, &c->when);
	}
	return (uint32_t)c->process;
}

void cfs_proc_find(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o,
		   struct cfs_proc_at *at)
{
	*at = (struct cfs_proc_at){
		.dump = cfs_proc_dump(o->node),
		.file = o->node->proc->file,
		.is_run = o->is_run,
		.address = cfs_id_address(ino),
		.caller = caller_of(fs),
	};
}

int cfs_proc_enter(struct cfs *fs, struct cfs_proc_at *at, struct crit_proc **proc)
{
	struct crit_proc_file dir = at->file;
	int ret = cfs_procs_enter(fs, at->dump, proc);

	if (ret < 0 || !at->is_run)
		return ret;
	ret = crit_proc_member(*proc, &dir, at->address, &at->file);
	if (ret < 0)
		cfs_procs_leave(fs, at->dump);
	return ret == -ENOENT ? -ESTALE : ret;
}

static uint64_t print_of(const void *data, size_t len, uint64_t print)
{
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < len; i++)
		print = (print ^ bytes[i]) * UINT64_C(0x100000001b3);
	return print | 1;
}

ino_t cfs_proc_ino(const struct cfs_node *dump, const struct crit_proc_file *f)
{
	uint64_t all[] = {dump->id, (uintptr_t)f->kind, f->pid, f->tid, f->number};

	return cfs_ino_of_proc(print_of(all, sizeof(all), UINT64_C(0xcbf29ce484222325)));
}

/* Pages are as old as the files that they are in: so the kernel knows whether its own are. */
static void set_times_of_pages(struct crit_proc *proc, const struct crit_proc_file *file,
			       struct stat *st)
{
	struct crit_space *space;
	struct timespec changed;

	if (crit_proc_space(proc, file->pid, &space, NULL) < 0)
		return;
	changed = crit_space_changed(space);
	crit_space_put(space);
	if (!changed.tv_sec)
		return;
	st->st_mtim = st->st_ctim = changed;
	/* what comes in the same moment has to be seen as well, when that is over */
	if (!cfs_is_past(&changed))
		st->st_mtim.tv_nsec ^= 1;
}

/* What tells two versions of a file apart; 0 if it can't be had. */
static uint64_t fingerprint(struct crit_proc *proc, const struct cfs_proc_at *at)
{
	uint64_t print = UINT64_C(0xcbf29ce484222325);
	struct crit_buf text = {0};
	struct crit_core *core;
	ssize_t n = -1;

	if (crit_proc_shape(&at->file) == CRIT_PROC_TEXT) {
		if (crit_proc_text(proc, &at->file, at->caller, &text, NULL) == 0)
			n = (ssize_t)text.len;
	} else if (crit_proc_core(proc, at->file.pid, &core, NULL) == 0) {
		if (crit_buf_room(&text, CORE_PRINTED))
			n = crit_core_read(core, 0, text.data, CORE_PRINTED, NULL);
		crit_core_free(core);
	}
	print = n < 0 ? 0 : print_of(text.data, (size_t)n, print);
	crit_buf_fini(&text);
	return print;
}

/* Is what the kernel keeps of its bytes for us to look after? */
static bool needs_print(const struct cfs *fs, enum crit_proc_shape shape)
{
	return fs->opt.read_only && (shape == CRIT_PROC_TEXT || shape == CRIT_PROC_CORE);
}

static int stat_file(struct cfs *fs, struct crit_proc *proc, const struct cfs_proc_at *at,
		     struct stat *st, uint64_t *print)
{
	enum crit_proc_shape shape = crit_proc_shape(&at->file);
	int ret = crit_proc_stat(proc, &at->file, at->caller, st);

	if (ret < 0)
		return ret;
	if (shape == CRIT_PROC_MEM || shape == CRIT_PROC_RUN)
		set_times_of_pages(proc, &at->file, st);
	*print = needs_print(fs, shape) ? fingerprint(proc, at) : 0;
	st->st_ino = cfs_proc_ino(at->dump, &at->file);
	st->st_blksize = 4096;
	return 0;
}

/* The kernel drops the pages of a file that has another time. */
static void date(struct cfs_proc_node *proc, uint64_t print, struct stat *st)
{
	if (!print)
		return;
	if (proc->print && proc->print != print)
		clock_gettime(CLOCK_REALTIME, &proc->changed);
	proc->print = print;
	if (cfs_earlier(&st->st_mtim, &proc->changed))
		st->st_mtim = st->st_ctim = proc->changed;
}

static double timeout_of(const struct cfs *fs, const struct cfs_proc_at *at)
{
	if (at->file.pid == at->caller)
		return 0; /* others don't see it */
	switch (crit_proc_shape(&at->file)) {
	case CRIT_PROC_LINK:
		return 0;
	case CRIT_PROC_TEXT:
	case CRIT_PROC_CORE:
		return fs->opt.read_only ? CFS_TIMEOUT : 0;
	default:
		return CFS_TIMEOUT;
	}
}

bool cfs_proc_is_at_hand(struct cfs *fs, fuse_ino_t ino)
{
	struct cfs_object o;

	if (cfs_object_find(fs, ino, &o) < 0 || !o.node || o.node->kind != CFS_PROC ||
	    !o.node->proc->numbered)
		return false;
	return cfs_procs_is_at_hand(fs, cfs_proc_dump(o.node), o.node->proc->file.pid);
}

int cfs_proc_attr(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o, struct stat *st,
		  double *timeout)
{
	struct cfs_node *node = o->node;
	struct crit_proc *proc;
	struct cfs_proc_at at;
	uint64_t print;
	int ret;

	cfs_proc_find(fs, ino, o, &at);
	cfs_node_ref(node);
	ret = cfs_proc_enter(fs, &at, &proc);
	if (ret == 0) {
		ret = stat_file(fs, proc, &at, st, &print);
		cfs_procs_leave(fs, at.dump);
	}
	if (ret == 0) {
		date(node->proc, print, st);
		if (at.is_run)
			cfs_procs_note(at.dump, at.file.pid);
		*timeout = timeout_of(fs, &at);
	}
	cfs_node_unref(&fs->nodes, node);
	return ret == -ENOENT ? -ESTALE : ret;
}

/* The number of a directory of runs, by which ids lead to it. 0, -ENFILE, -ENOMEM. */
static int number(struct cfs *fs, struct cfs_node *dir)
{
	if (dir->proc->numbered)
		return 0;
	if (fs->n_memories == CFS_MEMORIES_MAX)
		return -ENFILE;
	if (fs->n_memories == fs->cap_memories) {
		size_t cap = fs->cap_memories ? fs->cap_memories * 2 : 64;
		struct cfs_node **grown = realloc(fs->memories,
						  cap * sizeof(struct cfs_node *));

		if (!grown)
			return -ENOMEM;
		fs->memories = grown;
		fs->cap_memories = cap;
	}
	cfs_node_ref(dir);
	dir->proc->numbered = true;
	dir->proc->memory = (unsigned)fs->n_memories;
	fs->memories[fs->n_memories++] = dir;
	return 0;
}

static int enter_run(struct cfs *fs, struct cfs_node *dir, uint64_t address,
		     struct fuse_entry_param *e)
{
	struct cfs_object o = {.node = dir, .is_run = true};
	int ret;

	memset(e, 0, sizeof(*e));
	e->ino = cfs_id_of_run(dir->proc->memory, address);
	e->generation = 1;
	ret = cfs_attr(fs, e->ino, &o, &e->attr, &e->attr_timeout);
	e->entry_timeout = e->attr_timeout;
	return ret;
}

static int enter_file(struct cfs *fs, struct cfs_node *dir, const char *name,
		      const struct crit_proc_file *file, struct fuse_entry_param *e)
{
	struct cfs_node *node = cfs_node_by_name(&fs->nodes, dir->id, name);

	if (node && !crit_proc_same(&node->proc->file, file)) {
		cfs_node_rename(&fs->nodes, node, 0, NULL);
		node = NULL;
	}
	if (!node)
		node = new_node(fs, dir, name, file);
	return node ? cfs_tree_entry(fs, node, e) : -ENOMEM;
}

int cfs_proc_lookup(struct cfs *fs, struct cfs_node *dir, const char *name,
		    struct fuse_entry_param *e)
{
	struct cfs_object o = {.node = dir};
	struct crit_proc_file file;
	struct crit_proc *proc;
	struct cfs_proc_at at;
	pid_t asker = fs->asker;
	int ret;

	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	cfs_proc_find(fs, 0, &o, &at);
	cfs_node_ref(dir);
	ret = cfs_proc_enter(fs, &at, &proc);
	if (ret == 0) {
		ret = crit_proc_lookup(proc, &at.file, name, at.caller, &file);
		cfs_procs_leave(fs, at.dump);
		fs->asker = asker; /* others asked meanwhile */
	}
	if (ret < 0)
		;
	else if (crit_proc_shape(&file) == CRIT_PROC_RUN && cfs_id_can_be_run(file.number) &&
		 number(fs, dir) == 0)
		ret = enter_run(fs, dir, file.number, e);
	else
		ret = enter_file(fs, dir, name, &file, e);
	cfs_node_unref(&fs->nodes, dir);
	/* it went between the two questions */
	return ret == -ESTALE ? -ENOENT : ret;
}

int cfs_proc_readlink(struct cfs *fs, struct cfs_node *node, char *out, size_t size)
{
	struct cfs_object o = {.node = node};
	struct crit_buf text = {0};
	struct crit_proc *proc;
	struct cfs_proc_at at;
	int ret;

	cfs_proc_find(fs, 0, &o, &at);
	if (crit_proc_shape(&at.file) != CRIT_PROC_LINK)
		return -EINVAL;
	ret = cfs_proc_enter(fs, &at, &proc);
	if (ret < 0)
		return ret;
	ret = crit_proc_text(proc, &at.file, at.caller, &text, NULL);
	cfs_procs_leave(fs, at.dump);
	if (ret == 0 && text.len >= size)
		ret = -ENAMETOOLONG;
	if (ret == 0) {
		memcpy(out, text.len ? (const char *)text.data : "", text.len);
		out[text.len] = '\0';
	}
	crit_buf_fini(&text);
	return ret;
}
