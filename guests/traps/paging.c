/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own page tables: page faults that are nobody else's business, and tables or pages
 * outside memory. A walk that touches what is not there is an access fault of the original access
 * ("Virtual Address Translation Process", step 2); in VS-mode the hypervisor sees it as a
 * guest-page fault of an implicit access and has to turn it into that.
 */
#include "tests.h"

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static u64 *root;

#define VA    VM_FREE
#define LOAD  insn_load(LD, X_A0, X_A0, 0)
#define STORE insn_store(SD, X_A1, X_A0, 0)

struct causes {
	u64 fetch, load, store;
};

static const struct causes page_faults = {CAUSE_FETCH_PAGE, CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE};
static const struct causes access_faults = {CAUSE_FETCH_ACCESS, CAUSE_LOAD_ACCESS,
					    CAUSE_STORE_ACCESS};

/* Each kind of access to a virtual page, and the fault that comes of it: of the other kind, too. */
static void check_three(const char *name, u64 va, struct causes want, struct causes other)
{
	struct trap_info trap;
	u64 epc;

	check_begin("paging %s", name);
	vm_on(root, 0);
	trap = code_try(LOAD, va + 0x128, 0, &epc);
	check_trap(&trap, trap.cause == other.load ? other.load : want.load, epc, va + 0x128);
	trap = code_try(STORE, va + 0x128, 0, &epc);
	check_trap(&trap, trap.cause == other.store ? other.store : want.store, epc, va + 0x128);
	trap = code_try(insn_amo(AMO_ADD, 3, X_A0, X_A0, X_A1), va + 0x128, 0, &epc);
	check_trap(&trap, trap.cause == other.store ? other.store : want.store, epc, va + 0x128);
	trap = trap_try(va + 0x120, 0, 0, 0);
	check_trap(&trap, trap.cause == other.fetch ? other.fetch : want.fetch, va + 0x120,
		   va + 0x120);
	vm_off();
	check_end();
}

static void check_page_faults(const char *name, u64 va)
{
	check_three(name, va, page_faults, page_faults);
}

static void check_access_faults(const char *name, u64 va)
{
	check_three(name, va, access_faults, access_faults);
}

/* QEMU 10.0.2 itself says page fault where a walk reads what is not there. */
static void check_walk_faults(const char *name, u64 va)
{
	check_three(name, va, access_faults, sbi_is_opensbi() ? page_faults : access_faults);
}

static void test_page_faults(void)
{
	u64 *entry;

	vm_reset();
	root = vm_identity();
	check_page_faults("no table for the address", VA);
	entry = vm_entry(root, VA);
	check_page_faults("no entry for the page", VA);
	*entry = PTE_OF((u64)page, PTE_RWX & ~PTE_V);
	check_page_faults("entry not valid", VA);
	*entry = PTE_OF((u64)page, PTE_V | PTE_W | PTE_AD);
	check_page_faults("reserved: writable and not readable", VA);
	*entry = PTE_OF((u64)page, PTE_V | PTE_AD);
	check_page_faults("a pointer at the last level", VA);
	*entry = PTE_OF((u64)page, PTE_RWX) | 1ul << 58;
	check_page_faults("reserved bit 58 set", VA);
	*entry = PTE_OF((u64)page, PTE_RWX | PTE_U);
	check_page_faults("a user page, SUM clear", VA);
	*vm_entry(root, VA) = 0;
	root[VA >> 30 & 511] = PTE_OF((u64)page, PTE_RWX);
	check_page_faults("misaligned gigapage", VA);
	root[VA >> 30 & 511] = 0;
	check_page_faults("address that is not sign-extended", 1ul << 45 | VA);
}

