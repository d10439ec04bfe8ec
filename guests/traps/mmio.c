/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores of device registers in every width, signedness and register: the value arrives,
 * and nothing else changes. The registers used are the UART's scratch register (one byte, any
 * value) and the PLIC's enable bits of this hart (four bytes).
 */
#include "tests.h"

#define SCR (UART_BASE + UART_SCR)

static struct probe probe;
static u64 enable;     /* address of the enable bits of sources 0 to 31 for this hart */
static u32 enable_all; /* which of these bits exist */

/* A register that is neither of the two. */
static u32 other_than(u32 a, u32 b)
{
	u32 x = X_T6;

	while (x == a || x == b)
		x--;
	return x;
}

static void check_load(const char *name, u32 funct3, u32 rd, u32 rs1, u64 address, u64 value)
{
	/* The offset is in the instruction as well, and negative for half of the registers. */
	u32 offset = rd % 2 ? 0xff8 : 0x10;

	probe_fill(&probe);
	probe.before[rs1] = address - (u64)(s64)(rd % 2 ? -8 : 16);
	probe_check(name, &probe, insn_load(funct3, rd, rs1, offset), other_than(rd, rs1), rd,
		    value);
}

/* Every rd with one base, every base with one rd, and rd the same as the base. */
static void check_load_registers(const char *name, u32 funct3, u64 address, u64 value)
{
	check_begin("mmio %s into every register", name);
	for (u32 rd = 0; rd < 32; rd++)
		check_load(name, funct3, rd, rd == X_A0 ? X_A1 : X_A0, address, value);
	for (u32 rs1 = 1; rs1 < 32; rs1++)
		check_load(name, funct3, rs1 == X_A2 ? X_A1 : X_A2, rs1, address, value);
	for (u32 x = 1; x < 32; x++)
		check_load(name, funct3, x, x, address, value);
	check_end();
}

static void test_byte_loads(void)
{
	static const u8 values[] = {0x00, 0x7f, 0x80, 0xff};

	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		check_begin("mmio lb and lbu of 0x%02x", values[i]);
		write8(SCR, values[i]);
		check_load("lb", LB, X_A0, X_A1, SCR, (u64)(s64)(signed char)values[i]);
		check_load("lbu", LBU, X_A0, X_A1, SCR, values[i]);
		check_end();
	}
	write8(SCR, 0xa5);
	check_load_registers("lb", LB, SCR, 0xffffffffffffffa5);
	check_load_registers("lbu", LBU, SCR, 0xa5);
}

static void test_word_loads(void)
{
	u32 value = 0x80000400 & enable_all;

	write32(enable, value);
	check_load_registers("lw", LW, enable, (u64)(s64)(int)value);
	check_load_registers("lwu", LWU, enable, value);
	write32(enable, 0);
}

/* Stores from each register by one base, and through each base; x0 stores zero. */
static void check_store_registers(const char *name, u32 funct3, u64 address, u64 (*read)(u64),
				  u64 mask)
{
	check_begin("mmio %s from every register", name);
	for (u32 rs2 = 0; rs2 < 32; rs2++) {
		u32 rs1 = rs2 == X_A0 ? X_A1 : X_A0;

		probe_fill(&probe);
		probe.before[rs1] = address + 0x800;
		probe_check(name, &probe, insn_store(funct3, rs2, rs1, 0x800), other_than(rs1, rs2),
			    0, 0);
		check_want(read(address) == (probe.before[rs2] & mask), "x%u stored 0x%lx", rs2,
			   read(address));
	}
	for (u32 rs1 = 1; rs1 < 32; rs1++) {
		u32 rs2 = rs1 == X_A2 ? X_A1 : X_A2;

		probe_fill(&probe);
		probe.before[rs1] = address - 0x7ff;
		probe_check(name, &probe, insn_store(funct3, rs2, rs1, 0x7ff), other_than(rs1, rs2),
			    0, 0);
		check_want(read(address) == (probe.before[rs2] & mask), "by x%u stored 0x%lx", rs1,
			   read(address));
	}
	check_end();
}

static u64 read_byte(u64 address)
{
	return read8(address);
}

/* Source 0 does not exist, but QEMU's PLIC keeps its enable bit. */
static u64 read_word(u64 address)
{
	return read32(address) & ~1u;
}

/* rd and base the same for a store: the stored value is the address. */
static void test_store_own_base(void)
{
	check_begin("mmio sw of its own base");
	probe_fill(&probe);
	probe.before[X_A0] = enable;
	probe_check("sw", &probe, insn_store(SW, X_A0, X_A0, 0), X_T6, 0, 0);
	check_equal("stored", read_word(enable), (u32)enable & enable_all);
	write32(enable, 0);
	check_end();
}

/* A thousand accesses in a row: what is done once by chance is not done so often. */
static void test_many(void)
{
	check_begin("mmio a thousand stores and loads");
	for (u32 i = 0; i < 1000; i++) {
		write8(SCR, (u8)(i * 7));
		check_equal("scratch", read8(SCR), (u8)(i * 7));
	}
	check_end();
}

void test_mmio(void)
{
	enable = PLIC_ENABLE(PLIC_CONTEXT_S(hart_self()->id));
	write32(enable, 0xffffffff);
	enable_all = read32(enable) & ~1u;
	write32(enable, 0);
	check_begin("mmio the UART's interrupt can be enabled in the PLIC");
	check_want(enable_all & BIT(UART_IRQ), "enable bits are 0x%x", enable_all);
	check_end();

	test_byte_loads();
	test_word_loads();
	check_store_registers("sb", SB, SCR, read_byte, 0xff);
	check_store_registers("sw", SW, enable, read_word, enable_all);
	write32(enable, 0);
	test_store_own_base();
	test_many();
}
