/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds a VMCS, field by field, each with its reason (Intel SDM vol. 3, "Virtual Machine Control
 * Structures", "VM Entries": the checks there). The capability MSRs are read once; controls that
 * the CPU lacks end the run at its start. Owns the MSR bitmap, which all vCPUs share.
 */
#include "host.h"
#include "vmx.h"

#define RIGHTS_CODE_64	0xa09b /* present, code, execute/read, accessed, L, G */
#define RIGHTS_DATA	0xc093 /* present, data, read/write, accessed, B, G */
#define RIGHTS_TSS_BUSY 0x008b
#define RIGHTS_UNUSABLE 0x10000
#define LIMIT_ALL	0xffffffff
#define PAT_RESET	0x0007040600070406
#define DR7_RESET	0x400

u32 vmcs_revision, vmcs_proc_controls, vmcs_timer_shift;

static u32 pin_controls, proc_controls2, exit_controls, entry_controls;
static u64 host_cr0, host_cr3, host_cr4, host_efer, host_pat, host_idt;
static u8 msr_bitmap[PAGE_SIZE] ALIGNED(4096);

extern char vmx_exit[];

#define BASIC_TRUE_CONTROLS (1ul << 55) /* the MSRs for the controls that are wanted below */
#define BASIC_MEMORY_TYPE   (15ul << 50)
#define BASIC_WRITE_BACK    (6ul << 50)

/* Walks of four levels, tables write-back, leaves of 2 MiB; INVEPT for one and for all, INVVPID for
 * one ("Enumeration of ... VPID and EPT Capabilities"). */
#define EPT_VPID_NEEDED                                                                     \
	(1ul << 6 | 1ul << 14 | 1ul << 16 | 1ul << 20 | 1ul << 25 | 1ul << 26 | 1ul << 32 | \
	 1ul << 41)

/* What is wanted, with what the CPU insists on: bits that may not be 0 are in the low half of the
 * capability MSR, those that may be 1 in the high half ("VMX Capability Reporting Facility"). */
static u32 adjust_controls(u32 msr, u32 wanted)
{
	u64 allowed = x86_read_msr(msr);

	if (wanted & ~(u32)(allowed >> 32))
		die("the CPU lacks VMX controls",
		    (u64)msr << 32 | (wanted & ~(u32)(allowed >> 32)));
	return wanted | (u32)allowed;
}

static void write_checked(u64 field, u64 value)
{
	bool failed;

	__asm__ volatile("vmwrite %2, %1" : "=@ccna"(failed) : "r"(field), "r"(value));
	if (failed)
		die("VMWRITE failed", field);
	print_number("vmcs field=", field);
	print_number(" value=", value);
	print("\n");
}

/* Inlined twice, so that saying what is written costs nothing where it is not said. */
static ALWAYS_INLINE void put(bool say, u64 field, u64 value)
{
	if (say)
		write_checked(field, value);
	else
		vmx_write(field, value);
}

/* Before VMXON: whether the CPU has what is wanted, and so INVEPT too. */
void vmcs_init(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idt;
	u64 basic, lacking;

	basic = x86_read_msr(MSR_VMX_BASIC);
	if (!(basic & BASIC_TRUE_CONTROLS) || (basic & BASIC_MEMORY_TYPE) != BASIC_WRITE_BACK)
		die("the CPU's VMX is too old, IA32_VMX_BASIC", basic);
	vmcs_revision = basic & 0x7fffffff;
	vmcs_timer_shift = x86_read_msr(MSR_VMX_MISC) & 31;

	/* Interrupts belong to the host, and end a guest's run. The timer always counts, as turning
	 * it on and off would be one more VMWRITE; when no deadline is set it stands at its
	 * maximum. */
	pin_controls =
		adjust_controls(MSR_VMX_TRUE_PIN, PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_TIMER);

	/* What would stop the CPU, reach devices, or show the host's task priority, debug registers
	 * or counters. CR3 loads and stores and INVLPG are the guest's own with EPT and VPID. */
	vmcs_proc_controls = adjust_controls(MSR_VMX_TRUE_PROC,
					     PROC_HLT | PROC_MWAIT | PROC_MONITOR | PROC_RDPMC |
						     PROC_CR8_LOAD | PROC_CR8_STORE | PROC_MOV_DR |
						     PROC_IO | PROC_MSR_BITMAP | PROC_SECONDARY);

	/* Second-stage translation, its entries tagged, so that an exit flushes nothing. */
	proc_controls2 = adjust_controls(MSR_VMX_PROCBASED2,
					 PROC2_EPT | PROC2_VPID | PROC2_RDTSCP | PROC2_WBINVD);
	lacking = EPT_VPID_NEEDED & ~x86_read_msr(MSR_VMX_EPT_VPID);
	if (lacking)
		die("the CPU lacks EPT or VPID features", lacking);

	/* The host is 64-bit code; the interrupt controller hands over the vector at the exit,
	 * which saves a trip through the IDT; PAT and EFER may differ between guest and host. They
	 * are not saved: the guest's writes of them exit, so their values are known. */
	exit_controls = adjust_controls(MSR_VMX_TRUE_EXIT, EXIT_SAVE_DEBUG | EXIT_HOST_64 |
								   EXIT_ACK_INTERRUPT |
								   EXIT_LOAD_PAT | EXIT_LOAD_EFER);
	entry_controls =
		adjust_controls(MSR_VMX_TRUE_ENTRY, ENTRY_LOAD_DEBUG | ENTRY_GUEST_64 |
							    ENTRY_LOAD_PAT | ENTRY_LOAD_EFER);
	host_cr0 = x86_read_cr(0);
	host_cr3 = x86_read_cr(3);
	host_cr4 = x86_read_cr(4) | CR4_VMXE;
	host_efer = x86_read_msr(MSR_EFER);
	host_pat = x86_read_msr(MSR_PAT);
	__asm__ volatile("sidt %0" : "=m"(idt));
	host_idt = idt.base;
	msr_bitmap_init(msr_bitmap);
}

static ALWAYS_INLINE void write_controls(bool say, const struct vcpu *vcpu)
{
	put(say, VMCS_PIN_CONTROLS, pin_controls);
	put(say, VMCS_PROC_CONTROLS, vmcs_proc_controls);
	put(say, VMCS_PROC_CONTROLS2, proc_controls2);
	put(say, VMCS_EXIT_CONTROLS, exit_controls);
	put(say, VMCS_ENTRY_CONTROLS, entry_controls);
	/* Exceptions are the guest's own business: none exits. With bit 14 clear, mask and match of
	 * zero let no page fault exit either. */
	put(say, VMCS_EXCEPTION_BITMAP, 0);
	put(say, VMCS_PAGE_FAULT_MASK, 0);
	put(say, VMCS_PAGE_FAULT_MATCH, 0);
	put(say, VMCS_CR3_TARGETS, 0); /* CR3 loads do not exit */
	/* No MSR lists: what they would move at every exit, vcpu.c moves at a change of vCPU. */
	put(say, VMCS_EXIT_MSR_STORES, 0);
	put(say, VMCS_EXIT_MSR_LOADS, 0);
	put(say, VMCS_ENTRY_MSR_LOADS, 0);
	put(say, VMCS_MSR_BITMAP, (u64)msr_bitmap);
	put(say, VMCS_ENTRY_EVENT, 0); /* nothing to inject */
	put(say, VMCS_VPID, vcpu->vpid);
	put(say, VMCS_EPT_POINTER, vcpu->vm->ept_pointer);
	/* CR0 and CR4 stay as they are: a write that changes anything exits. CR4.VMXE must be 1 and
	 * reads as 0. */
	put(say, VMCS_CR0_MASK, ~0ul);
	put(say, VMCS_CR4_MASK, ~0ul);
	put(say, VMCS_CR0_SHADOW, host_cr0);
	put(say, VMCS_CR4_SHADOW, host_cr4 & ~(u64)CR4_VMXE);
}

/* What belongs to a CPU rather than to the hypervisor: written again when the vCPU moves. */
static ALWAYS_INLINE void write_cpu(bool say, const struct cpu *cpu)
{
	put(say, VMCS_HOST_GS_BASE, (u64)cpu);
	put(say, VMCS_HOST_TR, cpu_tss_selector(cpu));
	put(say, VMCS_HOST_TR_BASE, cpu_tss_base(cpu));
}

void vmcs_set_cpu(const struct cpu *cpu)
{
	write_cpu(false, cpu);
}

static ALWAYS_INLINE void write_host(bool say, const struct vcpu *vcpu)
{
	put(say, VMCS_HOST_CR0, host_cr0);
	put(say, VMCS_HOST_CR3, host_cr3);
	put(say, VMCS_HOST_CR4, host_cr4);
	put(say, VMCS_HOST_EFER, host_efer);
	put(say, VMCS_HOST_PAT, host_pat);
	put(say, VMCS_HOST_CS, SELECTOR_CODE);
	put(say, VMCS_HOST_SS, SELECTOR_DATA);
	/* In 64-bit mode the others need not be usable. */
	put(say, VMCS_HOST_ES, 0);
	put(say, VMCS_HOST_DS, 0);
	put(say, VMCS_HOST_FS, 0);
	put(say, VMCS_HOST_GS, 0);
	put(say, VMCS_HOST_FS_BASE, 0);
	put(say, VMCS_HOST_GDTR_BASE, boot_gdt_pointer.base);
	put(say, VMCS_HOST_IDTR_BASE, host_idt);
	put(say, VMCS_HOST_SYSENTER_CS, 0); /* the host has no system calls */
	put(say, VMCS_HOST_SYSENTER_ESP, 0);
	put(say, VMCS_HOST_SYSENTER_EIP, 0);
	put(say, VMCS_HOST_RSP, (u64)&vcpu->rbx); /* the end of the light registers: see exit.S */
	put(say, VMCS_HOST_RIP, (u64)vmx_exit);
	if (say)
		write_cpu(say, cpu_this()); /* else vcpu_load() does, as at each change of CPU */
}

static ALWAYS_INLINE void write_segment(bool say, enum segment s, u32 selector, u32 limit,
					u32 rights)
{
	put(say, VMCS_GUEST_SELECTOR(s), selector);
	put(say, VMCS_GUEST_LIMIT(s), limit);
	put(say, VMCS_GUEST_RIGHTS(s), rights);
	put(say, VMCS_GUEST_BASE(s), 0);
}

static ALWAYS_INLINE void write_segments(bool say)
{
	write_segment(say, CS, SELECTOR_CODE, LIMIT_ALL, RIGHTS_CODE_64);
	write_segment(say, SS, SELECTOR_DATA, LIMIT_ALL, RIGHTS_DATA);
	write_segment(say, DS, SELECTOR_DATA, LIMIT_ALL, RIGHTS_DATA);
	write_segment(say, ES, SELECTOR_DATA, LIMIT_ALL, RIGHTS_DATA);
	write_segment(say, FS, 0, 0, RIGHTS_UNUSABLE);
	write_segment(say, GS, 0, 0, RIGHTS_UNUSABLE);
	write_segment(say, LDTR, 0, 0, RIGHTS_UNUSABLE);
	write_segment(say, TR, SELECTOR_TSS, 0x67, RIGHTS_TSS_BUSY); /* may not be unusable */
	/* The guest loads its own tables before it needs them. */
	put(say, VMCS_GUEST_GDTR_BASE, 0);
	put(say, VMCS_GUEST_GDTR_LIMIT, 0);
	put(say, VMCS_GUEST_IDTR_BASE, 0);
	put(say, VMCS_GUEST_IDTR_LIMIT, 0);
}

/* A vCPU starts in 64-bit mode on the page tables that the loader has made: what a boot protocol
 * would give it. */
static ALWAYS_INLINE void write_guest(bool say, gva_t entry, gva_t stack)
{
	write_segments(say);
	put(say, VMCS_GUEST_CR0, host_cr0);
	put(say, VMCS_GUEST_CR3, GUEST_TABLES);
	put(say, VMCS_GUEST_CR4, host_cr4);
	put(say, VMCS_GUEST_EFER, host_efer);
	put(say, VMCS_GUEST_PAT, PAT_RESET);
	put(say, VMCS_GUEST_DR7, DR7_RESET);
	put(say, VMCS_GUEST_DEBUGCTL, 0);
	put(say, VMCS_GUEST_RSP, stack.value);
	put(say, VMCS_GUEST_RIP, entry.value);
	put(say, VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
	put(say, VMCS_GUEST_SYSENTER_CS, 0);
	put(say, VMCS_GUEST_SYSENTER_ESP, 0);
	put(say, VMCS_GUEST_SYSENTER_EIP, 0);
	put(say, VMCS_GUEST_ACTIVITY, 0); /* active */
	put(say, VMCS_GUEST_INTERRUPTIBILITY, 0);
	put(say, VMCS_GUEST_PENDING_DEBUG, 0);
	put(say, VMCS_GUEST_LINK_POINTER, ~0ul); /* no shadow VMCS */
	put(say, VMCS_GUEST_TIMER, TIMER_NEVER);
}

static ALWAYS_INLINE void write_all(bool say, const struct vcpu *vcpu, gva_t entry, gva_t stack)
{
	write_controls(say, vcpu);
	write_host(say, vcpu);
	write_guest(say, entry, stack);
}

/* The VMCS is current and clear; all of its fields that are in use are written. */
void vmcs_create(const struct vcpu *vcpu, gva_t entry, gva_t stack)
{
	write_all(false, vcpu, entry, stack);
}

/* The same once more, checked and said: for who computes what the hardware moves. */
void vmcs_print(const struct vcpu *vcpu)
{
	write_all(true, vcpu, (gva_t){vmx_read(VMCS_GUEST_RIP)}, (gva_t){vmx_read(VMCS_GUEST_RSP)});
}
