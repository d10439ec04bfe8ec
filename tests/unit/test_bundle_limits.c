/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's part of the harts and of its life, /console and /scheduler: what is read, what is refused,
 * and where exactly the border is.
 */
#include "tests/unit/make_bundle.h"

/* The fake machine's harts are called so; a tick is a tenth of a microsecond. */
#define HART(index)  (3 + 2 * (index))
#define TICKS_PER_US 10

static void start_on(unsigned hart_count)
{
	struct fake_options machine = fake_defaults();

	start();
	machine.hart_count = hart_count;
	fake_start_with_pages(&machine);
	assert_int_equal(hw_machine()->hart_id[hart_count - 1], HART(hart_count - 1));
}

static void cells(const char *name, const u32 *values, unsigned count)
{
	u8 data[4 * 100];

	assert_in_range(count, 0, 100);
	for (unsigned i = 0; i < count; i++)
		fdt32_st(data + 4 * (size_t)i, values[i]);
	bytes(name, data, 4 * (int)count);
}

#define CELLS(name, ...)                                             \
	do {                                                         \
		const u32 values_[] = {__VA_ARGS__};                 \
		cells(name, values_, (unsigned)ARRAY_SIZE(values_)); \
	} while (0)

static void assert_number_refused(const char *name, u32 value, const char *line)
{
	start();
	usual();
	u32_is(name, value);
	assert_refused(line);
}

static const struct sched_limits *limits_with(const char *name, u32 value)
{
	start();
	usual();
	u32_is(name, value);
	assert_accepted();
	assert_int_equal(messages.count, 0);
	return &bundle.vms[0].limits;
}

/* ------------------------------------------------------------------------------------------------
 * Words.
 */

static void test_autostart(void **state)
{
	(void)state;
	start();
	usual();
	string("autostart", "no");
	assert_accepted();
	assert_false(bundle.vms[0].autostart);
	assert_true(bundle.vms[1].autostart);
	start();
	usual();
	string("autostart", "yes");
	assert_accepted();
	assert_true(bundle.vms[0].autostart);
	start();
	usual();
	string("autostart", "maybe");
	assert_refused("bundle: /vms/linux: autostart = \"maybe\" is none of no, yes");
	start();
	usual();
	flag("autostart");
	assert_refused("bundle: /vms/linux: autostart is no string: it has no NUL at its end");
	start();
	usual();
	string("autostart", "");
	assert_refused("bundle: /vms/linux: autostart = \"\" is none of no, yes");
}

static void test_restart(void **state)
{
	static const char *const words[] = {"never", "on-failure", "always"};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		start();
		usual();
		string("restart", words[i]);
		assert_accepted();
		assert_int_equal(bundle.vms[0].restart, GUEST_RESTART_NEVER + i);
	}
	start();
	usual();
	string("restart", "on-fail");
	assert_refused(
		"bundle: /vms/linux: restart = \"on-fail\" is none of never, on-failure, always");
}

/* ------------------------------------------------------------------------------------------------
 * Shares and quota.
 */

static void test_shares(void **state)
{
	(void)state;
	assert_int_equal(limits_with("shares", 1)->shares, 1);
	assert_int_equal(limits_with("shares", 10000)->shares, 10000);
	assert_number_refused("shares", 0,
			      "bundle: /vms/linux: shares = 0 is not between 1 and 10000");
	assert_number_refused("shares", 10001,
			      "bundle: /vms/linux: shares = 10001 is not between 1 and 10000");
	start();
	usual();
	u64_is("shares", 100);
	assert_refused(
		"bundle: /vms/linux: shares has a value of 8 bytes, must be a number, one cell");
}

static void test_quota(void **state)
{
	(void)state;
	/* The VM has two cpus. */
	assert_int_equal(limits_with("quota", 0)->quota, 0);
	assert_int_equal(limits_with("quota", 1)->quota, 1);
	assert_int_equal(limits_with("quota", 200)->quota, 200);
	assert_number_refused("quota", 201,
			      "bundle: /vms/linux: quota = 201 is more than 200, 100 for each of "
			      "its cpus");
	assert_number_refused("quota", UINT32_MAX,
			      "bundle: /vms/linux: quota = 4294967295 is more than 200, 100 for "
			      "each of its cpus");
	/* In whatever order they are given. */
	start();
	u32_is("quota", 300);
	u32_is("cpus", 3);
	usual_but("cpus");
	assert_accepted();
}

