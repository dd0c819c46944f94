/*
 * The table of nodes.
 */
#include "fs/node.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fs/made.h"
#include "fs/proc.h"
#include "fs/procs.h"
#include "fs/scratch.h"

/* Longer than any name: of a file, with what is put behind it. */
#define NAME_SIZE 512

/* Where a node is to be found: hashed from `container` on. */
struct cfs_node_key {
	UT_hash_handle hh;
	struct cfs_node *node;
	struct {
		uint64_t container;
		char name[NAME_SIZE];
	} at; /* only as much of it as the name takes */
};

#define KEY_SIZE(name)                                                                         \
	(offsetof(struct cfs_node_key, at.name) - offsetof(struct cfs_node_key, at) +          \
	 strlen(name))

static void unname(struct cfs_node_table *t, struct cfs_node *node)
{
	if (!node->key)
		return;
	HASH_DEL(t->by_name, node->key);
	free(node->key);
	node->key = NULL;
}

/* Has its old name still if there is no memory for another. */
static int set_name(struct cfs_node_table *t, struct cfs_node *node, uint64_t container,
		    const char *name)
{
	struct cfs_node_key *key;

	if (strlen(name) >= NAME_SIZE)
		return -ENAMETOOLONG;
	key = malloc(offsetof(struct cfs_node_key, at) + KEY_SIZE(name) + 1);
	if (!key)
		return -ENOMEM;
	key->node = node;
	key->at.container = container;
	strcpy(key->at.name, name);
	HASH_ADD(hh, t->by_name, at, KEY_SIZE(name), key);
	if (!cfs_is_hashed(&key->hh)) {
		free(key);
		return -ENOMEM;
	}
	unname(t, node);
	node->key = key;
	return 0;
}

struct cfs_node *cfs_node_new(struct cfs_node_table *t, uint64_t id, enum cfs_kind kind,
			      struct cfs_node *parent, uint64_t container, const char *name)
{
	struct cfs_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->id = id ? id : ++t->last_id;
	HASH_ADD(by_id, t->by_id, id, sizeof(node->id), node);
	if (!cfs_is_hashed(&node->by_id)) {
		free(node);
		return NULL;
	}
	if (name && set_name(t, node, container, name) < 0) {
		HASH_DELETE(by_id, t->by_id, node);
		free(node);
		return NULL;
	}
	node->parent = parent;
	if (parent)
		cfs_node_ref(parent);
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
	struct cfs_node_key wanted, *key;

	if (strlen(name) >= NAME_SIZE)
		return NULL;
	wanted.at.container = container;
	strcpy(wanted.at.name, name);
	HASH_FIND(hh, t->by_name, &wanted.at, KEY_SIZE(name), key);
	return key ? key->node : NULL;
}

const char *cfs_node_name(const struct cfs_node *node)
{
	return node->key ? node->key->at.name : NULL;
}

uint64_t cfs_node_container(const struct cfs_node *node)
{
	return node->key ? node->key->at.container : 0;
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
