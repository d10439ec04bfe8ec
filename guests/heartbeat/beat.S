/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for one timer interrupt. The vector is part of both loops: it notes the moment before it
 * does anything else, and the loops own the registers that it changes.
 *
 *	struct moment beat_sleep(u64 next), beat_spin(u64 next)	a0: time, a1: instret
 *
 * Called with sstatus.SIE off, STIE the only bit of sie and stvec at one of the vectors. next is
 * what the vector sets the timer to.
 */
#include "csr.h"
#include "sbi.h"

	.text
	.globl	beat_sleep
	.balign	64
beat_sleep:
	mv	a3, a0
	li	a2, 0
	/* WFI also ends for an interrupt that SIE holds back, so that none can slip in between the
	 * look and the sleep; it is taken at the csrsi. */
1:	csrci	sstatus, SSTATUS_SIE
	bnez	a2, 2f
	wfi
	csrsi	sstatus, SSTATUS_SIE
	j	1b
2:	ret

	.globl	beat_spin
	.balign	64
beat_spin:
	mv	a3, a0
	li	a2, 0
	csrsi	sstatus, SSTATUS_SIE
1:	beqz	a2, 1b
	csrci	sstatus, SSTATUS_SIE
	ret

	.globl	beat_vector_sstc
	.balign	64
beat_vector_sstc:
	csrr	a1, instret
	rdtime	a0
	csrw	CSR_STIMECMP, a3
	csrw	sie, zero
	li	a2, 1
	sret

	.globl	beat_vector_sbi
	.balign	64
beat_vector_sbi:
	csrr	t1, instret
	rdtime	t0
	mv	a0, a3
	li	a7, SBI_TIME
	li	a6, 0
	ecall
	mv	a0, t0
	mv	a1, t1
	csrw	sie, zero
	li	a2, 1
	sret

/* struct moment beat_edge(void): the first moment of the next tick of the clock. */
	.globl	beat_edge
	.balign	64
beat_edge:
	rdtime	a2
1:	rdtime	a0
	csrr	a1, instret
	beq	a0, a2, 1b
	ret
