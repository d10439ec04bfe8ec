/* SPDX-License-Identifier: BSD-2-Clause */
/* Field offsets for the assembly, from the structs themselves; the build turns each line that
 * starts with -> into a #define. The base is the first pushed register: where rsp points on the
 * light path. */
#include "vcpu.h"
#include "vmx.h"

#define VALUE(name, value)   __asm__ volatile("\n->" #name " %0" : : "i"(value))
#define OFFSET(name, member) VALUE(name, offsetof(struct vcpu, member))

void offsets(void);

void offsets(void)
{
	OFFSET(VCPU_LIGHT, light);
	OFFSET(VCPU_RBX, rbx);
	OFFSET(VCPU_RBP, rbp);
	OFFSET(VCPU_R12, r12);
	OFFSET(VCPU_R13, r13);
	OFFSET(VCPU_R14, r14);
	OFFSET(VCPU_R15, r15);
	OFFSET(VCPU_HOST_SP, host_sp);
	OFFSET(VCPU_AFTER, after);
	OFFSET(VCPU_LAUNCHED, launched);
	/* Numbers that C and assembly share. */
	VALUE(AFTER_DEEPEN, AFTER_DEEPEN);
	VALUE(AFTER_TIMER, AFTER_TIMER);
	VALUE(VMCS_EXIT_REASON, VMCS_EXIT_REASON);
	VALUE(REASON_VMCALL, REASON_VMCALL);
	VALUE(REASON_CPUID, REASON_CPUID);
	VALUE(AT_RAX, offsetof(struct light_registers, rax));
	/* For who reads traces. */
	VALUE(VCPU_SIZE, sizeof(struct vcpu));
	VALUE(VM_VCPUS, offsetof(struct vm, vcpus));
	VALUE(VM_VCPUS_SIZE, sizeof(((struct vm *)0)->vcpus));
}
