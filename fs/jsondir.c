/*
 * Names of documents.
 */
#include "fs/jsondir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/commit.h"
#include "decoder/types.h"
#include "fs/change.h"
#include "fs/document.h"
#include "fs/names.h"
#include "fs/paths.h"
#include "fs/special.h"

#define SUFFIX ".json"

int cfs_jsondir_get(struct cfs *fs, struct cfs_node *special, struct cfs_node **out)
{
	struct cfs_node *dump = special->parent;

	if (!dump->documents) {
		dump->documents = cfs_node_new(&fs->nodes, 0, CFS_DOCUMENTS, special,
					       special->id, CFS_JSONDIR_NAME);
		if (dump->documents)
			cfs_node_ref(dump->documents); /* what is in it is found by its id */
	}
	*out = dump->documents;
	return *out ? 0 : -ENOMEM;
}

struct cfs_node *cfs_jsondir_dump(const struct cfs_node *jsondir)
{
	return jsondir->parent->parent;
}

struct cfs_node *cfs_jsondir_of(struct cfs *fs, const struct cfs_node *scratch)
{
	struct cfs_node *node = cfs_node_by_id(&fs->nodes, cfs_node_container(scratch));

	return node && node->kind == CFS_DOCUMENTS ? node : NULL;
}

char *cfs_jsondir_image_name(const char *name)
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);

	if (len <= suffix || strcmp(name + len - suffix, SUFFIX))
		return NULL;
	return strndup(name, len - suffix);
}

bool cfs_jsondir_ref(struct cfs *fs, const struct cfs_node *jsondir, const char *name,
		     struct cfs_ref *ref)
{
	char *image_name = cfs_jsondir_image_name(name);
	struct cfs_image *image = NULL;

	if (image_name && !crit_commit_is_temporary(image_name))
		image = cfs_change_image_at(fs, cfs_jsondir_dump(jsondir), image_name);
	free(image_name);
	if (!image)
		return false;
	*ref = cfs_document_ref(image);
	return true;
}

bool cfs_jsondir_makes_image(const char *name)
{
	char *image_name = cfs_jsondir_image_name(name);
	bool makes = image_name && crit_type_by_name(image_name);

	free(image_name);
	return makes;
}

struct cfs_image *cfs_jsondir_image(struct cfs *fs, fuse_ino_t parent, const char *name)
{
	struct cfs_node *dir = cfs_node_by_id(&fs->nodes, parent), *node;
	struct cfs_ref ref;

	if (!dir || dir->kind != CFS_DOCUMENTS)
		return NULL;
	node = cfs_node_by_name(&fs->nodes, parent, name);
	if (node && node->kind == CFS_SCRATCH)
		return NULL;
	return cfs_jsondir_ref(fs, dir, name, &ref) ? ref.image : NULL;
}

void cfs_jsondir_path(const struct cfs_node *jsondir, const char *name, char *out, size_t size)
{
	char below[CFS_NAME_SIZE + 32];

	snprintf(below, sizeof(below), CFS_SPECIAL_NAME "/" CFS_JSONDIR_NAME "/%s", name);
	cfs_path_in(cfs_jsondir_dump(jsondir), below, out, size);
}

void cfs_jsondir_scratch_path(struct cfs *fs, const struct cfs_node *scratch, char *out,
			      size_t size)
{
	const struct cfs_node *jsondir = cfs_jsondir_of(fs, scratch);

	if (jsondir)
		cfs_jsondir_path(jsondir, cfs_node_name(scratch), out, size);
	else
		cfs_path_of(scratch->ref.image, cfs_node_name(scratch), out, size);
}
