/*
 * Listing directories.
 */
#include "fs/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "fs/attr.h"
#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/ids.h"
#include "fs/names.h"
#include "fs/proc.h"
#include "fs/procs.h"
#include "fs/scratch.h"
#include "fs/snapshot.h"
#include "fs/special.h"
#include "fs/tree.h"

/*
 * Cookies of an image directory: "." and "..", then scratch files by their node's
 * id, which only ever rises, then slot and part, then the tail, then scratch files
 * that an entry was renamed to. rm -r removes in that order: .rej and .err go with
 * their entries, and an entry goes with its backup. What waits for being an entry file is
 * where it will be then: a listing has it once, whenever that is.
 */
#define COOKIE_DOTS    2
#define COOKIE_SCRATCH ((off_t)1 << 4)
#define COOKIE_ENTRIES ((off_t)1 << 61)
#define COOKIE_TAIL    ((off_t)6 << 60)
#define COOKIE_BACKUPS ((off_t)7 << 60)
#define COOKIE_END     INT64_MAX

/*
 * Files that are listed together with their attributes, of which the kernel keeps a
 * kilobyte each: all of a directory, unless it has more. Then none, until somebody looks
 * one up or opens one; who does reads so many names (fts) and goes through them then.
 */
#define WANTED 100001

/* Where entries of a listing are put. */
struct reply {
	struct cfs *fs;
	fuse_req_t req;
	char *buf;
	size_t size, used;
	struct cfs_wanted *wanted;     /* NULL: names only */
	const struct cfs_place *place; /* what is listed, if not NULL */
	uint64_t *kept;                /* owned: node ids that the kernel has heard of */
	size_t n_kept, cap_kept;
};

/* Was there room for what took `n` bytes? */
static bool used(struct reply *r, size_t n)
{
	if (n > r->size - r->used)
		return false;
	r->used += n;
	return true;
}

static bool put(struct reply *r, const char *name, mode_t mode, ino_t ino, off_t next)
{
	struct fuse_entry_param none = {.attr = {.st_mode = mode, .st_ino = ino}};
	char *at = r->buf + r->used;
	size_t left = r->size - r->used;

	return used(r, r->wanted ? fuse_add_direntry_plus(r->req, at, left, name, &none, next)
				 : fuse_add_direntry(r->req, at, left, name, &none.attr, next));
}

/* Note that the kernel will know the node, should the reply reach it. */
static void keep(struct reply *r, const struct fuse_entry_param *e)
{
	if (cfs_node_by_id(&r->fs->nodes, e->ino)) {
		cfs_tree_keep(r->fs, e);
		r->kept[r->n_kept++] = e->ino;
	}
}

static bool room_to_keep(struct reply *r)
{
	size_t cap = r->cap_kept ? r->cap_kept * 2 : 64;
	uint64_t *grown;

	if (r->n_kept < r->cap_kept)
		return true;
	grown = realloc(r->kept, cap * sizeof(*grown));
	if (!grown)
		return false;
	r->kept = grown;
	r->cap_kept = cap;
	return true;
}

/* An image was looked at when its name was read. */
static int find(struct reply *r, const char *name, struct fuse_entry_param *e)
{
	struct cfs_node *node = NULL;

	if (r->place->kind == CFS_IN_DUMP)
		node = cfs_node_by_name(&r->fs->nodes, r->place->id, name);
	if (node && node->kind == CFS_IMAGE)
		return cfs_tree_entry(r->fs, node, e);
	return cfs_tree_lookup(r->fs, r->place, name, e);
}

/* The same with its attributes, if they are wanted and good for more than this moment. */
static bool put_plus(struct reply *r, const char *name, mode_t mode, ino_t ino, off_t next)
{
	struct fuse_entry_param e;
	bool fits;

	if (!r->wanted || !r->wanted->left || !room_to_keep(r) || find(r, name, &e) < 0)
		return put(r, name, mode, ino, next);
	if (!e.entry_timeout) {
		cfs_node_release(&r->fs->nodes, cfs_node_by_id(&r->fs->nodes, e.ino));
		return put(r, name, mode, ino, next);
	}
	fits = used(r, fuse_add_direntry_plus(r->req, r->buf + r->used, r->size - r->used, name,
					      &e, next));
	if (fits)
		keep(r, &e);
	else
		cfs_node_release(&r->fs->nodes, cfs_node_by_id(&r->fs->nodes, e.ino));
	r->wanted->left -= fits;
	return fits;
}

