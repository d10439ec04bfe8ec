/* SPDX-License-Identifier: BSD-2-Clause */
/* Heapsort, which needs neither memory nor luck, and binary search. */
#include "hyp/config/name_index.h"

#include <libfdt.h>
#include <string.h>

static bool comes_before(const struct name_index *index, u32 a, u32 b)
{
	int order = strcmp(index->entries[a].name, index->entries[b].name);

	return order < 0 || (order == 0 && a < b);
}

/* Lets the top of the heap [top, count) sink to where nothing below it is greater. */
static void sink(struct name_index *index, u32 top, u32 count)
{
	u32 *sorted = index->sorted, moving = sorted[top];

	for (;;) {
		u32 child = 2 * top + 1;

		if (child >= count)
			break;
		if (child + 1 < count && comes_before(index, sorted[child], sorted[child + 1]))
			child++;
		if (!comes_before(index, moving, sorted[child]))
			break;
		sorted[top] = sorted[child];
		top = child;
	}
	sorted[top] = moving;
}

static void sort(struct name_index *index)
{
	u32 i;

	for (i = index->count / 2; i > 0; i--)
		sink(index, i - 1, index->count);
	for (i = index->count; i > 1; i--) {
		u32 greatest = index->sorted[0];

		index->sorted[0] = index->sorted[i - 1];
		index->sorted[i - 1] = greatest;
		sink(index, 0, i - 1);
	}
}

enum status name_index_make(struct name_index *index, const void *blob, int node, u32 most)
{
	u32 count = 0, i = 0;
	enum status status;
	int child;

	*index = (struct name_index){0};
	fdt_for_each_subnode(child, blob, node)
	{
		if (count == most) {
			index->more = true;
			break;
		}
		count++;
	}
	status = store_alloc(&index->store,
			     (u64)count * (sizeof(*index->entries) + sizeof(*index->sorted)));
	if (status != STATUS_OK || count == 0)
		return status;
	index->entries = index->store.data;
	index->sorted = (u32 *)(index->entries + count);
	index->count = count;
	fdt_for_each_subnode(child, blob, node)
	{
		if (i == count)
			break;
		index->entries[i] = (struct name_entry){fdt_get_name(blob, child, NULL), child};
		index->sorted[i] = i;
		i++;
	}
	sort(index);
	return STATUS_OK;
}

bool name_index_find(const struct name_index *index, const char *name, u32 *number)
{
	u32 low = 0, high = index->count;

	/* The first that does not come before the name. */
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (strcmp(index->entries[index->sorted[middle]].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == index->count || strcmp(index->entries[index->sorted[low]].name, name) != 0)
		return false;
	*number = index->sorted[low];
	return true;
}

void name_index_drop(struct name_index *index)
{
	store_free(&index->store);
	*index = (struct name_index){0};
}
