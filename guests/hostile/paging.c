/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables with everything wrong that can be: loops, holes, superpages out of line, tables in
 * devices, beyond RAM and in its last page, reserved bits, A and D clear; and all of it changed by
 * others while it is in use. Entry 2 of the root, which maps RAM one-to-one, is spared: without it
 * there is no trap vector. It belongs to the arena like the rest, so that wild stores may get it.
 */
#include "hostile.h"
#include "sbi.h"

#define SATP_MODE_SHIFT 60
#define SATP_SV39	8ul
#define SATP_SV48	9ul
#define SATP_ASID_SHIFT 44

/* Root entries of the code of the worker and of the free part of the address space. */
#define CODE_ENTRY  3
#define FIRST_ENTRY 4

/* tables[0] is the root, [1] and [2] lead to the code's page, the last is the root's root in Sv48,
 * the others are what they are. */
enum { ROOT, CODE_UPPER, CODE_LOWER, FIRST_FREE };
#define TOP (TABLE_COUNT - 1)

void paging_rescue(struct worker *worker)
{
	struct arena *arena = arena_of(worker);

	arena->tables[ROOT][2] = PTE_OF(RAM_BASE, PTE_RWX);
	arena->tables[TOP][0] = PTE_OF((u64)arena->tables[ROOT], PTE_V);
}

static void map_code(struct worker *worker, u64 flags)
{
	struct arena *arena = arena_of(worker);

	arena->tables[ROOT][CODE_ENTRY] = PTE_OF((u64)arena->tables[CODE_UPPER], PTE_V);
	arena->tables[CODE_UPPER][0] = PTE_OF((u64)arena->tables[CODE_LOWER], PTE_V);
	arena->tables[CODE_LOWER][0] = PTE_OF((u64)arena->code, flags);
	arena->tables[CODE_LOWER][1] = PTE_OF((u64)arena->scratch, flags);
}

static u64 satp_of(struct worker *worker)
{
	struct arena *arena = arena_of(worker);
	u64 asid = random_below(worker, 4) << SATP_ASID_SHIFT;

	if (random_one_in(worker, 3))
		return SATP_SV48 << SATP_MODE_SHIFT | asid | (u64)arena->tables[TOP] >> 12;
	return SATP_SV39 << SATP_MODE_SHIFT | asid | (u64)arena->tables[ROOT] >> 12;
}

u64 paging_plain(struct worker *worker)
{
	struct arena *arena = arena_of(worker);

	memset(arena->tables[ROOT], 0, PAGE_SIZE);
	memset(arena->tables[TOP], 0, PAGE_SIZE);
	paging_rescue(worker);
	map_code(worker, PTE_RWX | PTE_U);
	arena->tables[ROOT][0] = PTE_OF(0ul, PTE_RW | (random_next(worker) & PTE_U));
	arena->tables[ROOT][FIRST_ENTRY] = PTE_OF(RAM_BASE, PTE_RWX | PTE_U);
	return satp_of(worker);
}

/* A physical page for an entry: one of our tables, more often than not. */
static u64 any_page(struct worker *worker)
{
	switch (random_below(worker, 8)) {
	case 0:
		return value_device(worker);
	case 1:
		return machine.ram_end - PAGE_SIZE;
	case 2:
		return value_any(worker) & (BIT(56) - 1);
	case 3:
		return value_free_ram(worker);
	case 4:
		return machine.ram_end + (random_below(worker, 3) << 12) - PAGE_SIZE;
	case 5:
		return (u64)arenas[random_below(worker, worker_count)]
			.tables[random_below(worker, TABLE_COUNT)];
	default:
		return (u64)arena_of(worker)->tables[random_below(worker, TABLE_COUNT)];
	}
}

