/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "RFENCE Extension" on the calling hart: what each fence must do where that can be seen, which
 * arguments are refused. Fences of other harts are guests/smp's.
 */
#include "tests.h"

static u8 page_a[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 page_b[PAGE_SIZE] __attribute__((aligned(4096)));
static u32 code[4] __attribute__((aligned(16)));

static struct sbi_result rfence(u64 function, u64 mask, u64 base, u64 start, u64 size, u64 asid)
{
	return sbi_call5(SBI_RFNC, function, mask, base, start, size, asid);
}

static void test_fence_i(void)
{
	u64 self = hart_self()->id;

	check_begin("rfence fence_i on itself makes new code visible");
	for (u32 i = 0; i < 20; i++) {
		code[0] = 0x00000513 | i << 20; /* li a0, i */
		code[1] = 0x00008067;		/* ret */
		check_error("fence_i", rfence(RFNC_FENCE_I, BIT(self), 0, 0, 0, 0), SBI_SUCCESS);
		check_equal("result", ((u64(*)(void))code)(), i);
	}
	check_end();
}

/* Moves a mapping to the other page and asks whether it is gone after the fence. */
static void check_fence_effect(const char *name, u64 function, u64 start, u64 size, u64 asid)
{
	u64 self = hart_self()->id;
	u64 *root, *entry;

	vm_reset();
	root = vm_identity();
	vm_map(root, VM_FREE, (u64)page_a, PTE_RW);
	entry = vm_entry(root, VM_FREE);
	page_a[0] = 1;
	page_b[0] = 2;

	check_begin("%s", name);
	vm_on(root, asid);
	for (int i = 0; i < 10; i++) {
		bool to_b = i % 2 == 0;

		check_equal("before", read8(VM_FREE), to_b ? 1 : 2);
		*(volatile u64 *)entry = PTE_OF((u64)(to_b ? page_b : page_a), PTE_RW);
		check_error("fence", rfence(function, 1, self, start, size, asid), SBI_SUCCESS);
		check_equal("after", read8(VM_FREE), to_b ? 2 : 1);
	}
	vm_off();
	check_end();
}

static void test_sfence(void)
{
	u64 asid;

	check_fence_effect("rfence sfence_vma of one page", RFNC_SFENCE_VMA, VM_FREE, PAGE_SIZE, 0);
	check_fence_effect("rfence sfence_vma of all by 0 and 0", RFNC_SFENCE_VMA, 0, 0, 0);
	check_fence_effect("rfence sfence_vma of all by size -1", RFNC_SFENCE_VMA, 0, ~0ul, 0);
	check_fence_effect("rfence sfence_vma of a range in bytes", RFNC_SFENCE_VMA, VM_FREE - 1, 2,
			   0);
	check_fence_effect("rfence sfence_vma of 32 GiB", RFNC_SFENCE_VMA, VM_FREE - (16ul << 30),
			   32ul << 30, 0);
	vm_reset();
	asid = vm_asid_bits(vm_identity()) ? 1 : 0;
	check_fence_effect("rfence sfence_vma_asid of one page", RFNC_SFENCE_VMA_ASID, VM_FREE,
			   PAGE_SIZE, asid);
	check_fence_effect("rfence sfence_vma_asid of all", RFNC_SFENCE_VMA_ASID, 0, 0, asid);
	check_fence_effect("rfence sfence_vma of a page, all ASIDs", RFNC_SFENCE_VMA, VM_FREE,
			   PAGE_SIZE, asid);
}

static void test_masks(void)
{
	/* As for IPIs: these errors are ones a function may return, and OpenSBI does not. */
	s64 other = sbi_is_opensbi() ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM;

	for (u64 f = RFNC_FENCE_I; f <= RFNC_SFENCE_VMA_ASID; f++) {
		check_begin("rfence function %lu of all harts", f);
		check_error("base -1", rfence(f, 0, ~0ul, 0, 0, 0), SBI_SUCCESS);
		check_end();
		check_begin("rfence function %lu of nobody", f);
		check_error("mask 0", rfence(f, 0, 0, 0, 0, 0), SBI_SUCCESS);
		check_end();
		check_begin("rfence function %lu of a hart that does not exist", f);
		check_error_either("base", rfence(f, 1, NO_HART, 0, 0, 0), SBI_ERR_INVALID_PARAM,
				   other);
		check_error_either("bit 63", rfence(f, BIT(63), 0, 0, 0, 0), SBI_ERR_INVALID_PARAM,
				   other);
		check_error_either("-2", rfence(f, 1, ~0ul - 1, 0, 0, 0), SBI_ERR_INVALID_PARAM,
				   other);
		check_end();
	}
}

/*
 * Ranges that no loop over pages would ever finish, or that wrap. The specification names
 * INVALID_ADDRESS and not when it must come; what matters is that the answer comes soon.
 */
static void test_ranges(void)
{
	static const struct {
		u64 start, size;
	} ranges[] = {
		{0, ~0ul - 1},		 {1, ~0ul - 1},	      {~0ul, ~0ul - 1},
		{0x8000, 1ul << 62},	 {~0ul - 4095, 8192}, {1ul << 38, 1ul << 38},
		{0, 0x7fffffffffffffff},
	};
	u64 self = hart_self()->id, start = time_now();

	check_begin("rfence of immense ranges answers soon");
	for (size_t i = 0; i < ARRAY_COUNT(ranges); i++) {
		check_error_either(
			"sfence_vma",
			rfence(RFNC_SFENCE_VMA, 1, self, ranges[i].start, ranges[i].size, 0),
			SBI_SUCCESS, SBI_ERR_INVALID_ADDRESS);
		check_error_either(
			"sfence_vma_asid",
			rfence(RFNC_SFENCE_VMA_ASID, 1, self, ranges[i].start, ranges[i].size, 0),
			SBI_SUCCESS, SBI_ERR_INVALID_ADDRESS);
	}
	check_want(time_now() - start < boot_timebase() / 10, "a tenth of a second is gone");
	check_end();
}

/* A hart that implements no hypervisor extension; on OpenSBI with H, the fence is simply done. */
static void test_hfences(void)
{
	bool may_work = sbi_is_opensbi() && boot_isa_has("h");
	u64 self = hart_self()->id;

	for (u64 f = RFNC_HFENCE_GVMA_VMID; f <= RFNC_HFENCE_VVMA; f++) {
		check_begin("rfence hypervisor fence %lu is NOT_SUPPORTED", f);
		check_error_either("fence", rfence(f, 1, self, 0, 0, 0), SBI_ERR_NOT_SUPPORTED,
				   may_work ? SBI_SUCCESS : SBI_ERR_NOT_SUPPORTED);
		check_end();
	}
}

void test_rfence(void)
{
	test_fence_i();
	test_sfence();
	test_masks();
	test_ranges();
	test_hfences();
}
