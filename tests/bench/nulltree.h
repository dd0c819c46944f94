/*
 * nulltree: a tree of files in flat arrays, for nullfs. It is loaded once and never
 * changes. A node's number is its index plus one, so that the root is FUSE's 1.
 */
#ifndef BENCH_NULLTREE_H
#define BENCH_NULLTREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct null_node {
	uint64_t size, text; /* bytes; offset of the contents or of a link's target */
	struct timespec mtime;
	uint32_t mode, uid, gid, nlink;
	uint32_t name; /* offset */
	uint32_t parent;
	uint32_t first, count; /* a directory's children, one behind the other */
	int fd;                /* where the contents are if they were not loaded, or -1 */
};

struct null_tree {
	struct null_node *nodes;
	char *names, *text;
	uint32_t *slots; /* hash of parent and name to index plus one */
	size_t n_nodes, names_len, text_len;
	size_t nodes_cap, names_cap, text_cap;
	uint64_t mask; /* number of slots - 1 */
};

/*
 * Load the files below `dir`. Of regular files larger than `backed` bytes only a
 * descriptor is kept. Returns 0, or -1 after a message on stderr.
 */
int null_tree_load(struct null_tree *t, const char *dir, uint64_t backed);

/* Make a directory of `count` files 0.json, 1.json, …, each of `size` zero bytes. */
int null_tree_make(struct null_tree *t, uint32_t count, uint64_t size);

/* The index of a name in a directory; 0, which is no child, where it is not there. */
uint32_t null_tree_find(const struct null_tree *t, uint32_t parent, const char *name);

void null_tree_fini(struct null_tree *t);

#endif
