/*
 * Images of the dump as the mount knows them.
 */
#include "fs/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "decoder/overlay.h"
#include "fs/handle.h"
#include "fs/ids.h"
#include "fs/promise.h"
#include "fs/times.h"

#define OPEN_MAX_IMAGES 64          /* kept open; each has a window and an index */
#define CHECK_NS        250000000LL /* between two looks at a file */

/* The next number, which leads to this image. 0, -ENFILE, -ENOMEM. */
static int take_number(struct cfs *fs, struct cfs_image *image, unsigned *number)
{
	if (fs->n_images == CFS_IMAGES_MAX)
		return -ENFILE;
	if (fs->n_images == fs->cap_images) {
		size_t cap = fs->cap_images ? fs->cap_images * 2 : 64;
		struct cfs_image **images = realloc(fs->images, cap * sizeof(*images));

		if (!images)
			return -ENOMEM;
		fs->images = images;
		fs->cap_images = cap;
	}
	*number = (unsigned)fs->n_images;
	fs->images[fs->n_images++] = image;
	return 0;
}

static void close_image(struct cfs *fs, struct cfs_image *image)
{
	if (!image->open)
		return;
	crit_image_free(image->open);
	image->open = NULL;
	DL_DELETE(fs->recent, image);
	fs->n_open_images--;
}

static void close_oldest(struct cfs *fs)
{
	struct cfs_image *image = fs->recent ? fs->recent->prev : NULL;

	/* an image that is being written beside must stay as it was read */
	while (image && image->writing && image != fs->recent)
		image = image->prev;
	if (image && !image->writing)
		close_image(fs, image);
}

/* All that it has, but for its node. */
static void free_image(struct cfs *fs, struct cfs_image *image)
{
	close_image(fs, image);
	cfs_times_forget(image);
	free(image->lost);
	cfs_layout_reset(&image->layout);
	free(image);
}

void cfs_image_free(struct cfs *fs, struct cfs_image *image)
{
	struct cfs_node *node = image->node;

	cfs_promise_break(fs, image);
	free_image(fs, image);
	node->ref.image = NULL;
	cfs_node_unref(&fs->nodes, node);
}

void cfs_images_fini(struct cfs *fs)
{
	while (fs->n_images) {
		struct cfs_image *image = fs->images[--fs->n_images];

		if (image && image->number == fs->n_images) /* others lead to the same image */
			free_image(fs, image);
	}
	free(fs->images);
}

struct cfs_image *cfs_image_by_number(struct cfs *fs, uint64_t number)
{
	return number < fs->n_images ? fs->images[number] : NULL;
}

static void note_checked(struct cfs_image *image)
{
	clock_gettime(CLOCK_MONOTONIC_COARSE, &image->checked);
}

static bool checked_lately(const struct cfs_image *image)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (now.tv_sec - image->checked.tv_sec) * 1000000000LL +
		       (now.tv_nsec - image->checked.tv_nsec) <
	       CHECK_NS;
}

/* The nodes of its entry files are of what it was before. */
static void forget_nodes(struct cfs *fs, const struct cfs_image *image)
{
	struct cfs_node *node, *next;

	HASH_ITER(by_id, fs->nodes.by_id, node, next) {
		if (!node->key || node->kind != CFS_ENTRY || node->ref.image != image)
			continue;
		cfs_node_become(&fs->nodes, node, CFS_OLD);
		cfs_node_rename(&fs->nodes, node, 0, NULL);
	}
}

/* The file is another one, or has other contents: nothing known of it holds. */
static void start_afresh(struct cfs *fs, struct cfs_image *image, const struct stat *st)
{
	cfs_promise_break(fs, image);
	close_image(fs, image);
	cfs_times_forget(image);
	/* what is open stays what it is, under the ids that it has */
	cfs_handle_mark_image(fs, image);
	forget_nodes(fs, image);
	take_number(fs, image, &image->serial);
	cfs_layout_reset(&image->layout);
	image->expired = true;
	image->made = false;
	image->st = *st;
	image->base = st->st_mtim;
	image->version++;
	image->generation++;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	struct crit_identity x = crit_identity_of(a), y = crit_identity_of(b);

	return crit_identity_same(&x, &y);
}

