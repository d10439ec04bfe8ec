/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI calls whose surroundings C cannot express. */
#include "csr.h"
#include "frame.inc"
#include "hart.h"
#include "sbi.h"

	.text
	.globl	ecall_plain
	.balign	4
ecall_plain:
	mv	a7, a0
	mv	a0, a1
	mv	a1, a2
	/* A legacy call must not look at the function id. */
	li	a6, 0x55
	.globl	ecall_plain_site
ecall_plain_site:
	ecall
	ret

	.macro	record_entry record
	la	t0, \record
	sd	a0, 0(t0)
	sd	a1, 8(t0)
	csrr	t1, satp
	sd	t1, 16(t0)
	csrr	t1, sstatus
	sd	t1, 24(t0)
	fence	rw, rw
	li	t1, 1
	sd	t1, 32(t0)
	.endm

	.globl	start_entry
	.balign	4
start_entry:
	/* All of them first, sscratch's value being the price. */
	csrw	sscratch, t0
	la	t0, start_registers
	.irp	n, 1,2,3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, 8 * \n(t0)
	.endr
	csrr	t1, sscratch
	sd	t1, 8 * 5(t0)
	csrr	t1, sepc
	sd	t1, 256(t0)
	csrr	t1, scause
	sd	t1, 264(t0)
	csrr	t1, stval
	sd	t1, 272(t0)
	csrr	t1, stvec
	sd	t1, 280(t0)
	csrr	t1, sie
	sd	t1, 288(t0)
	record_entry start_record
	csrw	sie, zero
	li	a7, SBI_HSM
	li	a6, HSM_STOP
	ecall
1:	j	1b

	.globl	suspend_call
	.balign	4
suspend_call:
	frame_push
	csrr	t0, sscratch
	sd	t0, 120(sp)
	la	t0, suspended_sp
	sd	sp, (t0)
	mv	s0, a4
	mv	a7, a0
	mv	a6, a1
	mv	a0, a2
	la	a1, resume_entry
	mv	a2, a3
	ecall
	sd	a0, (s0)
	j	resumed

	/* Nothing but a0, a1, satp and sstatus.SIE has a known value here. */
	.balign	4
resume_entry:
	record_entry resume_record
	la	t0, suspended_sp
	ld	sp, (t0)
	ld	t0, 120(sp)
	csrw	sscratch, t0
	la	t0, trap_entry
	csrw	stvec, t0
	csrw	sie, zero
resumed:
	frame_pop
	ret

/*
 * void registers_call(struct register_probe *probe): loads x1 to x31 from before[], makes the
 * call, stores all to after[]. sscratch carries the probe across the call, since no register is
 * free to; so no trap may come between, and interrupts must be off.
 */
#define PROBE_AFTER	256
#define PROBE_SCRATCH	512
#define PROBE_SP	520
	.globl	registers_call
	.balign	4
registers_call:
	frame_push
	sd	sp, PROBE_SP(a0)
	csrrw	t0, sscratch, a0
	sd	t0, PROBE_SCRATCH(a0)
	.irp	n, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,10
	ld	x\n, 8 * \n(a0)
	.endr
	ecall
	csrrw	sp, sscratch, sp
	.irp	n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, PROBE_AFTER + 8 * \n(sp)
	.endr
	ld	t0, PROBE_SCRATCH(sp)
	csrrw	t0, sscratch, t0
	sd	t0, PROBE_AFTER + 8 * 2(sp)
	ld	sp, PROBE_SP(sp)
	frame_pop
	ret

	.bss
	.balign	8
	.globl	start_record, resume_record, start_registers
start_registers:
	.space	296
start_record:
	.space	40
resume_record:
	.space	40
suspended_sp:
	.space	8
