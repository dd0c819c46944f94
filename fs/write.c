/*
 * Writing now, syncing soon.
 */
#include "fs/write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "decoder/overlay.h"
#include "decoder/structure.h"
#include "fs/document.h"
#include "fs/log.h"
#include "fs/promise.h"
#include "fs/soon.h"
#include "fs/spare.h"
#include "fs/watch.h"

#define SOON_MS 700  /* after the first of many changes */
#define IDLE_MS 1000 /* after the last change of an image that is being made */

/* An image whose file, or (image is NULL) a directory that is not synced yet. */
struct cfs_unsynced {
	struct cfs_image *image;
	struct cfs_node *dir; /* a reference */
	struct timespec due;
	struct cfs_unsynced *next, *prev;
};

static struct cfs_unsynced *add(struct cfs *fs, struct cfs_node *dir)
{
	struct cfs_unsynced *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL; /* then the kernel syncs it when it sees fit */
	u->dir = dir;
	cfs_node_ref(dir);
	u->due = cfs_in_ms(SOON_MS);
	DL_APPEND(fs->unsynced, u);
	return u;
}

static void drop(struct cfs *fs, struct cfs_unsynced *u)
{
	DL_DELETE(fs->unsynced, u);
	if (u->image)
		u->image->unsynced = NULL;
	cfs_node_unref(&fs->nodes, u->dir);
	free(u);
}

void cfs_sync_image_soon(struct cfs *fs, struct cfs_image *image)
{
	if (!image->unsynced) {
		image->unsynced = add(fs, image->node->parent);
		if (image->unsynced)
			image->unsynced->image = image;
	}
	if (image->unsynced && image->made)
		image->unsynced->due = cfs_in_ms(IDLE_MS);
}

void cfs_sync_forget(struct cfs *fs, struct cfs_image *image)
{
	cfs_spare_forget(fs, image);
	if (image->unsynced)
		drop(fs, image->unsynced);
}

void cfs_sync_directory_soon(struct cfs *fs, struct cfs_node *dir)
{
	struct cfs_unsynced *u;

	DL_FOREACH(fs->unsynced, u)
		if (u->dir == dir)
			return;
	add(fs, dir);
}

/* The file behind an image, a reference of the caller's; NULL if there is none. */
static struct crit_file *file_of(struct cfs_image *image)
{
	struct crit_file *file = NULL;

	if (image->open)
		return crit_file_get(crit_image_file(image->open));
	if (cfs_image_name(image) &&
	    crit_dir_file(image->node->parent->dir, cfs_image_name(image), &file) < 0)
		return NULL;
	return file;
}

/* Sync what `u` stands for, and drop it. */
static int sync_and_drop(struct cfs *fs, struct cfs_unsynced *u)
{
	struct crit_file *file = u->image ? file_of(u->image) : NULL;
	struct cfs_node *dir = u->dir;
	int ret;

	if (u->image)
		u->image->made = false;
	cfs_node_ref(dir);
	drop(fs, u);
	cfs_unlock(fs);
	ret = file && fsync(file->fd) < 0 ? -errno : 0;
	if (ret == 0)
		ret = crit_dir_sync(dir->dir);
	cfs_lock(fs);
	crit_file_put(file);
	cfs_node_unref(&fs->nodes, dir);
	return ret;
}

int cfs_sync_image(struct cfs *fs, struct cfs_image *image)
{
	struct cfs_node *dir = image->node->parent;
	int ret;

	if (image->unsynced)
		return sync_and_drop(fs, image->unsynced);
	/* it is in place, but maybe not for good */
	cfs_node_ref(dir);
	cfs_unlock(fs);
	ret = crit_dir_sync(dir->dir);
	cfs_lock(fs);
	cfs_node_unref(&fs->nodes, dir);
	return ret;
}

bool cfs_sync_next(struct cfs *fs, struct timespec *when)
{
	bool any = cfs_spare_next(fs, when);
	const struct cfs_unsynced *u;

	DL_FOREACH(fs->unsynced, u) {
		if (!any || cfs_earlier(&u->due, when))
			*when = u->due;
		any = true;
	}
	return any;
}

/* Closing a large file that has no name any more takes as long as writing much of it. */
static void close_replaced(struct cfs *fs)
{
	struct crit_file *file = fs->replaced;

	fs->replaced = NULL;
	if (!file || file->refs > 1) {
		crit_file_put(file);
		return;
	}
	cfs_unlock(fs);
	crit_file_put(file);
	cfs_lock(fs);
}

