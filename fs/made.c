/*
 * Texts that take long to make.
 */
#include "fs/made.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/check.h"
#include "decoder/printable.h"
#include "decoder/stats.h"
#include "fs/paths.h"
#include "fs/soon.h"
#include "fs/special.h"

#define KEPT_S 0.5 /* from when it is made */

struct cfs_made {
	struct crit_buf text;
	uint64_t changes;        /* of the mount, when it was begun */
	struct timespec made;    /* CLOCK_MONOTONIC_COARSE; 0: never */
	struct timespec changed; /* see above */
	struct stat told;        /* attributes that were told last; st_mode 0: none */
};

void cfs_made_free(struct cfs_made *made)
{
	if (!made)
		return;
	crit_buf_fini(&made->text);
	free(made);
}

/* Paths are those in the mount, of which the dump may be a directory. */
static void add_lines(const struct crit_buf *lines, const char *dir, struct crit_buf *out)
{
	const uint8_t *at = lines->data, *end = at + lines->len, *next;

	for (; at < end; at = next) {
		next = memchr(at, '\n', (size_t)(end - at));
		next = next ? next + 1 : end;
		crit_printable(out, dir, strlen(dir), "");
		crit_buf_add(out, at, (size_t)(next - at));
	}
}

static int check(const struct crit_dir *dump, const char *dir, struct crit_buf *out)
{
	struct crit_buf lines = {0};
	int ret = crit_check_text(dump, &lines);

	if (ret == 0)
		add_lines(&lines, dir, out);
	crit_buf_fini(&lines);
	return ret;
}

static int make(struct cfs *fs, struct cfs_node *node, struct crit_buf *out)
{
	struct cfs_node *dump = node->parent->parent;
	char dir[4096];
	int ret;

	cfs_path_in(dump, "", dir, sizeof(dir));
	cfs_node_ref(node);
	cfs_unlock(fs);
	if (node->special == CFS_SPECIAL_CHECK)
		ret = check(dump->dir, dir, out);
	else
		ret = crit_stats(dump->dir, out);
	cfs_lock(fs);
	cfs_node_unref(&fs->nodes, node);
	return ret < 0 ? ret : out->error;
}

static bool is_good(const struct cfs *fs, const struct cfs_made *m)
{
	return m->made.tv_sec && m->changes == fs->n_changes &&
	       cfs_seconds_since(&m->made) < KEPT_S;
}

/* It is another text; not another one than none. */
static void replace(struct cfs_made *m, struct crit_buf *text)
{
	bool same = m->text.len == text->len &&
		    (!text->len || !memcmp(m->text.data, text->data, text->len));

	if (m->made.tv_sec && !same)
		clock_gettime(CLOCK_REALTIME, &m->changed);
	crit_buf_fini(&m->text);
	m->text = *text;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &m->made);
}

int cfs_made_get(struct cfs *fs, struct cfs_node *node, const struct crit_buf **text,
		 struct timespec *changed)
{
	struct crit_buf made = {0};
	struct cfs_made *m = node->made;
	uint64_t changes = fs->n_changes;
	int ret;

	if (!m)
		m = node->made = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	if (!is_good(fs, m)) {
		ret = make(fs, node, &made);
		if (ret < 0) {
			crit_buf_fini(&made);
			return ret;
		}
		replace(m, &made);
		m->changes = changes;
	}
	*text = &m->text;
	*changed = m->changed;
	return 0;
}

void cfs_made_note(struct cfs_node *node, const struct stat *st)
{
	if (node->made)
		node->made->told = *st;
}

bool cfs_made_told(const struct cfs_node *node, struct stat *st)
{
	if (!node->made || !node->made->told.st_mode)
		return false;
	*st = node->made->told;
	return true;
}
