/* SPDX-License-Identifier: BSD-2-Clause */
/* What the platform makes of memory and harts in device trees: good ones, odd ones, and ones that
 * lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/fake_random.h"
#include "tests/unit/discover_tree.h"

static void assert_region(const struct region_set *set, unsigned i, u64 base, u64 size)
{
	assert_true(i < set->count);
	assert_int_equal(set->regions[i].base.value, base);
	assert_int_equal(set->regions[i].size, size);
}

static void a_plain_machine_is_found_without_a_word(void **state)
{
	(void)state;
	assert_int_equal(look(), STATUS_OK);
	assert_string_equal(fake_console_output(), "");
	assert_int_equal(found.memory.count, 1);
	assert_region(&found.memory, 0, 0x80000000, 0x40000000);
	assert_int_equal(found.reserved.count, 0);
	assert_int_equal(found.hart_count, 2);
	assert_int_equal(found.timebase_hz, 10000000);
	assert_false(found.has_bundle);
	assert_true(found.has_uart);
	assert_ptr_equal(found.uart.driver, &port);
	assert_int_equal(found.uart.base, 0x10000000);
	assert_int_equal(found.uart.reg_width, 1);
	assert_int_equal(found.uart.interrupt, 7);
	assert_true(found.has_plic);
	assert_int_equal(found.plic.base, 0xc000000);
	assert_int_equal(found.plic.source_count, 50);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(found.harts[i].plic_context, found.harts[i].id == 0 ? 1 : 3);
}

static void several_memory_nodes_are_joined_and_cut_to_pages(void **state)
{
	(void)state;
	add_memory("memory@c0000000", 0, 0xc0000000, 0, 0x1000000);
	add_memory("memory@1", 0x12, 0x800, 0, 0x3000);
	add_memory("memory@2", 0x00ffffff, 0xfffff000, 0x10, 0);
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.memory.count, 3);
	assert_region(&found.memory, 0, 0x80000000, 0x41000000);
	assert_region(&found.memory, 1, 0x1200001000, 0x2000);
	assert_region(&found.memory, 2, (1ULL << 56) - 0x1000, 0x1000);
}

static void memory_of_one_cell_is_read_too(void **state)
{
	(void)state;
	SET("/", "#address-cells", 1);
	SET("/", "#size-cells", 1);
	SET("/memory@80000000", "reg", 0x1000, 0x2000, 0x8000, 0x1000);
	assert_int_equal(look(), STATUS_OK);
	assert_region(&found.memory, 0, 0x1000, 0x2000);
	assert_region(&found.memory, 1, 0x8000, 0x1000);
}

static void bad_memory_nodes_are_named(void **state)
{
	(void)state;
	add_memory("memory@1", 0, 0x1000, 0, 0x1000);
	SET("/memory@1", "reg", 0, 0x1000, 0);
	assert_int_equal(look(), STATUS_OK);
	assert_said("/memory@1: reg makes no sense");
	assert_int_equal(found.memory.count, 1);
	remove_property("/memory@80000000", "reg");
	assert_int_equal(look(), STATUS_NOT_FOUND);
	assert_said("no usable memory node");
	SET("/", "#address-cells", 5);
	assert_int_equal(look(), STATUS_NOT_FOUND);
}

/* ------------------------------------------------------------------------------------------------
 * Trees that are made to take long.
 */

static u8 slow_tree[8 << 20] __attribute__((aligned(8)));

static void ok(int error)
{
	assert_int_equal(error, 0);
}

/* A root whose cells come after that many other properties. */
static void begin_slow_tree(unsigned property_count)
{
	ok(fdt_create(slow_tree, sizeof(slow_tree)));
	ok(fdt_finish_reservemap(slow_tree));
	ok(fdt_begin_node(slow_tree, ""));
	for (unsigned i = 0; i < property_count; i++)
		ok(fdt_property(slow_tree, "x", NULL, 0));
	ok(fdt_property_u32(slow_tree, "#address-cells", 2));
	ok(fdt_property_u32(slow_tree, "#size-cells", 2));
}

