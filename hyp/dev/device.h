/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every emulated device is to the rest: a range of guest-physical addresses with a read and a
 * write function. A VM's devices are found by address in its bus.
 */
#pragma once

#include "hyp/status.h"
#include "hyp/types.h"

struct device;

struct device_ops {
	/* One access of width 1, 2, 4 or 8 bytes, naturally aligned, wholly inside the device.
	 * offset counts from the device's base. False: the device takes no such access, and the
	 * guest gets an access fault. Values are zero-extended, little-endian. May be called on
	 * any hart; the device has a lock of its own. */
	bool (*read)(struct device *device, u64 offset, unsigned width, u64 *value);
	bool (*write)(struct device *device, u64 offset, unsigned width, u64 value);
};

struct device {
	const struct device_ops *ops;
	gpa_t base; /* base and size are multiples of 8, so that */
	u64 size;   /* an aligned access that begins inside ends there */
};

#define BUS_DEVICE_MAX 16

/* Zeroed, it is a bus without devices. Built before the VM runs and constant from then on: that is
 * why it has no lock. */
struct bus {
	struct device *devices[BUS_DEVICE_MAX];
	size_t count;
};

/* STATUS_EXISTS: overlaps a device that is there; STATUS_NO_MEMORY: the bus is full;
 * STATUS_INVALID: no size, not in multiples of 8, or beyond the address space. Before the VM runs
 * only. Devices are searched in the order in which they were added: the busiest first. */
enum status bus_add(struct bus *bus, struct device *device) MUST_CHECK;

/* Any address and width a guest can come up with. False: nothing there, misaligned, a width other
 * than 1, 2, 4 or 8, or the device refused: an access fault. Of value, a write uses the low width
 * bytes; a read gives them zero-extended. Calls into the device: the caller holds no lock that
 * ranks with or below LOCK_DEVICE. */
bool bus_read(const struct bus *bus, gpa_t address, unsigned width, u64 *value);
bool bus_write(const struct bus *bus, gpa_t address, unsigned width, u64 value);
