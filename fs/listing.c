/*
 * Listing directories.
 */
#include "fs/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/commit.h"
#include "fs/attr.h"
#include "fs/document.h"
#include "fs/entry.h"
#include "fs/handle.h"
#include "fs/ids.h"
#include "fs/jsondir.h"
#include "fs/names.h"
#include "fs/scratch.h"
#include "fs/special.h"

struct cfs_names {
	struct name {
		char *name; /* owned */
		mode_t mode;
		ino_t ino;
	} * names; /* owned */
	size_t n, cap;
};

/*
 * Cookies of an image directory: "." and "..", then scratch files by their node's
 * id, which only ever rises, then slot and part, then the tail, then scratch files
 * that an entry was renamed to. rm -r removes in that order: .rej and .err go with
 * their entries, and an entry goes with its backup.
 */
#define COOKIE_DOTS    2
#define COOKIE_SCRATCH ((off_t)1 << 4)
#define COOKIE_ENTRIES ((off_t)1 << 61)
#define COOKIE_TAIL    ((off_t)6 << 60)
#define COOKIE_BACKUPS ((off_t)7 << 60)

/* Where entries of a listing are put. */
struct reply {
	fuse_req_t req;
	char *buf;
	size_t size, used;
};

static bool put(struct reply *r, const char *name, mode_t mode, ino_t ino, off_t next)
{
	struct stat st = {.st_mode = mode, .st_ino = ino};
	size_t n = fuse_add_direntry(r->req, r->buf + r->used, r->size - r->used, name, &st,
				     next);

	if (n > r->size - r->used)
		return false;
	r->used += n;
	return true;
}

void cfs_names_free(struct cfs_names *names)
{
	if (!names)
		return;
	while (names->n)
		free(names->names[--names->n].name);
	free(names->names);
	free(names);
}

