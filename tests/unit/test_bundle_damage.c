/* SPDX-License-Identifier: BSD-2-Clause */
/* Blobs that are no bundle, or no longer: an error each, and nothing else. */
#include "tests/unit/make_bundle.h"

#include "hyp/mem/page.h"

/* ------------------------------------------------------------------------------------------------
 * Blobs that are none.
 */

static void test_no_bundle_at_all(void **state)
{
	(void)state;
	memset(&messages, 0, sizeof(messages));
	assert_int_equal(bundle_parse(NULL, 0, &options, &bundle), STATUS_INVALID);
	assert_reported_only(BUNDLE_ERROR,
			     "bundle: there is none; pass one as the initial ramdisk");
	assert_int_equal(bundle.vm_count, 0);
	memset(&messages, 0, sizeof(messages));
	assert_int_equal(bundle_parse(work, 0, &options, &bundle), STATUS_INVALID);
	assert_int_equal(messages.count, 1);
}

static void test_a_ramdisk_in_place_of_a_bundle(void **state)
{
	(void)state;
	memset(&messages, 0, sizeof(messages));
	memcpy(work, ramdisk, sizeof(ramdisk));
	assert_int_equal(bundle_parse(work, sizeof(ramdisk), &options, &bundle), STATUS_INVALID);
	assert_reported_only(BUNDLE_ERROR, "bundle: the blob is not a flattened device tree");
}

/* Every kind of thing a bundle may have, in few bytes. */
static u8 *make_small(u64 *size)
{
	static const u8 elf[64] = "\177ELF\2\1\1";
	u64 tree[32];
	int tree_size = make_own_tree(tree, sizeof(tree));

	begin_root();
	node("images");
	image("k", "kernel", code, sizeof(code));
	u64_is("load", BASE + 0x1000);
	u32_is("entry", (u32)BASE + 0x1000);
	node("hash-1");
	end();
	end();
	image("r", "ramdisk", ramdisk, 40);
	end();
	image("f", "flat_dt", tree, tree_size);
	end();
	image("e", "kernel", elf, sizeof(elf));
	end();
	end();
	node("vms");
	node("a");
	u32_is("cpus", 2);
	u64_is("memory", MIB(1));
	string("kernel", "k");
	string("ramdisk", "r");
	string("bootargs", "x");
	flag("memory-pinned");
	string("autostart", "no");
	string("restart", "always");
	bytes("depends", "b\0d", 4);
	u32_is("shares", 7);
	u32_is("quota", 150);
	end();
	node("b");
	u64_is("memory", MIB(4));
	string("kernel", "k");
	string("fdt", "f");
	u32_is("rt-budget", 100);
	u32_is("rt-period", 1000);
	end();
	node("c");
	u64_is("memory", MIB(4));
	string("kernel", "e");
	end();
	node("d");
	u64_is("memory", MIB(4));
	string("kernel", "k");
	u32_is("harts", (u32)hw_machine()->hart_id[1]);
	flag("dedicated");
	string("depends", "b");
	end();
	end();
	node("console");
	u32_is("escape-key", 1);
	end();
	node("scheduler");
	u32_is("slice", 1000);
	end();
	return finish_root(size);
}

static void test_a_blob_truncated_at_any_length(void **state)
{
	u64 size;
	u8 *whole = make_small(&size);

	(void)state;
	assert_int_equal(bundle_parse(whole, size, &options, &bundle), STATUS_OK);
	assert_int_equal(bundle.vm_count, 3);
	bundle_free(&bundle);
	for (u64 length = 1; length < size; length++) {
		u8 *cut = malloc(length);

		assert_non_null(cut);
		memcpy(cut, whole, length);
		memset(&messages, 0, sizeof(messages));
		assert_int_equal(bundle_parse(cut, length, &options, &bundle), STATUS_INVALID);
		assert_int_equal(bundle.vm_count, 0);
		assert_int_equal(messages.count, 1);
		free(cut);
	}
	assert_int_equal(page_free_count(), page_total_count());
	free(whole);
}

static void test_a_blob_truncated_with_a_header_that_hides_it(void **state)
{
	u64 size;
	u8 *whole = make_small(&size);

	(void)state;
	for (u64 length = sizeof(struct fdt_header); length < size; length++) {
		u8 *cut = malloc(length);

		assert_non_null(cut);
		memcpy(cut, whole, length);
		fdt_set_totalsize(cut, (u32)length);
		assert_int_equal(bundle_parse(cut, length, &options, &bundle), STATUS_INVALID);
		/* And with the strings block shortened to what is left of it. */
		if (fdt_off_dt_strings(cut) < length) {
			fdt_set_size_dt_strings(cut, (u32)length - fdt_off_dt_strings(cut));
			(void)!bundle_parse(cut, length, &options, &bundle);
			bundle_free(&bundle);
		}
		memset(&messages, 0, sizeof(messages));
		free(cut);
	}
	free(whole);
}

