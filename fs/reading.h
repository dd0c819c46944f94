/*
 * Reading. Requests that take a walk through an image, the length and the text of
 * documents, are answered by a worker of their own, which holds no lock while it walks.
 */
#ifndef CFS_READING_H
#define CFS_READING_H

#include "fs/cfs.h"
#include "fs/handle.h"

/* A request, to be answered now or later. */
struct cfs_asked {
	fuse_req_t req;
	fuse_ino_t ino;            /* or the directory of `name` */
	const char *name;          /* borrowed; may be NULL */
	mode_t mode;               /* of CREATE */
	struct fuse_file_info *fi; /* borrowed; may be NULL */
	size_t size;               /* of READ, as what follows */
	off_t off;
	int flags; /* of open(2) */
	bool plus; /* of READDIR: with attributes */
	int whence;
};

/*
 * Answer, with the lock held: at once if no image is given or the length of its document
 * is known, else as soon as it is.
 */
void cfs_reading_answer(struct cfs *fs, struct cfs_image *image,
			void (*answer)(struct cfs *fs, const struct cfs_asked *a),
			const struct cfs_asked *a);

/*
 * Answer on the reading worker in any case, and with `image` when its document is measured;
 * what is asked of texts that take long to make, on the worker that makes them.
 */
void cfs_reading_post(struct cfs *fs, struct cfs_image *image,
		      void (*answer)(struct cfs *fs, const struct cfs_asked *a),
		      const struct cfs_asked *a);

/*
 * Can only a worker say anything of what has the node id, or of the name in it? Of
 * .critfs/proc and of texts that take long to make.
 */
bool cfs_reading_is_needed(struct cfs *fs, fuse_ino_t ino);
bool cfs_reading_is_needed_for(struct cfs *fs, fuse_ino_t parent, const char *name);

/*
 * The image whose document a node id stands for, or has stood for, if its length is yet
 * to be found out; else NULL. For attributes: nor if somebody has an older version open,
 * as they are of that then.
 */
struct cfs_image *cfs_reading_image(struct cfs *fs, fuse_ino_t ino);
struct cfs_image *cfs_reading_image_of_attr(struct cfs *fs, fuse_ino_t ino);

/* Answer READ on a document, or on the memory or core of a process. */
void cfs_reading_read(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		      off_t off, int flags);

/*
 * Answer READ on what is being edited, or on bytes of a file that lie at `off`; at once.
 * `flags` are those of open(2).
 */
void cfs_reading_reply_draft(struct cfs *fs, fuse_req_t req, const struct cfs_draft *d,
			     size_t size, off_t off);
void cfs_reading_reply_fd(struct cfs *fs, fuse_req_t req, int fd, size_t size, off_t off,
			  int flags);

#endif
