/*
 * The text of an entry, in the ways that it can be asked for: they have to agree.
 */
#ifndef UNIT_TEXTS_H
#define UNIT_TEXTS_H

#include <errno.h>

#include "decoder/image.h"
#include "decoder/print.h"
#include "unit.h"

/*
 * The text of an entry is the same whatever was printed before, its length is the one that
 * is counted, and it can be printed if it is said to decode. Can it? Then *text is it.
 */
static inline bool expect_text(struct crit_image *img, const struct crit_entry *e, bool plain,
			       struct crit_buf *text)
{
	struct crit_style style = crit_image_style(img, plain);
	struct crit_buf wanted = {0};
	const uint8_t *bytes;
	uint64_t size = 0;
	int decodes, ret, sized;

	decodes = crit_image_decodes(img, e, NULL);
	sized = crit_image_print_size(img, e, plain, &size, NULL);
	crit_buf_reset(text);
	ret = crit_image_print(img, e, plain, text, NULL);
	expect_int(ret, decodes ? 0 : -EBADMSG);
	expect_int(sized, ret);
	if (ret < 0)
		return false;
	bytes = crit_image_bytes(img, e->message, NULL);
	expect(bytes != NULL);
	expect_int(crit_print(e->type, bytes, e->message.len, &style, 0, &wanted), 0);
	crit_buf_byte(&wanted, '\n');
	expect_bytes(text->data, text->len, wanted.data, wanted.len);
	expect_u64(size, wanted.len);
	crit_buf_fini(&wanted);
	return true;
}

#endif
