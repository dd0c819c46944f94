/*
 * Tables of descriptors.
 */
#include "decoder/proc/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "decoder/grow.h"
#include "decoder/proc/render.h"

static int by_number(const void *a, const void *b)
{
	const struct crit_proc_fd *x = a, *y = b;

	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

static bool add(struct crit_proc_fds *fds, size_t *room, const FdinfoEntry *entry)
{
	struct crit_proc_fd *all = crit_grow(fds->all, fds->n, room, sizeof(*all));

	if (!all)
		return false;
	fds->all = all;
	fds->all[fds->n++] = (struct crit_proc_fd){entry->fd, entry->id, (uint32_t)entry->type,
						   entry->flags};
	return true;
}

static void sort(struct crit_proc_fds *fds)
{
	size_t i, n = 0;

	if (!fds->n)
		return;
	qsort(fds->all, fds->n, sizeof(*fds->all), by_number);
	for (i = 1; i < fds->n; i++)
		if (fds->all[i].fd != fds->all[n].fd)
			fds->all[++n] = fds->all[i];
	fds->n = n + 1;
}

void crit_proc_fds_read(struct crit_dump *dump, const struct crit_process *p,
			struct crit_proc_fds *fds)
{
	struct crit_descriptors d;
	FdinfoEntry *entry;
	bool more = true;
	size_t room = 0;

	fds->read = true;
	if (!crit_descriptors_open(dump, p, &d))
		return;
	fds->there = true;
	while (more && (entry = crit_descriptors_next(&d))) {
		more = add(fds, &room, entry);
		fdinfo_entry__free_unpacked(entry, NULL);
	}
	crit_descriptors_close(&d);
	sort(fds);
}

void crit_proc_fds_fini(struct crit_proc_fds *fds)
{
	free(fds->all);
	*fds = (struct crit_proc_fds){0};
}

/* The position of the first one that is at least `fd`. */
static size_t position(const struct crit_proc_fds *fds, uint64_t fd)
{
	size_t low = 0, high = fds->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (fds->all[middle].fd < fd)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct crit_proc_fd *crit_proc_fd_find(const struct crit_proc_fds *fds, uint64_t fd)
{
	size_t at = position(fds, fd);

	return at < fds->n && fds->all[at].fd == fd ? &fds->all[at] : NULL;
}

int crit_proc_next_fd(struct crit_proc *proc, const struct crit_proc_file *dir,
		      uint64_t *number, uint64_t *end)
{
	const struct crit_proc_fds *fds = crit_proc_fds(proc, dir->pid);
	size_t at;

	(void)end;
	if (!fds)
		return -ENOENT;
	at = position(fds, *number);
	if (at == fds->n)
		return 0;
	*number = fds->all[at].fd;
	return 1;
}

static uint64_t number_at(const ProtobufCFieldDescriptor *field, const void *at)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT64:
		return *(const uint64_t *)at;
	case PROTOBUF_C_TYPE_SINT32:
		return (uint64_t) * (const int32_t *)at;
	default:
		return *(const uint32_t *)at;
	}
}

/* A field that most kinds of files have. false: this one has not, or it is not set. */
static bool get_number(const ProtobufCMessage *msg, const char *name, uint64_t *value)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, name);
	const char *base = (const char *)msg;

	*value = 0;
	if (!field)
		return false;
	if (field->label == PROTOBUF_C_LABEL_OPTIONAL &&
	    !*(const protobuf_c_boolean *)(base + field->quantifier_offset))
		return false;
	*value = number_at(field, base + field->offset);
	return true;
}

/* Of a FIFO and a tun device there is a second file, which has been opened by its path. */
static void open_by_path(struct crit_proc *proc, uint32_t id, struct crit_proc_opened *opened)
{
	struct crit_proc_opened path;

	crit_proc_open_file(proc, FD_TYPES__REG, id, &path);
	opened->pos = path.pos;
	opened->flags = path.flags;
	opened->has_mnt_id = path.has_mnt_id;
	opened->mnt_id = path.mnt_id;
}

void crit_proc_open_file(struct crit_proc *proc, uint32_t type, uint32_t id,
			 struct crit_proc_opened *opened)
{
	struct crit_naming *naming = crit_proc_naming(proc);
	struct crit_inode inode;
	struct crit_open_file file;
	uint64_t value;

	*opened = (struct crit_proc_opened){0};
	if (!naming || !crit_files_find(naming->files, type, id, &file))
		return;
	get_number(file.what, "pos", &opened->pos);
	get_number(file.what, "flags", &value);
	opened->flags = (uint32_t)value & ~(uint32_t)O_CLOEXEC;
	opened->has_mnt_id = get_number(file.what, "mnt_id", &value) && (int32_t)value >= 0;
	opened->mnt_id = (int32_t)value;
	if (type == FD_TYPES__PIPE || type == FD_TYPES__FIFO)
		opened->has_ino = get_number(file.what, "pipe_id", &opened->ino);
	else
		opened->has_ino = get_number(file.what, "ino", &opened->ino);
	if (type == FD_TYPES__REG && crit_naming_inode(naming, id, &inode)) {
		opened->has_ino = true;
		opened->ino = inode.ino;
	}
	if (type == FD_TYPES__FIFO)
		open_by_path(proc, ((const FifoEntry *)file.what)->regf_id, opened);
	else if (type == FD_TYPES__TUNF)
		open_by_path(proc, id, opened);
	crit_open_file_fini(&file);
}

unsigned crit_proc_fd_permits(struct crit_proc *proc, const struct crit_proc_file *f)
{
	static const unsigned permits[] = {
		[O_RDONLY] = 0500, [O_WRONLY] = 0300, [O_RDWR] = 0700, [O_ACCMODE] = 0};
	const struct crit_proc_fds *fds = crit_proc_fds(proc, f->pid);
	const struct crit_proc_fd *fd = fds ? crit_proc_fd_find(fds, f->number) : NULL;
	struct crit_proc_opened opened;

	if (!fd)
		return 0;
	crit_proc_open_file(proc, fd->type, fd->id, &opened);
	return opened.flags & O_PATH ? 0 : permits[opened.flags & O_ACCMODE];
}