const char *cfs_image_name(const struct cfs_image *image)
{
	return cfs_node_name(image->node);
}

/* Do name and header make it an image? 1, 0, -errno. And what it is like, unless NULL. */
static int is_image(struct cfs_node *dir, const char *name, struct stat *st)
{
	uint8_t bytes[CRIT_HEADER_MAX];
	struct crit_header header;
	struct crit_file *file;
	size_t len;
	int ret;

	ret = crit_dir_file(dir->dir, name, &file);
	if (ret < 0)
		return ret;
	len = file->st.st_size < (off_t)sizeof(bytes) ? (size_t)file->st.st_size
						      : sizeof(bytes);
	ret = crit_file_read(file, bytes, len, 0);
	if (ret == 0)
		ret = crit_header_read(name, bytes, len, &header);
	if (st)
		*st = file->st;
	crit_file_put(file);
	return ret;
}

/* It could not be looked at, for a reason that has nothing to do with what it is. */
static bool says_nothing(int ret)
{
	return crit_is_passing(ret) || ret == -EIO;
}

/* Let it have a name that it lost, or none. */
static void set_lost(struct cfs *fs, struct cfs_image *image, char *name)
{
	fs->n_lost -= image->lost != NULL;
	fs->n_lost += name != NULL;
	free(image->lost);
	image->lost = name;
}

void cfs_image_lost(struct cfs *fs, struct cfs_image *image)
{
	cfs_promise_break(fs, image);
	close_image(fs, image);
	set_lost(fs, image, strdup(cfs_image_name(image)));
	cfs_node_rename(&fs->nodes, image->node, 0, NULL);
}

/* The file is `st` now: the one that is known, another image, or none any more. */
static int read_anew(struct cfs *fs, struct cfs_image *image, const struct stat *st)
{
	int ret;

	if (same_file(st, &image->st))
		return 0;
	ret = S_ISREG(st->st_mode) && st->st_size
		      ? is_image(image->node->parent, cfs_image_name(image), NULL)
		      : 0;
	if (says_nothing(ret))
		return ret;
	if (ret <= 0) {
		cfs_image_lost(fs, image);
		return -ENOENT;
	}
	start_afresh(fs, image, st);
	return 0;
}

static int open_file(struct cfs *fs, struct cfs_image *image, struct crit_error *err)
{
	struct crit_file *file;
	int ret;

	if (!cfs_image_name(image))
		return crit_fail_errno(err, ENOENT, "it was removed");
	ret = crit_dir_file(image->node->parent->dir, cfs_image_name(image), &file);
	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't open it");
	ret = read_anew(fs, image, &file->st);
	if (ret == 0)
		ret = crit_image_new(file, cfs_image_name(image), &image->open, err);
	crit_file_put(file);
	if (ret < 0)
		return ret;
	if (fs->n_open_images == OPEN_MAX_IMAGES)
		close_oldest(fs);
	DL_PREPEND(fs->recent, image);
	fs->n_open_images++;
	return 0;
}

static struct cfs_image *find_lost(struct cfs *fs, const struct cfs_node *dir, const char *name)
{
	size_t i;

	for (i = 0; fs->n_lost && i < fs->n_images; i++) {
		struct cfs_image *image = fs->images[i];

		if (image && image->lost && image->node->parent == dir &&
		    !strcmp(image->lost, name))
			return image;
	}
	return NULL;
}

static int new_image(struct cfs *fs, struct cfs_node *dir, const char *name,
		     const struct stat *st, struct cfs_image **out)
{
	struct cfs_image *image = calloc(1, sizeof(*image));
	int ret;

	if (!image)
		return -ENOMEM;
	image->st = *st;
	image->base = st->st_mtim;
	image->version = 1;
	note_checked(image);
	ret = take_number(fs, image, &image->number);
	if (ret < 0) {
		free(image);
		return ret;
	}
	image->serial = image->number;
	image->node = cfs_node_new(&fs->nodes, cfs_id_of(image->number, 0, CFS_PART_DIR),
				   CFS_IMAGE, dir, dir->id, name);
	if (!image->node) {
		fs->n_images--;
		free(image);
		return -ENOMEM;
	}
	cfs_node_ref(image->node);
	image->node->ref.image = image;
	*out = image;
	return 0;
}

