/*
 * The table of extra payloads (FORMAT, "Extra payloads") and the two conditions
 * under which a message has none.
 */
#include "decoder/extra.h"

#include <errno.h>
#include <string.h>

#include "decoder/wire.h"
#include "schema-messages.h"

static const struct crit_extra_rule rules[] = {
	[CRIT_EXTRA_NONE] = {0, {{0}}, 1},
	[CRIT_EXTRA_BYTES] = {1, {{CRIT_PART_EXTRA, "bytes", 1}}, 1},
	[CRIT_EXTRA_LENGTH] = {1, {{CRIT_PART_EXTRA, "length", 1}}, 1},
	[CRIT_EXTRA_TCP] = {2,
			    {{CRIT_PART_INQ, "inq_len", 1}, {CRIT_PART_OUTQ, "outq_len", 1}},
			    1},
	[CRIT_EXTRA_BPFMAP] = {2,
			       {{CRIT_PART_KEYS, "keys_bytes", 1},
				{CRIT_PART_VALUES, "values_bytes", 1}},
			       1},
	[CRIT_EXTRA_SEM] = {1, {{CRIT_PART_SEMS, "nsems", 2}}, 8},
	[CRIT_EXTRA_MSG] = {1, {{CRIT_PART_MSGS, "qnum", 1}}, 1},
	[CRIT_EXTRA_SHM] = {1, {{CRIT_PART_EXTRA, "size", 1}}, 4},
	[CRIT_EXTRA_GHOST] = {1, {{CRIT_PART_EXTRA, NULL, 1}}, 1},
};

static const struct crit_extra_rule chunk_rule = {1, {{CRIT_PART_EXTRA, "len", 1}}, 1};

const struct crit_extra_rule crit_msg_rule = {1, {{CRIT_PART_EXTRA, "msize", 1}}, 8};

/* A segment whose pages went into page maps has no contents here. */
static int shm_in_pagemaps(const uint8_t *message, size_t len)
{
	uint64_t in_pagemaps;
	int ret = crit_wire_uint(&crit_msg_ipc_shm_entry, message, len, "in_pagemaps",
				 &in_pagemaps);

	return ret < 0 ? ret : in_pagemaps != 0;
}

/* A ghost has contents here if it is a regular file not stored in chunks. */
static int ghost_without_contents(const uint8_t *message, size_t len)
{
	uint64_t chunks, mode;
	int ret = crit_wire_uint(&crit_msg_ghost_file_entry, message, len, "chunks", &chunks);

	if (ret < 0)
		return ret;
	ret = crit_wire_uint(&crit_msg_ghost_file_entry, message, len, "mode", &mode);
	return ret < 0 ? ret : chunks || !S_ISREG(mode);
}

int crit_extra_rule(const struct crit_type *type, uint64_t n, const uint8_t *message,
		    size_t len, struct crit_extra_rule *rule)
{
	int none = 0;

	*rule = rules[type->extra];
	if (type->extra == CRIT_EXTRA_GHOST && n > 0)
		*rule = chunk_rule;
	else if (type->extra == CRIT_EXTRA_GHOST)
		none = ghost_without_contents(message, len);
	else if (type->extra == CRIT_EXTRA_SHM)
		none = shm_in_pagemaps(message, len);
	if (none > 0)
		*rule = rules[CRIT_EXTRA_NONE];
	return none < 0 ? none : 0;
}

bool crit_extra_allows(const struct crit_type *type, uint64_t n, enum crit_part part)
{
	const struct crit_extra_rule *rule = &rules[type->extra];
	unsigned i;

	if (type->extra == CRIT_EXTRA_GHOST && n > 0)
		rule = &chunk_rule;
	for (i = 0; i < rule->n_blobs; i++)
		if (rule->blob[i].part == part)
			return true;
	return false;
}

int crit_extra_layout(const struct crit_extra_rule *rule, const struct crit_message *type,
		      const uint8_t *message, uint64_t size, struct crit_entry *e)
{
	uint64_t at = e->message.off + e->message.len, total, count;
	unsigned i;
	int ret;

	e->n_blobs = rule->n_blobs;
	for (i = 0; i < rule->n_blobs; i++) {
		const struct crit_blob_rule *b = &rule->blob[i];

		e->part[i] = b->part;
		count = (size - at) / b->unit;
		if (b->length) {
			ret = crit_wire_uint(type, message, e->message.len, b->length, &count);
			if (ret <= 0)
				return -EBADMSG;
		}
		if (b->part == CRIT_PART_MSGS) {
			e->n_msgs = count;
			count = 0;
		}
		if (count > (size - at) / b->unit)
			return -EBADMSG;
		e->blob[i] = (struct crit_span){at, count * b->unit};
		at += e->blob[i].len;
	}
	total = at - (e->message.off + e->message.len);
	if (crit_padding(rule, total) > size - at)
		return -EBADMSG;
	e->end = at + crit_padding(rule, total);
	return 0;
}