/* ------------------------------------------------------------------------------------------------
 * Harts.
 */

static void test_harts_are_ids_and_become_indexes(void **state)
{
	u32 all[64];

	(void)state;
	start_on(4);
	usual();
	CELLS("harts", HART(3), HART(1));
	assert_accepted();
	assert_int_equal(messages.count, 0);
	assert_int_equal(bundle.vms[0].limits.harts, BIT(3) | BIT(1));
	assert_int_equal(bundle.vms[1].limits.harts, 0);

	for (unsigned i = 0; i < 64; i++)
		all[i] = HART(i);
	start_on(64);
	usual();
	cells("harts", all, 64);
	assert_accepted();
	assert_int_equal(bundle.vms[0].limits.harts, UINT64_MAX);
}

static void test_harts_that_are_not_there(void **state)
{
	u32 many[65] = {0};

	(void)state;
	start_on(2);
	usual();
	CELLS("harts", HART(0), 4);
	assert_refused("bundle: /vms/linux: harts: no hart in use has the id 4");
	start_on(2);
	usual();
	CELLS("harts", HART(2));
	assert_refused("bundle: /vms/linux: harts: no hart in use has the id 7");
	start_on(2);
	usual();
	CELLS("harts", UINT32_MAX);
	assert_refused("bundle: /vms/linux: harts: no hart in use has the id 4294967295");
	start_on(2);
	usual();
	CELLS("harts", HART(0), HART(1), HART(0));
	assert_refused("bundle: /vms/linux: harts: hart 3 is given twice");
	start_on(2);
	usual();
	cells("harts", many, 65);
	assert_refused("bundle: /vms/linux: harts has 65 ids, more than 64");
}

static void test_harts_of_the_wrong_form(void **state)
{
	(void)state;
	start();
	usual();
	flag("harts");
	assert_refused(
		"bundle: /vms/linux: harts has a value of 0 bytes, must be one or more cells");
	start();
	usual();
	bytes("harts", "abcdef", 6);
	assert_refused(
		"bundle: /vms/linux: harts has a value of 6 bytes, must be one or more cells");
}

static void test_dedicated_harts(void **state)
{
	(void)state;
	start_on(3);
	usual();
	flag("dedicated");
	CELLS("harts", HART(0), HART(2));
	assert_accepted();
	assert_int_equal(messages.count, 0);
	assert_true(bundle.vms[0].limits.dedicated);
	assert_int_equal(bundle.vms[0].limits.harts, BIT(0) | BIT(2));
	assert_false(bundle.vms[1].limits.dedicated);

	start_on(3);
	usual();
	flag("dedicated");
	assert_refused("bundle: /vms/linux: dedicated needs harts, which says what is dedicated");
	start_on(3);
	usual();
	flag("dedicated");
	CELLS("harts", HART(1));
	assert_refused("bundle: /vms/linux: dedicated: harts has fewer ids (1) than cpus says (2)");
	/* More than it has vCPUs is the operator's choice. */
	start_on(4);
	usual_but("cpus");
	flag("dedicated");
	CELLS("harts", HART(0), HART(1), HART(2));
	assert_accepted();
	/* A flag has no value. */
	start_on(4);
	usual();
	CELLS("harts", HART(0), HART(1), HART(2));
	u32_is("dedicated", 1);
	assert_refused("bundle: /vms/linux: dedicated has a value of 4 bytes, must be a flag "
		       "without a value");
}