/* One kind of access allowed, the others not. */
static void test_permissions(void)
{
	struct trap_info trap;
	u64 epc;

	vm_reset();
	root = vm_identity();
	*(u64 *)page = 0x1234;
	*(u32 *)(page + 0x800) = INSN_RET;
	fence_i();

	check_begin("paging read-only page");
	vm_map(root, VA, (u64)page, PTE_V | PTE_R | PTE_AD);
	vm_on(root, 0);
	trap = code_try(LOAD, VA, 0, &epc);
	check_no_trap(&trap, 0x1234);
	trap = code_try(STORE, VA, 1, &epc);
	check_trap(&trap, CAUSE_STORE_PAGE, epc, VA);
	trap = trap_try(VA + 0x800, 0, 0, 0);
	check_trap(&trap, CAUSE_FETCH_PAGE, VA + 0x800, VA + 0x800);
	check_end();

	check_begin("paging execute-only page");
	vm_map(root, VA, (u64)page, PTE_V | PTE_X | PTE_AD);
	sfence_all();
	trap = code_try(LOAD, VA, 0, &epc);
	check_trap(&trap, CAUSE_LOAD_PAGE, epc, VA);
	csr_set(sstatus, (u64)SSTATUS_MXR);
	trap = code_try(LOAD, VA, 0, &epc);
	csr_clear(sstatus, (u64)SSTATUS_MXR);
	check_no_trap(&trap, 0x1234);
	trap = trap_try(VA + 0x800, 7, 0, 0);
	check_no_trap(&trap, 7);
	check_end();

	check_begin("paging user page with SUM");
	vm_map(root, VA, (u64)page, PTE_RWX | PTE_U);
	sfence_all();
	csr_set(sstatus, (u64)SSTATUS_SUM);
	trap = code_try(LOAD, VA, 0, &epc);
	check_no_trap(&trap, 0x1234);
	trap = trap_try(VA + 0x800, 0, 0, 0);
	check_trap(&trap, CAUSE_FETCH_PAGE, VA + 0x800, VA + 0x800);
	csr_clear(sstatus, (u64)SSTATUS_SUM);
	vm_off();
	check_end();
}

/* A clear: hardware sets it (Svadu), or a page fault asks software to (Svade). Never neither. */
static void test_accessed(void)
{
	struct trap_info trap;
	u64 *entry, epc;

	vm_reset();
	root = vm_identity();
	vm_map(root, VA, (u64)page, PTE_V | PTE_R | PTE_W);
	entry = vm_entry(root, VA);
	check_begin("paging A and D clear: set by hardware or a page fault");
	vm_on(root, 0);
	trap = code_try(LOAD, VA, 0, &epc);
	if (trap.trapped)
		check_trap(&trap, CAUSE_LOAD_PAGE, epc, VA);
	else
		check_want(*entry & PTE_A, "no trap and A is clear");
	*entry = PTE_OF((u64)page, PTE_V | PTE_R | PTE_W | PTE_A);
	sfence_all();
	trap = code_try(STORE, VA, 0, &epc);
	if (trap.trapped)
		check_trap(&trap, CAUSE_STORE_PAGE, epc, VA);
	else
		check_want(*entry & PTE_D, "no trap and D is clear");
	vm_off();
	check_end();
}

/* Svpbmt's field is reserved, and faults, where the extension is not offered. */
static void test_pbmt(void)
{
	struct trap_info trap;
	u64 epc;

	vm_reset();
	root = vm_identity();
	*(u64 *)page = 0x1234;
	vm_map(root, VA, (u64)page, PTE_RW);
	*vm_entry(root, VA) |= 1ul << 61;
	check_begin("paging memory type NC as the ISA string has it");
	vm_on(root, 0);
	trap = code_try(LOAD, VA, 0, &epc);
	if (boot_isa_has("svpbmt"))
		check_no_trap(&trap, 0x1234);
	else
		check_trap(&trap, CAUSE_LOAD_PAGE, epc, VA);
	vm_off();
	check_end();
}

static void test_outside(void)
{
	const struct {
		const char *name;
		u64 address;
	} outside[] = {
		{"in a hole", HOLE_BASE},
		{"behind RAM", (boot_ram_end() + 0xfffff) & ~0xffffful},
		{"at 2^41", 1ul << 41},
		{"at the end of physical addresses", (1ul << 56) - PAGE_SIZE},
		/* QEMU's devices answer a walk like any read; Hartwood's do not. */
		{"in the UART", UART_BASE},
		{"in the PLIC", PLIC_BASE},
	};
	size_t count = ARRAY_COUNT(outside) - (sbi_is_opensbi() ? 2 : 0);
	char name[64];

	for (size_t i = 0; i < count; i++) {
		u64 pointer = PTE_OF(outside[i].address, PTE_V);

		vm_reset();
		root = vm_identity();
		root[VA >> 30 & 511] = pointer;
		format_to(name, sizeof(name), "level-1 table %s", outside[i].name);
		check_walk_faults(name, VA);

		vm_reset();
		root = vm_identity();
		vm_entry(root, VA);
		((u64 *)(root[VA >> 30 & 511] >> 10 << 12))[0] = pointer;
		format_to(name, sizeof(name), "level-0 table %s", outside[i].name);
		check_walk_faults(name, VA);

		if (i >= 4)
			break; /* a mapped device is vmmio's */
		vm_reset();
		root = vm_identity();
		vm_map(root, VA, outside[i].address, PTE_RWX);
		format_to(name, sizeof(name), "page %s", outside[i].name);
		check_access_faults(name, VA);
	}
}

void test_paging(void)
{
	test_page_faults();
	test_permissions();
	test_accessed();
	test_pbmt();
	test_outside();
}
