/*
 * Old dumps have parts of a core image in images of their own.
 */
#ifndef CRIT_PROC_LEGACY_H
#define CRIT_PROC_LEGACY_H

#include "decoder/process.h"

/*
 * Put into the core image of a process or thread what it has not and other images have:
 * credentials, limits, timers, signals and what is done about them. What can't be read of
 * them is told to the dump's listener and left out.
 */
void crit_core_add_legacy(struct crit_dump *dump, CoreEntry *core, uint32_t tid);

#endif
