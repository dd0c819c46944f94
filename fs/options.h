/*
 * The command line.
 */
#ifndef CFS_OPTIONS_H
#define CFS_OPTIONS_H

#include "fs/cfs.h"

/*
 * Take critfs's own options out of *args and fill in *opt and *cmd, the rest is
 * libfuse's. 0; -1 after saying what is wrong.
 */
int cfs_options_parse(struct fuse_args *args, struct cfs_options *opt,
		      struct fuse_cmdline_opts *cmd);
void cfs_options_fini(struct cfs_options *opt);

void cfs_options_usage(const char *program);

#endif
