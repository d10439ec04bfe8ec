/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus of a VM: owns the list of its devices and checks a guest's access before a device sees
 * it. No lock: the list does not change while the VM runs. The devices look after their own state.
 */
#include "hyp/dev/device.h"

enum status bus_add(struct bus *bus, struct device *device)
{
	u64 base = device->base.value;

	if (!is_aligned(base | device->size, 8) || device->size == 0 ||
	    device->size - 1 > UINT64_MAX - base)
		return STATUS_INVALID;

	u64 last = base + (device->size - 1);
	for (size_t i = 0; i < bus->count; i++) {
		const struct device *other = bus->devices[i];
		if (base <= other->base.value + (other->size - 1) && other->base.value <= last)
			return STATUS_EXISTS;
	}

	if (bus->count == BUS_DEVICE_MAX)
		return STATUS_NO_MEMORY;
	bus->devices[bus->count++] = device;
	return STATUS_OK;
}

/* An address below the base wraps to an offset that no size can exceed, since base + size does not
 * wrap. */
static u64 offset_in(const struct device *device, gpa_t address)
{
	return address.value - device->base.value;
}

static struct device *find_device(const struct bus *bus, gpa_t address)
{
	for (size_t i = 0; i < bus->count; i++) {
		struct device *device = bus->devices[i];
		if (offset_in(device, address) < device->size)
			return device;
	}
	return NULL;
}

static bool is_natural(gpa_t address, unsigned width)
{
	unsigned low_bits = width - 1;

	return low_bits < 8 && ((width | (u32)address.value) & low_bits) == 0;
}

/* To the guest, the access is I/O, and its fences order it as such ("i" and "o" of FENCE); to the
 * hart, it is our loads and stores to ordinary memory, of which those fences know nothing. A full
 * fence on either side keeps what the guest asked for: its own accesses before stay before, those
 * after stay after, also for a device that reads a register without taking its lock. */
static void order_as_io(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool bus_read(const struct bus *bus, gpa_t address, unsigned width, u64 *value)
{
	if (!is_natural(address, width))
		return false;

	struct device *device = find_device(bus, address);
	if (device == NULL)
		return false;
	u64 offset = offset_in(device, address);

	order_as_io();
	bool taken = device->ops->read(device, offset, width, value);
	order_as_io();
	return taken;
}

bool bus_write(const struct bus *bus, gpa_t address, unsigned width, u64 value)
{
	if (!is_natural(address, width))
		return false;

	struct device *device = find_device(bus, address);
	if (device == NULL)
		return false;
	u64 offset = offset_in(device, address);
	value &= UINT64_MAX >> (64 - 8 * width);

	order_as_io();
	bool taken = device->ops->write(device, offset, width, value);
	order_as_io();
	return taken;
}
