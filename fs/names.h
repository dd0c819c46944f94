/*
 * Names of entry files: "3.json", "3.extra", "3.sems.json", "tail.raw". Any
 * other name in an image directory is a scratch file.
 */
#ifndef CFS_NAMES_H
#define CFS_NAMES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for the name of an entry file or a document, with its NUL. */
#define CFS_NAME_SIZE (NAME_MAX + 1 + sizeof(".json"))

/* Is it an entry's name? Then *slot and *part (an enum crit_part or CFS_PART_*). */
bool cfs_name_parse(const char *name, uint64_t *slot, unsigned *part);

/* The name of a part of a slot, into a buffer of CFS_NAME_SIZE. */
void cfs_name_format(char *name, uint64_t slot, unsigned part);

#endif
