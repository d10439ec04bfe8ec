/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A physical CPU: its tables, local APIC, VMX operation, and the interrupts that it takes. Owns
 * cpus[].
 */
#include "host.h"
#include "vmx.h"

#define VECTOR_TIMER	0x20
#define VECTOR_KICK	0x21
#define VECTOR_SPURIOUS 0x2f
#define VECTORS		48

#define APIC_BASE_X2APIC 0xc00ul /* enabled, and in x2APIC mode */
#define APIC_TIMER_OFF	 0x10000
#define APIC_TIMER_EVERY 0x20000
#define APIC_DIVIDE_BY_1 0xb
#define FEATURE_LOCKED	 1u
#define FEATURE_VMX	 4u
#define TSS_SIZE	 104
#define GATE_INTERRUPT	 0x8e00
#define TSS_AVAILABLE	 0x890000000000ul
#define ICR_INIT_OTHERS	 0xc4500ul /* to all but itself */
#define ICR_START_OTHERS 0xc4600ul

struct gate {
	u16 offset_low, selector, flags, offset_middle;
	u32 offset_high, zero;
};

struct cpu cpus[CPUS_MAX];

extern const char entry_stubs[];
static struct gate idt[VECTORS] ALIGNED(16);
static u8 tss[CPUS_MAX][TSS_SIZE] ALIGNED(16);

u32 cpu_tss_selector(const struct cpu *cpu)
{
	return SELECTOR_TSS + 16 * cpu->index;
}

u64 cpu_tss_base(const struct cpu *cpu)
{
	return (u64)tss[cpu->index];
}

/* A TSS with nothing in it: VM exit insists on one, and there is no privilege change to need it. */
static void load_tss(const struct cpu *cpu)
{
	u64 base = cpu_tss_base(cpu), *entry = boot_gdt + cpu_tss_selector(cpu) / 8;

	entry[0] = (TSS_SIZE - 1) | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56 |
		   TSS_AVAILABLE;
	entry[1] = base >> 32;
	__asm__ volatile("ltr %w0" : : "r"(cpu_tss_selector(cpu)));
}

