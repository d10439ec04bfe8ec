/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The measured loops. What a loop executes itself is counted in its comments, because the numbers
 * are what is left after that is taken off, or contain it knowingly.
 */
#include "csr.h"
#include "sbi.h"
#include "function.inc"

	.option	arch, +f, +d, +v
	.text

	.macro	touch_none
	nop
	.endm
	.macro	touch_fp
	fadd.d	f0, f0, f1
	.endm
	.macro	touch_v
	vadd.vv	v0, v0, v1
	.endm

	.macro	wait_by_wfi
	wfi
	.endm
	/* A retentive suspend of HSM. */
	.macro	wait_by_suspend
	li	a7, SBI_HSM
	li	a6, HSM_SUSPEND
	li	a0, HSM_SUSPEND_RETENTIVE
	ecall
	.endm

	.macro	signal
	li	a0, 1
	mv	a1, a4
	li	a7, SBI_IPI
	li	a6, 0
	ecall
	.endm

	.macro	await_signal wait
7:	csrr	a0, sip
	andi	a0, a0, SIP_SSIP
	bnez	a0, 8f
	\wait
	j	7b
8:	csrci	sip, SIP_SSIP
	.endm

/*
 * void ping_*(u64 count, u64 other) signals the other hart and waits for its signal, pong_* the
 * other way round. sie.SSIE is open and sstatus.SIE is not: waiting ends, and nothing is taken.
 */
	.macro	ping_pong name, touch, wait
function ping_\name
	mv	a5, a0
	mv	a4, a1
1:	signal
	\touch
	await_signal \wait
	addi	a5, a5, -1
	bnez	a5, 1b
	ret

function pong_\name
	mv	a5, a0
	mv	a4, a1
1:	await_signal \wait
	\touch
	signal
	addi	a5, a5, -1
	bnez	a5, 1b
	ret
	.endm

	ping_pong plain, touch_none, wait_by_wfi
	ping_pong fp, touch_fp, wait_by_wfi
	ping_pong v, touch_v, wait_by_wfi
	ping_pong suspend, touch_none, wait_by_suspend

/*
 * void run_spin(struct runner *): counts its rounds, of eight instructions, at 0(a0) until 8(a0)
 * is not zero, and sets the timer 24(a0) ticks ahead in each. Interrupts are counted at 16(a0), by a
 * vector that is part of this loop.
 */
function run_spin
	li	t0, 0
	li	t2, 0
1:	addi	t0, t0, 1
	sd	t0, 0(a0)
	ld	t3, 24(a0)
	rdtime	t4
	add	t4, t4, t3
	csrw	CSR_STIMECMP, t4
	ld	t1, 8(a0)
	beqz	t1, 1b			/* 8 */
	ret

	.balign	64
	.globl	run_vector
run_vector:
	csrci	sip, SIP_SSIP
	addi	t2, t2, 1
	sd	t2, 16(a0)
	sret

/*
 * u64 await_count(volatile u64 *counter, u64 value): rounds of three instructions until it has this
 * value; returns how many.
 */
function await_count
	li	a2, 0
1:	ld	a3, 0(a0)
	addi	a2, a2, 1
	bne	a3, a1, 1b
	mv	a0, a2
	ret

/*
 * void stints_*(u64 gaps, u64 threshold, struct stints *): rounds of exactly 100 instructions. The
 * clock is read in each; when it is later by `threshold` ticks or more than in the round before,
 * there was a gap. From the end of a first gap to the end of so many more, *stints gets the rounds
 * (0) and the ticks (8).
 */
	.macro	stints name, touch
function stints_\name
	mv	t2, a2
	rdtime	a4
	li	t3, -1			/* gaps seen: the first one only starts the count */
1:	li	a5, 46
2:	addi	a5, a5, -1
	bnez	a5, 2b			/* 93 */
	\touch
	nop
	addi	t4, t4, 1
	rdtime	a6
	sub	a7, a6, a4
	mv	a4, a6
	bltu	a7, a1, 1b		/* 100 */
	addi	t3, t3, 1
	bnez	t3, 3f
	li	t4, 0
	mv	t5, a6
3:	bltu	t3, a0, 1b
	sd	t4, 0(t2)
	sub	a6, a6, t5
	sd	a6, 8(t2)
	ret
	.endm

	stints	plain, touch_none
	stints	fp, touch_fp
	stints	v, touch_v

function vector_ready
	vsetvli	t0, zero, e64, m1, ta, ma
	ret