static bool put_dots(struct reply *r, ino_t ino, off_t off)
{
	return (off >= 1 || put(r, ".", S_IFDIR, ino, 1)) &&
	       (off >= 2 || put(r, "..", S_IFDIR, FUSE_ROOT_ID, 2));
}

static void list_names(struct reply *r, const struct cfs_names *names, off_t off)
{
	size_t i = off > COOKIE_DOTS ? (size_t)off - COOKIE_DOTS : 0;

	for (; i < names->n; i++) {
		const struct cfs_name *n = &names->names[i];
		/* to know a directory takes a descriptor */
		bool dir = S_ISDIR(n->mode) && !cfs_id_is_computed(n->ino);

		if (!(dir ? put : put_plus)(r, n->name, n->mode, n->ino,
					    (off_t)i + COOKIE_DOTS + 1))
			return;
	}
}

static void list_special(struct reply *r, off_t off)
{
	unsigned i = off > COOKIE_DOTS ? (unsigned)(off - COOKIE_DOTS) : 0;

	for (; i < CFS_N_SPECIAL; i++)
		if (!put(r, cfs_special_names[i], cfs_special_is_dir(i) ? S_IFDIR : S_IFREG, 1,
			 (off_t)i + COOKIE_DOTS + 1))
			return;
}

static mode_t type_of(const struct crit_proc_file *file)
{
	switch (crit_proc_shape(file)) {
	case CRIT_PROC_DIRECTORY:
		return S_IFDIR;
	case CRIT_PROC_LINK:
		return S_IFLNK;
	default:
		return S_IFREG;
	}
}

/* Names only: most attributes are good for no more than a moment. */
static int list_proc(struct cfs *fs, struct reply *r, const struct cfs_node *node, off_t off)
{
	uint64_t cookie = off > COOKIE_DOTS ? (uint64_t)(off - COOKIE_DOTS) : 0;
	struct cfs_node *dump = cfs_proc_dump(node);
	struct crit_proc_file dir = node->proc->file, file;
	char name[CRIT_PROC_NAME_MAX];
	struct crit_proc *proc;
	int ret = cfs_procs_enter(fs, dump, &proc);

	if (ret < 0)
		return ret;
	do {
		ret = crit_proc_next(proc, &dir, &cookie, name, &file);
	} while (ret > 0 && cookie < INT64_MAX - COOKIE_DOTS &&
		 put(r, name, type_of(&file), cfs_proc_ino(dump, &file),
		     (off_t)cookie + COOKIE_DOTS));
	cfs_procs_leave(fs, dump);
	return ret < 0 ? ret : 0;
}

static off_t entry_cookie(uint64_t slot, unsigned part)
{
	return COOKIE_ENTRIES + (off_t)(slot << CFS_PART_BITS | part) + 1;
}

static bool put_entry(struct reply *r, const struct cfs_ref *ref, uint64_t number, off_t cookie)
{
	char name[CFS_NAME_SIZE];

	cfs_name_format(name, number, ref->part);
	return put_plus(r, name, ref->part == CRIT_PART_MSGS ? S_IFDIR : S_IFREG,
			cfs_entry_ino(ref), cookie);
}

/*
 * Where a scratch file is listed. Ids of those that were entries are computed ones: drop
 * their mark.
 */
static off_t scratch_cookie(const struct cfs_node *node)
{
	bool backup = cfs_layout_holds(cfs_image_layout(node->ref.image), node, NULL);
	const struct crit_place *at = &node->ref.place;

	if (node->pending && !backup)
		return entry_cookie(at->m != CRIT_NO_MSG ? at->m : at->n, node->ref.part);
	return (backup ? COOKIE_BACKUPS : COOKIE_SCRATCH) +
	       (off_t)(node->id & (((uint64_t)1 << 60) - 1));
}

static int compare_cookies(const void *a, const void *b)
{
	off_t x = scratch_cookie(*(struct cfs_node *const *)a);
	off_t y = scratch_cookie(*(struct cfs_node *const *)b);

	return x < y ? -1 : x > y;
}

bool cfs_listing_has_scratch(struct cfs *fs, uint64_t container)
{
	struct cfs_node *node;

	DL_FOREACH(fs->nodes.scratch, node)
		if (cfs_node_container(node) == container)
			return true;
	return false;
}

