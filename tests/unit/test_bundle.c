/* SPDX-License-Identifier: BSD-2-Clause */
/* Bundles, good ones and ones with a bad VM: what is reported, and that the others start. */
#include "tests/unit/make_bundle.h"

/* ------------------------------------------------------------------------------------------------
 * Good ones.
 */

static void test_a_good_bundle_is_read_in_full(void **state)
{
	const struct bundle_vm *vm;

	(void)state;
	start();
	usual();
	flag("memory-pinned");
	assert_accepted();
	assert_int_equal(messages.count, 0);
	vm = &bundle.vms[0];

	assert_int_equal(vm->cpus, 2);
	assert_int_equal(vm->memory, MIB(16));
	assert_string_equal(vm->bootargs, "console=ttyS0");
	assert_true(vm->memory_pinned);
	assert_string_equal(vm->kernel->name, "code");
	assert_int_equal(vm->kernel->file.size, sizeof(code));
	assert_memory_equal(vm->kernel->file.data, code, sizeof(code));
	assert_memory_equal(vm->ramdisk->file.data, ramdisk, sizeof(ramdisk));
	assert_null(vm->fdt);
	assert_int_equal(vm->plan.entry.value, BASE + MIB(2));
	assert_int_equal(vm->plan.ramdisk_size, sizeof(ramdisk));
}

static void test_what_is_not_given_has_its_default(void **state)
{
	const struct bundle_vm *vm;

	(void)state;
	start();
	usual();
	assert_accepted();
	vm = &bundle.vms[1];
	assert_string_equal(vm->name, "other");
	assert_int_equal(vm->cpus, 1);
	assert_null(vm->bootargs);
	assert_null(vm->ramdisk);
	assert_null(vm->fdt);
	assert_false(vm->memory_pinned);
	assert_true(vm->autostart);
	assert_int_equal(vm->restart, GUEST_RESTART_NEVER);
	assert_int_equal(vm->depends_count, 0);
	assert_int_equal(vm->limits.shares, 100);
	assert_int_equal(vm->limits.quota, 0);
	assert_int_equal(vm->limits.harts, 0);
	assert_false(vm->limits.dedicated);
	assert_int_equal(vm->limits.rt_budget, 0);
	assert_int_equal(vm->limits.rt_period, 0);
	assert_int_equal(bundle.escape_key, 0x1d);
	assert_int_equal(bundle.slice, 0);
}

static const struct bundle_schema *const schemas[] = {
	&bundle_vm_schema,
	&bundle_console_schema,
	&bundle_scheduler_schema,
};

static void assert_property_is_fit_for_a_manual(const struct bundle_property *property)
{
	assert_non_null(property->meaning);
	assert_string_not_equal(bundle_type_name(property->type), "unknown");
	assert_int_equal(property->type == BUNDLE_TYPE_CHOICE, property->words != NULL);
	if (!property->fallback)
		return;
	/* The default in words is the default in fact. */
	if (property->type == BUNDLE_TYPE_U32 || property->type == BUNDLE_TYPE_U64)
		assert_int_equal(strtoull(property->fallback, NULL, 0), property->initial);
	if (property->type == BUNDLE_TYPE_CHOICE)
		assert_string_equal(property->fallback, property->words[property->initial]);
}

static void test_the_tables_are_fit_for_a_manual(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(schemas); s++) {
		const struct bundle_property *properties = schemas[s]->properties;

		assert_true(schemas[s]->count >= 1);
		for (size_t i = 0; i < schemas[s]->count; i++) {
			assert_property_is_fit_for_a_manual(&properties[i]);
			for (size_t j = 0; j < i; j++)
				assert_string_not_equal(properties[i].name, properties[j].name);
		}
	}
}

static void test_memory_may_be_one_cell(void **state)
{
	(void)state;
	start();
	usual_but("memory");
	u32_is("memory", MIB(32));
	assert_accepted();
	assert_int_equal(bundle.vms[0].memory, MIB(32));
}