void cfs_sync_due(struct cfs *fs, bool all)
{
	struct timespec now = cfs_in_ms(0);
	struct cfs_unsynced *u;
	int ret;

	cfs_spare_due(fs, all ? NULL : &now);
	cfs_spare_settle(fs);
	close_replaced(fs);
	/* from the start again each time: the lock is dropped within */
	for (u = fs->unsynced; u;) {
		if (!all && cfs_earlier(&now, &u->due)) {
			u = u->next;
			continue;
		}
		ret = sync_and_drop(fs, u);
		if (ret < 0)
			cfs_log(fs, "can't sync the dump: %s", strerror(-ret));
		u = fs->unsynced;
	}
}

/* The spare file for a change, or NULL; `in_place`: the change needs none. */
static struct crit_spare *spare_for(struct cfs *fs, struct cfs_image *image, bool in_place,
				    enum crit_sync sync)
{
	if (in_place)
		return NULL;
	/* a file that is not synced has to replace the old one by a plain rename */
	if ((sync != CRIT_SYNC_NONE || image->made) &&
	    !crit_dir_is_below(image->node->parent->dir, cfs_image_name(image)))
		return cfs_spare_begin(fs, image);
	cfs_spare_forget(fs, image);
	return NULL;
}

/* An edit on its way. */
struct writing {
	struct crit_file *old; /* a reference */
	char *name;            /* owned */
	const struct crit_dir *dir;
	bool append;
	enum crit_sync sync;
	struct crit_spare *spare; /* borrowed */
};

/* The image is `file` now. */
static void show(struct cfs *fs, struct cfs_image *image, const struct writing *w,
		 struct crit_file *file, const struct crit_edit *edit, bool anew)
{
	if (anew)
		cfs_image_replaced(fs, image, file);
	else
		cfs_image_committed(image, file, edit);
	cfs_document_changed(fs, image);
	if (w->sync == CRIT_SYNC_NONE)
		cfs_sync_image_soon(fs, image);
	if (w->append)
		cfs_spare_appended(image, w->old, file);
	else if (w->spare)
		cfs_spare_end(image, w->old);
	crit_file_put(file);
}

static int write_image(struct cfs *fs, struct cfs_image *image, const struct crit_edit *edit,
		       bool anew, enum crit_sync sync, bool *written, struct crit_error *err)
{
	struct writing w = {
		.old = crit_file_get(crit_image_file(image->open)),
		.name = strdup(cfs_image_name(image)),
		.dir = image->node->parent->dir,
	};
	struct crit_file *file;
	int ret;

	crit_file_put(fs->replaced);
	fs->replaced = NULL;
	*written = false;
	if (!w.name) {
		crit_file_put(w.old);
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for the edit");
	}
	if (sync == CRIT_SYNC_DIR)
		image->made = false; /* from now on it is relied on */
	w.sync = image->made ? CRIT_SYNC_NONE : sync;
	w.append = image->made &&
		   crit_edit_appends(edit, w.old->fd, (uint64_t)w.old->st.st_size);
	w.spare = spare_for(fs, image, w.append, w.sync);
	image->writing = true;
	cfs_unlock(fs);
	if (w.append)
		ret = crit_commit_append(w.dir, w.name, w.old, edit, &file, err);
	else
		ret = crit_commit(w.dir, w.name, w.old, edit, w.sync, w.spare, &file, err);
	/*
	 * The image directory's time and size have changed. Only its attributes are
	 * dropped (-1), and directories have no pages, so this waits for nobody.
	 */
	fuse_lowlevel_notify_inval_inode(fs->session, image->node->id, -1, 0);
	cfs_lock(fs);
	image->writing = false;
	cfs_promise_pause(image);
	if (file) {
		*written = !w.append || ret == 0;
		show(fs, image, &w, file, edit, anew);
	}
	fs->replaced = w.old; /* whoever waits is answered first */
	free(w.name);
	if (anew) /* all of it is another one, and who asks now must be told so */
		cfs_watch_settle(fs);
	return ret;
}

int cfs_write(struct cfs *fs, struct cfs_image *image, const struct crit_edit *edit,
	      enum crit_sync sync, bool *written, struct crit_error *err)
{
	return write_image(fs, image, edit, false, sync, written, err);
}

int cfs_write_anew(struct cfs *fs, struct cfs_image *image, const struct crit_edit *edit,
		   enum crit_sync sync, bool *written, struct crit_error *err)
{
	return write_image(fs, image, edit, true, sync, written, err);
}
