/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves FP and vector state. Each part of it only where the hart has the unit. */
#include "unit.h"

	.option	arch, +f, +d, +v
	.text

	.globl	fp_dump
fp_dump:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fsd	f\n, UNIT_F + 8 * \n(a0)
	.endr
	frcsr	t0
	sd	t0, UNIT_FCSR(a0)
	ret

	.globl	fp_fill
fp_fill:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fld	f\n, UNIT_F + 8 * \n(a0)
	.endr
	ld	t0, UNIT_FCSR(a0)
	fscsr	t0
	ret

	/* vstart first: it is an input of every vector instruction after. */
	.globl	v_dump
v_dump:
	csrr	t0, vstart
	sd	t0, UNIT_VSTART(a0)
	csrw	vstart, zero
	csrr	t0, vl
	sd	t0, UNIT_VL(a0)
	csrr	t0, vtype
	sd	t0, UNIT_VTYPE(a0)
	csrr	t0, vcsr
	sd	t0, UNIT_VCSR(a0)
	csrr	t0, vlenb
	sd	t0, UNIT_VLENB(a0)
	slli	t0, t0, 3
	addi	t1, a0, UNIT_V
	vs8r.v	v0, (t1)
	add	t1, t1, t0
	vs8r.v	v8, (t1)
	add	t1, t1, t0
	vs8r.v	v16, (t1)
	add	t1, t1, t0
	vs8r.v	v24, (t1)
	ld	t0, UNIT_VSTART(a0)
	csrw	vstart, t0
	ret

	.globl	v_fill
v_fill:
	csrw	vstart, zero
	csrr	t0, vlenb
	slli	t0, t0, 3
	addi	t1, a0, UNIT_V
	vl8re8.v v0, (t1)
	add	t1, t1, t0
	vl8re8.v v8, (t1)
	add	t1, t1, t0
	vl8re8.v v16, (t1)
	add	t1, t1, t0
	vl8re8.v v24, (t1)
	ld	t0, UNIT_VCSR(a0)
	csrw	vcsr, t0
	ld	t0, UNIT_VL(a0)
	ld	t1, UNIT_VTYPE(a0)
	vsetvl	zero, t0, t1
	ld	t0, UNIT_VSTART(a0)
	csrw	vstart, t0
	ret
