/*
 * Each image by itself: is it one, of the type that its name says, with the header that its
 * dump's images have, and does all of it decode?
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/checker.h"
#include "inventory.pb-c.h"
#include "schema-messages.h"

/* Types whose images have exactly one entry. */
static const char *const single[] = {
	"INVENTORY", "CORE",     "IDS",    "MM",      "FS",     "TCP_STREAM", "CGROUP",
	"SECCOMP",   "APPARMOR", "UTSNS",  "IPC_VAR", "TIMENS", "PIDNS",      "USERNS",
	"NETNS",     "CPUINFO",  "AUTOFS", "STATS",   "CREDS",
};

bool check_is(const struct check_image *image, const char *type)
{
	return image->type && !strcmp(image->type->name, type);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct check_image *)a)->name,
		      ((const struct check_image *)b)->name);
}

const struct check_image *check_find(const struct checker *c, const char *name)
{
	struct check_image wanted = {.name = name};

	if (!c->n_images)
		return NULL;
	return bsearch(&wanted, c->images, c->n_images, sizeof(wanted), compare);
}

/* The number in a name of an image type, hexadecimal where the type's are. */
static uint64_t number_of(const struct crit_type *type, const char *name)
{
	const char *digits = name + strcspn(name, "0123456789");
	const char *pattern = type->file_name[0];

	if (strstr(pattern, "%x"))
		return strtoull(name + strcspn(pattern, "%"), NULL, 16);
	return strstr(pattern, "%s") ? 0 : strtoull(digits, NULL, 10);
}

static int list(struct checker *c)
{
	int ret = crit_listing_read(c->dump.dir, &c->files);

	if (ret < 0)
		return ret;
	c->images = calloc(c->files.n + 1, sizeof(*c->images));
	if (!c->images)
		return -ENOMEM;
	for (; c->n_images < c->files.n; c->n_images++)
		c->images[c->n_images].name = c->files.name[c->n_images];
	return 0;
}

/* ------------------------------------------------------------------- entries */

/* What does not parse begins at `tail`: say what is wrong with it. */
static void tell_tail(struct checker *c, struct check_at at, struct crit_image *img, uint64_t n,
		      struct crit_span tail)
{
	const struct crit_header *h = crit_image_header(img);
	const struct crit_message *type = n ? h->type->rest : h->type->head;
	unsigned long long off = tail.off, left = tail.len;
	const uint8_t *word;
	uint32_t size;

	word = left < 4 ? NULL : crit_image_bytes(img, (struct crit_span){tail.off, 4}, NULL);
	size = word ? crit_get_u32(h, word) : 0;
	if (n == CRIT_ENTRIES_MAX)
		check_error(c, at, "it has more than %llu entries", (unsigned long long)n);
	else if (!word)
		check_error(c, at, "damaged from offset %llu on: %llu bytes that are no entry",
			    off, left);
	else if (size > left - 4)
		check_error(c, at,
			    "damaged from offset %llu on: entry %llu is said to have %u bytes, "
			    "but only %llu follow",
			    off, (unsigned long long)n, size, left - 4);
	else
		check_error(c, at,
			    "damaged from offset %llu on: entry %llu is no %s, or less follows "
			    "it than it says",
			    off, (unsigned long long)n, type->pb->name);
}

/* Messages within an entry. */
static bool messages(struct checker *c, const char *name, struct crit_image *img,
		     const struct crit_entry *e, uint64_t n)
{
	struct check_at at = {.image = name, .entry = n, .raw = true, .in_entry = true};
	struct crit_entry msg;
	bool whole = true;

	for (; at.msg < e->n_msgs && crit_image_msg(img, e, at.msg, &msg, NULL) == 0;
	     at.msg++) {
		if (crit_image_decodes(img, &msg, NULL))
			continue;
		check_error(c, at, "it does not decode as %s, at offset %llu",
			    msg.type->pb->name, (unsigned long long)msg.off);
		whole = false;
	}
	return whole;
}

/* Is all of it good? */
static bool entries(struct checker *c, const char *name, struct crit_image *img, uint64_t *n)
{
	struct check_at at = {.image = name, .raw = true};
	struct crit_error err = {0};
	struct crit_span tail;
	struct crit_entry e;
	bool whole = true;
	int ret;

	for (*n = 0; (ret = crit_image_entry(img, *n, &e, &err)) == 0; ++*n) {
		if (e.n_msgs && !messages(c, name, img, &e, *n))
			whole = false;
		if (crit_image_decodes(img, &e, NULL))
			continue;
		at.entry = *n;
		check_error(c, at, "it does not decode as %s, at offset %llu", e.type->pb->name,
			    (unsigned long long)e.off);
		whole = false;
	}
	at = check_at(name, CHECK_WHOLE);
	if (ret == -ENOENT)
		ret = crit_image_tail(img, &tail, &err);
	if (ret < 0)
		check_error(c, at, "%s", err.text);
	else if (tail.len)
		tell_tail(c, at, img, *n, tail);
	return whole && ret == 0 && !tail.len;
}

static void count(struct checker *c, struct check_at at, const struct crit_type *type,
		  uint64_t n)
{
	size_t i;

	for (i = 0; i < sizeof(single) / sizeof(*single); i++) {
		if (strcmp(type->name, single[i]))
			continue;
		if (n == 0)
			check_error(c, at, "it has no entry, but images of type %s have one",
				    type->name);
		else if (n > 1)
			check_warning(c, at, "it has %llu entries, but only the first counts",
				      (unsigned long long)n);
	}
	if (n == 0 && type->head != type->rest)
		check_error(c, at, "it has no entries, not even its head");
}