static void test_configurations_and_hashes_are_left_to_others(void **state)
{
	(void)state;
	begin_root();
	node("configurations");
	string("default", "x");
	end();
	node("images");
	image("code", "kernel", code, sizeof(code));
	u32_is("timestamp", 1);
	u32_is("phandle", 1);
	node("hash-1");
	string("algo", "sha256");
	end();
	end();
	image("initrd", "ramdisk", ramdisk, sizeof(ramdisk));
	end();
	begin_vm();
	string("description", "hello");
	usual();
	assert_accepted();
	assert_int_equal(messages.count, 0);
}

static void test_load_and_entry_are_used(void **state)
{
	(void)state;
	begin_root();
	node("images");
	image("code", "kernel", code, sizeof(code));
	u32_is("load", (u32)BASE + 0x1000);
	u64_is("entry", BASE + 0x1004);
	end();
	image("initrd", "ramdisk", ramdisk, sizeof(ramdisk));
	u64_is("load", BASE + MIB(5));
	end();
	begin_vm();
	usual();
	assert_accepted();
	assert_int_equal(bundle.vms[0].plan.pieces[0].to.value, BASE + 0x1000);
	assert_int_equal(bundle.vms[0].plan.entry.value, BASE + 0x1004);
	assert_int_equal(bundle.vms[0].plan.ramdisk.value, BASE + MIB(5));
}

static void test_data_may_lie_behind_the_tree(void **state)
{
	static const char *const properties[] = {"data-offset", "data-position"};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(properties); i++) {
		u64 size, tree_size;
		u8 *blob, *larger;

		/* Twice: the first time to learn how large the tree is. */
		for (u32 position = 0, round = 0; round < 2; round++) {
			begin_root();
			node("images");
			node("code");
			string("type", "kernel");
			u32_is(properties[i], position);
			u32_is("data-size", sizeof(code));
			end();
			end();
			node("vms");
			other_vm("linux");
			end();
			blob = finish_root(&size);
			tree_size = (size + 3) & ~3ULL;
			position = i == 0 ? 8 : (u32)tree_size + 8;
			if (round == 0)
				free(blob);
		}
		larger = calloc(1, tree_size + 8 + sizeof(code));
		assert_non_null(larger);
		memcpy(larger, blob, size);
		memcpy(larger + tree_size + 8, code, sizeof(code));
		free(blob);
		assert_int_equal(parse_blob(larger, tree_size + 8 + sizeof(code)), STATUS_OK);
		assert_int_equal(messages.count, 0);
		assert_memory_equal(bundle.vms[0].kernel->file.data, code, sizeof(code));

		/* A byte less, and it reaches beyond the end. */
		bundle_free(&bundle);
		assert_int_equal(
			bundle_parse(larger, tree_size + 8 + sizeof(code) - 1, &options, &bundle),
			STATUS_NOT_FOUND);
		assert_true(was_reported("bundle: /images/code: data-size = 0x40 reaches beyond "
					 "the end of the bundle"));
	}
}

static void test_the_tree_for_a_vm_is_made_from_its_properties(void **state)
{
	u64 length, *buffer;

	(void)state;
	start();
	usual();
	assert_accepted();
	buffer = malloc(bundle.vms[0].plan.fdt_size);
	assert_non_null(buffer);
	assert_int_equal(bundle_make_fdt(&bundle.vms[0], NULL, NULL, buffer,
					 bundle.vms[0].plan.fdt_size, &length),
			 STATUS_OK);
	assert_true(fdt_path_offset(buffer, "/cpus/cpu@1") > 0);
	assert_string_equal(
		fdt_getprop(buffer, fdt_path_offset(buffer, "/chosen"), "bootargs", NULL),
		"console=ttyS0");
	assert_true(fdt_path_offset(buffer, "/memory@80000000") > 0);
	free(buffer);
}

/* ------------------------------------------------------------------------------------------------
 * Properties of a VM.
 */

