/*
 * Opening the dump, whatever it is, and what is over it.
 */
#include "fs/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "decoder/archive/archive.h"
#include "decoder/commit.h"
#include "decoder/overlay.h"
#include "decoder/printable.h"
#include "fs/log.h"

static bool can_write(int dirfd)
{
	struct statvfs st;

	return faccessat(dirfd, ".", W_OK, AT_EACCESS) == 0 &&
	       (fstatvfs(dirfd, &st) < 0 || !(st.f_flag & ST_RDONLY));
}

static bool is_same(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/*
 * A mount point inside the dump: listing the dump would ask the mount, which is
 * busy listing the dump. The dump itself will do, it is covered but open.
 */
static bool lies_within(const char *path, const char *dir)
{
	char *inner = realpath(path, NULL), *outer = realpath(dir, NULL);
	size_t len = outer ? strlen(outer) : 0;
	bool within = inner && outer && !strncmp(inner, outer, len) &&
		      (inner[len] == '/' || (len == 1 && inner[1]));

	free(inner);
	free(outer);
	return within;
}

/* Show on a terminal how far an archive is unpacked. */
struct meter {
	struct crit_archive_listener listener; /* must be the first */
	const char *path;
	unsigned percent;
};

static bool show_progress(struct crit_archive_listener *l, uint64_t done, uint64_t of)
{
	struct meter *m = (struct meter *)l;
	unsigned percent = of ? (unsigned)(100.0 * (double)done / (double)of) : 100;
	char path[4096];

	if (percent == m->percent || !isatty(STDERR_FILENO))
		return true;
	m->percent = percent;
	crit_printable_text(path, sizeof(path), m->path);
	fprintf(stderr, "\rcritfs: unpacking %s: %u %%", path, percent);
	if (percent == 100)
		fputc('\n', stderr);
	return true;
}

static void tell_left_out(struct crit_archive_listener *l, const char *text)
{
	cfs_say("%s: %s", ((struct meter *)l)->path, text);
}

static int open_archive(const struct cfs_options *opt, struct crit_dir **out)
{
	struct meter meter = {{tell_left_out, show_progress}, opt->dump, 0};
	struct crit_error err = {0};
	struct crit_file *file = NULL;
	int fd = open(opt->dump, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), ret;

	ret = fd < 0 ? -errno : crit_file_adopt(fd, &file);
	if (ret < 0 && fd >= 0)
		close(fd);
	if (ret == 0 && !S_ISREG(file->st.st_mode))
		ret = crit_fail(&err, CRIT_REJECTED,
				"a dump is a directory of images, or an archive of one");
	else if (ret == 0)
		ret = crit_dir_of_archive(file, opt->unpacked_max, &meter.listener, out, &err);
	crit_file_put(file);
	if (ret < 0)
		cfs_say("%s: %s", opt->dump, err.errnum ? err.text : strerror(-ret));
	return ret;
}

/* What is to be shown, but for what is over it. */
static int open_below(struct cfs *fs, struct crit_dir **out)
{
	struct stat st;
	int ret;

	if (stat(fs->opt.dump, &st) == 0 && !S_ISDIR(st.st_mode)) {
		fs->archive = true;
		return open_archive(&fs->opt, out);
	}
	ret = crit_dir_open(fs->opt.dump, out);
	if (ret < 0)
		cfs_say("%s: %s", fs->opt.dump, strerror(-ret));
	return ret;
}

static int refuse_upper(const struct cfs *fs, const char *why)
{
	cfs_say("upper=%s: %s", fs->opt.upper, why);
	return -1;
}

/* Put the upper directory over it. */
static int cover(struct cfs *fs, struct crit_dir *below)
{
	int fd = open(fs->opt.upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;

	if (fd < 0)
		return refuse_upper(fs, strerror(errno));
	ret = crit_dir_over(below, fd, &fs->dump);
	if (ret < 0) {
		close(fd);
		return refuse_upper(fs, strerror(-ret));
	}
	fs->upper = realpath(fs->opt.upper, NULL);
	if (lies_within(fs->opt.upper, fs->opt.dump) ||
	    lies_within(fs->opt.dump, fs->opt.upper) || is_same(fs->opt.upper, fs->opt.dump))
		return refuse_upper(fs, "it and the dump must not lie within each other");
	if (lies_within(fs->opt.mountpoint, fs->opt.upper) ||
	    lies_within(fs->opt.upper, fs->opt.mountpoint) ||
	    is_same(fs->opt.upper, fs->opt.mountpoint))
		return refuse_upper(fs,
				    "it and the mount point must not lie within each other");
	return 0;
}

static int check_mountpoint(const struct cfs *fs)
{
	struct stat st;

	if (stat(fs->opt.mountpoint, &st) < 0) {
		cfs_say("%s: %s", fs->opt.mountpoint, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode)) {
		cfs_say("%s: not a directory", fs->opt.mountpoint);
		return -1;
	}
	if (lies_within(fs->opt.mountpoint, fs->opt.dump)) {
		cfs_say("%s: lies within the dump", fs->opt.mountpoint);
		return -1;
	}
	return 0;
}

int cfs_dump_open(struct cfs *fs)
{
	struct crit_dir *below;
	struct cfs_node *root;
	struct stat st;

	if (open_below(fs, &below) < 0)
		return -1;
	fs->source = realpath(fs->opt.dump, NULL);
	if (crit_dir_self(below, &st) == 0)
		fs->dev = st.st_dev;
	if (fs->opt.upper) {
		int ret = cover(fs, below);

		crit_dir_put(below);
		if (ret < 0)
			return -1;
	} else {
		fs->dump = below;
	}
	if (fs->opt.allow_other)
		crit_dir_heed_acls(fs->dump);
	if (check_mountpoint(fs) < 0)
		return -1;
	root = cfs_node_new(&fs->nodes, FUSE_ROOT_ID, CFS_DIR, NULL, 0, NULL);
	if (!root)
		return -1;
	root->dir = crit_dir_get(fs->dump);
	cfs_node_ref(root);
	fs->nodes.last_id = FUSE_ROOT_ID;
	return 0;
}

void cfs_dump_choose_access(struct cfs *fs)
{
	int fd = crit_dir_changed(fs->dump);

	if (fs->opt.read_only)
		return;
	if (fd >= 0 && can_write(fd)) {
		crit_commit_sweep(fd);
		return;
	}
	fs->opt.read_only = 1;
	if (fd < 0)
		cfs_say("%s is an archive, mounting it read-only (upper=DIR takes "
			"changes)",
			fs->opt.dump);
	else
		cfs_say("%s can't be written, mounting it read-only",
			fs->opt.upper ? fs->opt.upper : fs->opt.dump);
}
