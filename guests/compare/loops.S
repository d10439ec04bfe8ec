/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rounds that guests/exits and guests/switch have not: as there, void name(count, a, b), and what
 * is left in a0 and a1 tells what happened.
 */
#include "csr.h"
#include "meter.h"
#include "sbi.h"
#include "function.inc"

	.text

/* a: function of the base extension. */
function round_base
	mv	a6, a1
	li	a7, SBI_BASE
	ecall
	ret

/* An M-mode CSR: the trap that a hart without H would take. a0: scause, a1: stval. */
function round_mvendorid
	li	a0, 0
	csrr	t2, mvendorid
	ret

/* A CSR of the hypervisor extension: refused, and what an S-mode has in its place is injected. */
function round_hstatus
	li	a0, 0
	.option	push
	.option	arch, +h
	csrr	t2, hstatus
	.option	pop
	ret

/* Steps over a 4-byte instruction, and tells of the trap. */
function vector_tell
	csrr	a0, scause
	csrr	a1, stval
	csrr	t1, sepc
	addi	t1, t1, 4
	csrw	sepc, t1
	sret

/* a: address; the value in a0. */
function round_load
	lw	a0, 0(a1)
	ret

/* a: address of a page that must read as zero; written too. */
function round_touch
	ld	a0, 0(a1)
	sd	a1, 8(a1)
	ld	a1, 8(a1)
	ret

/* b ticks from now; vector_timer of guests/exits disarms and sets a4. Ends when it was there. */
function round_timer
	li	a4, 0
	rdtime	a0
	add	a0, a0, a2
	li	a7, SBI_TIME
	li	a6, 0
	ecall
1:	beqz	a4, 1b
	ret

/* The same with stimecmp. */
function round_stimecmp
	li	a4, 0
	rdtime	a0
	add	a0, a0, a2
	csrw	CSR_STIMECMP, a0
1:	beqz	a4, 1b
	ret

/*
 * The emulator lets a hart that spins go on to the end of its turn, which is not later than the
 * machine's next timer. So who spins keeps its own, whose interrupt is not enabled, a little ahead.
 */
	.macro	shorten_turn
	rdtime	t0
	addi	t0, t0, 10
	csrw	CSR_STIMECMP, t0
	.endm

/* An interrupt from another hart: a: its hart id, b: what it counts them in. */
function round_signal
	ld	t3, 0(a2)
	li	a0, 1
	li	a7, SBI_IPI
	li	a6, 0
	ecall
1:	shorten_turn
	ld	t4, 0(a2)
	beq	t3, t4, 1b
	ret

/* Counts software interrupts at 0(s2), for whoever spins in spin_signalled. */
function vector_signalled
	csrci	sip, SIP_SSIP
	addi	s3, s3, 1
	sd	s3, 0(s2)
	sret

/* void spin_signalled(u64 *counter, const u64 *stop) */
function spin_signalled
	addi	sp, sp, -16
	sd	s2, 0(sp)
	sd	s3, 8(sp)
	mv	s2, a0
	ld	s3, 0(s2)
	csrsi	sstatus, SSTATUS_SIE
1:	shorten_turn
	ld	t1, 0(a1)
	beqz	t1, 1b
	csrci	sstatus, SSTATUS_SIE
	ld	s2, 0(sp)
	ld	s3, 8(sp)
	addi	sp, sp, 16
	ret

/*
 * a: id of a stopped hart, b: its struct newborn. Starts it and waits for 10,000 instructions, in
 * which that one comes to run here and stops again. Needs Sstc.
 */
	.macro	start_and_wait kind
	mv	a0, a1
	ld	t2, 16(a2)
	ld	a1, 0(a2)
	li	a7, SBI_HSM
	li	a6, HSM_START
	ecall
	slti	x0, t2, MARK_MIDDLE + \kind
	mv	t3, a0
	rdtime	t0
	addi	t0, t0, 100
	csrw	CSR_STIMECMP, t0
1:	li	a7, SBI_HSM
	li	a6, HSM_SUSPEND
	li	a0, HSM_SUSPEND_RETENTIVE
	ecall
	csrr	t0, sip
	andi	t0, t0, SIP_STIP
	beqz	t0, 1b
	li	t0, -1
	csrw	CSR_STIMECMP, t0
	mv	a0, t3
	ret
	.endm
function start_counted
	start_and_wait COUNTED
function start_traced
	start_and_wait TRACED

/* The first instructions of a vCPU; a1 = struct newborn. */
	.macro	stop
	li	a7, SBI_HSM
	li	a6, HSM_STOP
	ecall
	.endm
function newborn_counted
	ld	t0, 16(a1)
	csrr	t1, instret
	slti	x0, t0, MARK_OTHER_END + COUNTED
	sd	t1, 8(a1)
	stop
function newborn_traced
	ld	t0, 16(a1)
	slti	x0, t0, MARK_OTHER_END + TRACED
	sd	t0, 24(a1)
	stop
