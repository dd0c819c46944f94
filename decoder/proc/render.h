/*
 * What the files of the tree say, in the format of proc(5). Each is a crit_proc_render, see
 * tree.h; those of one subject are in one file.
 */
#ifndef CRIT_PROC_RENDER_H
#define CRIT_PROC_RENDER_H

#include "decoder/proc/snapshot.h"
#include "decoder/proc/tree.h"

/* task.c: who it is */
crit_proc_render crit_proc_comm;

/* system.c: the machine, as far as readers of proc insist on it */
crit_proc_render crit_proc_version;

/* caller.c: the process that asks */
crit_proc_render crit_proc_self;

#endif
