/*
 * What the machine and its kernel were called.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "decoder/proc/render.h"
#include "namespaces.pb-c.h"

/* No image has the kernel's release. */
#define RELEASE "0.0.0"

int crit_proc_version(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	(void)proc;
	(void)f;
	(void)err;
	crit_buf_str(out, "Linux version " RELEASE "\n");
	return 0;
}

int crit_proc_osrelease(struct crit_proc *proc, const struct crit_proc_file *f,
			struct crit_buf *out, struct crit_error *err)
{
	(void)proc;
	(void)f;
	(void)err;
	crit_buf_str(out, RELEASE "\n");
	return 0;
}

int crit_proc_ostype(struct crit_proc *proc, const struct crit_proc_file *f,
		     struct crit_buf *out, struct crit_error *err)
{
	(void)proc;
	(void)f;
	(void)err;
	crit_buf_str(out, "Linux\n");
	return 0;
}

/* Of who asks, or of the first process of the dump; NULL: not in the dump. */
static UtsnsEntry *names_of(struct crit_proc *proc)
{
	const struct crit_process *root = proc->processes.root;
	uint32_t pid = root ? root->entry->pid : 0;
	const TaskKobjIdsEntry *ids;
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};

	if (crit_proc_process(proc, proc->caller))
		pid = proc->caller;
	ids = crit_proc_ids(proc, pid);
	if (!ids || !ids->has_uts_ns_id)
		return NULL;
	snprintf(name, sizeof(name), "utsns-%" PRIu32 ".img", ids->uts_ns_id);
	return crit_dump_first(&proc->dump, name, &err);
}

bool crit_proc_has_uts(struct crit_proc *proc, const struct crit_proc_file *f)
{
	UtsnsEntry *uts = names_of(proc);

	(void)f;
	utsns_entry__free_unpacked(uts, NULL);
	return uts != NULL;
}

/* The name that `which` is the offset of in an UtsnsEntry. */
static int put_name(struct crit_proc *proc, size_t which, struct crit_buf *out)
{
	UtsnsEntry *uts = names_of(proc);

	if (!uts)
		return -ENOENT;
	crit_buf_printf(out, "%s\n", *(char **)((char *)uts + which));
	utsns_entry__free_unpacked(uts, NULL);
	return 0;
}

int crit_proc_hostname(struct crit_proc *proc, const struct crit_proc_file *f,
		       struct crit_buf *out, struct crit_error *err)
{
	(void)f;
	(void)err;
	return put_name(proc, offsetof(UtsnsEntry, nodename), out);
}

int crit_proc_domainname(struct crit_proc *proc, const struct crit_proc_file *f,
			 struct crit_buf *out, struct crit_error *err)
{
	(void)f;
	(void)err;
	return put_name(proc, offsetof(UtsnsEntry, domainname), out);
}

/* Readers make room for numbers of that many digits. */
int crit_proc_pid_max(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	uint64_t most = 32768, above;

	(void)f;
	(void)err;
	above = proc->n_pids ? (uint64_t)proc->pids[proc->n_pids - 1].pid + 1 : 0;
	crit_buf_printf(out, "%" PRIu64 "\n", above > most ? above : most);
	return 0;
}
