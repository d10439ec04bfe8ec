/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch: guest_run() on the way in, vmx_exit on the way out.
 *
 * VM exit loads rsp from the VMCS: the end of the vCPU's register area, below which its stack lies.
 * So pushing saves the guest's registers to where they belong. As in Hartwood, an exit goes only as
 * deep as it must:
 *
 *   light  the registers that C does not preserve are pushed, one C function runs, they are popped,
 *          VMRESUME. The callee-saved ones stay in their registers.
 *   full   those are saved too, and guest_run() returns to its caller.
 *
 * RFLAGS.IF is clear throughout: VM exit clears it ("Loading Host RIP, RSP, RFLAGS, and SSP").
 */
#include "light.inc"
#include "offsets.h"

/* Offsets from where rsp points on the light path. */
#define AT(field) ((field) - VCPU_LIGHT)

	.text

/* void guest_run(struct vcpu *vcpu) */
	.globl	guest_run
	.type	guest_run, @function
guest_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, VCPU_HOST_SP(%rdi)
	lea	VCPU_LIGHT(%rdi), %rsp
	mov	AT(VCPU_RBX)(%rsp), %rbx
	mov	AT(VCPU_RBP)(%rsp), %rbp
	mov	AT(VCPU_R12)(%rsp), %r12
	mov	AT(VCPU_R13)(%rsp), %r13
	mov	AT(VCPU_R14)(%rsp), %r14
	mov	AT(VCPU_R15)(%rsp), %r15
	testl	$AFTER_TIMER, AT(VCPU_AFTER)(%rsp)
	jz	1f
	call	timer_rearm
1:	cmpb	$0, AT(VCPU_LAUNCHED)(%rsp)
	jne	.Lresume
	movb	$1, AT(VCPU_LAUNCHED)(%rsp)
	pop_light_registers
	pop	%rax
	vmlaunch
	jmp	.Lfailed

/* The common end: all but the light registers are the guest's. */
.Lresume:
	pop_light_registers
	pop	%rax
	vmresume
/* VMLAUNCH and VMRESUME go on behind them only when they fail. */
.Lfailed:
	sub	$72, %rsp
	call	exit_entry_failed

	.balign	64
	.globl	vmx_exit
	.type	vmx_exit, @function
vmx_exit:
	push_light_registers
	mov	$VMCS_EXIT_REASON, %r11d
	vmread	%r11, %r10
	lea	AT(0)(%rsp), %rcx
	cmp	$REASON_VMCALL, %r10d
	jne	.Lnot_hypercall

/* A hypercall: the guest's rdi, rsi and rdx are the C function's arguments as they stand, rcx is the
 * vCPU, and what it returns in rax is the guest's result. */
	call	exit_hypercall
	cmpl	$0, AT(VCPU_AFTER)(%rsp)
	jne	.Lafter_hypercall
	pop_light_registers
	vmresume
	jmp	.Lfailed

/* CPUID is the one exit that changes a callee-saved register: what its C function returns is the
 * guest's rbx. */
.Lcpuid:
	mov	%rcx, %rdi
	call	exit_cpuid
	mov	%rax, %rbx
	jmp	.Lhandled

.Lnot_hypercall:
	cmp	$REASON_CPUID, %r10d
	je	.Lcpuid
	mov	%rcx, %rdi
	mov	%r10d, %esi
	call	exit_light
.Lhandled:
	cmpl	$0, AT(VCPU_AFTER)(%rsp)
	je	.Lresume
	jmp	.Lafter

.Lafter_hypercall:
	mov	%rax, AT_RAX(%rsp)
.Lafter:
	testl	$AFTER_DEEPEN, AT(VCPU_AFTER)(%rsp)
	jnz	.Lfull
	/* AFTER_TIMER it is, then. */
	lea	AT(0)(%rsp), %rdi
	call	timer_rearm
	jmp	.Lresume

.Lfull:
	andl	$~AFTER_DEEPEN, AT(VCPU_AFTER)(%rsp)
	mov	%rbx, AT(VCPU_RBX)(%rsp)
	mov	%rbp, AT(VCPU_RBP)(%rsp)
	mov	%r12, AT(VCPU_R12)(%rsp)
	mov	%r13, AT(VCPU_R13)(%rsp)
	mov	%r14, AT(VCPU_R14)(%rsp)
	mov	%r15, AT(VCPU_R15)(%rsp)
	mov	AT(VCPU_HOST_SP)(%rsp), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	vmx_exit, . - vmx_exit
