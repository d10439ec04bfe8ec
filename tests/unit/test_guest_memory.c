/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's RAM: its borders, pages on first touch, copies in and out, and giving all of it back. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/mem/guest_memory.h"
#include "hyp/mem/page.h"
#include "tests/fake/fake_hw.h"
#include "tests/fake/fake_random.h"
#include "tests/fake/fake_walk.h"

#define BASE 0x80000000ULL

static struct guest_memory memory;
static u64 free_count_at_start;

/* RAM full of old bytes, so that what is not zeroed is seen. */
static void start(u64 ram_size, u64 base, u64 size, enum hw_gstage_mode mode)
{
	struct fake_options options = fake_defaults();

	options.hart_count = 8;
	options.ram_size = ram_size;
	options.dirty_ram = ram_size <= MIB(64);
	fake_start_with_pages(&options);
	free_count_at_start = page_free_count();
	assert_int_equal(guest_memory_create(&memory, gpa(base), size, mode), STATUS_OK);
}

static void finish(void)
{
	guest_memory_destroy(&memory);
	assert_int_equal(page_free_count(), free_count_at_start);
}

static u64 leaf_size(u64 address)
{
	struct fake_translation seen;

	if (fake_walk_gstage(gstage_hgatp(&memory.gstage, 0), address, &seen) != FAKE_WALK_OK)
		return 0;
	assert_true(seen.readable && seen.writable && seen.executable);
	return seen.size;
}

/* What the guest would find at an address, which must be mapped. */
static u8 *guest_byte(u64 address)
{
	struct fake_translation seen;

	assert_int_equal(fake_walk_gstage(gstage_hgatp(&memory.gstage, 0), address, &seen),
			 FAKE_WALK_OK);
	return hw_ram(seen.address);
}

static bool touch(u64 address)
{
	bool fresh;

	assert_int_equal(guest_memory_touch(&memory, gpa(address), &fresh), STATUS_OK);
	return fresh;
}

/* ------------------------------------------------------------------------------------------------
 * Borders.
 */

static void ram_outside_the_space_is_refused(void **state)
{
	(void)state;
	static const struct {
		u64 base, size;
		enum hw_gstage_mode mode;
		enum status status;
	} cases[] = {
		{BASE, MIB(1), HW_GSTAGE_SV39X4, STATUS_OK},
		{BIT(41) - MIB(1), MIB(1), HW_GSTAGE_SV39X4, STATUS_OK},
		{BIT(50) - MIB(1), MIB(1), HW_GSTAGE_SV48X4, STATUS_OK},
		{BIT(59) - MIB(1), MIB(1), HW_GSTAGE_SV57X4, STATUS_OK},
		{0, BIT(41), HW_GSTAGE_SV39X4, STATUS_OK},
		{BASE, 0, HW_GSTAGE_SV39X4, STATUS_INVALID},
		{BASE + 1, MIB(1), HW_GSTAGE_SV39X4, STATUS_INVALID},
		{BASE, MIB(1) + 1, HW_GSTAGE_SV39X4, STATUS_INVALID},
		{BIT(41) - MIB(1), MIB(1) + KIB(4), HW_GSTAGE_SV39X4, STATUS_INVALID},
		{BIT(41), MIB(1), HW_GSTAGE_SV39X4, STATUS_INVALID},
		{0 - PAGE_SIZE, PAGE_SIZE, HW_GSTAGE_SV57X4, STATUS_INVALID},
		{0 - PAGE_SIZE, 2 * PAGE_SIZE, HW_GSTAGE_SV57X4, STATUS_INVALID},
		{BASE, 0 - BASE, HW_GSTAGE_SV57X4, STATUS_INVALID},
		{BASE, 0 - PAGE_SIZE, HW_GSTAGE_SV57X4, STATUS_INVALID},
		{BASE, MIB(1), HW_GSTAGE_BARE, STATUS_UNSUPPORTED},
	};

	fake_start_with_pages(NULL);
	free_count_at_start = page_free_count();
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(guest_memory_create(&memory, gpa(cases[i].base), cases[i].size,
						     cases[i].mode),
				 cases[i].status);
		if (cases[i].status == STATUS_OK)
			guest_memory_destroy(&memory);
		assert_int_equal(page_free_count(), free_count_at_start);
	}
	page_fail_after(0, 1);
	assert_int_equal(guest_memory_create(&memory, gpa(BASE), MIB(1), HW_GSTAGE_SV39X4),
			 STATUS_NO_MEMORY);
}

