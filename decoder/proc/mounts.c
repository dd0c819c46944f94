/*
 * Mounts of a process' namespace (mountpoints-<id>.img). The image has the last one first.
 */
#include "decoder/proc/render.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/mount.h>

#include "decoder/proc/escape.h"
#include "mounts.pb-c.h"

#define BLANKS "\t\n\\ "

/* Not in all headers. */
enum { FLAG_NOSYMFOLLOW = 1 << 8, FLAG_LAZYTIME = 1 << 25 };

/* Names of options in the kernel's order. */
struct option {
	uint32_t flag;
	const char *name;
};

static const struct option of_mount[] = {
	{MS_NOSUID, "nosuid"},
	{MS_NODEV, "nodev"},
	{MS_NOEXEC, "noexec"},
	{MS_NOATIME, "noatime"},
	{MS_NODIRATIME, "nodiratime"},
	{MS_RELATIME, "relatime"},
	{FLAG_NOSYMFOLLOW, "nosymfollow"},
	{0},
};

static const struct option of_file_system[] = {
	{MS_SYNCHRONOUS, "sync"},
	{MS_DIRSYNC, "dirsync"},
	{MS_MANDLOCK, "mand"},
	{FLAG_LAZYTIME, "lazytime"},
	{0},
};

static void put_flags(uint32_t flags, const struct option *options, struct crit_buf *out)
{
	for (; options->flag; options++)
		if (flags & options->flag)
			crit_buf_printf(out, ",%s", options->name);
}

static void put_escaped(const char *text, const char *special, struct crit_buf *out)
{
	crit_proc_escape(out, text, strlen(text), special);
}

static void put_source(const MntEntry *mnt, struct crit_buf *out)
{
	put_escaped(*mnt->source ? mnt->source : "none", BLANKS "#", out);
}

/* CRIU has a number for some file systems, and the name of those that it handles alike. */
static void put_type(const MntEntry *mnt, struct crit_buf *out)
{
	const ProtobufCEnumValue *value =
		protobuf_c_enum_descriptor_get_value(&fstype__descriptor, (int)mnt->fstype);
	const char *name = value ? value->name : "unsupported";

	if (mnt->fsname && *mnt->fsname)
		put_escaped(mnt->fsname, BLANKS "#", out);
	else if (mnt->fstype == FSTYPE__OVERLAYFS)
		crit_buf_str(out, "overlay");
	else
		for (; *name; name++)
			crit_buf_byte(out, (uint8_t)tolower((unsigned char)*name));
}

/* In old dumps those of the file system are not known. */
static uint32_t file_system_flags(const MntEntry *mnt)
{
	return mnt->has_sb_flags ? mnt->sb_flags : 0;
}

/* They are kept as the kernel has printed them, with its escapes. */
static void put_options(const MntEntry *mnt, struct crit_buf *out)
{
	if (!*mnt->options)
		return;
	crit_buf_byte(out, ',');
	put_escaped(mnt->options, "\t\n ", out);
}

static const char *access_of(uint32_t flags)
{
	return flags & MS_RDONLY ? " ro" : " rw";
}

static void put_mountinfo(const MntEntry *mnt, struct crit_buf *out)
{
	crit_buf_printf(out, "%" PRId32 " %" PRId32 " %" PRIu32 ":%" PRIu32 " ",
			(int32_t)mnt->mnt_id, (int32_t)mnt->parent_mnt_id, mnt->root_dev >> 20,
			mnt->root_dev & 0xfffff);
	put_escaped(mnt->root, BLANKS, out);
	crit_buf_byte(out, ' ');
	put_escaped(mnt->mountpoint, BLANKS, out);
	crit_buf_str(out, access_of(mnt->flags));
	put_flags(mnt->flags, of_mount, out);
	if (mnt->shared_id)
		crit_buf_printf(out, " shared:%" PRIu32, mnt->shared_id);
	if (mnt->master_id)
		crit_buf_printf(out, " master:%" PRIu32, mnt->master_id);
	if (mnt->flags & MS_UNBINDABLE)
		crit_buf_str(out, " unbindable");
	crit_buf_str(out, " - ");
	put_type(mnt, out);
	crit_buf_byte(out, ' ');
	put_source(mnt, out);
	crit_buf_str(out, access_of(file_system_flags(mnt)));
	put_flags(file_system_flags(mnt), of_file_system, out);
	put_options(mnt, out);
	crit_buf_byte(out, '\n');
}

