/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a guest stopped, on the light path: whatever ends here touches the caller-saved registers
 * only. What needs more sets AFTER_DEEPEN, and vcpu->wish for run.c. Owns nothing.
 */
#include "host.h"
#include "vmx.h"

#define CPUID_LEAVES	   32
#define CPUID_1_VMX	   (1u << 5)
#define CPUID_1_HYPERVISOR (1u << 31)

/* Leaves whose answer depends on ecx too. */
#define CPUID_HAS_SUBLEAVES                                                                    \
	(1u << 4 | 1u << 7 | 1u << 11 | 1u << 13 | 1u << 15 | 1u << 16 | 1u << 18 | 1u << 20 | \
	 1u << 23 | 1u << 24 | 1u << 31)

static struct cpuid cpuid_basic[CPUID_LEAVES];

/* What the guest is told, made once. Leaves with subleaves are asked of the CPU each time. */
static void cpuid_init(void)
{
	for (u32 leaf = 0; leaf < CPUID_LEAVES; leaf++)
		cpuid_basic[leaf] = x86_cpuid(leaf, 0);
	cpuid_basic[1].ecx &= ~CPUID_1_VMX;
	cpuid_basic[1].ecx |= CPUID_1_HYPERVISOR;
}

/* Past the instruction that exited, which ends blocking by STI and MOV SS: VM exit left it as it
 * was before that instruction ("Saving Non-Register State"). A guest that single-steps over an
 * emulated instruction would also be owed a debug exception; guests that do have no place here. */
ALWAYS_INLINE void exit_go_on_at(gva_t rip)
{
	u64 blocked = vmx_read(VMCS_GUEST_INTERRUPTIBILITY);

	vmx_write(VMCS_GUEST_RIP, rip.value);
	if (UNLIKELY(blocked & BLOCKED_SHADOW))
		vmx_write(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~(u64)BLOCKED_SHADOW);
}

ALWAYS_INLINE void exit_skip(void)
{
	exit_go_on_at((gva_t){vmx_read(VMCS_GUEST_RIP) + vmx_read(VMCS_EXIT_INSN_LENGTH)});
}

/* A general protection fault of the instruction that exited; the guest's rip stays at it. */
void exit_refuse(void)
{
	vmx_write(VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_ERROR_CODE | EVENT_EXCEPTION | VECTOR_GP);
	vmx_write(VMCS_ENTRY_ERROR_CODE, 0);
}

_Noreturn void exit_entry_failed(void)
{
	die("VM entry failed", vmx_read(VMCS_INSN_ERROR));
}

/* Of its own, as CPUID overwrites a register that the table's answer does without. */
static NOINLINE const struct cpuid *cpuid_ask(u32 leaf, u32 subleaf)
{
	static struct cpuid answers[CPUS_MAX];
	struct cpuid *answer = &answers[cpu_this()->index];

	*answer = x86_cpuid(leaf, subleaf);
	return answer;
}

/* Returns the guest's rbx. */
u64 exit_cpuid(struct vcpu *vcpu)
{
	u32 leaf = (u32)vcpu->light.rax;
	const struct cpuid *answer;

	vcpu->exit_count[REASON_CPUID]++;
	exit_skip();
	if (LIKELY(leaf < CPUID_LEAVES && !(CPUID_HAS_SUBLEAVES >> leaf & 1)))
		answer = &cpuid_basic[leaf];
	else
		answer = cpuid_ask(leaf, (u32)vcpu->light.rcx);
	vcpu->light.rax = answer->eax;
	vcpu->light.rcx = answer->ecx;
	vcpu->light.rdx = answer->edx;
	return answer->ebx;
}

/* An event whose delivery the exit interrupted is lost unless it is injected again ("Information
 * for VM Exits That Occur During Event Delivery"). Of the exits handled here only an EPT violation
 * can be one. */
static bool repeat_event(void)
{
	u64 event = vmx_read(VMCS_VECTORING_EVENT);

	if (LIKELY(!(event & EVENT_VALID)))
		return false;
	vmx_write(VMCS_ENTRY_EVENT, event & ~0x1000ul);
	if (event & EVENT_ERROR_CODE)
		vmx_write(VMCS_ENTRY_ERROR_CODE, vmx_read(VMCS_VECTORING_ERROR));
	vmx_write(VMCS_ENTRY_INSN_LENGTH, vmx_read(VMCS_EXIT_INSN_LENGTH));
	return true;
}

