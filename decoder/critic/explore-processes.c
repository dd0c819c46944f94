/*
 * critic x DIR ps, fds: the tree of processes, and their open files.
 */
#include "decoder/critic/explorer.h"

#define INDENT     4
#define INDENT_MAX 512 /* columns; a chain of a million children stays readable */

static const char *comm_of(struct explorer *x, const struct crit_process *p)
{
	CoreEntry *core = crit_process_core(&x->dump, p);
	const char *comm = "?";
	struct crit_error err = {0};
	char name[CRIT_IMAGE_NAME_MAX];

	if (core && core->tc) {
		comm = explorer_text(x, core->tc->comm);
	} else if (core) {
		snprintf(name, sizeof(name), "core-%u.img", p->entry->pid);
		crit_fail(&err, CRIT_BROKEN, "it has no tc: it is the image of a thread");
		crit_dump_tell(&x->dump, name, &err);
	}
	core_entry__free_unpacked(core, NULL);
	return comm;
}

void explore_ps(struct explorer *x)
{
	const struct crit_process *p;
	int indent;

	fprintf(x->out, "%7s%7s%7s   %s\n", "PID", "PGID", "SID", "COMM");
	for (p = x->processes.root; p; p = crit_process_next(p)) {
		indent = p->depth < INDENT_MAX / INDENT ? (int)p->depth * INDENT : INDENT_MAX;
		fprintf(x->out, "%7u%7u%7u   %*s%s\n", p->entry->pid, p->entry->pgid,
			p->entry->sid, indent, "", comm_of(x, p));
	}
}

static void descriptors(struct explorer *x, const struct crit_process *p)
{
	struct crit_descriptors d;
	FdinfoEntry *fd;

	if (!crit_descriptors_open(&x->dump, p, &d))
		return;
	while ((fd = crit_descriptors_next(&d))) {
		fprintf(x->out, "\t%7u: %s\n", fd->fd,
			explorer_file(x, (uint32_t)fd->type, fd->id));
		fdinfo_entry__free_unpacked(fd, NULL);
	}
	crit_descriptors_close(&d);
}

static void directories(struct explorer *x, const struct crit_process *p)
{
	FsEntry *fs = crit_process_fs(&x->dump, p);

	if (!fs)
		return;
	fprintf(x->out, "\t%7s: %s\n", "cwd", explorer_file(x, FD_TYPES__REG, fs->cwd_id));
	fprintf(x->out, "\t%7s: %s\n", "root", explorer_file(x, FD_TYPES__REG, fs->root_id));
	fs_entry__free_unpacked(fs, NULL);
}

void explore_fds(struct explorer *x)
{
	size_t i;

	for (i = 0; i < x->processes.n; i++) {
		const struct crit_process *p = &x->processes.all[i];

		fprintf(x->out, "%u\n", p->entry->pid);
		descriptors(x, p);
		directories(x, p);
	}
}