static void test_zero_cpus(void **state)
{
	(void)state;
	start();
	usual_but("cpus");
	u32_is("cpus", 0);
	assert_refused("bundle: /vms/linux: cpus = 0 is not between 1 and 32");
}

static void test_too_many_cpus(void **state)
{
	(void)state;
	start();
	usual_but("cpus");
	u32_is("cpus", 33);
	assert_refused("bundle: /vms/linux: cpus = 33 is not between 1 and 32");
	start();
	usual_but("cpus");
	u32_is("cpus", 32);
	assert_accepted();
}

static void test_memory_that_is_no_multiple_of_a_page(void **state)
{
	(void)state;
	start();
	usual_but("memory");
	u64_is("memory", 0x10000001);
	assert_refused("bundle: /vms/linux: memory = 0x10000001 is no multiple of 4096");
}

static void test_memory_zero_or_more_than_there_is(void **state)
{
	(void)state;
	start();
	usual_but("memory");
	u64_is("memory", 0);
	assert_refused("bundle: /vms/linux: memory is 0");
	start();
	usual_but("memory");
	u64_is("memory", GIB(4) + 4096);
	assert_refused("bundle: /vms/linux: memory = 0x100001000 is more than this machine has, "
		       "0x100000000");
	start();
	usual_but("memory");
	u64_is("memory", 0xfffffffffffff000);
	assert_refused("bundle: /vms/linux: memory = 0xfffffffffffff000 is more than this machine "
		       "has, 0x100000000");
}

static void test_memory_that_the_vms_before_have_taken(void **state)
{
	(void)state;
	start();
	usual_but("memory");
	u64_is("memory", GIB(4) - MIB(4));
	assert_int_equal(parse(), STATUS_OK);
	assert_reported_only(BUNDLE_ERROR, "bundle: /vms/other: memory = 0x800000 is more than the "
					   "VMs before leave, 0x400000");
	assert_int_equal(bundle.vm_count, 1);
}

static void test_memory_beyond_the_address_space(void **state)
{
	struct bundle_options unlimited = options;

	(void)state;
	start();
	usual_but("memory");
	u64_is("memory", 0xfffffffffffff000);
	parse();
	memset(&messages, 0, sizeof(messages));
	unlimited.memory_max = 0;
	bundle_free(&bundle);
	assert_int_equal(bundle_parse(blob_in_use, UINT32_MAX, &unlimited, &bundle), STATUS_OK);
	assert_reported_only(BUNDLE_ERROR,
			     "bundle: /vms/linux: kernel = \"code\" has memory beyond "
			     "the address space");
}

static void test_memory_too_small_for_the_images(void **state)
{
	(void)state;
	start();
	usual_but("memory");
	u64_is("memory", 4096);
	assert_refused("bundle: /vms/linux: kernel = \"code\" reaches outside of the VM's memory "
		       "(at 0x80200000)");
	start();
	usual_but("memory");
	u64_is("memory", MIB(2) + 4096);
	assert_int_equal(parse(), STATUS_OK);
	/* Below the kernel of this kind there is room. */
	assert_int_equal(bundle.vm_count, 2);

	begin_root();
	node("images");
	image("code", "kernel", code, sizeof(code));
	u64_is("load", BASE);
	end();
	image("initrd", "ramdisk", ramdisk, sizeof(ramdisk));
	end();
	begin_vm();
	usual_but("memory");
	u64_is("memory", 0x5000);
	assert_refused("bundle: /vms/linux: ramdisk = \"initrd\" does not fit: the VM's memory is "
		       "too small");
	begin_root();
	node("images");
	image("code", "kernel", code, sizeof(code));
	u64_is("load", BASE);
	end();
	begin_vm();
	usual_but("memory");
	u64_is("memory", 0x3000);
	string("ramdisk", "code");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 1);
}

