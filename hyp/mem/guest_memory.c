/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RAM of a VM. Owns the pages behind its leaves. memory->lock guards the tables, gifts and
 * page_count; base and size never change before guest_memory_destroy_step(), which moves base past
 * what is gone. The tables themselves are gstage.c's business, fences those of whoever runs the
 * vCPUs.
 *
 * A page once given stays where it is until guest_memory_destroy_step(), which runs when no vCPU
 * does. So an address that was looked up under the lock stays good after the lock is released, and
 * zeroing and copying are done outside it.
 */
#include "hyp/mem/guest_memory.h"

#include <string.h>

#include "hyp/check.h"
#include "hyp/hw.h"
#include "hyp/mem/page.h"

/* Leaves that one guest_memory_destroy_step() takes out. */
#define DESTROY_STEP_COUNT 64

/* What one guest_memory_pin_step() zeroes. */
#define PIN_STEP_SIZE MIB(2)

enum status guest_memory_create(struct guest_memory *memory, gpa_t base, u64 size,
				enum hw_gstage_mode mode)
{
	u64 space = gstage_space_size(mode);

	if (space == 0)
		return STATUS_UNSUPPORTED;
	if (size == 0 || !is_aligned(base.value, PAGE_SIZE) || !is_aligned(size, PAGE_SIZE) ||
	    !range_contains(0, space, base.value, size))
		return STATUS_INVALID;

	lock_init(&memory->lock, LOCK_MEMORY);
	memory->base = base;
	memory->size = size;
	memory->page_count = 0;
	list_init(&memory->gifts);
	memory->pinned = 0;
	memory->has_pin_block = false;
	return gstage_create(&memory->gstage, mode);
}

bool guest_memory_contains(const struct guest_memory *memory, gpa_t address, u64 length)
{
	return range_contains(memory->base.value, memory->size, address.value, length);
}

static u64 block_size(unsigned order)
{
	return PAGE_SIZE << order;
}

static unsigned order_of_leaf(u64 size)
{
	return lowest_bit(size) - PAGE_SHIFT;
}

/* The block of that order around an address of RAM. False if it reaches beyond RAM. */
static bool block_around(const struct guest_memory *memory, gpa_t address, unsigned order,
			 gpa_t *start)
{
	*start = gpa(align_down(address.value, block_size(order)));
	return guest_memory_contains(memory, *start, block_size(order));
}

/* A block that a hart has set out to give. It lives on that hart's stack, in memory->gifts, while
 * the hart finds and zeroes the pages without holding the lock. */
struct gift {
	struct list link;
	gpa_t start;
	unsigned order;
};

static bool is_being_given_locked(struct guest_memory *memory, gpa_t start, unsigned order)
{
	u64 end = start.value + block_size(order);

	for (struct list *node = memory->gifts.next; node != &memory->gifts; node = node->next) {
		const struct gift *gift = container_of(node, struct gift, link);

		if (gift->start.value < end &&
		    start.value < gift->start.value + block_size(gift->order))
			return true;
	}
	return false;
}

/* A block of that order around an address of RAM in which nothing is mapped, nor about to be. */
static bool is_open_locked(struct guest_memory *memory, gpa_t address, unsigned order, u64 empty,
			   gpa_t *start)
{
	return block_size(order) <= empty && block_around(memory, address, order, start) &&
	       !is_being_given_locked(memory, *start, order);
}

enum finding { PRESENT, BEGUN, BUSY };

/*
 * Sets out to give a block around an address at which nothing is mapped: of max_order, or just a
 * page. BUSY: another hart is about to.
 *
 * That a place is given by one hart only means that no VM takes pages, not even for a moment,
 * beyond its own RAM and tables, which others may need.
 */
static enum finding begin_gift(struct guest_memory *memory, gpa_t address, unsigned max_order,
			       struct gift *gift)
{
	struct gstage_leaf leaf;
	enum finding finding = BEGUN;

	lock_acquire(&memory->lock);
	if (gstage_walk(&memory->gstage, address, &leaf) == STATUS_OK)
		finding = PRESENT;
	else if (is_open_locked(memory, address, max_order, leaf.size, &gift->start))
		gift->order = max_order;
	else if (is_open_locked(memory, address, PAGE_ORDER_4K, leaf.size, &gift->start))
		gift->order = PAGE_ORDER_4K;
	else
		finding = BUSY;
	if (finding == BEGUN)
		list_push_back(&memory->gifts, &gift->link);
	lock_release(&memory->lock);
	return finding;
}

