/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus: what a guest's access must be before a device sees it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/dev/device.h"

struct probe {
	struct device device;
	unsigned reads, writes;
	u64 offset, value;
	unsigned width;
	bool refuse;
};

static bool probe_read(struct device *device, u64 offset, unsigned width, u64 *value)
{
	struct probe *probe = container_of(device, struct probe, device);

	probe->reads++;
	probe->offset = offset;
	probe->width = width;
	*value = probe->value;
	return !probe->refuse;
}

static bool probe_write(struct device *device, u64 offset, unsigned width, u64 value)
{
	struct probe *probe = container_of(device, struct probe, device);

	probe->writes++;
	probe->offset = offset;
	probe->width = width;
	probe->value = value;
	return !probe->refuse;
}

static const struct device_ops probe_ops = {.read = probe_read, .write = probe_write};

static struct probe probe_at(u64 base, u64 size)
{
	return (struct probe){.device = {.ops = &probe_ops, .base = gpa(base), .size = size}};
}

static enum status add(struct bus *bus, u64 base, u64 size)
{
	static struct probe probes[64];
	static unsigned next;
	struct probe *probe = &probes[next++ % ARRAY_SIZE(probes)];

	*probe = probe_at(base, size);
	return bus_add(bus, &probe->device);
}

static void an_access_reaches_the_device_at_its_address(void **state)
{
	struct bus bus = {0};
	struct probe low = probe_at(0x1000, 0x100), high = probe_at(0x1100, 0x1000);
	u64 value = 0;

	(void)state;
	assert_int_equal(bus_add(&bus, &low.device), STATUS_OK);
	assert_int_equal(bus_add(&bus, &high.device), STATUS_OK);

	high.value = 0x1122334455667788;
	assert_true(bus_read(&bus, gpa(0x1108), 8, &value));
	assert_int_equal(value, 0x1122334455667788);
	assert_int_equal(high.offset, 8);
	assert_int_equal(high.width, 8);

	assert_true(bus_write(&bus, gpa(0x10ff), 1, 0x5a));
	assert_int_equal(low.offset, 0xff);
	assert_int_equal(low.width, 1);
	assert_int_equal(low.value, 0x5a);
	assert_int_equal(low.reads, 0);
	assert_int_equal(high.writes, 0);
}

static void nothing_there_is_refused(void **state)
{
	struct bus bus = {0};
	struct probe probe = probe_at(0x10000000, 0x100);
	static const u64 elsewhere[] = {0,	    0x0fffffff8,    0x0ffffff8,
					0x10000100, UINT64_MAX - 7, 0x8000000010000000};
	u64 value;

	(void)state;
	assert_false(bus_read(&bus, gpa(0), 4, &value));
	assert_int_equal(bus_add(&bus, &probe.device), STATUS_OK);
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
		assert_false(bus_read(&bus, gpa(elsewhere[i]), 8, &value));
		assert_false(bus_write(&bus, gpa(elsewhere[i]), 8, 0));
		assert_false(bus_read(&bus, gpa(elsewhere[i]), 1, &value));
	}
	assert_int_equal(probe.reads + probe.writes, 0);
}

static void only_natural_alignment_and_width_reach_a_device(void **state)
{
	struct bus bus = {0};
	struct probe probe = probe_at(0x1000, 0x40);
	u64 value;

	(void)state;
	assert_int_equal(bus_add(&bus, &probe.device), STATUS_OK);
	for (unsigned width = 0; width <= 70; width++) {
		for (u64 address = 0xfc0; address < 0x1080; address++) {
			bool natural = width == 1 || (width == 2 && address % 2 == 0) ||
				       (width == 4 && address % 4 == 0) ||
				       (width == 8 && address % 8 == 0);
			bool inside = address >= 0x1000 && address < 0x1040;

			assert_true(bus_read(&bus, gpa(address), width, &value) ==
				    (natural && inside));
			assert_true(bus_write(&bus, gpa(address), width, 0) == (natural && inside));
		}
	}
	assert_false(bus_read(&bus, gpa(0x1000), UINT32_MAX, &value));
	assert_false(bus_read(&bus, gpa(0x1000), 0x80000000, &value));
	assert_false(bus_write(&bus, gpa(0x1000), 0x80000001, 0));
}

static void a_device_at_the_end_of_the_address_space_does_not_wrap(void **state)
{
	struct bus bus = {0};
	struct probe probe = probe_at(UINT64_MAX - 0xfff, 0x1000);
	u64 value;

	(void)state;
	assert_int_equal(bus_add(&bus, &probe.device), STATUS_OK);
	assert_true(bus_read(&bus, gpa(UINT64_MAX), 1, &value));
	assert_int_equal(probe.offset, 0xfff);
	assert_true(bus_read(&bus, gpa(UINT64_MAX - 7), 8, &value));
	assert_false(bus_read(&bus, gpa(0), 8, &value));
	assert_false(bus_read(&bus, gpa(UINT64_MAX - 0x1000), 1, &value));
}