/* -------------------------------------------------------------------- headers */

/* A restore takes only headers of the version that the inventory names. */
static void header(struct checker *c, struct check_at at, const struct crit_header *h)
{
	bool old = c->version == 1, service = h->type->first == CRIT_MAGIC_SERVICE;
	uint32_t first = h->len < CRIT_HEADER_MAX ? 0 : crit_get_u32(h, h->bytes);

	if (!h->type->first || !c->has_inventory) {
		if (h->len == CRIT_HEADER_MAX && !h->type->first)
			check_error(c, at, "its header has two words, but those of %s have one",
				    h->type->name);
		return;
	}
	if (old && first && !service)
		check_error(c, at, "its header is of v1.1, but the inventory is of v1.0");
	else if (!old && !first)
		check_error(c, at, "its header is of v1.0, but the inventory is of v1.1");
	else if (first && first != h->type->first)
		check_error(c, at, "its header begins with 0x%x, but those of %s with 0x%x",
			    first, h->type->name, h->type->first);
}

static bool is_img(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, ".img");
}

/* It can't be read as an image: is that as it should be? */
static void no_image(struct checker *c, struct check_at at, const struct crit_type *by_name,
		     struct crit_file *file)
{
	struct crit_error err = {0};
	uint8_t bytes[CRIT_HEADER_MAX];
	size_t n = file->st.st_size < CRIT_HEADER_MAX ? (size_t)file->st.st_size
						      : CRIT_HEADER_MAX;
	int ret = crit_file_read(file, bytes, n, 0);

	if (ret < 0)
		check_error(c, at, "it can't be read: %s", strerror(-ret));
	else if (!by_name && !is_img(at.image))
		return;
	else if (crit_header_fail(bytes, n, &err) < 0 && by_name)
		check_error(c, at, "it should be an image of type %s: %s", by_name->name,
			    err.text);
	else
		check_warning(c, at, "%s", err.text);
}

static void look_at(struct checker *c, struct check_image *image, struct crit_file *file)
{
	const struct crit_type *by_name = crit_type_by_name(image->name), *type;
	struct check_at at = check_at(image->name, CHECK_WHOLE);
	struct crit_image *img;
	uint64_t n;

	if (crit_image_new(file, image->name, &img, NULL) < 0) {
		no_image(c, at, by_name, file);
		return;
	}
	type = crit_image_header(img)->type;
	header(c, at, crit_image_header(img));
	if (by_name && type != by_name)
		check_error(c, at, "it is an image of type %s, but its name is one of type %s",
			    type->name, by_name->name);
	else if (!by_name && is_img(image->name))
		check_warning(c, at, "it is an image of type %s, which is not called so",
			      type->name);
	image->whole = entries(c, image->name, img, &n);
	if (image->whole)
		count(c, at, type, n);
	if (type == by_name) {
		image->type = type;
		image->number = number_of(type, image->name);
	}
	crit_image_free(img);
}

static void look(struct checker *c, struct check_image *image)
{
	struct check_at at = check_at(image->name, CHECK_WHOLE);
	struct crit_file *file;
	int ret;

	if (crit_name_is_raw(image->name))
		return;
	ret = crit_dir_file(c->dump.dir, image->name, &file);
	if (ret == 0) {
		look_at(c, image, file);
		crit_file_put(file);
	} else if (crit_type_by_name(image->name)) {
		if (ret == -ELOOP)
			check_warning(c, at, "it is a symlink, which is not followed");
		else
			check_error(c, at, "%s",
				    ret == -EINVAL ? "it is no regular file" : strerror(-ret));
	}
}

/* What the inventory says of all others. */
static void inventory(struct checker *c)
{
	InventoryEntry *inventory = crit_dump_first(&c->dump, "inventory.img", NULL);

	if (!inventory)
		return;
	c->has_inventory = true;
	c->version = inventory->img_version;
	c->fdinfo_per_id = inventory->fdinfo_per_id;
	c->ns_per_id = inventory->ns_per_id;
	c->root_ids = inventory->root_ids;
	inventory->root_ids = NULL; /* it is the checker's now */
	inventory_entry__free_unpacked(inventory, NULL);
	if (c->version > 3)
		check_warning(c, check_at("inventory.img", 0),
			      "img_version %u is newer than this", c->version);
}

int check_images(struct checker *c)
{
	size_t i;
	int ret = list(c);

	if (ret < 0)
		return ret;
	inventory(c);
	for (i = 0; i < c->n_images; i++)
		look(c, &c->images[i]);
	return 0;
}

void check_each(struct checker *c, const struct check_image *image, check_visit *visit)
{
	struct check_at at = {.image = image->name, .number = image->number};
	struct crit_error err = {0};
	ProtobufCMessage *msg;
	struct crit_walk walk;
	int ret;

	if (crit_walk_open(&c->dump, image->name, &walk, &err) < 0)
		return;
	while ((ret = crit_walk_next(&walk, &msg, &err)) > 0 || ret == -EBADMSG) {
		if (ret < 0)
			continue;
		at.entry = walk.n - 1;
		visit(c, at, msg);
		protobuf_c_message_free_unpacked(msg, NULL);
	}
	crit_walk_close(&walk);
}
