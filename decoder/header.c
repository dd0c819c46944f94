/*
 * Headers and integers.
 */
#include "decoder/header.h"

uint16_t crit_get_u16(const struct crit_header *h, const uint8_t *p)
{
	return (uint16_t)(h->big_endian ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

void crit_set_u32(const struct crit_header *h, uint32_t v, uint8_t *p)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * (h->big_endian ? 3 - i : i));
}

void crit_put_u32(const struct crit_header *h, uint32_t v, struct crit_buf *out)
{
	uint8_t bytes[4];

	crit_set_u32(h, v, bytes);
	crit_buf_add(out, bytes, sizeof(bytes));
}

void crit_put_u16(const struct crit_header *h, uint16_t v, struct crit_buf *out)
{
	crit_buf_byte(out, (uint8_t)(h->big_endian ? v >> 8 : v));
	crit_buf_byte(out, (uint8_t)(h->big_endian ? v : v >> 8));
}

static bool header_in_order(const char *name, const uint8_t *bytes, size_t len,
			    struct crit_header *h)
{
	uint32_t first = crit_get_u32(h, bytes);
	const char *suffix = name ? strrchr(name, '.') : NULL;

	if (first == CRIT_MAGIC_COMMON || first == CRIT_MAGIC_SERVICE) {
		if (len < 8)
			return false;
		h->type = crit_type_by_magic(crit_get_u32(h, bytes + 4));
		h->len = 8;
	} else if (!name || (suffix && !strcmp(suffix, ".img")) || crit_type_by_name(name)) {
		h->type = crit_type_by_magic(first);
		h->len = 4;
	}
	if (!h->type)
		return false;
	memcpy(h->bytes, bytes, h->len);
	return true;
}

bool crit_header_read(const char *name, const void *bytes, size_t len, struct crit_header *h)
{
	if (len < 4 || (name && crit_name_is_raw(name)))
		return false;
	memset(h, 0, sizeof(*h));
	if (header_in_order(name, bytes, len, h))
		return true;
	h->big_endian = true;
	return header_in_order(name, bytes, len, h);
}

int crit_header_fail(const uint8_t *bytes, size_t len, struct crit_error *err)
{
	const struct crit_header little = {.big_endian = false};
	uint32_t magic;

	if (len < 4)
		return crit_fail(err, CRIT_BROKEN, "no image: it has %zu bytes only", len);
	magic = crit_get_u32(&little, bytes);
	if ((magic == CRIT_MAGIC_COMMON || magic == CRIT_MAGIC_SERVICE) && len >= 8)
		magic = crit_get_u32(&little, bytes + 4);
	return crit_fail(err, CRIT_BROKEN, "Unknown magic 0x%x (raw data, or newer than this)",
			 magic);
}