static void test_a_hart_is_dedicated_once(void **state)
{
	(void)state;
	start_on(4);
	usual();
	flag("dedicated");
	CELLS("harts", HART(0), HART(1));
	next_vm("second");
	usual_but("cpus");
	flag("dedicated");
	CELLS("harts", HART(2), HART(1));
	next_vm("third");
	usual_but("cpus");
	flag("dedicated");
	CELLS("harts", HART(2));
	assert_int_equal(parse(), STATUS_OK);
	assert_reported_only(BUNDLE_ERROR, "bundle: /vms/second: harts: hart 5 is dedicated to the "
					   "VM \"linux\" already");
	/* The one that was refused has taken nothing. */
	assert_int_equal(bundle.vm_count, 3);
	assert_string_equal(bundle.vms[1].name, "third");
	assert_string_equal(bundle.vms[2].name, "other");
}

static void test_a_vm_without_harts_needs_one_that_is_not_dedicated(void **state)
{
	(void)state;
	start_on(2);
	usual();
	flag("dedicated");
	CELLS("harts", HART(0), HART(1));
	assert_int_equal(parse(), STATUS_OK);
	assert_reported_only(BUNDLE_ERROR, "bundle: /vms/other: no hart is left for it: each is "
					   "dedicated to another VM");
	assert_int_equal(bundle.vm_count, 1);
	assert_string_equal(bundle.vms[0].name, "linux");
	/* All 64, too: sets of harts have no bit to spare. */
	start_on(64);
	usual_but("cpus");
	flag("dedicated");
	for (u32 all[64], i = 0; i < 64; i++) {
		all[i] = HART(i);
		if (i == 63)
			cells("harts", all, 64);
	}
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 1);
}

static void test_a_vm_whose_harts_are_dedicated_to_others(void **state)
{
	(void)state;
	/* The one that is in error stands before the other. */
	start_on(4);
	usual();
	CELLS("harts", HART(1), HART(2));
	next_vm("realtime");
	usual();
	flag("dedicated");
	CELLS("harts", HART(2), HART(1));
	assert_int_equal(parse(), STATUS_OK);
	assert_reported_only(BUNDLE_ERROR,
			     "bundle: /vms/linux: harts: each of them is dedicated to another VM");
	assert_int_equal(bundle.vm_count, 2);
	assert_string_equal(bundle.vms[0].name, "realtime");

	start_on(4);
	usual();
	CELLS("harts", HART(0), HART(2));
	next_vm("realtime");
	usual();
	flag("dedicated");
	CELLS("harts", HART(2), HART(1));
	assert_int_equal(parse(), STATUS_OK);
	assert_reported_only(BUNDLE_WARNING, "bundle: /vms/linux: harts: hart 7 is not used, it is "
					     "dedicated to the VM \"realtime\"");
	assert_int_equal(bundle.vm_count, 3);
	assert_int_equal(bundle.vms[0].limits.harts, BIT(0));
}

static void test_harts_of_a_vm_with_errors_are_not_taken(void **state)
{
	(void)state;
	start_on(2);
	usual_but("memory");
	flag("dedicated");
	CELLS("harts", HART(0), HART(1));
	assert_refused("bundle: /vms/linux: memory is missing");
}

/* ------------------------------------------------------------------------------------------------
 * Real time.
 */

static void start_real_time(u32 budget, u32 period)
{
	start();
	usual();
	u32_is("rt-budget", budget);
	u32_is("rt-period", period);
}

static void test_real_time(void **state)
{
	static const u32 good[][2] = {
		{1, 100}, {100, 100}, {99, 100}, {10000000, 10000000}, {300, 1000}, {1, 10000000},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		start_real_time(good[i][0], good[i][1]);
		assert_accepted();
		assert_int_equal(messages.count, 0);
		assert_int_equal(bundle.vms[0].limits.rt_budget, good[i][0] * TICKS_PER_US);
		assert_int_equal(bundle.vms[0].limits.rt_period, good[i][1] * TICKS_PER_US);
	}
}

static void test_real_time_out_of_range(void **state)
{
	(void)state;
	start_real_time(0, 100);
	assert_int_equal(parse(), STATUS_OK);
	assert_true(
		was_reported("bundle: /vms/linux: rt-budget = 0 is not between 1 and 10000000"));
	assert_int_equal(bundle.vm_count, 1);
	start_real_time(1, 99);
	assert_refused("bundle: /vms/linux: rt-period = 99 is not between 100 and 10000000");
	start_real_time(1, 10000001);
	assert_refused("bundle: /vms/linux: rt-period = 10000001 is not between 100 and 10000000");
	start_real_time(10000001, 10000000);
	assert_refused("bundle: /vms/linux: rt-budget = 10000001 is not between 1 and 10000000");
	start_real_time(101, 100);
	assert_refused("bundle: /vms/linux: rt-budget = 101 is more than rt-period = 100");
}

