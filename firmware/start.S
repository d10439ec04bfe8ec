/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions of each hart.
 *
 * The image begins with the header of a RISC-V Linux Image, so that every loader of Linux kernels
 * loads it. It may be put at any address that is a multiple of 2 MiB; the words that depend on
 * where it is are listed in a table behind the data, which firmware/image/add-relocations makes.
 *
 * On entry: S-mode, paging off, interrupts off, a0 = hart id, a1 = device tree.
 */
#include "platform/hart.h"

#define SSTATUS_CLEAR ((1 << 1) | (3 << 9) | (3 << 13) | (1 << 18) | (1 << 19)) /* SIE VS FS SUM MXR */

	.section .head, "ax"
	.globl	image_start
image_start:
	.option push
	.option norvc
	j	start
	.option pop
	.balign	8
	.quad	0x200000		/* where above the start of RAM to load it */
	.quad	image_end - image_start	/* memory it needs, bss included */
	.quad	0			/* little-endian */
	.word	2			/* header version 0.2 */
	.word	0
	.quad	0
	.ascii	"RISCV\0\0\0"
	.ascii	"RSC\x05"
	.word	0			/* no PE header */

/* State that firmware may have left otherwise. The image was stored by one hart, and each has to make
 * its own fetches see that (Unprivileged ISA, "Zifencei"); QEMU's always do. */
	.macro	init_hart
	fence.i
	csrw	sie, zero
	li	t0, SSTATUS_CLEAR
	csrc	sstatus, t0
	csrw	satp, zero
	csrw	sscratch, zero
	li	gp, 0
	li	tp, 0
	.endm

	.text
start:
	init_hart
	lla	t0, park
	csrw	stvec, t0

	/* Firmware with HSM sends one hart here. Firmware without it may send all: one goes on. */
	lla	t0, boot_taken
	li	t1, 1
	amoswap.w t1, t1, (t0)
	bnez	t1, park
	rdtime	s1

	/* The image is linked at 0, so each word in the table lacks just the load address. */
	lla	t0, image_start
	lla	t1, image_relocations
	lwu	t2, 0(t1)
	slli	t2, t2, 2
	add	t2, t2, t1
1:	beq	t1, t2, 2f
	addi	t1, t1, 4
	lwu	t3, 0(t1)
	add	t3, t3, t0
	ld	t4, 0(t3)
	add	t4, t4, t0
	sd	t4, 0(t3)
	j	1b

2:	lla	t0, bss_start
	lla	t1, bss_end
3:	bgeu	t0, t1, 4f
	sd	zero, 0(t0)
	addi	t0, t0, 8
	j	3b

4:	lla	t0, boot_time
	sd	s1, 0(t0)
	lla	t0, host_trap_vector
	csrw	stvec, t0
	lla	sp, boot_area + HART_AREA_SIZE - HART_RESERVE
	li	s0, 0			/* the end of the chain of frame pointers */
	li	ra, 0
	tail	boot_start

/* a0 = hart id, a1 = struct hart, which is also where the stack begins. */
	.globl	secondary_start
secondary_start:
	init_hart
	lla	t0, host_trap_vector
	csrw	stvec, t0
	mv	sp, a1
	li	s0, 0
	li	ra, 0
	tail	hart_main

	.balign	4			/* stvec */
	.globl	park
park:
	csrw	sie, zero
	wfi
	j	park

	.section .data.boot_taken, "aw"
	.balign	4
boot_taken:
	.word	0
