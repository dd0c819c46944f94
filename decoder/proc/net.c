/*
 * Sockets of other families than the Internet's, and network devices. Where the kernel shows
 * an address of its own there are zeros, and a socket has the one reference that is known.
 */
#include "decoder/proc/net.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/proc/render.h"
#include "network.pb-c.h"

#define ADDRESS "0000000000000000"

enum { STATE_ESTABLISHED = 1, STATE_LISTEN = 10 };

static bool namespace_of(struct crit_proc *proc, uint32_t pid, uint32_t *id)
{
	const TaskKobjIdsEntry *ids = crit_proc_ids(proc, crit_proc_seen_by(proc, pid));

	*id = ids ? ids->net_ns_id : 0;
	return ids && ids->has_net_ns_id;
}

/* A zombie has none. Who is not in the dump finds the files, so that his programs run. */
bool crit_proc_has_net(struct crit_proc *proc, const struct crit_proc_file *f)
{
	return !crit_proc_process(proc, f->pid) || crit_proc_ids(proc, f->pid);
}

void crit_proc_sockets_begin(struct crit_proc *proc, uint32_t pid, uint32_t type,
			     struct crit_proc_sockets *sockets)
{
	sockets->any = !namespace_of(proc, pid, &sockets->ns_id);
	crit_files_walk_begin(&proc->dump, type, &sockets->walk);
}

void crit_proc_sockets_end(struct crit_proc_sockets *sockets)
{
	crit_files_walk_end(&sockets->walk);
}

/* The namespace of a socket. false: it does not tell. */
static bool tells_namespace(uint32_t type, const void *what, uint32_t *id)
{
	switch (type) {
	case FD_TYPES__INETSK:
		*id = ((const InetSkEntry *)what)->ns_id;
		return ((const InetSkEntry *)what)->has_ns_id;
	case FD_TYPES__UNIXSK:
		*id = ((const UnixSkEntry *)what)->ns_id;
		return ((const UnixSkEntry *)what)->has_ns_id;
	case FD_TYPES__NETLINKSK:
		*id = ((const NetlinkSkEntry *)what)->ns_id;
		return ((const NetlinkSkEntry *)what)->has_ns_id;
	case FD_TYPES__PACKETSK:
		*id = ((const PacketSockEntry *)what)->ns_id;
		return ((const PacketSockEntry *)what)->has_ns_id;
	default:
		return false;
	}
}

bool crit_proc_sockets_next(struct crit_proc_sockets *sockets, struct crit_open_file *file)
{
	uint32_t id;

	while (crit_files_walk_next(&sockets->walk, file)) {
		if (sockets->any || !tells_namespace(sockets->walk.type, file->what, &id) ||
		    id == sockets->ns_id)
			return true;
		crit_open_file_fini(file);
	}
	return false;
}

/* An abstract name begins with a NUL; that and all others are shown as @. */
static void put_unix_name(const UnixSkEntry *sk, struct crit_buf *out)
{
	size_t i, len = sk->name.len;

	if (!len)
		return;
	if (sk->name.data[0] && !sk->name.data[len - 1])
		len--;
	crit_buf_byte(out, ' ');
	for (i = 0; i < len; i++)
		crit_buf_byte(out, sk->name.data[i] ? sk->name.data[i] : '@');
}

static void put_unix(const struct crit_open_file *file, struct crit_buf *out)
{
	const UnixSkEntry *sk = (const UnixSkEntry *)file->what;
	bool connected = sk->state == STATE_ESTABLISHED;
	uint32_t flags = sk->state == STATE_LISTEN ? 0x10000 : 0; /* __SO_ACCEPTCON */

	crit_buf_printf(out, ADDRESS ": %08X %08X %08" PRIX32 " %04" PRIX32 " %02X %5" PRIu32,
			2, 0, flags, sk->type, connected ? 3 : 1, sk->ino);
	put_unix_name(sk, out);
	crit_buf_byte(out, '\n');
}

