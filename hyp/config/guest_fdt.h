/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree that a guest is handed: either made from what the VM has, laid out and named as
 * on QEMU's virt machine, or one that the bundle brings, with /chosen completed. Works in buffers
 * of the caller, holds no state, takes no locks.
 */
#pragma once

#include "hyp/hw.h"
#include "hyp/status.h"
#include "hyp/types.h"
#include "hyp/vm/guest.h"

#define GUEST_FDT_CPU_MAX      32
#define GUEST_FDT_BOOTARGS_MAX 4096 /* bytes with the final NUL */

/* No device tree of ours is larger than this, bytes; an order of pages that page_alloc() knows. */
#define GUEST_FDT_SIZE_MAX   KIB(128)
#define GUEST_FDT_PAGE_ORDER 5

/* For "interrupt-parent" and "interrupts-extended" of devices. */
#define GUEST_FDT_PHANDLE_PLIC 1

/* What the tree describes. */
struct guest_machine {
	gpa_t ram_base;
	u64 ram_size;	      /* bytes */
	unsigned cpu_count;   /* 1 to GUEST_FDT_CPU_MAX; hart ids are 0 to cpu_count - 1 */
	const char *bootargs; /* NULL: none */
	gpa_t ramdisk;
	u64 ramdisk_size;  /* bytes, 0: none */
	bool has_rng_seed; /* something unpredictable to begin with */
	u8 rng_seed[32];

	/* Adds nodes to the open /soc node by libfdt's sequential functions (fdt_begin_node() and
	 * so on). Returns 0 or libfdt's error. May be NULL. At most GUEST_FDT_DEVICES_SIZE bytes.
	 */
	int (*add_devices)(void *fdt, void *context);
	void *context;
};

#define GUEST_FDT_DEVICES_SIZE KIB(8)

/* An upper bound of what guest_fdt_build() needs, bytes, GUEST_FDT_SIZE_MAX at most. */
u64 guest_fdt_size(const struct hw_machine *host, unsigned cpu_count, const char *bootargs);

/* Makes the tree in buffer (8-byte aligned, size bytes). The ISA, timebase, MMU type and cache
 * block sizes are the host's. *length is the size of the finished tree. STATUS_INVALID: the machine
 * is outside the limits above, or the buffer is too small. */
enum status guest_fdt_build(const struct hw_machine *host, const struct guest_machine *machine,
			    void *buffer, u64 size, u64 *length) MUST_CHECK;

/* What guest_fdt_adopt() may add to a tree, bytes. */
u64 guest_fdt_adopt_room(const char *bootargs);

/* Copies a finished tree, which may be hostile, and completes its /chosen: bootargs where the
 * machine has them, linux,initrd-start and -end where it has a ramdisk. The rest of the tree stays
 * as its author wrote it. STATUS_INVALID: it is no valid tree, or is larger than the buffer. */
enum status guest_fdt_adopt(const void *tree, u64 tree_size, const struct guest_machine *machine,
			    void *buffer, u64 size, u64 *length) MUST_CHECK;
