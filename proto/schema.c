/*
 * Finding a message of the schema by its name. The tables themselves are
 * generated, see gen-schema.c.
 */
#include "proto/schema.h"

#include <stdlib.h>
#include <string.h>

static int compare_name(const void *name, const void *element)
{
	const struct crit_message *const *msg = element;

	return strcmp(name, (*msg)->pb->name);
}

const struct crit_message *crit_message_find(const char *name)
{
	const struct crit_message *const *found;

	found = bsearch(name, crit_messages, crit_n_messages, sizeof(crit_messages[0]),
			compare_name);
	return found ? *found : NULL;
}