static void put_netlink(const struct crit_open_file *file, struct crit_buf *out)
{
	const NetlinkSkEntry *sk = (const NetlinkSkEntry *)file->what;

	crit_buf_printf(out, ADDRESS " %-3" PRId32 " %-10" PRIu32 " %08" PRIx32,
			(int32_t)sk->protocol, sk->portid, sk->n_groups ? sk->groups[0] : 0);
	crit_buf_printf(out, " %-8d %-8d %-5d %-8d %-8u %-8" PRIu32 "\n", 0, 0, 0, 1, 0,
			sk->ino);
}

/* The protocol is in network order. Its inode is not in the dump: the id stands for it. */
static void put_packet(const struct crit_open_file *file, struct crit_buf *out)
{
	const PacketSockEntry *sk = (const PacketSockEntry *)file->what;
	uint32_t protocol = sk->protocol & 0xffff;

	if (!file->style.big_endian)
		protocol = (protocol & 0xff) << 8 | protocol >> 8;
	crit_buf_printf(out, ADDRESS " %-6d %-4" PRIu32 " %04" PRIx32 "   %-5" PRId32, 1,
			sk->type, protocol, (int32_t)sk->ifindex);
	crit_buf_printf(out, " %1d %-6u %-6u %-6" PRIu32 "\n", protocol != 0, 0, 0, sk->id);
}

static int put_all(struct crit_proc *proc, const struct crit_proc_file *f, uint32_t type,
		   void (*put)(const struct crit_open_file *file, struct crit_buf *out),
		   struct crit_buf *out)
{
	struct crit_proc_sockets sockets;
	struct crit_open_file file;

	crit_proc_sockets_begin(proc, f->pid, type, &sockets);
	while (crit_proc_sockets_next(&sockets, &file)) {
		put(&file, out);
		crit_open_file_fini(&file);
	}
	crit_proc_sockets_end(&sockets);
	return 0;
}

int crit_proc_net_unix(struct crit_proc *proc, const struct crit_proc_file *f,
		       struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	crit_buf_str(out, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	return put_all(proc, f, FD_TYPES__UNIXSK, put_unix, out);
}

int crit_proc_net_netlink(struct crit_proc *proc, const struct crit_proc_file *f,
			  struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	crit_buf_str(out, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  "
			  "Locks    Drops    Inode\n");
	return put_all(proc, f, FD_TYPES__NETLINKSK, put_netlink, out);
}

int crit_proc_net_packet(struct crit_proc *proc, const struct crit_proc_file *f,
			 struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	crit_buf_str(out, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
	return put_all(proc, f, FD_TYPES__PACKETSK, put_packet, out);
}

static bool open_devices(struct crit_proc *proc, uint32_t pid, struct crit_walk *walk)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err;
	uint32_t id;

	if (!namespace_of(proc, pid, &id))
		return false;
	snprintf(name, sizeof(name), "netdev-%u.img", id);
	return crit_walk_open(&proc->dump, name, walk, &err) == 0;
}

bool crit_proc_has_net_dev(struct crit_proc *proc, const struct crit_proc_file *f)
{
	struct crit_walk walk;

	if (!open_devices(proc, f->pid, &walk))
		return false;
	crit_walk_close(&walk);
	return true;
}

/* The devices have names; what went through them is not in the dump. */
int crit_proc_net_dev(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	NetDeviceEntry *dev;
	struct crit_walk walk;

	(void)err;
	if (!open_devices(proc, f->pid, &walk))
		return -ENOENT;
	crit_buf_str(out,
		     "Inter-|   Receive                                                |  "
		     "Transmit\n face |bytes    packets errs drop fifo frame compressed "
		     "multicast|bytes    packets errs drop fifo colls carrier compressed\n");
	while ((dev = crit_walk_rest(&proc->dump, "netdev", &walk))) {
		crit_buf_printf(out, "%6s: %7d %7d %4d %4d %4d %5d %10d %9d", dev->name, 0, 0,
				0, 0, 0, 0, 0, 0);
		crit_buf_printf(out, " %8d %7d %4d %4d %4d %5d %7d %10d\n", 0, 0, 0, 0, 0, 0, 0,
				0);
		net_device_entry__free_unpacked(dev, NULL);
	}
	crit_walk_close(&walk);
	return 0;
}
