/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's MSR accesses. The bitmap lets it at those that VM entry loads or that vcpu.c moves;
 * all others exit, and what is not known here is refused as the CPU would refuse it.
 */
#include "host.h"
#include "vmx.h"

#define BITMAP_HIGH   1024 /* reads of 0xc0000000 on; the low ones come first, writes 2048 later */
#define BITMAP_WRITES 2048

static void let_through(u8 *bitmap, u32 msr, bool writes)
{
	u8 *at = bitmap + (msr & 0xc0000000 ? BITMAP_HIGH : 0) + (msr & 0x1fff) / 8;

	at[0] &= ~(1u << msr % 8);
	if (writes)
		at[BITMAP_WRITES] &= ~(1u << msr % 8);
}

/* "MSR-Bitmap Address". The system-call MSRs hold the guest's values while it runs, but writes of
 * them have to be known. */
void msr_bitmap_init(u8 *bitmap)
{
	__builtin_memset(bitmap, 0xff, PAGE_SIZE);
	for (u32 msr = MSR_SYSENTER_CS; msr <= MSR_SYSENTER_EIP; msr++)
		let_through(bitmap, msr, true);
	for (u32 msr = MSR_STAR; msr <= MSR_SFMASK; msr++)
		let_through(bitmap, msr, false);
	for (u32 msr = MSR_FS_BASE; msr <= MSR_KERNEL_GS_BASE; msr++)
		let_through(bitmap, msr, true);
	let_through(bitmap, MSR_TSC_AUX, false);
}

/* A register that the guest may write, whose value vcpu.c and its copy in struct cpu keep. */
static u64 *system_call_msr(struct vcpu *vcpu, u32 msr, u64 **now)
{
	struct cpu *cpu = cpu_this();

	switch (msr) {
	case MSR_STAR:
		*now = &cpu->star;
		return &vcpu->star;
	case MSR_LSTAR:
		*now = &cpu->lstar;
		return &vcpu->lstar;
	case MSR_CSTAR:
		*now = &cpu->cstar;
		return &vcpu->cstar;
	case MSR_SFMASK:
		*now = &cpu->sfmask;
		return &vcpu->sfmask;
	case MSR_TSC_AUX:
		*now = &cpu->tsc_aux;
		return &vcpu->tsc_aux;
	default:
		return NULL;
	}
}

static bool is_canonical(u64 address)
{
	return (u64)((int64_t)(address << 16) >> 16) == address;
}

static NOINLINE bool write_system_call_msr(struct vcpu *vcpu, u32 msr, u64 value)
{
	u64 *now, *kept = system_call_msr(vcpu, msr, &now);

	if (!kept || ((msr == MSR_LSTAR || msr == MSR_CSTAR) && !is_canonical(value)))
		return false;
	if ((msr == MSR_SFMASK || msr == MSR_TSC_AUX) && value >> 32)
		return false;
	*kept = *now = value;
	x86_write_msr(msr, value);
	return true;
}

void msr_read(struct vcpu *vcpu)
{
	u64 value;

	switch ((u32)vcpu->light.rcx) {
	case MSR_TSC_DEADLINE:
		value = vcpu->apic.deadline;
		break;
	case MSR_X2APIC_TIMER:
		value = vcpu->apic.timer;
		break;
	default:
		exit_refuse();
		return;
	}
	vcpu->light.rax = (u32)value;
	vcpu->light.rdx = value >> 32;
	exit_skip();
}

void msr_write(struct vcpu *vcpu)
{
	u32 msr = (u32)vcpu->light.rcx;
	u64 value = vcpu->light.rdx << 32 | (u32)vcpu->light.rax;

	/* Past the instruction first: what is injected returns behind it. */
	switch (msr) {
	case MSR_TSC_DEADLINE:
		exit_skip();
		vapic_write_deadline(vcpu, value);
		return;
	case MSR_X2APIC_EOI:
		if (UNLIKELY(value))
			break;
		exit_skip();
		vapic_end_interrupt(vcpu);
		return;
	case MSR_X2APIC_TIMER:
		if (!vapic_write_timer(vcpu, value))
			break;
		exit_skip();
		return;
	default:
		if (!write_system_call_msr(vcpu, msr, value))
			break;
		exit_skip();
		return;
	}
	exit_refuse();
}
