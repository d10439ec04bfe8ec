/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The border check: what a guest may name as an address is inside its RAM, whatever the address,
 * the length and the RAM. And that copying between guest and hypervisor stays in the leaf that the
 * tables gave and in the hypervisor's buffer, for any leaves. gstage_walk() is replaced by one that
 * finds anything that a walk may find.
 */
#include "tests/proof/proof.h"

#include <stdlib.h>

#include "hyp/mem/guest_memory.c"

/* ---- The border ---- */

static enum hw_gstage_mode any_mode(void)
{
	static const enum hw_gstage_mode modes[] = {HW_GSTAGE_BARE, HW_GSTAGE_SV39X4,
						    HW_GSTAGE_SV48X4, HW_GSTAGE_SV57X4};

	return modes[nondet_unsigned() % ARRAY_SIZE(modes)];
}

/* "Guest Physical Address Translation": 41, 50 and 59 bits. prove_gstage.c proves it of the real
 * one. */
u64 gstage_space_size(enum hw_gstage_mode mode)
{
	switch (mode) {
	case HW_GSTAGE_SV39X4:
		return 1ULL << 41;
	case HW_GSTAGE_SV48X4:
		return 1ULL << 50;
	case HW_GSTAGE_SV57X4:
		return 1ULL << 59;
	default:
		return 0;
	}
}

enum status gstage_create(struct gstage *gs, enum hw_gstage_mode mode)
{
	(void)gs, (void)mode;
	return nondet_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

void lock_init(struct lock *lock, enum lock_rank rank)
{
	*lock = (struct lock)LOCK_INIT(rank);
}

/* cbmc: --external-sat-solver cadical */
void prove_range_is_accepted_just_when_it_lies_inside(void)
{
	u64 base = nondet_u64(), size = nondet_u64(), start = nondet_u64(), length = nondet_u64();
	wide_t end = (wide_t)start + length, limit = (wide_t)base + size;

	/* No range of ours wraps; what is asked for may. */
	ASSUME(limit <= (wide_t)1 << 64);
	bool inside = start >= base && end <= limit;

	PROVE(range_contains(base, size, start, length) == inside);
	REACH(inside && length == size && size != 0);
	REACH(!inside && start + length < start);
}

/* Of a VM whose RAM guest_memory_create() has accepted. */
static struct guest_memory any_memory(void)
{
	struct guest_memory memory = {
		.base = gpa(nondet_u64()),
		.size = nondet_u64(),
	};

	ASSUME(memory.size != 0 && is_aligned(memory.base.value, PAGE_SIZE) &&
	       is_aligned(memory.size, PAGE_SIZE) &&
	       range_contains(0, 1ULL << 59, memory.base.value, memory.size));
	return memory;
}

/* cbmc: --external-sat-solver cadical */
void prove_create_accepts_only_pages_inside_the_space(void)
{
	struct guest_memory memory;
	u64 base = nondet_u64(), size = nondet_u64(), space;
	enum hw_gstage_mode mode = any_mode();

	space = gstage_space_size(mode);
	if (guest_memory_create(&memory, gpa(base), size, mode) != STATUS_OK)
		return;
	PROVE(size != 0 && is_aligned(base | size, PAGE_SIZE));
	PROVE((wide_t)base + size <= space);
	PROVE(memory.base.value == base && memory.size == size);
	REACH(base + size == 1ULL << 41);
}

/* cbmc: --external-sat-solver cadical */
void prove_address_of_any_length_is_accepted_just_inside_ram(void)
{
	struct guest_memory memory = any_memory();
	u64 address = nondet_u64(), length = nondet_u64();
	u64 end = memory.base.value + memory.size;
	/* RAM does not wrap: what is proved above. */
	bool inside = address >= memory.base.value && address <= end && length <= end - address;

	PROVE(guest_memory_contains(&memory, gpa(address), length) == inside);
	REACH(inside && length == memory.size);
	REACH(!inside && length == 0);
}

/* What guest_memory_touch() gives: a block around the address and inside RAM, of 4 KiB at least. */
void prove_block_to_be_given_lies_in_ram_around_the_address(void)
{
	struct guest_memory memory = any_memory();
	u64 address = nondet_u64();
	gpa_t start;
	unsigned order = nondet_bool() ? PAGE_ORDER_4K : PAGE_ORDER_2M;

	ASSUME(guest_memory_contains(&memory, gpa(address), 1));
	bool found = block_around(&memory, gpa(address), order, &start);

	PROVE(found || order != PAGE_ORDER_4K);
	if (found) {
		PROVE(is_aligned(start.value, block_size(order)));
		PROVE(start.value <= address && address - start.value < block_size(order));
		PROVE(start.value >= memory.base.value);
		PROVE((wide_t)start.value + block_size(order) <=
		      (wide_t)memory.base.value + memory.size);
	}
	REACH(!found);
	REACH(found && order == PAGE_ORDER_2M);
}

/* ---- Copying ----
 *
 * A copy goes on where it stands as if it had begun there, and it may begin anywhere. So what is
 * proved of the first piece of every copy, and of where the next one begins, holds for all of them.
 */
#define PIECES_MAX 1 /* and where the one after them begins */

static struct guest_memory vm;
static u64 asked;	   /* where the copy begins */
static u64 asked_length;   /* the whole of it */
static const char *buffer; /* the hypervisor's side */
static u64 done;	   /* bytes copied so far */
static unsigned piece_count;

/* What the last walk found. */
static u64 leaf_size;
static hpa_t leaf_address;
static bool leaf_found;

/* A page that is there stays. */
static bool touched;
static u64 touched_page;

/* Host RAM is not looked into: an address stands for itself. */
void *hw_ram(hpa_t address)
{
	return (void *)address.value;
}

enum status gstage_walk(const struct gstage *gs, gpa_t address, struct gstage_leaf *leaf)
{
	static const u64 sizes[] = {KIB(4), MIB(2), GIB(1)};
	unsigned size = nondet_unsigned();
	u64 offset;

