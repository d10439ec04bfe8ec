/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest's ISA string promises and denies: counters, Sstc, Zicboz, the CSRs that give and
 * take rights of U-mode; and that WFI comes back.
 */
#include "tests.h"

void test_counters(void)
{
	static const struct {
		const char *name;
		u32 csr;
	} counters[] = {{"cycle", 0xc00}, {"time", 0xc01}, {"instret", 0xc02}};

	for (size_t i = 0; i < ARRAY_COUNT(counters); i++) {
		u32 insn = INSN_CSRRS(X_A0, counters[i].csr);
		u64 epc, first;
		struct trap_info trap = code_try(insn, 0, 0, &epc);

		check_begin("counters: %s can be read and rises", counters[i].name);
		first = trap.value;
		check_want(!trap.trapped, "trap %lu", trap.cause);
		delay_us(100);
		trap = code_try(insn, 0, 0, &epc);
		check_want(trap.value > first, "0x%lx after 0x%lx", trap.value, first);
		check_end();
	}
}

/* "stimecmp" of Sstc: where it was not offered it does not exist. */
static void test_stimecmp(void)
{
	const u32 write = INSN_CSRRW(CSR_STIMECMP, X_A0), read = INSN_CSRRS(X_A0, CSR_STIMECMP);
	struct trap_info trap;
	u64 epc;

	if (!boot_isa_has("sstc")) {
		check_begin("env stimecmp, not offered, is refused");
		trap = code_try(write, 0, 0, &epc);
		check_illegal(&trap, write, epc);
		trap = code_try(read, 0, 0, &epc);
		check_illegal(&trap, read, epc);
		check_end();
		return;
	}
	check_begin("env stimecmp, offered, works");
	trap = code_try(write, 0, 0, &epc);
	check_want(!trap.trapped, "write: trap %lu", trap.cause);
	check_want(WAIT_FOR(csr_read(sip) & SIP_STIP), "sip.STIP stays clear");
	trap = code_try(write, ~0ul, 0, &epc);
	check_want(WAIT_FOR(!(csr_read(sip) & SIP_STIP)), "sip.STIP stays set");
	trap = code_try(read, 0, 0, &epc);
	check_no_trap(&trap, ~0ul);
	check_end();
}

static void test_rights(void)
{
	static const struct {
		const char *name;
		u32 csr;
		u64 value;
	} csrs[] = {{"senvcfg", CSR_SENVCFG, 1}, {"scounteren", 0x106, 7}};

	for (size_t i = 0; i < ARRAY_COUNT(csrs); i++) {
		struct trap_info trap;
		u64 epc;

		check_begin("env %s can be read and written", csrs[i].name);
		trap = code_try(INSN_CSRRW(csrs[i].csr, X_A0), csrs[i].value, 0, &epc);
		check_want(!trap.trapped, "write: trap %lu", trap.cause);
		trap = code_try(INSN_CSRRS(X_A0, csrs[i].csr), 0, 0, &epc);
		/* Bits may be read-only zero, but none can set itself. */
		check_want(!trap.trapped && !(trap.value & ~csrs[i].value),
			   "read: trap %lu, value 0x%lx", trap.cause, trap.value);
		trap = code_try(INSN_CSRRW(csrs[i].csr, X_A0), 0, 0, &epc);
		check_want(!trap.trapped, "write of 0: trap %lu", trap.cause);
		check_end();
	}
}

static void test_cbo_zero(void)
{
	static u8 memory[1024] __attribute__((aligned(512)));
	const u32 insn = 0x0045200f; /* cbo.zero (a0) */
	u32 block = boot_cpu_cell("riscv,cboz-block-size", 64);
	struct trap_info trap;
	u64 epc;

	memset(memory, 0xff, sizeof(memory));
	trap = code_try(insn, (u64)memory + 512 + 3, 0, &epc);
	if (!boot_isa_has("zicboz")) {
		check_begin("env cbo.zero, not offered, is refused");
		check_illegal(&trap, insn, epc);
		check_end();
		return;
	}
	check_begin("env cbo.zero, offered, zeroes its block");
	check_want(!trap.trapped, "trap %lu", trap.cause);
	for (u32 i = 0; i < sizeof(memory); i++)
		check_want(memory[i] == (i >= 512 && i < 512 + block ? 0 : 0xff), "byte %u is 0x%x",
			   i, memory[i]);
	trap = code_try(insn, HOLE_BASE + 8, 0, &epc);
	check_want(trap.trapped && trap.cause == CAUSE_STORE_ACCESS, "of nothing: cause %lu",
		   trap.cause);
	/* stval may be any address of the block. */
	check_want(trap.tval >= HOLE_BASE && trap.tval < HOLE_BASE + block, "stval 0x%lx",
		   trap.tval);
	check_end();
}

