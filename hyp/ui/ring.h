/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes in a ring, by positions that only grow: the newest `size` bytes stay readable after they
 * have been taken, until others need the room. Guarded by whoever owns the ring.
 */
#pragma once

#include <string.h>

#include "hyp/types.h"

struct ring {
	u8 *bytes;
	u32 size;  /* a power of two */
	u64 start; /* position of the next byte to take */
	u64 end;   /* position of the next byte to come */
};

static inline size_t ring_count(const struct ring *ring)
{
	return ring->end - ring->start;
}

static inline size_t ring_room(const struct ring *ring)
{
	return ring->size - ring_count(ring);
}

/* The oldest byte that is still there, taken or not. */
static inline u64 ring_oldest(const struct ring *ring)
{
	return ring->end > ring->size ? ring->end - ring->size : 0;
}

static inline u8 ring_at(const struct ring *ring, u64 position)
{
	return ring->bytes[position & (ring->size - 1)];
}

/* length is no more than the ring's size. */
static inline void ring_copy_in(struct ring *ring, const u8 *bytes, size_t length)
{
	size_t at = ring->end & (ring->size - 1);
	size_t first = min_u64(length, ring->size - at);

	memcpy(ring->bytes + at, bytes, first);
	memcpy(ring->bytes, bytes + first, length - first);
	ring->end += length;
}

/* Puts in what there is room for and returns how much that is. */
static inline size_t ring_push(struct ring *ring, const u8 *bytes, size_t length)
{
	size_t taken = min_u64(length, ring_room(ring));

	ring_copy_in(ring, bytes, taken);
	return taken;
}

/* Puts all of it in, the oldest making room, and returns how many bytes are lost that way. */
static inline size_t ring_overwrite(struct ring *ring, const u8 *bytes, size_t length)
{
	size_t skipped = length > ring->size ? length - ring->size : 0;
	u64 start = ring->start;

	ring->end += skipped;
	ring_copy_in(ring, bytes + skipped, length - skipped);
	ring->start = max_u64(start, ring_oldest(ring));
	return ring->start - start;
}

/* The oldest bytes not taken yet, as far as they lie side by side. */
static inline size_t ring_front(const struct ring *ring, const u8 **bytes)
{
	size_t at = ring->start & (ring->size - 1);

	*bytes = ring->bytes + at;
	return min_u64(ring_count(ring), ring->size - at);
}

/* Copies the oldest bytes without taking them; returns how many. */
static inline size_t ring_peek(const struct ring *ring, u8 *bytes, size_t length)
{
	size_t count = min_u64(length, ring_count(ring));

	for (size_t i = 0; i < count; i++)
		bytes[i] = ring_at(ring, ring->start + i);
	return count;
}

/* Takes the oldest bytes, of which there are at least so many. */
static inline void ring_drop(struct ring *ring, size_t count)
{
	ring->start += count;
}