static void only_addresses_of_ram_are_accepted(void **state)
{
	(void)state;
	const u64 size = MIB(4), end = BASE + size;
	u8 bytes[16];
	const struct {
		u64 address, length;
		bool inside;
	} cases[] = {
		{BASE, 1, true},
		{BASE, size, true},
		{end - 1, 1, true},
		{end - 16, 16, true},
		{BASE, 0, true},
		{end, 0, true},
		{BASE - 1, 1, false},
		{BASE - 1, 2, false},
		{BASE, size + 1, false},
		{end, 1, false},
		{end - 15, 16, false},
		{end + 1, 0, false},
		{0, 1, false},
		{0, UINT64_MAX, false},
		{UINT64_MAX, 1, false},
		{UINT64_MAX, 2, false},
		{UINT64_MAX - 7, 8, false},
		{UINT64_MAX - 7, BASE + 16, false},
		{BASE, UINT64_MAX, false},
		{BASE, 0 - BASE, false},
		{BASE + 1, UINT64_MAX, false},
		{end - 1, UINT64_MAX, false},
		{end - 1, 0 - end + 2, false},
	};

	start(MIB(16), BASE, size, HW_GSTAGE_SV39X4);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		gpa_t address = gpa(cases[i].address);
		u64 length = cases[i].length;
		enum status expected = cases[i].inside ? STATUS_OK : STATUS_INVALID;

		assert_int_equal(guest_memory_contains(&memory, address, length), cases[i].inside);
		/* What is refused never gets as far as the buffer, so its size does not matter. */
		if (length > sizeof(bytes) && cases[i].inside)
			continue;
		assert_int_equal(guest_memory_read(&memory, address, bytes, length), expected);
		assert_int_equal(guest_memory_write(&memory, address, bytes, length), expected);
		if (length > 0)
			assert_int_equal(guest_memory_touch(&memory, address, NULL),
					 range_contains(BASE, size, address.value, 1)
						 ? STATUS_OK
						 : STATUS_NOT_FOUND);
	}
	finish();
}

static void nothing_is_mapped_outside_ram(void **state)
{
	(void)state;
	/* RAM that begins and ends in the middle of a 2 MiB block. */
	const u64 base = BASE + MIB(1), size = MIB(6);

	start(MIB(16), base, size, HW_GSTAGE_SV48X4);
	for (u64 address = base; address < base + size; address += PAGE_SIZE)
		touch(address);
	assert_int_equal(leaf_size(base - 1), 0);
	assert_int_equal(leaf_size(base), KIB(4));
	assert_int_equal(leaf_size(base + MIB(1) - 1), KIB(4));
	assert_int_equal(leaf_size(base + MIB(1)), MIB(2));
	assert_int_equal(leaf_size(base + MIB(5) - 1), MIB(2));
	assert_int_equal(leaf_size(base + MIB(5)), KIB(4));
	assert_int_equal(leaf_size(base + size - 1), KIB(4));
	assert_int_equal(leaf_size(base + size), 0);
	assert_int_equal(memory.page_count, size / PAGE_SIZE);
	finish();
}

/* ------------------------------------------------------------------------------------------------
 * First touch.
 */

