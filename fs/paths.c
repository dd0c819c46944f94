/*
 * Paths.
 */
#include "fs/paths.h"

#include <stdio.h>

/* Write the path of a directory below the root, with a slash behind it. */
static size_t dir_path(const struct cfs_node *dir, char *out, size_t size)
{
	size_t at;
	int n;

	if (!dir->parent)
		return 0;
	at = dir_path(dir->parent, out, size);
	n = snprintf(out + at, size - at, "%s/", cfs_node_name(dir) ? cfs_node_name(dir) : "?");
	at += n > 0 ? (size_t)n : 0;
	return at < size ? at : size - 1;
}

void cfs_path_in(const struct cfs_node *dir, const char *name, char *out, size_t size)
{
	size_t at = dir_path(dir, out, size);

	snprintf(out + at, size - at, "%s", name);
}

void cfs_path_of(const struct cfs_image *image, const char *name, char *out, size_t size)
{
	size_t at;

	out[0] = '\0';
	at = dir_path(image->node->parent, out, size);
	snprintf(out + at, size - at, "%s/%s",
		 cfs_image_name(image) ? cfs_image_name(image)
		 : image->lost         ? image->lost
				       : "?",
		 name);
}
