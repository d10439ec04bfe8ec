/* SPDX-License-Identifier: BSD-2-Clause */
/* Images of a bundle, and whether a VM can have them. */
#include "tests/unit/make_bundle.h"

/* ------------------------------------------------------------------------------------------------
 * Images.
 */

/* A kernel image with everything but one property, left open. */
static void image_but(const char *missing)
{
	begin_root();
	node("images");
	image("initrd", "ramdisk", ramdisk, sizeof(ramdisk));
	end();
	node("code");
	if (strcmp(missing, "type") != 0)
		string("type", "kernel");
	if (strcmp(missing, "arch") != 0)
		string("arch", "riscv");
	if (strcmp(missing, "compression") != 0)
		string("compression", "none");
	if (strcmp(missing, "data") != 0)
		bytes("data", code, sizeof(code));
}

/* Closes it, and expects that nothing can start from it. */
static void assert_image_refused(const char *line)
{
	end();
	begin_vm();
	usual();
	assert_int_equal(parse(), STATUS_NOT_FOUND);
	assert_int_equal(bundle.vm_count, 0);
	assert_int_equal(messages.count, 4);
	assert_string_equal(messages.line[0], line);
	assert_string_equal(messages.line[1],
			    "bundle: /vms/linux: kernel = \"code\": that image has errors");
	assert_string_equal(messages.line[2],
			    "bundle: /vms/other: kernel = \"code\": that image has errors");
	assert_string_equal(messages.line[3], "bundle: /vms: no VM can start");
}

static void test_a_compressed_image(void **state)
{
	(void)state;
	image_but("compression");
	string("compression", "gzip");
	assert_image_refused(
		"bundle: /images/code: compression = \"gzip\" is not supported, only none is");
}

static void test_an_image_for_another_architecture(void **state)
{
	(void)state;
	image_but("arch");
	string("arch", "arm64");
	assert_image_refused("bundle: /images/code: arch = \"arm64\" is not riscv");
}

static void test_an_image_of_no_or_an_unknown_type(void **state)
{
	(void)state;
	image_but("type");
	assert_image_refused("bundle: /images/code: type is missing");
	image_but("type");
	string("type", "firmware");
	assert_image_refused(
		"bundle: /images/code: type = \"firmware\" is none of kernel, ramdisk, flat_dt");
}

static void test_an_image_without_data(void **state)
{
	(void)state;
	image_but("data");
	assert_image_refused("bundle: /images/code: data is missing");
	image_but("data");
	flag("data");
	assert_image_refused("bundle: /images/code: data is empty");
	image_but("");
	u32_is("data-offset", 0);
	assert_image_refused(
		"bundle: /images/code: data is given twice, inside and outside of the tree");
	image_but("data");
	u32_is("data-offset", 0);
	assert_image_refused("bundle: /images/code: data-size is missing");
	image_but("data");
	u32_is("data-position", 0xffffffff);
	u32_is("data-size", 0xffffffff);
	assert_image_refused(
		"bundle: /images/code: data-size = 0xffffffff reaches beyond the end of "
		"the bundle");
}

static void test_image_properties_of_the_wrong_form(void **state)
{
	(void)state;
	image_but("");
	flag("load");
	assert_image_refused("bundle: /images/code: load has a value of 0 bytes, must be a number, "
			     "one or two cells");
	image_but("type");
	bytes("type", "kernel", 6);
	end();
	begin_vm();
	usual();
	assert_int_equal(parse(), STATUS_NOT_FOUND);
	assert_string_equal(messages.line[0],
			    "bundle: /images/code: type is no string: it has no NUL at its end");
	image_but("");
	u64_is("entry", 0);
	u64_is("entry", 0);
	assert_image_refused("bundle: /images/code: entry is given twice");
}

static void test_images_of_the_same_name(void **state)
{
	(void)state;
	begin_root();
	begin_images();
	image("code", "ramdisk", ramdisk, 1);
	end();
	begin_vm();
	usual();
	assert_accepted();
	assert_reported_only(BUNDLE_ERROR,
			     "bundle: /images/code: there is an image of this name already");
	assert_int_equal(bundle.vms[0].kernel->file.size, sizeof(code));
}

static void test_images_that_overlap(void **state)
{
	(void)state;
	begin_root();
	node("images");
	image("code", "kernel", code, sizeof(code));
	end();
	image("initrd", "ramdisk", ramdisk, sizeof(ramdisk));
	u64_is("load", BASE + MIB(2));
	end();
	begin_vm();
	usual();
	assert_refused("bundle: /vms/linux: ramdisk = \"initrd\" overlaps another image or segment "
		       "(at 0x80200000)");
}

static void test_an_image_beyond_the_end_of_memory(void **state)
{
	(void)state;
	begin_root();
	node("images");
	image("code", "kernel", code, sizeof(code));
	end();
	image("initrd", "ramdisk", ramdisk, sizeof(ramdisk));
	u64_is("load", BASE + MIB(16) - 4096);
	end();
	begin_vm();
	usual();
	assert_refused(
		"bundle: /vms/linux: ramdisk = \"initrd\" reaches outside of the VM's memory "
		"(at 0x80fff000)");
}

