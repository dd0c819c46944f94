/*
 * nullfs: a file system that does nothing, for what FUSE itself costs. It shows a tree
 * from memory, read-only, one request after the other:
 *
 *	nullfs -o source=DIR[,OPTION…] MNT
 *	nullfs -o entries=N[,size=BYTES][,OPTION…] MNT
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/nulltree.h"

enum { READDIRPLUS_NO, READDIRPLUS_AUTO, READDIRPLUS_ALWAYS };

struct nullfs {
	struct null_tree tree;
	char *buf; /* what was read for a request, or a listing */
	size_t buf_size;
	char *source;
	unsigned long long backed, size;
	unsigned entries;
	int readdirplus, keep_cache, noflush, noopen, direct_io, splice, ro;
	double timeout;
};

#define NULLFS_OPT(text, field, value)                                                         \
	{                                                                                      \
		text, offsetof(struct nullfs, field), value                                    \
	}

static const struct fuse_opt options[] = {
	NULLFS_OPT("source=%s", source, 0),
	NULLFS_OPT("entries=%u", entries, 0),
	NULLFS_OPT("size=%llu", size, 0),
	NULLFS_OPT("backed=%llu", backed, 0),
	NULLFS_OPT("timeout=%lf", timeout, 0),
	NULLFS_OPT("readdirplus", readdirplus, READDIRPLUS_ALWAYS),
	NULLFS_OPT("readdirplus=auto", readdirplus, READDIRPLUS_AUTO),
	NULLFS_OPT("keep_cache", keep_cache, 1),
	NULLFS_OPT("noflush", noflush, 1),
	NULLFS_OPT("noopen", noopen, 1),
	NULLFS_OPT("direct_io", direct_io, 1),
	NULLFS_OPT("splice", splice, 1),
	NULLFS_OPT("ro", ro, 1),
	FUSE_OPT_KEY("ro", FUSE_OPT_KEY_KEEP), /* it is the kernel's, too */
	FUSE_OPT_END,
};

static const char help[] =
	"usage: nullfs -o source=DIR[,OPTION...] MNT\n"
	"       nullfs -o entries=N[,size=BYTES][,OPTION...] MNT\n"
	"    source=DIR        show the files below DIR, loaded into memory\n"
	"    entries=N         show N files 0.json, 1.json, ... of zero bytes\n"
	"    backed=BYTES      larger files are not loaded, but read from where they are\n"
	"    splice            and spliced from there\n"
	"    timeout=SECONDS   how long names and attributes are valid (a day)\n"
	"    readdirplus       listings always come with attributes; readdirplus=auto: as the\n"
	"                      kernel likes (never)\n"
	"    keep_cache        what was read stays in the page cache at the next open\n"
	"    noflush           close(2) sends no FLUSH\n"
	"    noopen            open(2) sends no OPEN; with ro only\n"
	"    direct_io         files are read past the page cache\n";

static struct nullfs *nullfs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct null_node *node_of(const struct nullfs *fs, fuse_ino_t ino)
{
	return fs->tree.nodes + ino - 1;
}

static void fill_stat(const struct null_node *node, fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){
		.st_ino = ino,
		.st_mode = node->mode,
		.st_nlink = node->nlink,
		.st_uid = node->uid,
		.st_gid = node->gid,
		.st_size = node->size,
		.st_blocks = (node->size + 511) / 512,
		.st_mtim = node->mtime,
		.st_ctim = node->mtime,
		.st_atim = node->mtime,
	};
}

static void fill_entry(const struct nullfs *fs, uint32_t i, struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = i + 1,
		.attr_timeout = fs->timeout,
		.entry_timeout = fs->timeout,
	};
	fill_stat(fs->tree.nodes + i, i + 1, &e->attr);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct nullfs *fs = userdata;

	conn->want &= ~(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
	if (fs->readdirplus)
		conn->want |= FUSE_CAP_READDIRPLUS;
	if (fs->readdirplus == READDIRPLUS_AUTO)
		conn->want |= FUSE_CAP_READDIRPLUS_AUTO;
	if (fs->splice)
		conn->want |= conn->capable & (FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct nullfs *fs = nullfs_of(req);
	uint32_t i = null_tree_find(&fs->tree, parent - 1, name);
	struct fuse_entry_param e;

	if (!i) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fill_entry(fs, i, &e);
	fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct nullfs *fs = nullfs_of(req);
	struct stat st;

	(void)fi;
	fill_stat(node_of(fs, ino), ino, &st);
	fuse_reply_attr(req, &st, fs->timeout);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct nullfs *fs = nullfs_of(req);

	fuse_reply_readlink(req, fs->tree.text + node_of(fs, ino)->text);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct nullfs *fs = nullfs_of(req);

	(void)ino;
	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		fuse_reply_err(req, EROFS);
		return;
	}
	if (fs->noopen) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->keep_cache = fs->keep_cache;
	fi->noflush = fs->noflush;
	fi->direct_io = fs->direct_io;
	fuse_reply_open(req, fi);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, nullfs_of(req)->noopen ? ENOSYS : 0);
}

