/* SPDX-License-Identifier: BSD-2-Clause */
/* What move.c times: instructions between marks, the same whether counted or traced. */
#include "csr.h"
#include "meter.h"
#include "sbi.h"
#include "function.inc"

	.text

/* void move_signal_*(u64 hart, u64 number) */
	.macro	signal kind
	mv	a5, a1
	mv	a1, a0
	li	a0, 1
	li	a7, SBI_IPI
	li	a6, 0
	slti	x0, a5, MARK_MIDDLE + \kind
	ecall
	slti	x0, a5, MARK_SENT + \kind
	ret
	.endm

/* u64 move_wait_*(u64 number): waits for a signal; returns it as it is in sip, and takes it back. */
	.macro	wait kind
	mv	a5, a0
	li	a7, SBI_HSM
	li	a6, HSM_SUSPEND
	li	a0, HSM_SUSPEND_RETENTIVE
	slti	x0, a5, MARK_OTHER_BEGIN + \kind
	ecall
	slti	x0, a5, MARK_OTHER_END + \kind
	csrr	a0, sip
	andi	a0, a0, SIP_SSIP
	csrci	sip, SIP_SSIP
	ret
	.endm

function move_signal_counted
	signal	COUNTED
function move_signal_traced
	signal	TRACED
function move_wait_counted
	wait	COUNTED
function move_wait_traced
	wait	TRACED
