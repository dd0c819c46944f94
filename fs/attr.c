/*
 * Attributes. Owner and mode of all that an image holds are the image file's.
 */
#include "fs/attr.h"

#include <errno.h>

#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/ids.h"
#include "fs/proc.h"
#include "fs/promise.h"
#include "fs/scratch.h"
#include "fs/special.h"
#include "fs/times.h"
#include "fs/view.h"

int cfs_object_find(struct cfs *fs, fuse_ino_t ino, struct cfs_object *o)
{
	*o = (struct cfs_object){.node = cfs_node_by_id(&fs->nodes, ino)};
	if (o->node) {
		o->is_entry = o->node->kind == CFS_ENTRY || o->node->kind == CFS_OLD;
		o->ref = o->node->ref;
		o->old = o->node->kind == CFS_OLD;
		return o->old || o->node->kind == CFS_GONE ? -ESTALE : 0;
	}
	if (cfs_id_is_run(ino) && cfs_id_memory(ino) < fs->n_memories) {
		o->node = fs->memories[cfs_id_memory(ino)];
		o->is_run = true;
		return 0;
	}
	if (!cfs_id_is_computed(ino))
		return -ESTALE;
	o->ref.image = cfs_image_by_number(fs, cfs_id_image(ino));
	if (!o->ref.image)
		return -ESTALE;
	o->is_entry = true;
	o->ref.place = (struct crit_place){cfs_id_slot(ino), CRIT_NO_MSG};
	o->ref.part = cfs_id_part(ino);
	o->old = o->ref.image->serial != cfs_id_image(ino) ||
		 cfs_layout_is_retired(&o->ref.image->layout, o->ref.place.n, o->ref.part);
	return o->old ? -ESTALE : 0;
}

bool cfs_object_is_queue(const struct cfs_object *o)
{
	if (o->ref.part != CRIT_PART_MSGS || !o->ref.image)
		return false;
	return o->is_entry || (o->node->kind == CFS_SCRATCH && o->node->pending);
}

ino_t cfs_entry_ino(const struct cfs_ref *ref)
{
	if (ref->place.m != CRIT_NO_MSG)
		return cfs_ino_of_msg(ref->image->number, ref->place.n, ref->place.m,
				      ref->part);
	return cfs_id_of(ref->image->number, ref->place.n, ref->part);
}

/* Whoever may read a directory's files may also enter it. */
static mode_t dir_mode(mode_t file)
{
	return S_IFDIR | (file & 0666) | (file & 0444) >> 2;
}

static void set_size(struct stat *st, uint64_t size)
{
	st->st_size = (off_t)size;
	st->st_blocks = (blkcnt_t)((size + 511) / 512);
	st->st_blksize = 4096;
}

static void image_attr(const struct cfs_image *image, ino_t ino, struct stat *st)
{
	*st = image->st;
	st->st_ino = ino;
	st->st_mode = dir_mode(image->st.st_mode);
	st->st_nlink = 1; /* directories in it are not counted */
}

static int entry_attr(struct cfs *fs, fuse_ino_t ino, const struct cfs_ref *ref,
		      struct stat *st, double *timeout)
{
	struct cfs_readers readers;
	uint64_t size;
	int ret;

	ret = cfs_image_open(fs, ref->image, NULL);
	if (ret < 0)
		return ret;
	if (ref->part == CRIT_PART_MSGS) {
		image_attr(ref->image, cfs_entry_ino(ref), st);
		set_size(st, 0);
		*timeout = 0; /* the name may soon be another queue's */
		return 0;
	}
	ret = cfs_entry_size(fs, ref, &size, NULL);
	if (ret < 0)
		return ret;
	readers = cfs_handle_readers(fs, ino);
	*st = ref->image->st;
	st->st_ino = cfs_entry_ino(ref);
	st->st_mode = S_IFREG |
		      (ref->image->st.st_mode & (cfs_part_is_raw(ref->part) ? 0444 : 0666));
	st->st_nlink = 1;
	st->st_mtim = st->st_ctim = st->st_atim = cfs_times_of(ref->image, ref);
	set_size(st, readers.mapped ? cfs_draft_size(readers.mapped->draft) : size);
	/*
	 * Lengths in N.json follow the blobs: it may change by writing to another file,
	 * as a document does by any, and an N.raw be gone.
	 */
	if (!readers.writers && cfs_promise_holds(ref, cfs_node_by_id(&fs->nodes, ino)))
		*timeout = cfs_promise(fs, ref, cfs_node_by_id(&fs->nodes, ino));
	else if (cfs_part_is_raw(ref->part) ||
		 crit_image_header(ref->image->open)->type->extra != CRIT_EXTRA_NONE ||
		 (ref->part == CFS_PART_DOCUMENT && !fs->opt.read_only) || readers.writers)
		*timeout = 0;
	return 0;
}

