/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus: whatever address and width a guest comes up with, a device sees only aligned accesses
 * that lie wholly inside it. By induction over the devices: bus_add() keeps what any_bus() assumes,
 * and every lookup finds right in any bus of which that is true, with up to 16 devices.
 */
#include "tests/proof/proof.h"

#include "hyp/dev/device.c"

static struct device devices[BUS_DEVICE_MAX];
static const struct device *seen;
static u64 seen_offset, seen_value;
static unsigned seen_width;

static bool device_read(struct device *device, u64 offset, unsigned width, u64 *value)
{
	seen = device, seen_offset = offset, seen_width = width;
	*value = nondet_u64();
	return nondet_bool();
}

static bool device_write(struct device *device, u64 offset, unsigned width, u64 value)
{
	seen = device, seen_offset = offset, seen_width = width, seen_value = value;
	return nondet_bool();
}

/* What bus_add() requires of a device. */
static bool is_sound(const struct device *device)
{
	u64 base = device->base.value, size = device->size;

	return (base | size) % 8 == 0 && size != 0 && base + (size - 1) >= base;
}

static struct bus any_bus(void)
{
	static const struct device_ops ops = {.read = device_read, .write = device_write};
	struct bus bus = {.count = nondet_size()};

	ASSUME(bus.count <= BUS_DEVICE_MAX);
	for (size_t i = 0; i < BUS_DEVICE_MAX; i++) {
		devices[i] = (struct device){&ops, gpa(nondet_u64()), nondet_u64()};
		ASSUME(is_sound(&devices[i]));
		bus.devices[i] = i < bus.count ? &devices[i] : NULL;
	}
	return bus;
}

static void prove_access(u64 address, unsigned width)
{
	PROVE(width == 1 || width == 2 || width == 4 || width == 8);
	PROVE(seen_width == width && address % width == 0);
	PROVE(seen_offset % width == 0);
	PROVE(seen_offset < seen->size && width <= seen->size - seen_offset);
	PROVE(seen->base.value + seen_offset == address);
}

/* cbmc: --unwind 17 */
void prove_device_sees_only_aligned_reads_inside_it(void)
{
	struct bus bus = any_bus();
	u64 address = nondet_u64(), value;
	unsigned width = nondet_unsigned();
	bool taken = bus_read(&bus, gpa(address), width, &value);

	PROVE(!taken || seen);
	if (seen)
		prove_access(address, width);
	REACH(seen == &devices[15] && width == 8);
	REACH(!seen && width == 3);
}

/* cbmc: --unwind 17 */
void prove_device_sees_only_aligned_writes_inside_it(void)
{
	struct bus bus = any_bus();
	u64 address = nondet_u64(), value = nondet_u64();
	unsigned width = nondet_unsigned();

	bus_write(&bus, gpa(address), width, value);
	if (!seen)
		return;
	prove_access(address, width);
	PROVE(width == 8 ? seen_value == value : seen_value == (value & ((1ULL << 8 * width) - 1)));
	REACH(seen == &devices[15] && width == 1);
}

/* An address that a device has is found, also when it is the last in the bus.
 *
 * cbmc: --unwind 17 */
void prove_address_inside_a_device_finds_one(void)
{
	struct bus bus = any_bus();
	u64 address = nondet_u64(), value;
	size_t i = nondet_size();

	ASSUME(i < bus.count && address >= devices[i].base.value &&
	       address - devices[i].base.value < devices[i].size);
	bus_read(&bus, gpa(address), 1, &value);
	PROVE(seen);
	REACH(i == 15);
}

/* cbmc: --unwind 17 */
void prove_device_added_is_sound_and_overlaps_none(void)
{
	struct bus bus = any_bus();
	struct device device = {.base = gpa(nondet_u64()), .size = nondet_u64()};
	size_t count = bus.count, i = nondet_size();

	if (bus_add(&bus, &device) != STATUS_OK)
		return;
	PROVE(is_sound(&device));
	PROVE(count < BUS_DEVICE_MAX && bus.count == count + 1 && bus.devices[count] == &device);
	ASSUME(i < count);
	PROVE(devices[i].base.value + (devices[i].size - 1) < device.base.value ||
	      device.base.value + (device.size - 1) < devices[i].base.value);
	REACH(count == 15);
}
