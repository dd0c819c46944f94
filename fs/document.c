/*
 * Documents as files. Each walk has a struct crit_document of its own, which shares
 * nothing but the file with others; only references to that are counted under the lock.
 */
#include "fs/document.h"

#include <errno.h>
#include <stdio.h>

#include "decoder/document.h"
#include "fs/draft.h"
#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/ids.h"
#include "fs/names.h"
#include "fs/refusal.h"
#include "fs/times.h"

#define ATTEMPTS 3 /* to measure a document while others write to its image */

struct cfs_ref cfs_document_ref(struct cfs_image *image)
{
	/* no entry has this slot, so what befalls entries is nothing to it */
	return (struct cfs_ref){image, {CFS_SLOT_MAX, CRIT_NO_MSG}, CFS_PART_DOCUMENT};
}

/* The name of the image, or the one that it had. */
static const char *name_of(const struct cfs_image *image)
{
	return cfs_image_name(image) ? cfs_image_name(image) : image->lost;
}

void cfs_document_name(const struct cfs_image *image, char *name)
{
	const char *of = name_of(image);

	snprintf(name, CFS_NAME_SIZE, "%s.json", of ? of : "");
}

static int new_document(struct cfs *fs, struct cfs_image *image, struct crit_file *file,
			struct crit_document **out, struct crit_error *err)
{
	struct crit_document_style style = {.plain = fs->opt.plain, .newline = true};

	return crit_document_new(file, name_of(image), style, out, err);
}

bool cfs_document_is_measured(const struct cfs_image *image)
{
	return image->measured == image->version;
}

static void note_size(struct cfs_image *image, uint64_t version, uint64_t size)
{
	image->measured = version;
	image->document_size = size;
}

int cfs_document_measure(struct cfs *fs, struct cfs_image *image)
{
	struct crit_document *d;
	uint64_t version, size;
	int ret, i;

	for (i = 0; i < ATTEMPTS; i++) {
		ret = cfs_image_open(fs, image, NULL);
		if (ret < 0 || cfs_document_is_measured(image))
			return ret;
		version = image->version;
		ret = new_document(fs, image, crit_image_file(image->open), &d, NULL);
		if (ret < 0)
			return ret;
		cfs_unlock(fs);
		ret = crit_document_size(d, &size, NULL);
		cfs_lock(fs);
		crit_document_free(d);
		if (ret == 0)
			note_size(image, version, size);
		else if (image->version == version)
			return ret;
	}
	return ret;
}

int cfs_document_size(struct cfs *fs, struct cfs_image *image, uint64_t *size,
		      struct crit_error *err)
{
	struct crit_document *d;
	int ret;

	if (!cfs_document_is_measured(image)) {
		ret = new_document(fs, image, crit_image_file(image->open), &d, err);
		if (ret < 0)
			return ret;
		ret = crit_document_size(d, size, err);
		crit_document_free(d);
		if (ret < 0)
			return ret;
		note_size(image, image->version, *size);
	}
	*size = image->document_size;
	return 0;
}

int cfs_document_open(struct cfs *fs, struct cfs_handle *h)
{
	struct cfs_image *image = h->ref.image;
	struct crit_file *file = crit_image_file(image->open);
	int ret = new_document(fs, image, file, &h->document, NULL);

	if (ret < 0)
		return ret;
	h->file = crit_file_get(file);
	return cfs_document_size(fs, image, &h->document_size, NULL);
}

struct cfs_draft *cfs_document_draft(struct cfs *fs, struct cfs_image *image,
				     struct crit_file *file, int *ret)
{
	struct cfs_draft *draft = cfs_draft_new(&fs->store);
	struct crit_document *d = NULL;
	const void *piece;
	ssize_t n = 0;

	*ret = draft ? new_document(fs, image, file, &d, NULL) : -ENOMEM;
	while (*ret == 0) {
		cfs_unlock(fs);
		n = crit_document_next(d, &piece, NULL);
		cfs_lock(fs);
		if (n <= 0)
			break;
		/* drafts are counted, and that is everybody's */
		*ret = cfs_draft_write(draft, piece, (size_t)n, cfs_draft_size(draft));
	}
	crit_document_free(d);
	if (n < 0)
		*ret = (int)n;
	if (*ret == 0)
		return draft;
	cfs_draft_put(draft);
	return NULL;
}

void cfs_document_changed(struct cfs *fs, struct cfs_image *image)
{
	struct cfs_ref ref = cfs_document_ref(image);

	cfs_times_untouch(image, &ref);
	cfs_handle_mark_stale(fs, &ref);
}

void cfs_document_reappear(struct cfs *fs, struct cfs_image *image)
{
	struct cfs_ref ref = cfs_document_ref(image);
	struct crit_error why = {0};

	if (!cfs_layout_is_absent(&image->layout, &ref))
		return;
	cfs_layout_set_present(&image->layout, &ref);
	crit_fail(&why, CRIT_REJECTED, "it was removed, but not its image: rm -r %s does that",
		  cfs_image_name(image));
	cfs_refusal_log(fs, &ref, &why);
}
