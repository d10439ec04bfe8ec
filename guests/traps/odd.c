/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses to devices that no driver makes: widths that the registers do not have, registers that
 * the PLIC does not have. The platform decides what they give; what they must do is come back, with
 * a value or an access fault that says where, and leave the real registers alone.
 */
#include "tests.h"

static u64 epc;

/* Within a check: whatever came back is in order. */
static void check_came_back(const struct trap_info *trap, u64 address, u64 cause)
{
	if (!trap->trapped)
		return;
	/* An access wider than the register may count as misaligned for it. */
	if (trap->cause == cause - 1)
		cause--;
	check_trap(trap, cause, epc, address);
}

static void odd_load(u32 funct3, u64 address)
{
	struct trap_info trap = code_try(insn_load(funct3, X_A0, X_A0, 0), address, 0, &epc);

	check_came_back(&trap, address, CAUSE_LOAD_ACCESS);
}

static void odd_store(u32 funct3, u64 address, u64 value)
{
	struct trap_info trap = code_try(insn_store(funct3, X_A1, X_A0, 0), address, value, &epc);

	check_came_back(&trap, address, CAUSE_STORE_ACCESS);
}

static void test_widths(void)
{
	static const u32 loads[] = {LB, LH, LW, LD, LBU, LHU, LWU};
	static const u64 plic[] = {PLIC_BASE, PLIC_PRIORITY(8), PLIC_PENDING, PLIC_ENABLE(1),
				   PLIC_THRESHOLD(1)};

	check_begin("odd: loads of every width from the UART come back");
	for (size_t i = 0; i < ARRAY_COUNT(loads); i++)
		odd_load(loads[i], UART_BASE);
	odd_load(LH, UART_BASE + 6);
	odd_load(LW, UART_BASE + 4);
	check_end();

	check_begin("odd: loads of every width from the PLIC come back");
	for (size_t i = 0; i < ARRAY_COUNT(plic); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(loads); j++)
			odd_load(loads[j], plic[i]);
	}
	odd_load(LB, PLIC_PRIORITY(8) + 3);
	odd_load(LH, PLIC_PRIORITY(8) + 2);
	check_end();
}

/* c.ld and c.sd, and their stack-relative forms, of registers that have four bytes. */
static void test_compressed_doubles(void)
{
	const struct {
		u32 insn;
		u64 cause;
	} forms[] = {{insn_c_double(C_LD, 3, 2, 0), CAUSE_LOAD_ACCESS},	  /* c.ld a1, 0(a0) */
		     {insn_c_double(C_SD, 3, 2, 0), CAUSE_STORE_ACCESS}}; /* c.sd a1, 0(a0) */
	static struct probe probe;
	struct trap_info trap;

	check_begin("odd: compressed doubles of the PLIC come back");
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		trap = code_try(forms[i].insn, PLIC_PRIORITY(8), 0, &epc);
		check_came_back(&trap, PLIC_PRIORITY(8), forms[i].cause);
	}
	for (u32 rd = 1; rd < 28; rd++) {
		probe_fill(&probe);
		probe.before[X_SP] = PLIC_PRIORITY(8);
		trap = probe_run(&probe, insn_c_ldsp(rd, 0), 28);
		epc = trap.epc;
		check_came_back(&trap, PLIC_PRIORITY(8), CAUSE_LOAD_ACCESS);
	}
	probe_fill(&probe);
	probe.before[X_SP] = PLIC_PENDING;
	trap = probe_run(&probe, insn_c_sdsp(X_A0, 0), 28);
	epc = trap.epc;
	check_came_back(&trap, PLIC_PENDING, CAUSE_STORE_ACCESS);
	check_end();
}

static void test_store_widths(void)
{
	check_begin("odd: stores of every width to the PLIC come back");
	odd_store(SB, PLIC_PRIORITY(8), 0);
	odd_store(SH, PLIC_PRIORITY(8), 0);
	odd_store(SD, PLIC_PRIORITY(8), 0);
	odd_store(SD, PLIC_ENABLE(1), 0);
	odd_store(SD, PLIC_PENDING, ~0ul);
	check_end();

	check_begin("odd: wide stores to the UART come back");
	/*
	 * Where such a store is taken apart into bytes, each must do no harm: a newline to send,
	 * no interrupts, FIFOs on, 8 data bits, modem lines as firmware leaves them.
	 */
	odd_store(SH, UART_BASE, 0x000a);
	odd_store(SW, UART_BASE, 0x0301000a);
	odd_store(SD, UART_BASE, 0x000000000301000a);
	write8(UART_BASE + UART_LCR, 3);
	check_end();
}

/* FP and vector accesses: a hypervisor need not emulate those, but must do something. */
static void test_float(void)
{
	struct trap_info trap;

	if (!boot_isa_has("d")) {
		check_skip("odd: FP access to a device comes back", "no D");
		return;
	}
	check_begin("odd: FP access to a device comes back");
	context_set_fs(CONTEXT_DIRTY);
	trap = code_try(0x00052507, PLIC_PRIORITY(8), 0, &epc); /* flw fa0, 0(a0) */
	check_came_back(&trap, PLIC_PRIORITY(8), CAUSE_LOAD_ACCESS);
	trap = code_try(0x00053507, PLIC_PRIORITY(8), 0, &epc); /* fld fa0, 0(a0) */
	check_came_back(&trap, PLIC_PRIORITY(8), CAUSE_LOAD_ACCESS);
	trap = code_try(0x00a53027, PLIC_PENDING, 0, &epc); /* fsd fa0, 0(a0) */
	check_came_back(&trap, PLIC_PENDING, CAUSE_STORE_ACCESS);
	trap = code_try(0x2108, PLIC_PRIORITY(8), 0, &epc); /* c.fld fa0, 0(a0) */
	check_came_back(&trap, PLIC_PRIORITY(8), CAUSE_LOAD_ACCESS);
	context_set_fs(CONTEXT_OFF);
	check_end();
}

