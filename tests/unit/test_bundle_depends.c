/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMs that need others: names that point anywhere, circles, and VMs that are left out and take
 * those with them that need them. Random graphs are compared with a model that does it the slow
 * way.
 */
#include "tests/unit/make_bundle.h"

/* A string list out of one string with a comma between its members. */
static void depends(const char *names)
{
	char list[BUNDLE_NAME_MAX * 20];
	int length = (int)strlen(names) + 1;

	assert_in_range(length, 1, (int)sizeof(list));
	memcpy(list, names, (size_t)length);
	for (int i = 0; i < length; i++)
		if (list[i] == ',')
			list[i] = '\0';
	bytes("depends", list, length);
}

static void vm(const char *name, const char *names)
{
	next_vm(name);
	u32_is("memory", MIB(4));
	string("kernel", "code");
	if (names)
		depends(names);
}

static void start_with(const char *names)
{
	start();
	usual();
	if (names)
		depends(names);
}

static const struct bundle_vm *find(const char *name)
{
	for (unsigned i = 0; i < bundle.vm_count; i++)
		if (strcmp(bundle.vms[i].name, name) == 0)
			return &bundle.vms[i];
	return NULL;
}

static void assert_depends(const char *name, unsigned index, const char *other)
{
	const struct bundle_vm *self = find(name);

	assert_non_null(self);
	assert_true(index < self->depends_count);
	assert_true(self->depends[index] < bundle.vm_count);
	assert_string_equal(bundle.vms[self->depends[index]].name, other);
}

/* ------------------------------------------------------------------------------------------------
 * Good ones, and mistakes of one VM.
 */

static void test_a_vm_may_depend_on_earlier_and_later_ones(void **state)
{
	(void)state;
	start_with("b,other");
	vm("a", NULL);
	vm("b", "a");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(messages.count, 0);
	assert_int_equal(bundle.vm_count, 4);
	assert_int_equal(find("linux")->depends_count, 2);
	assert_depends("linux", 0, "b");
	assert_depends("linux", 1, "other");
	assert_depends("b", 0, "a");
	assert_int_equal(find("a")->depends_count, 0);
}

static void test_indexes_are_those_of_the_vms_that_stay(void **state)
{
	(void)state;
	start();
	usual_but("memory");
	vm("a", "z");
	next_vm("bad");
	vm("z", "other");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 3);
	assert_string_equal(bundle.vms[0].name, "a");
	assert_depends("a", 0, "z");
	assert_depends("z", 0, "other");
}

static void test_an_unknown_vm(void **state)
{
	(void)state;
	start_with("othre");
	assert_refused("bundle: /vms/linux: depends = \"othre\": there is no VM of that name, the "
		       "nearest is \"other\"");
	start_with("");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 1);
	start_with("other,");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 1);
}

static void test_itself_and_twice(void **state)
{
	(void)state;
	start_with("linux");
	assert_refused("bundle: /vms/linux: depends = \"linux\": that is the VM itself");
	start_with("other,other");
	assert_refused("bundle: /vms/linux: depends = \"other\" is given twice");
}

static void test_eight_others_are_the_most(void **state)
{
	(void)state;
	for (unsigned count = 8; count <= 9; count++) {
		static const char names[] = "a,b,c,d,e,f,g,h,i";
		char list[sizeof(names)];

		strcpy(list, names);
		list[2 * count - 1] = '\0';
		start_with(list);
		for (char name[2] = "a"; name[0] <= 'i'; name[0]++)
			vm(name, NULL);
		assert_int_equal(parse(), STATUS_OK);
		if (count == 8) {
			assert_int_equal(messages.count, 0);
			assert_int_equal(find("linux")->depends_count, 8);
			assert_depends("linux", 7, "h");
		} else {
			assert_reported_only(BUNDLE_ERROR, "bundle: /vms/linux: depends names more "
							   "than 8 VMs");
			assert_null(find("linux"));
		}
	}
}

static void test_lists_of_the_wrong_form(void **state)
{
	static const char line[] =
		"bundle: /vms/linux: depends is no string: it has no NUL at its end";

	(void)state;
	start();
	usual();
	flag("depends");
	assert_refused(line);
	start();
	usual();
	bytes("depends", "other", 5);
	assert_refused(line);
	start();
	usual();
	bytes("depends", "other\0x", 7);
	assert_refused(line);
}

/* ------------------------------------------------------------------------------------------------
 * VMs that are left out.
 */

static void test_who_needs_a_vm_with_errors_is_left_out_too(void **state)
{
	(void)state;
	start_with("a");
	vm("a", "b");
	vm("b", "bad");
	next_vm("bad");
	u32_is("memory", 5);
	string("kernel", "code");
	vm("fine", "other");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(messages.count, 4);
	assert_true(was_reported("bundle: /vms/bad: memory = 0x5 is no multiple of 4096"));
	assert_true(was_reported("bundle: /vms/b: depends = \"bad\": that VM is left out"));
	assert_true(was_reported("bundle: /vms/a: depends = \"b\": that VM is left out"));
	assert_true(was_reported("bundle: /vms/linux: depends = \"a\": that VM is left out"));
	assert_int_equal(bundle.vm_count, 2);
	assert_depends("fine", 0, "other");
}

