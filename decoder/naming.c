/*
 * Names of open files.
 */
#include "decoder/naming.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "deleted-files.pb-c.h"

#define DELETED " (deleted)"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

void crit_naming_init(struct crit_naming *naming, struct crit_dump *dump,
		      struct crit_files *files)
{
	*naming = (struct crit_naming){.dump = dump, .files = files};
}

void crit_naming_fini(struct crit_naming *naming)
{
	crit_lookup_fini(&naming->remaps);
	crit_lookup_fini(&naming->memories);
	crit_lookup_fini(&naming->terminals);
}

/* What stands in for a file that has lost its name; NULL: it has not. */
static RemapFilePathEntry *find_remap(struct crit_naming *naming, uint64_t id)
{
	struct crit_lookup *remaps = &naming->remaps;

	if (!crit_lookup_open(naming->dump, remaps, "remap-fpath.img", "orig_id", NULL))
		return NULL;
	return crit_lookup_find(naming->dump, remaps, id);
}

bool crit_naming_inode(struct crit_naming *naming, uint64_t id, struct crit_inode *inode)
{
	RemapFilePathEntry *remap = find_remap(naming, id);
	char name[CRIT_IMAGE_NAME_MAX];
	GhostFileEntry *ghost = NULL;
	struct crit_error err;
	bool known;

	/* those of very old dumps have no type */
	if (remap && (!remap->has_remap_type || remap->remap_type == REMAP_TYPE__GHOST)) {
		snprintf(name, sizeof(name), "ghost-file-%x.img", remap->remap_id);
		ghost = crit_dump_first(naming->dump, name, &err);
	}
	known = ghost && ghost->has_dev && ghost->has_ino;
	if (known)
		*inode = (struct crit_inode){ghost->dev >> 20, ghost->dev & 0xfffff,
					     ghost->ino};
	ghost_file_entry__free_unpacked(ghost, NULL);
	remap_file_path_entry__free_unpacked(remap, NULL);
	return known;
}

static void put_path(struct crit_naming *naming, const RegFileEntry *reg, struct crit_buf *out)
{
	RemapFilePathEntry *remap = find_remap(naming, reg->id);

	/* no kernel has a longer one, and there may be many thousands of this one in a text */
	crit_buf_add(out, reg->name, strnlen(reg->name, PATH_MAX));
	if (remap)
		crit_buf_str(out, DELETED);
	remap_file_path_entry__free_unpacked(remap, NULL);
}

/*
 * Shared memory without a name is kept as a memory file, too, under the name that the kernel
 * has for it.
 */
static bool is_kernels_own(const char *name)
{
	return !strcmp(name, "/dev/zero") || !strcmp(name, "/anon_hugepage") ||
	       !strncmp(name, "/SYSV", 5);
}

static void put_memory(struct crit_naming *naming, uint64_t inode_id, struct crit_buf *out)
{
	struct crit_lookup *memories = &naming->memories;
	MemfdInodeEntry *memory = NULL;
	const char *name;

	if (crit_lookup_open(naming->dump, memories, "memfd.img", "inode_id", NULL))
		memory = crit_lookup_find(naming->dump, memories, inode_id);
	name = memory ? memory->name : "";
	crit_buf_str(out, is_kernels_own(name) ? "" : "/memfd:");
	crit_buf_str(out, name);
	crit_buf_str(out, DELETED);
	memfd_inode_entry__free_unpacked(memory, NULL);
}

/* One without a path: by what it is. */
static void put_terminal_itself(struct crit_naming *naming, uint32_t id, struct crit_buf *out)
{
	struct crit_lookup *terminals = &naming->terminals;
	TtyInfoEntry *tty = NULL;

	if (crit_lookup_open(naming->dump, terminals, "tty-info.img", "id", NULL))
		tty = crit_lookup_find(naming->dump, terminals, id);
	if (tty && tty->pty)
		crit_buf_printf(out, "/dev/pts/%" PRIu32, tty->pty->index);
	else if (tty && tty->type == TTY_TYPE__CONSOLE)
		crit_buf_str(out, "/dev/console");
	else if (tty && tty->type == TTY_TYPE__VT)
		crit_buf_printf(out, "/dev/tty%" PRIu32, tty->rdev & 0xff);
	else
		crit_buf_str(out, "/dev/tty");
	tty_info_entry__free_unpacked(tty, NULL);
}

static void put_terminal(struct crit_naming *naming, const TtyFileEntry *tty,
			 struct crit_buf *out)
{
	struct crit_open_file path;

	if (!tty->has_regf_id ||
	    !crit_files_find(naming->files, FD_TYPES__REG, tty->regf_id, &path)) {
		put_terminal_itself(naming, tty->tty_info_id, out);
		return;
	}
	put_path(naming, (const RegFileEntry *)path.what, out);
	crit_open_file_fini(&path);
}