static void test_vector(void)
{
	const u32 insns[] = {0x02050007}; /* vle8.v v0, (a0) */
	struct trap_info trap;

	if (!boot_isa_has("v")) {
		check_skip("odd: vector access to a device comes back", "no V");
		return;
	}
	check_begin("odd: vector access to a device comes back");
	context_set_vs(CONTEXT_DIRTY);
	trap = code_try(0xcc00f057, 0, 0, &epc); /* vsetivli x0, 1, e8, m1 */
	check_want(!trap.trapped, "vsetivli trapped");
	trap = code_try(insns[0], UART_BASE + UART_SCR, 0, &epc);
	check_came_back(&trap, UART_BASE + UART_SCR, CAUSE_LOAD_ACCESS);
	context_set_vs(CONTEXT_OFF);
	check_end();
}

/* The PLIC's addresses that are nobody's register, on any machine of up to 64 harts. */
static const u64 plic_holes[] = {
	PLIC_BASE,	     /* priority of source 0, which does not exist */
	PLIC_PRIORITY(1023), /* sources that QEMU and Hartwood do not have */
	PLIC_PRIORITY(512),
	PLIC_PENDING + 4 * 31, /* pending bits of such */
	PLIC_PENDING + 0x80,   /* reserved */
	PLIC_BASE + 0x1ffc,
	PLIC_ENABLE(1) + 4 * 31, /* enable bits of such */
	PLIC_ENABLE(200),	 /* of contexts that do not exist */
	PLIC_ENABLE(15871),
	PLIC_ENABLE(15872), /* reserved */
	PLIC_BASE + 0x1ffffc,
	PLIC_THRESHOLD(1) + 8, /* reserved, within a context's page */
	PLIC_THRESHOLD(1) + 0xffc,
	PLIC_THRESHOLD(200), /* of contexts that do not exist */
	PLIC_CLAIM(200),
	PLIC_BASE + 0x5ffffc,
	PLIC_BASE + 0x3fffffc, /* the end of the window in the PLIC specification */
};

static void test_plic_holes(void)
{
	u64 context = PLIC_CONTEXT_S(hart_self()->id);

	write32(PLIC_PRIORITY(UART_IRQ), 3);
	write32(PLIC_ENABLE(context), BIT(UART_IRQ));
	write32(PLIC_THRESHOLD(context), 2);
	check_begin("odd: loads of registers that the PLIC lacks come back");
	for (size_t i = 0; i < ARRAY_COUNT(plic_holes); i++)
		odd_load(LW, plic_holes[i]);
	check_end();
	check_begin("odd: stores to registers that the PLIC lacks come back");
	for (size_t i = 0; i < ARRAY_COUNT(plic_holes); i++) {
		odd_store(SW, plic_holes[i], 0xffffffff);
		odd_store(SW, plic_holes[i], 0);
		odd_store(SW, plic_holes[i], 0x5a5a5a5a);
	}
	check_end();
	check_begin("odd: stores to registers that the PLIC lacks change no other");
	check_equal("priority", read32(PLIC_PRIORITY(UART_IRQ)), 3);
	check_equal("enable", read32(PLIC_ENABLE(context)), BIT(UART_IRQ));
	check_equal("threshold", read32(PLIC_THRESHOLD(context)), 2);
	check_end();
	write32(PLIC_ENABLE(context), 0);
	write32(PLIC_THRESHOLD(context), 0);
}

/*
 * "Interrupt ID 0 is reserved": no priority, no enable bit. QEMU's PLIC keeps what is written to
 * either. Completing what was not claimed is ignored.
 */
static void test_source_zero(void)
{
	u64 context = PLIC_CONTEXT_S(hart_self()->id);

	check_begin("odd: PLIC source 0 has no enable bit and no priority");
	write32(PLIC_ENABLE(context), 1);
	write32(PLIC_BASE, 7);
	if (!sbi_is_opensbi()) {
		check_equal("enable", read32(PLIC_ENABLE(context)) & 1, 0);
		check_equal("priority", read32(PLIC_BASE), 0);
	}
	write32(PLIC_ENABLE(context), 0);
	write32(PLIC_BASE, 0);
	check_end();

	check_begin("odd: completing what was never claimed is ignored");
	for (u32 source = 0; source < 2000; source += 37) {
		odd_store(SW, PLIC_CLAIM(context), source);
		check_equal("claim", read32(PLIC_CLAIM(context)), 0);
	}
	odd_store(SW, PLIC_CLAIM(context), 0xffffffff);
	odd_store(SW, PLIC_CLAIM(context), 0x80000000);
	check_equal("claim", read32(PLIC_CLAIM(context)), 0);
	check_end();

	check_begin("odd: pending bits are read-only");
	odd_store(SW, PLIC_PENDING, 0xffffffff);
	check_equal("pending", read32(PLIC_PENDING), 0);
	check_end();
}

void test_odd(void)
{
	test_widths();
	test_compressed_doubles();
	test_store_widths();
	test_float();
	test_vector();
	test_plic_holes();
	test_source_zero();
}
