/*
 * critic pack: a dump, or what a mount makes of one, as an archive.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "decoder/archive/archive.h"
#include "decoder/archive/pack.h"
#include "decoder/critic/critic.h"
#include "decoder/critic/files.h"
#include "decoder/printable.h"

/* Where it is written to. */
struct output {
	struct crit_pack_output pack; /* must be the first */
	struct critic_output file;
};

static int write_some(struct crit_pack_output *out, const void *data, size_t len,
		      struct crit_error *err)
{
	return critic_output_write(&((struct output *)out)->file, data, len, err);
}

static void tell_packing(struct crit_pack_output *out, const char *text)
{
	(void)out;
	crit_say(stderr, "critic: %s", text);
}

static void tell_opening(struct crit_archive_listener *l, const char *text)
{
	(void)l;
	crit_say(stderr, "critic: %s", text);
}

/* What is packed: paths of a dump and, or "", of what is over it. */
struct dump {
	char path[PATH_MAX], upper[PATH_MAX];
	struct crit_file *archive; /* a reference; NULL: it is a directory */
	struct crit_dir *top;      /* a reference */
};

/* What a mount says of itself; "": nothing. */
static void attribute(const char *path, const char *name, char out[PATH_MAX])
{
	ssize_t n = getxattr(path, name, out, PATH_MAX - 1);

	out[n > 0 ? n : 0] = '\0';
}

/* The length of the mount point that a path is on; *ours: critfs is mounted there. */
static size_t mount_point_of(const char *path, bool *ours)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	const struct mntent *m;
	size_t found = 0, n;

	*ours = false;
	while (mounts && (m = getmntent(mounts))) {
		n = strlen(m->mnt_dir);
		n -= n == 1; /* the root */
		if (n < found || strncmp(path, m->mnt_dir, n) || (path[n] && path[n] != '/'))
			continue;
		found = n;
		*ours = !strcmp(m->mnt_type, "fuse.critfs");
	}
	if (mounts)
		endmntent(mounts);
	return found;
}

/* A mount stands for what it was made of. Attributes of others say nothing. */
static int find_dump(const struct critic_args *args, struct dump *d, struct crit_error *err)
{
	const char *in = args->in ? args->in : "-";
	char real[PATH_MAX] = "";
	size_t len;
	bool ours;

	snprintf(d->path, sizeof(d->path), "%s", in);
	snprintf(d->upper, sizeof(d->upper), "%s", args->what ? args->what : "");
	if (!realpath(in, real))
		return 0; /* to open it will fail as well */
	len = mount_point_of(real, &ours);
	if (!ours)
		return 0;
	if (real[len])
		return crit_fail_errno(err, EINVAL,
				       "it is within a mount; pack %.*s, or what "
				       "is mounted there",
				       (int)len, real);
	if (args->what)
		return crit_fail_errno(err, EINVAL, "a mount knows its upper directory itself");
	attribute(in, "user.critfs.dump", d->path);
	attribute(in, "user.critfs.upper", d->upper);
	return 0;
}

static int open_archive(struct dump *d, struct crit_error *err)
{
	struct crit_archive_listener listener = {.tell = tell_opening};
	int ret = crit_file_open(AT_FDCWD, d->path, &d->archive);

	if (ret < 0) {
		d->archive = NULL;
		return crit_fail_errno(err, -ret, "can't open it");
	}
	return crit_dir_of_archive(d->archive, CRIT_ARCHIVE_UNPACKED, &listener, &d->top, err);
}

static int open_below(struct dump *d, struct crit_error *err)
{
	struct stat st;
	int ret;

	if (stat(d->path, &st) == 0 && S_ISREG(st.st_mode))
		return open_archive(d, err);
	ret = crit_dir_open(d->path, &d->top);
	return ret < 0 ? crit_fail_errno(err, -ret, "can't open it") : 0;
}

static int open_dump(struct dump *d, struct crit_error *err)
{
	struct crit_dir *below;
	int ret = open_below(d, err), fd;

	if (ret < 0 || !d->upper[0])
		return ret;
	below = d->top;
	d->top = NULL;
	fd = open(d->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = fd < 0 ? -errno : crit_dir_over(below, fd, &d->top);
	if (ret < 0 && fd >= 0)
		close(fd);
	crit_dir_put(below);
	return ret < 0 ? crit_fail_errno(err, -ret, "can't open %s", d->upper) : 0;
}

int critic_pack(const struct critic_args *args)
{
	struct output out = {{.write = write_some, .tell = tell_packing}, {.fd = -1}};
	struct dump d = {.archive = NULL};
	struct crit_error err = {0};
	int ret;

	ret = find_dump(args, &d, &err);
	if (ret == 0)
		ret = open_dump(&d, &err);
	if (ret == 0 && args->out && stat(args->out, &out.pack.self) < 0)
		out.pack.self = (struct stat){0};
	if (ret == 0)
		ret = critic_output_open(&out.file, args->out, d.archive, &err);
	if (ret == 0) {
		ret = crit_pack(d.top, d.archive, args->out, &out.pack, &err);
		if (ret == 0)
			ret = critic_output_close(&out.file, &err);
		else
			critic_output_abort(&out.file);
	}
	crit_dir_put(d.top);
	crit_file_put(d.archive);
	return ret < 0 ? critic_fail(d.path, &err) : 0;
}