static void put_fifo(struct crit_naming *naming, const FifoEntry *fifo, struct crit_buf *out)
{
	struct crit_open_file path;

	if (!crit_files_find(naming->files, FD_TYPES__REG, fifo->regf_id, &path)) {
		crit_buf_printf(out, "pipe:[%" PRIu32 "]", fifo->pipe_id);
		return;
	}
	put_path(naming, (const RegFileEntry *)path.what, out);
	crit_open_file_fini(&path);
}

static void put_socket(uint32_t ino, struct crit_buf *out)
{
	crit_buf_printf(out, "socket:[%" PRIu32 "]", ino);
}

static const char *namespace_name(uint32_t cflag)
{
	static const struct {
		uint32_t cflag;
		const char *name;
	} kinds[] = {
		{CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWIPC, "ipc"}, {CLONE_NEWNS, "mnt"},
		{CLONE_NEWNET, "net"},       {CLONE_NEWPID, "pid"}, {CLONE_NEWTIME, "time"},
		{CLONE_NEWUSER, "user"},     {CLONE_NEWUTS, "uts"},
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].cflag == cflag)
			return kinds[i].name;
	return NULL;
}

static void put_namespace(const NsFileEntry *ns, struct crit_buf *out)
{
	const char *name = namespace_name(ns->ns_cflag);

	crit_buf_printf(out, "%s:[%" PRIu32 "]", name ? name : "ns", ns->ns_id);
}

/* Those with one name for all; NULL: others. */
static const char *common_name(uint32_t type)
{
	switch (type) {
	case FD_TYPES__EVENTFD:
		return "anon_inode:[eventfd]";
	case FD_TYPES__EVENTPOLL:
		return "anon_inode:[eventpoll]";
	case FD_TYPES__INOTIFY:
		return "anon_inode:inotify";
	case FD_TYPES__SIGNALFD:
		return "anon_inode:[signalfd]";
	case FD_TYPES__FANOTIFY:
		return "anon_inode:[fanotify]";
	case FD_TYPES__TIMERFD:
		return "anon_inode:[timerfd]";
	case FD_TYPES__BPFMAP:
		return "anon_inode:bpf-map";
	case FD_TYPES__PIDFD:
		return "anon_inode:[pidfd]";
	case FD_TYPES__TUNF:
		return "/dev/net/tun";
	default:
		return NULL;
	}
}

/* The others. A packet socket's number is not in the dump, so its id has to do. */
static bool put_own_name(struct crit_naming *naming, uint32_t type, const void *what,
			 struct crit_buf *out)
{
	switch (type) {
	case FD_TYPES__REG:
		put_path(naming, what, out);
		return true;
	case FD_TYPES__PIPE:
		crit_buf_printf(out, "pipe:[%" PRIu32 "]", ((const PipeEntry *)what)->pipe_id);
		return true;
	case FD_TYPES__FIFO:
		put_fifo(naming, what, out);
		return true;
	case FD_TYPES__INETSK:
		put_socket(((const InetSkEntry *)what)->ino, out);
		return true;
	case FD_TYPES__UNIXSK:
		put_socket(((const UnixSkEntry *)what)->ino, out);
		return true;
	case FD_TYPES__NETLINKSK:
		put_socket(((const NetlinkSkEntry *)what)->ino, out);
		return true;
	case FD_TYPES__PACKETSK:
		put_socket(((const PacketSockEntry *)what)->id, out);
		return true;
	case FD_TYPES__TTY:
		put_terminal(naming, what, out);
		return true;
	case FD_TYPES__NS:
		put_namespace(what, out);
		return true;
	case FD_TYPES__MEMFD:
		put_memory(naming, ((const MemfdFileEntry *)what)->inode_id, out);
		return true;
	default:
		return false;
	}
}

/* "reg:[12]": all that is known of a file of a plug-in, or one that the dump has not. */
static void put_type(uint32_t type, uint64_t id, struct crit_buf *out)
{
	const char *name = crit_file_type_name(type);

	for (name = name ? name : "unknown"; *name; name++)
		crit_buf_byte(out, (uint8_t)tolower((unsigned char)*name));
	crit_buf_printf(out, ":[%" PRIu64 "]", id);
}

bool crit_naming_put(struct crit_naming *naming, uint32_t type, uint64_t id,
		     struct crit_buf *out)
{
	struct crit_open_file file;

	if (!crit_files_find(naming->files, type, id, &file)) {
		put_type(type, id, out);
		return false;
	}
	if (common_name(type))
		crit_buf_str(out, common_name(type));
	else if (!put_own_name(naming, type, file.what, out))
		put_type(type, id, out);
	crit_open_file_fini(&file);
	return true;
}