/* There is an image behind the name that was none, or none that was known. */
static int find_image(struct cfs *fs, struct cfs_node *dir, const char *name,
		      const struct stat *st, struct cfs_image **out)
{
	struct cfs_image *image = find_lost(fs, dir, name);
	int ret;

	if (!image)
		return new_image(fs, dir, name, st, out);
	ret = cfs_node_rename(&fs->nodes, image->node, dir->id, name);
	if (ret < 0)
		return ret;
	set_lost(fs, image, NULL);
	start_afresh(fs, image, st);
	*out = image;
	return 0;
}

int cfs_image_get(struct cfs *fs, struct cfs_node *dir, const char *name, const struct stat *st,
		  struct cfs_image **out)
{
	struct cfs_node *node = cfs_node_by_name(&fs->nodes, dir->id, name);
	struct cfs_image *image = node && node->kind == CFS_IMAGE ? node->ref.image : NULL;
	int ret;

	*out = image;
	if (image && (image->writing || same_file(st, &image->st))) {
		note_checked(image);
		return 0;
	}
	if (node && node->kind == CFS_PASSED && node->writers)
		return -ENOENT; /* not before it is written */
	ret = crit_name_is_raw(name) || st->st_size == 0 ? 0 : is_image(dir, name, NULL);
	if (ret <= 0) {
		if (image && !says_nothing(ret))
			cfs_image_lost(fs, image);
		return ret < 0 ? ret : -ENOENT;
	}
	if (!image) {
		if (node) /* it was a plain file until now */
			cfs_node_rename(&fs->nodes, node, 0, NULL);
		return find_image(fs, dir, name, st, out);
	}
	start_afresh(fs, image, st);
	return 0;
}

int cfs_image_meet(struct cfs *fs, struct cfs_node *dir, const char *name, bool regular,
		   struct stat *st, struct cfs_image **out)
{
	int ret;

	*out = NULL;
	if (regular && !crit_name_is_raw(name) &&
	    !cfs_node_by_name(&fs->nodes, dir->id, name)) {
		ret = is_image(dir, name, st);
		if (ret >= 0)
			return ret ? find_image(fs, dir, name, st, out) : 0;
	}
	ret = crit_dir_stat(dir->dir, name, st);
	if (ret < 0)
		return ret;
	if (S_ISREG(st->st_mode) && cfs_image_get(fs, dir, name, st, out) < 0)
		*out = NULL;
	return 0;
}

void cfs_image_removed(struct cfs *fs, struct cfs_image *image)
{
	close_image(fs, image);
	cfs_layout_reset(&image->layout);
	cfs_node_rename(&fs->nodes, image->node, 0, NULL);
	image->removed = true;
	fs->n_removed++;
}

int cfs_image_renamed(struct cfs *fs, struct cfs_image *image, struct cfs_node *dir,
		      const char *name)
{
	struct cfs_node *node = image->node;
	struct stat st;
	int ret;

	ret = cfs_node_move(&fs->nodes, node, dir, name);
	if (ret < 0)
		return ret;
	/* its inode says that it changed, which this does not */
	if (crit_dir_stat(dir->dir, name, &st) == 0 && crit_bytes_same(&st, &image->st)) {
		image->st = st;
		if (image->open)
			crit_image_file(image->open)->st = st;
	}
	return 0;
}

bool cfs_image_is(const struct cfs_image *image, const struct stat *st)
{
	return same_file(st, &image->st);
}