static void ept_violation(struct vcpu *vcpu)
{
	gpa_t address = {vmx_read(VMCS_GUEST_PHYSICAL)};

	bool repeated = repeat_event();

	if (ept_fill(vcpu->vm, address))
		return;
	if (repeated)
		die("an event's delivery touched no memory", address.value);
	mmio_access(vcpu, address, vmx_read(VMCS_EXIT_QUALIFICATION), LIGHT_REGISTERS);
}

static void external_interrupt(struct vcpu *vcpu)
{
	(void)vcpu;
	cpu_serve_interrupt(vmx_read(VMCS_EXIT_EVENT) & EVENT_VECTOR);
}

static void interrupt_window(struct vcpu *vcpu)
{
	vmx_write(VMCS_PROC_CONTROLS, vmcs_proc_controls);
	vapic_deliver(vcpu);
}

static void unhandled(struct vcpu *vcpu)
{
	(void)vcpu;
	print_number("qualification ", vmx_read(VMCS_EXIT_QUALIFICATION));
	print_number(" rip ", vmx_read(VMCS_GUEST_RIP));
	die(" unhandled exit", vmx_read(VMCS_EXIT_REASON));
}

/* By exit reason. Its upper half is for failed entries, which have basic reasons of their own. */
static void (*handlers[EXIT_REASONS])(struct vcpu *vcpu);

void exit_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		handlers[i] = unhandled;
	handlers[REASON_EXTERNAL_INTERRUPT] = external_interrupt;
	handlers[REASON_INTERRUPT_WINDOW] = interrupt_window;
	handlers[REASON_RDMSR] = msr_read;
	handlers[REASON_WRMSR] = msr_write;
	handlers[REASON_EPT_VIOLATION] = ept_violation;
	handlers[REASON_TIMER] = vapic_expired;
	cpuid_init();
}

void exit_light(struct vcpu *vcpu, u32 reason)
{
	unsigned basic = reason % EXIT_REASONS;

	vcpu->exit_count[basic]++;
	handlers[basic](vcpu);
}

static NOINLINE u64 hypercall_rare(u64 number, u64 a, u64 b, struct vcpu *vcpu)
{
	static const u8 wishes[HC_SPAWN + 1] = {
		[HC_YIELD] = WISH_YIELD, [HC_MOVE] = WISH_MOVE,	  [HC_START] = WISH_START,
		[HC_STOP] = WISH_STOP,	 [HC_SPAWN] = WISH_SPAWN,
	};

	switch (number) {
	case HC_PUTC:
		print_char((char)a);
		return 0;
	case HC_CPU:
		return cpu_this()->index;
	case HC_HOST_TIMER:
		cpu_set_timer((u32)a);
		return cpu_this()->timer_interrupts;
	case HC_SWITCHES:
		return cpu_this()->switches;
	case HC_DROP_PAGES:
		if (params.cpus > 1)
			return ~0ul; /* the other CPUs' cached translations would stay */
		ept_drop_lazy(vcpu->vm);
		return 0;
	case HC_ZEROING:
		vcpu->vm->zeroing = a;
		return 0;
	case HC_DONE:
		shut_down(!a);
	default:
		if (number > HC_SPAWN)
			return ~0ul;
		vcpu->wish = wishes[number];
		vcpu->wish_argument[0] = a;
		vcpu->wish_argument[1] = b;
		vcpu->after |= AFTER_DEEPEN;
		return 0;
	}
}

/* VMCALL exits at any privilege level, and so who calls is for software to check: a user's is
 * answered like an unknown one. Stack segment and current privilege levels are the same. */
u64 exit_hypercall(u64 number, u64 a, u64 b, struct vcpu *vcpu)
{
	vcpu->exit_count[REASON_VMCALL]++;
	exit_skip();
	if (UNLIKELY(vmx_read(VMCS_GUEST_RIGHTS(SS)) & RIGHTS_DPL))
		return ~0ul;
	if (LIKELY(number == HC_VERSION))
		return VERSION;
	return hypercall_rare(number, a, b, vcpu);
}
