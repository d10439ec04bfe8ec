/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways into a stub: a0 is its address, a1 points to the values of a0 to a7. The way back is a
 * trap. sepc and sstatus.SPP are such that an SRET as a stub's first instruction goes to its second,
 * in S-mode.
 */
#include "csr.h"

	.macro	load_arguments
	.irp	n, 0,1,2,3,4,5,6,7
	ld	a\n, 8 * \n(t1)
	.endr
	.endm

	.text
	.globl	stub_enter_s
	.balign	4
stub_enter_s:
	mv	t0, a0
	mv	t1, a1
	addi	t2, t0, 4
	csrw	sepc, t2
	li	t2, SSTATUS_SPP
	csrs	sstatus, t2
	load_arguments
	jr	t0

	.globl	stub_enter_u
	.balign	4
stub_enter_u:
	csrw	sepc, a0
	mv	t1, a1
	li	t2, SSTATUS_SPP | SSTATUS_SPIE
	csrc	sstatus, t2
	load_arguments
	sret

/* void marker_call(id, time, cycle, instret): an SBI call that fails, again and again, with numbers
 * in a0 to a4 that say what it is, until a debugger makes it succeed. */
	.globl	marker_call
	.balign	4
marker_call:
	mv	t0, a0
	mv	t1, a1
	mv	t2, a2
	mv	a4, a3
1:	li	a0, 0x41554454
	mv	a1, t0
	mv	a2, t1
	mv	a3, t2
	li	a6, 0x7ff
	li	a7, 0x10
	ecall
	bnez	a0, 1b
	ret