int cfs_image_attributes_set(struct cfs_image *image, const struct crit_file *file, bool mtime)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return -errno;
	if (st.st_size != file->st.st_size ||
	    (!mtime && !crit_time_same(&st.st_mtim, &file->st.st_mtim)))
		return -EBUSY; /* it is not taken for known, so the next look reads it anew */
	crit_dir_narrow(image->node->parent->dir, file->fd, &st);
	image->st = st;
	note_checked(image);
	if (image->open)
		crit_image_file(image->open)->st = st;
	return 0;
}

/* Drops the lock meanwhile. */
static int copy_up(struct cfs *fs, struct cfs_image *image)
{
	const struct crit_dir *dir = image->node->parent->dir;
	char *name = strdup(cfs_image_name(image));
	int ret;

	if (!name)
		return -ENOMEM;
	image->writing = true;
	cfs_unlock(fs);
	ret = crit_dir_copy_up(dir, name, false);
	cfs_lock(fs);
	image->writing = false;
	free(name);
	return ret == 0 && !cfs_image_name(image) ? -ENOENT : ret;
}

int cfs_image_copy_up(struct cfs *fs, struct cfs_image *image)
{
	static const struct crit_change none = {.n = UINT64_MAX / 2};
	const struct crit_dir *dir = image->node->parent->dir;
	struct crit_file *file;
	int ret = cfs_image_look(fs, image);

	if (ret < 0 || !crit_dir_is_below(dir, cfs_image_name(image)))
		return ret;
	ret = copy_up(fs, image);
	if (ret == 0)
		ret = crit_dir_file(dir, cfs_image_name(image), &file);
	if (ret < 0)
		return ret;
	if (file->st.st_size != image->st.st_size ||
	    !crit_time_same(&file->st.st_mtim, &image->st.st_mtim)) {
		crit_file_put(file);
		return -EBUSY; /* it was changed this very moment, and the next look tells */
	}
	image->st = file->st;
	note_checked(image);
	if (image->open)
		crit_image_replaced(image->open, file, &none);
	crit_file_put(file);
	return 0;
}

int cfs_image_check(struct cfs *fs, struct cfs_image *image)
{
	if (cfs_image_name(image) && checked_lately(image))
		return 0;
	return cfs_image_look(fs, image);
}

int cfs_image_look(struct cfs *fs, struct cfs_image *image)
{
	struct stat st;
	int ret;

	if (!cfs_image_name(image))
		return -ENOENT;
	if (image->writing)
		return 0;
	ret = crit_dir_stat(image->node->parent->dir, cfs_image_name(image), &st);
	if (ret < 0)
		return ret;
	note_checked(image);
	return read_anew(fs, image, &st);
}

/* Are the bytes others than those that the index is of? This can't wait for a look. */
static bool written_in_place(const struct cfs_image *image)
{
	struct stat st;

	return image->open && !image->writing &&
	       (crit_file_stat(crit_image_file(image->open), &st) < 0 ||
		!same_file(&st, &image->st));
}

int cfs_image_open(struct cfs *fs, struct cfs_image *image, struct crit_error *err)
{
	int ret;

	if (image->open && image->turn == fs->turn)
		return 0;
	ret = written_in_place(image) ? cfs_image_look(fs, image) : cfs_image_check(fs, image);
	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't stat it");
	image->turn = fs->turn;
	if (!image->open)
		return open_file(fs, image, err);
	if (fs->recent != image) {
		DL_DELETE(fs->recent, image);
		DL_PREPEND(fs->recent, image);
	}
	return 0;
}

void cfs_image_committed(struct cfs_image *image, struct crit_file *file,
			 const struct crit_edit *edit)
{
	crit_dir_narrow(image->node->parent->dir, file->fd, &file->st);
	image->st = file->st;
	image->version++;
	note_checked(image);
	if (image->open)
		crit_image_replaced(image->open, file, &edit->change);
}

void cfs_image_replaced(struct cfs *fs, struct cfs_image *image, struct crit_file *file)
{
	crit_dir_narrow(image->node->parent->dir, file->fd, &file->st);
	start_afresh(fs, image, &file->st);
	note_checked(image);
}
