/*
 * Fields of the schema by name, and how their values are printed.
 */
#ifndef UNIT_VALUES_H
#define UNIT_VALUES_H

#include "unit.h"

#include "decoder/value.h"

static const struct crit_style pretty = {.plain = false};
static const struct crit_style plain = {.plain = true};

static inline const struct crit_field *field_of(const char *message, const char *name)
{
	const struct crit_message *m = crit_message_find(message);
	unsigned i;

	for (i = 0; m && i < m->pb->n_fields; i++)
		if (!strcmp(m->pb->fields[i].name, name))
			return &m->fields[i];
	fail("no field %s.%s", message, name);
}

static inline void expect_printed(const struct crit_field *field,
				  const struct crit_style *style, uint64_t wire, bool hex,
				  const char *wanted)
{
	struct crit_buf out = {0};

	crit_value_print(&out, field, style, wire, hex);
	expect_bytes(out.data, out.len, wanted, strlen(wanted));
	crit_buf_fini(&out);
}

#endif
