/*
 * The files of a dump by what they are: how many, and how long.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/file.h"
#include "decoder/header.h"
#include "decoder/stats/tally.h"

struct sum {
	uint64_t count, bytes;
};

static void put(struct json_object *to, const char *key, const struct sum *sum)
{
	struct json_object *o;

	if (!sum->count)
		return;
	o = tally_object(to, key);
	tally_number(o, "count", sum->count);
	tally_number(o, "bytes", sum->bytes);
}

static void add(struct sum *sum, const struct crit_file *file)
{
	sum->count++;
	sum->bytes += (uint64_t)file->st.st_size;
}

static const struct crit_type *type_of(const char *name, const struct crit_file *file)
{
	uint64_t size = (uint64_t)file->st.st_size;
	size_t n = size < CRIT_HEADER_MAX ? (size_t)size : CRIT_HEADER_MAX;
	uint8_t bytes[CRIT_HEADER_MAX];
	struct crit_header h;

	if (crit_file_read(file, bytes, n, 0) < 0 || !crit_header_read(name, bytes, n, &h))
		return NULL;
	return h.type;
}

int tally_images(struct tally *t)
{
	struct sum *types = calloc(crit_n_types, sizeof(*types)), pages = {0}, others = {0};
	const struct crit_type *type;
	struct json_object *to;
	struct crit_file *file;
	size_t i;

	if (!types)
		return -ENOMEM;
	for (i = 0; i < t->files.n; i++) {
		if (crit_dir_file(t->dump.dir, t->files.name[i], &file) < 0)
			continue;
		type = type_of(t->files.name[i], file);
		if (!strncmp(t->files.name[i], "pages-", 6))
			add(&pages, file);
		else
			add(type ? &types[type - crit_types] : &others, file);
		crit_file_put(file);
	}
	to = tally_object(t->out, "images");
	for (i = 0; i < crit_n_types; i++)
		put(to, crit_types[i].name, &types[i]);
	put(t->out, "pages", &pages);
	put(t->out, "others", &others);
	free(types);
	return 0;
}
