/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A priority queue of nodes that live in the queued things themselves: a leftist heap (Crane 1972;
 * Knuth, The Art of Computer Programming 3, 5.2.3). With links to the parents any node can be taken
 * out, not only the first, and all three operations take O(log n) steps in the worst case, not on
 * average. The lock that guards a heap is its owner's business.
 *
 * Keys are compared as differences, so that they may wrap: all keys of one heap lie within 2^63 of
 * each other. Of equal keys the one that came first is first.
 */
#pragma once

#include "hyp/types.h"

struct heap_node {
	struct heap_node *parent, *left, *right;
	u64 key;
	u64 sequence; /* among equal keys */
	u32 rank;     /* length of the path to the right, to the first node without a child there */
};

struct heap {
	struct heap_node *root;
	u64 sequence; /* the next one */
	u32 count;
#ifdef HW_TEST
	u64 steps; /* that were needed so far */
#endif
};

static inline void heap_init(struct heap *heap)
{
	*heap = (struct heap){0};
}

/* The node with the smallest key, NULL if there is none. */
static inline struct heap_node *heap_first(const struct heap *heap)
{
	return heap->root;
}

void heap_insert(struct heap *heap, struct heap_node *node, u64 key);
void heap_remove(struct heap *heap, struct heap_node *node);

/* Visits all nodes, heap_first() being the start and NULL the end: each one before those below
 * it, otherwise in no order. The heap must not change meanwhile. */
struct heap_node *heap_next(const struct heap_node *node);
