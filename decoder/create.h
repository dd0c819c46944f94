/*
 * New images: which header they get.
 */
#ifndef CRIT_CREATE_H
#define CRIT_CREATE_H

#include "decoder/error.h"
#include "decoder/image.h"

#define CRIT_INVENTORY "inventory.img"

/* What an inventory calls the versions of the format that differ in their headers. */
enum {
	CRIT_IMG_VERSION_1_0 = 1, /* they are one word only */
	CRIT_IMG_VERSION_1_1 = 2,
};

struct crit_dir;

/*
 * The header of a new image called `name` in a dump: its type is the name's, its
 * version and byte order those of the dump's inventory, or today's where there is
 * none. 0; -EPERM if the name gives no type.
 */
int crit_header_for(const struct crit_dir *dir, const char *name, struct crit_header *h,
		    struct crit_error *err);

#endif
