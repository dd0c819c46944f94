/*
 * .critfs/json: the directory of documents. There is one for each directory of a dump,
 * and it shows its images; all other names in it are scratch files.
 */
#ifndef CFS_JSONDIR_H
#define CFS_JSONDIR_H

#include "fs/cfs.h"
#include "fs/image.h"

#define CFS_JSONDIR_NAME "json"

/* The node of it in the .critfs of a directory; once made it is there for good. 0, -ENOMEM. */
int cfs_jsondir_get(struct cfs *fs, struct cfs_node *special, struct cfs_node **out);

/* The directory of the dump whose images it shows. */
struct cfs_node *cfs_jsondir_dump(const struct cfs_node *jsondir);

/* The one that a scratch file is in; NULL if it is in an image. */
struct cfs_node *cfs_jsondir_of(struct cfs *fs, const struct cfs_node *scratch);

/* Is it the name of the document of an image that there is? */
bool cfs_jsondir_ref(struct cfs *fs, const struct cfs_node *jsondir, const char *name,
		     struct cfs_ref *ref);

/* Is it what a document of some type of image would be called? Then its text makes one. */
bool cfs_jsondir_makes_image(const char *name);

/* The name of the image, to be freed; NULL if it is no document's name. */
char *cfs_jsondir_image_name(const char *name);

/*
 * The image whose document has the name in a directory, if that is a .critfs/json and it
 * is what the name means there; else NULL.
 */
struct cfs_image *cfs_jsondir_image(struct cfs *fs, fuse_ino_t parent, const char *name);

/* "sub/.critfs/json/NAME", as the mount's root sees it. */
void cfs_jsondir_path(const struct cfs_node *jsondir, const char *name, char *out, size_t size);

/* The same of any scratch file, wherever it is. */
void cfs_jsondir_scratch_path(struct cfs *fs, const struct cfs_node *scratch, char *out,
			      size_t size);

#endif
