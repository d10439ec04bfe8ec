/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading a VM from its bundle, step by step: that it can be broken off anywhere, that memory may
 * be short, that several are loaded at once, and that no page is lost. */
#include "tests/unit/make_bundle.h"

#include "hyp/config/loader.h"
#include "hyp/mem/page.h"

/* A bundle with a VM whose images take several steps. */
static void parse_large(void)
{
	static u8 large[5 << 20];

	begin_root();
	node("images");
	image("code", "kernel", code, sizeof(code));
	end();
	image("initrd", "ramdisk", large, sizeof(large));
	end();
	begin_vm();
	usual();
	assert_accepted();
	loader_forget_all();
}

static void attach(struct guest_loader *loader, unsigned number)
{
	assert_int_equal(loader_attach(&bundle.vms[number], loader), STATUS_OK);
}

static void make_memory(struct guest_memory *memory, unsigned number)
{
	assert_int_equal(
		guest_memory_create(memory, gpa(BASE), bundle.vms[number].memory, HW_GSTAGE_SV39X4),
		STATUS_OK);
}

/* Whether the machine hands out a new page to a VM, the loader may not keep any. */
static u64 free_without(struct guest_memory *memory)
{
	guest_memory_destroy(memory);
	return page_free_count();
}

static void test_a_load_that_is_cancelled_at_any_step(void **state)
{
	struct guest_loader loader;
	bool done = false;
	u64 free_before;

	(void)state;
	parse_large();
	attach(&loader, 0);
	free_before = page_free_count();
	loader.cancel(loader.context);
	assert_int_equal(page_free_count(), free_before);
	for (unsigned steps = 0; !done; steps++) {
		struct guest_memory memory;
		gpa_t entry, fdt;

		assert_in_range(steps, 0, 10);
		make_memory(&memory, 0);
		assert_int_equal(loader.begin(loader.context, &memory), STATUS_OK);
		assert_true(page_free_count() < free_before);
		for (unsigned i = 0; i < steps; i++)
			assert_int_equal(loader.step(loader.context, &done, &entry, &fdt),
					 STATUS_OK);
		loader.cancel(loader.context);
		loader.cancel(loader.context);
		assert_int_equal(free_without(&memory), free_before);
		/* More than a begin and an end were seen. */
		assert_true(!done || steps >= 3);
		if (done)
			assert_int_equal(fdt.value, bundle.vms[0].plan.fdt.value);
	}
}

static void test_a_load_without_memory_keeps_none(void **state)
{
	struct guest_loader loader;
	bool done = false;
	u64 free_before;

	(void)state;
	parse_large();
	attach(&loader, 0);
	free_before = page_free_count();
	for (u64 successes = 0; !done; successes++) {
		enum status status;
		struct guest_memory memory;
		gpa_t entry, fdt;

		assert_in_range(successes, 0, 5000);
		make_memory(&memory, 0);
		page_fail_after(successes, 1000);
		status = loader.begin(loader.context, &memory);
		while (status == STATUS_OK && !done)
			status = loader.step(loader.context, &done, &entry, &fdt);
		page_fail_after(0, 0);
		assert_int_equal(done, status == STATUS_OK);
		if (status != STATUS_OK)
			assert_int_equal(status, STATUS_NO_MEMORY);
		/* Nobody cancels what has failed. */
		assert_int_equal(free_without(&memory), free_before);
	}
}

static void test_vms_are_loaded_side_by_side(void **state)
{
	struct guest_loader loaders[2];
	struct guest_memory memories[2];
	bool done[2] = {false, false};

	(void)state;
	parse_large();
	for (unsigned i = 0; i < 2; i++) {
		attach(&loaders[i], i);
		make_memory(&memories[i], i);
		assert_int_equal(loaders[i].begin(loaders[i].context, &memories[i]), STATUS_OK);
	}
	for (unsigned hart = 0; !done[0] || !done[1]; hart ^= 1) {
		fake_set_hart(hart);
		for (unsigned i = 0; i < 2; i++) {
			gpa_t entry, fdt;

			if (!done[i])
				assert_int_equal(
					loaders[i].step(loaders[i].context, &done[i], &entry, &fdt),
					STATUS_OK);
		}
	}
	fake_set_hart(0);
	for (unsigned i = 0; i < 2; i++) {
		u8 magic[4];

		assert_int_equal(guest_memory_read(&memories[i], bundle.vms[i].plan.fdt, magic, 4),
				 STATUS_OK);
		assert_int_equal(fdt32_ld((fdt32_t *)magic), FDT_MAGIC);
		guest_memory_destroy(&memories[i]);
	}
}

static void test_there_is_a_loader_for_every_vm(void **state)
{
	static struct guest_loader loaders[1000];
	u64 free_before;

	(void)state;
	parse_large();
	free_before = page_free_count();
	for (unsigned i = 0; i < ARRAY_SIZE(loaders); i++) {
		attach(&loaders[i], i % 2);
		for (unsigned j = i < 100 ? 0 : i - 100; j < i; j++)
			assert_ptr_not_equal(loaders[i].context, loaders[j].context);
	}
	assert_true(free_before - page_free_count() < 40);
	loader_forget_all();
	page_fail_after(0, 1);
	assert_int_equal(loader_attach(&bundle.vms[0], &loaders[0]), STATUS_NO_MEMORY);
	page_fail_after(0, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, stop_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_load_that_is_cancelled_at_any_step),
		TEST(test_a_load_without_memory_keeps_none),
		TEST(test_vms_are_loaded_side_by_side),
		TEST(test_there_is_a_loader_for_every_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
