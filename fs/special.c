/*
 * .critfs.
 */
#include "fs/special.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "decoder/create.h"
#include "decoder/permits.h"
#include "decoder/printable.h"
#include "fs/image.h"
#include "fs/jsondir.h"
#include "fs/made.h"
#include "fs/proc.h"
#include "fs/scratch.h"
#include "fs/soon.h"
#include "fs/view.h"

const char *const cfs_special_names[CFS_N_SPECIAL] = {
	[CFS_SPECIAL_VERSION] = "version",  [CFS_SPECIAL_ERRORS] = "errors",
	[CFS_SPECIAL_SCRATCH] = "scratch",  [CFS_SPECIAL_STATS] = "stats",
	[CFS_SPECIAL_CHECK] = "check",      [CFS_SPECIAL_JSON] = CFS_JSONDIR_NAME,
	[CFS_SPECIAL_PROC] = CFS_PROC_NAME, [CFS_SPECIAL_IMG] = "img",
	[CFS_SPECIAL_TAR] = "tar",
};

unsigned cfs_special_by_name(const char *name)
{
	unsigned i;

	for (i = 0; i < CFS_N_SPECIAL && strcmp(cfs_special_names[i], name); i++)
		;
	return i;
}

bool cfs_special_is_dir(unsigned special)
{
	return special >= CFS_SPECIAL_JSON;
}

bool cfs_special_is_made(unsigned special)
{
	return special == CFS_SPECIAL_STATS || special == CFS_SPECIAL_CHECK;
}

static bool is_dump(const struct cfs_node *dir)
{
	struct stat st;

	return !dir->parent || crit_dir_stat(dir->dir, CRIT_INVENTORY, &st) == 0;
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
	unsigned special = cfs_special_by_name(name);

	*out = cfs_node_by_name(&fs->nodes, dir->id, name);
	if (*out)
		return 0;
	if (special == CFS_N_SPECIAL)
		return -ENOENT;
	if (special == CFS_SPECIAL_JSON)
		return cfs_jsondir_get(fs, dir, out);
	if (special == CFS_SPECIAL_PROC)
		return cfs_proc_new_top(fs, dir, out);
	if (special == CFS_SPECIAL_IMG || special == CFS_SPECIAL_TAR)
		return cfs_view_new_top(fs, dir, special, out);
	*out = cfs_node_new(&fs->nodes, 0, CFS_SPECIAL, dir, dir->id, name);
	if (!*out)
		return -ENOMEM;
	(*out)->special = special;
	return 0;
}

/*
 * Does it tell of all dumps in the mount, and repeat what stands in them? Then it is for who
 * mounts it: there may be files among them that nobody else may read.
 */
static bool is_of_all(unsigned special)
{
	return special == CFS_SPECIAL_ERRORS || special == CFS_SPECIAL_SCRATCH;
}

static int size_of_text(struct cfs *fs, struct cfs_node *node, struct stat *st)
{
	const struct crit_buf *text = &fs->text;
	struct timespec changed = {0};
	int ret;

	if (cfs_special_is_made(node->special)) {
		ret = cfs_made_get(fs, node, &text, &changed);
	} else {
		crit_buf_reset(&fs->text);
		ret = cfs_special_text(fs, node, &fs->text);
	}
	if (ret < 0)
		return ret;
	if (cfs_earlier(&st->st_mtim, &changed))
		st->st_mtim = st->st_ctim = changed;
	st->st_size = (off_t)text->len;
	return 0;
}

/* It has something of all images: for who may read them all. Drops the lock. */
static int narrow(struct cfs *fs, struct cfs_node *node, struct stat *st)
{
	int ret;

	cfs_node_ref(node);
	cfs_unlock(fs);
	ret = crit_permits_narrow(node->parent->parent->dir, st);
	cfs_lock(fs);
	cfs_node_unref(&fs->nodes, node);
	return ret;
}

int cfs_special_attr(struct cfs *fs, struct cfs_node *node, struct stat *st)
{
	int ret = crit_dir_self(fs->dump, st);
	if (ret < 0)
		return ret;
	st->st_ino = node->id;
	st->st_nlink = 1;
	if (node->kind == CFS_SPECIAL_DIR || node->kind == CFS_DOCUMENTS) {
		/* files can be made among the documents */
		mode_t write = node->kind == CFS_DOCUMENTS && !fs->opt.read_only ? 0222 : 0;

		st->st_mode = S_IFDIR | 0500 | (write & 0200) | (st->st_mode & (0055 | write));
		return 0;
	}
	st->st_mode = S_IFREG | 0400 | (st->st_mode & 0044);
	if (is_of_all(node->special)) {
		st->st_uid = geteuid();
		st->st_gid = getegid();
		st->st_mode = S_IFREG | 0400;
	}
	if (cfs_special_is_made(node->special))
		ret = narrow(fs, node, st);
	if (ret == 0)
		ret = size_of_text(fs, node, st);
	if (ret == 0 && cfs_special_is_made(node->special))
		cfs_made_note(node, st);
	return ret;
}

int cfs_special_entry(struct cfs *fs, struct cfs_node *node, struct stat *st)
{
	int ret;

	if (!cfs_special_is_made(node->special))
		return cfs_special_attr(fs, node, st);
	if (cfs_made_told(node, st))
		return 0;
	ret = crit_dir_self(fs->dump, st);
	if (ret < 0)
		return ret;
	st->st_ino = node->id;
	st->st_nlink = 1;
	st->st_mode = S_IFREG | 0400;
	st->st_size = 0;
	return 0;
}

static void list_scratch(struct cfs *fs, struct crit_buf *out)
{
	struct cfs_node *node;
	char path[4096];

	DL_FOREACH(fs->nodes.scratch, node) {
		if (!node->key)
			continue;
		cfs_jsondir_scratch_path(fs, node, path, sizeof(path));
		crit_buf_printf(out, "%" PRIu64 "\t", cfs_draft_size(node->scratch->contents));
		crit_printable(out, path, strlen(path), "");
		crit_buf_byte(out, '\n');
	}
}

static int copy_made(struct cfs *fs, struct cfs_node *node, struct crit_buf *out)
{
	const struct crit_buf *text;
	struct timespec changed;
	int ret = cfs_made_get(fs, node, &text, &changed);

	if (ret == 0)
		crit_buf_add(out, text->data, text->len);
	return ret;
}

int cfs_special_text(struct cfs *fs, struct cfs_node *node, struct crit_buf *out)
{
	int ret = 0;

	switch (node->special) {
	case CFS_SPECIAL_VERSION:
		crit_buf_str(out, "critfs " CRITFS_VERSION "\n");
		break;
	case CFS_SPECIAL_ERRORS:
		crit_buf_add(out, fs->errors.data, fs->errors.len);
		break;
	case CFS_SPECIAL_SCRATCH:
		list_scratch(fs, out);
		break;
	default:
		ret = copy_made(fs, node, out);
		break;
	}
	return ret < 0 ? ret : out->error;
}
