/*
 * Writing now, syncing soon.
 */
#include "fs/write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "decoder/structure.h"
#include "fs/document.h"
#include "fs/promise.h"
#include "fs/watch.h"

#define SOON_MS  700  /* after the first of many changes */
#define IDLE_MS  1000 /* after the last change of an image that is being made */
#define MANY     100  /* changes in that time, after which a spare file is worth it */
#define SPARE_MS 50   /* that it is kept after them: it can be seen in the dump */

/* An image whose file, or (image is NULL) a directory that is not synced yet. */
struct cfs_unsynced {
	struct cfs_image *image;
	struct cfs_node *dir; /* a reference */
	struct timespec due;
	unsigned changes;        /* since it was synced last */
	struct crit_spare spare; /* in dir */
	struct timespec spare_due;
	struct cfs_unsynced *next, *prev;
};

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static bool earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static struct cfs_unsynced *add(struct cfs *fs, struct cfs_node *dir)
{
	struct cfs_unsynced *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL; /* then the kernel syncs it when it sees fit */
	u->dir = dir;
	cfs_node_ref(dir);
	u->due = in_ms(SOON_MS);
	u->spare.fd = -1;
	DL_APPEND(fs->unsynced, u);
	return u;
}

static void drop(struct cfs *fs, struct cfs_unsynced *u)
{
	DL_DELETE(fs->unsynced, u);
	crit_spare_drop(u->dir->dirfd, &u->spare);
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
	if (!image->unsynced)
		return;
	image->unsynced->changes++;
	if (image->made)
		image->unsynced->due = in_ms(IDLE_MS);
}

void cfs_sync_forget(struct cfs *fs, struct cfs_image *image)
{
	if (image->unsynced)
		drop(fs, image->unsynced);
}

/* The spare file for a change of an image that is being made, if there are many; else NULL. */
static struct crit_spare *spare_for(const struct cfs_image *image)
{
	struct cfs_unsynced *u = image->unsynced;

	return image->made && u && u->changes >= MANY && u->dir == image->node->parent
		       ? &u->spare
		       : NULL;
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
	    crit_file_open(image->node->parent->dirfd, cfs_image_name(image), &file) < 0)
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
		ret = crit_sync_directory(dir->dirfd);
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
	ret = crit_sync_directory(dir->dirfd);
	cfs_lock(fs);
	cfs_node_unref(&fs->nodes, dir);
	return ret;
}

bool cfs_sync_next(struct cfs *fs, struct timespec *when)
{
	const struct cfs_unsynced *u;

	if (!fs->unsynced)
		return false;
	*when = fs->unsynced->due;
	DL_FOREACH(fs->unsynced, u) {
		if (earlier(&u->due, when))
			*when = u->due;
		if (u->spare.name[0] && earlier(&u->spare_due, when))
			*when = u->spare_due;
	}
	return true;
}

void cfs_sync_due(struct cfs *fs, bool all)
{
	struct timespec now = in_ms(0);
	struct cfs_unsynced *u;
	int ret;

	/* from the start again each time: the lock is dropped within */
	for (u = fs->unsynced; u;) {
		if (u->spare.name[0] && !earlier(&now, &u->spare_due))
			crit_spare_drop(u->dir->dirfd, &u->spare);
		if (!all && earlier(&now, &u->due)) {
			u = u->next;
			continue;
		}
		ret = sync_and_drop(fs, u);
		if (ret < 0)
			cfs_log(fs, "can't sync the dump: %s", strerror(-ret));
		u = fs->unsynced;
	}
}

static int write_image(struct cfs *fs, struct cfs_image *image, const struct crit_edit *edit,
		       bool anew, enum crit_sync sync, bool *written, struct crit_error *err)
{
	struct crit_file *old = crit_file_get(crit_image_file(image->open)), *file;
	const struct cfs_node *node = image->node;
	char *name = strdup(cfs_image_name(image));
	int dirfd = node->parent->dirfd, ret;
	struct crit_spare *spare = NULL;
	bool append;

	*written = false;
	if (!name) {
		crit_file_put(old);
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for the edit");
	}
	if (sync == CRIT_SYNC_DIR)
		image->made = false; /* from now on it is relied on */
	if (image->made)
		sync = CRIT_SYNC_NONE;
	append = image->made && sync == CRIT_SYNC_NONE &&
		 crit_edit_appends(edit, old->fd, (uint64_t)old->st.st_size);
	if (sync == CRIT_SYNC_NONE && !append)
		spare = spare_for(image);
	image->writing = true;
	cfs_unlock(fs);
	if (append)
		ret = crit_commit_append(dirfd, name, old, edit, &file, err);
	else if (spare)
		ret = crit_commit_over(dirfd, name, old, edit, spare, &file, err);
	else
		ret = crit_commit(dirfd, name, old, edit, sync, &file, err);
	/*
	 * The image directory's time and size have changed. Only its attributes are
	 * dropped (-1), and directories have no pages, so this waits for nobody.
	 */
	fuse_lowlevel_notify_inval_inode(fs->session, node->id, -1, 0);
	cfs_lock(fs);
	image->writing = false;
	cfs_promise_pause(image);
	if (file) {
		*written = !append || ret == 0;
		if (anew)
			cfs_image_replaced(fs, image, file);
		else
			cfs_image_committed(image, file, edit);
		cfs_document_changed(fs, image);
		crit_file_put(file);
		if (sync == CRIT_SYNC_NONE)
			cfs_sync_image_soon(fs, image);
		/* who still reads the old image goes on reading it */
		if (spare && old->refs == 1) {
			crit_spare_keep(dirfd, spare);
			image->unsynced->spare_due = in_ms(SPARE_MS);
		} else if (spare) {
			crit_spare_drop(dirfd, spare);
		}
	}
	crit_file_put(old);
	free(name);
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
