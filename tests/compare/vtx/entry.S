/* SPDX-License-Identifier: BSD-2-Clause */
/* The IDT's stubs, 16 bytes each. Interrupts come this way only while a CPU waits for work; those that
 * come while a guest runs end its run instead. */
#include "light.inc"

	.text

	.balign	16
	.globl	entry_stubs
entry_stubs:
	.set	vector, 0
	.rept	48
	.balign	16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	push	$0
	.endif
	push	$vector
	jmp	entry_common
	.set	vector, vector + 1
	.endr

entry_common:
	push_light_registers
	mov	72(%rsp), %rdi
	mov	80(%rsp), %rsi
	mov	88(%rsp), %rdx
	cld
	call	cpu_interrupt
	pop_light_registers
	pop	%rax
	add	$16, %rsp
	iretq

/* The image of the guest, as a binary. */
	.section .guest, "a"
	.balign	16
	.globl	guest_image, guest_image_end
guest_image:
	.incbin	GUEST_BINARY
guest_image_end:
