/*
 * critfs: mounts a CRIU checkpoint as files that can be read and edited. All
 * that can fail is done before the process detaches.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <syslog.h>
#include <unistd.h>
#include <utlist.h>

#include "decoder/archive/archive.h"
#include "fs/cfs.h"
#include "fs/change.h"
#include "fs/commit.h"
#include "fs/directory.h"
#include "fs/dump.h"
#include "fs/file.h"
#include "fs/handle.h"
#include "fs/image.h"
#include "fs/jsondir.h"
#include "fs/keeper.h"
#include "fs/log.h"
#include "fs/options.h"
#include "fs/paths.h"
#include "fs/reach.h"
#include "fs/rename.h"
#include "fs/scratch.h"
#include "fs/seek.h"
#include "fs/setattr.h"
#include "fs/stateless.h"
#include "fs/tree.h"
#include "fs/watch.h"
#include "fs/worker.h"
#include "fs/xattr.h"

static void init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* what is listed with attributes is for us to say, see listing.c */
	conn->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
	conn->want |= conn->capable & FUSE_CAP_SPLICE_WRITE;
}

static const struct fuse_lowlevel_ops operations = {
	.init = init,
	.lookup = cfs_op_lookup,
	.forget = cfs_op_forget,
	.forget_multi = cfs_op_forget_multi,
	.getattr = cfs_op_getattr,
	.setattr = cfs_op_setattr,
	.readlink = cfs_op_readlink,
	.mknod = cfs_op_mknod,
	.mkdir = cfs_op_mkdir,
	.unlink = cfs_op_unlink,
	.rmdir = cfs_op_rmdir,
	.symlink = cfs_op_symlink,
	.rename = cfs_op_rename,
	.link = cfs_op_link,
	.open = cfs_op_open,
	.create = cfs_op_create,
	.read = cfs_op_read,
	.write = cfs_op_write,
	.flush = cfs_op_flush,
	.release = cfs_op_release,
	.fsync = cfs_op_fsync,
	.opendir = cfs_op_opendir,
	.readdir = cfs_op_readdir,
	.readdirplus = cfs_op_readdirplus,
	.releasedir = cfs_op_releasedir,
	.fsyncdir = cfs_op_fsyncdir,
	.statfs = cfs_op_statfs,
	.getxattr = cfs_op_getxattr,
	.listxattr = cfs_op_listxattr,
	.lseek = cfs_op_lseek,
};

/* Of a read-only mount: the kernel lets nobody write. */
static const struct fuse_lowlevel_ops read_only_operations = {
	.init = init,
	.lookup = cfs_op_lookup,
	.forget = cfs_op_forget,
	.forget_multi = cfs_op_forget_multi,
	.getattr = cfs_op_getattr,
	.readlink = cfs_op_readlink,
	.open = cfs_op_no_open,
	.read = cfs_op_read_by_id,
	.opendir = cfs_op_opendir,
	.readdir = cfs_op_readdir,
	.readdirplus = cfs_op_readdirplus,
	.releasedir = cfs_op_releasedir,
	.fsyncdir = cfs_op_fsyncdir,
	.statfs = cfs_op_statfs,
	.getxattr = cfs_op_getxattr,
	.listxattr = cfs_op_listxattr,
	.lseek = cfs_op_lseek_by_id,
};

