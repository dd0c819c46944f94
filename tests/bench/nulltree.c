/*
 * nulltree: loads a tree of files into flat arrays, breadth first, so that the children
 * of a directory lie one behind the other.
 */
#include "tests/bench/nulltree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int complain(const char *what)
{
	fprintf(stderr, "nullfs: %s: %s\n", what, strerror(errno));
	return -1;
}

/* Make room for `more` items in an array. Returns it, or NULL with the old one kept. */
static void *room(void *array, size_t *cap, size_t used, size_t more, size_t item)
{
	size_t wanted = *cap ? *cap : 4096;
	void *grown;

	if (used + more <= *cap)
		return array;
	while (wanted < used + more)
		wanted *= 2;
	grown = realloc(array, wanted * item);
	if (grown)
		*cap = wanted;
	return grown;
}

static int reserve_text(struct null_tree *t, size_t more)
{
	char *text = room(t->text, &t->text_cap, t->text_len, more, 1);

	if (!text)
		return -1;
	t->text = text;
	return 0;
}

static struct null_node *add_node(struct null_tree *t, uint32_t parent, const char *name)
{
	size_t len = strlen(name) + 1;
	struct null_node *nodes, *node;
	char *names;

	nodes = room(t->nodes, &t->nodes_cap, t->n_nodes, 1, sizeof(*nodes));
	if (!nodes)
		return NULL;
	t->nodes = nodes;
	names = room(t->names, &t->names_cap, t->names_len, len, 1);
	if (!names)
		return NULL;
	t->names = names;
	node = nodes + t->n_nodes++;
	*node = (struct null_node){.parent = parent, .name = t->names_len, .fd = -1};
	memcpy(names + t->names_len, name, len);
	t->names_len += len;
	return node;
}

static void set_attributes(struct null_node *node, const struct stat *st)
{
	node->mode = st->st_mode;
	node->nlink = st->st_nlink;
	node->uid = st->st_uid;
	node->gid = st->st_gid;
	node->size = st->st_size;
	node->mtime = st->st_mtim;
}

static int read_contents(struct null_tree *t, struct null_node *node, int fd)
{
	size_t done = 0;
	ssize_t n = 1;

	if (reserve_text(t, node->size + 1) < 0)
		return -1;
	node->text = t->text_len;
	while (done < node->size && n > 0) {
		n = read(fd, t->text + t->text_len + done, node->size - done);
		if (n < 0)
			return -1;
		done += n;
	}
	node->size = done;
	t->text_len += done;
	return 0;
}

static int load_file(struct null_tree *t, struct null_node *node, int dirfd, const char *name,
		     uint64_t backed)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -1;
	if (node->size > backed) {
		node->fd = fd;
		return 0;
	}
	ret = read_contents(t, node, fd);
	close(fd);
	return ret;
}

static int load_link(struct null_tree *t, struct null_node *node, int dirfd, const char *name)
{
	ssize_t len;

	if (reserve_text(t, PATH_MAX) < 0)
		return -1;
	len = readlinkat(dirfd, name, t->text + t->text_len, PATH_MAX - 1);
	if (len < 0)
		return -1;
	t->text[t->text_len + len] = 0;
	node->text = t->text_len;
	t->text_len += len + 1;
	return 0;
}

