/*
 * The table of nodes.
 */
#include "fs/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fs/made.h"
#include "fs/proc.h"
#include "fs/procs.h"
#include "fs/scratch.h"

struct cfs_node_key {
	uint64_t container;
	char name[];
};

static size_t key_size(const char *name)
{
	return sizeof(struct cfs_node_key) + strlen(name);
}

static struct cfs_node_key *make_key(uint64_t container, const char *name)
{
	struct cfs_node_key *key = malloc(key_size(name) + 1);

	if (key) {
		key->container = container;
		strcpy(key->name, name);
	}
	return key;
}

static void unname(struct cfs_node_table *t, struct cfs_node *node)
{
	if (!node->key)
		return;
	HASH_DELETE(by_name, t->by_name, node);
	free(node->key);
	node->key = NULL;
}

static int set_name(struct cfs_node_table *t, struct cfs_node *node, uint64_t container,
		    const char *name)
{
	struct cfs_node_key *key = make_key(container, name);

	if (!key)
		return -ENOMEM;
	unname(t, node);
	node->key = key;
	HASH_ADD_KEYPTR(by_name, t->by_name, key, key_size(name), node);
	return 0;
}

struct cfs_node *cfs_node_new(struct cfs_node_table *t, uint64_t id, enum cfs_kind kind,
			      struct cfs_node *parent, uint64_t container, const char *name)
{
	struct cfs_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->id = id ? id : ++t->last_id;
	if (name && set_name(t, node, container, name) < 0) {
		free(node);
		return NULL;
	}
	node->parent = parent;
	if (parent)
		cfs_node_ref(parent);
	HASH_ADD(by_id, t->by_id, id, sizeof(node->id), node);
	cfs_node_become(t, node, kind);
	return node;
}

void cfs_node_become(struct cfs_node_table *t, struct cfs_node *node, enum cfs_kind kind)
{
	if (node->prev)
		DL_DELETE(t->scratch, node);
	node->prev = NULL;
	node->kind = kind;
	if (kind == CFS_SCRATCH)
		DL_APPEND(t->scratch, node);
}

struct cfs_node *cfs_node_by_id(struct cfs_node_table *t, uint64_t id)
{
	struct cfs_node *node;

	HASH_FIND(by_id, t->by_id, &id, sizeof(id), node);
	return node;
}

struct cfs_node *cfs_node_by_name(struct cfs_node_table *t, uint64_t container,
				  const char *name)
{
	struct cfs_node_key *key = make_key(container, name);
	struct cfs_node *node = NULL;

	if (key)
		HASH_FIND(by_name, t->by_name, key, key_size(name), node);
	free(key);
	return node;
}

const char *cfs_node_name(const struct cfs_node *node)
{
	return node->key ? node->key->name : NULL;
}

uint64_t cfs_node_container(const struct cfs_node *node)
{
	return node->key ? node->key->container : 0;
}

static void destroy(struct cfs_node_table *t, struct cfs_node *node)
{
	unname(t, node);
	cfs_node_become(t, node, CFS_GONE);
	HASH_DELETE(by_id, t->by_id, node);
	crit_dir_put(node->dir);
	cfs_scratch_free(node->scratch);
	cfs_made_free(node->made);
	cfs_proc_node_free(node->proc);
	cfs_procs_free(node->procs);
	free(node);
}

/* A scratch file is kept by its name alone: nothing else has its contents. */
static bool kept_by_name(const struct cfs_node *node)
{
	return node->kind == CFS_SCRATCH && node->key;
}

void cfs_node_release(struct cfs_node_table *t, struct cfs_node *node)
{
	while (node && !node->lookups && !node->refs && !kept_by_name(node)) {
		struct cfs_node *parent = node->parent;

		if (node->forever) {
			/* the id must not come back as an entry's while the kernel knows it */
			if (node->kind == CFS_SCRATCH) {
				cfs_scratch_free(node->scratch);
				node->scratch = NULL;
				cfs_node_become(t, node, CFS_GONE);
			}
			return;
		}
		destroy(t, node);
		if (parent)
			parent->refs--;
		node = parent;
	}
}

int cfs_node_rename(struct cfs_node_table *t, struct cfs_node *node, uint64_t container,
		    const char *name)
{
	if (name)
		return set_name(t, node, container, name);
	unname(t, node);
	cfs_node_release(t, node);
	return 0;
}

int cfs_node_move(struct cfs_node_table *t, struct cfs_node *node, struct cfs_node *dir,
		  const char *name)
{
	struct cfs_node *old = node->parent;
	int ret = set_name(t, node, dir->id, name);

	if (ret < 0)
		unname(t, node);
	if (old != dir) {
		cfs_node_ref(dir);
		node->parent = dir;
		cfs_node_unref(t, old);
	}
	return ret;
}

void cfs_node_ref(struct cfs_node *node)
{
	node->refs++;
}

void cfs_node_unref(struct cfs_node_table *t, struct cfs_node *node)
{
	if (!node)
		return;
	node->refs--;
	cfs_node_release(t, node);
}

void cfs_node_forget(struct cfs_node_table *t, uint64_t id, uint64_t n)
{
	struct cfs_node *node = cfs_node_by_id(t, id);

	if (!node)
		return;
	node->lookups -= n < node->lookups ? n : node->lookups;
	cfs_node_release(t, node);
}

void cfs_nodes_fini(struct cfs_node_table *t)
{
	struct cfs_node *node, *next;

	HASH_ITER(by_id, t->by_id, node, next)
		destroy(t, node);
}