static void test_no_room_for_the_device_tree(void **state)
{
	(void)state;
	begin_root();
	node("images");
	image("code", "kernel", code, sizeof(code));
	u64_is("load", BASE);
	end();
	begin_vm();
	u64_is("memory", 0x2000);
	string("kernel", "code");
	assert_refused("bundle: /vms/linux: memory = 0x2000: the device tree does not fit: the "
		       "VM's memory is "
		       "too small");
}

static void test_missing_properties(void **state)
{
	(void)state;
	start();
	usual_but("memory");
	assert_refused("bundle: /vms/linux: memory is missing");
	start();
	usual_but("kernel");
	assert_refused("bundle: /vms/linux: kernel is missing");
}

static void test_all_errors_of_a_vm_are_told_at_once(void **state)
{
	(void)state;
	start();
	u32_is("cpus", 0);
	u32_is("memory", 5);
	string("ramdisk", "nothing");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 1);
	assert_int_equal(messages.count, 4);
	assert_true(was_reported("bundle: /vms/linux: cpus = 0 is not between 1 and 32"));
	assert_true(was_reported("bundle: /vms/linux: memory = 0x5 is no multiple of 4096"));
	assert_true(was_reported(
		"bundle: /vms/linux: ramdisk = \"nothing\": there is no such node in /images"));
	assert_true(was_reported("bundle: /vms/linux: kernel is missing"));
}

static void test_an_image_that_is_not_there(void **state)
{
	(void)state;
	start();
	usual_but("kernel");
	string("kernel", "vmlinux");
	assert_refused(
		"bundle: /vms/linux: kernel = \"vmlinux\": there is no such node in /images");
	start();
	usual();
	string("fdt", "");
	assert_refused("bundle: /vms/linux: fdt = \"\": there is no such node in /images");
}

static void test_an_image_of_the_wrong_type(void **state)
{
	(void)state;
	start();
	usual_but("kernel");
	string("kernel", "initrd");
	assert_refused("bundle: /vms/linux: kernel = \"initrd\": that image is not of type kernel");
	start();
	usual_but("ramdisk");
	string("ramdisk", "code");
	assert_refused("bundle: /vms/linux: ramdisk = \"code\": that image is not of type ramdisk");
	start();
	usual();
	string("fdt", "code");
	assert_refused("bundle: /vms/linux: fdt = \"code\": that image is not of type flat_dt");
}

static void test_values_of_the_wrong_length(void **state)
{
	(void)state;
	start();
	usual_but("cpus");
	u64_is("cpus", 2);
	assert_refused(
		"bundle: /vms/linux: cpus has a value of 8 bytes, must be a number, one cell");
	start();
	usual_but("memory");
	bytes("memory", code, 12);
	assert_refused(
		"bundle: /vms/linux: memory has a value of 12 bytes, must be a number, one or "
		"two cells");
	start();
	usual_but("memory");
	flag("memory");
	assert_refused(
		"bundle: /vms/linux: memory has a value of 0 bytes, must be a number, one or "
		"two cells");
	start();
	usual();
	u32_is("memory-pinned", 1);
	assert_refused("bundle: /vms/linux: memory-pinned has a value of 4 bytes, must be a flag "
		       "without a value");
}

static void test_strings_without_an_end(void **state)
{
	(void)state;
	start();
	usual_but("bootargs");
	bytes("bootargs", "abc", 3);
	assert_refused("bundle: /vms/linux: bootargs is no string: it has no NUL at its end");
	start();
	usual_but("bootargs");
	flag("bootargs");
	assert_refused("bundle: /vms/linux: bootargs is no string: it has no NUL at its end");
	start();
	usual_but("kernel");
	bytes("kernel", "code", 4);
	assert_refused("bundle: /vms/linux: kernel is no string: it has no NUL at its end");
	start();
	usual_but("bootargs");
	bytes("bootargs", "a\0b", 4);
	assert_refused("bundle: /vms/linux: bootargs must be one string");
}

