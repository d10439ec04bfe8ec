/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First instructions of a guest, entry of secondary harts, the trap vector, and the landing of
 * trap_try(). sscratch holds the hart's struct hart, so that a trap needs no register to be sane:
 * the tests load device registers into sp, gp and tp too.
 */
#include "csr.h"
#include "frame.inc"
#include "hart.h"

	.section .text.head, "ax"
	.globl	_start
_start:
	/* The header that Linux defines for its boot image: any loader of kernels can start us. */
	j	boot
	.balign	8
	.8byte	IMAGE_BASE - RAM_BASE
	.8byte	__image_end - __image_start
	.8byte	0			/* flags: little-endian */
	.4byte	2			/* version 0.2 */
	.4byte	0
	.8byte	0
	.ascii	"RISCV\0\0\0"
	.ascii	"RSC\005"
	.4byte	0

boot:
	csrw	sie, zero
	csrci	sstatus, SSTATUS_SIE
	csrw	satp, zero
	la	t0, __bss_start
	la	t1, __bss_end
1:	sd	zero, (t0)
	addi	t0, t0, 8
	bltu	t0, t1, 1b
	la	sp, boot_stack_top
	la	t0, trap_entry
	csrw	stvec, t0
	call	guest_boot
	/* Not reached: guest_boot() ends in a shutdown. */
2:	wfi
	j	2b

	.text
	.globl	secondary_start
	.balign	4
secondary_start:
	csrw	sie, zero
	csrw	sscratch, a1
	ld	sp, HART_STACK(a1)
	la	t0, trap_entry
	csrw	stvec, t0
	mv	a0, a1
	call	hart_main

	.macro	each_register op
	\op	x1, FRAME_X(1)(sp)
	.irp	n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	\op	x\n, FRAME_X(\n)(sp)
	.endr
	.endm

	.globl	trap_entry
	.balign	4
trap_entry:
	csrrw	sp, sscratch, sp
	each_register sd
	csrrw	t0, sscratch, sp	/* t0: the interrupted sp */
	sd	t0, FRAME_X(2)(sp)
	csrr	t0, sepc
	sd	t0, FRAME_SEPC(sp)
	csrr	t0, sstatus
	sd	t0, FRAME_SSTATUS(sp)
	csrr	t0, scause
	sd	t0, FRAME_SCAUSE(sp)
	csrr	t0, stval
	sd	t0, FRAME_STVAL(sp)
	mv	a0, sp
	ld	t0, HART_IN_TRAP(sp)
	ld	sp, HART_TRAP_STACK(sp)
	bnez	t0, trap_nested		/* a trap in our own handler: nothing to return to */
	li	t0, 1
	sd	t0, HART_IN_TRAP(a0)
	call	trap_dispatch

	csrr	sp, sscratch
	sd	zero, HART_IN_TRAP(sp)
	ld	t0, FRAME_SEPC(sp)
	csrw	sepc, t0
	ld	t0, FRAME_SSTATUS(sp)
	csrw	sstatus, t0
	each_register ld
	ld	sp, FRAME_X(2)(sp)
	sret

/*
 * u64 trap_try_call(fn, a0, a1, a2): calls fn(a0, a1, a2). A trap in it continues at
 * trap_try_landing. fn may ruin every register but ra, sp included.
 */
	.globl	trap_try_call
trap_try_call:
	frame_push
	csrr	t0, sscratch
	sd	sp, HART_TRY_SP(t0)
	mv	t1, a0
	mv	a0, a1
	mv	a1, a2
	mv	a2, a3
	jalr	t1
	.globl	trap_try_landing
trap_try_landing:
	csrr	t0, sscratch
	ld	sp, HART_TRY_SP(t0)
	sd	zero, HART_TRY_SP(t0)
	frame_pop
	ret

	.bss
	.balign	16
	.space	16384
boot_stack_top:
