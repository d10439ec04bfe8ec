/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AMOs, LR and SC outside memory. Which of them an I/O region supports is a PMA ("Atomicity
 * PMAs"); QEMU performs them on its devices, Hartwood refuses them with the fault of their kind.
 */
#include "tests.h"

static const struct {
	const char *name;
	u32 funct5, width;
	u64 cause;
} atomics[] = {
	{"amoadd.w", AMO_ADD, 2, CAUSE_STORE_ACCESS},
	{"amoadd.d", AMO_ADD, 3, CAUSE_STORE_ACCESS},
	{"amoswap.w", AMO_SWAP, 2, CAUSE_STORE_ACCESS},
	{"amoswap.d", AMO_SWAP, 3, CAUSE_STORE_ACCESS},
	{"amomaxu.w", AMO_MAXU, 2, CAUSE_STORE_ACCESS},
	{"amomaxu.d", AMO_MAXU, 3, CAUSE_STORE_ACCESS},
	{"lr.w", AMO_LR, 2, CAUSE_LOAD_ACCESS},
	{"lr.d", AMO_LR, 3, CAUSE_LOAD_ACCESS},
};

static u32 atomic_insn(size_t i)
{
	/* LR has no second operand: x0 in its place. */
	return insn_amo(atomics[i].funct5, atomics[i].width, X_A0, X_A0,
			atomics[i].funct5 == AMO_LR ? 0 : X_A1);
}

static void test_nothing(void)
{
	static const u64 addresses[] = {HOLE_BASE, 0, 1ul << 41};

	for (size_t i = 0; i < ARRAY_COUNT(atomics); i++) {
		check_begin("atomic %s of nothing is an access fault", atomics[i].name);
		for (size_t j = 0; j < ARRAY_COUNT(addresses); j++) {
			u64 epc;
			struct trap_info trap = code_try(atomic_insn(i), addresses[j], 0, &epc);

			check_trap(&trap, atomics[i].cause, epc, addresses[j]);
		}
		check_end();
	}
}

static void test_device(void)
{
	static const u64 addresses[] = {PLIC_PRIORITY(4), UART_BASE};

	for (size_t i = 0; i < ARRAY_COUNT(atomics); i++) {
		check_begin("atomic %s of a device is an access fault", atomics[i].name);
		for (size_t j = 0; j < ARRAY_COUNT(addresses); j++) {
			u64 epc;
			struct trap_info trap;

			/* The UART would send what the AMO writes. */
			if (sbi_is_opensbi() && addresses[j] == UART_BASE)
				continue;
			trap = code_try(atomic_insn(i), addresses[j], 0, &epc);
			if (sbi_is_opensbi() && !trap.trapped)
				continue;
			check_trap(&trap, atomics[i].cause, epc, addresses[j]);
		}
		check_end();
	}
	write32(PLIC_PRIORITY(4), 0);
}

/* An SC without a reservation may fail before it looks at its address: either end is right. */
static void check_sc(u32 insn, u64 address)
{
	u64 epc;
	struct trap_info trap = code_try(insn, address, 1, &epc);

	if (trap.trapped)
		check_trap(&trap, CAUSE_STORE_ACCESS, epc, address);
	else
		check_want(trap.value != 0, "it succeeded");
}

static void test_sc(void)
{
	check_begin("atomic sc outside memory faults or fails");
	for (u32 width = 2; width < 4; width++) {
		u32 insn = insn_amo(AMO_SC, width, X_A0, X_A0, X_A1);

		check_sc(insn, HOLE_BASE);
		check_sc(insn, PLIC_PRIORITY(4));
		check_sc(insn, UART_BASE);
	}
	check_end();
}

/* In memory all of them work, and a misaligned one does not. */
static void test_memory(void)
{
	static u64 memory[4] __attribute__((aligned(32)));
	struct trap_info trap;
	u64 epc;

	check_begin("atomic amoadd.d of memory");
	memory[0] = 5;
	trap = code_try(insn_amo(AMO_ADD, 3, X_A0, X_A0, X_A1), (u64)memory, 7, &epc);
	check_no_trap(&trap, 5);
	check_equal("memory", memory[0], 12);
	check_end();

	/* QEMU's Zama16b makes this work anywhere. */
	if (boot_isa_has("zama16b")) {
		check_skip("atomic misaligned amoadd.d of memory faults", "Zama16b");
		return;
	}
	check_begin("atomic misaligned amoadd.d of memory faults");
	trap = code_try(insn_amo(AMO_ADD, 3, X_A0, X_A0, X_A1), (u64)memory + 12, 7, &epc);
	/* "Store/AMO address misaligned", or an access fault; QEMU 10.0.2 says that of a load. */
	check_want(trap.trapped && trap.cause >= CAUSE_LOAD_MISALIGNED &&
			   trap.cause <= CAUSE_STORE_ACCESS,
		   "cause %lu", trap.cause);
	check_equal("stval", trap.tval, (u64)memory + 12);
	check_equal("sepc", trap.epc, epc);
	check_end();
}

void test_atomic(void)
{
	test_nothing();
	test_device();
	test_sc();
	test_memory();
}