ino_t cfs_scratch_ino(const struct cfs_node *node)
{
	/* what will be an entry file keeps its number then */
	return node->pending && node->ref.image ? cfs_entry_ino(&node->ref)
						: node->id & ~CFS_ID_COMPUTED;
}

static void scratch_attr(const struct cfs_node *node, struct stat *st)
{
	const struct cfs_scratch *s = node->scratch;

	*st = (struct stat){
		.st_ino = cfs_scratch_ino(node),
		.st_mode = s->mode,
		.st_nlink = node->key ? 1 : 0,
		.st_uid = s->uid,
		.st_gid = s->gid,
		.st_atim = s->atime,
		.st_mtim = s->mtime,
		.st_ctim = s->ctime,
	};
	set_size(st, s->target ? strlen(s->target) : cfs_draft_size(s->contents));
}

static int passed_attr(struct cfs *fs, const struct cfs_node *node, struct stat *st)
{
	struct cfs_handle *h;
	int ret;

	if (node->kind == CFS_DIR) {
		ret = crit_dir_self(node->dir, st);
	} else if (node->key) {
		ret = crit_dir_stat(node->parent->dir, cfs_node_name(node), st);
		if (ret == 0 && node->parent->kind == CFS_VIEW)
			ret = cfs_view_adjust(fs, node, st);
	} else {
		/* its name is gone, but who has it open goes on */
		h = cfs_handle_of_passed(fs, node);
		if (!h)
			return -ESTALE;
		ret = crit_file_stat(h->file, st);
	}
	if (ret < 0)
		return ret == -ENOENT ? -ESTALE : ret;
	if (S_ISDIR(st->st_mode))
		st->st_nlink = 1; /* images are directories that it does not count */
	st->st_ino = cfs_ino_passed(st->st_ino, st->st_dev != fs->dev);
	return 0;
}

int cfs_attr(struct cfs *fs, fuse_ino_t ino, const struct cfs_object *o, struct stat *st,
	     double *timeout)
{
	int ret;

	*timeout = CFS_TIMEOUT;
	if (o->is_entry)
		return entry_attr(fs, ino, &o->ref, st, timeout);
	switch (o->node->kind) {
	case CFS_IMAGE:
		ret = cfs_image_check(fs, o->ref.image);
		image_attr(o->ref.image, ino, st);
		return ret;
	case CFS_PASSED:
		/* it may be an image when who writes it is done */
		if (o->node->writers ||
		    (o->node->key && crit_type_by_name(cfs_node_name(o->node))))
			*timeout = 0;
		return passed_attr(fs, o->node, st);
	case CFS_DIR:
		return passed_attr(fs, o->node, st);
	case CFS_VIEW:
		return cfs_view_attr(fs, o->node, st);
	case CFS_SCRATCH:
		*timeout = 0; /* it may become an entry, whose text has another length */
		scratch_attr(o->node, st);
		return 0;
	case CFS_PROC:
		return cfs_proc_attr(fs, ino, o, st, timeout);
	default:
		*timeout = 0;
		return cfs_special_attr(fs, o->node, st);
	}
}

int cfs_attr_open(struct cfs *fs, fuse_ino_t ino, const struct cfs_handle *h, struct stat *st,
		  double *timeout)
{
	bool entry;
	struct cfs_object o;
	int ret = cfs_object_find(fs, ino, &o);

	/* fstat(2) does not say which open file it means, and may not have been told of any */
	if (ret == -ESTALE && !h && !fs->opt.read_only)
		h = cfs_handle_of_entry(fs, ino);
	entry = h && h->kind == CFS_HANDLE_ENTRY;
	if (ret == 0) {
		ret = cfs_attr(fs, ino, &o, st, timeout);
	} else if (o.old && !entry) {
		/* asked before an open, which is as good as one of the latest version */
		ret = cfs_attr(fs, ino, &o, st, timeout) < 0 ? -ESTALE : 0;
		*timeout = 0;
	}
	if (ret < 0 && !entry)
		return ret;
	if (ret < 0) {
		*st = h->ref.image->st;
		st->st_ino = cfs_entry_ino(&h->ref);
		st->st_mode = S_IFREG | (st->st_mode & 0666);
		*timeout = 0;
	}
	if (entry)
		set_size(st, cfs_handle_size(h));
	/* as it will be when it is committed, or was then */
	if (entry && h->mtime.tv_sec && (h->dirty || h->stale))
		st->st_mtim = st->st_ctim = h->mtime;
	return 0;
}