static void test_bootargs_that_are_too_long(void **state)
{
	char text[GUEST_FDT_BOOTARGS_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[GUEST_FDT_BOOTARGS_MAX] = '\0';
	start();
	usual_but("bootargs");
	string("bootargs", text);
	assert_refused("bundle: /vms/linux: bootargs has more than 4095 characters");
	text[GUEST_FDT_BOOTARGS_MAX - 1] = '\0';
	start();
	usual_but("bootargs");
	string("bootargs", text);
	assert_accepted();
}

static void test_an_unknown_property_is_a_warning_with_the_nearest_name(void **state)
{
	static const char *const near[][2] = {
		{"memroy", "memory"},	       {"cpu", "cpus"},
		{"ramdisk0", "ramdisk"},       {"memory_pinned", "memory-pinned"},
		{"bootarg", "bootargs"},       {"kernal", "kernel"},
		{"descripton", "description"},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(near); i++) {
		char line[BUNDLE_LINE_SIZE];

		start();
		usual();
		string(near[i][0], "x");
		assert_accepted();
		snprintf(
			line, sizeof(line),
			"bundle: /vms/linux: unknown property \"%s\" is ignored; the nearest known "
			"name is \"%s\"",
			near[i][0], near[i][1]);
		assert_reported_only(BUNDLE_WARNING, line);
	}
}

static void test_an_unknown_property_of_an_image_is_a_warning(void **state)
{
	(void)state;
	begin_root();
	node("images");
	image("code", "kernel", code, sizeof(code));
	string("laod", "x");
	end();
	image("initrd", "ramdisk", ramdisk, sizeof(ramdisk));
	end();
	begin_vm();
	usual();
	assert_accepted();
	assert_reported_only(BUNDLE_WARNING, "bundle: /images/code: unknown property \"laod\" is "
					     "ignored; the nearest known name is \"load\"");
}

static void test_unknown_nodes_are_warnings(void **state)
{
	(void)state;
	start();
	usual();
	node("disk");
	end();
	assert_accepted();
	assert_reported_only(BUNDLE_WARNING, "bundle: /vms/linux: node \"disk\" is ignored");

	begin_root();
	node("image");
	end();
	begin_images();
	begin_vm();
	usual();
	assert_accepted();
	assert_reported_only(BUNDLE_WARNING, "bundle: /: unknown node \"image\" is ignored; the "
					     "nearest known name is \"images\"");
}

static void test_a_property_given_twice(void **state)
{
	(void)state;
	start();
	usual();
	u32_is("cpus", 3);
	assert_refused("bundle: /vms/linux: cpus is given twice");
}

/* ------------------------------------------------------------------------------------------------
 * Names and numbers of nodes.
 */

static void test_vms_of_the_same_name(void **state)
{
	(void)state;
	start();
	usual();
	end();
	node("linux");
	usual();
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 2);
	assert_reported_only(BUNDLE_ERROR,
			     "bundle: /vms/linux: there is a VM of this name already");
	assert_string_equal(bundle.vms[1].name, "other");
}

static void test_names_that_no_terminal_should_see(void **state)
{
	(void)state;
	begin_root();
	begin_images();
	end();
	node("vms");
	node("\x1b[2J\x80");
	usual();
	assert_refused("bundle: /vms/?[2J?: its name has characters other than letters, digits and "
		       ",._+-@");
	begin_root();
	begin_images();
	end();
	node("vms");
	node("a-name-of-more-than-thirty-one-characters");
	usual();
	assert_refused("bundle: /vms/a-name-of-more-than-thirty-one-characters: its name has more "
		       "than 31 characters");
	start();
	usual_but("kernel");
	string("kernel",
	       "\r\nPWNED\x7f 012345678901234567890123456789012345678901234567890123456789");
	assert_refused("bundle: /vms/linux: kernel = \"??PWNED? "
		       "0123456789012345678901234567890123456789012345678901234...\": there is no "
		       "such node in /images");
}

