/*
 * New images: which header they get.
 */
#ifndef CRIT_CREATE_H
#define CRIT_CREATE_H

#include "decoder/error.h"
#include "decoder/image.h"

/*
 * The header of a new image called `name` in a dump: its type is the name's, its
 * version and byte order those of the dump's inventory, or today's where there is
 * none. 0; -EPERM if the name gives no type.
 */
int crit_header_for(int dirfd, const char *name, struct crit_header *h, struct crit_error *err);

#endif
