/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own page tables as a walker sees them, and how many pages they take. The CSRs
 * and fences, of which this host has none, are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/csr.h"
#undef csr_read
#undef csr_write
#undef sfence_vma_all
#define csr_read(name)	       0
#define csr_write(name, value) ((void)(value))
#define sfence_vma_all()       ((void)0)

#include "platform/pagetable.c"

#define TABLE_MAX 64

char image_start[1], image_end[1];

static _Alignas(PAGE_SIZE) u8 pages[TABLE_MAX][PAGE_SIZE];
static unsigned page_count;

void *early_allocate(u64 size, u64 alignment)
{
	assert_int_equal(size, PAGE_SIZE);
	assert_int_equal(alignment, PAGE_SIZE);
	return page_count < TABLE_MAX ? pages[page_count++] : NULL;
}

static int set_up(void **state)
{
	(void)state;
	page_count = 0;
	return pagetable_init() == STATUS_OK ? 0 : -1;
}

/* What a hart in the mode with this root does. 0 if it faults. */
static u64 look_up(unsigned level, u64 address)
{
	const u64 *table = roots[level];

	for (;; level--) {
		u64 pte = table[(address >> (PAGE_SHIFT + LEVEL_BITS * level)) % ENTRIES];

		if ((pte & PTE_V) == 0)
			return 0;
		if (is_leaf(pte)) {
			u64 offset = address % level_size(level);

			assert_int_equal((u64)table_of(pte) + offset, address);
			return pte & (PTE_R | PTE_W | PTE_X);
		}
		assert_true(level > 0);
		table = table_of(pte);
	}
}

static void the_last_call_for_an_address_counts(void **state)
{
	(void)state;
	assert_int_equal(pagetable_set(GIB(2), GIB(2), PTE_R | PTE_W), STATUS_OK);
	assert_int_equal(pagetable_set(GIB(2) + MIB(2), MIB(1), PTE_R | PTE_X), STATUS_OK);
	assert_int_equal(pagetable_set(GIB(2) + MIB(2) + PAGE_SIZE, PAGE_SIZE, 0), STATUS_OK);
	for (unsigned level = LEAF_LEVEL; level <= TOP_LEVEL; level++) {
		u64 at = GIB(2) + MIB(2);

		assert_int_equal(look_up(level, GIB(2) - 1), 0);
		assert_int_equal(look_up(level, at - 1), PTE_R | PTE_W);
		assert_int_equal(look_up(level, at), PTE_R | PTE_X);
		assert_int_equal(look_up(level, at + PAGE_SIZE), 0);
		assert_int_equal(look_up(level, at + 2 * PAGE_SIZE), PTE_R | PTE_X);
		assert_int_equal(look_up(level, at + MIB(1)), PTE_R | PTE_W);
		assert_int_equal(look_up(level, GIB(4) - 1), PTE_R | PTE_W);
		assert_int_equal(look_up(level, GIB(4)), 0);
	}
}

static void unmapping_what_is_not_mapped_takes_no_tables(void **state)
{
	unsigned before;

	(void)state;
	assert_int_equal(pagetable_set(GIB(2), GIB(1), PTE_R), STATUS_OK);
	assert_int_equal(pagetable_set(GIB(5), 2 * PAGE_SIZE, PTE_R), STATUS_OK);
	before = page_count;
	assert_int_equal(pagetable_set(GIB(64), 0x00f0000000000000, 0), STATUS_OK);
	assert_int_equal(pagetable_set(PAGE_SIZE, GIB(2) - PAGE_SIZE, 0), STATUS_OK);
	assert_int_equal(page_count, before);
	assert_int_equal(look_up(TOP_LEVEL, GIB(2)), PTE_R);
	assert_int_equal(look_up(TOP_LEVEL, GIB(5) + PAGE_SIZE), PTE_R);
	/* Across holes it still finds what is there. */
	assert_int_equal(pagetable_set(GIB(3) - PAGE_SIZE, GIB(2) + 2 * PAGE_SIZE, 0), STATUS_OK);
	assert_int_equal(look_up(TOP_LEVEL, GIB(3) - PAGE_SIZE - 1), PTE_R);
	assert_int_equal(look_up(TOP_LEVEL, GIB(3) - PAGE_SIZE), 0);
	assert_int_equal(look_up(TOP_LEVEL, GIB(5)), 0);
	assert_int_equal(look_up(TOP_LEVEL, GIB(5) + PAGE_SIZE), PTE_R);
}

static void no_room_for_a_table_is_an_error(void **state)
{
	(void)state;
	page_count = TABLE_MAX;
	assert_int_equal(pagetable_set(GIB(2), PAGE_SIZE, PTE_R), STATUS_NO_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_last_call_for_an_address_counts, set_up),
		cmocka_unit_test_setup(unmapping_what_is_not_mapped_takes_no_tables, set_up),
		cmocka_unit_test_setup(no_room_for_a_table_is_an_error, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