static int add_name(struct cfs_names *names, const char *name, mode_t mode, ino_t ino)
{
	if (names->n == names->cap) {
		size_t cap = names->cap ? names->cap * 2 : 64;
		struct name *grown = realloc(names->names, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		names->names = grown;
		names->cap = cap;
	}
	names->names[names->n].name = strdup(name);
	if (!names->names[names->n].name)
		return -ENOMEM;
	names->names[names->n].mode = mode;
	names->names[names->n++].ino = ino;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strverscmp(((const struct name *)a)->name, ((const struct name *)b)->name);
}

/* One name of a directory of the dump, as what it will be looked up. */
static int read_name(struct cfs *fs, struct cfs_node *dir, const char *name,
		     struct cfs_names *names)
{
	struct cfs_image *image;
	struct stat st;

	if (crit_commit_is_temporary(name))
		return 0;
	if (fstatat(dir->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* it has gone meanwhile */
	if (S_ISREG(st.st_mode) && cfs_image_get(fs, dir, name, &st, &image) == 0)
		return add_name(names, name, S_IFDIR, image->node->id);
	return add_name(names, name, st.st_mode, cfs_ino_passed(st.st_ino));
}

int cfs_names_read(struct cfs *fs, struct cfs_node *dir, struct cfs_names **out)
{
	int fd = openat(dir->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct cfs_names *names;
	struct dirent *d;

	if (!stream) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	names = calloc(1, sizeof(*names));
	if (!names)
		ret = -ENOMEM;
	while (ret == 0 && (d = readdir(stream)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			ret = read_name(fs, dir, d->d_name, names);
	closedir(stream);
	if (ret == 0 && fs->opt.critdir_visible && !dir->parent)
		ret = add_name(names, CFS_SPECIAL_NAME, S_IFDIR, cfs_ino_passed(0));
	if (ret < 0) {
		cfs_names_free(names);
		return ret;
	}
	if (names->n)
		qsort(names->names, names->n, sizeof(*names->names), compare_names);
	*out = names;
	return 0;
}

/* The document of an image, unless it is renamed away or a scratch file has its name. */
static int add_document(struct cfs *fs, struct cfs_node *jsondir, struct cfs_image *image,
			struct cfs_names *names)
{
	struct cfs_ref ref = cfs_document_ref(image);
	char name[CFS_NAME_SIZE];
	struct cfs_node *node;

	cfs_entry_name(&ref, name);
	node = cfs_node_by_name(&fs->nodes, jsondir->id, name);
	if (strlen(name) > NAME_MAX || (node && node->kind == CFS_SCRATCH))
		return 0;
	cfs_document_reappear(fs, image);
	if (cfs_layout_hides(&image->layout, &ref))
		return 0;
	return add_name(names, name, S_IFREG, cfs_entry_ino(&ref));
}

static int add_scratch(struct cfs *fs, struct cfs_node *jsondir, struct cfs_names *names)
{
	struct cfs_node *node, *next;
	int ret = 0;

	HASH_ITER(by_name, fs->nodes.by_name, node, next)
		if (ret == 0 && node->kind == CFS_SCRATCH &&
		    cfs_node_container(node) == jsondir->id)
			ret = add_name(names, cfs_node_name(node), node->scratch->mode,
				       cfs_scratch_ino(node));
	return ret;
}

int cfs_names_read_documents(struct cfs *fs, struct cfs_node *jsondir, struct cfs_names **out)
{
	struct cfs_node *dump = cfs_jsondir_dump(jsondir), *node;
	struct cfs_names *names = calloc(1, sizeof(*names)), *files = NULL;
	int ret = names ? cfs_names_read(fs, dump, &files) : -ENOMEM;
	size_t i;

	for (i = 0; ret == 0 && i < files->n; i++) {
		node = cfs_node_by_name(&fs->nodes, dump->id, files->names[i].name);
		if (node && node->kind == CFS_IMAGE)
			ret = add_document(fs, jsondir, node->ref.image, names);
	}
	cfs_names_free(files);
	if (ret == 0)
		ret = add_scratch(fs, jsondir, names);
	if (ret < 0) {
		cfs_names_free(names);
		return ret;
	}
	if (names->n)
		qsort(names->names, names->n, sizeof(*names->names), compare_names);
	*out = names;
	return 0;
}

static bool put_dots(struct reply *r, ino_t ino, off_t off)
{
	return (off >= 1 || put(r, ".", S_IFDIR, ino, 1)) &&
	       (off >= 2 || put(r, "..", S_IFDIR, FUSE_ROOT_ID, 2));
}

static void list_names(struct reply *r, const struct cfs_names *names, off_t off)
{
	size_t i = off > COOKIE_DOTS ? (size_t)off - COOKIE_DOTS : 0;

	for (; i < names->n; i++)
		if (!put(r, names->names[i].name, names->names[i].mode, names->names[i].ino,
			 (off_t)i + COOKIE_DOTS + 1))
			return;
}

static void list_special(struct reply *r, off_t off)
{
	unsigned i = off > COOKIE_DOTS ? (unsigned)(off - COOKIE_DOTS) : 0;

	for (; i < CFS_N_SPECIAL; i++)
		if (!put(r, cfs_special_names[i], i == CFS_SPECIAL_JSON ? S_IFDIR : S_IFREG, 1,
			 (off_t)i + COOKIE_DOTS + 1))
			return;
}

static off_t entry_cookie(uint64_t slot, unsigned part)
{
	return COOKIE_ENTRIES + (off_t)(slot << CFS_PART_BITS | part) + 1;
}

static bool put_entry(struct reply *r, const struct cfs_ref *ref, uint64_t number, off_t cookie)
{
	char name[CFS_NAME_SIZE];

	cfs_name_format(name, number, ref->part);
	return put(r, name, ref->part == CRIT_PART_MSGS ? S_IFDIR : S_IFREG, cfs_entry_ino(ref),
		   cookie);
}

/* Entries from the cookie on: 1 if the reply is full, 0 behind the last, -errno. */
static int list_entries(struct reply *r, struct cfs_ref ref, bool msgs, off_t off)
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
		n = cfs_entry_parts(ref.image, ref.place, parts, NULL);
		if (n < 0)
			return n == -ENOENT ? 0 : n;
		for (i = 0; i < n; i++) {
			ref.part = parts[i];
			if (parts[i] >= part &&
			    !put_entry(r, &ref, number, entry_cookie(number, parts[i])))
				return 1;
		}
	}
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

/* Ids of scratch files that were entries are computed ones: drop their mark. */
static off_t scratch_cookie(const struct cfs_node *node)
{
	bool backup = cfs_layout_holds(cfs_image_layout(node->ref.image), node, NULL);

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
	struct cfs_node *node, *next;

	HASH_ITER(by_name, fs->nodes.by_name, node, next)
		if (node->kind == CFS_SCRATCH && cfs_node_container(node) == container)
			return true;
	return false;
}

/* 1 if the reply is full, 0, -errno. */
static int list_scratch(struct cfs *fs, struct reply *r, uint64_t container, bool backups,
			off_t off)
{
	struct cfs_node *node, *next, **found = NULL;
	size_t n = 0, i;

	HASH_ITER(by_name, fs->nodes.by_name, node, next) {
		struct cfs_node **grown;

		if (node->kind != CFS_SCRATCH || cfs_node_container(node) != container ||
		    scratch_cookie(node) <= off ||
		    (scratch_cookie(node) > COOKIE_BACKUPS) != backups)
			continue;
		grown = realloc(found, (n + 1) * sizeof(*found));
		if (!grown) {
			free(found);
			return -ENOMEM;
		}
		found = grown;
		found[n++] = node;
	}
	if (n)
		qsort(found, n, sizeof(*found), compare_cookies);
	for (i = 0; i < n; i++)
		if (!put(r, cfs_node_name(found[i]), found[i]->scratch->mode,
			 cfs_scratch_ino(found[i]), scratch_cookie(found[i])))
			break;
	free(found);
	return i < n;
}

static int list_image(struct cfs *fs, struct reply *r, struct cfs_handle *h, off_t off)
{
	bool msgs = h->ref.part == CRIT_PART_MSGS;
	struct cfs_image *image = h->ref.image;
	struct crit_place at;
	uint64_t container = msgs ? cfs_entry_queue(&h->ref) : image->node->id;
	int ret = cfs_image_open(fs, image, NULL);

	if (ret == 0 && off < COOKIE_ENTRIES)
		ret = list_scratch(fs, r, container, false, off);
	/* a queue that is still to come has no messages yet */
	if (ret == 0 && msgs &&
	    cfs_entry_at(image, (struct crit_place){h->ref.place.n, CRIT_NO_MSG}, &at, NULL) <=
		    0)
		return 0;
	if (ret == 0 && off < COOKIE_TAIL)
		ret = list_entries(r, h->ref, msgs, off);
	if (ret == 0 && off < COOKIE_TAIL && !msgs)
		ret = list_tail(r, h->ref);
	if (ret == 0)
		ret = list_scratch(fs, r, container, true, off);
	return ret < 0 ? ret : 0;
}

void cfs_listing_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		       off_t off)
{
	struct reply r = {.req = req, .buf = malloc(size), .size = size};
	int ret = r.buf ? 0 : -ENOMEM;

	if (ret == 0 && put_dots(&r, h->ino, off)) {
		if (h->kind == CFS_HANDLE_IMAGE)
			ret = list_image(fs, &r, h, off);
		else if (h->names)
			list_names(&r, h->names, off);
		else
			list_special(&r, off);
	}
	if (ret < 0 && !r.used)
		fuse_reply_err(req, -ret);
	else
		fuse_reply_buf(req, r.buf, r.used);
	free(r.buf);
}
