/* SPDX-License-Identifier: BSD-2-Clause */
/* Single instructions, and the numbers of MSRs and register bits (Intel SDM vol. 3, "System
 * Architecture Overview"; vol. 4, "Model-Specific Registers"). */
#pragma once

#include "types.h"

#define MSR_APIC_BASE	    0x1b
#define MSR_FEATURE_CONTROL 0x3a
#define MSR_SYSENTER_CS	    0x174
#define MSR_SYSENTER_EIP    0x176
#define MSR_PAT		    0x277
#define MSR_VMX_BASIC	    0x480
#define MSR_VMX_MISC	    0x485
#define MSR_VMX_CR0_FIXED0  0x486
#define MSR_VMX_CR0_FIXED1  0x487
#define MSR_VMX_CR4_FIXED0  0x488
#define MSR_VMX_CR4_FIXED1  0x489
#define MSR_VMX_PROCBASED2  0x48b
#define MSR_VMX_EPT_VPID    0x48c
#define MSR_VMX_TRUE_PIN    0x48d
#define MSR_VMX_TRUE_PROC   0x48e
#define MSR_VMX_TRUE_EXIT   0x48f
#define MSR_VMX_TRUE_ENTRY  0x490
#define MSR_TSC_DEADLINE    0x6e0
#define MSR_X2APIC_ID	    0x802
#define MSR_X2APIC_TPR	    0x808
#define MSR_X2APIC_EOI	    0x80b
#define MSR_X2APIC_SVR	    0x80f
#define MSR_X2APIC_ICR	    0x830
#define MSR_X2APIC_TIMER    0x832
#define MSR_X2APIC_INITIAL  0x838
#define MSR_X2APIC_DIVIDE   0x83e
#define MSR_EFER	    0xc0000080
#define MSR_STAR	    0xc0000081
#define MSR_LSTAR	    0xc0000082
#define MSR_CSTAR	    0xc0000083
#define MSR_SFMASK	    0xc0000084
#define MSR_FS_BASE	    0xc0000100
#define MSR_GS_BASE	    0xc0000101
#define MSR_KERNEL_GS_BASE  0xc0000102
#define MSR_TSC_AUX	    0xc0000103

#define CR4_VMXE    0x2000u
#define CR4_OSXSAVE 0x40000u

#define RFLAGS_FIXED 0x2u
#define RFLAGS_IF    0x200u

#define VECTOR_GP 13

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18 /* and 16 bytes on for each further CPU */

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static ALWAYS_INLINE u64 x86_read_msr(u32 msr)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static ALWAYS_INLINE void x86_write_msr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static ALWAYS_INLINE u64 x86_read_tsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static ALWAYS_INLINE struct cpuid x86_cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static ALWAYS_INLINE void x86_out8(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static ALWAYS_INLINE u8 x86_in8(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* Control registers: n is a constant. */
static ALWAYS_INLINE u64 x86_read_cr(unsigned n)
{
	u64 value;

	__asm__ volatile("mov %%cr%c1, %0" : "=r"(value) : "i"(n));
	return value;
}

static ALWAYS_INLINE void x86_write_cr(unsigned n, u64 value)
{
	__asm__ volatile("mov %0, %%cr%c1" : : "r"(value), "i"(n));
}

static ALWAYS_INLINE void x86_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}
