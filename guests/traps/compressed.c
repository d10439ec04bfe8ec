/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compressed loads and stores of device registers, stack-relative ones with sp in device space
 * and those of Zcb among them; and the traps of compressed ones that find nothing.
 */
#include "tests.h"

#define SCR (UART_BASE + UART_SCR)

static struct probe probe;
static u64 enable;
static u32 value; /* what the enable bits hold, bit 31 set where it exists */

/* An anchor that no compressed form can use. */
#define ANCHOR 28

static void test_load_words(void)
{
	check_begin("compressed c.lw into every register by every base");
	write32(enable, value);
	for (u32 rd = 0; rd < 8; rd++) {
		for (u32 base = 0; base < 8; base++) {
			u32 offset = 4 * (rd + 8 * (base % 2)) + 64 * (base / 4);

			probe_fill(&probe);
			probe.before[8 + base] = enable - (offset & 0x7c);
			probe_check("c.lw", &probe, insn_c_word(C_LW, rd, base, offset & 0x7c),
				    ANCHOR, 8 + rd, (u64)(s64)(int)value);
		}
	}
	check_end();
	check_begin("compressed c.lwsp into every register");
	for (u32 rd = 1; rd < 32; rd++) {
		u32 offset = 4 * (rd * 2 + 1);

		if (rd == ANCHOR)
			continue;
		probe_fill(&probe);
		probe.before[X_SP] = enable - offset;
		probe_check("c.lwsp", &probe, insn_c_lwsp(rd, offset), ANCHOR, rd,
			    (u64)(s64)(int)value);
	}
	check_end();
	write32(enable, 0);
}

static void test_store_words(void)
{
	u32 mask;

	/* Without bit 0: source 0 does not exist, but QEMU's PLIC keeps its enable bit. */
	write32(enable, 0xfffffffe);
	mask = read32(enable) & ~1u;
	check_begin("compressed c.sw from every register by every base");
	for (u32 rs2 = 0; rs2 < 8; rs2++) {
		for (u32 base = 0; base < 8; base++) {
			probe_fill(&probe);
			probe.before[8 + base] = enable - 4 * rs2;
			probe_check("c.sw", &probe, insn_c_word(C_SW, rs2, base, 4 * rs2), ANCHOR,
				    0, 0);
			check_equal("stored", read32(enable) & ~1u, probe.before[8 + rs2] & mask);
		}
	}
	check_end();
	check_begin("compressed c.swsp from every register");
	for (u32 rs2 = 0; rs2 < 32; rs2++) {
		if (rs2 == ANCHOR)
			continue;
		probe_fill(&probe);
		probe.before[X_SP] = enable - 8 * rs2;
		probe_check("c.swsp", &probe, insn_c_swsp(rs2, 8 * rs2), ANCHOR, 0, 0);
		check_equal("stored", read32(enable) & ~1u, (u32)probe.before[rs2] & mask);
	}
	check_end();
	write32(enable, 0);
}

static void test_zcb(void)
{
	if (!boot_isa_has("zcb")) {
		check_skip("compressed c.lbu", "no Zcb");
		check_skip("compressed c.sb", "no Zcb");
		return;
	}
	check_begin("compressed c.lbu into every register");
	write8(SCR, 0xa5);
	for (u32 i = 0; i < 32; i++) {
		u32 rd = i % 8, base = i / 4, offset = i % 4;

		probe_fill(&probe);
		probe.before[8 + base] = SCR - offset;
		probe_check("c.lbu", &probe, insn_c_byte(C_LBU, rd, base, offset), ANCHOR, 8 + rd,
			    0xa5);
	}
	check_end();
	check_begin("compressed c.sb from every register");
	for (u32 i = 0; i < 32; i++) {
		u32 rs2 = i % 8, base = (i / 4 + 1 + rs2) % 8, offset = i % 4;

		probe_fill(&probe);
		probe.before[8 + base] = SCR - offset;
		probe_check("c.sb", &probe, insn_c_byte(C_SB, rs2, base, offset), ANCHOR, 0, 0);
		check_equal("stored", read8(SCR), (u8)probe.before[8 + rs2]);
	}
	check_end();
}

/* Where nothing is: the same faults as from the long forms, and sepc at the short instruction. */
static void test_faults(void)
{
	static const struct {
		const char *name;
		u32 insn;
		u32 offset;
		bool store, zcb;
	} forms[] = {
		/* base a0, data a1, that is 2 and 3 */
		{"c.lw", 2 << 13 | 7 << 10 | 2 << 7 | 1 << 6 | 1 << 5 | 3 << 2, 0x7c, false, false},
		{"c.ld", 3 << 13 | 7 << 10 | 2 << 7 | 3 << 5 | 3 << 2, 0xf8, false, false},
		{"c.sw", 6 << 13 | 7 << 10 | 2 << 7 | 1 << 6 | 1 << 5 | 3 << 2, 0x7c, true, false},
		{"c.sd", 7 << 13 | 7 << 10 | 2 << 7 | 3 << 5 | 3 << 2, 0xf8, true, false},
		{"c.lbu", C_LBU << 10 | 2 << 7 | 1 << 6 | 1 << 5 | 3 << 2, 3, false, true},
		{"c.lhu", C_LH << 10 | 2 << 7 | 0 << 6 | 1 << 5 | 3 << 2, 2, false, true},
		{"c.lh", C_LH << 10 | 2 << 7 | 1 << 6 | 1 << 5 | 3 << 2, 2, false, true},
		{"c.sb", C_SB << 10 | 2 << 7 | 1 << 6 | 1 << 5 | 3 << 2, 3, true, true},
		{"c.sh", C_SH << 10 | 2 << 7 | 0 << 6 | 1 << 5 | 3 << 2, 2, true, true},
	};

	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		struct trap_info trap;
		u64 epc;

		if (forms[i].zcb && !boot_isa_has("zcb"))
			continue;
		check_begin("compressed %s of nothing is an access fault", forms[i].name);
		trap = code_try(forms[i].insn, HOLE_BASE, 0, &epc);
		check_trap(&trap, forms[i].store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, epc,
			   HOLE_BASE + forms[i].offset);
		check_end();
	}
}

static void test_stack_faults(void)
{
	struct trap_info trap;

	check_begin("compressed stack-relative access of nothing is an access fault");
	probe_fill(&probe);
	probe.before[X_SP] = HOLE_BASE;
	trap = probe_run(&probe, insn_c_ldsp(X_A0, 0x1f8), ANCHOR);
	check_trap(&trap, CAUSE_LOAD_ACCESS, trap.epc, HOLE_BASE + 0x1f8);
	trap = probe_run(&probe, insn_c_lwsp(X_A0, 0xfc), ANCHOR);
	check_trap(&trap, CAUSE_LOAD_ACCESS, trap.epc, HOLE_BASE + 0xfc);
	trap = probe_run(&probe, insn_c_sdsp(X_A0, 0x1f8), ANCHOR);
	check_trap(&trap, CAUSE_STORE_ACCESS, trap.epc, HOLE_BASE + 0x1f8);
	trap = probe_run(&probe, insn_c_swsp(X_A0, 0xfc), ANCHOR);
	check_trap(&trap, CAUSE_STORE_ACCESS, trap.epc, HOLE_BASE + 0xfc);
	check_end();
}

void test_compressed(void)
{
	enable = PLIC_ENABLE(PLIC_CONTEXT_S(hart_self()->id));
	write32(enable, 0x80000400);
	value = read32(enable);
	test_load_words();
	test_store_words();
	test_zcb();
	test_faults();
	test_stack_faults();
}