static void add_slow_node(const char *property, const char *value, unsigned entry_count)
{
	const fdt32_t reg[] = {0, cpu_to_fdt32(0x80000000), 0, cpu_to_fdt32(0x10000000)};
	void *entries;

	ok(fdt_begin_node(slow_tree, "node"));
	ok(fdt_property_string(slow_tree, property, value));
	ok(fdt_property_placeholder(slow_tree, "reg", (int)(sizeof(reg) * entry_count), &entries));
	for (unsigned i = 0; i < entry_count; i++)
		memcpy((u8 *)entries + sizeof(reg) * i, reg, sizeof(reg));
	ok(fdt_end_node(slow_tree));
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* It ends soon, for there is no /cpus, and does not say much. */
static void assert_looked_through_soon(void)
{
	double start = seconds();

	ok(fdt_end_node(slow_tree));
	ok(fdt_finish(slow_tree));
	fake_console_clear();
	assert_null(discover_check_tree(slow_tree));
	assert_int_equal(discover(slow_tree, drivers, 0, &found), STATUS_NOT_FOUND);
	if (seconds() - start > 5)
		fail_msg("it took %.1f s", seconds() - start);
	assert_true(strlen(fake_console_output()) < 4096);
}

static void a_root_of_many_properties_takes_no_longer_with_many_memory_nodes(void **state)
{
	(void)state;
	begin_slow_tree(60000);
	for (unsigned i = 0; i < 30000; i++)
		add_slow_node("device_type", "memory", 1);
	assert_looked_through_soon();
	assert_int_equal(found.memory.count, 1);
}

static void a_node_of_more_memory_than_there_can_be_is_not_used(void **state)
{
	(void)state;
	begin_slow_tree(60000);
	add_slow_node("device_type", "memory", 200000);
	assert_looked_through_soon();
	assert_int_equal(found.memory.count, 0);
	assert_said("reg makes no sense");
}

static void many_bad_nodes_are_not_all_told_of(void **state)
{
	(void)state;
	begin_slow_tree(0);
	for (unsigned i = 0; i < 30000; i++)
		add_slow_node(i % 2 ? "device_type" : "compatible", i % 2 ? "memory" : "test,port",
			      0);
	assert_looked_through_soon();
	assert_said("there is more that is not as it should be");
}

static void reserved_memory_is_kept_out_in_whole_pages(void **state)
{
	(void)state;
	add("/", "reserved-memory");
	SET("/reserved-memory", "#address-cells", 2);
	SET("/reserved-memory", "#size-cells", 2);
	assert_int_equal(fdt_setprop(tree, at("/reserved-memory"), "ranges", NULL, 0), 0);
	add("/reserved-memory", "firmware");
	SET("/reserved-memory/firmware", "reg", 0, 0x80000000, 0, 0x2100, 0, 0x80010001, 0, 1);
	SET("/reserved-memory/firmware", "no-map", 0);
	add("/reserved-memory", "pool");
	SET("/reserved-memory/pool", "reg", 0, 0x90000000, 0, 0x1000);
	add("/reserved-memory", "off");
	SET("/reserved-memory/off", "reg", 0, 0xa0000000, 0, 0x1000);
	set_string("/reserved-memory/off", "status", "disabled");
	add("/reserved-memory", "anywhere");
	SET("/reserved-memory/anywhere", "size", 0, 0x100000);
	assert_int_equal(fdt_add_mem_rsv(tree, 0xb0000fff, 2), 0);
	assert_int_equal(fdt_add_mem_rsv(tree, UINT64_MAX - 4, UINT64_MAX), 0);
	assert_int_equal(look(), STATUS_OK);
	assert_said("/reserved-memory/anywhere: has no address");
	assert_int_equal(found.reserved.count, 4);
	assert_region(&found.reserved, 0, 0x80000000, 0x3000);
	assert_region(&found.reserved, 1, 0x80010000, 0x1000);
	assert_region(&found.reserved, 2, 0x90000000, 0x1000);
	assert_region(&found.reserved, 3, 0xb0000000, 0x2000);
	assert_int_equal(found.no_map.count, 2);
}

static void add_no_map_region(u32 base_high, u32 base, u32 size_high, u32 size)
{
	add("/", "reserved-memory");
	SET("/reserved-memory", "#address-cells", 2);
	SET("/reserved-memory", "#size-cells", 2);
	assert_int_equal(fdt_setprop(tree, at("/reserved-memory"), "ranges", NULL, 0), 0);
	add("/reserved-memory", "hole");
	SET("/reserved-memory/hole", "reg", base_high, base, size_high, size);
	assert_int_equal(fdt_setprop(tree, at("/reserved-memory/hole"), "no-map", NULL, 0), 0);
}

static void no_map_is_about_ram_only(void **state)
{
	(void)state;
	add_memory("memory@2", 2, 0, 0, 0x10000000);
	add_no_map_region(0, 0x10000000, 0x00f00000, 0);
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.no_map.count, 2);
	assert_region(&found.no_map, 0, 0x80000000, 0x40000000);
	assert_region(&found.no_map, 1, 0x200000000, 0x10000000);
	SET("/reserved-memory/hole", "reg", 0, 0x10000000, 0, 0x1000);
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.no_map.count, 0);
	assert_region(&found.reserved, 0, 0x10000000, 0x1000);
}