	(void)gs;
	/* The tables are asked for the next byte, which is RAM. */
	PROVE(address.value == asked + done && done < asked_length);
	PROVE(address.value >= vm.base.value && address.value - vm.base.value < vm.size);
	ASSUME(piece_count < PIECES_MAX);
	leaf_found = nondet_bool();
	ASSUME(leaf_found || !touched || touched_page != align_down(address.value, PAGE_SIZE));
	if (!leaf_found)
		return STATUS_NOT_FOUND;
	ASSUME(size < 3);
	leaf_size = leaf->size = sizes[size];
	offset = address.value & (leaf_size - 1);
	leaf_address = leaf->address = hpa(nondet_u64());
	ASSUME(leaf->address.value < 1ULL << 56 && leaf->address.value != 0 &&
	       (leaf->address.value & (leaf_size - 1)) == offset);
	leaf->prot = PROT_RWX;
	touched = true;
	touched_page = align_down(address.value, PAGE_SIZE);
	return STATUS_OK;
}

/* Each piece is the next one of the range and of the buffer, and lies in one leaf or one page. */
static void prove_piece(const void *ours, u64 length)
{
	u64 at = asked + done;
	u64 size = leaf_found ? leaf_size : PAGE_SIZE;

	PROVE(length > 0 && length <= asked_length - done);
	PROVE(ours == buffer + done);
	PROVE(align_down(at, size) == align_down(at + (length - 1), size));
	/* All of it, or up to the end of the leaf. */
	PROVE(length == asked_length - done || is_aligned(at + length, size));
	done += length;
	piece_count++;
}

static bool reading;

void *memcpy(void *to, const void *from, size_t length)
{
	const void *ram = reading ? from : to;

	PROVE(leaf_found && (u64)ram == leaf_address.value);
	prove_piece(reading ? to : from, length);
	return to;
}

void *memset(void *to, int byte, size_t length)
{
	PROVE(reading && !leaf_found && byte == 0);
	prove_piece(to, length);
	return to;
}

void lock_acquire(struct lock *lock)
{
	PROVE(lock == &vm.lock && lock->serving == 0);
	lock->serving = 1;
}

void lock_release(struct lock *lock)
{
	PROVE(lock == &vm.lock && lock->serving == 1);
	lock->serving = 0;
}

/* Pages to give, and tables, are there or not; somebody else may be giving that block. */
enum status page_alloc_zeroed(unsigned order, hpa_t *block)
{
	PROVE(order <= PAGE_ORDER_MAX && vm.lock.serving == 0);
	*block = hpa(nondet_u64());
	return nondet_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

void page_free(hpa_t block, unsigned order)
{
	(void)block;
	PROVE(order <= PAGE_ORDER_MAX);
}

enum status gstage_find(const struct gstage *gs, gpa_t from, gpa_t end, gpa_t *start,
			struct gstage_leaf *leaf)
{
	(void)gs, (void)start, (void)leaf;
	PROVE(guest_memory_contains(&vm, from, end.value - from.value));
	return nondet_bool() ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status gstage_map(struct gstage *gs, gpa_t address, hpa_t target, u64 length, enum prot prot,
		       u64 max_leaf)
{
	(void)gs, (void)target, (void)prot, (void)max_leaf;
	/* Nothing is mapped that is not RAM. */
	PROVE(vm.lock.serving == 1 && is_aligned(address.value, length) &&
	      guest_memory_contains(&vm, address, length));
	if (nondet_bool())
		return STATUS_NO_MEMORY;
	touched = true;
	touched_page = align_down(asked + done, PAGE_SIZE);
	PROVE(touched_page >= address.value && touched_page - address.value < length);
	return STATUS_OK;
}

static unsigned pause_count;

void hw_pause(void)
{
	ASSUME(++pause_count < 2);
}

static void begin_copy(void)
{
	vm = any_memory();
	list_init(&vm.gifts);
	asked = nondet_u64();
	asked_length = nondet_u64();
	/* As much as the hypervisor could have a buffer for. */
	ASSUME(asked_length < 1ULL << 50);
	buffer = malloc(asked_length);
	ASSUME(buffer != NULL);
}

/* cbmc: --unwind 3 */
void prove_reading_stays_in_ram_leaf_and_buffer(void)
{
	begin_copy();
	reading = true;
	bool inside = guest_memory_contains(&vm, gpa(asked), asked_length);
	enum status status = guest_memory_read(&vm, gpa(asked), (char *)buffer, asked_length);

	PROVE((status == STATUS_OK) == inside);
	PROVE(status == STATUS_OK ? done == asked_length : done == 0);
	PROVE(vm.lock.serving == 0);
	REACH(done > MIB(2));
	REACH(status != STATUS_OK);
}