/* A buffer of at least `size` bytes, or NULL. */
static char *buffer(struct nullfs *fs, size_t size)
{
	if (size > fs->buf_size) {
		free(fs->buf);
		fs->buf = malloc(size);
		fs->buf_size = fs->buf ? size : 0;
	}
	return fs->buf;
}

static void read_backed(fuse_req_t req, const struct null_node *node, size_t size, off_t off)
{
	struct nullfs *fs = nullfs_of(req);
	char *buf;
	ssize_t n;

	if (fs->splice) {
		struct fuse_bufvec v = FUSE_BUFVEC_INIT(size);

		v.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
		v.buf[0].fd = node->fd;
		v.buf[0].pos = off;
		fuse_reply_data(req, &v, FUSE_BUF_SPLICE_MOVE);
		return;
	}
	buf = buffer(fs, size);
	n = buf ? pread(node->fd, buf, size, off) : -1;
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, buf, n);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct nullfs *fs = nullfs_of(req);
	const struct null_node *node = node_of(fs, ino);
	uint64_t left = (uint64_t)off < node->size ? node->size - off : 0;

	(void)fi;
	if (node->fd >= 0)
		read_backed(req, node, size, off);
	else
		fuse_reply_buf(req, fs->tree.text + node->text + off,
			       size < left ? size : left);
}

/* Add one name to a listing. Returns the bytes that it takes, or would take. */
static size_t add_name(fuse_req_t req, char *buf, size_t left, uint32_t i, const char *name,
		       off_t next, int plus)
{
	struct nullfs *fs = nullfs_of(req);
	struct fuse_entry_param e;
	struct stat st;

	if (plus) {
		fill_entry(fs, i, &e);
		return fuse_add_direntry_plus(req, buf, left, name, &e, next);
	}
	st.st_ino = i + 1;
	st.st_mode = fs->tree.nodes[i].mode;
	return fuse_add_direntry(req, buf, left, name, &st, next);
}

/* Offsets: 0 and 1 are "." and "..", then come the children. */
static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, int plus)
{
	struct nullfs *fs = nullfs_of(req);
	const struct null_node *dir = node_of(fs, ino), *nodes = fs->tree.nodes;
	uint64_t end = dir->count + 2ull, at;
	size_t used = 0, n;
	char *buf = buffer(fs, size);

	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (at = off; at < end; at++) {
		uint32_t i = at == 0 ? ino - 1 : at == 1 ? dir->parent : dir->first + at - 2;
		const char *name = at == 0   ? "."
				   : at == 1 ? ".."
					     : fs->tree.names + nodes[i].name;

		n = add_name(req, buf + used, size - used, i, name, at + 1, plus);
		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, buf, used);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, 0);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, 1);
}

static const struct fuse_lowlevel_ops operations = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.open = op_open,
	.flush = op_flush,
	.read = op_read,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
};

static int load(struct nullfs *fs)
{
	if (fs->noopen && !fs->ro) {
		fputs("nullfs: noopen goes with ro only\n", stderr);
		return -1;
	}
	if (!fs->source == !fs->entries) {
		fputs("nullfs: either source= or entries=\n", stderr);
		return -1;
	}
	return fs->source ? null_tree_load(&fs->tree, fs->source, fs->backed)
			  : null_tree_make(&fs->tree, fs->entries, fs->size);
}

static int mount_and_serve(struct nullfs *fs, struct fuse_args *args,
			   const struct fuse_cmdline_opts *cmd)
{
	struct fuse_session *session;
	int ret = 1;

	session = fuse_session_new(args, &operations, sizeof(operations), fs);
	if (!session)
		return 1;
	if (fuse_set_signal_handlers(session) == 0) {
		if (fuse_session_mount(session, cmd->mountpoint) == 0) {
			if (fuse_daemonize(cmd->foreground || cmd->debug) == 0)
				ret = fuse_session_loop(session) < 0;
			fuse_session_unmount(session);
		}
		fuse_remove_signal_handlers(session);
	}
	fuse_session_destroy(session);
	return ret;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct nullfs fs = {.timeout = 86400, .backed = UINT64_MAX};
	struct fuse_cmdline_opts cmd = {0};
	int ret = 1;

	if (fuse_opt_parse(&args, &fs, options, NULL) < 0 ||
	    fuse_parse_cmdline(&args, &cmd) < 0)
		return 1;
	if (!cmd.mountpoint || cmd.show_help)
		fputs(help, stderr);
	else if (fuse_opt_add_arg(&args, "-odefault_permissions,subtype=nullfs") == 0 &&
		 load(&fs) == 0)
		ret = mount_and_serve(&fs, &args, &cmd);
	null_tree_fini(&fs.tree);
	free(fs.buf);
	free(fs.source);
	free(cmd.mountpoint);
	fuse_opt_free_args(&args);
	return ret;
}
