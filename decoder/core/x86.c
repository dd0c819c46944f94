/*
 * Registers of x86-64. General ones are struct user_regs_struct of the kernel's
 * arch/x86/include/asm/user_64.h; the others are laid out as the instructions FXSAVE64 and
 * XSAVE64 write them, which Intel's manual describes ("XSAVE area", volume 1).
 */
#include <elf.h>
#include <errno.h>

#include "decoder/core/machine.h"
#include "decoder/core/notes.h"
#include "decoder/core/put.h"

/* Parts of an XSAVE area in the standard form, where Intel's processors have them. */
enum {
	FXSAVE_SIZE = 512,
	XCR0_AT = 464, /* which parts there are: the kernel's, for debuggers */
	HEADER_END = 576,
	YMMH_AT = HEADER_END,
	YMMH_END = 832,
	BNDREGS_AT = 960,
	BNDCSR_AT = 1024,
	BND_END = 1088,
	OPMASK_AT = BND_END,
	ZMMH_AT = 1152,
	HI16_ZMM_AT = 1664,
	ZMM_END = 2688,
	PKRU_AT = ZMM_END,
	PKRU_END = 2696,
};

/* Their bits in XCR0. */
enum {
	X87_SSE = 0x3,
	YMM = 0x4,
	BND = 0x18,
	AVX512 = 0xe0,
	PKRU = 0x200,
};

enum { WORD32 = 4, WORD64 = 8 };

static int check(const CoreEntry *thread, struct crit_error *err)
{
	if (!thread->thread_info)
		return crit_fail(err, CRIT_BROKEN, "it has no registers of x86-64");
	if (thread->thread_info->gpregs->mode == USER_X86_REGS_MODE__COMPAT)
		return crit_fail_errno(err, EOPNOTSUPP,
				       "no core can be made of a 32-bit process on x86-64");
	return 0;
}

static void put_general(struct crit_buf *b, const CoreEntry *thread)
{
	const UserX86RegsEntry *r = thread->thread_info->gpregs;
	const uint64_t regs[] = {
		r->r15,     r->r14,     r->r13, r->r12, r->bp,    r->bx, r->r11,
		r->r10,     r->r9,      r->r8,  r->ax,  r->cx,    r->dx, r->si,
		r->di,      r->orig_ax, r->ip,  r->cs,  r->flags, r->sp, r->ss,
		r->fs_base, r->gs_base, r->ds,  r->es,  r->fs,    r->gs,
	};
	size_t n = sizeof(regs) / sizeof(*regs);

	crit_core_put_words64(b, regs, n, n);
}

/* Which parts the processor had: those that a dump has, be they in use or not. */
static uint64_t xcr0_of(const UserX86XsaveEntry *x)
{
	uint64_t xcr0 = X87_SSE;

	if (x->n_ymmh_space)
		xcr0 |= YMM;
	if (x->n_bndreg_state || x->n_bndcsr_state)
		xcr0 |= BND;
	if (x->n_opmask_reg || x->n_zmm_upper || x->n_hi16_zmm)
		xcr0 |= YMM | AVX512;
	if (x->n_pkru)
		xcr0 |= PKRU;
	return xcr0;
}

/* With and without XSAVE these are the same but for what is behind the registers. */
static void put_fxsave(struct crit_buf *b, const UserX86FpregsEntry *fp, uint64_t xcr0)
{
	size_t start = b->len;

	crit_core_put16(b, (uint16_t)fp->cwd);
	crit_core_put16(b, (uint16_t)fp->swd);
	crit_core_put16(b, (uint16_t)fp->twd);
	crit_core_put16(b, (uint16_t)fp->fop);
	crit_core_put64(b, fp->rip);
	crit_core_put64(b, fp->rdp);
	crit_core_put32(b, fp->mxcsr);
	crit_core_put32(b, fp->mxcsr_mask);
	crit_core_put_words32(b, fp->st_space, fp->n_st_space, 8 * 4);
	crit_core_put_words32(b, fp->xmm_space, fp->n_xmm_space, 16 * 4);
	crit_core_put_gap(b, start + XCR0_AT);
	crit_core_put64(b, xcr0);
	crit_core_put_gap(b, start + FXSAVE_SIZE);
}

static void put_part32(struct crit_buf *b, size_t at, const uint32_t *words, size_t n,
		       size_t end)
{
	crit_core_put_gap(b, at);
	crit_core_put_words32(b, words, n, (end - at) / WORD32);
}

static void put_part64(struct crit_buf *b, size_t at, const uint64_t *words, size_t n,
		       size_t end)
{
	crit_core_put_gap(b, at);
	crit_core_put_words64(b, words, n, (end - at) / WORD64);
}

/* No longer than its last part: debuggers know the layout by the size. */
static void put_xsave(struct crit_buf *b, const UserX86FpregsEntry *fp)
{
	const UserX86XsaveEntry *x = fp->xsave;
	uint64_t xcr0 = xcr0_of(x);
	size_t s = b->len;

	put_fxsave(b, fp, xcr0);
	crit_core_put64(b, x->xstate_bv & xcr0);
	crit_core_put_gap(b, s + HEADER_END);
	if (xcr0 & YMM)
		put_part32(b, s + YMMH_AT, x->ymmh_space, x->n_ymmh_space, s + YMMH_END);
	if (xcr0 & BND) {
		put_part64(b, s + BNDREGS_AT, x->bndreg_state, x->n_bndreg_state,
			   s + BNDCSR_AT);
		put_part64(b, s + BNDCSR_AT, x->bndcsr_state, x->n_bndcsr_state, s + BND_END);
	}
	if (xcr0 & AVX512) {
		put_part64(b, s + OPMASK_AT, x->opmask_reg, x->n_opmask_reg, s + ZMMH_AT);
		put_part64(b, s + ZMMH_AT, x->zmm_upper, x->n_zmm_upper, s + HI16_ZMM_AT);
		put_part64(b, s + HI16_ZMM_AT, x->hi16_zmm, x->n_hi16_zmm, s + ZMM_END);
	}
	if (xcr0 & PKRU)
		put_part32(b, s + PKRU_AT, x->pkru, x->n_pkru, s + PKRU_END);
}

static void put_notes(struct crit_buf *b, const CoreEntry *thread)
{
	const UserX86FpregsEntry *fp = thread->thread_info->fpregs;
	size_t note = crit_note_begin(b, "CORE", NT_FPREGSET);

	put_fxsave(b, fp, 0);
	crit_note_end(b, note);
	if (!fp->xsave)
		return;
	note = crit_note_begin(b, "LINUX", NT_X86_XSTATE);
	put_xsave(b, fp);
	crit_note_end(b, note);
}

const struct crit_core_machine crit_core_x86 = {
	.march = CORE_ENTRY__MARCH__X86_64,
	.elf_type = EM_X86_64,
	.check = check,
	.put_general = put_general,
	.put_notes = put_notes,
};
