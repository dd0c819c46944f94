/*
 * Headers of version 1.1.
 */
#include "decoder/upgrade.h"

#include <errno.h>
#include <string.h>

#include "decoder/create.h"
#include "decoder/wire.h"

#define IMG_VERSION "img_version"

/* The inventory's entry with another version in it, and its frame. */
static int upgrade_inventory(struct crit_image *img, struct crit_buf *head,
			     struct crit_span *rest)
{
	const struct crit_header *h = crit_image_header(img);
	struct crit_buf entry = {0};
	const uint8_t *message;
	uint64_t version;
	struct crit_entry e;
	int ret;

	ret = crit_image_entry(img, 0, &e, NULL);
	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	message = crit_image_bytes(img, e.message, NULL);
	if (!message)
		return -EIO;
	if (crit_wire_uint(e.type, message, e.message.len, IMG_VERSION, &version) < 0 ||
	    version != CRIT_IMG_VERSION_1_0)
		return 0;
	ret = crit_wire_set_uint(e.type, message, e.message.len, IMG_VERSION,
				 CRIT_IMG_VERSION_1_1, &entry);
	if (ret == 0) {
		crit_buf_add(head, h->bytes, h->len);
		crit_put_u32(h, (uint32_t)entry.len, head);
		crit_buf_add(head, entry.data, entry.len);
		rest->off = e.message.off + e.message.len;
		rest->len = (uint64_t)crit_image_file(img)->st.st_size - rest->off;
		ret = head->error ? head->error : 1;
	}
	crit_buf_fini(&entry);
	return ret;
}

int crit_upgrade(struct crit_file *file, const char *name, struct crit_buf *head,
		 struct crit_span *rest)
{
	const struct crit_header *h;
	struct crit_image *img;
	int ret;

	if (crit_name_is_raw(name))
		return 0;
	ret = crit_image_new(file, name, &img, NULL);
	if (ret < 0)
		return crit_is_passing(ret) ? ret : 0;
	h = crit_image_header(img);
	ret = 0;
	if (!strcmp(name, CRIT_INVENTORY)) {
		ret = upgrade_inventory(img, head, rest);
	} else if (h->type->first && h->len == sizeof(uint32_t)) {
		crit_put_u32(h, h->type->first, head);
		*rest = (struct crit_span){0, (uint64_t)file->st.st_size};
		ret = head->error ? head->error : 1;
	}
	crit_image_free(img);
	return ret;
}
