/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns nothing. Paths to the right are at most log2(n + 1) nodes long, and a merge walks only such
 * paths. After a removal, ranks above it change only as long as they grow by one a step, which
 * again is no more often than the largest rank.
 */
#include "hyp/heap.h"

#ifdef HW_TEST
#define COUNT_STEP(heap) ((heap)->steps++)
#else
#define COUNT_STEP(heap) ((void)(heap))
#endif

static bool is_before(const struct heap_node *a, const struct heap_node *b)
{
	return a->key == b->key ? (s64)(a->sequence - b->sequence) < 0 : (s64)(a->key - b->key) < 0;
}

static u32 rank_of(const struct heap_node *node)
{
	return node ? node->rank : 0;
}

/* Puts the child with the longer path to the right on the left. False: nothing changed. */
static bool settle(struct heap_node *node)
{
	if (rank_of(node->left) < rank_of(node->right)) {
		struct heap_node *left = node->left;

		node->left = node->right;
		node->right = left;
	}
	u32 rank = rank_of(node->right) + 1;

	if (node->rank == rank)
		return false;
	node->rank = rank;
	return true;
}

/* Down along the right paths of both, always on with the smaller node, and back up. */
static NOINLINE struct heap_node *merge_both(struct heap *heap, struct heap_node *a,
					     struct heap_node *b)
{
	struct heap_node top = {0}, *tail = &top;

	while (a && b) {
		if (is_before(b, a)) {
			struct heap_node *smaller = b;

			b = a;
			a = smaller;
		}
		tail->right = a;
		a->parent = tail;
		tail = a;
		a = a->right;
		COUNT_STEP(heap);
	}
	tail->right = a ? a : b;
	tail->right->parent = tail;
	for (; tail != &top; tail = tail->parent) {
		settle(tail);
		COUNT_STEP(heap);
	}
	top.right->parent = NULL;
	return top.right;
}

/* One alone stays as it is. */
static struct heap_node *merge(struct heap *heap, struct heap_node *a, struct heap_node *b)
{
	if (a && b)
		return merge_both(heap, a, b);
	return a ? a : b;
}

void heap_insert(struct heap *heap, struct heap_node *node, u64 key)
{
	*node = (struct heap_node){.key = key, .sequence = heap->sequence++, .rank = 1};
	heap->root = merge(heap, heap->root, node);
	heap->count++;
}

static void replace(struct heap *heap, struct heap_node *node, struct heap_node *by)
{
	struct heap_node *parent = node->parent;

	if (by)
		by->parent = parent;
	if (!parent)
		heap->root = by;
	else if (parent->left == node)
		parent->left = by;
	else
		parent->right = by;
	for (; parent && settle(parent); parent = parent->parent)
		COUNT_STEP(heap);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	replace(heap, node, merge(heap, node->left, node->right));
	*node = (struct heap_node){0};
	heap->count--;
}

struct heap_node *heap_next(const struct heap_node *node)
{
	if (node->left)
		return node->left; /* no node has a right child alone */
	for (; node->parent; node = node->parent)
		if (node->parent->right && node->parent->right != node)
			return node->parent->right;
	return NULL;
}