static void a_write_hands_over_no_more_than_its_width(void **state)
{
	struct bus bus = {0};
	struct probe probe = probe_at(0, 8);

	(void)state;
	assert_int_equal(bus_add(&bus, &probe.device), STATUS_OK);
	assert_true(bus_write(&bus, gpa(0), 1, UINT64_MAX));
	assert_int_equal(probe.value, 0xff);
	assert_true(bus_write(&bus, gpa(0), 2, UINT64_MAX));
	assert_int_equal(probe.value, 0xffff);
	assert_true(bus_write(&bus, gpa(0), 4, UINT64_MAX));
	assert_int_equal(probe.value, 0xffffffff);
	assert_true(bus_write(&bus, gpa(0), 8, UINT64_MAX));
	assert_int_equal(probe.value, UINT64_MAX);
}

static void what_the_device_refuses_is_refused(void **state)
{
	struct bus bus = {0};
	struct probe probe = probe_at(0x1000, 0x1000);
	u64 value;

	(void)state;
	probe.refuse = true;
	assert_int_equal(bus_add(&bus, &probe.device), STATUS_OK);
	assert_false(bus_read(&bus, gpa(0x1000), 4, &value));
	assert_false(bus_write(&bus, gpa(0x1000), 4, 0));
	assert_int_equal(probe.reads, 1);
	assert_int_equal(probe.writes, 1);
}

static void devices_may_touch_but_not_overlap(void **state)
{
	struct bus bus = {0};

	(void)state;
	assert_int_equal(add(&bus, 0x2000, 0x1000), STATUS_OK);
	assert_int_equal(add(&bus, 0x2000, 0x1000), STATUS_EXISTS);
	assert_int_equal(add(&bus, 0x1ff8, 0x10), STATUS_EXISTS);
	assert_int_equal(add(&bus, 0x2ff8, 8), STATUS_EXISTS);
	assert_int_equal(add(&bus, 0, 0x10000), STATUS_EXISTS);
	assert_int_equal(add(&bus, 0x2800, 8), STATUS_EXISTS);
	assert_int_equal(add(&bus, 0x1000, 0x1000), STATUS_OK);
	assert_int_equal(add(&bus, 0x3000, 0x1000), STATUS_OK);
	assert_int_equal(add(&bus, UINT64_MAX - 7, 8), STATUS_OK);
	assert_int_equal(add(&bus, UINT64_MAX - 15, 16), STATUS_EXISTS);
	assert_int_equal(bus.count, 4);
}

static void a_range_that_is_none_is_invalid(void **state)
{
	struct bus bus = {0};

	(void)state;
	assert_int_equal(add(&bus, 0x1000, 0), STATUS_INVALID);
	assert_int_equal(add(&bus, 0, 0), STATUS_INVALID);
	assert_int_equal(add(&bus, UINT64_MAX - 7, 16), STATUS_INVALID);
	assert_int_equal(add(&bus, 8, UINT64_MAX - 7), STATUS_OK);
	bus.count = 0;
	assert_int_equal(add(&bus, 16, UINT64_MAX - 7), STATUS_INVALID);
	assert_int_equal(add(&bus, 0x1004, 8), STATUS_INVALID);
	assert_int_equal(add(&bus, 0x1000, 12), STATUS_INVALID);
	assert_int_equal(bus.count, 0);
}

static void a_full_bus_takes_no_more(void **state)
{
	struct bus bus = {0};
	u64 value;

	(void)state;
	for (u64 i = 0; i < BUS_DEVICE_MAX; i++)
		assert_int_equal(add(&bus, i * 0x1000, 0x1000), STATUS_OK);
	assert_int_equal(add(&bus, BUS_DEVICE_MAX * 0x1000, 0x1000), STATUS_NO_MEMORY);
	assert_int_equal(add(&bus, 0, 0x1000), STATUS_EXISTS);
	for (u64 i = 0; i < BUS_DEVICE_MAX; i++)
		assert_true(bus_read(&bus, gpa(i * 0x1000), 4, &value));
	assert_false(bus_read(&bus, gpa(BUS_DEVICE_MAX * 0x1000), 4, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_access_reaches_the_device_at_its_address),
		cmocka_unit_test(nothing_there_is_refused),
		cmocka_unit_test(only_natural_alignment_and_width_reach_a_device),
		cmocka_unit_test(a_device_at_the_end_of_the_address_space_does_not_wrap),
		cmocka_unit_test(a_write_hands_over_no_more_than_its_width),
		cmocka_unit_test(what_the_device_refuses_is_refused),
		cmocka_unit_test(devices_may_touch_but_not_overlap),
		cmocka_unit_test(a_range_that_is_none_is_invalid),
		cmocka_unit_test(a_full_bus_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
