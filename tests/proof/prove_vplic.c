/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PLIC, whose sources count from 1: whatever offset a guest comes up with and whatever
 * it writes, no index leads beyond an array, and nothing that it can bring about makes a source
 * that does not exist pending, enabled or claimed.
 */
#include "tests/proof/proof.h"

#include "hyp/dev/vplic.c"

void lock_init(struct lock *lock, enum lock_rank rank)
{
	*lock = (struct lock)LOCK_INIT(rank);
}

void lock_acquire(struct lock *lock)
{
	PROVE(lock->serving == 0);
	lock->serving = 1;
}

void lock_release(struct lock *lock)
{
	PROVE(lock->serving == 1);
	lock->serving = 0;
}

static struct vplic plic;

static void set_external(void *owner, unsigned hart, bool level)
{
	(void)level;
	PROVE(owner == &plic && hart < plic.hart_count);
}

/* ---- Numbers ---- */

void prove_word_has_a_bit_for_each_source_that_exists(void)
{
	unsigned source = nondet_unsigned();

	ASSUME(source / 32 < VPLIC_WORDS);
	bool exists = source >= 1 && source <= VPLIC_SOURCE_COUNT;

	PROVE(source_exists(source) == exists);
	PROVE(((word_sources(source / 32) & source_bit(source)) != 0) == exists);
	REACH(exists && source == 95);
	REACH(!exists);
}

void prove_number_of_a_source_exists_up_to_the_last(void)
{
	u64 source = nondet_u64();

	PROVE(source_exists(source) == (source >= 1 && source <= VPLIC_SOURCE_COUNT));
	REACH(source_exists(source) && source == 95);
}

/* cbmc: --unwind 6 */
void prove_lowest_source_is_set_and_none_below_it_is(void)
{
	u32 bits = nondet_u32();

	ASSUME(bits != 0);
	unsigned bit = lowest_source(bits);

	PROVE(bit < 32 && (bits >> bit & 1) && (bits & ((1u << bit) - 1)) == 0);
	REACH(bit == 31);
}

void prove_context_and_word_are_of_this_vm_or_none(void)
{
	u64 index = nondet_u64(), number = nondet_u64();

	plic.hart_count = nondet_u8();
	ASSUME(plic.hart_count >= 1 && plic.hart_count <= VPLIC_HART_MAX);
	const struct vplic_context *context = context_at(&plic, index);
	const u32 *word = word_at(plic.pending, number);

	PROVE((context != NULL) == (index % 2 == 1 && index / 2 < plic.hart_count));
	PROVE(context == NULL || context == &plic.contexts[index / 2]);
	PROVE((word != NULL) == (number < VPLIC_WORDS));
	PROVE(word == NULL || word == &plic.pending[number]);
	REACH(context == &plic.contexts[VPLIC_HART_MAX - 1]);
	REACH(word == &plic.pending[VPLIC_WORDS - 1]);
}

/* ---- Registers ---- */

/* In any state that is_sound(), with that many harts at most. The harts of a VM are alike: what
 * an index of a context may be is proved above for all of them. */
static void begin(unsigned hart_max)
{
	struct vplic any;

	plic = any;
	plic.hart_count = nondet_u8();
	plic.lock.serving = 0;
	plic.set_external = set_external;
	plic.owner = &plic;
	ASSUME(plic.hart_count >= 1 && plic.hart_count <= hart_max);
}

/* No bit of a source that does not exist, no threshold beyond the highest priority. */
static bool is_sound(void)
{
	bool sound = true;

	for (unsigned word = 0; word < VPLIC_WORDS; word++) {
		u32 none = ~word_sources(word);

		sound &= ((plic.pending[word] | plic.forwarded[word] | plic.level[word]) & none) ==
			 0;
		sound &= (plic.contexts[0].enable[word] & none) == 0;
	}
	return sound && plic.contexts[0].threshold <= VPLIC_PRIORITY_MAX;
}

/* No more than two sources of a word are pending or will be at once: a third would be looked at as
 * the second is. */
static bool has_few_requests(void)
{
	bool few = true;

	for (unsigned word = 0; word < VPLIC_WORDS; word++) {
		u32 rest = plic.pending[word] | plic.level[word];

		rest &= rest - 1;
		few &= (rest & (rest - 1)) == 0;
	}
	return few;
}

/* All but the claim.
 *
 * cbmc: --unwind 4 */
void prove_plain_registers_are_read_inside_the_arrays(void)
{
	u64 offset = nondet_u64(), value;
	unsigned width = nondet_unsigned();

	begin(1);
	ASSUME(offset < VPLIC_SIZE && (width != 4 || offset % 4 == 0));
	ASSUME(offset < CONTEXT_BASE || offset % CONTEXT_STRIDE != REGISTER_CLAIM);
	bool taken = vplic_read(&plic.device, offset, width, &value);

	PROVE(taken == (width == 4));
	PROVE(!taken || value >> 32 == 0);
	/* What lies behind the last source reads as zero ("Memory Map": reserved). */
	PROVE(!taken || value == 0 || offset / 4 <= VPLIC_SOURCE_COUNT ||
	      (offset >= PENDING_BASE && offset < PENDING_BASE + 4 * VPLIC_WORDS) ||
	      (offset >= ENABLE_BASE && offset % ENABLE_STRIDE < 4 * VPLIC_WORDS));
	REACH(taken && offset == 4 * VPLIC_SOURCE_COUNT && value == 7);
	REACH(taken && offset == ENABLE_BASE + ENABLE_STRIDE + 8 && value == ~0u);
	REACH(taken && offset == CONTEXT_BASE + CONTEXT_STRIDE && value != 0);
}

/* cbmc: --unwind 6 */
void prove_best_source_exists_and_is_pending_and_enabled(void)
{
	unsigned floor = nondet_unsigned();

	begin(1);
	ASSUME(is_sound() && has_few_requests());
	unsigned source = best_source_locked(&plic, &plic.contexts[0], floor);

	if (source == 0)
		return;
	PROVE(source_exists(source));
	PROVE(plic.pending[source / 32] & plic.contexts[0].enable[source / 32] &
	      source_bit(source));
	PROVE(plic.priority[source] > floor);
	REACH(source == VPLIC_SOURCE_COUNT);
	REACH(source == 1);
}

/* cbmc: --unwind 6 */
void prove_claimed_source_exists(void)
{
	begin(1);
	ASSUME(is_sound() && has_few_requests());
	u32 source = claim(&plic, &plic.contexts[0]);

	PROVE(source == 0 || source_exists(source));
	PROVE(source == 0 || !(plic.pending[source / 32] & source_bit(source)));
	PROVE(is_sound() && plic.lock.serving == 0);
	REACH(source == VPLIC_SOURCE_COUNT);
}

/* cbmc: --unwind 6 */
void prove_write_stays_inside_the_arrays_and_enables_only_what_exists(void)
{
	u64 offset = nondet_u64(), value = nondet_u64();
	unsigned width = nondet_unsigned();

	begin(1);
	ASSUME(is_sound() && has_few_requests());
	ASSUME(offset < VPLIC_SIZE && (width != 4 || offset % 4 == 0));
	bool taken = vplic_write(&plic.device, offset, width, value);

	PROVE(taken == (width == 4));
	PROVE(is_sound() && plic.lock.serving == 0);
	REACH(taken && plic.contexts[0].enable[2] == ~0u);
	REACH(taken && plic.priority[VPLIC_SOURCE_COUNT] == 7);
}