static void a_bundle_that_must_not_be_mapped_is_refused(void **state)
{
	(void)state;
	add_no_map_region(0, 0x90000000, 0, 0x1000);
	SET("/chosen", "linux,initrd-start", 0x90001000);
	SET("/chosen", "linux,initrd-end", 0x90002000);
	assert_int_equal(look(), STATUS_OK);
	assert_true(found.has_bundle);
	SET("/chosen", "linux,initrd-start", 0x90000fff);
	assert_int_equal(look(), STATUS_OK);
	assert_false(found.has_bundle);
	assert_said("must not be mapped");
	/* Or if only its middle must not. */
	SET("/chosen", "linux,initrd-start", 0x8fff0000);
	assert_int_equal(look(), STATUS_OK);
	assert_false(found.has_bundle);
}

static void ram_beyond_belief_is_not_used(void **state)
{
	(void)state;
	add_memory("memory@1", 1, 0, 0x00e00000, 0);
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.memory.count, 2);
	assert_region(&found.memory, 0, 0x80000000, 0x40000000);
	assert_region(&found.memory, 1, 0x100000000, GIB(16384 - 1));
	assert_said("of RAM stay unused");
}

static void memory_that_may_be_reserved_is_not_guessed_at(void **state)
{
	(void)state;
	add("/", "reserved-memory");
	SET("/reserved-memory", "#address-cells", 2);
	SET("/reserved-memory", "#size-cells", 2);
	assert_int_equal(fdt_setprop(tree, at("/reserved-memory"), "ranges", NULL, 0), 0);
	add("/reserved-memory", "firmware");
	SET("/reserved-memory/firmware", "reg", 0, 0x80000000, 0);
	assert_int_equal(look(), STATUS_INVALID);
	assert_said("/reserved-memory/firmware");
}

static void harts_that_cannot_be_used_are_named_and_left_out(void **state)
{
	(void)state;
	add_cpu(7, 30);
	set_string("/cpus/cpu@7", "status", "disabled");
	add_cpu(8, 31);
	remove_property("/cpus/cpu@8", "reg");
	add_cpu(9, 32);
	SET("/cpus/cpu@9", "reg", 5);
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.hart_count, 2);
	assert_said("/cpus/cpu@8: reg makes no sense");
	assert_said("another hart 5");
}

static void the_boot_hart_has_a_place_among_too_many(void **state)
{
	bool has_boot_hart = false;

	(void)state;
	for (u32 i = 0; i < HW_HART_MAX; i++)
		add_cpu(100 + i, 100 + i);
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.hart_count, HW_HART_MAX);
	for (unsigned i = 0; i < HW_HART_MAX; i++)
		has_boot_hart |= found.harts[i].id == 0;
	assert_true(has_boot_hart);
	assert_said("one more than the 64");
}

static void hart_ids_have_up_to_64_bits(void **state)
{
	(void)state;
	SET("/cpus", "#address-cells", 2);
	SET("/cpus/cpu@0", "reg", 0, 0);
	SET("/cpus/cpu@5", "reg", 0x80000000, 1);
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.hart_count, 2);
	assert_true(found.harts[0].id == 0x8000000000000001 ||
		    found.harts[1].id == 0x8000000000000001);
}

static void the_timebase_may_be_in_the_hart(void **state)
{
	(void)state;
	remove_property("/cpus", "timebase-frequency");
	assert_int_equal(look(), STATUS_NOT_FOUND);
	assert_said("no timebase-frequency");
	SET("/cpus/cpu@5", "timebase-frequency", 0, 1000000);
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.timebase_hz, 1000000);
}

