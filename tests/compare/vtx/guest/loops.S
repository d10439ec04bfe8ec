/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The measured loops, and for each its baseline: the same instructions with a NOP where the operation
 * is. So the difference is what the hypervisor executed. Arguments as in C: rdi is the count, rsi and
 * rdx belong to the operation. Handlers are the shortest that do the job; the loop that is interrupted
 * owns the registers that they change.
 */
#include "guest.h"

#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_EOI	 0x80b

#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23

	.macro	function name
	.balign	64
	.globl	\name
	.type	\name, @function
\name:
	.endm

	.macro	begin_loop name
	function \name
	push	%rbx
	push	%r12
	mov	%rdi, %r12
1:
	.endm

	.macro	end_loop
	dec	%r12
	jnz	1b
	pop	%r12
	pop	%rbx
	ret
	.endm

	.section .start, "ax"
	.globl	start
start:
	lgdt	gdt_pointer
	lidt	idt_pointer
	call	guest_main
	ud2

	.text

	.irp	kind, loop, base
	.ifc	\kind, loop
	.macro	operation insn:vararg
	\insn
	.endm
	.else
	.purgem	operation
	.macro	operation insn:vararg
	nop
	.endm
	.endif

	begin_loop \kind\()_hypercall
	mov	$HC_VERSION, %edi
	operation vmcall
	end_loop

/* Leaf 0; returns the first four letters of the vendor above the number of leaves. */
	begin_loop \kind\()_cpuid
	xor	%eax, %eax
	operation cpuid
	shl	$32, %rbx
	or	%rbx, %rax
	end_loop

/* a: address of a register of 4 bytes. */
	begin_loop \kind\()_device
	operation mov (%rsi), %eax
	end_loop

/* a: address; b: step. */
	begin_loop \kind\()_touch
	operation mov (%rsi), %rax
	add	%rdx, %rsi
	end_loop

	begin_loop \kind\()_yield
	mov	$HC_YIELD, %edi
	operation vmcall
	end_loop

/* Adds one to all registers but the one that holds ones. */
	begin_loop \kind\()_yield_fp
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
	vpaddq	%ymm15, %ymm\i, %ymm\i
	.endr
	mov	$HC_YIELD, %edi
	operation vmcall
	end_loop

	begin_loop \kind\()_move
	mov	$HC_MOVE, %edi
	operation vmcall
	end_loop
	.endr

/* The handler of each steps over two bytes. */
	begin_loop loop_refused
	mov	$MSR_REFUSED, %ecx
	rdmsr
	end_loop

	begin_loop base_refused
	mov	$MSR_REFUSED, %ecx
	ud2
	end_loop

/* a: ticks from now to the deadline. The wait is counted: each round of it is three instructions, and
 * how many there are is the timer's affair. */
	.macro	timer_loop name, insn:vararg
	function \name
	push	%r12
	push	%r13
	push	%r14
	mov	%rdi, %r12
	xor	%r13d, %r13d
	sti
1:	xor	%r14d, %r14d
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	add	%rsi, %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_TSC_DEADLINE, %ecx
	\insn
2:	inc	%r13
	test	%r14d, %r14d
	jz	2b
	dec	%r12
	jnz	1b
	cli
	mov	%r14, %rax
	mov	%r13, %rdx
	pop	%r14
	pop	%r13
	pop	%r12
	ret
	.endm

	.macro	wait_for_deadline
	wrmsr
	nop
	.endm
	timer_loop loop_timer, wait_for_deadline

	.macro	raise_by_hand
	nop
	int	$VECTOR_TIMER_BASE
	.endm
	timer_loop base_timer, raise_by_hand

	.macro	timer_handler name, insn
	.balign	64
	.globl	\name
\name:
	incq	timer_count
	mov	$1, %r14d
	mov	$MSR_X2APIC_EOI, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	\insn
	iretq
	.endm
	timer_handler vector_timer, wrmsr
	timer_handler vector_timer_base, nop

	.balign	64
	.globl	vector_gp
vector_gp:
	popq	fault_code
	incq	fault_count
	addq	$2, (%rsp)
	iretq

	.balign	64
	.globl	vector_ud
vector_ud:
	nop
	incq	undefined_count
	addq	$2, (%rsp)
	iretq

