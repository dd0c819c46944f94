/*
 * One file with pages, pages-<id>.img: to be read, and to be written in place if it is the
 * dump's own. No thread safety.
 */
#ifndef CRIT_PAGES_FILE_H
#define CRIT_PAGES_FILE_H

#include <stdint.h>

#include "decoder/dump.h"
#include "decoder/watch.h"

struct crit_pages_file {
	const struct crit_dir *dir; /* borrowed */
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_watch *watch; /* borrowed */
	struct crit_file *file;   /* a reference; NULL: it can't be had */
	int write_fd;             /* owned, -1 until something is written */
	bool unsynced;            /* that may not be on the disk */
};

/*
 * Open it to be read; it is added to `watch`. 0; -errno and the reason, *f being as good
 * as an empty file then. To be closed in any case.
 */
int crit_pages_file_open(const struct crit_dir *dir, uint32_t id, struct crit_watch *watch,
			 struct crit_pages_file *f, struct crit_error *err);
void crit_pages_file_close(struct crit_pages_file *f);

/* Bytes, when it was opened. */
uint64_t crit_pages_file_size(const struct crit_pages_file *f);

/* Make ready to write: 0; -EBUSY if it is no longer the file that was opened, -errno. */
int crit_pages_file_prepare(struct crit_pages_file *f, struct crit_error *err);

/*
 * Write into the bytes that it has, after that. `watch` knows it again as it is then. 0,
 * -errno and the reason.
 */
int crit_pages_file_write(struct crit_pages_file *f, const void *buf, size_t len, uint64_t off,
			  struct crit_error *err);

/* Wait until what was written is on the disk. 0, -errno. */
int crit_pages_file_sync(struct crit_pages_file *f);

#endif
