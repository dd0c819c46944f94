/*
 * Open files: descriptors lead to files, and files to what else they are made of.
 */
#include <stdio.h>
#include <string.h>

#include "decoder/check/checker.h"
#include "decoder/descriptors.h"
#include "files.pb-c.h"

#define FILES "files.img"

/* Is there any image with files of the type? Old ones have no MEMFD. */
static bool has_files(struct checker *c, uint32_t type)
{
	return check_exists(c, FILES) || (type < 64 && c->old_kinds >> type & 1);
}

static bool is_old(struct checker *c)
{
	return !check_exists(c, FILES) && check_exists(c, "reg-files.img");
}

/* The type that a file of another type with this id has; NULL if there is none. */
static const char *other_type(struct checker *c, uint64_t id)
{
	uint64_t type;

	return crit_index_find(&c->set[CHECK_FILE_IDS], id, &type)
		       ? crit_file_type_name((uint32_t)type)
		       : NULL;
}

void check_file(struct checker *c, struct check_at at, uint32_t type, uint64_t id,
		const char *what, ...)
{
	const char *name = crit_file_type_name(type), *other = other_type(c, id);
	char of[200];
	va_list args;

	if (id <= UINT32_MAX && check_has(c, CHECK_FILES, check_pair(type, (uint32_t)id)))
		return;
	if (!has_files(c, type)) {
		if (!is_old(c) || type != FD_TYPES__MEMFD)
			check_missing(c, FILES, at);
		return;
	}
	va_start(args, what);
	vsnprintf(of, sizeof(of), what, args);
	va_end(args);
	if (other)
		check_error(c, at, "%s: the file with the id %llu is of type %s, not %s", of,
			    (unsigned long long)id, other, name ? name : "that");
	else
		check_error(c, at, "%s: no file of type %s has the id %llu", of,
			    name ? name : "that", (unsigned long long)id);
}

void check_fdinfo(struct checker *c, struct check_at at, const void *msg)
{
	const FdinfoEntry *e = msg;

	if (crit_file_type_name((uint32_t)e->type))
		check_file(c, at, (uint32_t)e->type, e->id, "descriptor %u", e->fd);
	else
		check_warning(c, at, "descriptor %u: its type %d is newer than this", e->fd,
			      (int)e->type);
}

/* ------------------------------------------------------- what files lead to */

static void in_namespace(struct checker *c, struct check_at at, bool is_set, uint32_t id)
{
	if (is_set && id && !check_has(c, CHECK_NAMESPACES, id))
		check_error(c, at, "ns_id: no namespace has the id %u", id);
}

/* Only dumps of mount namespaces have mounts. */
static void on_mount(struct checker *c, struct check_at at, const char *what, int64_t id)
{
	if (id >= 0 && c->set[CHECK_MOUNTS].n && !check_has(c, CHECK_MOUNTS, (uint64_t)id))
		check_error(c, at, "%s: no mount has the mnt_id %lld", what, (long long)id);
}

static void reg(struct checker *c, struct check_at at, const void *what)
{
	const RegFileEntry *e = what;

	on_mount(c, at, "reg.mnt_id", e->has_mnt_id ? e->mnt_id : -1);
}

static void fifo(struct checker *c, struct check_at at, const void *what)
{
	const FifoEntry *e = what;

	if (e->has_regf_id)
		check_file(c, at, FD_TYPES__REG, e->regf_id, "fifo.regf_id");
}

/* States of a TCP socket that has a connection, or is about to have one. */
static bool has_connection(uint32_t state)
{
	enum {
		ESTABLISHED = 1,
		SYN_SENT = 2,
		FIN_WAIT1 = 4,
		FIN_WAIT2 = 5,
		CLOSE_WAIT = 8,
		LAST_ACK = 9,
		CLOSING = 11
	};

	return state == ESTABLISHED || state == SYN_SENT || state == FIN_WAIT1 ||
	       state == FIN_WAIT2 || state == CLOSE_WAIT || state == LAST_ACK ||
	       state == CLOSING;
}

static void inet(struct checker *c, struct check_at at, const void *what)
{
	enum { TCP = 6 };
	const InetSkEntry *e = what;
	char name[CRIT_IMAGE_NAME_MAX];

	in_namespace(c, at, e->has_ns_id, e->ns_id);
	if (e->proto != TCP || !has_connection(e->state))
		return;
	snprintf(name, sizeof(name), "tcp-stream-%x.img", e->ino);
	if (!check_exists(c, name))
		check_missing(c, name, at);
}

static void unix_socket(struct checker *c, struct check_at at, const void *what)
{
	const UnixSkEntry *e = what;

	in_namespace(c, at, e->has_ns_id, e->ns_id);
	on_mount(c, at, "usk.mnt_id", e->has_mnt_id ? e->mnt_id : -1);
	if (e->peer && !check_has(c, CHECK_UNIX, e->peer))
		check_error(c, at, "usk.peer: no unix socket has the ino %u", e->peer);
}

static void packet(struct checker *c, struct check_at at, const void *what)
{
	const PacketSockEntry *e = what;

	in_namespace(c, at, e->has_ns_id, e->ns_id);
}

static void netlink(struct checker *c, struct check_at at, const void *what)
{
	const NetlinkSkEntry *e = what;

	in_namespace(c, at, e->has_ns_id, e->ns_id);
}

static void tun(struct checker *c, struct check_at at, const void *what)
{
	const TunfileEntry *e = what;

	in_namespace(c, at, e->has_ns_id, e->ns_id);
}

static void ns(struct checker *c, struct check_at at, const void *what)
{
	in_namespace(c, at, true, ((const NsFileEntry *)what)->ns_id);
}

