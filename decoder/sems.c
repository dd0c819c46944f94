/*
 * Semaphore values.
 */
#include "decoder/sems.h"

#include <errno.h>
#include <stdio.h>

#include "decoder/json.h"
#include "decoder/parse.h"
#include "decoder/payload.h"

#define SEMS_AT_ONCE 4096 /* values read in one go */

int crit_sems_print(struct crit_image *img, struct crit_span span, struct crit_buf *out,
		    struct crit_error *err)
{
	char item[16];

	if (!span.len)
		crit_buf_str(out, "[]\n");
	for (uint64_t done = 0; done < span.len;) {
		uint64_t n = span.len - done < 2 * SEMS_AT_ONCE ? span.len - done
								: 2 * SEMS_AT_ONCE;
		const uint8_t *p = crit_image_bytes(img, (struct crit_span){span.off + done, n},
						    err);

		if (!p)
			return -EIO;
		for (uint64_t i = 0; i < n; i += 2) {
			int len = snprintf(item, sizeof(item), "%s\n    %u",
					   done + i ? "," : "[",
					   crit_get_u16(crit_image_header(img), p + i));

			crit_buf_add(out, item, (size_t)len);
		}
		done += n;
	}
	if (span.len)
		crit_buf_str(out, "\n]\n");
	return out->error;
}

int crit_sems_parse(const struct crit_image *img, const char *text, size_t len,
		    struct crit_buf *out, struct crit_error *err)
{
	struct crit_parser p = {.err = err};
	struct crit_json j;
	int ret;

	crit_json_init(&j, text, len, err);
	p.json = &j;
	crit_json_next(&j);
	ret = crit_payload_sems(&p, crit_image_header(img), out);
	if (ret == 0 && crit_json_next(&j) != CRIT_JSON_END)
		ret = crit_parse_expected(&p, "nothing behind the list");
	crit_json_fini(&j);
	return ret;
}
