/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving floating-point and vector registers. C is compiled without F, D and V, so these are the
 * only instructions of the hypervisor that touch them. The caller has the unit on in sstatus and
 * knows that the hart has it.
 */
	.text

#define EACH_F(op)                                                                                 \
	op f0, 0(a0); op f1, 8(a0); op f2, 16(a0); op f3, 24(a0);                                  \
	op f4, 32(a0); op f5, 40(a0); op f6, 48(a0); op f7, 56(a0);                                \
	op f8, 64(a0); op f9, 72(a0); op f10, 80(a0); op f11, 88(a0);                              \
	op f12, 96(a0); op f13, 104(a0); op f14, 112(a0); op f15, 120(a0);                         \
	op f16, 128(a0); op f17, 136(a0); op f18, 144(a0); op f19, 152(a0);                        \
	op f20, 160(a0); op f21, 168(a0); op f22, 176(a0); op f23, 184(a0);                        \
	op f24, 192(a0); op f25, 200(a0); op f26, 208(a0); op f27, 216(a0);                        \
	op f28, 224(a0); op f29, 232(a0); op f30, 240(a0); op f31, 248(a0)

	.option push
	.option arch, +f, +d

/* void fpu_save_d(void *buffer), fpu_restore_d(const void *buffer): f0 to f31, fcsr */
	.globl	fpu_save_d
fpu_save_d:
	EACH_F(fsd)
	.globl	fpu_save_fcsr /* void fpu_save_fcsr(void *buffer) */
fpu_save_fcsr:
	frcsr	t0
	sd	t0, 256(a0)
	ret

	.globl	fpu_restore_d
fpu_restore_d:
	EACH_F(fld)
	ld	t0, 256(a0)
	fscsr	t0
	ret

/* The same for harts with F and no D. */
	.globl	fpu_save_f
fpu_save_f:
	EACH_F(fsw)
	frcsr	t0
	sd	t0, 256(a0)
	ret

	.globl	fpu_restore_f
fpu_restore_f:
	EACH_F(flw)
	ld	t0, 256(a0)
	fscsr	t0
	ret
	.option pop

	.option push
	.option arch, +v

/* void fpu_save_vector(void *buffer), fpu_restore_vector(const void *buffer): vstart, vcsr, vl,
 * vtype, then v0 to v31. Whole-register moves ignore vl and vtype but not vstart, which is why
 * it is saved first and restored last (V extension, "Vector Load/Store Whole Register
 * Instructions"). */
	.globl	fpu_save_vector
fpu_save_vector:
	csrr	t0, vstart
	csrr	t1, vcsr
	csrr	t2, vl
	csrr	t3, vtype
	sd	t0, 0(a0)
	sd	t1, 8(a0)
	sd	t2, 16(a0)
	sd	t3, 24(a0)
	csrw	vstart, zero
	csrr	t4, vlenb
	slli	t4, t4, 3
	addi	a0, a0, 32
	vs8r.v	v0, (a0)
	add	a0, a0, t4
	vs8r.v	v8, (a0)
	add	a0, a0, t4
	vs8r.v	v16, (a0)
	add	a0, a0, t4
	vs8r.v	v24, (a0)
	csrw	vstart, t0
	ret

/* void fpu_save_vector_csrs(void *buffer): those that a CSR instruction can write */
	.globl	fpu_save_vector_csrs
fpu_save_vector_csrs:
	csrr	t0, vstart
	csrr	t1, vcsr
	sd	t0, 0(a0)
	sd	t1, 8(a0)
	ret

	.globl	fpu_restore_vector
fpu_restore_vector:
	ld	t0, 0(a0)
	ld	t1, 8(a0)
	ld	t2, 16(a0)
	ld	t3, 24(a0)
	csrw	vstart, zero
	csrr	t4, vlenb
	slli	t4, t4, 3
	addi	a0, a0, 32
	vl8re8.v v0, (a0)
	add	a0, a0, t4
	vl8re8.v v8, (a0)
	add	a0, a0, t4
	vl8re8.v v16, (a0)
	add	a0, a0, t4
	vl8re8.v v24, (a0)
	/* The only way to write vl and vtype. vtype of a guest that never set it is vill, which
	 * vsetvl reproduces from any unsupported value. */
	vsetvl	zero, t2, t3
	csrw	vcsr, t1
	csrw	vstart, t0
	ret
	.option pop
