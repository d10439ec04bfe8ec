/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device registers. Accesses of one hart to devices keep their order among themselves (I/O regions
 * of real machines are strongly ordered per channel), but against RAM only fences order them: a
 * write happens after all earlier stores to RAM, and what follows a read in program order sees RAM
 * as it is after the read (Unprivileged ISA, "FENCE"). QEMU executes in order and cannot show a
 * fence that is missing here.
 */
#pragma once

#include "hyp/types.h"

static inline u8 mmio_read8(u64 address)
{
	u8 value;

	__asm__ volatile("lbu %0, 0(%1)\n\tfence i, ir" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline u16 mmio_read16(u64 address)
{
	u16 value;

	__asm__ volatile("lhu %0, 0(%1)\n\tfence i, ir" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline u32 mmio_read32(u64 address)
{
	u32 value;

	__asm__ volatile("lw %0, 0(%1)\n\tfence i, ir" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write8(u64 address, u8 value)
{
	__asm__ volatile("fence w, o\n\tsb %0, 0(%1)" : : "r"(value), "r"(address) : "memory");
}

static inline void mmio_write16(u64 address, u16 value)
{
	__asm__ volatile("fence w, o\n\tsh %0, 0(%1)" : : "r"(value), "r"(address) : "memory");
}

static inline void mmio_write32(u64 address, u32 value)
{
	__asm__ volatile("fence w, o\n\tsw %0, 0(%1)" : : "r"(value), "r"(address) : "memory");
}

/* Before a store to RAM that tells others of what has been written. */
static inline void mmio_publish(void)
{
	__asm__ volatile("fence o, w" : : : "memory");
}

/* Between two devices: accesses to the first are done before those to the second begin. */
static inline void mmio_barrier(void)
{
	__asm__ volatile("fence io, io" : : : "memory");
}