/*
 * Scratch files in the order of their cookies, the next one first. While the entries between
 * them are looked up an image may turn out to be another one: then they lose their names.
 */
struct scratches {
	struct cfs_node **nodes; /* owned, with a reference to each */
	size_t n, next;
};

static void drop_scratches(struct cfs *fs, struct scratches *s)
{
	while (s->n)
		cfs_node_unref(&fs->nodes, s->nodes[--s->n]);
	free(s->nodes);
}

/* Those of a directory whose cookies are above `from` and below `to`. 0, -ENOMEM. */
static int find_scratch(struct cfs *fs, uint64_t container, off_t from, off_t to,
			struct scratches *out)
{
	struct cfs_node *node;

	*out = (struct scratches){NULL, 0, 0};
	DL_FOREACH(fs->nodes.scratch, node) {
		struct cfs_node **grown;

		if (cfs_node_container(node) != container || scratch_cookie(node) <= from ||
		    scratch_cookie(node) >= to)
			continue;
		grown = realloc(out->nodes, (out->n + 1) * sizeof(*grown));
		if (!grown) {
			drop_scratches(fs, out);
			return -ENOMEM;
		}
		out->nodes = grown;
		out->nodes[out->n++] = node;
		cfs_node_ref(node);
	}
	if (out->n)
		qsort(out->nodes, out->n, sizeof(*out->nodes), compare_cookies);
	return 0;
}

/* Put those that come before a cookie. Was there room? */
static bool put_scratch(struct reply *r, struct scratches *s, off_t before)
{
	for (; s->next < s->n; s->next++) {
		const struct cfs_node *node = s->nodes[s->next];
		off_t cookie;

		if (!cfs_node_name(node))
			continue;
		cookie = scratch_cookie(node);
		if (cookie >= before)
			break;
		if (!put(r, cfs_node_name(node), node->scratch->mode, cfs_scratch_ino(node),
			 cookie))
			return false;
	}
	return true;
}

/* 1 if the reply is full, 0, -errno. */
static int list_scratch(struct cfs *fs, struct reply *r, uint64_t container, off_t from,
			off_t to)
{
	struct scratches found;
	int ret = find_scratch(fs, container, from, to, &found);

	if (ret == 0)
		ret = put_scratch(r, &found, to) ? 0 : 1;
	drop_scratches(fs, &found);
	return ret;
}

/* The entry at a cookie, behind what waits for its place before it. Was there room? */
static bool put_entry_at(struct reply *r, const struct cfs_ref *ref, uint64_t number,
			 struct scratches *waiting)
{
	off_t cookie = entry_cookie(number, ref->part);

	if (!put_scratch(r, waiting, cookie))
		return false;
	if (waiting->next < waiting->n &&
	    scratch_cookie(waiting->nodes[waiting->next]) == cookie)
		waiting->next++; /* the image was replaced meanwhile, and has one */
	return put_entry(r, ref, number, cookie);
}

/* Entries from the cookie on: 1 if the reply is full, 0 behind the last, -errno. */
static int list_those_there(struct reply *r, struct cfs_ref ref, bool msgs, off_t off,
			    struct scratches *waiting)
{
	uint64_t from = off > COOKIE_ENTRIES ? (uint64_t)(off - COOKIE_ENTRIES) : 0;
	uint64_t number = from >> CFS_PART_BITS, next;
	unsigned part = from & ((1u << CFS_PART_BITS) - 1), parts[CFS_PARTS_MAX];
	int n, i;

	for (;; number++, part = 0) {
		if (msgs)
			ref.place.m = number;
		else
			ref.place = (struct crit_place){number, CRIT_NO_MSG};
		if (!cfs_layout_next(&ref.image->layout, ref.place, &next))
			return 0;
		if (next != number)
			part = 0;
		number = next;
		*(msgs ? &ref.place.m : &ref.place.n) = number;
		n = cfs_entry_parts(r->fs, ref.image, ref.place, r->wanted && r->wanted->left,
				    parts, NULL);
		if (n < 0)
			return n == -ENOENT ? 0 : n;
		for (i = 0; i < n; i++) {
			ref.part = parts[i];
			if (parts[i] >= part && !put_entry_at(r, &ref, number, waiting))
				return 1;
		}
	}
}

