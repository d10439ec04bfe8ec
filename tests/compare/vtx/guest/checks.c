/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the measured loops do not come across: interrupts that have to wait or whose delivery
 * faults, code across pages, addresses of nothing, registers that VM entry does not load.
 */
#include "measure.h"

#define MSR_TSC_DEADLINE   0x6e0
#define MSR_X2APIC_EOI	   0x80b
#define MSR_X2APIC_TIMER   0x832
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_CSTAR	   0xc0000083
#define MSR_SFMASK	   0xc0000084
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX	   0xc0000103
#define LONG_AGO	   1
#define DEADLINE_MODE	   0x40000
#define SELECTOR_TSS	   0x28
#define MXCSR_RESET	   0x1f80

/* Lazy pages that nothing else uses, and pinned memory for code. */
#define FRESH_STACK ((u64)GUEST_OFFSET + GUEST_LAZY_BASE + 0x2f00000)
#define CODE_PAGE   ((u64)GUEST_OFFSET + 0x200000)
#define NOTHING	    ((u64)GUEST_OFFSET + 0x20000000)

static u64 read_msr(u32 msr)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static void open_window(void)
{
	__asm__ volatile("sti\n nop\n nop\n cli" : : : "rax", "rcx", "rdx", "r14", "memory");
}

/* An interrupt that comes while RFLAGS.IF is clear waits for it. */
static void test_closed_window(void)
{
	u64 before = timer_count;

	write_msr(MSR_TSC_DEADLINE, LONG_AGO);
	expect("interrupts taken while closed", timer_count - before, 0);
	open_window();
	expect("interrupts taken when opened", timer_count - before, 1);
}

/* STI blocks for one instruction. When that one is emulated, the blocking is over all the same. */
static void test_shadow(void)
{
	u64 before = timer_count;

	__asm__ volatile("sti\n wrmsr\n cli"
			 :
			 : "c"(MSR_TSC_DEADLINE), "a"(LONG_AGO), "d"(0)
			 : "r14", "memory");
	expect("interrupts taken behind STI and an exit", timer_count - before, 1);
}

/* The interrupt's frame goes to a page that is not there yet: delivered once, all the same. */
static void test_faulting_delivery(void)
{
	u64 before = timer_count;

	__asm__ volatile("mov %%rsp, %%rbx\n mov %3, %%rsp\n sti\n wrmsr\n nop\n cli\n"
			 "mov %%rbx, %%rsp"
			 :
			 : "c"(MSR_TSC_DEADLINE), "a"(LONG_AGO), "d"(0), "r"(FRESH_STACK)
			 : "rbx", "r14", "memory");
	expect("interrupts taken on a fresh stack", timer_count - before, 1);
}

/* mov (%rbx), %eax; ret, at each place around a page's end. */
static void test_code_across_pages(void)
{
	static const u8 code[] = {0x8b, 0x03, 0xc3};
	u64 device = (u64)GUEST_OFFSET + GUEST_DEVICE + DEVICE_ID;

	for (u64 at = CODE_PAGE + PAGE_SIZE - 17; at < CODE_PAGE + PAGE_SIZE + 2; at++) {
		u64 value = 0;

		for (u64 i = 0; i < sizeof(code); i++)
			((volatile u8 *)at)[i] = code[i];
		__asm__ volatile("call *%2" : "+a"(value) : "b"(device), "r"(at) : "memory");
		expect("load by code across pages", value, DEVICE_ID_VALUE);
	}
}

/* The handler steps over two bytes. */
static void test_nothing_there(void)
{
	u64 value = 7;

	fault_count = 0;
	__asm__ volatile(".byte 0x8b, 0x03" : "+a"(value) : "b"(NOTHING) : "memory");
	expect("faults at an address of nothing", fault_count, 1);
	expect("register of the refused load", value, 7);
}

/* Without TSC-deadline mode the MSR reads as zero, and writing it arms nothing. */
static void test_timer_modes(void)
{
	u64 before = timer_count;

	write_msr(MSR_TSC_DEADLINE, ~0ul);
	expect("deadline that was set", read_msr(MSR_TSC_DEADLINE), ~0ul);
	write_msr(MSR_X2APIC_TIMER, VECTOR_TIMER); /* one-shot */
	expect("deadline in another mode", read_msr(MSR_TSC_DEADLINE), 0);
	write_msr(MSR_TSC_DEADLINE, LONG_AGO);
	open_window();
	expect("interrupts taken in another mode", timer_count - before, 0);
	write_msr(MSR_X2APIC_TIMER, DEADLINE_MODE | VECTOR_TIMER);
}

/* What the registers of a local APIC in x2APIC mode refuse. */
static void test_refused_writes(void)
{
	fault_count = 0;
	write_msr(MSR_X2APIC_EOI, 1);
	write_msr(MSR_X2APIC_TIMER, 1ul << 32 | DEADLINE_MODE | VECTOR_TIMER);
	write_msr(MSR_X2APIC_TIMER, 0x80000 | DEADLINE_MODE | VECTOR_TIMER);
	expect("refused writes of the local APIC", fault_count, 3);
}