static u64 any_entry(struct worker *worker)
{
	u64 flags;

	switch (random_below(worker, 8)) {
	case 0:
		return random_next(worker); /* reserved bits, PBMT, N */
	case 1:
		flags = random_below(worker, 1024);
		break;
	case 2 ... 4:
		flags = PTE_V; /* a table */
		break;
	case 5:
		flags = PTE_RWX | (random_next(worker) & (PTE_U | PTE_G | PTE_AD));
		break;
	default:
		flags = PTE_RWX | (random_next(worker) & PTE_U);
	}
	flags |= random_one_in(worker, 16) ? random_next(worker) & (7ul << 61) : 0;
	return PTE_OF(any_page(worker), flags);
}

static void fill(struct worker *worker)
{
	struct arena *arena = arena_of(worker);

	paging_plain(worker);
	for (unsigned int i = FIRST_ENTRY; i < 512; i += 1 + random_below(worker, 16))
		arena->tables[ROOT][i] = any_entry(worker);
	for (unsigned int table = FIRST_FREE; table < TOP; table++) {
		for (unsigned int i = random_below(worker, 8); i < 512;
		     i += 1 + random_below(worker, 32))
			arena->tables[table][i] = any_entry(worker);
	}
	for (unsigned int i = 0; i < 8; i++)
		arena->tables[TOP][1 + random_below(worker, 511)] = any_entry(worker);
}

/* Where the root has something. */
static u64 mapped_address(struct worker *worker)
{
	const struct arena *arena = arena_of(worker);
	u64 root = random_below(worker, 512);
	u64 va;

	for (unsigned int n = 0; n < 64 && !arena->tables[ROOT][root]; n++)
		root = (root + 1) % 512;
	va = root << 30 | random_below(worker, 32) << 21 | random_below(worker, 32) << 12 |
	     random_below(worker, PAGE_SIZE);
	if (random_one_in(worker, 8)) /* across the edge of a page */
		va |= 0xffc;
	return va & BIT(38) ? va | ~(BIT(39) - 1) : va;
}

static u64 address(struct worker *worker)
{
	return random_one_in(worker, 4) ? value_address(worker) : mapped_address(worker);
}

static void fence_for(struct worker *worker, const struct worker *victim)
{
	if (random_one_in(worker, 3))
		sbi_call5(SBI_RFNC, 1 + random_below(worker, 2), BIT(victim->hart_id), 0, 0, ~0ul,
			  random_below(worker, 4));
}

/* In somebody's tables while he may be using them; his code page comes and goes, too. */
static void disturb(struct worker *worker)
{
	const struct worker *victim = &workers[random_below(worker, worker_count)];
	struct arena *arena = arena_of(victim);

	for (u64 n = 20 + random_below(worker, 200); n && time_now() < worker->deadline; n--) {
		u64 *entry = &arena->tables[random_below(worker, TABLE_COUNT)]
					   [random_below(worker, 512)];
		bool vital = entry == &arena->tables[ROOT][2] || entry == &arena->tables[TOP][0];

		if (random_one_in(worker, 3))
			entry = &arena->tables[CODE_LOWER][0];
		if (!vital)
			*(volatile u64 *)entry = any_entry(worker);
		fence_for(worker, victim);
		if (entry == &arena->tables[CODE_LOWER][0])
			*(volatile u64 *)entry = PTE_OF((u64)arena->code, PTE_RWX | PTE_U);
		worker->done[KIND_PAGING]++;
	}
}

void attack_paging(struct worker *worker)
{
	bool by_alias = random_one_in(worker, 2);
	u64 satp;

	if (random_one_in(worker, 4)) {
		worker_interrupts(SIP_STIP);
		disturb(worker);
		return;
	}
	fill(worker);
	satp = satp_of(worker);
	code_fill(worker, 24, code_access);
	code_registers(worker, address);
	/* Now and then straight to where there may be no code at all. */
	if (random_one_in(worker, 8))
		worker->wild_x[1] = mapped_address(worker);
	worker->done[KIND_PAGING] += 24;
	worker_run_code(worker, by_alias ? PAGING_CODE_VA : (u64)arena_of(worker)->code, satp,
			by_alias && random_one_in(worker, 2), 64);
}
