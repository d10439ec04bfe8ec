/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Legacy Extensions": one result in a0, the hart mask a virtual address, and that address's faults
 * redirected to the caller. registers.c checks that a1 is kept; shutdown is a boot argument.
 */
#include "tests.h"

static u8 mask_page[PAGE_SIZE] __attribute__((aligned(4096)));

static bool pending(u64 bits)
{
	return csr_read(sip) & bits;
}

static void test_timer(void)
{
	check_begin("legacy set_timer");
	check_equal("result", ecall_plain(SBI_LEGACY_SET_TIMER, 0, 0), 0);
	check_want(WAIT_FOR(pending(SIP_STIP)), "sip.STIP stays clear");
	check_equal("result", ecall_plain(SBI_LEGACY_SET_TIMER, ~0ul, 0), 0);
	check_want(!pending(SIP_STIP), "sip.STIP stays set");
	check_end();
}

static void test_console(void)
{
	u64 c;

	check_begin("legacy console_putchar");
	for (const char *s = "legacy: written by characters\n"; *s; s++)
		check_equal("result", ecall_plain(SBI_LEGACY_PUTCHAR, (u8)*s, 0), 0);
	check_end();
	check_begin("legacy console_getchar without input is -1");
	do {
		c = ecall_plain(SBI_LEGACY_GETCHAR, 0, 0);
	} while (c <= 0xff);
	check_equal("result", c, ~0ul);
	check_end();
}

static void test_send_ipi(void)
{
	u64 mask = BIT(hart_self()->id), cleared;

	check_begin("legacy send_ipi and clear_ipi");
	csr_clear(sip, (u64)SIP_SSIP);
	check_equal("clear_ipi with none pending", ecall_plain(SBI_LEGACY_CLEAR_IPI, 0, 0), 0);
	check_equal("send_ipi", ecall_plain(SBI_LEGACY_SEND_IPI, (u64)&mask, 0), 0);
	check_want(WAIT_FOR(pending(SIP_SSIP)), "sip.SSIP stays clear");
	cleared = ecall_plain(SBI_LEGACY_CLEAR_IPI, 0, 0);
	/* "A specific positive value if an IPI had been pending": OpenSBI 1.5.1 always says 0. */
	check_want((s64)cleared > 0 || (sbi_is_opensbi() && cleared == 0), "clear_ipi gave %ld",
		   (s64)cleared);
	check_want(!pending(SIP_SSIP), "sip.SSIP stays set");
	check_end();
}

static void test_fences(void)
{
	u64 mask = BIT(hart_self()->id);

	check_begin("legacy fences");
	check_equal("fence_i", ecall_plain(SBI_LEGACY_FENCE_I, (u64)&mask, 0), 0);
	check_equal("sfence_vma", ecall_plain(SBI_LEGACY_SFENCE_VMA, (u64)&mask, 0), 0);
	check_equal("sfence_vma_asid", ecall_plain(SBI_LEGACY_SFENCE_VMA_ASID, (u64)&mask, 0), 0);
	check_end();
}

static void test_virtual_mask(void)
{
	u64 *root;

	vm_reset();
	root = vm_identity();
	vm_map(root, VM_FREE, (u64)mask_page, PTE_RW);
	*(u64 *)(mask_page + 8) = BIT(hart_self()->id);
	csr_clear(sip, (u64)SIP_SSIP);

	check_begin("legacy hart mask is a virtual address");
	vm_on(root, 0);
	check_equal("send_ipi", ecall_plain(SBI_LEGACY_SEND_IPI, VM_FREE + 8, 0), 0);
	vm_off();
	check_want(WAIT_FOR(pending(SIP_SSIP)), "sip.SSIP stays clear");
	csr_clear(sip, (u64)SIP_SSIP);
	check_end();
}

static void test_mask_faults(void)
{
	static const u64 calls[] = {SBI_LEGACY_SEND_IPI, SBI_LEGACY_FENCE_I, SBI_LEGACY_SFENCE_VMA,
				    SBI_LEGACY_SFENCE_VMA_ASID};
	struct trap_info trap;
	u64 *root;

	vm_reset();
	root = vm_identity();
	for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
		check_begin("legacy call %lu: page fault of its mask is redirected", calls[i]);
		vm_on(root, 0);
		trap = trap_try((u64)ecall_plain, calls[i], VM_FREE, 0);
		vm_off();
		check_trap(&trap, CAUSE_LOAD_PAGE, (u64)ecall_plain_site, VM_FREE);
		check_end();
		check_begin("legacy call %lu: access fault of its mask is redirected", calls[i]);
		trap = trap_try((u64)ecall_plain, calls[i], HOLE_BASE, 0);
		check_trap(&trap, CAUSE_LOAD_ACCESS, (u64)ecall_plain_site, HOLE_BASE);
		check_end();
	}
}

void test_legacy(void)
{
	test_timer();
	test_console();
	test_send_ipi();
	test_fences();
	test_virtual_mask();
	test_mask_faults();
}