static void assert_limits_are_sound(const struct bundle_vm *vm)
{
	const struct sched_limits *limits = &vm->limits;

	assert_in_range(limits->shares, 1, 10000);
	assert_in_range(limits->quota, 0, 100 * vm->cpus);
	assert_int_equal(limits->harts & ~(BIT(hw_machine()->hart_count) - 1), 0);
	if (limits->dedicated)
		assert_true(__builtin_popcountll(limits->harts) >= (int)vm->cpus);
	assert_true(limits->rt_budget <= limits->rt_period);
	assert_int_equal(limits->rt_budget == 0, limits->rt_period == 0);
	assert_in_range(vm->restart, GUEST_RESTART_NEVER, GUEST_RESTART_ALWAYS);
	assert_in_range(vm->depends_count, 0, GUEST_DEPENDS_MAX);
	for (unsigned i = 0; i < vm->depends_count; i++)
		assert_in_range(vm->depends[i], 0, bundle.vm_count - 1);
}

/* Whatever was made of a damaged blob: it stays inside, and inside of guest RAM. */
static void assert_bundle_is_sound(const u8 *blob, u64 size)
{
	assert_in_range(bundle.vm_count, 0, 4);
	assert_in_range(bundle.escape_key, 0, 31);
	/* 10 ticks in a microsecond. */
	assert_true(!bundle.slice || (bundle.slice >= 10000 && bundle.slice <= 1000000));
	for (unsigned i = 0; i < bundle.vm_count; i++) {
		const struct bundle_vm *vm = &bundle.vms[i];
		const struct image_plan *plan = &vm->plan;

		assert_limits_are_sound(vm);
		assert_in_range(strlen(vm->name), 1, BUNDLE_NAME_MAX);
		assert_in_range(vm->cpus, 1, BUNDLE_CPU_MAX);
		assert_in_range(vm->memory, PAGE_SIZE, GIB(4));
		assert_int_equal(vm->memory % PAGE_SIZE, 0);
		assert_true(!vm->bootargs || strlen(vm->bootargs) < GUEST_FDT_BOOTARGS_MAX);
		assert_true(range_contains(BASE, vm->memory, plan->fdt.value, plan->fdt_size));
		assert_true(range_contains(BASE, vm->memory, plan->entry.value, 2));
		for (unsigned j = 0; j < plan->piece_count; j++) {
			const struct image_piece *piece = &plan->pieces[j];

			assert_true(range_contains(BASE, vm->memory, piece->to.value, piece->size));
			assert_true(range_contains((uintptr_t)blob, size, (uintptr_t)piece->from,
						   piece->size));
		}
	}
}

static void parse_damaged(const u8 *whole, u64 size, void (*damage)(u8 *copy, u64 size),
			  unsigned rounds)
{
	unsigned count[3] = {0};

	for (unsigned round = 0; round < rounds; round++) {
		u8 *copy = malloc(size);
		enum status status;

		assert_non_null(copy);
		memcpy(copy, whole, size);
		damage(copy, size);
		memset(&messages, 0, sizeof(messages));
		status = bundle_parse(copy, size, &options, &bundle);
		assert_bundle_is_sound(copy, size);
		assert_int_equal(status == STATUS_OK, bundle.vm_count > 0);
		assert_true(status == STATUS_OK || messages.count > 0);
		count[status == STATUS_OK ? 0 : status == STATUS_INVALID ? 1 : 2]++;
		bundle_free(&bundle);
		free(copy);
	}
	/* The damage reaches both the blob's form and its meaning. */
	assert_true(count[0] > rounds / 20);
	assert_true(count[1] > rounds / 50);
}

static void flip_bits(u8 *copy, u64 size)
{
	for (int i = rand() % 4; i >= 0; i--)
		copy[(u64)rand() % size] ^= (u8)(1 << rand() % 8);
}

static void put_odd_words(u8 *copy, u64 size)
{
	static const u32 odd[] = {0,	      1,	  2,	      3,
				  4,	      9,	  0xffffffff, 0x7fffffff,
				  0x80000000, 0xfffffffc, 0x00001000, 0x100};

	for (int i = rand() % 3; i >= 0; i--)
		fdt32_st(copy + (u64)rand() % (size / 4) * 4,
			 odd[(size_t)rand() % ARRAY_SIZE(odd)]);
}

static void copy_parts_over_others(u8 *copy, u64 size)
{
	u64 length = (u64)rand() % 64 / 4 * 4;

	memmove(copy + (u64)rand() % (size - length) / 4 * 4,
		copy + (u64)rand() % (size - length) / 4 * 4, length);
}

static void test_damaged_blobs_give_errors_and_nothing_else(void **state)
{
	u64 size;
	u8 *whole = make_small(&size);

	(void)state;
	srand(1993);
	parse_damaged(whole, size, flip_bits, 12000);
	parse_damaged(whole, size, put_odd_words, 12000);
	parse_damaged(whole, size, copy_parts_over_others, 12000);
	/* The pages that own trees were tried on were given back. */
	assert_int_equal(page_free_count(), page_total_count());
	free(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_no_bundle_at_all, stop_machine),
		cmocka_unit_test_teardown(test_a_ramdisk_in_place_of_a_bundle, stop_machine),
		cmocka_unit_test_teardown(test_a_blob_truncated_at_any_length, stop_machine),
		cmocka_unit_test_teardown(test_a_blob_truncated_with_a_header_that_hides_it,
					  stop_machine),
		cmocka_unit_test_teardown(test_damaged_blobs_give_errors_and_nothing_else,
					  stop_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
