/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMX instructions, and the encodings of Intel SDM vol. 3, "Field Encoding in VMCS" (appendix),
 * "VMX Basic Exit Reasons" (appendix) and "Virtual-Machine Control Structures".
 *
 * VMREAD and VMWRITE are not checked here: they fail only without a current VMCS or for a field
 * that the CPU does not have. vmcs_print() tries each field that is written before the first guest
 * runs, and what is only read every CPU with EPT has.
 */
#pragma once

#include "types.h"
#include "x86.h"

/* Control fields. */
#define VMCS_VPID	       0x0000
#define VMCS_MSR_BITMAP	       0x2004
#define VMCS_EPT_POINTER       0x201a
#define VMCS_PIN_CONTROLS      0x4000
#define VMCS_PROC_CONTROLS     0x4002
#define VMCS_EXCEPTION_BITMAP  0x4004
#define VMCS_PAGE_FAULT_MASK   0x4006
#define VMCS_PAGE_FAULT_MATCH  0x4008
#define VMCS_CR3_TARGETS       0x400a
#define VMCS_EXIT_CONTROLS     0x400c
#define VMCS_EXIT_MSR_STORES   0x400e
#define VMCS_EXIT_MSR_LOADS    0x4010
#define VMCS_ENTRY_CONTROLS    0x4012
#define VMCS_ENTRY_MSR_LOADS   0x4014
#define VMCS_ENTRY_EVENT       0x4016
#define VMCS_ENTRY_ERROR_CODE  0x4018
#define VMCS_ENTRY_INSN_LENGTH 0x401a
#define VMCS_PROC_CONTROLS2    0x401e
#define VMCS_CR0_MASK	       0x6000
#define VMCS_CR4_MASK	       0x6002
#define VMCS_CR0_SHADOW	       0x6004
#define VMCS_CR4_SHADOW	       0x6006

/* Read-only data fields. */
#define VMCS_GUEST_PHYSICAL	0x2400
#define VMCS_INSN_ERROR		0x4400
#define VMCS_EXIT_REASON	0x4402
#define VMCS_EXIT_EVENT		0x4404
#define VMCS_VECTORING_EVENT	0x4408
#define VMCS_VECTORING_ERROR	0x440a
#define VMCS_EXIT_INSN_LENGTH	0x440c
#define VMCS_EXIT_QUALIFICATION 0x6400

/* Guest state. The segments' fields follow each other in this order. */
enum segment { ES, CS, SS, DS, FS, GS, LDTR, TR };
#define VMCS_GUEST_SELECTOR(s)	    (0x0800 + 2 * (s))
#define VMCS_GUEST_LIMIT(s)	    (0x4800 + 2 * (s))
#define VMCS_GUEST_RIGHTS(s)	    (0x4814 + 2 * (s))
#define VMCS_GUEST_BASE(s)	    (0x6806 + 2 * (s))
#define VMCS_GUEST_LINK_POINTER	    0x2800
#define VMCS_GUEST_DEBUGCTL	    0x2802
#define VMCS_GUEST_PAT		    0x2804
#define VMCS_GUEST_EFER		    0x2806
#define VMCS_GUEST_GDTR_LIMIT	    0x4810
#define VMCS_GUEST_IDTR_LIMIT	    0x4812
#define VMCS_GUEST_INTERRUPTIBILITY 0x4824
#define VMCS_GUEST_ACTIVITY	    0x4826
#define VMCS_GUEST_SYSENTER_CS	    0x482a
#define VMCS_GUEST_TIMER	    0x482e
#define VMCS_GUEST_CR0		    0x6800
#define VMCS_GUEST_CR3		    0x6802
#define VMCS_GUEST_CR4		    0x6804
#define VMCS_GUEST_GDTR_BASE	    0x6816
#define VMCS_GUEST_IDTR_BASE	    0x6818
#define VMCS_GUEST_DR7		    0x681a
#define VMCS_GUEST_RSP		    0x681c
#define VMCS_GUEST_RIP		    0x681e
#define VMCS_GUEST_RFLAGS	    0x6820
#define VMCS_GUEST_PENDING_DEBUG    0x6822
#define VMCS_GUEST_SYSENTER_ESP	    0x6824
#define VMCS_GUEST_SYSENTER_EIP	    0x6826

/* Host state. */
#define VMCS_HOST_ES	       0x0c00
#define VMCS_HOST_CS	       0x0c02
#define VMCS_HOST_SS	       0x0c04
#define VMCS_HOST_DS	       0x0c06
#define VMCS_HOST_FS	       0x0c08
#define VMCS_HOST_GS	       0x0c0a
#define VMCS_HOST_TR	       0x0c0c
#define VMCS_HOST_PAT	       0x2c00
#define VMCS_HOST_EFER	       0x2c02
#define VMCS_HOST_SYSENTER_CS  0x4c00
#define VMCS_HOST_CR0	       0x6c00
#define VMCS_HOST_CR3	       0x6c02
#define VMCS_HOST_CR4	       0x6c04
#define VMCS_HOST_FS_BASE      0x6c06
#define VMCS_HOST_GS_BASE      0x6c08
#define VMCS_HOST_TR_BASE      0x6c0a
#define VMCS_HOST_GDTR_BASE    0x6c0c
#define VMCS_HOST_IDTR_BASE    0x6c0e
#define VMCS_HOST_SYSENTER_ESP 0x6c10
#define VMCS_HOST_SYSENTER_EIP 0x6c12
#define VMCS_HOST_RSP	       0x6c14
#define VMCS_HOST_RIP	       0x6c16