/* All four registers, whose upper halves become zero; no VMX below this hypervisor. */
static void test_cpuid(void)
{
	const u64 rest = 0xffffffff00000000;
	u64 a = rest, b, c = rest, d;

	__asm__ volatile("mov %0, %1\n mov %0, %3\n cpuid" : "+a"(a), "=&b"(b), "+c"(c), "=&d"(d));
	expect("CPUID's last leaf is in reach", a >= 13 && a < 64, true);
	expect("CPUID leaf 0, rbx", b, VENDOR_GENU);
	expect("CPUID leaf 0, rdx", d, VENDOR_INEI);
	expect("CPUID leaf 0, rcx", c, VENDOR_NTEL);
	a = 1;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	expect("CPUID leaf 1, VMX and hypervisor", c & (1u << 5 | 1u << 31), 1u << 31);
	a = 13;
	c = 1;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	expect("CPUID leaf 13, subleaf 1, XSAVEOPT", a & 1, 1);
}

/* Whichever path an exit takes. */
static void test_registers_are_kept(void)
{
	expect("registers after a hypercall", registers_after_hypercall(HC_VERSION), 0);
	expect("registers after the full path", registers_after_hypercall(HC_YIELD), 0);
	expect("registers after a device access", registers_after_device(0), 0);
}

/* A guest's user programs have no hypervisor to talk to: no instruction of theirs ends up where
 * those of its kernel would. */
static void test_hypercall_of_users(void)
{
	static struct {
		u32 reserved;
		u64 rsp0;
		u8 rest[92];
	} __attribute__((packed)) tss ALIGNED(16);
	static u8 stack[512] ALIGNED(16);
	u64 base = (u64)&tss;

	tss.rsp0 = (u64)(stack + sizeof(stack));
	gdt[SELECTOR_TSS / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ul << 40 |
				(base >> 24 & 0xff) << 56;
	gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
	expect("hypercall at CPL 3", user_hypercall(), ~0ul);
}

/* What a vCPU finds in the registers that VM entry does not load. */
static void test_reset_state(void)
{
	u32 mxcsr;
	u16 control;

	__asm__ volatile("stmxcsr %0\n fnstcw %1" : "=m"(mxcsr), "=m"(control));
	expect("MXCSR at the start", mxcsr, MXCSR_RESET);
	expect("x87 control word at the start", control, 0x37f);
}

void test_events(void)
{
	test_reset_state();
	test_registers_are_kept();
	test_cpuid();
	test_hypercall_of_users();
	write_msr(MSR_X2APIC_TIMER, DEADLINE_MODE | VECTOR_TIMER);
	test_timer_modes();
	test_refused_writes();
	test_closed_window();
	test_shadow();
	test_faulting_delivery();
	test_code_across_pages();
	test_nothing_there();
}

/* ---- Two vCPUs with values of their own ---- */

static void set_registers(u64 seed)
{
	write_msr(MSR_LSTAR, 0xffff800000000000 + seed);
	write_msr(MSR_SFMASK, seed + 1);
	write_msr(MSR_STAR, seed + 5);
	write_msr(MSR_CSTAR, seed + 6);
	write_msr(MSR_TSC_AUX, seed + 2);
	write_msr(MSR_KERNEL_GS_BASE, seed + 3);
	__asm__ volatile("mov %0, %%cr2" : : "r"(seed + 4));
}

static void check_registers(u64 seed)
{
	u32 aux;
	u64 cr2;

	__asm__ volatile("rdtscp" : "=c"(aux) : : "rax", "rdx");
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	expect("LSTAR", read_msr(MSR_LSTAR), 0xffff800000000000 + seed);
	expect("SFMASK", read_msr(MSR_SFMASK), seed + 1);
	expect("STAR", read_msr(MSR_STAR), seed + 5);
	expect("CSTAR", read_msr(MSR_CSTAR), seed + 6);
	expect("TSC_AUX", aux, seed + 2);
	expect("KERNEL_GS_BASE", read_msr(MSR_KERNEL_GS_BASE), seed + 3);
	expect("CR2", cr2, seed + 4);
}

#define SEED_FIRST  1000
#define SEED_SECOND 5000

void partner_registers_begin(void);
void partner_registers_begin(void)
{
	expect("LSTAR of a new vCPU", read_msr(MSR_LSTAR), 0);
	expect("SFMASK of a new vCPU", read_msr(MSR_SFMASK), 0);
	expect("STAR of a new vCPU", read_msr(MSR_STAR), 0);
	expect("CSTAR of a new vCPU", read_msr(MSR_CSTAR), 0);
	expect("TSC_AUX of a new vCPU", read_msr(MSR_TSC_AUX), 0);
	expect("KERNEL_GS_BASE of a new vCPU", read_msr(MSR_KERNEL_GS_BASE), 0);
	set_registers(SEED_SECOND);
}

void partner_registers_end(void);
void partner_registers_end(void)
{
	check_registers(SEED_SECOND);
}

void registers_set_first(void)
{
	set_registers(SEED_FIRST);
}

/* Leaves them as they were at first, so that vCPUs do not differ in them. */
void registers_check_first(void)
{
	check_registers(SEED_FIRST);
	write_msr(MSR_LSTAR, 0);
	write_msr(MSR_SFMASK, 0);
	write_msr(MSR_TSC_AUX, 0);
	write_msr(MSR_STAR, 0);
	write_msr(MSR_CSTAR, 0);
}