static void test_a_name_with_no_characters(void **state)
{
	(void)state;
	begin_root();
	begin_images();
	end();
	node("vms");
	node("");
	usual();
	assert_refused("bundle: /vms/: it has no name");
}

static void test_no_vms(void **state)
{
	u64 size;
	u8 *blob;

	(void)state;
	begin_root();
	begin_images();
	end();
	blob = finish_root(&size);
	assert_int_equal(parse_blob(blob, size), STATUS_NOT_FOUND);
	assert_reported_only(BUNDLE_ERROR, "bundle: /: node \"vms\" is missing");

	begin_root();
	begin_images();
	end();
	node("vms");
	end();
	blob = finish_root(&size);
	assert_int_equal(parse_blob(blob, size), STATUS_NOT_FOUND);
	assert_reported_only(BUNDLE_ERROR, "bundle: /vms: no VM can start");

	/* libfdt would take the one for the other. */
	begin_root();
	begin_images();
	end();
	node("vms@0");
	other_vm("linux");
	end();
	blob = finish_root(&size);
	assert_int_equal(parse_blob(blob, size), STATUS_NOT_FOUND);
	assert_int_equal(messages.count, 2);
}

static void test_no_images(void **state)
{
	(void)state;
	begin_root();
	node("vms");
	node("linux");
	usual_but("ramdisk");
	assert_int_equal(parse(), STATUS_NOT_FOUND);
	assert_true(was_reported(
		"bundle: /vms/linux: kernel = \"code\": there is no such node in /images"));
}

static void test_root_nodes_given_twice(void **state)
{
	u64 size;
	u8 *blob;

	(void)state;
	begin_root();
	begin_images();
	end();
	node("vms");
	other_vm("one");
	end();
	node("vms");
	other_vm("two");
	end();
	blob = finish_root(&size);
	assert_int_equal(parse_blob(blob, size), STATUS_OK);
	assert_int_equal(bundle.vm_count, 1);
	assert_string_equal(bundle.vms[0].name, "one");
	assert_reported_only(BUNDLE_ERROR,
			     "bundle: /: node \"vms\" is given twice, the first one counts");
}

static void test_messages_come_to_an_end(void **state)
{
	(void)state;
	start();
	usual();
	for (unsigned i = 0; i < 500; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x%u", i);
		flag(name);
	}
	assert_accepted();
	assert_int_equal(messages.count, BUNDLE_MESSAGE_MAX + 1);
	assert_string_equal(messages.line[BUNDLE_MESSAGE_MAX],
			    "bundle: further messages are not shown");
}

static void test_errors_come_to_an_end_too(void **state)
{
	(void)state;
	start();
	usual();
	for (unsigned i = 0; i < 25; i++) {
		char name[16];

		end();
		snprintf(name, sizeof(name), "bad%u", i);
		node(name);
		u32_is("cpus", 0);
	}
	assert_accepted();
	/* Three each: the kernel and the memory are missing as well. */
	assert_int_equal(messages.count, BUNDLE_MESSAGE_MAX + 1);
	assert_string_equal(messages.line[BUNDLE_MESSAGE_MAX],
			    "bundle: further messages are not shown");
}

static void test_messages_go_to_the_log_by_default(void **state)
{
	u64 size;
	u8 *blob;

	(void)state;
	begin_root();
	begin_images();
	end();
	node("vms");
	other_vm("linux");
	node("bad");
	string("laber", "x");
	end();
	end();
	blob = finish_root(&size);
	free(blob_in_use);
	blob_in_use = blob;
	bundle_free(&bundle);
	assert_int_equal(bundle_parse(blob, size, NULL, &bundle), STATUS_OK);
	assert_int_equal(messages.count, 0);
	assert_non_null(strstr(fake_console_output(), "bundle: /vms/bad: memory is missing"));
	assert_non_null(strstr(fake_console_output(), "unknown property \"laber\""));
}