static void first_touch_gives_zeroed_memory_once(void **state)
{
	(void)state;
	start(MIB(16), BASE, MIB(8), HW_GSTAGE_SV57X4);
	assert_int_equal(leaf_size(BASE + MIB(3)), 0);
	assert_true(touch(BASE + MIB(3)));
	assert_int_equal(leaf_size(BASE + MIB(3)), MIB(2));
	for (u64 i = 0; i < MIB(2); i++)
		assert_int_equal(guest_byte(BASE + MIB(2))[i], 0);
	assert_int_equal(memory.page_count, 512);

	guest_byte(BASE + MIB(3))[0] = 0x77;
	u64 free_count = page_free_count();

	assert_false(touch(BASE + MIB(3)));
	assert_false(touch(BASE + MIB(2)));
	assert_false(touch(BASE + MIB(4) - 1));
	assert_int_equal(*guest_byte(BASE + MIB(3)), 0x77);
	assert_int_equal(page_free_count(), free_count);
	assert_int_equal(leaf_size(BASE + MIB(4)), 0);
	finish();
}

static void without_large_blocks_single_pages_are_given(void **state)
{
	(void)state;
	hpa_t block, page;

	start(MIB(16), BASE, MIB(8), HW_GSTAGE_SV39X4);
	while (page_alloc(PAGE_ORDER_2M, &block) == STATUS_OK)
		page = block;
	assert_true(touch(BASE + 5 * PAGE_SIZE + 17));
	assert_int_equal(leaf_size(BASE + 5 * PAGE_SIZE), KIB(4));
	assert_int_equal(memory.page_count, 1);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(guest_byte(BASE + 5 * PAGE_SIZE)[i], 0);

	/* A large block comes back, but this one place has begun in pages and goes on so. */
	page_free(page, PAGE_ORDER_2M);
	assert_true(touch(BASE + 6 * PAGE_SIZE));
	assert_int_equal(leaf_size(BASE + 6 * PAGE_SIZE), KIB(4));
	assert_int_equal(leaf_size(BASE + 7 * PAGE_SIZE), 0);
	assert_int_equal(leaf_size(BASE + 4 * PAGE_SIZE), 0);
	guest_memory_destroy(&memory);
}

static void touch_without_memory_leaves_no_trace(void **state)
{
	(void)state;
	/* Allocations that a touch makes: the block, and a table for each of two levels. */
	for (u64 n = 0;; n++) {
		start(MIB(16), BASE, MIB(8), HW_GSTAGE_SV39X4);
		u64 free_count = page_free_count();

		page_fail_after(n, UINT64_MAX);
		enum status status = guest_memory_touch(&memory, gpa(BASE), NULL);

		page_fail_after(0, 0);
		if (status == STATUS_OK) {
			assert_int_equal(n, 2);
			assert_int_equal(leaf_size(BASE), MIB(2));
			finish();
			return;
		}
		assert_int_equal(status, STATUS_NO_MEMORY);
		assert_int_equal(page_free_count(), free_count);
		assert_int_equal(memory.page_count, 0);
		assert_int_equal(leaf_size(BASE), 0);
		finish();
	}
}

static void a_large_block_without_its_table_becomes_a_page(void **state)
{
	(void)state;
	start(MIB(16), BASE, MIB(8), HW_GSTAGE_SV39X4);
	page_fail_after(1, 1);
	assert_true(touch(BASE));
	assert_int_equal(leaf_size(BASE), KIB(4));
	assert_int_equal(memory.page_count, 1);
	finish();
}

/* ------------------------------------------------------------------------------------------------
 * Many harts at once.
 */

#define RACER_COUNT 6
#define RACE_ROUNDS 60

static pthread_barrier_t race_start;
static u64 race_address[RACE_ROUNDS];
static unsigned race_fresh_count[RACE_ROUNDS];

