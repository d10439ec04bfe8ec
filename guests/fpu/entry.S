/* SPDX-License-Identifier: BSD-2-Clause */
/* The first instructions of a hart that is to tell what it found in its registers. */
#include "csr.h"
#include "unit.h"

	.text
	.globl	unit_entry
	.balign	4
unit_entry:
	mv	s0, a1
	ld	t0, UNIT_HAS_FP(s0)
	beqz	t0, 1f
	li	t0, SSTATUS_FS
	csrs	sstatus, t0
	mv	a0, s0
	call	fp_dump
1:	ld	t0, UNIT_HAS_V(s0)
	beqz	t0, 2f
	li	t0, SSTATUS_VS
	csrs	sstatus, t0
	mv	a0, s0
	call	v_dump
2:	ld	a1, UNIT_HART(s0)
	tail	secondary_start