static void load_idt(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) pointer = {sizeof(idt) - 1, (u64)idt};

	for (unsigned i = 0; i < VECTORS; i++) {
		u64 stub = (u64)entry_stubs + 16 * i;

		idt[i] = (struct gate){(u16)stub,	  SELECTOR_CODE,     GATE_INTERRUPT,
				       (u16)(stub >> 16), (u32)(stub >> 32), 0};
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void start_apic(struct cpu *cpu)
{
	x86_write_msr(MSR_APIC_BASE, x86_read_msr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	x86_write_msr(MSR_X2APIC_SVR, 0x100 | VECTOR_SPURIOUS);
	x86_write_msr(MSR_X2APIC_TPR, 0);
	cpu->apic_id = (u32)x86_read_msr(MSR_X2APIC_ID);
}

/* What the hypervisor takes for granted, in leaves that every CPU with the ones before has. */
static void check_features(void)
{
	static const struct {
		const char *lacking;
		u32 leaf, subleaf;
		struct cpuid bits;
	} needed[] = {
		{"the CPU lacks VMX, leaf", 1, 0, {.ecx = 1u << 5}},
		{"the CPU lacks x2APIC, leaf", 1, 0, {.ecx = 1u << 21}},
		{"the CPU lacks XSAVE or AVX, leaf", 1, 0, {.ecx = 1u << 26 | 1u << 28}},
		{"the CPU lacks XSAVEOPT, leaf", 13, 1, {.eax = 1u << 0}},
		{"the CPU lacks RDTSCP, leaf", 0x80000001, 0, {.edx = 1u << 27}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		struct cpuid has = x86_cpuid(needed[i].leaf, needed[i].subleaf);
		const struct cpuid *bits = &needed[i].bits;

		if (bits->eax & ~has.eax || bits->ecx & ~has.ecx || bits->edx & ~has.edx)
			die(needed[i].lacking, needed[i].leaf);
	}
}

/* Bits that VMX operation insists on, as they have to be ("Restrictions on VMX Operation"). */
static bool is_fixed(u64 value, u32 msr_ones, u32 msr_zeros)
{
	u64 ones = x86_read_msr(msr_ones), zeros = x86_read_msr(msr_zeros);

	return (value & ones) == ones && !(value & ~zeros);
}

/* "Enabling and Entering VMX Operation". A hypervisor before us may have left translations. */
void cpu_start_vmx(struct cpu *cpu)
{
	u64 feature = x86_read_msr(MSR_FEATURE_CONTROL);

	if (!(feature & FEATURE_LOCKED))
		x86_write_msr(MSR_FEATURE_CONTROL, feature | FEATURE_LOCKED | FEATURE_VMX);
	else if (!(feature & FEATURE_VMX))
		die("the firmware forbids VMX", feature);
	x86_write_cr(4, x86_read_cr(4) | CR4_VMXE);
	CHECK(is_fixed(x86_read_cr(0), MSR_VMX_CR0_FIXED0, MSR_VMX_CR0_FIXED1));
	CHECK(is_fixed(x86_read_cr(4), MSR_VMX_CR4_FIXED0, MSR_VMX_CR4_FIXED1));
	*(u32 *)cpu->vmxon_region = x86_read_msr(MSR_VMX_BASIC) & 0x7fffffff;
	CHECK(vmx_on((hpa_t){(u64)cpu->vmxon_region}));
	vmx_invalidate_ept(INVEPT_ALL, 0);
}

void cpu_init(struct cpu *cpu)
{
	cpu->self = cpu;
	cpu->index = (u32)(cpu - cpus);
	cpu->last = &cpu->first;
	x86_write_msr(MSR_GS_BASE, (u64)cpu);
	load_idt();
	load_tss(cpu);
	check_features();
	x86_write_cr(4, x86_read_cr(4) | CR4_OSXSAVE);
	__asm__ volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
	cpu->star = x86_read_msr(MSR_STAR);
	cpu->lstar = x86_read_msr(MSR_LSTAR);
	cpu->cstar = x86_read_msr(MSR_CSTAR);
	cpu->sfmask = x86_read_msr(MSR_SFMASK);
	cpu->tsc_aux = x86_read_msr(MSR_TSC_AUX);
	start_apic(cpu);
}

static void spin_for(u64 ticks)
{
	for (u64 end = x86_read_tsc() + ticks; x86_read_tsc() < end;)
		x86_pause();
}

/* INIT and start-up IPIs ("MP Initialization Protocol Algorithm"); the emulated CPUs need no more
 * than a moment in between. */
void cpu_start_others(u32 wanted)
{
	u64 vector = (u64)boot_ap >> 12;

	if (wanted == 1)
		return;
	x86_write_msr(MSR_X2APIC_ICR, ICR_INIT_OTHERS);
	spin_for(20000);
	x86_write_msr(MSR_X2APIC_ICR, ICR_START_OTHERS | vector);
	for (unsigned i = 0; i < 1000; i++) {
		if (__atomic_load_n(&boot_ap_count, __ATOMIC_ACQUIRE) == wanted - 1)
			return;
		spin_for(1000);
	}
	die("CPUs did not start, of", wanted);
}

/* Waits for an interrupt. Nothing can come between the look at the queue before this and HLT: STI
 * takes effect behind the instruction after it. */
void cpu_wait(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* This WRMSR does not wait for stores before it to be seen ("Local APIC Registers in x2APIC Mode");
 * the queue's lock was taken by a locked instruction, so whoever wakes up waits for its release. */
void cpu_kick(const struct cpu *cpu)
{
	x86_write_msr(MSR_X2APIC_ICR, (u64)cpu->apic_id << 32 | VECTOR_KICK);
}

/* An interrupt every so many ticks, as from a device of the host's; 0 for none. */
void cpu_set_timer(u32 period)
{
	x86_write_msr(MSR_X2APIC_DIVIDE, APIC_DIVIDE_BY_1);
	x86_write_msr(MSR_X2APIC_TIMER,
		      VECTOR_TIMER | (period ? APIC_TIMER_EVERY : APIC_TIMER_OFF));
	x86_write_msr(MSR_X2APIC_INITIAL, period);
}

/* From a guest's exit, which has acknowledged the interrupt already, or from the IDT. */
void cpu_serve_interrupt(u32 vector)
{
	switch (vector) {
	case VECTOR_TIMER:
		cpu_this()->timer_interrupts++;
		break;
	case VECTOR_KICK:
		break; /* it has woken the CPU: that was its purpose */
	case VECTOR_SPURIOUS:
		return;
	default:
		die("unexpected interrupt", vector);
	}
	x86_write_msr(MSR_X2APIC_EOI, 0);
}

/* entry.S: error is 0 for vectors without one. */
void cpu_interrupt(u64 vector, u64 error, u64 rip);
void cpu_interrupt(u64 vector, u64 error, u64 rip)
{
	if (vector >= VECTOR_TIMER) {
		cpu_serve_interrupt((u32)vector);
		return;
	}
	print_number("exception of the hypervisor: vector ", vector);
	print_number(" error ", error);
	print_number(" cr2 ", x86_read_cr(2));
	die(" rip", rip);
}