/* Controls. */
#define PIN_EXTERNAL_INTERRUPT 0x1u
#define PIN_NMI		       0x8u
#define PIN_TIMER	       0x40u

#define PROC_INTERRUPT_WINDOW 0x4u
#define PROC_HLT	      0x80u
#define PROC_MWAIT	      0x400u
#define PROC_RDPMC	      0x800u
#define PROC_CR8_LOAD	      0x80000u
#define PROC_CR8_STORE	      0x100000u
#define PROC_MOV_DR	      0x800000u
#define PROC_IO		      0x1000000u
#define PROC_MSR_BITMAP	      0x10000000u
#define PROC_MONITOR	      0x20000000u
#define PROC_SECONDARY	      0x80000000u

#define PROC2_EPT    0x2u
#define PROC2_RDTSCP 0x8u
#define PROC2_VPID   0x20u
#define PROC2_WBINVD 0x40u

#define EXIT_SAVE_DEBUG	   0x4u
#define EXIT_HOST_64	   0x200u
#define EXIT_ACK_INTERRUPT 0x8000u
#define EXIT_LOAD_PAT	   0x80000u
#define EXIT_LOAD_EFER	   0x200000u

#define ENTRY_LOAD_DEBUG 0x4u
#define ENTRY_GUEST_64	 0x200u
#define ENTRY_LOAD_PAT	 0x4000u
#define ENTRY_LOAD_EFER	 0x8000u

/* Exit reasons. */
#define REASON_EXTERNAL_INTERRUPT 1
#define REASON_INTERRUPT_WINDOW	  7
#define REASON_CPUID		  10
#define REASON_VMCALL		  18
#define REASON_RDMSR		  31
#define REASON_WRMSR		  32
#define REASON_EPT_VIOLATION	  48
#define REASON_TIMER		  52

/* Interruption information: vector, type, error code, valid ("VM-Entry Controls for Event
 * Injection"). */
#define EVENT_VECTOR	 0xffu
#define EVENT_EXTERNAL	 0x0u
#define EVENT_EXCEPTION	 0x300u
#define EVENT_ERROR_CODE 0x800u
#define EVENT_VALID	 0x80000000u

/* The VMX-preemption timer's greatest value. */
#define TIMER_NEVER 0xffffffffu

/* Interruptibility state: blocking by STI and by MOV SS. */
#define BLOCKED_SHADOW 0x3u

/* A segment's access rights: its privilege level; 64-bit code. */
#define RIGHTS_DPL 0x60u
#define RIGHTS_L   0x2000u

/* Exit qualification of an EPT violation. */
#define VIOLATION_WRITE 0x2u
#define VIOLATION_FETCH 0x4u
#define VIOLATION_FINAL 0x100u /* not the access of a page walk */

struct invalidation {
	u64 id; /* VPID, or EPT pointer */
	u64 address;
};

static ALWAYS_INLINE u64 vmx_read(u64 field)
{
	u64 value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
	return value;
}

static ALWAYS_INLINE void vmx_write(u64 field, u64 value)
{
	__asm__ volatile("vmwrite %1, %0" : : "r"(field), "r"(value) : "cc");
}

static ALWAYS_INLINE bool vmx_load(hpa_t vmcs)
{
	bool failed;

	__asm__ volatile("vmptrld %1" : "=@ccna"(failed) : "m"(vmcs.value) : "memory");
	return !failed;
}

static ALWAYS_INLINE bool vmx_clear(hpa_t vmcs)
{
	bool failed;

	__asm__ volatile("vmclear %1" : "=@ccna"(failed) : "m"(vmcs.value) : "memory");
	return !failed;
}

static ALWAYS_INLINE bool vmx_on(hpa_t region)
{
	bool failed;

	__asm__ volatile("vmxon %1" : "=@ccna"(failed) : "m"(region.value) : "memory");
	return !failed;
}

/* All translations tagged with one VPID ("INVVPID", type 1, single-context). */
static ALWAYS_INLINE void vmx_invalidate_vpid(u16 vpid)
{
	struct invalidation what = {vpid, 0};

	__asm__ volatile("invvpid %0, %1" : : "m"(what), "r"(1ul) : "cc", "memory");
}

/* All translations through one EPT, or through any ("INVEPT"). */
#define INVEPT_ONE 1ul
#define INVEPT_ALL 2ul
static ALWAYS_INLINE void vmx_invalidate_ept(u64 type, u64 pointer)
{
	struct invalidation what = {pointer, 0};

	__asm__ volatile("invept %0, %1" : : "m"(what), "r"(type) : "cc", "memory");
}
