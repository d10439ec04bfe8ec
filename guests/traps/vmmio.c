/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device registers reached through the guest's page tables, by instructions that themselves lie
 * where they are hard to read: in a page that can only be executed, across two pages, at the end of
 * one, in a page that is gone. Where htinst does not say it all, the hypervisor has to fetch these
 * instructions the way the hart did.
 */
#include "tests.h"

static u8 code_a[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 code_b[PAGE_SIZE] __attribute__((aligned(4096)));
static u64 *root;

/* Virtual addresses of the devices and of the code. */
#define VA_UART	 VM_FREE
#define VA_PLIC	 (VM_FREE + 0x400000)
#define VA_CODE	 (VM_FREE + 0x800000)
#define VA_CODE2 (VA_CODE + PAGE_SIZE)
#define VA_SCR	 (VA_UART + UART_SCR)

static void prepare(u64 code_flags)
{
	vm_reset();
	root = vm_identity();
	vm_map(root, VA_UART, UART_BASE, PTE_RW);
	vm_map(root, VA_PLIC, PLIC_BASE, PTE_RW);
	vm_map(root, VA_CODE, (u64)code_a, code_flags);
	/* Deliberately not in order, so that the two halves come from different places. */
	vm_map(root, VA_CODE2, (u64)code_b, code_flags);
	write8(UART_BASE + UART_SCR, 0xa5);
}

static void check_code(const char *name, u64 address, u64 a0, u64 value)
{
	struct trap_info trap;

	check_begin("vmmio %s", name);
	vm_on(root, 0);
	trap = trap_try(address, a0, 0x3c, 0);
	vm_off();
	check_no_trap(&trap, value);
	check_end();
}

static void test_mapped(void)
{
	const u32 load[] = {insn_load(LBU, X_A0, X_A0, 0), INSN_RET};
	const u32 store[] = {insn_store(SB, X_A1, X_A0, 0), INSN_RET};
	const u32 word[] = {insn_load(LW, X_A0, X_A0, 0), INSN_RET};

	prepare(PTE_RX);
	code_put((u64)code_a, load, 2);
	check_code("load", VA_CODE, VA_SCR, 0xa5);
	code_put((u64)code_a, store, 2);
	check_code("store", VA_CODE, VA_SCR, VA_SCR);
	check_one("vmmio store arrived", read8(UART_BASE + UART_SCR), 0x3c);
	write32(PLIC_PRIORITY(8), 5);
	code_put((u64)code_a, word, 2);
	check_code("load of a word", VA_CODE, VA_PLIC + 32, 5);
	write32(PLIC_PRIORITY(8), 0);
}

static void test_execute_only(void)
{
	const u32 load[] = {insn_load(LBU, X_A0, X_A0, 0), INSN_RET};
	const u32 store[] = {insn_store(SB, X_A1, X_A0, 0), INSN_RET};

	prepare(PTE_V | PTE_X | PTE_AD);
	code_put((u64)code_a, load, 2);
	check_code("load by code that cannot be read", VA_CODE, VA_SCR, 0xa5);
	code_put((u64)code_a, store, 2);
	check_code("store by code that cannot be read", VA_CODE, VA_SCR, VA_SCR);
}

static void test_straddling(void)
{
	const u32 load[] = {insn_load(LBU, X_A0, X_A0, 0), INSN_RET};
	u8 bytes[8];

	prepare(PTE_RX);
	memcpy(bytes, load, 8);
	memcpy(code_a + PAGE_SIZE - 2, bytes, 2);
	memcpy(code_b, bytes + 2, 6);
	fence_i();
	check_code("load by an instruction across two pages", VA_CODE2 - 2, VA_SCR, 0xa5);
}

/* The last two bytes of a page, and no next page: nothing beyond them may be looked at. */
static void test_page_end(void)
{
	const u32 insns[] = {insn_c_word(C_LW, 2, 2, 0), 0x8082}; /* c.lw a0, 0(a0); ret */
	struct trap_info trap;

	prepare(PTE_RX);
	*vm_entry(root, VA_CODE2) = 0;
	code_put((u64)code_a + PAGE_SIZE - 4, insns, 2);
	write32(PLIC_PRIORITY(8), 6);
	check_code("c.lw near the end of mapped code", VA_CODE2 - 4, VA_PLIC + 32, 6);

	/* With the return gone, the next fetch is what faults, after the load was done. */
	code_put((u64)code_a + PAGE_SIZE - 2, insns, 1);
	check_begin("vmmio c.lw as the last of mapped code");
	vm_on(root, 0);
	trap = trap_try(VA_CODE2 - 2, VA_PLIC + 32, 0, 0);
	vm_off();
	check_trap(&trap, CAUSE_FETCH_PAGE, VA_CODE2, VA_CODE2);
	check_equal("loaded", hart_self()->frame.x[X_A0], 6);
	check_end();
	write32(PLIC_PRIORITY(8), 0);
}

/*
 * The code unmaps itself and then, without a fence, accesses the device: the hart may still have
 * the old translation, the hypervisor's own walk does not. Both are allowed to be right.
 */
static void test_vanishing(void)
{
	const u32 insns[] = {
		insn_store(SD, 0, X_A1, 0),
		insn_load(LBU, X_A0, X_A0, 0),
		INSN_RET,
	};
	struct trap_info trap;

	check_begin("vmmio by code that has just unmapped itself");
	for (int i = 0; i < 10; i++) {
		prepare(PTE_RX);
		code_put((u64)code_a, insns, 3);
		vm_on(root, 0);
		trap = trap_try(VA_CODE, VA_SCR, (u64)vm_entry(root, VA_CODE), 0);
		vm_off();
		if (trap.trapped)
			check_trap(&trap, CAUSE_FETCH_PAGE, trap.epc, trap.epc);
		else
			check_no_trap(&trap, 0xa5);
		check_want(!trap.trapped || (trap.epc >= VA_CODE && trap.epc < VA_CODE + 12),
			   "sepc 0x%lx", trap.epc);
	}
	check_end();
}

/* What the device refuses is reported with the virtual address, not the physical one. */
static void test_faults(void)
{
	struct trap_info trap;
	u64 epc;

	prepare(PTE_RX);
	vm_map(root, VA_PLIC, HOLE_BASE, PTE_RWX);
	check_begin("vmmio: stval is the virtual address");
	vm_on(root, 0);
	trap = code_try(insn_load(LW, X_A0, X_A0, 4), VA_PLIC, 0, &epc);
	check_trap(&trap, CAUSE_LOAD_ACCESS, epc, VA_PLIC + 4);
	trap = code_try(insn_store(SW, X_A0, X_A0, 8), VA_PLIC, 0, &epc);
	check_trap(&trap, CAUSE_STORE_ACCESS, epc, VA_PLIC + 8);
	trap = trap_try(VA_PLIC + 16, 0, 0, 0);
	check_trap(&trap, CAUSE_FETCH_ACCESS, VA_PLIC + 16, VA_PLIC + 16);
	vm_off();
	check_end();

	/* An instruction whose second half is in device space. */
	prepare(PTE_RX);
	vm_map(root, VA_CODE2, HOLE_BASE, PTE_RX);
	code_a[PAGE_SIZE - 2] = 0x03;
	code_a[PAGE_SIZE - 1] = 0x45;
	fence_i();
	check_begin("vmmio: fetch of a second half that is not there");
	vm_on(root, 0);
	trap = trap_try(VA_CODE2 - 2, VA_SCR, 0, 0);
	vm_off();
	/* stval is the address of the portion, sepc that of the instruction. */
	check_trap(&trap, CAUSE_FETCH_ACCESS, VA_CODE2 - 2, VA_CODE2);
	check_end();
}

void test_vmmio(void)
{
	test_mapped();
	test_execute_only();
	test_straddling();
	test_page_end();
	test_vanishing();
	test_faults();
}
