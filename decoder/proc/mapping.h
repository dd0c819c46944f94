/*
 * A line of maps, which smaps has, too.
 */
#ifndef CRIT_PROC_MAPPING_H
#define CRIT_PROC_MAPPING_H

#include "decoder/mapped.h"
#include "decoder/proc/snapshot.h"

/* The address space that lines are made of. */
struct crit_proc_maps {
	struct crit_proc *proc;           /* borrowed */
	const struct crit_memory *memory; /* borrowed */
	struct crit_mapped mapped;
};

/* false: the process has none. */
bool crit_proc_maps_begin(struct crit_proc *proc, uint32_t pid, struct crit_proc_maps *maps);
void crit_proc_maps_end(struct crit_proc_maps *maps);

void crit_proc_put_mapping(struct crit_proc_maps *maps, const VmaEntry *vma,
			   struct crit_buf *out);

/* A line in that form, of which `name` may be empty; bytes that would break it are escaped. */
struct crit_proc_map_line {
	uint64_t start, end;
	const char *permissions; /* "rwxp" */
	uint64_t offset;         /* bytes */
	struct crit_inode inode;
	const char *name;
	size_t len; /* of the name */
};

void crit_proc_put_map_line(const struct crit_proc_map_line *line, struct crit_buf *out);

#endif
