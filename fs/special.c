/*
 * .critfs.
 */
#include "fs/special.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "fs/image.h"
#include "fs/jsondir.h"
#include "fs/scratch.h"

const char *const cfs_special_names[CFS_N_SPECIAL] = {
	[CFS_SPECIAL_VERSION] = "version",
	[CFS_SPECIAL_ERRORS] = "errors",
	[CFS_SPECIAL_SCRATCH] = "scratch",
	[CFS_SPECIAL_JSON] = CFS_JSONDIR_NAME,
};

static bool is_dump(const struct cfs_node *dir)
{
	return !dir->parent ||
	       faccessat(dir->dirfd, "inventory.img", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int cfs_special_dir(struct cfs *fs, struct cfs_node *dir, struct cfs_node **out)
{
	*out = cfs_node_by_name(&fs->nodes, dir->id, CFS_SPECIAL_NAME);
	if (*out && (*out)->kind == CFS_SPECIAL_DIR)
		return 0;
	if (!is_dump(dir))
		return -ENOENT;
	*out = cfs_node_new(&fs->nodes, 0, CFS_SPECIAL_DIR, dir, dir->id, CFS_SPECIAL_NAME);
	return *out ? 0 : -ENOMEM;
}

int cfs_special_find(struct cfs *fs, struct cfs_node *dir, const char *name,
		     struct cfs_node **out)
{
	unsigned i;

	*out = cfs_node_by_name(&fs->nodes, dir->id, name);
	if (*out)
		return 0;
	for (i = 0; i < CFS_N_SPECIAL; i++) {
		if (strcmp(cfs_special_names[i], name))
			continue;
		if (i == CFS_SPECIAL_JSON)
			return cfs_jsondir_get(fs, dir, out);
		*out = cfs_node_new(&fs->nodes, 0, CFS_SPECIAL, dir, dir->id, name);
		if (!*out)
			return -ENOMEM;
		(*out)->special = i;
		return 0;
	}
	return -ENOENT;
}

int cfs_special_attr(struct cfs *fs, const struct cfs_node *node, struct stat *st)
{
	if (fstat(fs->dumpfd, st) < 0)
		return -errno;
	st->st_ino = node->id;
	if (node->kind == CFS_SPECIAL_DIR || node->kind == CFS_DOCUMENTS) {
		/* files can be made among the documents */
		mode_t write = node->kind == CFS_DOCUMENTS && !fs->opt.read_only ? 0222 : 0;

		st->st_mode = S_IFDIR | 0500 | (write & 0200) | (st->st_mode & (0055 | write));
		st->st_nlink = 1;
		return 0;
	}
	crit_buf_reset(&fs->text);
	cfs_special_text(fs, node->special, &fs->text);
	st->st_mode = S_IFREG | 0400 | (st->st_mode & 0044);
	st->st_nlink = 1;
	st->st_size = (off_t)fs->text.len;
	return 0;
}

static void list_scratch(struct cfs *fs, struct crit_buf *out)
{
	struct cfs_node *node;
	char path[4096], line[4200];

	DL_FOREACH(fs->nodes.scratch, node) {
		if (!node->key)
			continue;
		cfs_jsondir_scratch_path(fs, node, path, sizeof(path));
		snprintf(line, sizeof(line), "%" PRIu64 "\t%s\n",
			 cfs_draft_size(node->scratch->contents), path);
		crit_buf_str(out, line);
	}
}

void cfs_special_text(struct cfs *fs, unsigned special, struct crit_buf *out)
{
	switch (special) {
	case CFS_SPECIAL_VERSION:
		crit_buf_str(out, "critfs " CRITFS_VERSION "\n");
		break;
	case CFS_SPECIAL_ERRORS:
		crit_buf_add(out, fs->errors.data, fs->errors.len);
		break;
	case CFS_SPECIAL_SCRATCH:
		list_scratch(fs, out);
		break;
	}
}
