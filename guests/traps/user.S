/* SPDX-License-Identifier: BSD-2-Clause */
#include "csr.h"

/* The way into U-mode. The way back is a trap: trap_try() takes any. */
	.text
	.globl	user_enter
	.balign	4
user_enter:
	csrw	sepc, a0
	li	t0, SSTATUS_SPP | SSTATUS_SPIE
	csrc	sstatus, t0
	mv	a0, a1
	mv	a1, a2
	sret
