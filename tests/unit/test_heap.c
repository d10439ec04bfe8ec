/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap against a plain array, and what its operations cost. */
#include "hyp/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/fake_random.h"

#define NODE_MAX 2048

static struct heap heap;
static struct heap_node nodes[NODE_MAX];
static bool present[NODE_MAX];
static struct fake_random seed;

static void start(u64 state)
{
	heap_init(&heap);
	memset(present, 0, sizeof(present));
	seed.state = state;
}

static void insert(unsigned i, u64 key)
{
	heap_insert(&heap, &nodes[i], key);
	present[i] = true;
}

static void remove_node(unsigned i)
{
	heap_remove(&heap, &nodes[i]);
	present[i] = false;
}

static u32 rank_of(const struct heap_node *node)
{
	return node ? node->rank : 0;
}

/* Order, links and ranks, of all nodes. */
static void check_heap(void)
{
	u32 count = 0;

	for (struct heap_node *node = heap_first(&heap); node; node = heap_next(node)) {
		count++;
		assert_true(present[node - nodes]);
		assert_true(rank_of(node->left) >= rank_of(node->right));
		assert_int_equal(node->rank, rank_of(node->right) + 1);
		assert_true(!node->left || node->left->parent == node);
		assert_true(!node->right || node->right->parent == node);
		if (node->parent)
			assert_true((s64)(node->key - node->parent->key) > 0 ||
				    (node->key == node->parent->key &&
				     node->sequence > node->parent->sequence));
	}
	assert_int_equal(count, heap.count);
}

/* By looking at all of them; the one that came first where keys are equal. */
static struct heap_node *find_first(u64 base)
{
	struct heap_node *first = NULL;

	for (unsigned i = 0; i < NODE_MAX; i++) {
		if (!present[i])
			continue;
		u64 key = nodes[i].key - base;

		if (!first || key < first->key - base ||
		    (key == first->key - base && nodes[i].sequence < first->sequence))
			first = &nodes[i];
	}
	return first;
}

static void random_operations_keep_the_smallest_first(void **state)
{
	(void)state;
	for (u64 round = 0; round < 30; round++) {
		start(round);
		unsigned count = 1 + (unsigned)fake_random_below(&seed, 60);
		u64 keys = 1 + fake_random_below(&seed, 40);

		for (unsigned step = 0; step < 600; step++) {
			unsigned i = (unsigned)fake_random_below(&seed, count);

			if (present[i])
				remove_node(i);
			else
				insert(i, fake_random_below(&seed, keys));
			check_heap();
			assert_ptr_equal(heap_first(&heap), find_first(0));
		}
	}
}

static void equal_keys_come_out_in_the_order_in_which_they_went_in(void **state)
{
	(void)state;
	start(1);
	for (unsigned i = 0; i < 100; i++)
		insert(i, 7);
	for (unsigned i = 0; i < 100; i += 3)
		remove_node(i);
	for (unsigned i = 0; i < 100; i++) {
		if (i % 3 == 0)
			continue;
		assert_ptr_equal(heap_first(&heap), &nodes[i]);
		remove_node(i);
	}
	assert_null(heap_first(&heap));
}

static void keys_may_wrap(void **state)
{
	const u64 base = UINT64_MAX - 50;

	(void)state;
	start(2);
	for (unsigned i = 0; i < 100; i++)
		insert(i, base + fake_random_below(&seed, 100));
	u64 last = base;

	while (heap_first(&heap)) {
		struct heap_node *first = heap_first(&heap);

		assert_true((s64)(first->key - last) >= 0);
		last = first->key;
		remove_node((unsigned)(first - nodes));
	}
}

/* Each operation, not only the average of them, for orders of insertion that make long paths. */
static void no_operation_takes_more_than_a_few_steps_for_each_doubling(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 3; order++) {
		u64 worst = 0;

		start(order);
		for (unsigned i = 0; i < NODE_MAX; i++) {
			u64 before = heap.steps;

			insert(i, order == 0   ? i
				  : order == 1 ? NODE_MAX - i
					       : fake_random_below(&seed, 1000));
			worst = heap.steps - before > worst ? heap.steps - before : worst;
		}
		for (unsigned i = 0; i < NODE_MAX; i++) {
			u64 before = heap.steps;
			unsigned victim = (unsigned)fake_random_below(&seed, NODE_MAX);

			remove_node(present[victim] ? victim
						    : (unsigned)(heap_first(&heap) - nodes));
			worst = heap.steps - before > worst ? heap.steps - before : worst;
		}
		/* Two paths to the right of at most 11 nodes, down and up, and the ranks above. */
		assert_true(worst <= 5 * 11);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_keep_the_smallest_first),
		cmocka_unit_test(equal_keys_come_out_in_the_order_in_which_they_went_in),
		cmocka_unit_test(keys_may_wrap),
		cmocka_unit_test(no_operation_takes_more_than_a_few_steps_for_each_doubling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