static void test_a_kernel_that_cannot_be_loaded(void **state)
{
	(void)state;
	begin_root();
	begin_images();
	image("elf", "kernel", "\177ELF\1\1\1", 8);
	end();
	begin_vm();
	usual_but("kernel");
	string("kernel", "elf");
	assert_refused("bundle: /vms/linux: kernel = \"elf\" is a truncated ELF file");
	begin_root();
	begin_images();
	image("vmlinuz", "kernel", "\x1f\x8b\x08", 4);
	end();
	begin_vm();
	usual_but("kernel");
	string("kernel", "vmlinuz");
	assert_refused(
		"bundle: /vms/linux: kernel = \"vmlinuz\" is compressed with gzip, unpack it "
		"first");
}

/* ------------------------------------------------------------------------------------------------
 * Device trees of the bundle's own.
 */

static void start_with_own_tree(const void *tree, int size)
{
	begin_root();
	begin_images();
	image("board", "flat_dt", tree, size);
	end();
	begin_vm();
	usual();
	string("fdt", "board");
}

static void test_an_own_device_tree_is_used(void **state)
{
	u64 tree[64], length, *buffer;
	int size = make_own_tree(tree, sizeof(tree));

	(void)state;
	start_with_own_tree(tree, size);
	assert_accepted();
	assert_int_equal(messages.count, 0);
	buffer = malloc(bundle.vms[0].plan.fdt_size);
	assert_non_null(buffer);
	assert_int_equal(bundle_make_fdt(&bundle.vms[0], NULL, NULL, buffer,
					 bundle.vms[0].plan.fdt_size, &length),
			 STATUS_OK);
	assert_string_equal(fdt_getprop(buffer, 0, "model", NULL), "my own");
	assert_true(fdt_path_offset(buffer, "/chosen") > 0);
	free(buffer);
}

static void start_with_own_tree_at(u64 address)
{
	u64 tree[64];
	int size = make_own_tree(tree, sizeof(tree));

	begin_root();
	begin_images();
	image("board", "flat_dt", tree, size);
	u64_is("load", address);
	end();
	begin_vm();
	usual();
	string("fdt", "board");
}

static void test_an_own_device_tree_at_a_place_of_its_own(void **state)
{
	(void)state;
	start_with_own_tree_at(BASE + MIB(8));
	assert_accepted();
	assert_int_equal(bundle.vms[0].plan.fdt.value, BASE + MIB(8));
	start_with_own_tree_at(BASE + MIB(8) + 4);
	assert_refused("bundle: /vms/linux: fdt = \"board\" would not start at a multiple of 8 "
		       "(at 0x80800004)");
	start_with_own_tree_at(BASE + MIB(2));
	assert_refused("bundle: /vms/linux: fdt = \"board\" overlaps another image or segment "
		       "(at 0x80200000)");
	start_with_own_tree_at(BASE + MIB(16) - 8);
	assert_refused("bundle: /vms/linux: fdt = \"board\" reaches outside of the VM's memory "
		       "(at 0x80fffff8)");
}

static void test_an_own_device_tree_that_is_broken(void **state)
{
	static const char line[] =
		"bundle: /vms/linux: fdt = \"board\": it is no valid device tree";
	u64 tree[64];
	int size = make_own_tree(tree, sizeof(tree));

	(void)state;
	start_with_own_tree(tree, size - 1);
	assert_refused(line);
	start_with_own_tree(code, sizeof(code));
	assert_refused(line);
	fdt_set_off_dt_strings(tree, 0x7fffffff);
	start_with_own_tree(tree, size);
	assert_refused(line);
}

static void test_an_own_device_tree_that_is_too_large(void **state)
{
	u64 *tree = calloc(1, GUEST_FDT_SIZE_MAX);
	int size = make_own_tree(tree, GUEST_FDT_SIZE_MAX);

	(void)state;
	(void)size;
	start_with_own_tree(tree, GUEST_FDT_SIZE_MAX);
	assert_refused("bundle: /vms/linux: fdt = \"board\" is larger than 131072 bytes");
	free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_compressed_image, stop_machine),
		cmocka_unit_test_teardown(test_an_image_for_another_architecture, stop_machine),
		cmocka_unit_test_teardown(test_an_image_of_no_or_an_unknown_type, stop_machine),
		cmocka_unit_test_teardown(test_an_image_without_data, stop_machine),
		cmocka_unit_test_teardown(test_image_properties_of_the_wrong_form, stop_machine),
		cmocka_unit_test_teardown(test_images_of_the_same_name, stop_machine),
		cmocka_unit_test_teardown(test_images_that_overlap, stop_machine),
		cmocka_unit_test_teardown(test_an_image_beyond_the_end_of_memory, stop_machine),
		cmocka_unit_test_teardown(test_a_kernel_that_cannot_be_loaded, stop_machine),
		cmocka_unit_test_teardown(test_an_own_device_tree_is_used, stop_machine),
		cmocka_unit_test_teardown(test_an_own_device_tree_at_a_place_of_its_own,
					  stop_machine),
		cmocka_unit_test_teardown(test_an_own_device_tree_that_is_broken, stop_machine),
		cmocka_unit_test_teardown(test_an_own_device_tree_that_is_too_large, stop_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
