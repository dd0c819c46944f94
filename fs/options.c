/*
 * The command line: an option table for libfuse's parser.
 */
#include "fs/options.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/log.h"

enum {
	KEY_ALLOW_OTHER,
	KEY_IGNORED,
	KEY_READ_ONLY,
	KEY_READ_WRITE,
	KEY_SCRATCH,
	KEY_UNPACK,
};

#define OPTION(text, field, value)                                                             \
	{                                                                                      \
		text, offsetof(struct cfs_options, field), value                               \
	}

static const struct fuse_opt table[] = {
	OPTION("plain", plain, 1),
	OPTION("critdir=hidden", critdir_visible, 0),
	OPTION("critdir=visible", critdir_visible, 1),
	OPTION("upper=%s", upper, 0),
	OPTION("upgrade", upgrade, 1),
	OPTION("sandbox", sandbox, 1),
	OPTION("nosandbox", sandbox, 0),
	FUSE_OPT_KEY("allow_other", KEY_ALLOW_OTHER),
	FUSE_OPT_KEY("ro", KEY_READ_ONLY),
	FUSE_OPT_KEY("rw", KEY_READ_WRITE),
	FUSE_OPT_KEY("scratch=", KEY_SCRATCH),
	FUSE_OPT_KEY("unpack=", KEY_UNPACK),
	/* words of fstab that are mount(8)'s and systemd's business */
	FUSE_OPT_KEY("auto", KEY_IGNORED),
	FUSE_OPT_KEY("noauto", KEY_IGNORED),
	FUSE_OPT_KEY("user", KEY_IGNORED),
	FUSE_OPT_KEY("users", KEY_IGNORED),
	FUSE_OPT_KEY("nouser", KEY_IGNORED),
	FUSE_OPT_KEY("owner", KEY_IGNORED),
	FUSE_OPT_KEY("group", KEY_IGNORED),
	FUSE_OPT_KEY("defaults", KEY_IGNORED),
	FUSE_OPT_KEY("nofail", KEY_IGNORED),
	FUSE_OPT_KEY("_netdev", KEY_IGNORED),
	FUSE_OPT_KEY("comment=", KEY_IGNORED),
	FUSE_OPT_KEY("x-", KEY_IGNORED),
	FUSE_OPT_END,
};

/* "scratch=512M" in bytes. 0, -1 after saying what is wrong. */
static int parse_size(const char *option, uint64_t *size)
{
	const char *text = strchr(option, '=') + 1;
	static const char units[] = "KMGT";
	unsigned long long v;
	const char *unit;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (*text >= '0' && *text <= '9' && !errno && (!*end || (unit && !end[1]))) {
		unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

		*size = (uint64_t)v << shift;
		if (*size >> shift == v)
			return 0;
	}
	cfs_say("%s: not a size; such are 65536, 512M, 4G", option);
	return -1;
}

static int process(void *data, const char *arg, int key, struct fuse_args *out)
{
	struct cfs_options *opt = data;

	(void)out;
	switch (key) {
	case KEY_IGNORED:
		return 0;
	case KEY_ALLOW_OTHER:
		opt->allow_other = 1;
		return 1;
	case KEY_READ_ONLY:
		opt->read_only = 1;
		return 1; /* the kernel has to know too */
	case KEY_READ_WRITE:
		opt->read_only = 0;
		return 1;
	case KEY_SCRATCH:
		return parse_size(arg, &opt->scratch_max);
	case KEY_UNPACK:
		return parse_size(arg, &opt->unpacked_max);
	case FUSE_OPT_KEY_NONOPT:
		if (opt->dump)
			return 1; /* the mount point, which libfuse takes */
		opt->dump = strdup(arg);
		return opt->dump ? 0 : -1;
	default:
		return strncmp(arg, "x-", 2) ? 1 : 0;
	}
}

/* Called by mount(8), whose options are others than ours; see there, External helpers. */
static bool is_mount_helper(const char *program)
{
	return !strncmp(basename(program), "mount.", strlen("mount."));
}

/*
 * Put mount(8)'s arguments as if critfs itself had been called; libfuse takes the type of the
 * mount from that name. 0, -1.
 */
static int take_from_mount(struct fuse_args *args, struct cfs_options *opt)
{
	struct fuse_args ours = FUSE_ARGS_INIT(0, NULL);
	int c, ret = fuse_opt_add_arg(&ours, "critfs");

	opterr = 0;
	while (ret == 0 && (c = getopt(args->argc, args->argv, "fnsvo:t:")) >= 0) {
		if (c == 'o')
			ret = fuse_opt_add_arg(&ours, "-o") || fuse_opt_add_arg(&ours, optarg);
		else if (c == 'f')
			opt->fake = 1;
		else if (c == '?') {
			cfs_say("-%c is no option of a mount helper", optopt);
			ret = -1;
		}
	}
	for (; ret == 0 && optind < args->argc; optind++)
		ret = fuse_opt_add_arg(&ours, args->argv[optind]);
	fuse_opt_free_args(args);
	*args = ours;
	return ret ? -1 : 0;
}

int cfs_options_parse(struct fuse_args *args, struct cfs_options *opt,
		      struct fuse_cmdline_opts *cmd)
{
	int ret = is_mount_helper(args->argv[0]) ? take_from_mount(args, opt) : 0;

	if (ret == 0)
		ret = fuse_opt_parse(args, opt, table, process);
	if (ret == 0)
		ret = fuse_parse_cmdline(args, cmd);
	opt->mountpoint = cmd->mountpoint; /* even then it is there */
	if (ret < 0)
		return -1;
	if (cmd->show_help || cmd->show_version)
		return 0;
	if (!opt->dump || !opt->mountpoint) {
		cfs_say("which dump, and where to mount it? See critfs -h");
		return -1;
	}
	return 0;
}

void cfs_options_fini(struct cfs_options *opt)
{
	free(opt->dump);
	free(opt->mountpoint);
	free(opt->upper);
}

void cfs_options_usage(const char *program)
{
	printf("usage: %s [options] DUMP MOUNTPOINT\n"
	       "\n"
	       "Mount a CRIU checkpoint: every image is a directory, every entry a JSON\n"
	       "file, every payload a raw file. What is written is encoded back into the\n"
	       "image when the file is closed.\n"
	       "\n"
	       "    -h, --help             this text\n"
	       "    -V, --version          the version\n"
	       "    -f                     stay in the foreground, tell errors on stderr\n"
	       "    -d, -o debug           show every request (implies -f)\n"
	       "    -s                     accepted; requests are served one by one anyway\n"
	       "    -o ro                  nothing can be written\n"
	       "    -o upper=DIR           what is changed goes there, DUMP stays as it is\n"
	       "    -o plain               numbers as numbers, no names and hexadecimals\n"
	       "    -o critdir=visible     list .critfs in the root (default: hidden)\n"
	       "    -o upgrade             .critfs/img has images of version 1.0 as of 1.1\n"
	       "    -o unpack=SIZE         a compressed archive may become as large (64G)\n"
	       "    -o scratch=SIZE        room for scratch files and drafts (default: 4G)\n"
	       "    -o nosandbox           critfs may do all that its user may, see SECURITY.md\n"
	       "    -o allow_other         let other users in: a dump holds secrets\n"
	       "\n"
	       "Unmount with: fusermount3 -u MOUNTPOINT\n",
	       program);
}
