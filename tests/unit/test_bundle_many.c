/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bundles of many VMs, and hostile ones of many nodes: all that memory allows, nothing that takes
 * long, and no page lost.
 */
#include "tests/unit/make_bundle.h"

#include <time.h>

#include "hyp/config/name_index.h"
#include "hyp/config/tree_check.h"
#include "hyp/mem/page.h"

static void name_vm(unsigned number)
{
	char name[16];

	snprintf(name, sizeof(name), "vm%u", number);
	node(name);
	u32_is("memory", MIB(4));
	string("kernel", "code");
}

static void depend_on(unsigned number)
{
	char name[16];

	snprintf(name, sizeof(name), "vm%u", number);
	string("depends", name);
}

/* Opens /vms in a bundle with the usual images. */
static void begin_vms(void)
{
	begin_root();
	begin_images();
	end();
	node("vms");
}

/* Closes it and reads it all. */
static enum status parse_vms_node(void)
{
	u64 size;
	u8 *blob;

	end();
	blob = finish_root(&size);
	return parse_blob(blob, size);
}

static const struct bundle_options any_memory = {.report = keep_message, .context = &messages};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of processor time, under sanitizers; the slowest takes a tenth of it. */
#define SECONDS_MAX 5

static enum status parse_in_time(void)
{
	enum status status;
	double start;
	u64 size;

	end();
	free(blob_in_use);
	blob_in_use = finish_root(&size);
	start = seconds();
	status = bundle_parse(blob_in_use, size, &any_memory, &bundle);
	if (seconds() - start > SECONDS_MAX)
		fail_msg("it took %.1f s", seconds() - start);
	return status;
}

/* All memory comes back with the bundle. */
static void assert_no_page_lost(void)
{
	bundle_free(&bundle);
	assert_int_equal(page_free_count(), page_total_count());
	bundle_free(&bundle);
	assert_int_equal(page_free_count(), page_total_count());
}

/* ------------------------------------------------------------------------------------------------
 * Many VMs.
 */

static void test_200_vms(void **state)
{
	(void)state;
	begin_vms();
	for (unsigned i = 0; i < 200; i++) {
		name_vm(i);
		u32_is("shares", i + 1);
		if (i != 199)
			depend_on(i + 1);
		end();
	}
	assert_int_equal(parse_vms_node(), STATUS_OK);
	assert_int_equal(messages.count, 0);
	assert_int_equal(bundle.vm_count, 200);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(bundle.vms[i].limits.shares, i + 1);
		assert_int_equal(bundle.vms[i].depends_count, i != 199);
		assert_true(i == 199 || bundle.vms[i].depends[0] == i + 1);
		assert_ptr_equal(bundle.vms[i].kernel, &bundle.images[0]);
	}
	/* Tables are as long as they need to be. */
	assert_true(page_total_count() - page_free_count() <=
		    200 * sizeof(struct bundle_vm) / PAGE_SIZE + 2);
	assert_no_page_lost();
}

static void test_as_many_vms_as_there_can_be(void **state)
{
	(void)state;
	begin_vms();
	for (unsigned i = 0; i < BUNDLE_VM_MAX + 3; i++) {
		name_vm(i);
		/* The longest way to go. */
		depend_on((i + 1) % BUNDLE_VM_MAX ? i + 1 : 1);
		end();
	}
	/* Nobody depends on the first, and all others are in one circle. */
	assert_int_equal(parse_in_time(), STATUS_NOT_FOUND);
	assert_string_equal(messages.line[0],
			    "bundle: /vms: there are more than 4096 VMs, the rest is left out");
	assert_non_null(strstr(messages.line[1], "depends goes in a circle: vm1 -> vm2 -> "));
	assert_string_equal(messages.line[2],
			    "bundle: /vms/vm0: depends = \"vm1\": that VM is left out");
	assert_string_equal(messages.line[3], "bundle: /vms: no VM can start");
	assert_int_equal(messages.count, 4);
	assert_no_page_lost();
}

static void test_a_chain_of_all_vms(void **state)
{
	(void)state;
	for (unsigned broken = 0; broken < 2; broken++) {
		begin_vms();
		for (unsigned i = 0; i < BUNDLE_VM_MAX; i++) {
			name_vm(i);
			if (i != BUNDLE_VM_MAX - 1)
				depend_on(i + 1);
			else if (broken)
				u32_is("cpus", 0);
			end();
		}
		assert_int_equal(parse_in_time(), broken ? STATUS_NOT_FOUND : STATUS_OK);
		assert_int_equal(bundle.vm_count, broken ? 0 : BUNDLE_VM_MAX);
		assert_int_equal(messages.count, broken ? BUNDLE_MESSAGE_MAX + 1 : 0);
		assert_no_page_lost();
	}
}

