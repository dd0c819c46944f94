/*
 * Refusals.
 */
#include "fs/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/entry.h"
#include "fs/ids.h"
#include "fs/jsondir.h"
#include "fs/log.h"
#include "fs/names.h"
#include "fs/paths.h"
#include "fs/scratch.h"

#define ERRORS_KEPT    ((size_t)1 << 20) /* bytes of .critfs/errors */
#define LINE_MAX_BYTES 5000

/* A file that something is told of, and where that is put. */
struct subject {
	uint64_t container;
	struct cfs_image *image; /* NULL: one that there is not (yet) */
	char name[CFS_NAME_SIZE];
	char path[4096];
	mode_t mode; /* of what is put beside it */
	uid_t uid;
	gid_t gid;
};

/* "0.msgs/1.json" or "3.json" below its image. */
static void entry_path(const struct cfs_ref *ref, char *path, size_t size)
{
	char below[2 * CFS_NAME_SIZE + 2] = "";
	size_t at = 0;

	if (ref->place.m != CRIT_NO_MSG) {
		cfs_name_format(below, ref->place.n, CRIT_PART_MSGS);
		strcat(below, "/");
		at = strlen(below);
	}
	cfs_entry_name(ref, below + at);
	cfs_path_of(ref->image, below, path, size);
}

static void subject_of(struct cfs *fs, const struct cfs_ref *ref, const struct cfs_node *node,
		       struct subject *s)
{
	s->image = ref->image;
	if (!s->image) {
		s->container = cfs_node_container(node);
		s->mode = node->scratch->mode & 0666;
		s->uid = node->scratch->uid;
		s->gid = node->scratch->gid;
		snprintf(s->name, sizeof(s->name), "%s", cfs_node_name(node));
	} else {
		s->container = cfs_entry_container(ref);
		s->mode = ref->image->st.st_mode & 0666;
		s->uid = ref->image->st.st_uid;
		s->gid = ref->image->st.st_gid;
		cfs_entry_name(ref, s->name);
	}
	if (ref->part == CFS_PART_DOCUMENT)
		cfs_jsondir_path(cfs_node_by_id(&fs->nodes, s->container), s->name, s->path,
				 sizeof(s->path));
	else
		entry_path(ref, s->path, sizeof(s->path));
}

/* Our own file beside the subject; with `make` under a name that is free for it. */
static struct cfs_node *our_file(struct cfs *fs, const struct subject *s, const char *suffix,
				 bool make)
{
	const char *const between[] = {"", ".critfs"};
	char name[CFS_NAME_SIZE + 16];
	struct cfs_node *node;
	unsigned i;

	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s%s%s", s->name, between[i], suffix);
		node = cfs_node_by_name(&fs->nodes, s->container, name);
		if (node && node->kind == CFS_SCRATCH && node->scratch->ours)
			return node;
		if (node || !make)
			continue;
		node = cfs_node_new(&fs->nodes, 0, CFS_SCRATCH, NULL, s->container, name);
		if (!node)
			return NULL;
		node->ref.image = s->image;
		node->scratch = cfs_scratch_new(&fs->store, S_IFREG | s->mode, s->uid, s->gid);
		if (!node->scratch) {
			cfs_node_become(&fs->nodes, node, CFS_GONE);
			cfs_node_rename(&fs->nodes, node, 0, NULL);
			return NULL;
		}
		node->scratch->ours = true;
		return node;
	}
	return NULL;
}

/* Give our file new contents, a share to keep; NULL if there was no memory. */
static void set_contents(struct cfs_node *node, struct cfs_draft *contents)
{
	if (!contents)
		return;
	cfs_draft_put(node->scratch->contents);
	node->scratch->contents = contents;
	cfs_scratch_touch(node->scratch);
}

static void add_to_errors(struct cfs *fs, const char *line)
{
	struct crit_buf *e = &fs->errors;

	if (e->len > ERRORS_KEPT) { /* the older half goes, by whole lines */
		uint8_t *cut = memchr(e->data + e->len / 2, '\n', e->len - e->len / 2);
		size_t rest = cut ? (size_t)(e->data + e->len - (cut + 1)) : 0;

		memmove(e->data, e->data + e->len - rest, rest);
		e->len = rest;
	}
	if (crit_buf_reserve(e, strlen(line) + 1)) {
		crit_buf_str(e, line);
		crit_buf_byte(e, '\n');
	}
	e->error = 0; /* there may be memory for the next one */
}

/* Tell the log and .critfs/errors, and leave the line in `line`. */
static void tell(struct cfs *fs, const char *path, const struct crit_error *why,
		 char line[LINE_MAX_BYTES])
{
	crit_error_format(why, path, line, LINE_MAX_BYTES);
	cfs_log(fs, "%s", line);
	add_to_errors(fs, line);
}

void cfs_refusal_log(struct cfs *fs, const struct cfs_ref *ref, const struct crit_error *why)
{
	char line[LINE_MAX_BYTES];
	struct subject s;

	subject_of(fs, ref, NULL, &s);
	tell(fs, s.path, why, line);
}

void cfs_refusal_log_name(struct cfs *fs, const struct cfs_node *dir, const char *name,
			  const struct crit_error *why)
{
	char path[4096], line[LINE_MAX_BYTES];

	cfs_path_in(dir, name, path, sizeof(path));
	tell(fs, path, why, line);
}

void cfs_refuse(struct cfs *fs, const struct cfs_ref *ref, const struct cfs_node *node,
		struct cfs_draft *refused, const struct crit_error *why)
{
	char line[LINE_MAX_BYTES + 1];
	struct cfs_node *rej, *err;
	struct subject s;

	subject_of(fs, ref, node, &s);
	tell(fs, s.path, why, line);
	rej = our_file(fs, &s, ".rej", true);
	if (rej)
		set_contents(rej, cfs_draft_get(refused));
	err = our_file(fs, &s, ".err", true);
	if (err) {
		strcat(line, "\n");
		set_contents(err, cfs_draft_of_text(&fs->store, line, strlen(line)));
	}
}

bool cfs_refusal_keeps(struct cfs *fs, const struct cfs_ref *ref, const struct cfs_draft *d)
{
	struct cfs_node *rej;
	struct subject s;

	subject_of(fs, ref, NULL, &s);
	rej = our_file(fs, &s, ".rej", false);
	return rej && rej->scratch->contents == d;
}

void cfs_refusal_settle(struct cfs *fs, const struct cfs_ref *ref)
{
	static const char *const suffixes[] = {".rej", ".err"};
	struct cfs_node *node;
	struct subject s;
	unsigned i;

	subject_of(fs, ref, NULL, &s);
	for (i = 0; i < 2; i++) {
		node = our_file(fs, &s, suffixes[i], false);
		if (node)
			cfs_node_rename(&fs->nodes, node, 0, NULL);
	}
}

int cfs_refusal_line(struct cfs *fs, const struct cfs_ref *ref, struct crit_buf *out)
{
	struct cfs_node *node;
	struct subject s;
	int ret;

	subject_of(fs, ref, NULL, &s);
	node = our_file(fs, &s, ".err", false);
	if (!node)
		return -ENODATA;
	ret = cfs_draft_text(node->scratch->contents, out);
	if (ret == 0 && out->len && out->data[out->len - 1] == '\n')
		out->len--;
	return ret;
}
