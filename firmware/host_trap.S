/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own mistakes: traps while it runs, failed CHECK()s, overwritten stacks. All end
 * in a report by C code on the emergency stack, as the hart's own may be what is broken. The first
 * hart to come here reports; that hart never goes back.
 */
#include "platform/hart.h"

#define FRAME_SIZE 256 /* struct panic_frame: x0 to x31 */

#define SBI_EID_SRST 0x53525354
#define SBI_EID_LEGACY_SHUTDOWN 8

/* Saves the registers to the emergency stack and calls \handler(frame). sscratch is free: what the
 * world switch keeps there is needed no more. */
	.macro	report handler
	csrw	sscratch, t0
	/* t0 is the only register to work with, so a nonzero word to swap in is the address. */
	lla	t0, panic_taken
	amoor.w.aq t0, t0, (t0)
	bnez	t0, taken
	lla	t0, emergency_area + HART_AREA_SIZE - HART_RESERVE - FRAME_SIZE
	sd	zero, 0(t0)
	.irp	n, 1,2,3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, 8*\n(t0)
	.endr
	csrr	t1, sscratch
	sd	t1, 8*5(t0)
	mv	a0, t0
	mv	sp, t0
	lla	t0, host_trap_vector
	csrw	stvec, t0
	li	s0, 0
	call	\handler
	.endm

	.text
	.balign	4			/* stvec */
	.globl	host_trap_vector
	.type	host_trap_vector, @function
host_trap_vector:
	report	panic_report_trap

/* _Noreturn void check_failed(const char *file, int line, const char *condition) */
	.globl	check_failed
	.type	check_failed, @function
check_failed:
	report	panic_report_check

	.globl	__stack_chk_fail
	.type	__stack_chk_fail, @function
__stack_chk_fail:
	report	panic_report_stack

/* _Noreturn void firmware_failed(const char *call, s64 error) */
	.globl	firmware_failed
	.type	firmware_failed, @function
firmware_failed:
	report	panic_report_firmware

/* Another hart reports already and will stop this one; or the report itself went wrong, and then
 * there is nobody else to stop the machine. */
taken:
	lla	t0, emergency_area
	sub	t0, sp, t0
	srli	t0, t0, HART_AREA_SHIFT
	bnez	t0, 1f
	li	a7, SBI_EID_SRST
	li	a6, 0
	li	a0, 0			/* shutdown */
	li	a1, 1			/* system failure */
	ecall
	li	a7, SBI_EID_LEGACY_SHUTDOWN
	ecall
1:	j	park

	.section .data.panic_taken, "aw"
	.balign	4
panic_taken:
	.word	0
