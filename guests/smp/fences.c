/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remote fences between all pairs of harts, seen by their effect: when the call has returned, the
 * other hart must not use what it held before, a translation or an instruction.
 */
#include "tests.h"

struct fence_test {
	unsigned int x, y;
	u64 function, mask_base, size, asid; /* mask_base -1: all harts */
	u64 rounds;
	u64 *root, *entry;
	struct turns turns;
	volatile u64 wrong_round, seen, error;
};

static u8 pages[2][PAGE_SIZE] __attribute__((aligned(4096)));
static u32 code[16] __attribute__((aligned(64)));

static u64 send_fence(const struct fence_test *t)
{
	const struct hart *to = &harts[t->y];
	u64 base = t->mask_base == ~0ul ? ~0ul : to->id;

	return (u64)sbi_call5(SBI_RFNC, t->function, 1, base, t->size ? VM_FREE : 0, t->size,
			      t->asid)
		.error;
}

/*
 * Turn 2n: hart x makes the page the other one and fences. Turn 2n + 1: hart y, which has used the
 * old page in the turn before, must read the new.
 */
static void sfence_change(void *argument)
{
	struct fence_test *t = argument;

	for (u64 n = 0; n < t->rounds && turn_wait(&t->turns, 2 * n); n++) {
		*(volatile u64 *)t->entry = PTE_OF((u64)pages[n % 2], PTE_RW);
		fence();
		t->error |= send_fence(t);
		turn_set(&t->turns, 2 * n + 1);
	}
}

static void sfence_look(void *argument)
{
	struct fence_test *t = argument;

	vm_on(t->root, t->asid);
	for (u64 n = 0; n < t->rounds && turn_wait(&t->turns, 2 * n + 1); n++) {
		u64 seen = *(volatile u64 *)VM_FREE;

		if (seen != n % 2 && !t->wrong_round) {
			t->wrong_round = n + 1;
			t->seen = seen;
		}
		turn_set(&t->turns, 2 * n + 2);
	}
	vm_off();
}

static void fence_i_change(void *argument)
{
	struct fence_test *t = argument;

	for (u64 n = 0; n < t->rounds && turn_wait(&t->turns, 2 * n); n++) {
		code[0] = 0x00000513 | (u32)(n % 1024) << 20; /* li a0, n */
		code[1] = 0x00008067;			      /* ret */
		fence();
		t->error |= send_fence(t);
		turn_set(&t->turns, 2 * n + 1);
	}
}

static void fence_i_look(void *argument)
{
	struct fence_test *t = argument;

	for (u64 n = 0; n < t->rounds && turn_wait(&t->turns, 2 * n + 1); n++) {
		u64 seen = ((u64(*)(void))code)();

		if (seen != n % 1024 && !t->wrong_round) {
			t->wrong_round = n + 1;
			t->seen = seen;
		}
		turn_set(&t->turns, 2 * n + 2);
	}
}

static void run_fence(const char *name, struct fence_test *t)
{
	bool is_sfence = t->function != RFNC_FENCE_I;

	/* Both harts spin, which takes long where they share a processor. */
	t->rounds = smp_rounds() / 10 + 2;
	*(u64 *)pages[0] = 0;
	*(u64 *)pages[1] = 1;
	check_begin("fence: %s, hart %u to hart %u, %lu times", name, t->x, t->y, t->rounds);
	check_want(run_pair(t->x, is_sfence ? sfence_change : fence_i_change, t->y,
			    is_sfence ? sfence_look : fence_i_look, t),
		   "no end");
	check_want(!t->turns.broken, "stuck in turn %lu", t->turns.now);
	check_equal("error", t->error, 0);
	check_want(!t->wrong_round, "round %lu: still 0x%lx after the fence", t->wrong_round,
		   t->seen);
	check_end();
}

static void for_all_pairs(const char *name, struct fence_test model)
{
	for (unsigned int x = 0; x < hart_count; x++) {
		for (unsigned int y = 0; y < hart_count; y++) {
			struct fence_test test = model;

			if (!smp_pair_wanted(x, y))
				continue;
			vm_reset();
			test.root = vm_identity();
			test.entry = vm_entry(test.root, VM_FREE);
			test.x = x;
			test.y = y;
			run_fence(name, &test);
		}
	}
}

void test_sfence(void)
{
	u64 asid;

	if (hart_count < 2) {
		check_skip("fence: sfence_vma", "one hart");
		return;
	}
	vm_reset();
	asid = vm_asid_bits(vm_identity()) ? 1 : 0;
	for_all_pairs("sfence_vma of a page",
		      (struct fence_test){.function = RFNC_SFENCE_VMA, .size = PAGE_SIZE});
	for_all_pairs("sfence_vma of all", (struct fence_test){.function = RFNC_SFENCE_VMA});
	for_all_pairs("sfence_vma_asid of a page",
		      (struct fence_test){
			      .function = RFNC_SFENCE_VMA_ASID, .size = PAGE_SIZE, .asid = asid});
	for_all_pairs("sfence_vma to all harts", (struct fence_test){.function = RFNC_SFENCE_VMA,
								     .size = PAGE_SIZE,
								     .mask_base = ~0ul});
}

void test_fence_i(void)
{
	if (hart_count < 2) {
		check_skip("fence: fence_i", "one hart");
		return;
	}
	for_all_pairs("fence_i", (struct fence_test){.function = RFNC_FENCE_I});
}
