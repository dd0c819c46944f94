/*
 * A dump in numbers, as one JSON object: who and how many, what they have open and in
 * memory, and what CRIU itself counted. What a dump does not have is not in it.
 */
#include "decoder/stats.h"

#include <errno.h>
#include <string.h>

#include "decoder/memory.h"
#include "decoder/page-size.h"
#include "decoder/printable.h"
#include "decoder/stats/tally.h"
#include "decoder/types.h"
#include "inventory.pb-c.h"
#include "stats.pb-c.h"

void tally_number(struct json_object *to, const char *key, uint64_t n)
{
	json_object_object_add(to, key, json_object_new_uint64(n));
}

void tally_text(struct json_object *to, const char *key, const char *text)
{
	struct crit_buf out = {0};

	crit_printable(&out, text, strlen(text), "");
	if (!out.error)
		json_object_object_add(
			to, key,
			json_object_new_string_len((const char *)out.data, (int)out.len));
	crit_buf_fini(&out);
}

struct json_object *tally_object(struct json_object *in, const char *key)
{
	struct json_object *there = NULL;

	if (json_object_object_get_ex(in, key, &there))
		return there;
	there = json_object_new_object();
	json_object_object_add(in, key, there);
	return there;
}

void tally_count(struct json_object *to, const char *key, uint64_t n)
{
	struct json_object *there = NULL;

	if (json_object_object_get_ex(to, key, &there))
		n += json_object_get_uint64(there);
	tally_number(to, key, n);
}

bool tally_is(const char *name, const char *type)
{
	const struct crit_type *by_name = crit_type_by_name(name);

	return by_name && !strcmp(by_name->name, type);
}

/* ------------------------------------------------------------------ the whole */

static void inventory(struct tally *t)
{
	InventoryEntry *e = crit_dump_first(&t->dump, "inventory.img", NULL);

	if (!e)
		return;
	tally_number(t->out, "img_version", e->img_version);
	if (e->has_dump_uptime)
		tally_number(t->out, "dump_uptime", e->dump_uptime);
	if (e->dump_criu_run_id)
		tally_text(t->out, "dump_criu_run_id", e->dump_criu_run_id);
	inventory_entry__free_unpacked(e, NULL);
}

/* All numbers of a message by their names; times are in microseconds, memory in pages. */
static void numbers(struct json_object *to, const ProtobufCMessage *msg)
{
	const ProtobufCFieldDescriptor *f = msg->descriptor->fields;
	const ProtobufCFieldDescriptor *end = f + msg->descriptor->n_fields;

	for (; f < end; f++) {
		const char *value = (const char *)msg + f->offset;

		if (f->label == PROTOBUF_C_LABEL_OPTIONAL &&
		    !*(const protobuf_c_boolean *)((const char *)msg + f->quantifier_offset))
			continue;
		tally_number(to, f->name,
			     f->type == PROTOBUF_C_TYPE_UINT64 ? *(const uint64_t *)value
							       : *(const uint32_t *)value);
	}
}

static void counted_by_criu(struct tally *t)
{
	StatsEntry *dump = crit_dump_first(&t->dump, "stats-dump", NULL);
	StatsEntry *restore = crit_dump_first(&t->dump, "stats-restore", NULL);

	if (dump && dump->dump)
		numbers(tally_object(t->out, "stats-dump"), &dump->dump->base);
	if (restore && restore->restore)
		numbers(tally_object(t->out, "stats-restore"), &restore->restore->base);
	stats_entry__free_unpacked(dump, NULL);
	stats_entry__free_unpacked(restore, NULL);
}

static void processes(struct tally *t)
{
	uint64_t threads = 0, zombies = 0;
	size_t i;

	if (!t->has_processes)
		return;
	for (i = 0; i < t->processes.n; i++) {
		/* a zombie's list of threads may hold anything */
		if (crit_process_is_zombie(&t->dump, &t->processes.all[i]))
			zombies++;
		else
			threads += t->processes.all[i].entry->n_threads;
	}
	tally_number(t->out, "processes", t->processes.n);
	tally_number(t->out, "threads", threads);
	tally_number(t->out, "zombies", zombies);
}

static void prepare(struct tally *t)
{
	struct crit_error err = {0};
	size_t i;

	t->has_processes = crit_processes_read(&t->dump, &t->processes, &err) == 0;
	for (i = 0; i < t->files.n && !t->page_size; i++)
		if (tally_is(t->files.name[i], "PAGEMAP"))
			t->page_size = crit_page_size_of(&t->dump, t->files.name[i]);
	if (!t->page_size)
		t->page_size = CRIT_PAGE_SIZE_MIN;
}

static int all(struct tally *t, struct crit_buf *out)
{
	const int style = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text;
	int ret;

	inventory(t);
	processes(t);
	ret = tally_descriptors(t);
	if (ret == 0)
		ret = tally_sockets(t);
	if (ret == 0)
		ret = tally_memory(t);
	if (ret == 0)
		ret = tally_images(t);
	if (ret < 0)
		return ret;
	counted_by_criu(t);
	text = json_object_to_json_string_ext(t->out, style);
	if (!text)
		return -ENOMEM;
	crit_buf_str(out, text);
	crit_buf_byte(out, '\n');
	return out->error;
}

static void silence(struct crit_listener *l, const char *image, const struct crit_error *err)
{
	/* what is wrong with a dump is for the validation to say */
	(void)l;
	(void)image;
	(void)err;
}

int crit_stats(const struct crit_dir *dir, struct crit_buf *out)
{
	struct tally t = {.silent.tell = silence};
	int ret;

	t.dump = (struct crit_dump){dir, &t.silent};
	ret = crit_listing_read(dir, &t.files);
	if (ret == 0) {
		t.out = json_object_new_object();
		ret = t.out ? 0 : -ENOMEM;
	}
	if (ret == 0) {
		prepare(&t);
		ret = all(&t, out);
		if (t.has_processes)
			crit_processes_fini(&t.processes);
	}
	json_object_put(t.out);
	crit_listing_fini(&t.files);
	return ret;
}
