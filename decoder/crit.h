/*
 * libcrit: reading and editing CRIU's checkpoints. This is all that programs outside of
 * critfs include; each header says what it promises.
 *
 *	pkg-config --cflags --libs libcrit
 *
 * All functions that can fail return -errno and say why in a struct crit_error of the
 * caller's. There is no state of the library's own. As long as the version begins with 0,
 * every new one may differ.
 */
#ifndef CRIT_H
#define CRIT_H

#include "decoder/archive/archive.h" /* container checkpoints */
#include "decoder/check/check.h"     /* what is wrong with a dump */
#include "decoder/commit.h"          /* writing a changed image */
#include "decoder/core/core.h"       /* ELF cores of processes */
#include "decoder/dir.h"             /* a dump's directory, with an upper one over it */
#include "decoder/document.h"        /* whole images as JSON */
#include "decoder/dump.h"            /* the entries of a dump's images, as structs */
#include "decoder/edit.h"            /* which entries are to be changed, and how */
#include "decoder/error.h"
#include "decoder/image.h"   /* an image's entries, and their JSON */
#include "decoder/memory.h"  /* the mappings of a process */
#include "decoder/process.h" /* processes and threads */
#include "decoder/space.h"   /* the pages of a process, wherever they are */

#endif
