/*
 * What the kernel calls the files that are mapped: also those that it made itself for
 * memory files, shared memory and the like. No thread safety.
 */
#ifndef CRIT_MAPPED_H
#define CRIT_MAPPED_H

#include "decoder/buf.h"
#include "decoder/index.h"
#include "decoder/memory.h"
#include "decoder/naming.h"

/* What was read of a dump to know them; each when it was first needed. */
struct crit_mapped {
	struct crit_naming *naming; /* borrowed, as is the next one */
	const struct crit_process *p;
	struct crit_index keys; /* of shared memory segments, by id */
	bool keys_read;
};

/* Reads nothing yet. */
void crit_mapped_init(struct crit_mapped *m, const struct crit_process *p,
		      struct crit_naming *naming);
void crit_mapped_fini(struct crit_mapped *m);

/*
 * Append the name of the file behind a mapping of the process, as /proc/PID/maps has it but
 * with line ends as they are. false if there is none; then nothing is appended. What should
 * be in the dump and is not is told to its listener.
 */
bool crit_mapped_name(struct crit_mapped *m, const VmaEntry *vma, struct crit_buf *out);

#endif
