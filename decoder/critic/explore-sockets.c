/*
 * critic x DIR sk: the sockets of all processes, as a table. What a column means
 * depends on the kind of socket, as in ss(8):
 *
 *            SOURCE            SPORT      DEST              DPORT
 *   inet     address           port       address           port
 *   unix     name              inode      -                 inode of the peer
 *   packet   if<number>        -          -                 -
 *   netlink  groups, hex       port id    group             port id
 *
 * "-" stands for what there is not.
 */
#include <inttypes.h>
#include <string.h>

#include "decoder/critic/explorer.h"
#include "decoder/text.h"
#include "decoder/value.h"
#include "proto/names.h"

enum column {
	COLUMN_PID,
	COLUMN_FD,
	COLUMN_FDTYPE,
	COLUMN_FAMILY,
	COLUMN_TYPE,
	COLUMN_PROTO,
	COLUMN_STATE,
	COLUMN_SOURCE,
	COLUMN_SPORT,
	COLUMN_DEST,
	COLUMN_DPORT,
	COLUMN_SNDBUF,
	COLUMN_RCVBUF,
	N_COLUMNS,
};

static const char *const titles[N_COLUMNS] = {
	"PID",    "FD",    "FDTYPE", "FAMILY", "TYPE",   "PROTO",  "STATE",
	"SOURCE", "SPORT", "DEST",   "DPORT",  "SNDBUF", "RCVBUF",
};

struct table {
	struct explorer *x;
	bool measuring; /* the first of two passes: widths only, nothing is kept */
	int width[N_COLUMNS];
	struct crit_buf cell[N_COLUMNS]; /* of the row that is being made; without NUL */
	struct crit_style style;         /* of the row's addresses */
};

/* clang-format off */

/* The families of sockets, by numbers that are the images' own. */
enum { FAMILY_UNIX = 1, FAMILY_INET = 2, FAMILY_INET6 = 10, FAMILY_NETLINK = 16,
       FAMILY_PACKET = 17 };

enum { NETLINK_CONNECTED = 1 };

/* See netlink(7). */
static const struct crit_name netlink_protocol_names[] = {
	{.name = "ROUTE",          .value = 0},
	{.name = "USERSOCK",       .value = 2},
	{.name = "FIREWALL",       .value = 3},
	{.name = "SOCK_DIAG",      .value = 4},
	{.name = "NFLOG",          .value = 5},
	{.name = "XFRM",           .value = 6},
	{.name = "SELINUX",        .value = 7},
	{.name = "ISCSI",          .value = 8},
	{.name = "AUDIT",          .value = 9},
	{.name = "FIB_LOOKUP",     .value = 10},
	{.name = "CONNECTOR",      .value = 11},
	{.name = "NETFILTER",      .value = 12},
	{.name = "KOBJECT_UEVENT", .value = 15},
	{.name = "GENERIC",        .value = 16},
	{.name = "SCSITRANSPORT",  .value = 18},
	{.name = "RDMA",           .value = 20},
	{.name = "CRYPTO",         .value = 21},
	{.name = "SMC",            .value = 22},
	{.name = NULL},
};

static const struct crit_name netlink_state_names[] = {
	{.name = "UNCONNECTED", .value = 0},
	{.name = "CONNECTED",   .value = 1},
	{.name = "CLOSE",       .value = 7}, /* as sockets are made: it was never connected */
	{.name = NULL},
};

/* What a packet socket gets, by the type in an Ethernet frame. */
static const struct crit_name ether_type_names[] = {
	{.name = "ALL",   .value = 0x0003},
	{.name = "IP",    .value = 0x0800},
	{.name = "ARP",   .value = 0x0806},
	{.name = "8021Q", .value = 0x8100},
	{.name = "IPV6",  .value = 0x86dd},
	{.name = "LLDP",  .value = 0x88cc},
	{.name = NULL},
};

/* clang-format on */

static const char *name_of(const struct crit_name *names, uint64_t value)
{
	for (; names->name; names++)
		if (names->value == value && !names->input_only)
			return names->name;
	return NULL;
}

static void put(struct table *t, enum column c, const char *text)
{
	crit_buf_str(&t->cell[c], text);
}

static void put_number(struct table *t, enum column c, uint32_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	put(t, c, text);
}

static void put_hex(struct table *t, enum column c, uint32_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "0x%x", n);
	put(t, c, text);
}

static void put_name(struct table *t, enum column c, const struct crit_name *names, uint32_t n)
{
	const char *name = name_of(names, n);

	if (name)
		put(t, c, name);
	else
		put_number(t, c, n);
}