static void tty(struct checker *c, struct check_at at, const void *what)
{
	const TtyFileEntry *e = what;

	if (!check_exists(c, "tty-info.img"))
		check_missing(c, "tty-info.img", at);
	else if (!check_has(c, CHECK_TERMINALS, e->tty_info_id))
		check_error(c, at, "tty.tty_info_id: no entry of tty-info.img has the id %u",
			    e->tty_info_id);
	if (e->has_regf_id)
		check_file(c, at, FD_TYPES__REG, e->regf_id, "tty.regf_id");
}

static void memfd(struct checker *c, struct check_at at, const void *what)
{
	const MemfdFileEntry *e = what;

	if (!check_exists(c, "memfd.img"))
		check_missing(c, "memfd.img", at);
	else if (!check_has(c, CHECK_MEMFDS, e->inode_id))
		check_error(c, at, "memfd.inode_id: no entry of memfd.img has the inode_id %u",
			    e->inode_id);
}

/* What a poll waits for has to be open in the table where the poll is. */
static void polled(struct checker *c, struct check_at at, uint32_t id, const char *what,
		   const EventpollTfdEntry *e)
{
	uint64_t table, other;

	if (!crit_index_find(&c->set[CHECK_POLLS], id, &table) ||
	    crit_index_find(&c->set[CHECK_SHARED_POLLS], id, &other))
		return;
	if (!check_has(c, CHECK_FDS, check_pair((uint32_t)table, e->tfd)))
		check_error(c, at, "%stfd: fdinfo-%llu.img has no descriptor %u", what,
			    (unsigned long long)table, e->tfd);
}

static void poll(struct checker *c, struct check_at at, const void *what)
{
	const EventpollFileEntry *e = what;
	char name[40];
	size_t i;

	for (i = 0; i < e->n_tfd; i++) {
		snprintf(name, sizeof(name), "epfd.tfd[%zu].", i);
		polled(c, at, e->id, name, e->tfd[i]);
	}
}

static void mark(struct checker *c, struct check_at at, const FanotifyMarkEntry *e)
{
	if (e->me)
		on_mount(c, at, "me.mnt_id", e->me->mnt_id);
}

static void fanotify(struct checker *c, struct check_at at, const void *what)
{
	const FanotifyFileEntry *e = what;
	size_t i;

	for (i = 0; i < e->n_mark; i++)
		mark(c, at, e->mark[i]);
}

static void pidfd(struct checker *c, struct check_at at, const void *what)
{
	const PidfdEntry *e = what;

	if (e->nspid > 0 && !check_has(c, CHECK_PROCESSES, (uint64_t)e->nspid))
		check_error(c, at, "pidfd.nspid: no process has the pid %d", e->nspid);
}

static const struct {
	uint32_t type;
	void (*follow)(struct checker *c, struct check_at at, const void *what);
} kinds[] = {
	{FD_TYPES__REG, reg},         {FD_TYPES__FIFO, fifo},
	{FD_TYPES__INETSK, inet},     {FD_TYPES__UNIXSK, unix_socket},
	{FD_TYPES__PACKETSK, packet}, {FD_TYPES__NETLINKSK, netlink},
	{FD_TYPES__TUNF, tun},        {FD_TYPES__NS, ns},
	{FD_TYPES__TTY, tty},         {FD_TYPES__MEMFD, memfd},
	{FD_TYPES__EVENTPOLL, poll},  {FD_TYPES__FANOTIFY, fanotify},
	{FD_TYPES__PIDFD, pidfd},
};

static void follow(struct checker *c, struct check_at at, uint32_t type, const void *msg)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].type == type)
			kinds[i].follow(c, at, msg);
}

void check_file_entry(struct checker *c, struct check_at at, const void *msg)
{
	const FileEntry *e = msg;
	const ProtobufCMessage *what = crit_file_of_entry(e);
	const char *type = crit_file_type_name((uint32_t)e->type);
	uint32_t id;

	if (!type) {
		check_warning(c, at, "its type %d is newer than this", (int)e->type);
		return;
	}
	if (!what) {
		check_error(c, at, "it is of type %s, but has nothing of one", type);
		return;
	}
	id = crit_file_id(what);
	if (id != e->id)
		check_error(c, at, "its id is %u, but that of the %s in it is %u", e->id, type,
			    id);
	follow(c, at, (uint32_t)e->type, what);
}

/* ---------------------------------------------------- images of old dumps */

void check_old_files(struct checker *c, const struct check_image *image)
{
	uint32_t type = crit_file_type_of_image(image->name);
	struct check_at at = {.image = image->name};
	struct crit_walk walk;
	void *msg;

	if (type == FD_TYPES__UND || crit_walk_open(&c->dump, image->name, &walk, NULL) < 0)
		return;
	while ((msg = crit_walk_rest(&c->dump, image->name, &walk))) {
		at.entry = walk.n - 1;
		follow(c, at, type, msg);
		protobuf_c_message_free_unpacked(msg, NULL);
	}
	crit_walk_close(&walk);
}

void check_old_tfd(struct checker *c, struct check_at at, const void *msg)
{
	const EventpollTfdEntry *e = msg;

	check_file(c, at, FD_TYPES__EVENTPOLL, e->id, "id");
	polled(c, at, e->id, "", e);
}

void check_old_wd(struct checker *c, struct check_at at, const void *msg)
{
	check_file(c, at, FD_TYPES__INOTIFY, ((const InotifyWdEntry *)msg)->id, "id");
}

void check_old_mark(struct checker *c, struct check_at at, const void *msg)
{
	const FanotifyMarkEntry *e = msg;

	check_file(c, at, FD_TYPES__FANOTIFY, e->id, "id");
	mark(c, at, e);
}