/* Anything else: 16 bytes each, the vector's number on the stack. */
	.balign	16
	.globl	vector_others
vector_others:
	.set	vector, 0
	.rept	32
	.balign	16
	push	$vector
	jmp	others
	.set	vector, vector + 1
	.endr
others:
	pop	%rdi
	pop	%rsi
	pop	%rdx
	and	$-16, %rsp
	call	unexpected

/* u64 hypercall(u64 number, u64 a, u64 b): C's arguments are the hypervisor's. */
	function hypercall
	vmcall
	ret

/* u64 name(u64 number): which bits of the registers an exit has changed that it should not; 0 for none. */
	.macro	registers_after name, insn:vararg
	function \name
	.irp	reg, rbx, rbp, r12, r13, r14, r15, rdi
	push	%\reg
	.endr
	.set	value, 0
	.irp	reg, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	.set	value, value + 0x01010101
	mov	$value, %\reg
	.endr
	\insn
	.set	value, 0
	pop	%rax
	xor	%rdi, %rax
	.irp	reg, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	.set	value, value + 0x01010101
	xor	$value, %\reg
	or	%\reg, %rax
	.endr
	.irp	reg, r15, r14, r13, r12, rbp, rbx
	pop	%\reg
	.endr
	ret
	.endm
	registers_after registers_after_hypercall, vmcall
	registers_after registers_after_device, mov GUEST_OFFSET + GUEST_DEVICE, %eax

/* u64 user_hypercall(void): the empty one at CPL 3, whose result it returns; the interrupt leads back. */
	function user_hypercall
	mov	%rsp, kernel_rsp
	push	$SELECTOR_USER_DATA
	push	kernel_rsp
	push	$2
	push	$SELECTOR_USER_CODE
	push	$1f
	mov	$HC_VERSION, %edi
	iretq
1:	vmcall
	int	$VECTOR_LEAVE_USER

	.globl	leave_user
leave_user:
	mov	$0x10, %ecx
	mov	%ecx, %ss
	mov	kernel_rsp, %rsp
	ret

/* void fp_fill(u64 seed) */
	function fp_fill
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
	lea	\i(%rdi), %rax
	vmovq	%rax, %xmm\i
	vpbroadcastq %xmm\i, %ymm\i
	.endr
	mov	$1, %eax
	vmovq	%rax, %xmm15
	vpbroadcastq %xmm15, %ymm15
	ret

/* void fp_read(u64 (*lanes)[4]) */
	function fp_read
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
	vmovdqu	%ymm\i, (32 * \i)(%rdi)
	.endr
	ret

/* The second vCPU: yields as often as rdi says, checks, and ends. */
	.macro	partner name, loop, before, after
	.globl	\name
\name:
	push	%rdi
	\before
	pop	%rdi
	call	\loop
	\after
	mov	$HC_STOP, %edi
	vmcall
	ud2
	.endm
	partner partner_plain, loop_yield
	partner partner_registers, loop_yield, "call partner_registers_begin", "call partner_registers_end"
	partner partner_fp, loop_yield_fp, "call partner_fp_begin", "call partner_fp_end"

/* A vCPU that a hypercall makes: how long it took from rdi on, and what it finds in the other registers,
 * which the one before it left full. */
	.globl	first_entry
first_entry:
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	sub	%rdi, %rax
	mov	%rax, spawn_ticks
	incq	spawn_count
	.irp	reg, rbx, rcx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	or	%\reg, spawn_registers
	not	%\reg
	.endr
	mov	$HC_STOP, %edi
	vmcall
	ud2

	.data
	.balign	16
	.globl	gdt
gdt:
	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00cff3000000ffff	/* for CPL 3: data, code */
	.quad	0x00affb000000ffff
	.fill	2, 8, 0			/* checks.c makes a TSS */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt
	.balign	16
idt_pointer:
	.word	16 * 80 - 1
	.quad	idt
	.balign	8
	.globl	fault_count, fault_code, timer_count, spawn_count, spawn_ticks, spawn_registers
spawn_registers: .quad	0
fault_code:	.quad	0
undefined_count: .quad	0
kernel_rsp:	.quad	0
fault_count:	.quad	0
timer_count:	.quad	0
spawn_count:	.quad	0
spawn_ticks:	.quad	0