static void test_real_time_by_halves(void **state)
{
	(void)state;
	assert_number_refused("rt-budget", 100,
			      "bundle: /vms/linux: rt-budget needs rt-period, how often there is "
			      "so much");
	assert_number_refused("rt-period", 100,
			      "bundle: /vms/linux: rt-period needs rt-budget, the time in each "
			      "period");
	start_real_time(100, 1000);
	u32_is("quota", 50);
	assert_refused("bundle: /vms/linux: quota does not go with rt-budget: a cap could withhold "
		       "the time that the budget promises");
}

static void parse_real_time_at(u64 timebase_hz, u32 budget, u32 period)
{
	start_real_time(budget, period);
	fake_machine()->timebase_hz = timebase_hz;
	assert_accepted();
}

static void test_times_are_ticks_whatever_the_timebase(void **state)
{
	const struct sched_limits *limits;

	(void)state;
	parse_real_time_at(1000000000, 10000000, 10000000);
	limits = &bundle.vms[0].limits;
	assert_int_equal(limits->rt_budget, 10000000000);
	/* Not a whole number of ticks in a microsecond. */
	parse_real_time_at(32768, 1000000, 10000000);
	limits = &bundle.vms[0].limits;
	assert_int_equal(limits->rt_budget, 32768);
	assert_int_equal(limits->rt_period, 327680);
	parse_real_time_at(3686400, 1000, 2000);
	limits = &bundle.vms[0].limits;
	assert_int_equal(limits->rt_budget, 3686);
	assert_int_equal(limits->rt_period, 7372);
	/* Less than a tick is one. */
	parse_real_time_at(1000, 1, 100);
	limits = &bundle.vms[0].limits;
	assert_int_equal(limits->rt_budget, 1);
	assert_int_equal(limits->rt_period, 1);
	/* No device tree should say so, but it can. */
	parse_real_time_at(UINT32_MAX, 10000000, 10000000);
	limits = &bundle.vms[0].limits;
	assert_int_equal(limits->rt_period, 42949672950);
}

static void parse_slice_at(u64 timebase_hz)
{
	u64 size;
	u8 *blob;

	begin_root();
	node("scheduler");
	u32_is("slice", 100000);
	end();
	blob = finish_root(&size);
	fake_machine()->timebase_hz = timebase_hz;
	assert_int_equal(parse_blob(blob, size), STATUS_NOT_FOUND);
}

static void test_times_do_not_wrap(void **state)
{
	(void)state;
	parse_slice_at(UINT64_MAX);
	assert_int_equal(bundle.slice, UINT64_MAX / 10);
	parse_slice_at(1000000000000);
	assert_int_equal(bundle.slice, 100000000000);
	parse_slice_at(0);
	assert_int_equal(bundle.slice, 1);
	parse_real_time_at(UINT64_MAX, 1, 10000000);
	assert_int_equal(bundle.vms[0].limits.rt_budget, UINT64_MAX / 1000000);
	assert_int_equal(bundle.vms[0].limits.rt_period, UINT64_MAX / 2);
}

/* ------------------------------------------------------------------------------------------------
 * The hypervisor's own.
 */

/* A bundle whose root has that node with that property, and a VM. */
static void parse_setting(const char *name, const char *property, u32 value)
{
	u64 size;
	u8 *blob;

	begin_root();
	begin_images();
	end();
	node(name);
	string("description", "ours");
	u32_is(property, value);
	end();
	node("vms");
	other_vm("linux");
	end();
	blob = finish_root(&size);
	assert_int_equal(parse_blob(blob, size), STATUS_OK);
	assert_int_equal(bundle.vm_count, 1);
}

