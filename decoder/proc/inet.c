/*
 * Sockets of the Internet protocols. Those that no packet can reach are in none of the
 * kernel's lists, and are left out here, too. What the dump has not is zero: owner, timers,
 * addresses in the kernel, and windows.
 */
#include "decoder/proc/net.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/proc/render.h"

enum { FAMILY_INET = 2, FAMILY_INET6 = 10 };
enum { TYPE_STREAM = 1, TYPE_DGRAM = 2, TYPE_RAW = 3 };
enum { PROTO_UDP = 17, PROTO_UDPLITE = 136 };
enum { STATE_CLOSE = 7, STATE_LISTEN = 10 };

#define NUMBER_COLUMNS                                                                         \
	"sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "    \
	"timeout inode"
#define NUMBER_COLUMNS6                                                                        \
	"sl  local_address                         remote_address                        st "  \
	"tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"

/* A file, and which of its sockets comes next. */
struct list {
	struct crit_proc *proc;
	uint32_t pid;
	bool six;          /* of IP version 6 */
	uint32_t type;     /* of its sockets */
	uint32_t protocol; /* 0: all */
	unsigned digits;   /* of the number */
	unsigned width;    /* to which lines are filled; 0: not */
	unsigned n;
	struct crit_buf *out;
};

/* An address is in network order where it is stored; the kernel prints it as its own number. */
static void put_address(struct list *list, const struct crit_open_file *file,
			const uint32_t *words, size_t n, uint32_t port)
{
	size_t want = list->six ? CRIT_IPV6_WORDS : CRIT_IPV4_WORDS, i;

	for (i = 0; i < want; i++) {
		uint32_t word = i < n ? words[i] : 0;

		crit_buf_printf(list->out, "%08" PRIX32,
				file->style.big_endian ? htobe32(word) : htole32(word));
	}
	crit_buf_printf(list->out, ":%04" PRIX32 " ", port & 0xffff);
}

/* What waits in a connection: not yet acknowledged, and not yet read. */
static void get_queues(struct crit_proc *proc, const InetSkEntry *sk, uint32_t *tx,
		       uint32_t *rx)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err;
	TcpStreamEntry *stream;

	*tx = *rx = 0;
	if (sk->type != TYPE_STREAM || sk->state == STATE_LISTEN)
		return;
	snprintf(name, sizeof(name), "tcp-stream-%x.img", sk->ino);
	stream = crit_dump_first(&proc->dump, name, &err);
	if (!stream)
		return;
	*tx = stream->outq_len;
	*rx = stream->inq_len;
	tcp_stream_entry__free_unpacked(stream, NULL);
}

/* To the kernel's width, as readers of fixed lengths expect it. */
static void end_line(struct list *list, size_t begin)
{
	size_t len = list->out->len - begin;

	if (len < list->width)
		crit_buf_fill(list->out, ' ', list->width - len);
	crit_buf_byte(list->out, '\n');
}

static void put_socket(struct list *list, const struct crit_open_file *file)
{
	const InetSkEntry *sk = (const InetSkEntry *)file->what;
	size_t begin = list->out->len;
	uint32_t tx, rx;

	get_queues(list->proc, sk, &tx, &rx);
	crit_buf_printf(list->out, "%*u: ", (int)list->digits, list->n++);
	put_address(list, file, sk->src_addr, sk->n_src_addr, sk->src_port);
	put_address(list, file, sk->dst_addr, sk->n_dst_addr, sk->dst_port);
	crit_buf_printf(list->out,
			"%02" PRIX32 " %08" PRIX32 ":%08" PRIX32 " 00:00000000 00000000 %5u %8d"
			" %" PRIu32 " 1 0000000000000000",
			sk->state, tx, rx, 0, 0, sk->ino);
	crit_buf_str(list->out, sk->type == TYPE_STREAM ? " 0 0 0 0 0" : " 0");
	end_line(list, begin);
}

/* A stream that is closed, and a datagram socket without a port, are in no list. */
static bool is_listed(const struct list *list, const InetSkEntry *sk)
{
	if (sk->family != (list->six ? FAMILY_INET6 : FAMILY_INET) || sk->type != list->type)
		return false;
	if (list->protocol && sk->proto != list->protocol)
		return false;
	if (sk->type == TYPE_STREAM)
		return sk->state != STATE_CLOSE;
	return sk->type == TYPE_RAW || sk->src_port;
}

/* Those that listen, or all others. */
static void put_sockets(struct list *list, bool listening)
{
	struct crit_proc_sockets sockets;
	struct crit_open_file file;

	crit_proc_sockets_begin(list->proc, list->pid, FD_TYPES__INETSK, &sockets);
	while (crit_proc_sockets_next(&sockets, &file)) {
		const InetSkEntry *sk = (const InetSkEntry *)file.what;

		if (is_listed(list, sk) && (sk->state == STATE_LISTEN) == listening)
			put_socket(list, &file);
		crit_open_file_fini(&file);
	}
	crit_proc_sockets_end(&sockets);
}

static int put_list(struct list *list, const char *title)
{
	size_t begin = list->out->len;

	crit_buf_str(list->out, title);
	end_line(list, begin);
	put_sockets(list, true);
	put_sockets(list, false);
	return 0;
}

static bool is_six(const struct crit_proc_file *f)
{
	const char *name = f->kind->name;

	return name[strlen(name) - 1] == '6';
}

int crit_proc_net_tcp(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	bool six = is_six(f);
	struct list list = {.proc = proc,
			    .pid = f->pid,
			    .six = six,
			    .type = TYPE_STREAM,
			    .digits = 4,
			    .width = six ? 0 : 149,
			    .out = out};

	(void)err;
	return put_list(&list, six ? "  " NUMBER_COLUMNS6 : "  " NUMBER_COLUMNS);
}

static int put_datagrams(struct crit_proc *proc, const struct crit_proc_file *f,
			 uint32_t protocol, struct crit_buf *out)
{
	bool six = is_six(f);
	struct list list = {.proc = proc,
			    .pid = f->pid,
			    .six = six,
			    .type = TYPE_DGRAM,
			    .protocol = protocol,
			    .digits = 5,
			    .width = six ? 0 : 127,
			    .out = out};

	return put_list(&list, six ? "  " NUMBER_COLUMNS6 " ref pointer drops"
				   : "   " NUMBER_COLUMNS " ref pointer drops");
}

int crit_proc_net_udp(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	return put_datagrams(proc, f, PROTO_UDP, out);
}

int crit_proc_net_udplite(struct crit_proc *proc, const struct crit_proc_file *f,
			  struct crit_buf *out, struct crit_error *err)
{
	(void)err;
	return put_datagrams(proc, f, PROTO_UDPLITE, out);
}

int crit_proc_net_raw(struct crit_proc *proc, const struct crit_proc_file *f,
		      struct crit_buf *out, struct crit_error *err)
{
	bool six = is_six(f);
	struct list list = {.proc = proc,
			    .pid = f->pid,
			    .six = six,
			    .type = TYPE_RAW,
			    .digits = six ? 5 : 4,
			    .out = out};

	(void)err;
	return put_list(&list, six ? "  " NUMBER_COLUMNS6 " ref pointer drops"
				   : "  " NUMBER_COLUMNS " ref pointer drops");
}