static int load_child(struct null_tree *t, uint32_t parent, int dirfd, const char *name,
		      uint64_t backed)
{
	struct null_node *node = add_node(t, parent, name);
	struct stat st;

	if (!node || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	set_attributes(node, &st);
	if (S_ISREG(st.st_mode))
		return load_file(t, node, dirfd, name, backed);
	return S_ISLNK(st.st_mode) ? load_link(t, node, dirfd, name) : 0;
}

static int load_children(struct null_tree *t, uint32_t parent, DIR *dir, uint64_t backed)
{
	struct dirent *d;

	t->nodes[parent].first = t->n_nodes;
	while (errno = 0, (d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (load_child(t, parent, dirfd(dir), d->d_name, backed) < 0)
			return complain(d->d_name);
	}
	t->nodes[parent].count = t->n_nodes - t->nodes[parent].first;
	return errno ? complain("readdir") : 0;
}

/* Path of a directory below the source. Returns its length, or -1 where it is too long. */
static int path_of(const struct null_tree *t, uint32_t i, const char *top, char *path)
{
	int len = i ? path_of(t, t->nodes[i].parent, top, path) : 0;
	int n;

	if (len < 0)
		return -1;
	n = snprintf(path + len, PATH_MAX - len, "%s%s", i ? "/" : top,
		     t->names + t->nodes[i].name);
	return n < PATH_MAX - len ? len + n : -1;
}

static int load_directory(struct null_tree *t, uint32_t i, const char *top, uint64_t backed)
{
	char path[PATH_MAX];
	DIR *dir;
	int ret;

	if (path_of(t, i, top, path) < 0)
		return complain(top);
	dir = opendir(path);
	if (!dir)
		return complain(path);
	ret = load_children(t, i, dir, backed);
	closedir(dir);
	return ret;
}

static uint64_t hash(uint32_t parent, const char *name)
{
	uint64_t h = 0xcbf29ce484222325 ^ parent;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3;
	return h ^ h >> 32;
}

/* The slot of a name, or the free one where it belongs. */
static uint32_t *slot_of(const struct null_tree *t, uint32_t parent, const char *name)
{
	uint64_t at = hash(parent, name) & t->mask;

	for (; t->slots[at]; at = (at + 1) & t->mask) {
		const struct null_node *node = t->nodes + t->slots[at] - 1;

		if (node->parent == parent && !strcmp(t->names + node->name, name))
			break;
	}
	return t->slots + at;
}

static int index_names(struct null_tree *t)
{
	size_t n = 64, i;

	while (n < 2 * t->n_nodes)
		n *= 2;
	t->slots = calloc(n, sizeof(*t->slots));
	if (!t->slots)
		return complain("names");
	t->mask = n - 1;
	for (i = 1; i < t->n_nodes; i++)
		*slot_of(t, t->nodes[i].parent, t->names + t->nodes[i].name) = i + 1;
	return 0;
}

int null_tree_load(struct null_tree *t, const char *dir, uint64_t backed)
{
	struct null_node *root = add_node(t, 0, "");
	struct stat st;
	size_t i;

	if (!root || stat(dir, &st) < 0)
		return complain(dir);
	set_attributes(root, &st);
	for (i = 0; i < t->n_nodes; i++)
		if (S_ISDIR(t->nodes[i].mode) && load_directory(t, i, dir, backed) < 0)
			return -1;
	return index_names(t);
}

int null_tree_make(struct null_tree *t, uint32_t count, uint64_t size)
{
	struct stat st = {.st_mode = S_IFDIR | 0755, .st_nlink = 2, .st_uid = getuid()};
	struct null_node *node = add_node(t, 0, "");
	char name[32];
	uint32_t i;

	if (!node || reserve_text(t, size + 1) < 0)
		return complain("synthetic tree");
	memset(t->text, 0, size);
	set_attributes(node, &st);
	node->first = 1;
	node->count = count;
	st = (struct stat){
		.st_mode = S_IFREG | 0644, .st_nlink = 1, .st_size = size, .st_uid = getuid()};
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%u.json", i);
		node = add_node(t, 0, name);
		if (!node)
			return complain(name);
		set_attributes(node, &st);
	}
	return index_names(t);
}

uint32_t null_tree_find(const struct null_tree *t, uint32_t parent, const char *name)
{
	uint32_t found = *slot_of(t, parent, name);

	return found ? found - 1 : 0;
}

void null_tree_fini(struct null_tree *t)
{
	size_t i;

	for (i = 0; i < t->n_nodes; i++)
		if (t->nodes[i].fd >= 0)
			close(t->nodes[i].fd);
	free(t->nodes);
	free(t->names);
	free(t->text);
	free(t->slots);
}
