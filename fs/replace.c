/*
 * Committing documents.
 */
#include "fs/replace.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/compose.h"
#include "decoder/create.h"
#include "decoder/overlay.h"
#include "fs/change.h"
#include "fs/document.h"
#include "fs/handle.h"
#include "fs/jsondir.h"
#include "fs/refusal.h"
#include "fs/scratch.h"
#include "fs/times.h"
#include "fs/write.h"

#define NEW_MODE 0600 /* a dump holds secrets */

/* A text that is read from a draft, which is shared and so stays what it is. */
struct text {
	struct crit_source source;
	const struct cfs_draft *draft;
};

static ssize_t read_text(struct crit_source *s, void *buf, size_t len, uint64_t off)
{
	return cfs_draft_read(((struct text *)s)->draft, buf, len, off);
}

/* The image as the draft's owner saw it, or not at all. */
static int open_same(struct cfs *fs, struct cfs_image *image, uint64_t generation,
		     struct crit_error *err)
{
	int ret = cfs_image_open(fs, image, err);

	if (ret == 0 && image->generation != generation)
		ret = crit_fail(err, CRIT_CHANGED, "the image was changed underneath");
	return ret;
}

/* The edit that the text asks for; its bytes are in `out` and in `img`'s file. */
static int read_edit(struct cfs *fs, struct crit_image *img, const struct cfs_draft *d,
		     struct crit_spool *out, struct crit_edit *edit, struct crit_error *err)
{
	struct text text = {{.read = read_text}, d};
	int ret;

	cfs_unlock(fs);
	ret = crit_edit_document(img, &text.source, out, edit, err);
	cfs_lock(fs);
	return ret;
}

int cfs_replace(struct cfs *fs, const struct cfs_ref *ref, uint64_t generation,
		struct cfs_draft *d, const struct timespec *when, enum crit_sync sync,
		bool *written, struct crit_error *err)
{
	struct cfs_image *image = ref->image;
	struct crit_edit edit = {0};
	struct crit_image *img = NULL;
	struct crit_spool out = {0};
	int ret;

	ret = open_same(fs, image, generation, err);
	if (ret == 0) /* one of its own, which others can't use meanwhile */
		ret = crit_image_new(crit_image_file(image->open), cfs_image_name(image), &img,
				     err);
	if (ret < 0)
		return ret;
	crit_spool_init(&out, fs->store.dirfd);
	ret = read_edit(fs, img, d, &out, &edit, err);
	if (ret == 0 && edit.changes)
		ret = open_same(fs, image, generation, err);
	if (ret == 0 && edit.changes)
		ret = cfs_write_anew(fs, image, &edit, sync, written, err);
	if (*written) {
		cfs_times_touch(image, ref, when);
		cfs_handle_renumber(fs, image, generation);
	}
	crit_edit_fini(&edit);
	crit_spool_fini(&out);
	crit_image_free(img);
	return ret;
}

/* Compose a new image and give it its name; without the lock. */
static int make_image(const struct crit_dir *dir, const char *name, const struct cfs_draft *d,
		      const struct cfs_scratch *owner, int spool_dirfd, struct crit_error *err)
{
	struct text text = {{.read = read_text}, d};
	struct crit_piece pieces[2];
	struct crit_header header;
	struct crit_spool out = {0};
	size_t n;
	int ret;

	ret = crit_header_for(dir, name, &header, err);
	if (ret < 0)
		return ret;
	crit_spool_init(&out, spool_dirfd);
	ret = crit_compose(&text.source, &header, &out, err);
	if (ret == 0) {
		n = crit_spool_pieces(&out, pieces);
		ret = crit_commit_new(dir, name, pieces, n, CRIT_SYNC_FILE, NEW_MODE,
				      owner->uid, owner->gid);
		if (ret < 0)
			crit_fail_errno(err, -ret, "can't make the image");
	}
	crit_spool_fini(&out);
	return ret;
}

int cfs_replace_none(struct cfs *fs, const struct cfs_node *scratch, struct cfs_draft *d,
		     enum crit_sync sync, struct cfs_ref *ref)
{
	struct cfs_node *dump = cfs_jsondir_dump(cfs_jsondir_of(fs, scratch));
	struct cfs_scratch owner = {.uid = scratch->scratch->uid, .gid = scratch->scratch->gid};
	char *name = cfs_jsondir_image_name(cfs_node_name(scratch));
	struct cfs_ref none = cfs_document_ref(NULL);
	struct crit_error err = {0};
	int ret = -ENOMEM;

	*ref = none;
	if (name) {
		cfs_unlock(fs);
		ret = make_image(dump->dir, name, d, &owner, fs->store.dirfd, &err);
		if (ret == 0 && sync == CRIT_SYNC_DIR)
			ret = crit_dir_sync(dump->dir);
		cfs_lock(fs);
	}
	if (ret == 0) {
		cfs_sync_directory_soon(fs, dump);
		*ref = cfs_document_ref(cfs_change_image_at(fs, dump, name));
		if (ref->image)
			cfs_refusal_settle(fs, ref);
		else
			ret = -EIO; /* it was made, and somebody took it away again */
	}
	free(name);
	if (ret < 0) {
		if (!err.errnum)
			crit_fail_errno(&err, -ret, "can't make the image");
		cfs_refuse(fs, &none, scratch, d, &err);
	}
	return ret;
}