static void test_vms_share_the_memory_in_their_order(void **state)
{
	(void)state;
	begin_vms();
	/* 4 GiB are enough for 1024 of 4 MiB. */
	for (unsigned i = 0; i < 1026; i++) {
		name_vm(i);
		end();
	}
	assert_int_equal(parse_vms_node(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 1024);
	assert_int_equal(messages.count, 2);
	assert_string_equal(messages.line[0], "bundle: /vms/vm1024: memory = 0x400000 is more than "
					      "the VMs before leave, 0x0");
}

static void test_many_images(void **state)
{
	(void)state;
	begin_root();
	node("images");
	for (unsigned i = 0; i < BUNDLE_IMAGE_MAX + 1; i++) {
		char name[16];

		snprintf(name, sizeof(name), "image%u", i);
		node(name);
		string("type", "kernel");
		bytes("data", code, sizeof(code));
		end();
	}
	end();
	node("vms");
	node("a");
	u32_is("memory", MIB(4));
	string("kernel", "image4095");
	end();
	node("b");
	u32_is("memory", MIB(4));
	string("kernel", "image4096");
	end();
	assert_int_equal(parse_in_time(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 1);
	assert_int_equal(bundle.image_count, BUNDLE_IMAGE_MAX);
	assert_ptr_equal(bundle.vms[0].kernel, &bundle.images[4095]);
	assert_int_equal(messages.count, 2);
	assert_true(was_reported("bundle: /images: there are more than 4096 images, the rest is "
				 "left out"));
	assert_true(was_reported(
		"bundle: /vms/b: kernel = \"image4096\": there is no such node in /images"));
	assert_no_page_lost();
}

static void test_a_tree_that_many_vms_share_is_tried_once_for_each_use(void **state)
{
	static u64 tree[GUEST_FDT_SIZE_MAX / 16];
	int size = make_own_tree(tree, sizeof(tree));

	(void)state;
	/* Worth some time: its blocks reach to the end. */
	fdt_set_totalsize(tree, sizeof(tree));
	assert_in_range(size, 1, (int)sizeof(tree));
	begin_root();
	begin_images();
	image("board", "flat_dt", tree, sizeof(tree));
	end();
	end();
	node("vms");
	for (unsigned i = 0; i < 1000; i++) {
		name_vm(i);
		string("fdt", "board");
		if (i % 2)
			string("bootargs", "x");
		if (i % 3)
			string("ramdisk", "initrd");
		end();
	}
	/* The tables take five allocations, and each try one. */
	page_fail_after(5 + 4, UINT64_MAX);
	assert_int_equal(parse_in_time(), STATUS_OK);
	page_fail_after(0, 0);
	assert_int_equal(messages.count, 0);
	assert_int_equal(bundle.vm_count, 1000);
}

/* ------------------------------------------------------------------------------------------------
 * Hostile ones.
 */

#define NODES 100000

static void test_100000_vms_of_one_name(void **state)
{
	(void)state;
	begin_vms();
	for (unsigned i = 0; i < NODES; i++) {
		node("a-name-of-thirty-one-characters");
		end();
	}
	assert_int_equal(parse_in_time(), STATUS_NOT_FOUND);
	assert_int_equal(messages.count, BUNDLE_MESSAGE_MAX + 1);
	assert_string_equal(messages.line[0],
			    "bundle: /vms: there are more than 4096 VMs, the rest is left out");
	assert_true(was_reported("bundle: /vms/a-name-of-thirty-one-characters: there is a VM of "
				 "this name already"));
	assert_no_page_lost();
}

static void test_100000_vms_with_names_that_are_slow_to_tell_apart(void **state)
{
	(void)state;
	begin_vms();
	for (unsigned i = 0; i < NODES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "xxxxxxxxxxxxxxxxxxxxxxxxx%06u", NODES - i);
		node(name);
		end();
	}
	assert_int_equal(parse_in_time(), STATUS_NOT_FOUND);
	assert_int_equal(messages.count, BUNDLE_MESSAGE_MAX + 1);
	assert_no_page_lost();
}

static void test_4096_vms_that_all_depend_on_names_that_are_none(void **state)
{
	static const char list[] = "yyyyyyyyyyyyyyyyyyyyyyyyy000000\0" /* all as far from any */
				   "yyyyyyyyyyyyyyyyyyyyyyyyy000001\0"
				   "yyyyyyyyyyyyyyyyyyyyyyyyy000002\0"
				   "yyyyyyyyyyyyyyyyyyyyyyyyy000003";

	(void)state;
	begin_vms();
	for (unsigned i = 0; i < 4096; i++) {
		char name[32];

		snprintf(name, sizeof(name), "xxxxxxxxxxxxxxxxxxxxxxxxx%06u", i);
		node(name);
		u32_is("memory", MIB(4));
		string("kernel", "code");
		bytes("depends", list, sizeof(list));
		end();
	}
	assert_int_equal(parse_in_time(), STATUS_NOT_FOUND);
	assert_int_equal(messages.count, BUNDLE_MESSAGE_MAX + 1);
	assert_non_null(strstr(messages.line[0], "there is no VM of that name, the nearest is"));
	assert_null(strstr(messages.line[BUNDLE_MESSAGE_MAX - 1], "nearest"));
	assert_non_null(strstr(messages.line[BUNDLE_MESSAGE_MAX - 1], "no VM of that name"));
	assert_no_page_lost();
}

static void test_100000_nodes_elsewhere(void **state)
{
	static const char *const places[] = {"/", "/images", "/vms/linux", "/console"};

	(void)state;
	for (unsigned place = 0; place < ARRAY_SIZE(places); place++) {
		begin_root();
		if (place == 3)
			node("console");
		else if (place == 1)
			begin_images();
		for (unsigned i = 0; place != 2 && i < NODES; i++) {
			char name[32];

			snprintf(name, sizeof(name), "node%u", i);
			node(name);
			end();
		}
		if (place == 3)
			end();
		if (place != 1)
			begin_images();
		end();
		node("vms");
		node("linux");
		usual();
		for (unsigned i = 0; place == 2 && i < NODES; i++) {
			node("x");
			end();
		}
		end();
		assert_int_equal(parse_in_time(), STATUS_OK);
		assert_int_equal(bundle.vm_count, 1);
		assert_int_equal(messages.count, BUNDLE_MESSAGE_MAX + 1);
		assert_no_page_lost();
	}
}

static void test_100000_properties(void **state)
{
	static const char *const names[] = {"depends", "harts", "kernel", "unknown"};

	(void)state;
	for (unsigned n = 0; n < ARRAY_SIZE(names); n++) {
		begin_root();
		begin_images();
		begin_vm();
		usual();
		for (unsigned i = 0; i < NODES; i++)
			string(names[n], "abc");
		end();
		assert_int_equal(parse_in_time(), n == 3 ? STATUS_OK : STATUS_NOT_FOUND);
		assert_int_equal(messages.count, BUNDLE_MESSAGE_MAX + 1);
		assert_no_page_lost();
	}
}

static void test_lists_without_end(void **state)
{
	static char data[1 << 20];

	(void)state;
	start();
	usual();
	bytes("depends", data, sizeof(data));
	assert_refused("bundle: /vms/linux: depends names more than 8 VMs");
	start();
	usual();
	bytes("harts", data, sizeof(data));
	assert_refused("bundle: /vms/linux: harts has 262144 ids, more than 64");
}

static void test_more_nodes_than_any_bundle_has(void **state)
{
	(void)state;
	begin_vms();
	for (unsigned i = 0; i < 140000; i++) {
		node("x");
		end();
	}
	assert_int_equal(parse_in_time(), STATUS_INVALID);
	assert_reported_only(BUNDLE_ERROR, "bundle: the blob has too many nodes or properties");
	assert_no_page_lost();
}

/* ------------------------------------------------------------------------------------------------
 * Memory.
 */

static void test_no_memory_for_any_of_its_tables(void **state)
{
	unsigned failures = 0;
	u64 size;
	u8 *blob;

	(void)state;
	begin_vms();
	for (unsigned i = 0; i < 300; i++) {
		name_vm(i);
		end();
	}
	end();
	blob = finish_root(&size);
	for (u64 successes = 0;; successes++) {
		enum status status;

		memset(&messages, 0, sizeof(messages));
		page_fail_after(successes, 1);
		status = parse_blob(successes ? memcpy(malloc(size), blob, size) : blob, size);
		if (successes == 0)
			blob = memcpy(malloc(size), blob, size);
		page_fail_after(0, 0);
		if (status == STATUS_OK)
			break;
		failures++;
		assert_int_equal(status, STATUS_NO_MEMORY);
		assert_int_equal(messages.count, 1);
		assert_int_equal(bundle.vm_count, 0);
		assert_int_equal(bundle.escape_key, BUNDLE_ESCAPE_KEY);
		assert_int_equal(page_free_count(), page_total_count());
	}
	free(blob);
	/* Two for the images, three for the VMs. */
	assert_int_equal(failures, 5);
	assert_int_equal(bundle.vm_count, 300);
	assert_no_page_lost();
}

static void test_a_machine_too_small_for_the_tables(void **state)
{
	struct fake_options machine = fake_defaults();

	(void)state;
	machine.ram_size = MIB(1);
	begin_vms();
	fake_start_with_pages(&machine);
	for (unsigned i = 0; i < 4096; i++) {
		name_vm(i);
		end();
	}
	assert_int_equal(parse_vms_node(), STATUS_NO_MEMORY);
	assert_reported_only(BUNDLE_ERROR,
			     "bundle: /vms: there is no memory for a table of its VMs");
	assert_no_page_lost();
}

static void test_a_store_of_any_size_comes_back(void **state)
{
	(void)state;
	fake_start_with_pages(NULL);
	for (u64 pages = 1; pages <= 40; pages++) {
		for (u64 keep = 0; keep <= pages; keep++) {
			struct store store, other;

			assert_int_equal(store_alloc(&store, pages * PAGE_SIZE - 7), STATUS_OK);
			assert_int_equal(store.page_count, pages);
			assert_int_equal(page_total_count() - page_free_count(), pages);
			for (u64 i = 0; i < pages * PAGE_SIZE; i += 8)
				assert_int_equal(*(u64 *)((u8 *)store.data + i), 0);
			memset(store.data, 0x55, pages * PAGE_SIZE);
			store_trim(&store, keep * PAGE_SIZE);
			assert_int_equal(page_total_count() - page_free_count(), keep);
			/* What it gave back is not in it any more. */
			assert_int_equal(store_alloc(&other, 8 * PAGE_SIZE), STATUS_OK);
			for (u64 i = 0; i < keep * PAGE_SIZE; i += 64)
				assert_int_equal(((u8 *)store.data)[i], 0x55);
			store_free(&other);
			store_free(&store);
			store_free(&store);
			assert_int_equal(page_free_count(), page_total_count());
		}
	}
	struct store store;

	assert_int_equal(store_alloc(&store, 0), STATUS_OK);
	assert_null(store.data);
	store_free(&store);
	assert_int_equal(store_alloc(&store, GIB(4)), STATUS_NO_MEMORY);
	assert_int_equal(store_alloc(&store, UINT64_MAX), STATUS_NO_MEMORY);
	store_free(&store);
}

static void test_the_index_finds_the_first_of_each_name(void **state)
{
	(void)state;
	srand(77);
	for (unsigned round = 0; round < 300; round++) {
		unsigned count = (unsigned)rand() % 50, names[50];
		struct name_index index;

		fake_start_with_pages(NULL);
		ok(fdt_create(work, sizeof(work)));
		ok(fdt_finish_reservemap(work));
		node("");
		for (unsigned i = 0; i < count; i++) {
			char name[8];

			names[i] = (unsigned)rand() % 40;
			snprintf(name, sizeof(name), "n%u", names[i]);
			node(name);
			node("inner");
			end();
			end();
		}
		end();
		ok(fdt_finish(work));
		assert_int_equal(name_index_make(&index, work, 0, 45), STATUS_OK);
		assert_int_equal(index.count, min_u64(count, 45));
		assert_int_equal(index.more, count > 45);
		for (unsigned n = 0; n < 40; n++) {
			char name[8];
			unsigned first = 0;
			u32 found;

			snprintf(name, sizeof(name), "n%u", n);
			while (first < index.count && names[first] != n)
				first++;
			assert_int_equal(name_index_find(&index, name, &found),
					 first < index.count);
			if (first < index.count)
				assert_int_equal(found, first);
		}
		name_index_drop(&index);
		name_index_drop(&index);
		assert_int_equal(page_free_count(), page_total_count());
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, stop_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_200_vms),
		TEST(test_as_many_vms_as_there_can_be),
		TEST(test_a_chain_of_all_vms),
		TEST(test_vms_share_the_memory_in_their_order),
		TEST(test_many_images),
		TEST(test_a_tree_that_many_vms_share_is_tried_once_for_each_use),
		TEST(test_100000_vms_of_one_name),
		TEST(test_100000_vms_with_names_that_are_slow_to_tell_apart),
		TEST(test_4096_vms_that_all_depend_on_names_that_are_none),
		TEST(test_100000_nodes_elsewhere),
		TEST(test_100000_properties),
		TEST(test_lists_without_end),
		TEST(test_more_nodes_than_any_bundle_has),
		TEST(test_no_memory_for_any_of_its_tables),
		TEST(test_a_machine_too_small_for_the_tables),
		TEST(test_a_store_of_any_size_comes_back),
		TEST(test_the_index_finds_the_first_of_each_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
