/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds in which the host is interrupted while the guest does nothing. */
#include "csr.h"
#include "interrupt.h"
#include "meter.h"
#include "function.inc"

	.text

/*
 * Reads instret over and over. a0: how much more it has risen between two readings than by the
 * instructions here, which is an exit. It cannot be missed: between readings, too, nothing counts but
 * what is known. Most of them are NOPs, which the emulator executes faster than a loop.
 */
function round_gap
	li	t3, 1 + GAP_TURNS * (GAP_NOPS + 2) + GAP_LENGTH
	csrr	t0, instret
1:	li	t2, GAP_TURNS
2:	.rept	GAP_NOPS
	nop
	.endr
	addi	t2, t2, -1
	bnez	t2, 2b
	csrr	t1, instret
	sub	a0, t1, t0
	mv	t0, t1
	bleu	a0, t3, 1b
	ret

/*
 * Until vector_typed was here. a0: SIP_SEIP if the interrupt was there beforehand, so that this round
 * is none.
 */
function round_typed
	li	a4, 0
	csrr	a0, sip
	li	t0, SIP_SEIP
	and	a0, a0, t0
	csrsi	sstatus, SSTATUS_SIE
1:	beqz	a4, 1b
	csrci	sstatus, SSTATUS_SIE
	ret

/* The device's interrupt stays pending, but closed. */
function vector_typed
	li	t0, SIP_SEIP
	csrc	sie, t0
	li	a4, 1
	sret