static void test_cbo_manage(void)
{
	static u64 memory;
	static const struct {
		const char *name;
		u32 insn;
	} insns[] = {
		{"cbo.inval", 0x0005200f}, {"cbo.clean", 0x0015200f}, {"cbo.flush", 0x0025200f}};

	for (size_t i = 0; i < ARRAY_COUNT(insns); i++) {
		struct trap_info trap;
		u64 epc;

		check_begin("env %s as the ISA string has it", insns[i].name);
		memory = 1;
		trap = code_try(insns[i].insn, (u64)&memory, 0, &epc);
		if (boot_isa_has("zicbom"))
			check_no_trap(&trap, (u64)&memory);
		else
			check_illegal(&trap, insns[i].insn, epc);
		check_equal("memory", memory, 1);
		check_end();
	}
}

void test_env(void)
{
	test_stimecmp();
	test_rights();
	test_cbo_zero();
	test_cbo_manage();
}

extern const char wfi_interruptible_wfi[];

/* WFI with interrupts on; they are off before and after. */
static __attribute__((noinline, noclone)) void wfi_interruptible(void)
{
	__asm__ volatile("	csrsi	sstatus, 2\n"
			 "	.globl	wfi_interruptible_wfi\n"
			 "wfi_interruptible_wfi:\n"
			 "	wfi\n"
			 "	csrci	sstatus, 2" ::
				 : "memory");
}

/* An interrupt that came just before the WFI has to end it too, or nothing would. */
void trap_handler(struct trap_frame *frame)
{
	if ((s64)frame->scause >= 0)
		trap_panic("exception");
	trap_count_interrupt(frame);
	if (frame->sepc == (u64)wfi_interruptible_wfi)
		frame->sepc += 4;
}

void test_wfi(void)
{
	u64 at;

	check_begin("wfi ends at once with an interrupt pending");
	csr_write(sie, (u64)SIP_SSIP);
	csr_set(sip, (u64)SIP_SSIP);
	for (int i = 0; i < 100; i++)
		wfi();
	csr_clear(sip, (u64)SIP_SSIP);
	check_end();

	check_begin("wfi ends when the timer fires, sstatus.SIE clear");
	csr_write(sie, (u64)SIP_STIP);
	for (int i = 0; i < 10; i++) {
		at = time_now() + ticks_from_us(500);
		sbi_call(SBI_TIME, 0, at, 0, 0, 0);
		/* WFI may end without a reason; here it must not end for ever. */
		while (!(csr_read(sip) & SIP_STIP))
			wfi();
		check_want(time_now() >= at, "woke early");
		check_want(time_now() < at + boot_timebase(), "woke more than a second late");
	}
	csr_write(sie, 0ul);
	sbi_call(SBI_TIME, 0, ~0ul, 0, 0, 0);
	check_end();

	check_begin("wfi is interrupted, sstatus.SIE set");
	at = hart_self()->interrupt_count[IRQ_TIMER];
	csr_write(sie, (u64)SIP_STIP);
	sbi_call(SBI_TIME, 0, time_now() + ticks_from_us(500), 0, 0, 0);
	while (hart_self()->interrupt_count[IRQ_TIMER] == at)
		wfi_interruptible();
	sbi_call(SBI_TIME, 0, ~0ul, 0, 0, 0);
	check_equal("interrupts", hart_self()->interrupt_count[IRQ_TIMER] - at, 1);
	check_end();
}