/* Gives it. STATUS_NO_MEMORY: no block, or no table for it. */
static enum status give(struct guest_memory *memory, struct gift *gift)
{
	u64 size = block_size(gift->order);
	hpa_t block;
	enum status status = page_alloc_zeroed(gift->order, &block);
	bool allocated = status == STATUS_OK;

	/* The entry is written with release, so the zeroes are visible before it is. */
	lock_acquire(&memory->lock);
	if (allocated)
		status = gstage_map(&memory->gstage, gift->start, block, size, PROT_RWX, size);
	if (status == STATUS_OK)
		memory->page_count += 1ULL << gift->order;
	list_remove(&gift->link);
	lock_release(&memory->lock);

	if (allocated && status != STATUS_OK)
		page_free(block, gift->order);
	return status;
}

enum status guest_memory_touch(struct guest_memory *memory, gpa_t address, bool *fresh)
{
	unsigned max_order = PAGE_ORDER_2M;
	bool ignored;

	if (fresh == NULL)
		fresh = &ignored;
	*fresh = false;
	if (!guest_memory_contains(memory, address, 1))
		return STATUS_NOT_FOUND;

	for (;;) {
		struct gift gift;
		enum finding finding = begin_gift(memory, address, max_order, &gift);

		if (finding == PRESENT)
			return STATUS_OK;
		if (finding == BUSY) {
			/* No longer than it takes to zero one block. */
			hw_pause();
			continue;
		}
		enum status status = give(memory, &gift);

		*fresh = status == STATUS_OK;
		if (*fresh || gift.order == PAGE_ORDER_4K)
			return status;
		max_order = PAGE_ORDER_4K;
	}
}

/* The largest block that begins at the place to be pinned next, fits, and is to be had. */
static enum status take_pin_block(struct guest_memory *memory)
{
	static const unsigned orders[] = {PAGE_ORDER_1G, PAGE_ORDER_2M, PAGE_ORDER_4K};
	u64 address = memory->base.value + memory->pinned;

	for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
		u64 size = block_size(orders[i]);

		if (!is_aligned(address, size) || size > memory->size - memory->pinned ||
		    page_alloc(orders[i], &memory->pin_block) != STATUS_OK)
			continue;
		memory->pin_order = orders[i];
		memory->pin_zeroed = 0;
		memory->has_pin_block = true;
		return STATUS_OK;
	}
	return STATUS_NO_MEMORY;
}

static enum status map_pin_block(struct guest_memory *memory)
{
	gpa_t start = gpa(memory->base.value + memory->pinned);
	u64 size = block_size(memory->pin_order);

	lock_acquire(&memory->lock);
	enum status status =
		gstage_map(&memory->gstage, start, memory->pin_block, size, PROT_RWX, size);

	if (status == STATUS_OK) {
		memory->page_count += 1ULL << memory->pin_order;
		memory->has_pin_block = false;
	}
	lock_release(&memory->lock);
	if (status == STATUS_OK)
		memory->pinned += size;
	return status;
}

enum status guest_memory_pin_step(struct guest_memory *memory, bool *done)
{
	*done = memory->pinned == memory->size;
	if (*done)
		return STATUS_OK;
	if (!memory->has_pin_block)
		return take_pin_block(memory);
	u64 left = block_size(memory->pin_order) - memory->pin_zeroed;
	u64 piece = min_u64(left, PIN_STEP_SIZE);

	hw_zero_pages((char *)hw_ram(memory->pin_block) + memory->pin_zeroed, piece);
	memory->pin_zeroed += piece;
	return piece == left ? map_pin_block(memory) : STATUS_OK;
}

