/*
 * Names of directories.
 */
#include "fs/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "decoder/commit.h"
#include "fs/attr.h"
#include "fs/document.h"
#include "fs/entry.h"
#include "fs/ids.h"
#include "fs/jsondir.h"
#include "fs/names.h"
#include "fs/scratch.h"
#include "fs/special.h"

void cfs_names_free(struct cfs_names *names)
{
	if (!names)
		return;
	while (names->n)
		free(names->names[--names->n].name);
	free(names->names);
	free(names);
}

int cfs_names_add(struct cfs_names *names, const char *name, mode_t mode, ino_t ino)
{
	if (names->n == names->cap) {
		size_t cap = names->cap ? names->cap * 2 : 64;
		struct cfs_name *grown = realloc(names->names, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		names->names = grown;
		names->cap = cap;
	}
	names->names[names->n].name = strdup(name);
	if (!names->names[names->n].name)
		return -ENOMEM;
	names->names[names->n].mode = mode;
	names->names[names->n++].ino = ino;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strverscmp(((const struct cfs_name *)a)->name,
			  ((const struct cfs_name *)b)->name);
}

/* Hand the names out in their order, or drop them if something went wrong. */
int cfs_names_finish(struct cfs_names *names, int ret, struct cfs_names **out)
{
	if (ret < 0) {
		cfs_names_free(names);
		return ret;
	}
	if (names->n)
		qsort(names->names, names->n, sizeof(*names->names), compare_names);
	*out = names;
	return 0;
}

struct reading {
	struct cfs *fs;
	struct cfs_node *dir;
	struct cfs_names *names;
};

/* One name of a directory of the dump, as what it will be looked up. */
static int read_name(void *arg, const char *name, unsigned char type)
{
	struct reading *r = arg;
	struct cfs_image *image;
	struct stat st;

	if (crit_commit_is_temporary(name))
		return 0;
	if (cfs_image_meet(r->fs, r->dir, name, type == DT_REG, &st, &image) < 0)
		return 0; /* it has gone meanwhile */
	if (image)
		return cfs_names_add(r->names, name, S_IFDIR, image->node->id);
	return cfs_names_add(r->names, name, st.st_mode,
			     cfs_ino_passed(st.st_ino, st.st_dev != r->fs->dev));
}

int cfs_names_read(struct cfs *fs, struct cfs_node *dir, struct cfs_names **out)
{
	struct reading r = {fs, dir, calloc(1, sizeof(*r.names))};
	int ret = r.names ? crit_dir_each(dir->dir, read_name, &r) : -ENOMEM;

	if (ret == 0 && fs->opt.critdir_visible && !dir->parent)
		ret = cfs_names_add(r.names, CFS_SPECIAL_NAME, S_IFDIR,
				    cfs_ino_passed(0, false));
	return cfs_names_finish(r.names, ret, out);
}

/* The document of an image, unless it is renamed away or a scratch file has its name. */
static int add_document(struct cfs *fs, struct cfs_node *jsondir, struct cfs_image *image,
			struct cfs_names *names)
{
	struct cfs_ref ref = cfs_document_ref(image);
	char name[CFS_NAME_SIZE];
	struct cfs_node *node;

	cfs_entry_name(&ref, name);
	node = cfs_node_by_name(&fs->nodes, jsondir->id, name);
	if (strlen(name) > NAME_MAX || (node && node->kind == CFS_SCRATCH))
		return 0;
	cfs_document_reappear(fs, image);
	if (cfs_layout_hides(&image->layout, &ref))
		return 0;
	return cfs_names_add(names, name, S_IFREG, cfs_entry_ino(&ref));
}

static int add_scratch(struct cfs *fs, struct cfs_node *jsondir, struct cfs_names *names)
{
	struct cfs_node *node;
	int ret = 0;

	DL_FOREACH(fs->nodes.scratch, node)
		if (ret == 0 && cfs_node_container(node) == jsondir->id)
			ret = cfs_names_add(names, cfs_node_name(node), node->scratch->mode,
					    cfs_scratch_ino(node));
	return ret;
}

int cfs_names_read_documents(struct cfs *fs, struct cfs_node *jsondir, struct cfs_names **out)
{
	struct cfs_node *dump = cfs_jsondir_dump(jsondir), *node;
	struct cfs_names *names = calloc(1, sizeof(*names)), *files = NULL;
	int ret = names ? cfs_names_read(fs, dump, &files) : -ENOMEM;
	size_t i;

	for (i = 0; ret == 0 && i < files->n; i++) {
		node = cfs_node_by_name(&fs->nodes, dump->id, files->names[i].name);
		if (node && node->kind == CFS_IMAGE)
			ret = add_document(fs, jsondir, node->ref.image, names);
	}
	cfs_names_free(files);
	if (ret == 0)
		ret = add_scratch(fs, jsondir, names);
	return cfs_names_finish(names, ret, out);
}
