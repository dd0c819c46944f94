/*
 * Names of entry files.
 */
#include "fs/names.h"

#include <string.h>

#include "decoder/number.h"
#include "fs/ids.h"

static const char *const suffixes[] = {
	[CRIT_PART_EXTRA] = "extra",   [CRIT_PART_INQ] = "inq",
	[CRIT_PART_OUTQ] = "outq",     [CRIT_PART_KEYS] = "keys",
	[CRIT_PART_VALUES] = "values", [CRIT_PART_SEMS] = "sems.json",
	[CRIT_PART_MSGS] = "msgs",     [CRIT_PART_JSON] = "json",
	[CRIT_PART_RAW] = "raw",
};

#define N_SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))
#define TAIL_NAME  "tail.raw"

bool cfs_name_parse(const char *name, uint64_t *slot, unsigned *part)
{
	uint64_t n = 0;
	const char *p;
	unsigned i;

	if (!strcmp(name, TAIL_NAME)) {
		*slot = 0;
		*part = CFS_PART_TAIL;
		return true;
	}
	for (p = name; *p >= '0' && *p <= '9'; p++) {
		if (n > CFS_SLOT_MAX / 10)
			return false;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	/* "07.json" is somebody's own file: each slot has one name */
	if (p == name || *p != '.' || (*name == '0' && p - name > 1) || n > CFS_SLOT_MAX)
		return false;
	for (i = 0; i < N_SUFFIXES; i++) {
		if (!strcmp(p + 1, suffixes[i])) {
			*slot = n;
			*part = i;
			return true;
		}
	}
	return false;
}

void cfs_name_format(char *name, uint64_t slot, unsigned part)
{
	size_t len;

	if (part == CFS_PART_TAIL) {
		strcpy(name, TAIL_NAME);
		return;
	}
	len = crit_decimal_put((uint8_t *)name, 0, slot);
	name[len] = '.';
	strcpy(name + len + 1, suffixes[part]);
}
