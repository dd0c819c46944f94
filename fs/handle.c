/*
 * Open files and directories.
 */
#include "fs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "fs/listing.h"
#include "fs/scratch.h"

struct cfs_handle *cfs_handle_new(struct cfs *fs, enum cfs_handle_kind kind, uint64_t ino,
				  struct cfs_node *node)
{
	struct cfs_handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->kind = kind;
	h->refs = 1;
	h->ino = ino;
	h->fd = -1;
	h->node = node;
	if (node)
		cfs_node_ref(node);
	DL_APPEND(fs->handles, h);
	return h;
}

void cfs_handle_ref(struct cfs_handle *h)
{
	h->refs++;
}

void cfs_handle_unref(struct cfs *fs, struct cfs_handle *h)
{
	if (--h->refs)
		return;
	DL_DELETE(fs->handles, h);
	cfs_draft_free(h->draft);
	crit_buf_fini(&h->text);
	crit_file_put(h->file);
	cfs_names_free(h->names);
	if (h->fd >= 0)
		close(h->fd);
	cfs_node_unref(&fs->nodes, h->node);
	free(h);
}

bool cfs_handle_writing(struct cfs *fs, uint64_t ino)
{
	struct cfs_handle *h;

	DL_FOREACH(fs->handles, h)
		if (h->ino == ino && h->writable)
			return true;
	return false;
}

struct cfs_handle *cfs_handle_mapped(struct cfs *fs, uint64_t ino)
{
	struct cfs_handle *h, *found = NULL;

	DL_FOREACH(fs->handles, h)
		if (h->ino == ino && h->kind == CFS_HANDLE_ENTRY && h->readable && h->writable &&
		    h->dirty && h->draft && cfs_draft_size(h->draft))
			found = h;
	return found;
}

int cfs_handle_start_draft(struct cfs *fs, struct cfs_handle *h)
{
	if (h->draft)
		return 0;
	if (h->file)
		h->draft = cfs_draft_of_span(&fs->quota, h->file, h->span);
	else
		h->draft = cfs_draft_of_text(&fs->quota, h->text.data, h->text.len);
	return h->draft ? 0 : -ENOMEM;
}
