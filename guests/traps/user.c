/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What U-mode may not do is a trap to the guest's S-mode. For VU-mode, much of it first comes to
 * the hypervisor as a virtual-instruction trap.
 */
#include "tests.h"

static u8 user_page[PAGE_SIZE] __attribute__((aligned(4096)));
#define VA_CODE VM_FREE
#define VA_UART (VM_FREE + PAGE_SIZE)

/* Runs an instruction and an ECALL in U-mode, at an address that is where the page is mapped. */
static struct trap_info user_try(u64 address, u32 insn, u64 a0, u64 a1)
{
	const u32 insns[] = {insn, INSN_ECALL};

	code_put((u64)user_page, insns, 2);
	return trap_try((u64)user_enter, address, a0, a1);
}

static struct trap_info user_try_here(u32 insn, u64 a0, u64 a1)
{
	return user_try((u64)user_page, insn, a0, a1);
}

/* Within a check: the instruction went through, and the ECALL behind it came, with this a0. */
static void check_reached(const struct trap_info *trap, u64 address, u32 insn, u64 a0)
{
	check_trap(trap, CAUSE_USER_ECALL, address + insn_length(insn), 0);
	check_want(trap->from_user, "sstatus.SPP says S-mode");
	check_equal("a0", hart_self()->frame.x[X_A0], a0);
}

static void test_ecall(void)
{
	struct trap_info trap;

	check_begin("user ecall");
	for (int i = 0; i < 3; i++) {
		trap = user_try_here(insn_mv(X_A0, X_A1), 1, 0x1234);
		check_reached(&trap, (u64)user_page, insn_mv(0, 0), 0x1234);
	}
	check_end();
}

static void test_refused(void)
{
	static const struct {
		const char *name;
		u32 insn;
	} insns[] = {
		{"sret", 0x10200073},	       {"wfi", 0x10500073},
		{"sfence.vma", 0x12000073},    {"sfence.vma of an address", 0x12050073},
		{"mret", 0x30200073},	       {"csrr sstatus", 0x10002573},
		{"csrr satp", 0x18002573},     {"csrw sscratch", 0x14051073},
		{"csrr stimecmp", 0x14d02573}, {"csrr sie", 0x10402573},
		{"csrr senvcfg", 0x10a02573},  {"csrr hstatus", 0x60002573},
		{"csrr vsstatus", 0x20002573}, {"csrr hgeip", 0xe1202573},
		{"hlv.w", 0x68054573},	       {"hsv.w", 0x6ab54073},
		{"hfence.gvma", 0x62b50073},
	};

	for (size_t i = 0; i < ARRAY_COUNT(insns); i++) {
		struct trap_info trap = user_try_here(insns[i].insn, IMAGE_BASE, 0);
		/* QEMU 10.0.2's stval for an xRET is that of an earlier instruction. */
		bool xret = (insns[i].insn & 0xcfffffff) == 0x00200073;

		check_begin("user %s refused", insns[i].name);
		check_trap(&trap, CAUSE_ILLEGAL, (u64)user_page,
			   trap.tval && !xret ? insns[i].insn : trap.tval);
		check_want(trap.from_user, "sstatus.SPP says S-mode");
		check_end();
	}
}

static void test_breakpoint(void)
{
	struct trap_info trap = user_try_here(0x00100073, 0, 0);

	check_begin("user ebreak");
	check_trap(&trap, CAUSE_BREAKPOINT, (u64)user_page, trap.tval ? (u64)user_page : 0);
	check_want(trap.from_user, "sstatus.SPP says S-mode");
	check_end();
}