static void the_bundle_must_be_in_ram(void **state)
{
	(void)state;
	SET("/chosen", "linux,initrd-start", 0x90000000);
	SET("/chosen", "linux,initrd-end", 0, 0x90000123);
	assert_int_equal(look(), STATUS_OK);
	assert_true(found.has_bundle);
	assert_int_equal(found.bundle_base, 0x90000000);
	assert_int_equal(found.bundle_size, 0x123);
	SET("/chosen", "linux,initrd-end", 0x7fffffff, 0);
	assert_int_equal(look(), STATUS_OK);
	assert_false(found.has_bundle);
	assert_said("not in RAM");
	SET("/chosen", "linux,initrd-end", 0x90000000);
	assert_int_equal(look(), STATUS_OK);
	assert_false(found.has_bundle);
	assert_said("make no sense");
}

static void damage_never_leads_outside_the_tree(void **state)
{
	struct fake_random random = {.state = 7};
	size_t size;
	void *whole = tree;
	unsigned walked = 0;

	(void)state;
	assert_int_equal(fdt_pack(tree), 0);
	size = fdt_totalsize(tree);
	for (unsigned i = 0; i < 20000; i++) {
		/* Of the exact size, so that the sanitizer sees the end. */
		u8 *copy = malloc(size);
		struct isalist isa;

		memcpy(copy, whole, size);
		for (u64 n = fake_random_below(&random, 8); n-- > 0;)
			copy[8 + fake_random_below(&random, size - 8)] =
				(u8)fake_random_magnitude(&random, 255);
		if (discover_check_tree(copy) == NULL) {
			fake_console_clear();
			walked++;
			(void)!discover(copy, drivers, 0, &found);
			isalist_init(&isa);
			for (unsigned h = 0; h < found.hart_count; h++)
				(void)isalist_read(&isa, copy, found.harts[h].node);
		}
		free(copy);
	}
	assert_true(walked > 1000);
}

/* A length that leads back to the property's own beginning: some versions of libfdt go round for
 * ever. */
static void a_property_that_follows_itself_is_damage(void **state)
{
	int offset = fdt_first_property_offset(tree, at("/chosen"));

	(void)state;
	assert_true(offset >= 0);
	fdt32_st((u8 *)tree + fdt_off_dt_struct(tree) + offset + 4, 0u - 12);
	alarm(20);
	assert_non_null(discover_check_tree(tree));
	alarm(0);
}

static void a_tree_that_is_refused_for_its_size_is_not_called_damaged(void **state)
{
	char path[64] = "";

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		add(path[0] ? path : "/", "n");
		strcat(path, "/n");
	}
	assert_string_equal(discover_check_tree(tree), "is nested too deeply");
}

static void what_is_no_tree_is_told_apart(void **state)
{
	static u64 zeros[8];

	(void)state;
	assert_string_equal(discover_check_tree(NULL), "is missing: the firmware passed none");
	assert_non_null(discover_check_tree(zeros));
	assert_non_null(discover_check_tree((const char *)tree + 4));
	fdt_set_totalsize(tree, 64 << 20);
	assert_non_null(discover_check_tree(tree));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plain_machine_is_found_without_a_word),
		TEST(several_memory_nodes_are_joined_and_cut_to_pages),
		TEST(memory_of_one_cell_is_read_too),
		TEST(bad_memory_nodes_are_named),
		TEST(a_root_of_many_properties_takes_no_longer_with_many_memory_nodes),
		TEST(a_node_of_more_memory_than_there_can_be_is_not_used),
		TEST(many_bad_nodes_are_not_all_told_of),
		TEST(reserved_memory_is_kept_out_in_whole_pages),
		TEST(no_map_is_about_ram_only),
		TEST(a_bundle_that_must_not_be_mapped_is_refused),
		TEST(ram_beyond_belief_is_not_used),
		TEST(memory_that_may_be_reserved_is_not_guessed_at),
		TEST(harts_that_cannot_be_used_are_named_and_left_out),
		TEST(the_boot_hart_has_a_place_among_too_many),
		TEST(hart_ids_have_up_to_64_bits),
		TEST(the_timebase_may_be_in_the_hart),
		TEST(the_bundle_must_be_in_ram),
		TEST(damage_never_leads_outside_the_tree),
		TEST(a_property_that_follows_itself_is_damage),
		TEST(a_tree_that_is_refused_for_its_size_is_not_called_damaged),
		TEST(what_is_no_tree_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
