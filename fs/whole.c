/*
 * Images as a whole.
 */
#include "fs/whole.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "decoder/commit.h"
#include "decoder/create.h"
#include "decoder/overlay.h"
#include "fs/change.h"
#include "fs/document.h"
#include "fs/handle.h"
#include "fs/listing.h"
#include "fs/refusal.h"
#include "fs/spare.h"
#include "fs/write.h"

bool cfs_whole_is_name(const char *name)
{
	size_t len = strlen(name);

	return (len > 4 && !strcmp(name + len - 4, ".img")) || crit_type_by_name(name);
}

int cfs_whole_make(struct cfs *fs, fuse_req_t req, const struct cfs_place *place,
		   const char *name, mode_t mode, struct fuse_entry_param *e)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct cfs_node *dir = place->object.node, *node;
	struct crit_piece header = {.fd = -1};
	struct crit_error err = {0};
	struct crit_header h;
	int ret;

	ret = crit_header_for(dir->dir, name, &h, &err);
	if (ret < 0) {
		cfs_refusal_log_name(fs, dir, name, &err);
		return ret;
	}
	header.data = h.bytes;
	header.len = h.len;
	ret = crit_commit_new(dir->dir, name, &header, 1, CRIT_SYNC_NONE, mode & 0666, ctx->uid,
			      ctx->gid);
	if (ret == 0)
		ret = cfs_tree_lookup(fs, place, name, e);
	if (ret < 0)
		return ret;
	node = cfs_node_by_id(&fs->nodes, e->ino);
	if (!node || node->kind != CFS_IMAGE)
		return -EACCES; /* it was made, but can't be read as an image */
	node->ref.image->made = true;
	cfs_sync_image_soon(fs, node->ref.image);
	return 0;
}

/* Does it show anything? 1, 0, -errno. */
static int shows_something(struct cfs *fs, struct cfs_image *image)
{
	struct crit_span tail;
	struct crit_entry e;
	struct crit_place at;
	uint64_t slot;
	int ret;

	if (cfs_listing_has_scratch(fs, image->node->id))
		return 1;
	ret = cfs_image_open(fs, image, NULL);
	if (ret < 0)
		return ret;
	if (cfs_layout_next(&image->layout, (struct crit_place){0, CRIT_NO_MSG}, &slot) &&
	    cfs_layout_find(&image->layout, (struct crit_place){slot, CRIT_NO_MSG}, &at)) {
		ret = crit_image_at(image->open, at, &e, NULL);
		if (ret != -ENOENT)
			return ret < 0 ? ret : 1;
	}
	ret = crit_image_tail(image->open, &tail, NULL);
	return ret < 0 ? ret : tail.len > 0;
}

int cfs_whole_remove(struct cfs *fs, struct cfs_image *image)
{
	struct cfs_ref document = cfs_document_ref(image);
	struct cfs_node *dir = image->node->parent;
	int ret = cfs_image_look(fs, image);

	if (ret == 0)
		ret = shows_something(fs, image);
	if (ret)
		return ret < 0 ? ret : -ENOTEMPTY;
	ret = crit_dir_unlink(dir->dir, cfs_image_name(image), 0);
	if (ret < 0)
		return ret;
	cfs_sync_forget(fs, image);
	cfs_image_removed(fs, image);
	cfs_handle_remove(fs, &document, false);
	cfs_sync_directory_soon(fs, dir);
	return 0;
}

/* Would the file, under this name, be the same image? Else err says what it would be. */
static int check_name(struct cfs *fs, struct cfs_image *image, const char *name,
		      struct crit_error *err)
{
	const struct crit_type *type = crit_type_by_name(name);
	const struct crit_header *h;
	struct crit_header read;
	int ret = cfs_image_open(fs, image, err);

	if (ret < 0)
		return ret;
	h = crit_image_header(image->open);
	if (type && type != h->type)
		return crit_fail_errno(err, EPERM, "%s images have this name, this one is %s",
				       type->name, h->type->name);
	if (!crit_header_read(name, h->bytes, h->len, &read))
		return crit_fail_errno(err, EPERM, "it would be no image under this name");
	return 0;
}

int cfs_whole_rename(struct cfs *fs, struct cfs_image *image, struct cfs_node *dir,
		     const char *name, unsigned flags)
{
	struct cfs_image *other = cfs_change_image_at(fs, dir, name);
	struct cfs_node *old_dir = image->node->parent;
	struct crit_error err = {0};
	int ret = cfs_image_copy_up(fs, image);

	if (ret == 0)
		ret = check_name(fs, image, name, &err);
	if (ret < 0) {
		if (err.errnum)
			cfs_refusal_log_name(fs, dir, name, &err);
		return ret;
	}
	if (other == image)
		return 0;
	/* what is to be synced is beside it */
	if (image->unsynced && (ret = cfs_sync_image(fs, image)) < 0)
		return ret;
	if (other && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	/* as for any directory: only one without anything in it can be replaced */
	if (other && (ret = cfs_whole_remove(fs, other)) < 0)
		return ret;
	cfs_spare_forget(fs, image);
	ret = crit_dir_rename(old_dir->dir, cfs_image_name(image), dir->dir, name, flags);
	if (ret < 0)
		return ret;
	cfs_node_ref(old_dir);
	ret = cfs_image_renamed(fs, image, dir, name);
	cfs_sync_directory_soon(fs, dir);
	cfs_sync_directory_soon(fs, old_dir);
	cfs_node_unref(&fs->nodes, old_dir);
	return ret;
}