/* Without translation nothing keeps U-mode from a device. */
static void test_bare_mmio(void)
{
	const u32 load = insn_load(LBU, X_A0, X_A0, 0), store = insn_store(SB, X_A1, X_A0, 0);
	struct trap_info trap;

	check_begin("user device access, no translation");
	trap = user_try_here(store, UART_BASE + UART_SCR, 0x96);
	check_reached(&trap, (u64)user_page, store, UART_BASE + UART_SCR);
	trap = user_try_here(load, UART_BASE + UART_SCR, 0);
	check_reached(&trap, (u64)user_page, load, 0x96);
	check_end();

	check_begin("user access of nothing, no translation");
	trap = user_try_here(load, HOLE_BASE, 0);
	check_trap(&trap, CAUSE_LOAD_ACCESS, (u64)user_page, HOLE_BASE);
	trap = user_try_here(store, HOLE_BASE, 0);
	check_trap(&trap, CAUSE_STORE_ACCESS, (u64)user_page, HOLE_BASE);
	check_want(trap.from_user, "sstatus.SPP says S-mode");
	trap = trap_try((u64)user_enter, HOLE_BASE, 0, 0);
	check_trap(&trap, CAUSE_FETCH_ACCESS, HOLE_BASE, HOLE_BASE);
	check_end();
}

/* The page with the instruction is U-mode's own: S-mode rights do not let one fetch it. */
static void test_mapped_mmio(void)
{
	const u32 load = insn_load(LBU, X_A0, X_A0, 0);
	struct trap_info trap;
	u64 *root;

	vm_reset();
	root = vm_identity();
	vm_map(root, VA_CODE, (u64)user_page, PTE_V | PTE_X | PTE_U | PTE_AD);
	vm_map(root, VA_UART, UART_BASE, PTE_RW | PTE_U);
	write8(UART_BASE + UART_SCR, 0x69);

	check_begin("user device access, code in a user page that cannot be read");
	vm_on(root, 0);
	trap = user_try(VA_CODE, load, VA_UART + UART_SCR, 0);
	check_reached(&trap, VA_CODE, load, 0x69);
	check_end();

	check_begin("user access of a supervisor page");
	trap = user_try(VA_CODE, load, (u64)user_page, 0);
	check_trap(&trap, CAUSE_LOAD_PAGE, VA_CODE, (u64)user_page);
	trap = user_try(VA_CODE, load, UART_BASE, 0);
	check_trap(&trap, CAUSE_LOAD_PAGE, VA_CODE, UART_BASE);
	trap = trap_try((u64)user_enter, (u64)user_page, 0, 0);
	check_trap(&trap, CAUSE_FETCH_PAGE, (u64)user_page, (u64)user_page);
	vm_off();
	check_end();
}

/*
 * scounteren decides what U-mode may count with. OpenSBI 1.5.1 emulates rdtime for U-mode whatever
 * scounteren says.
 */
static void test_user_counters(void)
{
	static const char *const names[] = {"cycle", "time", "instret"};
	struct trap_info trap;

	for (u32 i = 0; i < 3; i++) {
		u32 insn = INSN_CSRRS(X_A0, 0xc00 + i);

		check_begin("user reads %s as scounteren has it", names[i]);
		csr_clear(scounteren, BIT(i));
		trap = user_try_here(insn, 0, 0);
		if (i != 1 || !sbi_is_opensbi())
			check_illegal(&trap, insn, (u64)user_page);
		csr_set(scounteren, BIT(i));
		trap = user_try_here(insn, 0, 0);
		check_trap(&trap, CAUSE_USER_ECALL, (u64)user_page + 4, 0);
		csr_clear(scounteren, BIT(i));
		check_end();
	}
}

/* An interrupt from U-mode: delegated, with SPP showing where it was. */
static void test_interrupt(void)
{
	struct hart *self = hart_self();
	u64 count = self->interrupt_count[IRQ_SOFTWARE];
	struct trap_info trap;

	check_begin("user is interrupted with sstatus.SIE clear");
	csr_write(sie, (u64)SIP_SSIP);
	csr_set(sip, (u64)SIP_SSIP);
	trap = user_try_here(insn_mv(X_A0, X_A1), 0, 5);
	csr_write(sie, 0ul);
	check_reached(&trap, (u64)user_page, insn_mv(0, 0), 5);
	check_equal("interrupts", self->interrupt_count[IRQ_SOFTWARE] - count, 1);
	check_end();
}

void test_user(void)
{
	test_ecall();
	test_refused();
	test_breakpoint();
	test_bare_mmio();
	test_mapped_mmio();
	test_user_counters();
	test_interrupt();
}
