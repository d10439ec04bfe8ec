/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trap vector that every worker has a copy of; and the ways into and out of code that may do
 * anything. The copy may be entered at each of its first 16 words, since the code may have switched
 * stvec to vectored mode.
 */
#include "csr.h"
#include "frame.inc"
#include "hostile.h"
#include "sbi.h"

#define SANE_SSTATUS (SSTATUS_FS | SSTATUS_VS | SSTATUS_SPP)

	.macro	each_but_sp_t0 op
	\op	x1, W_X(1)(t0)
	.irp	n, 3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	\op	x\n, W_X(\n)(t0)
	.endr
	.endm

	.text
	.globl	stub_template, stub_worker, stub_handler, stub_end
	.option	push
	.option	norvc
	.option	norelax
	.balign	64
stub_template:
	.rept	16
	j	1f
	.endr
1:	csrw	sscratch, t0
2:	auipc	t0, %pcrel_hi(stub_worker)
	ld	t0, %pcrel_lo(2b)(t0)
	each_but_sp_t0 sd
	sd	sp, W_X(2)(t0)
	csrr	t1, sscratch
	sd	t1, W_X(5)(t0)
	csrr	t1, sepc
	sd	t1, W_SEPC(t0)
	csrr	t1, sstatus
	sd	t1, W_SSTATUS(t0)
	csrr	t1, scause
	sd	t1, W_SCAUSE(t0)
	csrr	t1, stval
	sd	t1, W_STVAL(t0)
	csrr	t1, sie
	sd	t1, W_SIE(t0)
	csrr	t1, satp
	sd	t1, W_SATP(t0)

	/* Everything that C code relies on. This page is mapped one-to-one wherever it is mapped. */
	csrw	satp, zero
	sfence.vma
	csrw	sie, zero
	li	t1, SANE_SSTATUS
	csrw	sstatus, t1
	ld	t1, W_STUB(t0)
	csrw	stvec, t1
	ld	t1, W_IN_TRAP(t0)
	bnez	t1, 4f
	li	t1, 1
	sd	t1, W_IN_TRAP(t0)
	ld	sp, W_HANDLER_SP(t0)
	mv	a0, t0
5:	auipc	t1, %pcrel_hi(stub_handler)
	ld	t1, %pcrel_lo(5b)(t1)
	jalr	t1

	/* Back to what was interrupted. */
3:	auipc	t0, %pcrel_hi(stub_worker)
	ld	t0, %pcrel_lo(3b)(t0)
	sd	zero, W_IN_TRAP(t0)
	ld	t1, W_SEPC(t0)
	csrw	sepc, t1
	ld	t1, W_SSTATUS(t0)
	csrw	sstatus, t1
	ld	t1, W_SIE(t0)
	csrw	sie, t1
	ld	t1, W_SATP(t0)
	csrw	satp, t1
	sfence.vma
	each_but_sp_t0 ld
	ld	sp, W_X(2)(t0)
	ld	t0, W_X(5)(t0)
	sret

	/* A trap in our own handler: its stack or its code is gone. */
4:	li	a7, SBI_SRST
	li	a6, 0
	li	a0, SRST_COLD
	li	a1, 0
	ecall
	j	4b
	.balign	8
stub_worker:
	.8byte	0
stub_handler:
	.8byte	0
stub_end:
	.option	pop

/* u64 guard_call(struct worker *, function): see there. */
	.globl	guard_call
guard_call:
	frame_push
	sd	a0, 120(sp)
	sd	sp, W_TRY_SP(a0)
	jalr	a1
	ld	a0, 120(sp)
	li	a1, 0
	j	guard_return

/* void guard_land(struct worker *): from the trap handler to the caller of guard_call(). */
	.globl	guard_land
guard_land:
	li	a1, 1
	ld	sp, W_TRY_SP(a0)
guard_return:
	sd	zero, W_TRY_SP(a0)
	sd	zero, W_IN_TRAP(a0)
	frame_pop
	mv	a0, a1
	ret

/* void wild_run(struct worker *) */
	.globl	wild_run
wild_run:
	csrci	sstatus, SSTATUS_SIE
	ld	t1, W_WILD_PC(a0)
	csrw	sepc, t1
	ld	t1, W_WILD_ST(a0)
	csrw	sstatus, t1
	ld	t1, W_WILD_SATP(a0)
	csrw	satp, t1
	sfence.vma
	fence.i
	.irp	n, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, W_WILD_X + 8 * \n(a0)
	.endr
	ld	x10, W_WILD_X + 8 * 10(a0)
	sret

	.globl	worker_entry, worker_again
worker_entry:
	mv	a0, a1
/* void worker_again(struct worker *): begins anew on an empty stack. */
worker_again:
	csrw	sie, zero
	csrw	satp, zero
	li	t1, SANE_SSTATUS
	csrw	sstatus, t1
	ld	t1, W_STUB(a0)
	csrw	stvec, t1
	sd	zero, W_TRY_SP(a0)
	sd	zero, W_IN_TRAP(a0)
	ld	sp, W_STACK(a0)
	call	rounds_run
