/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only place that changes which VMCS is current, and that moves what VM entry and exit leave
 * alone. Owns cpu->loaded. Putting is eager and loading lazy, as in Hartwood: a vCPU that leaves
 * its CPU is complete in memory but for its VMCS, and one that comes back before anybody else finds
 * its state still there.
 */
#include "host.h"
#include "vmx.h"

#define XSAVE_MXCSR 24
#define MXCSR_RESET 0x1f80u
#define XCR0_ALL    7u /* x87, SSE, AVX: the guest may not change XCR0 */

/* XSAVEOPT may leave out what has not changed since the last XRSTOR, on this CPU and from the same
 * address ("Processor Tracking of XSAVE-Managed State"). vcpu_load() always restores before a vCPU
 * runs on another CPU or after another vCPU, and nothing else writes to a loaded vCPU's area. */
static ALWAYS_INLINE void save_extended(struct vcpu *vcpu)
{
	__asm__ volatile("xsaveopt64 %0" : "+m"(vcpu->xsave) : "a"(XCR0_ALL), "d"(0));
}

static ALWAYS_INLINE void load_extended(struct vcpu *vcpu)
{
	__asm__ volatile("xrstor64 %0" : : "m"(vcpu->xsave), "a"(XCR0_ALL), "d"(0));
}

/* Guests rarely differ in these: compare first. */
static ALWAYS_INLINE void load_msr(u32 msr, u64 value, u64 *now)
{
	if (*now != value) {
		x86_write_msr(msr, value);
		*now = value;
	}
}

/*
 * Translations tagged with the VPID that this CPU has kept from the vCPU's last visit are stale:
 * what the guest invalidated since, it invalidated elsewhere ("Invalidating Cached Translation
 * Information").
 */
static void move_here(struct cpu *cpu, struct vcpu *vcpu)
{
	vmcs_set_cpu(cpu);
	vmx_invalidate_vpid(vcpu->vpid);
	vcpu->last_cpu = (int)cpu->index;
}

void vcpu_load(struct vcpu *vcpu)
{
	struct cpu *cpu = cpu_this();

	if (cpu->loaded == vcpu)
		return;
	CHECK(vmx_load(vcpu->vmcs));
	if (vcpu->last_cpu != (int)cpu->index)
		move_here(cpu, vcpu);
	load_extended(vcpu);
	x86_write_msr(MSR_KERNEL_GS_BASE, vcpu->kernel_gs_base);
	load_msr(MSR_STAR, vcpu->star, &cpu->star);
	load_msr(MSR_LSTAR, vcpu->lstar, &cpu->lstar);
	load_msr(MSR_CSTAR, vcpu->cstar, &cpu->cstar);
	load_msr(MSR_SFMASK, vcpu->sfmask, &cpu->sfmask);
	load_msr(MSR_TSC_AUX, vcpu->tsc_aux, &cpu->tsc_aux);
	x86_write_cr(2, vcpu->cr2);
	cpu->loaded = vcpu;
}

/* The system-call MSRs need no reading: the guest's writes of them exit. */
void vcpu_put(struct vcpu *vcpu)
{
	save_extended(vcpu);
	vcpu->kernel_gs_base = x86_read_msr(MSR_KERNEL_GS_BASE);
	vcpu->cr2 = x86_read_cr(2);
}

/* The CPU may hold the VMCS' data in itself: another one may load it only after a VMCLEAR here,
 * which also makes the next entry a VMLAUNCH ("Software Use of Virtual-Machine Control
 * Structures"). */
void vcpu_forget(struct vcpu *vcpu)
{
	CHECK(vmx_clear(vcpu->vmcs));
	vcpu->launched = 0;
	cpu_this()->loaded = NULL;
}

static void reset(struct vcpu *vcpu, u64 argument)
{
	__builtin_memset(&vcpu->light, 0,
			 offsetof(struct vcpu, xsave) - offsetof(struct vcpu, light));
	__builtin_memset(&vcpu->apic, 0, sizeof(vcpu->apic));
	/* With a header of zeros XRSTOR puts everything into its initial state but MXCSR, which it
	 * always loads ("Standard Form of XRSTOR"). */
	__builtin_memset(vcpu->xsave, 0, sizeof(vcpu->xsave));
	*(u32 *)(vcpu->xsave + XSAVE_MXCSR) = MXCSR_RESET;
	vcpu->apic.timer = 0x10000; /* masked */
	vcpu->light.rdi = argument;
}

/* A vCPU that runs from `entry` with rdi = argument. Becomes the loaded one; the one before it has
 * been put. */
void vcpu_create(struct vcpu *vcpu, struct vm *vm, gva_t entry, u64 argument)
{
	unsigned index = (unsigned)(vcpu - vm->vcpus);
	gva_t stack = {GUEST_OFFSET + GUEST_STACKS + (index + 1) * GUEST_STACK_SIZE - 8};

	reset(vcpu, argument);
	vcpu->vm = vm;
	vcpu->vpid = (u16)(index + 1); /* 0 is the host's */
	vcpu->last_cpu = -1;
	if (!vcpu->vmcs.value)
		vcpu->vmcs = pool_take_page();
	*(u32 *)host_pointer(vcpu->vmcs) = vmcs_revision;
	vcpu_forget(vcpu);
	CHECK(vmx_load(vcpu->vmcs));
	vmcs_create(vcpu, entry, stack);
	cpu_this()->loaded = NULL;
}