/* Unmaps the first leaves and gives their pages back. Returns how many there were. */
static unsigned destroy_leaves_locked(struct guest_memory *memory)
{
	struct gstage_leaf leaves[DESTROY_STEP_COUNT];
	hpa_t tables = GSTAGE_NO_TABLES;
	gpa_t base = memory->base;
	gpa_t end = gpa(base.value + memory->size);
	gpa_t start;
	unsigned count = 0;

	while (count < DESTROY_STEP_COUNT &&
	       gstage_find(&memory->gstage, memory->base, end, &start, &leaves[count]) == STATUS_OK)
		memory->base = gpa(start.value + leaves[count++].size);
	if (count == 0)
		return 0;
	memory->size = end.value - memory->base.value;

	/* Only whole leaves, so nothing is split and this cannot fail. No hart has used this VMID
	 * since the vCPUs were put, and whoever gets it next fences first: tables and pages may be
	 * used again at once. */
	enum status status =
		gstage_unmap(&memory->gstage, base, memory->base.value - base.value, &tables);

	CHECK(status == STATUS_OK);
	gstage_free_tables(&memory->gstage, tables);
	for (unsigned i = 0; i < count; i++) {
		page_free(leaves[i].address, order_of_leaf(leaves[i].size));
		memory->page_count -= leaves[i].size >> PAGE_SHIFT;
	}
	return count;
}

bool guest_memory_destroy_step(struct guest_memory *memory)
{
	lock_acquire(&memory->lock);
	CHECK(list_is_empty(&memory->gifts));
	bool done = destroy_leaves_locked(memory) == 0;

	if (done) {
		CHECK(memory->page_count == 0);
		if (memory->has_pin_block)
			page_free(memory->pin_block, memory->pin_order);
		memory->has_pin_block = false;
		gstage_destroy(&memory->gstage);
		memory->size = 0;
	}
	lock_release(&memory->lock);
	return done;
}

void guest_memory_destroy(struct guest_memory *memory)
{
	while (!guest_memory_destroy_step(memory))
		;
}

/* The piece of a range that one leaf backs, or one untouched page. NULL when untouched. */
static char *find_piece(struct guest_memory *memory, gpa_t address, u64 length, u64 *piece)
{
	struct gstage_leaf leaf;

	lock_acquire(&memory->lock);
	enum status status = gstage_walk(&memory->gstage, address, &leaf);
	lock_release(&memory->lock);

	u64 size = status == STATUS_OK ? leaf.size : PAGE_SIZE;

	*piece = min_u64(length, size - (address.value & (size - 1)));
	return status == STATUS_OK ? hw_ram(leaf.address) : NULL;
}

enum status guest_memory_read(struct guest_memory *memory, gpa_t from, void *to, u64 length)
{
	char *out = to;

	if (!guest_memory_contains(memory, from, length))
		return STATUS_INVALID;
	while (length > 0) {
		u64 piece;
		const char *ram = find_piece(memory, from, length, &piece);

		/* Nobody has written to an untouched page: it need not be given to be read. */
		if (ram != NULL)
			memcpy(out, ram, piece);
		else
			memset(out, 0, piece);
		out += piece;
		from.value += piece;
		length -= piece;
	}
	/* The compiler may not go back to the source, which the guest can change, for what the
	 * caller believes to be the copy. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return STATUS_OK;
}

typedef u32 __attribute__((may_alias)) word_t;
typedef u64 __attribute__((may_alias)) double_word_t;

/* Images in a bundle are aligned to 4 bytes and no more (Devicetree Specification, "Lexical
 * structure"), RAM is to 8: memcpy() would go byte by byte, and they are what takes longest between
 * the machine's start and the guest's. */
static void copy(char *to, const char *from, u64 length)
{
	if (((u64)to & 7) == 0 && ((u64)from & 7) == 4) {
		const word_t *in = (const word_t *)from;
		double_word_t *out = (double_word_t *)to;
		u64 count = length / 8;

		for (u64 i = 0; i < count; i++)
			out[i] = in[2 * i] | (u64)in[2 * i + 1] << 32;
		to += 8 * count;
		from += 8 * count;
		length -= 8 * count;
	}
	memcpy(to, from, length);
}

enum status guest_memory_write(struct guest_memory *memory, gpa_t to, const void *from, u64 length)
{
	const char *in = from;

	if (!guest_memory_contains(memory, to, length))
		return STATUS_INVALID;
	while (length > 0) {
		enum status status = guest_memory_touch(memory, to, NULL);
		u64 piece;

		if (status != STATUS_OK)
			return status;

		char *ram = find_piece(memory, to, length, &piece);

		CHECK(ram != NULL);
		copy(ram, in, piece);
		in += piece;
		to.value += piece;
		length -= piece;
	}
	return STATUS_OK;
}