/* Each directory that the kernel knows takes a descriptor. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The kernel's /proc, or -1 where something else is mounted there. */
static int open_proc(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs st;

	if (fd >= 0 && (fstatfs(fd, &st) < 0 || st.f_type != PROC_SUPER_MAGIC)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* What mount(8) and df show, and what is not for the user to choose. */
static int add_mount_options(struct cfs *fs, struct fuse_args *args)
{
	char *options = NULL, *fsname = NULL;
	int ret = -1;

	if (asprintf(&fsname, "fsname=%s", fs->source ? fs->source : fs->opt.dump) < 0)
		fsname = NULL;
	cfs_dump_choose_access(fs);
	if (fsname && fuse_opt_add_opt_escaped(&options, fsname) == 0 &&
	    fuse_opt_add_opt(&options, "subtype=critfs") == 0 &&
	    fuse_opt_add_opt(&options, "default_permissions") == 0 &&
	    (!fs->opt.read_only || fuse_opt_add_opt(&options, "ro") == 0) &&
	    fuse_opt_insert_arg(args, 1, "-o") == 0 &&
	    fuse_opt_insert_arg(args, 2, options) == 0)
		ret = 0;
	free(fsname);
	free(options);
	return ret;
}

/* Say what is lost with the mount: scratch files that are no editor's litter. */
static void name_scratch_files(struct cfs *fs)
{
	struct cfs_node *node;
	char path[4096];

	DL_FOREACH(fs->nodes.scratch, node) {
		if (!node->key ||
		    cfs_layout_holds(cfs_image_layout(node->ref.image), node, NULL) ||
		    cfs_scratch_is_litter(cfs_node_name(node)) ||
		    (node->pending && !cfs_draft_size(node->scratch->contents)))
			continue;
		cfs_jsondir_scratch_path(fs, node, path, sizeof(path));
		cfs_log(fs,
			node->pending ? "%s: its entry never came, gone with this mount"
				      : "%s: a scratch file, gone with this mount",
			path);
	}
}

/* Say of which entries the removal came to nothing. */
static void name_kept_heads(struct cfs *fs)
{
	char path[4096];
	size_t i;

	for (i = 0; i < fs->n_images; i++) {
		if (!fs->images[i] || !fs->images[i]->layout.head_kept)
			continue;
		cfs_path_of(fs->images[i], "0.json", path, sizeof(path));
		cfs_log(fs, "%s: kept, the entries behind it need it", path);
	}
}

/* With somebody outside who unmounts. 0, -errno, which is told. */
static int enter_sandbox(struct cfs *fs)
{
	int ret;

	if (!fs->opt.sandbox)
		return 0;
	ret = cfs_keeper_start(fs->session, fs->place, &fs->keeper);
	if (ret == 0) {
		free(fs->place);
		fs->place = NULL;
		ret = cfs_sandbox_enter(&fs->box);
	}
	if (ret < 0)
		cfs_log(fs, "can't enter the sandbox: %s (-o nosandbox does without)",
			strerror(-ret));
	return ret;
}

static int serve(struct cfs *fs, const struct fuse_cmdline_opts *cmd)
{
	int ret;

	if (fuse_daemonize(cmd->foreground || cmd->debug) < 0 || enter_sandbox(fs) < 0)
		return 1;
	/* threads do not survive a fork, and are in the sandbox of who starts them */
	if (cfs_worker_start(fs, true, &fs->changes) < 0)
		return 1;
	if (cfs_worker_start(fs, false, &fs->reads) < 0) {
		cfs_worker_stop(fs, fs->changes);
		return 1;
	}
	if (cfs_worker_start(fs, false, &fs->makes) < 0 || cfs_watch_start(fs) < 0) {
		cfs_worker_stop(fs, fs->makes);
		cfs_worker_stop(fs, fs->reads);
		cfs_worker_stop(fs, fs->changes);
		return 1;
	}
	ret = fuse_session_loop(fs->session);
	fs->stopping = true;
	cfs_watch_stop(fs);
	cfs_worker_stop(fs, fs->makes);
	cfs_worker_stop(fs, fs->reads);
	fs->reads = NULL; /* from here on this is the only thread that reads */
	cfs_worker_stop(fs, fs->changes);
	cfs_lock(fs);
	cfs_commit_all(fs);
	name_scratch_files(fs);
	name_kept_heads(fs);
	cfs_unlock(fs);
	/* the kernel may end the connection while requests are waiting */
	return ret < 0 && ret != -ECONNABORTED && ret != -ENODEV ? 1 : 0;
}

static void unmount(struct cfs *fs)
{
	if (!fs->keeper)
		fuse_session_unmount(fs->session);
	else if (cfs_keeper_unmount(fs->keeper, fs->session) < 0)
		cfs_log(fs, "can't unmount, somebody has ended the process for that; "
			    "fusermount3 -u does it");
}

static int mount_and_serve(struct cfs *fs, struct fuse_args *args,
			   const struct fuse_cmdline_opts *cmd)
{
	int ret = 1;

	fs->to_stderr = cmd->foreground || cmd->debug;
	if (!fs->to_stderr)
		openlog("critfs", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	if (cfs_dump_open(fs) < 0 || add_mount_options(fs, args) < 0 || cfs_reach_allow(fs) < 0)
		return 1;
	fs->session = fuse_session_new(args,
				       fs->opt.read_only ? &read_only_operations : &operations,
				       sizeof(operations), fs);
	if (!fs->session)
		return 1;
	if (fuse_set_signal_handlers(fs->session) == 0) {
		if (fuse_session_mount(fs->session, fs->opt.mountpoint) == 0) {
			ret = serve(fs, cmd);
			unmount(fs);
		}
		fuse_remove_signal_handlers(fs->session);
	}
	fuse_session_destroy(fs->session);
	return ret;
}

static void fini(struct cfs *fs)
{
	while (fs->handles)
		cfs_handle_unref(fs, fs->handles);
	cfs_images_fini(fs);
	cfs_nodes_fini(&fs->nodes);
	free(fs->memories);
	crit_buf_fini(&fs->text);
	crit_buf_fini(&fs->read);
	crit_buf_fini(&fs->walked);
	crit_buf_fini(&fs->errors);
	crit_dir_put(fs->dump);
	free(fs->source);
	free(fs->upper);
	if (fs->procfd >= 0)
		close(fs->procfd);
	cfs_store_fini(&fs->store);
	cfs_sandbox_fini(&fs->box);
	cfs_keeper_free(fs->keeper);
	cfs_reach_drop_place(fs);
	cfs_options_fini(&fs->opt);
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct cfs fs = {
		.procfd = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.store = {.dirfd = -1},
		.box = {.ruleset = -1},
		.opt = {.sandbox = 1,
			.scratch_max = CFS_SCRATCH_MAX,
			.unpacked_max = CRIT_ARCHIVE_UNPACKED},
	};
	struct fuse_cmdline_opts cmd = {0};
	int ret = 1;

	umask(0);
	fuse_set_log_func(cfs_log_of_fuse);
	if (cfs_options_parse(&args, &fs.opt, &cmd) == 0) {
		if (cmd.show_help) {
			cfs_options_usage(argv[0]);
			ret = 0;
		} else if (cmd.show_version) {
			printf("critfs " CRITFS_VERSION "\n");
			fuse_lowlevel_version();
			ret = 0;
		} else if (fs.opt.fake) {
			ret = 0;
		} else {
			raise_descriptor_limit();
			fs.procfd = open_proc();
			if (fs.opt.sandbox)
				cfs_reach_make_place(&fs);
			cfs_store_init(&fs.store, fs.opt.scratch_max);
			ret = mount_and_serve(&fs, &args, &cmd);
		}
	}
	fini(&fs);
	fuse_opt_free_args(&args);
	return ret;
}
