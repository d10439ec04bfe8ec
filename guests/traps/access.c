/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads, stores and fetches where there is nothing, or not for them: access faults that name the
 * address ("Supervisor Trap Value (stval) Register").
 */
#include "tests.h"

static const struct {
	const char *name;
	u32 funct3, bytes;
} loads[] = {{"lb", LB, 1},   {"lh", LH, 2},   {"lw", LW, 4},  {"ld", LD, 8},
	     {"lbu", LBU, 1}, {"lhu", LHU, 2}, {"lwu", LWU, 4}},
  stores[] = {{"sb", SB, 1}, {"sh", SH, 2}, {"sw", SW, 4}, {"sd", SD, 8}};

/* Addresses where no machine has anything. */
static size_t fill_unmapped(u64 *addresses)
{
	size_t n = 0;

	addresses[n++] = 0;
	addresses[n++] = HOLE_BASE;
	addresses[n++] = UART_BASE + 0x800;
	addresses[n++] = (boot_ram_end() + PAGE_SIZE) & ~7ul;
	/* Beyond what a G-stage of any mode maps ("Guest-Physical Address Translation"). */
	addresses[n++] = 1ul << 40;
	addresses[n++] = 1ul << 41;
	addresses[n++] = 1ul << 50;
	addresses[n++] = (1ul << 55) + 0x1238;
	/* QEMU's PCIe window is there, and answers with ones. */
	if (!sbi_is_opensbi())
		addresses[n++] = RAM_BASE - 8;
	return n;
}

static void test_loads(const u64 *addresses, size_t count)
{
	for (size_t i = 0; i < ARRAY_COUNT(loads); i++) {
		u32 insn = insn_load(loads[i].funct3, X_A0, X_A0, 0);

		check_begin("access %s of nothing is a load access fault", loads[i].name);
		for (size_t j = 0; j < count; j++) {
			u64 epc;
			struct trap_info trap = code_try(insn, addresses[j], 0, &epc);

			check_trap(&trap, CAUSE_LOAD_ACCESS, epc, addresses[j]);
		}
		check_end();
	}
}

static void test_stores(const u64 *addresses, size_t count)
{
	for (size_t i = 0; i < ARRAY_COUNT(stores); i++) {
		u32 insn = insn_store(stores[i].funct3, X_A1, X_A0, 0);

		check_begin("access %s of nothing is a store access fault", stores[i].name);
		for (size_t j = 0; j < count; j++) {
			u64 epc;
			struct trap_info trap = code_try(insn, addresses[j], 0, &epc);

			check_trap(&trap, CAUSE_STORE_ACCESS, epc, addresses[j]);
		}
		check_end();
	}
}

/* The offset is part of the address that stval names. */
static void test_offsets(void)
{
	static const u32 offsets[] = {0x7f8, 0x8, 0xfffffff8, 0xfffff800};
	struct trap_info trap;
	u64 epc;

	check_begin("access: stval includes the offset");
	for (size_t i = 0; i < ARRAY_COUNT(offsets); i++) {
		u64 address = HOLE_BASE + 0x10000 + (u64)(s64)(int)offsets[i];

		trap = code_try(insn_load(LD, X_A0, X_A0, offsets[i]), HOLE_BASE + 0x10000, 0,
				&epc);
		check_trap(&trap, CAUSE_LOAD_ACCESS, epc, address);
		trap = code_try(insn_store(SD, X_A1, X_A0, offsets[i]), HOLE_BASE + 0x10000, 0,
				&epc);
		check_trap(&trap, CAUSE_STORE_ACCESS, epc, address);
	}
	check_end();
}

static void test_fetches(const u64 *addresses, size_t count)
{
	check_begin("access: a fetch of nothing is a fetch access fault");
	for (size_t j = 0; j < count; j++) {
		struct trap_info trap = trap_try(addresses[j], 0, 0, 0);

		check_trap(&trap, CAUSE_FETCH_ACCESS, addresses[j], addresses[j]);
	}
	check_end();
}

/*
 * Whether device registers can be executed is a PMA ("Supported Access Type PMAs"). QEMU does it:
 * the PLIC's zeros are illegal instructions there. Hartwood's devices cannot.
 */
static void test_device_fetch(void)
{
	static const u64 addresses[] = {PLIC_BASE, PLIC_PENDING + 0x70, UART_BASE, UART_BASE + 2};

	check_begin("access: a fetch from a device is a fetch access fault");
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		bool plic = addresses[i] < UART_BASE;
		struct trap_info trap;

		if (sbi_is_opensbi() && !plic)
			continue; /* who knows what the UART's bytes would do */
		trap = trap_try(addresses[i], 0, 0, 0);
		if (sbi_is_opensbi() && trap.cause == CAUSE_ILLEGAL)
			continue;
		check_trap(&trap, CAUSE_FETCH_ACCESS, addresses[i], addresses[i]);
	}
	check_end();
}

/*
 * A misaligned access to a device raises misaligned or access fault, "Misaligned Atomicity Granule
 * PMA" and "Alignment": the second where the access should not be emulated.
 */
static void check_misaligned(u32 insn, u64 address, u64 cause)
{
	u64 epc;
	struct trap_info trap = code_try(insn, address, 0, &epc);

	if (trap.trapped && trap.cause == cause - 1)
		cause--;
	check_trap(&trap, cause, epc, address);
}

static void test_misaligned_device(void)
{
	check_begin("access: misaligned access to a device faults");
	for (u64 offset = 1; offset < 4; offset++) {
		check_misaligned(insn_load(LW, X_A0, X_A0, 0), PLIC_PRIORITY(4) + offset,
				 CAUSE_LOAD_ACCESS);
		check_misaligned(insn_load(LWU, X_A0, X_A0, 0), PLIC_PRIORITY(4) + offset,
				 CAUSE_LOAD_ACCESS);
		check_misaligned(insn_store(SW, X_A1, X_A0, 0), PLIC_PRIORITY(4) + offset,
				 CAUSE_STORE_ACCESS);
	}
	check_end();
}

/* In memory it works, by hardware or by firmware; across the end of memory it does not. */
static void test_misaligned_memory(void)
{
	static u64 memory[2];
	struct trap_info trap;
	u64 epc, last = boot_ram_end() - 4;

	check_begin("access: misaligned access to memory works");
	memory[0] = 0x1122334455667788;
	memory[1] = 0x99aabbccddeeff00;
	trap = code_try(insn_load(LD, X_A0, X_A0, 0), (u64)memory + 5, 0, &epc);
	check_no_trap(&trap, 0xccddeeff00112233);
	check_end();

	check_begin("access: a load across the end of memory faults");
	trap = code_try(insn_load(LD, X_A0, X_A0, 0), last, 0, &epc);
	check_want(trap.trapped &&
			   (trap.cause == CAUSE_LOAD_ACCESS || trap.cause == CAUSE_LOAD_MISALIGNED),
		   "cause %lu, value 0x%lx", trap.cause, trap.value);
	/* stval is the address of the portion that caused the fault. */
	check_want(trap.tval >= last && trap.tval < last + 8, "stval 0x%lx", trap.tval);
	check_equal("sepc", trap.epc, epc);
	check_end();
}

void test_access(void)
{
	u64 addresses[12];
	size_t count = fill_unmapped(addresses);

	test_loads(addresses, count);
	test_stores(addresses, count);
	test_offsets();
	test_fetches(addresses, count);
	test_device_fetch();
	test_misaligned_device();
	test_misaligned_memory();
}