/* The same, and what waits for being one. */
static int list_entries(struct reply *r, struct cfs_ref ref, bool msgs, uint64_t container,
			off_t off)
{
	struct scratches waiting;
	struct crit_place at;
	int ret = find_scratch(r->fs, container, off > COOKIE_ENTRIES ? off : COOKIE_ENTRIES,
			       COOKIE_TAIL, &waiting);

	if (ret < 0)
		return ret;
	/* a queue that is still to come has no messages yet */
	if (!msgs || cfs_entry_at(ref.image, (struct crit_place){ref.place.n, CRIT_NO_MSG}, &at,
				  NULL) > 0)
		ret = list_those_there(r, ref, msgs, off, &waiting);
	if (ret == 0)
		ret = put_scratch(r, &waiting, COOKIE_TAIL) ? 0 : 1;
	drop_scratches(r->fs, &waiting);
	return ret;
}

static int list_tail(struct reply *r, struct cfs_ref ref)
{
	struct crit_span tail;
	int ret = crit_image_tail(ref.image->open, &tail, NULL);

	if (ret < 0 || !tail.len)
		return ret;
	ref.part = CFS_PART_TAIL;
	ref.place = (struct crit_place){0, CRIT_NO_MSG};
	return put_entry(r, &ref, 0, COOKIE_TAIL) ? 0 : 1;
}

static int list_image(struct cfs *fs, struct reply *r, struct cfs_handle *h, off_t off)
{
	bool msgs = h->ref.part == CRIT_PART_MSGS;
	struct cfs_image *image = h->ref.image;
	uint64_t container = msgs ? cfs_entry_queue(&h->ref) : image->node->id;
	int ret = cfs_image_open(fs, image, NULL);

	if (ret == 0 && off < COOKIE_ENTRIES)
		ret = list_scratch(fs, r, container, off, COOKIE_ENTRIES);
	if (ret == 0 && off < COOKIE_TAIL)
		ret = list_entries(r, h->ref, msgs, container, off);
	if (ret == 0 && off < COOKIE_TAIL && !msgs)
		ret = list_tail(r, h->ref);
	if (ret == 0)
		ret = list_scratch(fs, r, container,
				   off > COOKIE_BACKUPS ? off : COOKIE_BACKUPS, COOKIE_END);
	return ret < 0 ? ret : 0;
}

static bool has_many(struct cfs *fs, struct cfs_handle *h)
{
	struct crit_entry e;

	if (h->kind != CFS_HANDLE_IMAGE)
		return h->names && h->names->n > WANTED;
	return cfs_image_open(fs, h->ref.image, NULL) < 0 ||
	       crit_image_entry(h->ref.image->open, WANTED, &e, NULL) == 0;
}

static struct cfs_wanted *wanted(struct cfs *fs, struct cfs_handle *h, off_t off)
{
	uint64_t asked = h->ref.image ? h->ref.image->asked : 0;

	if (!off)
		h->wanted = (struct cfs_wanted){has_many(fs, h) ? 0 : WANTED, asked};
	else if (asked != h->wanted.asked)
		h->wanted = (struct cfs_wanted){WANTED, asked};
	return &h->wanted;
}

static void answer(struct reply *r, int ret)
{
	if (ret < 0 && !r->used)
		fuse_reply_err(r->req, -ret);
	else if (fuse_reply_buf(r->req, r->buf, r->used) < 0)
		while (r->n_kept)
			cfs_node_forget(&r->fs->nodes, r->kept[--r->n_kept], 1);
}

void cfs_listing_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		       off_t off, bool plus)
{
	struct reply r = {.fs = fs, .req = req, .buf = malloc(size), .size = size};
	int ret = r.buf ? 0 : -ENOMEM;
	struct cfs_place place;

	if (plus)
		r.wanted = wanted(fs, h, off);
	if (cfs_place_find(fs, h->ino, &place) == 0 && !place.documents)
		r.place = &place;
	else if (plus) /* how long a document is takes long to say */
		r.wanted->left = 0;
	if (ret == 0 && put_dots(&r, h->ino, off)) {
		if (h->kind == CFS_HANDLE_IMAGE)
			ret = list_image(fs, &r, h, off);
		else if (h->node->kind == CFS_PROC)
			ret = list_proc(fs, &r, h->node, off);
		else if (h->names)
			list_names(&r, h->names, off);
		else
			list_special(&r, off);
	}
	answer(&r, ret);
	free(r.kept);
	free(r.buf);
}
