/*
 * The values of a set of semaphores as a JSON list of numbers.
 */
#ifndef CRIT_SEMS_H
#define CRIT_SEMS_H

#include "decoder/image.h"

/* Append the JSON list of a CRIT_PART_SEMS with its newline. */
int crit_sems_print(struct crit_image *img, struct crit_span span, struct crit_buf *out,
		    struct crit_error *err);

/* Append the bytes of such a list, in the image's byte order. */
int crit_sems_parse(const struct crit_image *img, const char *text, size_t len,
		    struct crit_buf *out, struct crit_error *err);

#endif
