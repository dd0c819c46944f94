/*
 * Paths as the mount's root sees them, for messages.
 */
#ifndef CFS_PATHS_H
#define CFS_PATHS_H

#include "fs/image.h"

/* "sub/files.img/3.json" of an entry file, as the mount's root sees it. */
void cfs_path_of(const struct cfs_image *image, const char *name, char *out, size_t size);

/* "sub/name" of what is in a directory of the dump. */
void cfs_path_in(const struct cfs_node *dir, const char *name, char *out, size_t size);

#endif
