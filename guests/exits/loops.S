/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The measured loops. Each is a C function void name(u64 count, u64 a, u64 b) whose loop holds the
 * operation, the loading of all its arguments, and the loop's own two instructions: that is the
 * "loop included" of the numbers. Nothing is hoisted out of a loop that an ordinary caller would do
 * for each call. Where an interrupt or trap is part of the operation, stvec points at the shortest
 * handler that does the job, and the interrupted loop owns the registers that the handler changes.
 */
#include "csr.h"
#include "sbi.h"
#include "function.inc"

	.macro	loop_end
	addi	a5, a5, -1
	bnez	a5, 1b
	ret
	.endm

	.text

function loop_empty
	mv	a5, a0
1:	loop_end

function loop_sbi_base
	mv	a5, a0
1:	li	a7, SBI_BASE
	li	a6, BASE_SPEC_VERSION
	ecall
	loop_end

/* A time that no machine reaches, so that the timer is written but never fires. */
function loop_set_timer
	mv	a5, a0
	li	a4, -1
	srli	a4, a4, 2
1:	mv	a0, a4
	li	a7, SBI_TIME
	li	a6, 0
	ecall
	loop_end

/* a: hart id. The mask is bit 0 from this id on. */
function loop_ipi_self
	mv	a5, a0
	mv	a3, a1
	li	a4, 0
1:	li	a0, 1
	mv	a1, a3
	li	a7, SBI_IPI
	li	a6, 0
	ecall
2:	beqz	a4, 2b			/* until the handler was here */
	li	a4, 0
	loop_end

	.balign	64
	.globl	vector_ipi
vector_ipi:
	csrci	sip, SIP_SSIP
	li	a4, 1
	sret

/* a: hart id; b: address of the one 4 KiB page. */
function loop_sfence_self
	mv	a5, a0
	mv	t1, a1
	mv	t2, a2
1:	li	a0, 1
	mv	a1, t1
	mv	a2, t2
	li	a3, 4096
	li	a7, SBI_RFNC
	li	a6, RFNC_SFENCE_VMA
	ecall
	loop_end

/* a: address of a register of 4 bytes. */
function loop_read_word
	mv	a5, a0
1:	lw	a0, 0(a1)
	loop_end

/* a: address of a register of 1 byte. */
function loop_read_byte
	mv	a5, a0
1:	lbu	a0, 0(a1)
	loop_end

function loop_write_byte
	mv	a5, a0
1:	sb	zero, 0(a1)
	loop_end

function loop_read_hstatus
	mv	a5, a0
	.option	push
	.option	arch, +h
1:	csrr	a0, hstatus
	.option	pop
	loop_end

function loop_illegal
	mv	a5, a0
1:	.4byte	0
	loop_end

function loop_ebreak
	mv	a5, a0
	.option	push
	.option	norvc
1:	ebreak
	.option	pop
	loop_end

/* Steps over the 4-byte instruction that trapped. */
	.balign	64
	.globl	vector_skip
vector_skip:
	csrr	a4, sepc
	addi	a4, a4, 4
	csrw	sepc, a4
	sret

/* Arms for a time long past, takes the interrupt at once, disarms in the handler. */
function loop_timer
	mv	a5, a0
	li	a4, 0
1:	li	a0, 0
	li	a7, SBI_TIME
	li	a6, 0
	ecall
2:	beqz	a4, 2b
	li	a4, 0
	loop_end

	.balign	64
	.globl	vector_timer
vector_timer:
	li	a0, -1
	li	a7, SBI_TIME
	li	a6, 0
	ecall
	li	a4, 1
	sret

/* The same through Sstc: no SBI call at all. */
function loop_stimecmp_timer
	mv	a5, a0
	li	a4, 0
1:	csrw	CSR_STIMECMP, zero
2:	beqz	a4, 2b
	li	a4, 0
	loop_end

	.balign	64
	.globl	vector_stimecmp
vector_stimecmp:
	li	a4, -1
	csrw	CSR_STIMECMP, a4
	sret

function loop_stimecmp_write
	mv	a5, a0
	li	a4, -1
1:	csrw	CSR_STIMECMP, a4
	loop_end

function loop_rdtime
	mv	a5, a0
1:	rdtime	a0
	loop_end

/* WFI with an interrupt pending and enabled in sie, taken nowhere since sstatus.SIE is off. */
function loop_wfi_pending
	mv	a5, a0
1:	wfi
	loop_end

/* a: address; b: step. One load from each. */
function loop_touch
	mv	a5, a0
1:	lb	a0, 0(a1)
	add	a1, a1, a2
	loop_end
