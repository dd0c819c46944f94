/*
 * Registers of aarch64: struct user_pt_regs and user_fpsimd_state of the kernel's
 * arch/arm64/include/uapi/asm/ptrace.h.
 */
#include <elf.h>
#include <errno.h>

#include "decoder/core/machine.h"
#include "decoder/core/notes.h"
#include "decoder/core/put.h"

enum {
	X_REGISTERS = 31,
	V_WORDS = 64, /* 32 registers of two words */
};

static int check(const CoreEntry *thread, struct crit_error *err)
{
	if (!thread->ti_aarch64)
		return crit_fail(err, CRIT_BROKEN, "it has no registers of aarch64");
	return 0;
}

static void put_general(struct crit_buf *b, const CoreEntry *thread)
{
	const UserAarch64RegsEntry *r = thread->ti_aarch64->gpregs;

	crit_core_put_words64(b, r->regs, r->n_regs, X_REGISTERS);
	crit_core_put64(b, r->sp);
	crit_core_put64(b, r->pc);
	crit_core_put64(b, r->pstate);
}

static void put_notes(struct crit_buf *b, const CoreEntry *thread)
{
	const ThreadInfoAarch64 *info = thread->ti_aarch64;
	const UserAarch64FpsimdContextEntry *fp = info->fpsimd;
	size_t note = crit_note_begin(b, "CORE", NT_FPREGSET);

	crit_core_put_words64(b, fp->vregs, fp->n_vregs, V_WORDS);
	crit_core_put32(b, fp->fpsr);
	crit_core_put32(b, fp->fpcr);
	crit_core_put64(b, 0); /* reserved */
	crit_note_end(b, note);
	note = crit_note_begin(b, "LINUX", NT_ARM_TLS);
	crit_core_put64(b, info->tls);
	crit_note_end(b, note);
}

const struct crit_core_machine crit_core_arm64 = {
	.march = CORE_ENTRY__MARCH__AARCH64,
	.elf_type = EM_AARCH64,
	.check = check,
	.put_general = put_general,
	.put_notes = put_notes,
};
