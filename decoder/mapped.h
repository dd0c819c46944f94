/*
 * What the kernel calls the files that are mapped: also those that it made itself for
 * memory files, shared memory and the like. No thread safety.
 */
#ifndef CRIT_MAPPED_H
#define CRIT_MAPPED_H

#include "decoder/buf.h"
#include "decoder/descriptors.h"
#include "decoder/index.h"
#include "decoder/memory.h"

/* What was read of a dump to know them; each when it was first needed. */
struct crit_mapped {
	struct crit_dump *dump; /* borrowed, as are the next two */
	const struct crit_process *p;
	struct crit_files *files;
	struct crit_index deleted;      /* file ids, of remap-fpath.img */
	struct crit_index memory_files; /* entries of memfd.img by inode_id */
	struct crit_index keys;         /* of shared memory segments, by id */
	bool deleted_read, memory_files_read, keys_read;
};

/* `files` is of the same dump. Reads nothing yet. */
void crit_mapped_init(struct crit_mapped *m, struct crit_dump *dump,
		      const struct crit_process *p, struct crit_files *files);
void crit_mapped_fini(struct crit_mapped *m);

/*
 * Append the name of the file behind a mapping of the process, as /proc/PID/maps has it but
 * with line ends as they are. false if there is none; then nothing is appended. What should
 * be in the dump and is not is told to its listener.
 */
bool crit_mapped_name(struct crit_mapped *m, const VmaEntry *vma, struct crit_buf *out);

#endif