static void put_options(struct table *t, const SkOptsEntry *opts)
{
	crit_human_size(&t->cell[COLUMN_SNDBUF], opts->so_sndbuf);
	crit_human_size(&t->cell[COLUMN_RCVBUF], opts->so_rcvbuf);
}

static void put_address(struct table *t, enum column c, uint32_t family, const uint32_t *words,
			size_t n)
{
	unsigned want = family == FAMILY_INET6 ? CRIT_IPV6_WORDS : CRIT_IPV4_WORDS;
	struct crit_buf text = {0};

	if (n < want || (family != FAMILY_INET && family != FAMILY_INET6))
		return;
	crit_address_print(&text, words, want, &t->style);
	if (!text.error && text.len > 2) /* without the quotes of JSON */
		crit_buf_add(&t->cell[c], text.data + 1, text.len - 2);
	crit_buf_fini(&text);
}

static void inet_row(struct table *t, const InetSkEntry *sk)
{
	put_name(t, COLUMN_FAMILY, crit_dict_sk_family.names, sk->family);
	put_name(t, COLUMN_TYPE, crit_dict_sk_type.names, sk->type);
	put_name(t, COLUMN_PROTO, crit_dict_sk_proto.names, sk->proto);
	put_name(t, COLUMN_STATE, crit_dict_sk_state.names, sk->state);
	put_address(t, COLUMN_SOURCE, sk->family, sk->src_addr, sk->n_src_addr);
	put_number(t, COLUMN_SPORT, sk->src_port);
	put_address(t, COLUMN_DEST, sk->family, sk->dst_addr, sk->n_dst_addr);
	put_number(t, COLUMN_DPORT, sk->dst_port);
	put_options(t, sk->opts);
}

/* A path, which may end in NUL; an abstract name begins with NUL and may hold more. */
static void put_unix_name(struct table *t, ProtobufCBinaryData name)
{
	bool abstract = name.len && !name.data[0];

	if (abstract) {
		put(t, COLUMN_SOURCE, "@");
		name.data++;
		name.len--;
	} else if (name.len && !name.data[name.len - 1]) {
		name.len--;
	}
	put(t, COLUMN_SOURCE, explorer_bytes(t->x, name));
}

static void unix_row(struct table *t, const UnixSkEntry *sk)
{
	put_name(t, COLUMN_FAMILY, crit_dict_sk_family.names, FAMILY_UNIX);
	put_name(t, COLUMN_TYPE, crit_dict_sk_type.names, sk->type);
	put_name(t, COLUMN_STATE, crit_dict_sk_state.names, sk->state);
	put_unix_name(t, sk->name);
	put_number(t, COLUMN_SPORT, sk->ino);
	if (sk->peer)
		put_number(t, COLUMN_DPORT, sk->peer);
	put_options(t, sk->opts);
}

static void packet_row(struct table *t, const PacketSockEntry *sk)
{
	/* as an Ethernet frame has it; 0: it gets no frames */
	uint32_t protocol = (sk->protocol & 0xff) << 8 | (sk->protocol >> 8 & 0xff);
	const char *name = name_of(ether_type_names, protocol);
	char device[16];

	put_name(t, COLUMN_FAMILY, crit_dict_sk_family.names, FAMILY_PACKET);
	put_name(t, COLUMN_TYPE, crit_dict_sk_type.names, sk->type);
	if (name)
		put(t, COLUMN_PROTO, name);
	else if (protocol)
		put_hex(t, COLUMN_PROTO, protocol);
	snprintf(device, sizeof(device), "if%u", sk->ifindex);
	if (sk->ifindex)
		put(t, COLUMN_SOURCE, device);
	put_options(t, sk->opts);
}

/* The groups that it listens to: bits, as one number. */
static void put_groups(struct table *t, const uint32_t *words, size_t n)
{
	char text[16];

	while (n && !words[n - 1])
		n--;
	if (!n)
		return;
	put_hex(t, COLUMN_SOURCE, words[--n]);
	while (n) {
		snprintf(text, sizeof(text), "%08x", words[--n]);
		put(t, COLUMN_SOURCE, text);
	}
}

