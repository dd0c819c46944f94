/*
 * An image of the dump as the mount knows it, until it was removed and forgotten (see reap.h):
 * its number, its times, and the open image, of which only the latest few are
 * kept. Sees to it that a file which changed underneath is read anew.
 */
#ifndef CFS_IMAGE_H
#define CFS_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "decoder/image.h"
#include "fs/cfs.h"
#include "fs/layout.h"

struct cfs_burst;
struct cfs_changed;
struct cfs_unsynced;

struct cfs_image {
	unsigned number;             /* in the node id of its directory, and inode numbers */
	unsigned serial;             /* in the node ids of its files: another once read anew */
	struct cfs_node *node;       /* a reference; its parent is the directory */
	char *lost;                  /* owned: the name it had until its file was no image */
	struct stat st;              /* of the file as it was read or committed */
	struct timespec base;        /* mtime of entries that nobody changed */
	struct cfs_changed *changed; /* those that were; uthash, owned */
	uint64_t generation;         /* counts what came from outside, not commits */
	struct timespec checked;     /* when the file was last looked at */
	uint64_t turn;               /* of the lock in which it was opened last */
	uint64_t asked;              /* counts lookups and opens of what is in it */
	/* see promise.h */
	struct timespec promised, paused; /* when there was the last promise, and an edit */
	uint64_t n_promised;              /* slots below have one under their computed ids */
	bool writing;                     /* a commit is writing beside it */
	struct crit_image *open;          /* owned; NULL while nobody needs it */
	struct cfs_image *next, *prev;    /* in fs->recent, while open */
	struct cfs_layout layout;         /* of the entry files it shows */
	bool removed;                     /* its file, through the mount */
	bool needed;                      /* by somebody, in a look of reap.h */
	bool expired;                     /* files still wait for entries of the image it was */
	bool made;                     /* by mkdir, and still being filled: nothing is synced */
	struct cfs_unsynced *unsynced; /* see write.h */
	struct cfs_burst *burst;       /* see spare.h */
	uint64_t version;              /* counts what it has been, by commits or otherwise */
	uint64_t measured;             /* the version whose document is as long as this */
	uint64_t document_size;
};

/*
 * The image behind a name, which `st` says to be a regular file: 0; -ENOENT if
 * its name and header make it none; -errno.
 */
int cfs_image_get(struct cfs *fs, struct cfs_node *dir, const char *name, const struct stat *st,
		  struct cfs_image **out);

/*
 * The same for a name of which nothing is known but whether it seems to be that of a
 * `regular` file: what it is like, and the image behind it, NULL if there is none. Opens
 * nothing else, which would let whoever waits for the other end of a FIFO go on. 0, -errno.
 */
int cfs_image_meet(struct cfs *fs, struct cfs_node *dir, const char *name, bool regular,
		   struct stat *st, struct cfs_image **out);

/* By its number in a node id; NULL if there is none. */
struct cfs_image *cfs_image_by_number(struct cfs *fs, uint64_t number);

/* Open it, and anew if the file changed. 0 and image->open, -ENOENT, -errno. */
int cfs_image_open(struct cfs *fs, struct cfs_image *image, struct crit_error *err);

/* Look whether the file changed: at most a few times a second, or now. 0, -ENOENT. */
int cfs_image_check(struct cfs *fs, struct cfs_image *image);
int cfs_image_look(struct cfs *fs, struct cfs_image *image);

/* Is a file with these attributes what is known of the image? */
bool cfs_image_is(const struct cfs_image *image, const struct stat *st);

/*
 * Owner, mode or times (`mtime`: that one) of `file`, which the image was, were set
 * through the mount. 0; -EBUSY if someone else wrote to it meanwhile.
 */
int cfs_image_attributes_set(struct cfs_image *image, const struct crit_file *file, bool mtime);

/*
 * Its file is copied up, if it is still below (see overlay.h), and is the same image. On
 * the worker; drops the lock meanwhile. 0, -EBUSY, -errno.
 */
int cfs_image_copy_up(struct cfs *fs, struct cfs_image *image);

/* A commit of a part of it made `file` of it. */
void cfs_image_committed(struct cfs_image *image, struct crit_file *file,
			 const struct crit_edit *edit);

/* A commit made `file` of it, and all of it anew: as if replaced from outside. */
void cfs_image_replaced(struct cfs *fs, struct cfs_image *image, struct crit_file *file);

/* What it shows; NULL without an image. */
static inline struct cfs_layout *cfs_image_layout(struct cfs_image *image)
{
	return image ? &image->layout : NULL;
}

/* The name it has in its directory; NULL while there is no such image. */
const char *cfs_image_name(const struct cfs_image *image);

/*
 * Its name leads to something else at the moment: it keeps what is beside its entries,
 * and gets the name back when there is an image again.
 */
void cfs_image_lost(struct cfs *fs, struct cfs_image *image);

/* Its file was removed, or got another name, through the mount. */
void cfs_image_removed(struct cfs *fs, struct cfs_image *image);
int cfs_image_renamed(struct cfs *fs, struct cfs_image *image, struct cfs_node *dir,
		      const char *name);

/* Free one that nobody refers to, and no number leads to. */
void cfs_image_free(struct cfs *fs, struct cfs_image *image);

void cfs_images_fini(struct cfs *fs);

#endif