static void *race(void *argument)
{
	u64 offset = (uintptr_t)argument;

	fake_set_hart((unsigned)offset);
	for (unsigned i = 0; i < RACE_ROUNDS; i++) {
		bool fresh;

		pthread_barrier_wait(&race_start);
		if (guest_memory_touch(&memory, gpa(race_address[i]), &fresh) != STATUS_OK)
			return "a touch failed";
		__atomic_fetch_add(&race_fresh_count[i], fresh, __ATOMIC_RELAXED);

		/* Found mapped or mapped by us: the page is there, zeroed but for other harts'
		 * bytes, and what is written stays. */
		u8 *byte = guest_byte(race_address[i]) + offset;

		if (*byte != 0)
			return "a page was not zero, or not the only one";
		*byte = (u8)(offset + 1);
	}
	return NULL;
}

static void run_race(void)
{
	pthread_t racers[RACER_COUNT];

	memset(race_fresh_count, 0, sizeof(race_fresh_count));
	pthread_barrier_init(&race_start, NULL, RACER_COUNT);
	for (uintptr_t i = 0; i < RACER_COUNT; i++)
		pthread_create(&racers[i], NULL, race, (void *)i);
	for (unsigned i = 0; i < RACER_COUNT; i++) {
		void *complaint;

		pthread_join(racers[i], &complaint);
		assert_null(complaint);
	}
	pthread_barrier_destroy(&race_start);
	for (unsigned i = 0; i < RACE_ROUNDS; i++) {
		assert_int_equal(race_fresh_count[i], 1);
		for (unsigned hart = 0; hart < RACER_COUNT; hart++)
			assert_int_equal(guest_byte(race_address[i])[hart], hart + 1);
	}
}

static void one_of_many_harts_maps_a_large_block(void **state)
{
	(void)state;
	start(MIB(256), BASE, MIB(256), HW_GSTAGE_SV48X4);
	for (unsigned i = 0; i < RACE_ROUNDS; i++)
		race_address[i] = BASE + MIB(2) * i + PAGE_SIZE * i;
	run_race();
	assert_int_equal(memory.page_count, 512 * RACE_ROUNDS);
	assert_int_equal(free_count_at_start - page_free_count(),
			 memory.page_count + memory.gstage.table_count);
	finish();
}

static void one_of_many_harts_maps_a_page(void **state)
{
	(void)state;
	/* Less than 2 MiB of RAM: always single pages. */
	start(MIB(16), BASE, MIB(1), HW_GSTAGE_SV39X4);
	for (unsigned i = 0; i < RACE_ROUNDS; i++)
		race_address[i] = BASE + PAGE_SIZE * (2 * i);
	run_race();
	assert_int_equal(memory.page_count, RACE_ROUNDS);
	assert_int_equal(free_count_at_start - page_free_count(),
			 memory.page_count + memory.gstage.table_count);
	finish();
}

static void harts_that_race_take_no_more_than_one_page(void **state)
{
	(void)state;
	hpa_t page;

	start(MIB(16), BASE, MIB(1), HW_GSTAGE_SV39X4);
	/* The tables are there, and exactly as many pages as the race is for. */
	touch(BASE + MIB(1) - 1);
	while (page_free_count() > RACE_ROUNDS)
		assert_int_equal(page_alloc(PAGE_ORDER_4K, &page), STATUS_OK);
	for (unsigned i = 0; i < RACE_ROUNDS; i++)
		race_address[i] = BASE + PAGE_SIZE * i;
	run_race();
	assert_int_equal(page_free_count(), 0);
	guest_memory_destroy(&memory);
}

/* Hart 1 touches an address while hart 0 is zeroing for another touch. */
static struct {
	u64 address;
	pthread_t thread;
	bool started, waited, done;
	bool fresh;
	enum status status;
} late;

static void note_that_late_waits(void)
{
	if (hw_hart_index() == 1)
		__atomic_store_n(&late.waited, true, __ATOMIC_RELEASE);
	sched_yield();
}

