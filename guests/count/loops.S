/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops of which each instruction is known, between two marks. u64 name(u64 count, u64 a), count at
 * least 1; they return the ticks that the clock went on between its two reads. In the comment of
 * each: how many instructions a turn begins without the loop's own two, those of a handler after +.
 */
#include "csr.h"
#include "sbi.h"

/* The name, and the first mark. t6 keeps the first time. */
	.macro	begin name, number
	.globl	\name
	.balign	64
\name:
	mv	a5, a0
	rdtime	t6
	slti	x0, t6, 2 * \number
1:
	.endm

	.macro	end number
	addi	a5, a5, -1
	bnez	a5, 1b
	rdtime	a0
	slti	x0, a0, 2 * \number + 1
	sub	a0, a0, t6
	ret
	.endm

	.text

begin loop_empty, 8
end 8

/* Arithmetic of all widths, compressed and not, and jumps over what does not count: 10. */
begin loop_arithmetic, 9
	addi	t0, a5, 100
	slli	t1, t0, 3
	.option	push
	.option	norvc
	add	t1, t1, t0
	mul	t2, t1, t0
	.option	pop
	addw	t2, t2, t1
	lui	t3, 0x12345
	sltu	t4, t3, t2
	beq	zero, zero, 2f
	nop
2:	j	3f
	nop
3:	auipc	t5, 0
end 9

/* Loads, stores, an atomic, a CSR, a fence, in the middle of blocks: 9. a: 64 bytes of memory. */
begin loop_memory, 10
	sd	a5, 0(a1)
	ld	t0, 0(a1)
	addi	t0, t0, 1
	sw	t0, 8(a1)
	lbu	t1, 8(a1)
	amoadd.d t2, t0, (a1)
	csrr	t3, scause
	fence
	sub	t4, t1, t0
end 10

/* A load that faults between others, and a handler of four: 3 + 4. a: where nothing is mapped. */
begin loop_page_fault, 11
	addi	t0, a5, 0
	.option	push
	.option	norvc
	lb	t1, 0(a1)
	.option	pop
	addi	t0, t0, 1
end 11

/* Compressed loads that fault, one of them by sp, which the handler leaves alone: 5 + 8. What the
 * handler skips must not count. a: where nothing is mapped. */
begin loop_page_fault_compressed, 15
	c.ld	a2, 0(a1)
	c.nop
	mv	t0, sp
	mv	sp, a1
	c.ldsp	t1, 0(sp)
	c.nop
	mv	sp, t0
end 15

/* A breakpoint, which stops at its own: 2 + 4. */
begin loop_breakpoint, 12
	addi	t0, a5, 0
	.option	push
	.option	norvc
	ebreak
	.option	pop
end 12

/* The SBI call of guests/exits: 3. */
begin loop_sbi_base, 13
	li	a7, SBI_BASE
	li	a6, BASE_SPEC_VERSION
	ecall
end 13

/* A load that the hypervisor does for the guest. a: a register of one byte. 1. */
begin loop_uart_read, 14
	lbu	t0, 0(a1)
end 14

/* Steps over the 4-byte instruction that trapped: 4. */
	.balign	64
	.globl	vector_skip
vector_skip:
	csrr	t5, sepc
	addi	t5, t5, 4
	csrw	sepc, t5
	sret
