/*
 * What differs in the cores of different machines: the registers, in prstatus and in notes
 * of their own.
 */
#ifndef CRIT_CORE_MACHINE_H
#define CRIT_CORE_MACHINE_H

#include <stdint.h>

#include "decoder/buf.h"
#include "decoder/error.h"
#include "processes.pb-c.h"

struct crit_core_machine {
	uint32_t march;    /* core_entry.mtype */
	uint16_t elf_type; /* EM_* */

	/* Has this thread all that is written of it? 0, -EOPNOTSUPP, -EIO with the reason. */
	int (*check)(const CoreEntry *thread, struct crit_error *err);

	/* Append elf_gregset_t, the registers in prstatus. */
	void (*put_general)(struct crit_buf *b, const CoreEntry *thread);

	/* Append the notes about all other registers. */
	void (*put_notes)(struct crit_buf *b, const CoreEntry *thread);
};

extern const struct crit_core_machine crit_core_x86, crit_core_arm64;

/*
 * The machine that the thread ran on, if its core can be written: else NULL and the reason,
 * -EOPNOTSUPP or -EIO.
 */
const struct crit_core_machine *crit_core_machine_of(const CoreEntry *thread,
						     struct crit_error *err);

#endif