static void test_the_escape_key(void **state)
{
	static const u32 keys[] = {0, 1, 0x1d, 31};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		parse_setting("console", "escape-key", keys[i]);
		assert_int_equal(messages.count, 0);
		assert_int_equal(bundle.escape_key, keys[i]);
	}
	parse_setting("console", "escape-key", 32);
	assert_reported_only(BUNDLE_ERROR, "bundle: /console: escape-key = 32 is no control "
					   "character, 1 to 31, nor 0");
	assert_int_equal(bundle.escape_key, 0x1d);
	parse_setting("console", "escape-key", UINT32_MAX);
	assert_int_equal(messages.count, 1);
	assert_int_equal(bundle.escape_key, 0x1d);
	parse_setting("console", "escape_key", 1);
	assert_reported_only(BUNDLE_WARNING, "bundle: /console: unknown property \"escape_key\" is "
					     "ignored; the nearest known name is \"escape-key\"");
	assert_int_equal(bundle.escape_key, 0x1d);
}

static void show(const char *word)
{
	u64 size;
	u8 *blob;

	begin_root();
	begin_images();
	end();
	node("console");
	string("show", word);
	end();
	node("vms");
	other_vm("linux");
	end();
	blob = finish_root(&size);
	assert_int_equal(parse_blob(blob, size), STATUS_OK);
}

static void test_what_the_console_shows_at_first(void **state)
{
	(void)state;
	show("all");
	assert_int_equal(messages.count, 0);
	assert_true(bundle.show_all);
	show("one");
	assert_int_equal(messages.count, 0);
	assert_false(bundle.show_all);
	show("none");
	assert_int_equal(messages.count, 1);
	assert_false(bundle.show_all);
}

static void test_the_slice(void **state)
{
	(void)state;
	parse_setting("scheduler", "slice", 1000);
	assert_int_equal(bundle.slice, 1000 * TICKS_PER_US);
	parse_setting("scheduler", "slice", 100000);
	assert_int_equal(bundle.slice, 100000 * TICKS_PER_US);
	assert_int_equal(messages.count, 0);
	parse_setting("scheduler", "slice", 999);
	assert_reported_only(BUNDLE_ERROR,
			     "bundle: /scheduler: slice = 999 is not between 1000 and 100000");
	assert_int_equal(bundle.slice, 0);
	parse_setting("scheduler", "slice", 100001);
	assert_int_equal(messages.count, 1);
	assert_int_equal(bundle.slice, 0);
	parse_setting("scheduler", "slices", 5);
	assert_reported_only(BUNDLE_WARNING, "bundle: /scheduler: unknown property \"slices\" is "
					     "ignored; the nearest known name is \"slice\"");
	parse_setting("schedule", "slice", 5);
	assert_reported_only(BUNDLE_WARNING, "bundle: /: unknown node \"schedule\" is ignored; the "
					     "nearest known name is \"scheduler\"");
	parse_setting("consoles", "escape-key", 5);
	assert_reported_only(BUNDLE_WARNING, "bundle: /: unknown node \"consoles\" is ignored; the "
					     "nearest known name is \"console\"");
}

#define TEST(name) cmocka_unit_test_teardown(name, stop_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_autostart),
		TEST(test_restart),
		TEST(test_shares),
		TEST(test_quota),
		TEST(test_harts_are_ids_and_become_indexes),
		TEST(test_harts_that_are_not_there),
		TEST(test_harts_of_the_wrong_form),
		TEST(test_dedicated_harts),
		TEST(test_a_hart_is_dedicated_once),
		TEST(test_a_vm_without_harts_needs_one_that_is_not_dedicated),
		TEST(test_a_vm_whose_harts_are_dedicated_to_others),
		TEST(test_harts_of_a_vm_with_errors_are_not_taken),
		TEST(test_real_time),
		TEST(test_real_time_out_of_range),
		TEST(test_real_time_by_halves),
		TEST(test_times_are_ticks_whatever_the_timebase),
		TEST(test_times_do_not_wrap),
		TEST(test_the_escape_key),
		TEST(test_what_the_console_shows_at_first),
		TEST(test_the_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
