/*
 * Open files: descriptors by type, sockets by family and state.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "decoder/descriptors.h"
#include "decoder/index.h"
#include "decoder/stats/tally.h"
#include "files.pb-c.h"
#include "proto/names.h"

enum { N_TYPES = FD_TYPES__PIDFD + 1, OTHER = N_TYPES };

struct files {
	uint64_t descriptors[N_TYPES + 1], files[N_TYPES + 1];
	struct crit_index seen; /* type and id */
};

static int add_descriptor(struct files *f, const FdinfoEntry *e)
{
	uint32_t type = (uint32_t)e->type;
	uint64_t before = f->seen.n;
	unsigned at = type < N_TYPES ? type : OTHER;

	f->descriptors[at]++;
	if (crit_index_put(&f->seen, (uint64_t)type << 32 | e->id, 0, NULL) < 0)
		return -ENOMEM;
	f->files[at] += f->seen.n - before;
	return 0;
}

/* Each table once, whoever shares it. */
static int add_table(struct tally *t, const char *name, struct files *f)
{
	struct crit_walk walk;
	FdinfoEntry *e;
	int ret = 0;

	if (crit_walk_open(&t->dump, name, &walk, NULL) < 0)
		return 0;
	while (ret == 0 && (e = crit_walk_rest(&t->dump, name, &walk))) {
		ret = add_descriptor(f, e);
		fdinfo_entry__free_unpacked(e, NULL);
	}
	crit_walk_close(&walk);
	return ret;
}

int tally_descriptors(struct tally *t)
{
	struct files f = {.seen = {0}};
	struct json_object *to = NULL, *o;
	int ret = 0;
	size_t i;

	for (i = 0; i < t->files.n && ret == 0; i++) {
		if (!tally_is(t->files.name[i], "FDINFO"))
			continue;
		to = tally_object(t->out, "descriptors");
		ret = add_table(t, t->files.name[i], &f);
	}
	for (i = 0; i <= OTHER && to; i++) {
		if (!f.descriptors[i])
			continue;
		o = tally_object(to, i < OTHER ? crit_file_type_name((uint32_t)i) : "OTHER");
		tally_number(o, "descriptors", f.descriptors[i]);
		tally_number(o, "files", f.files[i]);
	}
	crit_index_fini(&f.seen);
	return ret;
}

/* ------------------------------------------------------------------- sockets */

enum {
	FAMILY_UNIX = 1,
	FAMILY_INET = 2,
	FAMILY_INET6 = 10,
	FAMILY_NETLINK = 16,
	FAMILY_PACKET = 17,
	FAMILY_OTHER = 18,
	N_FAMILIES = 19,
	N_STATES = 12
};

/* By family and state; the state 0 is for all that have none of the known ones. */
struct sockets {
	uint64_t n[N_FAMILIES][N_STATES];
};

static void add_socket(struct sockets *s, uint32_t family, uint32_t state)
{
	s->n[family < FAMILY_OTHER ? family : FAMILY_OTHER][state < N_STATES ? state : 0]++;
}

static void add_file(struct sockets *s, uint32_t type, const void *what)
{
	const InetSkEntry *isk = what;

	if (!what)
		return;
	if (type == FD_TYPES__INETSK)
		add_socket(s, isk->family, isk->state);
	else if (type == FD_TYPES__UNIXSK)
		add_socket(s, FAMILY_UNIX, ((const UnixSkEntry *)what)->state);
	else if (type == FD_TYPES__NETLINKSK)
		add_socket(s, FAMILY_NETLINK, 0); /* its states are not those of others */
	else if (type == FD_TYPES__PACKETSK)
		add_socket(s, FAMILY_PACKET, 0);
}

static void add_image(struct tally *t, const char *name, struct sockets *s)
{
	uint32_t type = crit_file_type_of_image(name);
	struct crit_walk walk;
	ProtobufCMessage *msg;

	if ((type == FD_TYPES__UND && strcmp(name, "files.img")) ||
	    crit_walk_open(&t->dump, name, &walk, NULL) < 0)
		return;
	while ((msg = crit_walk_rest(&t->dump, name, &walk))) {
		const FileEntry *e = (const FileEntry *)msg;

		if (type != FD_TYPES__UND)
			add_file(s, type, msg);
		else
			add_file(s, (uint32_t)e->type, crit_file_of_entry(e));
		protobuf_c_message_free_unpacked(msg, NULL);
	}
	crit_walk_close(&walk);
}

static const char *name_in(const struct crit_names *table, uint64_t value)
{
	const struct crit_name *n;

	for (n = table->names; n->name; n++)
		if (n->value == value)
			return n->name;
	return "OTHER";
}

int tally_sockets(struct tally *t)
{
	struct sockets s = {0};
	struct json_object *family;
	unsigned f, state;
	size_t i;

	for (i = 0; i < t->files.n; i++)
		add_image(t, t->files.name[i], &s);
	for (f = 0; f < N_FAMILIES; f++) {
		uint64_t total = 0;

		for (state = 0; state < N_STATES; state++)
			total += s.n[f][state];
		if (!total)
			continue;
		family = tally_object(tally_object(t->out, "sockets"),
				      name_in(&crit_dict_sk_family, f));
		tally_count(family, "total", total);
		for (state = 1; state < N_STATES; state++)
			if (s.n[f][state])
				tally_count(family, name_in(&crit_dict_sk_state, state),
					    s.n[f][state]);
	}
	return 0;
}