static void *touch_late(void *unused)
{
	(void)unused;
	fake_set_hart(1);
	late.status = guest_memory_touch(&memory, gpa(late.address), &late.fresh);
	__atomic_store_n(&late.done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void let_late_go_first(void *page, size_t size)
{
	(void)page;
	(void)size;
	if (late.started)
		return;
	late.started = true;
	pthread_create(&late.thread, NULL, touch_late, NULL);
	/* On with zeroing once the other hart waits for it, or needs nothing of this one. */
	while (!__atomic_load_n(&late.waited, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&late.done, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void touch_with_a_late_hart(u64 address, u64 late_address)
{
	memset(&late, 0, sizeof(late));
	late.address = late_address;
	fake_hooks.pause = note_that_late_waits;
	fake_hooks.zero_pages = let_late_go_first;
	assert_true(touch(address));
	pthread_join(late.thread, NULL);
	assert_int_equal(late.status, STATUS_OK);
}

static void a_late_hart_waits_for_a_page_that_is_being_given(void **state)
{
	(void)state;
	hpa_t page;

	start(MIB(16), BASE, MIB(1), HW_GSTAGE_SV39X4);
	touch(BASE);
	/* It is the last: nothing is left for the other hart to take. */
	while (page_free_count() > 1)
		assert_int_equal(page_alloc(PAGE_ORDER_4K, &page), STATUS_OK);
	touch_with_a_late_hart(BASE + PAGE_SIZE, BASE + PAGE_SIZE + 8);
	assert_true(late.waited);
	assert_false(late.fresh);
	assert_int_equal(memory.page_count, 2);
	guest_memory_destroy(&memory);
}

static void a_late_hart_waits_for_the_large_block_around_its_page(void **state)
{
	(void)state;
	start(MIB(16), BASE, MIB(4), HW_GSTAGE_SV39X4);
	touch_with_a_late_hart(BASE, BASE + MIB(2) - 1);
	assert_true(late.waited);
	assert_false(late.fresh);
	assert_int_equal(leaf_size(BASE + MIB(1)), MIB(2));
	assert_int_equal(memory.page_count, 512);
	finish();
}

static void a_late_hart_does_not_wait_for_what_it_does_not_need(void **state)
{
	(void)state;
	start(MIB(16), BASE, MIB(4), HW_GSTAGE_SV39X4);
	touch_with_a_late_hart(BASE, BASE + MIB(2));
	assert_false(late.waited);
	assert_true(late.fresh);
	assert_int_equal(leaf_size(BASE), MIB(2));
	assert_int_equal(leaf_size(BASE + MIB(2)), MIB(2));
	finish();

	/* Of one block, where single pages are given. */
	start(MIB(16), BASE, MIB(4), HW_GSTAGE_SV39X4);
	page_fail_after(0, 1);
	touch_with_a_late_hart(BASE, BASE + PAGE_SIZE);
	assert_false(late.waited);
	assert_true(late.fresh);
	assert_int_equal(leaf_size(BASE), KIB(4));
	assert_int_equal(leaf_size(BASE + PAGE_SIZE), KIB(4));
	assert_int_equal(memory.page_count, 2);
	finish();
}

/* ------------------------------------------------------------------------------------------------
 * Copies.
 */

#define COPY_SIZE (MIB(8) + 3 * PAGE_SIZE)

static u8 expected[COPY_SIZE], copied[COPY_SIZE];

static void random_copies_agree_with_an_array(void **state)
{
	(void)state;
	struct fake_random random = {77};
	const u64 base = BASE + PAGE_SIZE;

	start(MIB(32), base, COPY_SIZE, HW_GSTAGE_SV48X4);
	memset(expected, 0, sizeof(expected));
	/* Some single pages first, so that leaves of both sizes are crossed. */
	page_fail_after(0, 1);
	touch(BASE + MIB(2));
	touch(BASE + MIB(4) - 1);

	for (unsigned i = 0; i < 400; i++) {
		u64 offset = fake_random_below(&random, COPY_SIZE);
		u64 length = fake_random_magnitude(&random, COPY_SIZE - offset);
		gpa_t address = gpa(base + offset);

		if (fake_random_below(&random, 2) == 0) {
			u8 *source = expected + offset;

			for (u64 j = 0; j < length; j++)
				source[j] = (u8)(source[j] * 5 + i + j);
			assert_int_equal(guest_memory_write(&memory, address, source, length),
					 STATUS_OK);
		} else {
			assert_int_equal(guest_memory_read(&memory, address, copied, length),
					 STATUS_OK);
			assert_memory_equal(copied, expected + offset, length);
		}
	}
	assert_int_equal(guest_memory_read(&memory, gpa(base), copied, COPY_SIZE), STATUS_OK);
	assert_memory_equal(copied, expected, COPY_SIZE);
	finish();
}

static void reading_gives_no_pages(void **state)
{
	(void)state;
	start(MIB(16), BASE, MIB(8), HW_GSTAGE_SV39X4);
	u64 free_count = page_free_count();

	memset(copied, 0xee, sizeof(copied));
	assert_int_equal(guest_memory_read(&memory, gpa(BASE + 100), copied, MIB(5)), STATUS_OK);
	for (u64 i = 0; i < MIB(5); i++)
		assert_int_equal(copied[i], 0);
	assert_int_equal(copied[MIB(5)], 0xee);
	assert_int_equal(page_free_count(), free_count);
	finish();
}

static void writing_beyond_memory_says_so(void **state)
{
	(void)state;
	/* The VM is told more RAM than the machine has. */
	start(MIB(4), BASE, MIB(8), HW_GSTAGE_SV39X4);
	assert_int_equal(guest_memory_write(&memory, gpa(BASE), expected, MIB(8)),
			 STATUS_NO_MEMORY);
	assert_int_equal(guest_memory_touch(&memory, gpa(BASE + MIB(8) - 1), NULL),
			 STATUS_NO_MEMORY);
	/* What is there stays usable. */
	assert_int_equal(guest_memory_write(&memory, gpa(BASE), "hello", 5), STATUS_OK);
	assert_memory_equal(guest_byte(BASE), "hello", 5);
	finish();
}

/* ------------------------------------------------------------------------------------------------
 * Pinning and the end.
 */

static u64 zeroed;

static void note_zeroed(void *start, size_t size)
{
	(void)start;
	zeroed += size;
}

static enum status pin(void)
{
	enum status status = STATUS_OK;
	bool done = false;

	while (status == STATUS_OK && !done)
		status = guest_memory_pin_step(&memory, &done);
	return status;
}

static void pinning_gives_the_largest_leaves(void **state)
{
	(void)state;
	start(GIB(3), GIB(2) - MIB(2) - KIB(8), GIB(1) + MIB(4) + KIB(12), HW_GSTAGE_SV39X4);
	assert_int_equal(pin(), STATUS_OK);
	assert_int_equal(memory.page_count, memory.size / PAGE_SIZE);
	assert_int_equal(leaf_size(GIB(2) - MIB(2) - KIB(8) - 1), 0);
	assert_int_equal(leaf_size(GIB(2) - MIB(2) - 1), KIB(4));
	assert_int_equal(leaf_size(GIB(2) - 1), MIB(2));
	assert_int_equal(leaf_size(GIB(2)), GIB(1));
	assert_int_equal(leaf_size(GIB(3)), MIB(2));
	assert_int_equal(leaf_size(GIB(3) + MIB(2)), KIB(4));
	assert_int_equal(leaf_size(GIB(3) + MIB(2) + KIB(4)), 0);
	assert_false(touch(GIB(2) + 12345));
	finish();
}

/* A hart is never gone for longer than it takes to zero so much. */
static void pinning_zeroes_a_bounded_piece_at_a_time(void **state)
{
	bool done = false;
	unsigned steps = 0;

	(void)state;
	start(GIB(3), GIB(2), GIB(1), HW_GSTAGE_SV39X4);
	fake_hooks.zero_pages = note_zeroed;
	for (; !done; steps++) {
		zeroed = 0;
		assert_int_equal(guest_memory_pin_step(&memory, &done), STATUS_OK);
		assert_true(zeroed <= MIB(2));
	}
	assert_true(steps > GIB(1) / MIB(2));
	assert_int_equal(leaf_size(GIB(2)), GIB(1));
	finish();
}

static void pinning_that_is_broken_off_gives_its_block_back(void **state)
{
	bool done;

	(void)state;
	for (unsigned steps = 0; steps < 9; steps++) {
		start(MIB(32), BASE, MIB(8), HW_GSTAGE_SV39X4);
		for (unsigned i = 0; i < steps; i++)
			assert_int_equal(guest_memory_pin_step(&memory, &done), STATUS_OK);
		finish();
	}
}

static void pinning_more_than_there_is_says_so(void **state)
{
	(void)state;
	start(MIB(8), BASE, MIB(16), HW_GSTAGE_SV39X4);
	assert_int_equal(pin(), STATUS_NO_MEMORY);
	finish();
}

static void the_end_comes_in_bounded_steps(void **state)
{
	(void)state;
	unsigned step_count = 1;

	start(MIB(64), BASE, MIB(48), HW_GSTAGE_SV57X4);
	for (unsigned i = 0; i < 1015; i++) {
		page_fail_after(0, i % 512 == 0);
		touch(BASE + i * PAGE_SIZE);
	}
	for (u64 offset = MIB(8); offset < MIB(48); offset += MIB(4))
		touch(BASE + offset);
	u64 before = page_free_count();

	while (!guest_memory_destroy_step(&memory)) {
		u64 given = page_free_count() - before;

		before = page_free_count();
		/* At most 64 leaves, and what tables they leave behind. */
		assert_true(given > 0 && given <= 64 * 512 + 8);
		step_count++;
	}
	/* 1025 leaves, and a last step that finds no more. */
	assert_int_equal(step_count, (1015 + 10 + 63) / 64 + 1);
	assert_int_equal(page_free_count(), free_count_at_start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ram_outside_the_space_is_refused),
		cmocka_unit_test(only_addresses_of_ram_are_accepted),
		cmocka_unit_test(nothing_is_mapped_outside_ram),
		cmocka_unit_test(first_touch_gives_zeroed_memory_once),
		cmocka_unit_test(without_large_blocks_single_pages_are_given),
		cmocka_unit_test(touch_without_memory_leaves_no_trace),
		cmocka_unit_test(a_large_block_without_its_table_becomes_a_page),
		cmocka_unit_test(one_of_many_harts_maps_a_large_block),
		cmocka_unit_test(one_of_many_harts_maps_a_page),
		cmocka_unit_test(harts_that_race_take_no_more_than_one_page),
		cmocka_unit_test(a_late_hart_waits_for_a_page_that_is_being_given),
		cmocka_unit_test(a_late_hart_waits_for_the_large_block_around_its_page),
		cmocka_unit_test(a_late_hart_does_not_wait_for_what_it_does_not_need),
		cmocka_unit_test(random_copies_agree_with_an_array),
		cmocka_unit_test(reading_gives_no_pages),
		cmocka_unit_test(writing_beyond_memory_says_so),
		cmocka_unit_test(pinning_gives_the_largest_leaves),
		cmocka_unit_test(pinning_zeroes_a_bounded_piece_at_a_time),
		cmocka_unit_test(pinning_that_is_broken_off_gives_its_block_back),
		cmocka_unit_test(pinning_more_than_there_is_says_so),
		cmocka_unit_test(the_end_comes_in_bounded_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