static void netlink_row(struct table *t, const NetlinkSkEntry *sk)
{
	put_name(t, COLUMN_FAMILY, crit_dict_sk_family.names, FAMILY_NETLINK);
	put_name(t, COLUMN_PROTO, netlink_protocol_names, sk->protocol);
	put_name(t, COLUMN_STATE, netlink_state_names, sk->state);
	put_groups(t, sk->groups, sk->n_groups);
	put_number(t, COLUMN_SPORT, sk->portid);
	if (sk->dst_group)
		put_number(t, COLUMN_DEST, sk->dst_group);
	if (sk->state == NETLINK_CONNECTED || sk->dst_portid)
		put_number(t, COLUMN_DPORT, sk->dst_portid);
	put_options(t, sk->opts);
}

static bool is_number(enum column c)
{
	return c == COLUMN_PID || c == COLUMN_FD || c == COLUMN_SPORT || c == COLUMN_DPORT ||
	       c == COLUMN_SNDBUF || c == COLUMN_RCVBUF;
}

/* Characters of valid UTF-8. */
static int width_of(const struct crit_buf *text)
{
	size_t i;
	int n = 0;

	for (i = 0; i < text->len; i++)
		n += (text->data[i] & 0xc0) != 0x80;
	return n;
}

static void print_cell(struct table *t, enum column c)
{
	int fill = t->width[c] - width_of(&t->cell[c]);
	FILE *out = t->x->out;

	if (is_number(c))
		fprintf(out, "%*s", fill, "");
	fwrite(t->cell[c].data, 1, t->cell[c].len, out);
	if (!is_number(c))
		fprintf(out, "%*s", fill, "");
	fputs(c + 1 < N_COLUMNS ? "  " : "\n", out);
}

/* The row is made: print it, or only note how wide it is. */
static void end_row(struct table *t)
{
	int c, width;

	for (c = 0; c < N_COLUMNS; c++) {
		if (!t->cell[c].len)
			put(t, (enum column)c, "-");
		width = width_of(&t->cell[c]);
		if (!t->measuring)
			print_cell(t, (enum column)c);
		else if (width > t->width[c])
			t->width[c] = width;
		crit_buf_reset(&t->cell[c]);
	}
}

static void header_row(struct table *t)
{
	int c;

	for (c = 0; c < N_COLUMNS; c++)
		put(t, (enum column)c, titles[c]);
	end_row(t);
}

static void socket_row(struct table *t, const struct crit_process *p, const FdinfoEntry *fd)
{
	uint32_t type = (uint32_t)fd->type;
	struct crit_open_file file = {0};

	put_number(t, COLUMN_PID, p->entry->pid);
	put_number(t, COLUMN_FD, fd->fd);
	put(t, COLUMN_FDTYPE, crit_file_type_name(type));
	if (!crit_files_find(t->x->files, type, fd->id, &file)) {
		end_row(t);
		return;
	}
	t->style = file.style;
	if (type == FD_TYPES__INETSK)
		inet_row(t, (const InetSkEntry *)file.what);
	else if (type == FD_TYPES__UNIXSK)
		unix_row(t, (const UnixSkEntry *)file.what);
	else if (type == FD_TYPES__PACKETSK)
		packet_row(t, (const PacketSockEntry *)file.what);
	else
		netlink_row(t, (const NetlinkSkEntry *)file.what);
	crit_open_file_fini(&file);
	end_row(t);
}

static bool is_socket(uint32_t type)
{
	return type == FD_TYPES__INETSK || type == FD_TYPES__UNIXSK ||
	       type == FD_TYPES__PACKETSK || type == FD_TYPES__NETLINKSK;
}

static void process_rows(struct table *t, const struct crit_process *p)
{
	struct crit_descriptors d;
	FdinfoEntry *fd;

	if (!crit_descriptors_open(&t->x->dump, p, &d))
		return;
	while ((fd = crit_descriptors_next(&d))) {
		if (is_socket((uint32_t)fd->type))
			socket_row(t, p, fd);
		fdinfo_entry__free_unpacked(fd, NULL);
	}
	crit_descriptors_close(&d);
}

static void all_rows(struct table *t)
{
	size_t i;

	header_row(t);
	for (i = 0; i < t->x->processes.n; i++)
		process_rows(t, &t->x->processes.all[i]);
}

void explore_sockets(struct explorer *x)
{
	struct table t = {.x = x, .measuring = true};
	int c;

	/* twice, as a dump may have more sockets than there is memory for rows */
	all_rows(&t);
	x->complaints.quiet = true; /* all complaints were heard */
	t.measuring = false;
	all_rows(&t);
	for (c = 0; c < N_COLUMNS; c++)
		crit_buf_fini(&t.cell[c]);
}
