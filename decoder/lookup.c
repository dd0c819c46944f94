/*
 * An index of an image.
 */
#include "decoder/lookup.h"

#include <errno.h>
#include <stdio.h>

#include "decoder/wire.h"

static void tell(struct crit_dump *dump, struct crit_lookup *l, const struct crit_error *err)
{
	l->told = true;
	crit_dump_tell(dump, l->image, err);
}

static int put(struct crit_lookup *l, uint64_t key, const struct crit_entry *e,
	       const uint8_t *bytes, const char *also)
{
	uint64_t n = l->walk.n - 1, there, upper;
	int ret = crit_index_put(&l->entries, key, n, &there);

	if (ret < 0 || there == n || !also ||
	    crit_wire_uint(e->type, bytes, e->message.len, also, &upper) <= 0)
		return ret;
	return crit_index_put(&l->entries, key | upper << 32, n, NULL);
}

/* Index all its entries. */
static void read_keys(struct crit_dump *dump, struct crit_lookup *l, const char *low,
		      const char *also)
{
	struct crit_error err = {0};
	const uint8_t *bytes;
	struct crit_entry e;
	uint64_t key;
	int ret;

	while ((ret = crit_walk_bytes(&l->walk, &e, &bytes, &err)) > 0) {
		if (crit_wire_uint(e.type, bytes, e.message.len, low, &key) <= 0) {
			crit_walk_refuse(&l->walk, &e, &err);
			tell(dump, l, &err);
			continue;
		}
		ret = put(l, key, &e, bytes, also);
		if (ret < 0) {
			crit_fail(&err, CRIT_NO_MEMORY, "no memory for an index");
			break;
		}
	}
	if (ret < 0)
		tell(dump, l, &err);
}

bool crit_lookup_open(struct crit_dump *dump, struct crit_lookup *l, const char *name,
		      const char *low, const char *also)
{
	struct crit_error err = {0};
	int ret;

	if (l->image[0])
		return l->there;
	snprintf(l->image, sizeof(l->image), "%s", name);
	ret = crit_walk_open(dump, name, &l->walk, &err);
	l->there = ret == 0;
	if (l->there)
		read_keys(dump, l, low, also);
	else if (ret != -ENOENT)
		tell(dump, l, &err);
	return l->there;
}

void crit_lookup_fini(struct crit_lookup *l)
{
	if (l->there)
		crit_walk_close(&l->walk);
	crit_index_fini(&l->entries);
	*l = (struct crit_lookup){0};
}

void *crit_lookup_find(struct crit_dump *dump, struct crit_lookup *l, uint64_t key)
{
	struct crit_error err = {0};
	ProtobufCMessage *msg;

	if (!crit_index_find(&l->entries, key, &l->walk.n))
		return NULL;
	if (crit_walk_next(&l->walk, &msg, &err) > 0)
		return msg;
	tell(dump, l, &err);
	return NULL;
}