static void put_mounts(const MntEntry *mnt, struct crit_buf *out)
{
	put_source(mnt, out);
	crit_buf_byte(out, ' ');
	put_escaped(mnt->mountpoint, BLANKS, out);
	crit_buf_byte(out, ' ');
	put_type(mnt, out);
	crit_buf_str(out, access_of(mnt->flags | file_system_flags(mnt)));
	put_flags(file_system_flags(mnt), of_file_system, out);
	put_flags(mnt->flags, of_mount, out);
	put_options(mnt, out);
	crit_buf_str(out, " 0 0\n");
}

static void put_mountstats(const MntEntry *mnt, struct crit_buf *out)
{
	crit_buf_str(out, "device ");
	put_source(mnt, out);
	crit_buf_str(out, " mounted on ");
	put_escaped(mnt->mountpoint, BLANKS, out);
	crit_buf_str(out, " with fstype ");
	put_type(mnt, out);
	crit_buf_byte(out, '\n');
}

/* Old dumps name the image by the process that was the first in the namespace. */
static bool open_image(struct crit_proc *proc, uint32_t pid, struct crit_walk *walk)
{
	const TaskKobjIdsEntry *ids = crit_proc_ids(proc, crit_proc_seen_by(proc, pid));
	const InventoryEntry *inventory = crit_proc_inventory(proc);
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err;
	uint32_t id;

	if (!ids || !ids->has_mnt_ns_id)
		return false;
	id = ids->mnt_ns_id;
	if (inventory && !inventory->ns_per_id && proc->processes.root)
		id = proc->processes.root->entry->pid;
	snprintf(name, sizeof(name), "mountpoints-%u.img", id);
	return crit_walk_open(&proc->dump, name, walk, &err) == 0;
}

/* Who is not in the dump finds the files even if it has no mounts: programs insist on it. */
bool crit_proc_has_mounts(struct crit_proc *proc, const struct crit_proc_file *f)
{
	struct crit_walk walk;

	if (!crit_proc_process(proc, f->pid))
		return true;
	if (!open_image(proc, f->pid, &walk))
		return false;
	crit_walk_close(&walk);
	return true;
}

static uint64_t count(struct crit_walk *walk)
{
	struct crit_error err;
	const uint8_t *bytes;
	struct crit_entry e;

	while (crit_walk_bytes(walk, &e, &bytes, &err) > 0)
		;
	return walk->n;
}

static int put_all(struct crit_proc *proc, uint32_t pid,
		   void (*put)(const MntEntry *mnt, struct crit_buf *out), struct crit_buf *out)
{
	struct crit_error err;
	ProtobufCMessage *msg;
	struct crit_walk walk;
	uint64_t n;

	if (!open_image(proc, pid, &walk))
		return crit_proc_process(proc, pid) ? -ENOENT : 0;
	for (n = count(&walk); n-- > 0;) {
		walk.n = n;
		if (crit_walk_next(&walk, &msg, &err) <= 0)
			continue;
		put((const MntEntry *)msg, out);
		protobuf_c_message_free_unpacked(msg, NULL);
	}
	crit_walk_close(&walk);
	return 0;
}

int crit_proc_mountinfo(struct crit_proc *proc, const struct crit_proc_file *f,
			struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	return put_all(proc, f->pid, put_mountinfo, out);
}

int crit_proc_mounts(struct crit_proc *proc, const struct crit_proc_file *f,
		     struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	return put_all(proc, f->pid, put_mounts, out);
}

int crit_proc_mountstats(struct crit_proc *proc, const struct crit_proc_file *f,
			 struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	return put_all(proc, f->pid, put_mountstats, out);
}