static void test_who_needs_a_vm_without_harts_is_left_out_too(void **state)
{
	struct fake_options machine = fake_defaults();

	(void)state;
	start();
	machine.hart_count = 3;
	fake_start_with_pages(&machine);
	usual();
	flag("dedicated");
	bytes("harts", "\0\0\0\3\0\0\0\5", 8);
	vm("a", "c");
	next_vm("b");
	usual();
	flag("dedicated");
	bytes("harts", "\0\0\0\3\0\0\0\5", 8);
	depends("linux");
	vm("c", "b");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(messages.count, 3);
	assert_true(was_reported(
		"bundle: /vms/b: harts: hart 3 is dedicated to the VM \"linux\" already"));
	assert_true(was_reported("bundle: /vms/c: depends = \"b\": that VM is left out"));
	assert_true(was_reported("bundle: /vms/a: depends = \"c\": that VM is left out"));
	assert_int_equal(bundle.vm_count, 2);
	assert_string_equal(bundle.vms[0].name, "linux");
	assert_string_equal(bundle.vms[1].name, "other");
}

static void test_circles(void **state)
{
	(void)state;
	start_with("a");
	vm("a", "linux");
	vm("c", "a");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(messages.count, 2);
	assert_true(
		was_reported("bundle: /vms/linux: depends goes in a circle: linux -> a -> linux"));
	assert_true(was_reported("bundle: /vms/c: depends = \"a\": that VM is left out"));
	assert_int_equal(bundle.vm_count, 1);

	/* Who leads to a circle is not on it. */
	start_with("other,a");
	vm("a", "b");
	vm("b", "c");
	vm("c", "other,a");
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(messages.count, 2);
	assert_true(was_reported("bundle: /vms/a: depends goes in a circle: a -> b -> c -> a"));
	assert_true(was_reported("bundle: /vms/linux: depends = \"a\": that VM is left out"));
	assert_int_equal(bundle.vm_count, 1);
	assert_string_equal(bundle.vms[0].name, "other");
}

static void test_a_long_circle_fits_a_line(void **state)
{
	(void)state;
	for (unsigned length = 2; length <= 40; length++) {
		char name[32], next[32];

		start();
		usual();
		for (unsigned i = 0; i < length; i++) {
			snprintf(name, sizeof(name), "a-circle-with-quite-long-name%u", i);
			snprintf(next, sizeof(next), "a-circle-with-quite-long-name%u",
				 (i + 1) % length);
			vm(name, next);
		}
		assert_int_equal(parse(), STATUS_OK);
		assert_int_equal(messages.count, 1);
		assert_int_equal(bundle.vm_count, 2);
		assert_non_null(strstr(messages.line[0], "a-circle-with-quite-long-name0 -> "));
		assert_string_equal(messages.line[0] + strlen(messages.line[0]) - 4, "ame0");
		assert_int_equal(length > 4, strstr(messages.line[0], " -> ... a-") != NULL);
	}
}

/* ------------------------------------------------------------------------------------------------
 * Random graphs.
 */

#define NODE_COUNT 12

/* Who stays: the VMs of the greatest set without a circle in which each has what it needs. Found by
 * adding whoever has all that it needs, until there is none. */
static u64 model(const u64 needs[NODE_COUNT], u64 broken)
{
	u64 stays = 0, before;

	do {
		before = stays;
		for (unsigned i = 0; i < NODE_COUNT; i++)
			if (!(broken & BIT(i)) && (needs[i] & ~stays) == 0)
				stays |= BIT(i);
	} while (stays != before);
	return stays;
}

static void make_random(u64 needs[NODE_COUNT], u64 *broken)
{
	unsigned density = 1 + (unsigned)rand() % 20;

	*broken = 0;
	start();
	usual();
	for (unsigned i = 0; i < NODE_COUNT; i++) {
		char name[8], list[64] = "";
		unsigned count = 0;

		needs[i] = 0;
		for (unsigned j = 0; j < NODE_COUNT && count < GUEST_DEPENDS_MAX; j++) {
			if (j == i || (unsigned)rand() % 100 >= density)
				continue;
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%sv%u",
				 count++ ? "," : "", j);
			needs[i] |= BIT(j);
		}
		snprintf(name, sizeof(name), "v%u", i);
		vm(name, count ? list : NULL);
		if (rand() % 20 == 0) {
			u32_is("shares", 0);
			*broken |= BIT(i);
		}
	}
}

static void test_random_graphs_agree_with_a_model(void **state)
{
	unsigned outcomes[NODE_COUNT + 1] = {0};

	(void)state;
	srand(1967);
	for (unsigned round = 0; round < 2000; round++) {
		u64 needs[NODE_COUNT], broken, stays;

		make_random(needs, &broken);
		assert_int_equal(parse(), STATUS_OK);
		stays = model(needs, broken);
		outcomes[__builtin_popcountll(stays)]++;
		for (unsigned i = 0; i < NODE_COUNT; i++) {
			const struct bundle_vm *self;
			char name[8];

			snprintf(name, sizeof(name), "v%u", i);
			self = find(name);
			assert_int_equal(self != NULL, (stays >> i) & 1);
			if (self)
				assert_int_equal(self->depends_count,
						 __builtin_popcountll(needs[i]));
		}
		/* Each that is left out has its reason, or is on a circle. */
		assert_true(messages.count <= NODE_COUNT);
		assert_int_equal(stays == BIT(NODE_COUNT) - 1, messages.count == 0);
	}
	assert_true(outcomes[NODE_COUNT] > 20);
	assert_true(outcomes[NODE_COUNT / 2] > 20);
}

#define TEST(name) cmocka_unit_test_teardown(name, stop_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_vm_may_depend_on_earlier_and_later_ones),
		TEST(test_indexes_are_those_of_the_vms_that_stay),
		TEST(test_an_unknown_vm),
		TEST(test_itself_and_twice),
		TEST(test_eight_others_are_the_most),
		TEST(test_lists_of_the_wrong_form),
		TEST(test_who_needs_a_vm_with_errors_is_left_out_too),
		TEST(test_who_needs_a_vm_without_harts_is_left_out_too),
		TEST(test_circles),
		TEST(test_a_long_circle_fits_a_line),
		TEST(test_random_graphs_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
