/*
 * Headers of new images.
 */
#include "decoder/create.h"

#include <errno.h>

#include "decoder/dir.h"
#include "decoder/wire.h"
#include "schema-messages.h"

static void put_word(struct crit_header *h, uint32_t v)
{
	crit_set_u32(h, v, h->bytes + h->len);
	h->len += 4;
}

/* What the dump's inventory says of all its images; nothing if it can't be read. */
static void read_inventory(const struct crit_dir *dir, uint64_t *version, bool *big_endian)
{
	struct crit_image *img = NULL;
	struct crit_file *file;
	const uint8_t *message;
	struct crit_entry e;

	if (crit_dir_file(dir, CRIT_INVENTORY, &file) < 0)
		return;
	if (crit_image_new(file, CRIT_INVENTORY, &img, NULL) == 0) {
		*big_endian = crit_image_header(img)->big_endian;
		if (crit_image_entry(img, 0, &e, NULL) == 0 &&
		    (message = crit_image_bytes(img, e.message, NULL)))
			crit_wire_uint(&crit_msg_inventory_entry, message, e.message.len,
				       "img_version", version);
	}
	crit_image_free(img);
	crit_file_put(file);
}

int crit_header_for(const struct crit_dir *dir, const char *name, struct crit_header *h,
		    struct crit_error *err)
{
	uint64_t version = 0;

	*h = (struct crit_header){.type = crit_type_by_name(name)};
	if (!h->type)
		return crit_fail_errno(err, EPERM, "no type of image has this name");
	read_inventory(dir, &version, &h->big_endian);
	if (h->type->first && version != CRIT_IMG_VERSION_1_0)
		put_word(h, h->type->first);
	put_word(h, h->type->magic);
	return 0;
}
