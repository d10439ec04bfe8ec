/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers near which things go wrong. Owns nothing. */
#include "hostile.h"

static const u64 device_edges[] = {
	PLIC_BASE,
	PLIC_PRIORITY(1),
	PLIC_PRIORITY(UART_IRQ),
	PLIC_PRIORITY(1023),
	PLIC_PENDING,
	PLIC_PENDING + 0x80,
	PLIC_ENABLE(0),
	PLIC_ENABLE(1),
	PLIC_ENABLE(3),
	PLIC_ENABLE(63),
	PLIC_ENABLE(64),
	PLIC_THRESHOLD(0),
	PLIC_THRESHOLD(1),
	PLIC_CLAIM(1),
	PLIC_CLAIM(3),
	PLIC_THRESHOLD(63),
	PLIC_THRESHOLD(64),
	PLIC_BASE + 0x1f2000,
	PLIC_BASE + 0x5ffff8,
	PLIC_BASE + 0x600000,
	PLIC_BASE + 0x3fffff8,
	PLIC_BASE + 0x4000000,
	UART_BASE,
	UART_BASE + UART_LSR,
	UART_BASE + 0x100,
	UART_BASE + 0xff8,
	UART_BASE + 0x1000,
	HOLE_BASE,
	0x100000,
	0x101000,
	0x2000000,
	0x200bff8,
	0x24000000,
	0x28000000,
	0x30000000,
	0x40000000,
	RAM_BASE,
};

static const u64 far_edges[] = {
	0,
	8,
	0x1000,
	0x3ffffffff8,
	0x4000000000,
	0x7ffffffff8,
	0x1fffffffff8,
	0x20000000000,
	0x7ffffffffff8,
	0x800000000000,
	0xfffffffffffff8,
	0x100000000000000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffff800000000000,
	0xffffffc000000000,
	0xfffffffffffff000,
	0xfffffffffffffff8,
	0xffffffffffffffff,
};

static u64 jitter(struct worker *worker)
{
	static const s64 offsets[] = {0, 0, 0, 1, 2, 3, 4, 6, 8, 12, -1, -2, -3, -4, -6, -8, 16};

	return (u64)random_pick(worker, offsets);
}

u64 value_device(struct worker *worker)
{
	u64 kind = random_below(worker, 8);

	if (kind == 0)
		return UART_BASE + random_below(worker, 16);
	if (kind == 1)
		return PLIC_BASE + (random_below(worker, 0x210000) & ~3ul);
	return random_pick(worker, device_edges) + jitter(worker);
}

u64 value_free_ram(struct worker *worker)
{
	return machine.free_start + random_below(worker, machine.ram_end - machine.free_start);
}

u64 value_ram_edge(struct worker *worker)
{
	const u64 edges[] = {machine.ram_start, machine.ram_end, machine.ram_end - PAGE_SIZE,
			     machine.ram_end - 64, (u64)arena_of(worker)->scratch + PAGE_SIZE};

	return random_pick(worker, edges) + jitter(worker);
}

u64 value_address(struct worker *worker)
{
	const struct arena *arena = arena_of(worker);

	switch (random_below(worker, 12)) {
	case 0 ... 3:
		return value_device(worker);
	case 4 ... 5:
		return value_ram_edge(worker);
	case 6:
		return random_pick(worker, far_edges) + jitter(worker);
	case 7 ... 8:
		return (u64)arena->scratch + random_below(worker, sizeof(arena->scratch));
	case 9:
		return (u64)arena->code + random_below(worker, CODE_SIZE);
	case 10:
		return value_free_ram(worker);
	default:
		/* The whole guest, its own vitals included. */
		if (!machine.tame && random_one_in(worker, 16))
			return RAM_BASE + random_below(worker, machine.ram_end - machine.ram_start);
		return (u64)arenas[random_below(worker, worker_count)].tables +
		       random_below(worker, sizeof(arena->tables));
	}
}

u64 value_any(struct worker *worker)
{
	switch (random_below(worker, 8)) {
	case 0:
		return random_next(worker);
	case 1:
		return random_below(worker, 16);
	case 2:
		return BIT(random_below(worker, 64)) - random_below(worker, 2);
	case 3:
		return ~random_below(worker, 16);
	case 4:
		return random_next(worker) >> random_below(worker, 64);
	default:
		return value_address(worker);
	}
}