/* The manual's tables of properties, in Markdown. */
static void print_reference(void)
{
	for (size_t s = 0; s < ARRAY_SIZE(schemas); s++) {
		const struct bundle_schema *schema = schemas[s];

		printf("Properties of `%s`:\n\n", schema->node);
		printf("| property | value | default | meaning |\n|---|---|---|---|\n");
		for (size_t i = 0; i < schema->count; i++) {
			const struct bundle_property *property = &schema->properties[i];

			printf("| `%s` | %s | %s | %s |\n", property->name,
			       bundle_type_name(property->type),
			       property->fallback ? property->fallback : "must be given",
			       property->meaning);
		}
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--reference") == 0) {
		print_reference();
		return 0;
	}

	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_good_bundle_is_read_in_full, stop_machine),
		cmocka_unit_test_teardown(test_what_is_not_given_has_its_default, stop_machine),
		cmocka_unit_test_teardown(test_the_tables_are_fit_for_a_manual, stop_machine),
		cmocka_unit_test_teardown(test_memory_may_be_one_cell, stop_machine),
		cmocka_unit_test_teardown(test_configurations_and_hashes_are_left_to_others,
					  stop_machine),
		cmocka_unit_test_teardown(test_load_and_entry_are_used, stop_machine),
		cmocka_unit_test_teardown(test_data_may_lie_behind_the_tree, stop_machine),
		cmocka_unit_test_teardown(test_the_tree_for_a_vm_is_made_from_its_properties,
					  stop_machine),
		cmocka_unit_test_teardown(test_zero_cpus, stop_machine),
		cmocka_unit_test_teardown(test_too_many_cpus, stop_machine),
		cmocka_unit_test_teardown(test_memory_that_is_no_multiple_of_a_page, stop_machine),
		cmocka_unit_test_teardown(test_memory_zero_or_more_than_there_is, stop_machine),
		cmocka_unit_test_teardown(test_memory_that_the_vms_before_have_taken, stop_machine),
		cmocka_unit_test_teardown(test_memory_beyond_the_address_space, stop_machine),
		cmocka_unit_test_teardown(test_memory_too_small_for_the_images, stop_machine),
		cmocka_unit_test_teardown(test_no_room_for_the_device_tree, stop_machine),
		cmocka_unit_test_teardown(test_missing_properties, stop_machine),
		cmocka_unit_test_teardown(test_all_errors_of_a_vm_are_told_at_once, stop_machine),
		cmocka_unit_test_teardown(test_an_image_that_is_not_there, stop_machine),
		cmocka_unit_test_teardown(test_an_image_of_the_wrong_type, stop_machine),
		cmocka_unit_test_teardown(test_values_of_the_wrong_length, stop_machine),
		cmocka_unit_test_teardown(test_strings_without_an_end, stop_machine),
		cmocka_unit_test_teardown(test_bootargs_that_are_too_long, stop_machine),
		cmocka_unit_test_teardown(
			test_an_unknown_property_is_a_warning_with_the_nearest_name, stop_machine),
		cmocka_unit_test_teardown(test_an_unknown_property_of_an_image_is_a_warning,
					  stop_machine),
		cmocka_unit_test_teardown(test_unknown_nodes_are_warnings, stop_machine),
		cmocka_unit_test_teardown(test_a_property_given_twice, stop_machine),
		cmocka_unit_test_teardown(test_vms_of_the_same_name, stop_machine),
		cmocka_unit_test_teardown(test_names_that_no_terminal_should_see, stop_machine),
		cmocka_unit_test_teardown(test_a_name_with_no_characters, stop_machine),
		cmocka_unit_test_teardown(test_no_vms, stop_machine),
		cmocka_unit_test_teardown(test_no_images, stop_machine),
		cmocka_unit_test_teardown(test_root_nodes_given_twice, stop_machine),
		cmocka_unit_test_teardown(test_messages_come_to_an_end, stop_machine),
		cmocka_unit_test_teardown(test_errors_come_to_an_end_too, stop_machine),
		cmocka_unit_test_teardown(test_messages_go_to_the_log_by_default, stop_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
