/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the BIOS to main(): the boot sector reads the rest of the disk's image to the place it is
 * linked for, and goes from real mode to 64-bit mode at once. Other CPUs come in at boot_ap, by the
 * same way (Intel SDM vol. 3, "Initializing IA-32e Mode").
 */
#include "layout.h"

#define CR0_BITS 0x80010033 /* PG WP NE ET MP PE */
#define CR4_BITS 0x620      /* PAE OSFXSR OSXMMEXCPT */
#define MSR_EFER 0xc0000080
#define EFER_SCE_LME 0x101

#define SECTOR	   512
#define CHUNK	   64 /* sectors in one read */

	.macro	enter_long target
	movl	$CR4_BITS, %eax
	movl	%eax, %cr4
	movl	$boot_pml4, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_SCE_LME, %eax
	wrmsr
	lgdtl	boot_gdt_pointer
	movl	$CR0_BITS, %eax
	movl	%eax, %cr0
	ljmpl	$8, $\target
	.endm

	.macro	load_segments
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	.endm

	.section .boot, "ax"
	.code16
	.globl	boot
boot:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$boot, %sp
	ljmpl	$0, $1f
1:	movb	%dl, drive
	inb	$0x92, %al		/* address line 20 */
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92
	movw	$image_chunks, %cx
2:	pushw	%cx
	movw	$packet, %si
	movb	drive, %dl
	movb	$0x42, %ah		/* extended read */
	int	$0x13
	jc	9f
	addw	$(CHUNK * SECTOR / 16), packet_segment
	addl	$CHUNK, packet_sector
	popw	%cx
	loop	2b
	cli
	enter_long boot_first
9:	movw	$0xe9, %dx
	movb	$'!', %al
	outb	%al, %dx
	hlt
	jmp	9b

drive:	.byte	0
	.balign	4
packet:	.byte	16, 0
	.word	CHUNK
	.word	0
packet_segment:
	.word	0x7e0
packet_sector:
	.long	1, 0

	.org	boot + 510
	.word	0xaa55

/* The driver writes this sector. */
	.globl	params
params:	.long	PARAMS_MAGIC, 1, 1, 0
	.org	boot + 1024

/* A start-up IPI names a page. */
	.section .ap, "ax"
	.balign	4096
	.globl	boot_ap
boot_ap:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	enter_long boot_other

	.code64
boot_first:
	load_segments
	mov	$bss_start, %edi
	mov	$bss_end, %ecx
	sub	%edi, %ecx
	shr	$3, %ecx
	xor	%eax, %eax
	rep stosq
	mov	$boot_stacks + STACK_SIZE, %esp
	call	main

boot_other:
	load_segments
	mov	$1, %eax
	lock xadd %eax, boot_ap_ticket
	inc	%eax
	cmp	$CPUS_MAX, %eax
	jae	8f
	mov	%eax, %edi
	inc	%eax
	imul	$STACK_SIZE, %eax, %esp
	add	$boot_stacks, %esp
	call	main_other
8:	hlt				/* a CPU more than there is room for */
	jmp	8b

/* Here, as LGDT in real mode reaches 64 KiB only. */
	.balign	16
	.globl	boot_gdt, boot_gdt_pointer
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* 64-bit code */
	.quad	0x00cf93000000ffff	/* data */
	.fill	2 * CPUS_MAX, 8, 0	/* a TSS for each CPU */
boot_gdt_end:
boot_gdt_pointer:
	.word	boot_gdt_end - boot_gdt - 1
	.quad	boot_gdt

	.data
	.balign	4096
	.globl	boot_pml4
boot_pml4:
	.quad	boot_pdpt + 3
	.fill	511, 8, 0
boot_pdpt:
	.quad	boot_pd + 3
	.fill	511, 8, 0
boot_pd:				/* 1 GiB from 0: present, writable, large */
	.set	at, 0
	.rept	512
	.quad	at + 0x83
	.set	at, at + (2 << 20)
	.endr

	.globl	boot_ap_count
	.balign	4
boot_ap_ticket:
	.long	0
boot_ap_count:
	.long	0

	.bss
	.balign	16
	.type	boot_stacks, @object
	.size	boot_stacks, STACK_SIZE * CPUS_MAX
boot_stacks:
	.skip	STACK_SIZE * CPUS_MAX
