/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of physical addresses. Nothing here is shared: a set belongs to its owner, and only the boot
 * hart has any. Runs on the host too, for the tests.
 */
#include "platform/region.h"

#include <string.h>

static u64 region_end(const struct hw_region *region)
{
	return region->base.value + region->size;
}

void region_clip(const u64 *base, u64 *size)
{
	if (*base >= REGION_LIMIT)
		*size = 0;
	else if (*size > REGION_LIMIT - *base)
		*size = REGION_LIMIT - *base;
}

static void delete_at(struct region_set *set, unsigned i)
{
	set->count--;
	memmove(&set->regions[i], &set->regions[i + 1], (set->count - i) * sizeof(set->regions[0]));
}

static void insert_at(struct region_set *set, unsigned i, u64 base, u64 size)
{
	memmove(&set->regions[i + 1], &set->regions[i], (set->count - i) * sizeof(set->regions[0]));
	set->regions[i] = (struct hw_region){hpa(base), size};
	set->count++;
}

enum status region_add(struct region_set *set, u64 base, u64 size)
{
	u64 end = base + size;
	unsigned i = 0;

	if (size == 0)
		return STATUS_OK;
	while (i < set->count && region_end(&set->regions[i]) < base)
		i++;
	if (set->count == REGION_SET_MAX && (i == set->count || set->regions[i].base.value > end))
		return STATUS_NO_MEMORY;
	while (i < set->count && set->regions[i].base.value <= end) {
		base = min_u64(base, set->regions[i].base.value);
		end = max_u64(end, region_end(&set->regions[i]));
		delete_at(set, i);
	}
	insert_at(set, i, base, end - base);
	return STATUS_OK;
}

/* Cuts the range out of region i, which it overlaps; advances *i past what is left. */
static u64 cut(struct region_set *set, unsigned *i, u64 base, u64 end)
{
	u64 old_base = set->regions[*i].base.value;
	u64 old_end = region_end(&set->regions[*i]);
	u64 below = base > old_base ? base - old_base : 0;
	u64 above = end < old_end ? old_end - end : 0;
	u64 lost = 0;

	delete_at(set, *i);
	if (below != 0 && above != 0 && set->count + 2 > REGION_SET_MAX) {
		lost = min_u64(below, above);
		if (below < above)
			below = 0;
		else
			above = 0;
	}
	if (below != 0)
		insert_at(set, (*i)++, old_base, below);
	if (above != 0)
		insert_at(set, (*i)++, end, above);
	return lost;
}

u64 region_remove(struct region_set *set, u64 base, u64 size)
{
	u64 end = base + size;
	u64 lost = 0;
	unsigned i = 0;

	if (size == 0)
		return 0;
	while (i < set->count) {
		if (region_end(&set->regions[i]) <= base || set->regions[i].base.value >= end)
			i++;
		else
			lost += cut(set, &i, base, end);
	}
	return lost;
}

bool region_contains(const struct region_set *set, u64 base, u64 size)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (range_contains(set->regions[i].base.value, set->regions[i].size, base, size))
			return true;
	}
	return false;
}

bool region_overlap(const struct region_set *set, unsigned i, u64 *base, u64 *size)
{
	u64 start = max_u64(*base, set->regions[i].base.value);
	u64 end = min_u64(*base + *size, region_end(&set->regions[i]));

	if (start >= end)
		return false;
	*base = start;
	*size = end - start;
	return true;
}

bool region_meets(const struct region_set *set, u64 base, u64 size)
{
	for (unsigned i = 0; i < set->count; i++) {
		u64 start = base, length = size;

		if (region_overlap(set, i, &start, &length))
			return true;
	}
	return false;
}

u64 region_truncate(struct region_set *set, u64 limit)
{
	unsigned kept = 0;
	u64 dropped = 0;

	for (unsigned i = 0; i < set->count; i++) {
		u64 size = min_u64(set->regions[i].size, limit);

		limit -= size;
		dropped += set->regions[i].size - size;
		set->regions[i].size = size;
		kept += size != 0;
	}
	set->count = kept;
	return dropped;
}

bool region_find(const struct region_set *set, u64 from, u64 size, u64 alignment, u64 *base)
{
	for (unsigned i = 0; i < set->count; i++) {
		u64 start = align_up(max_u64(from, set->regions[i].base.value), alignment);

		if (range_contains(set->regions[i].base.value, set->regions[i].size, start, size)) {
			*base = start;
			return true;
		}
	}
	return false;
}

void region_trim_to_pages(struct region_set *set)
{
	unsigned i = 0;

	while (i < set->count) {
		u64 base = align_up(set->regions[i].base.value, PAGE_SIZE);
		u64 end = align_down(region_end(&set->regions[i]), PAGE_SIZE);

		if (base >= end) {
			delete_at(set, i);
			continue;
		}
		set->regions[i] = (struct hw_region){hpa(base), end - base};
		i++;
	}
}

unsigned region_copy_largest(const struct region_set *set, struct hw_region *out, unsigned max)
{
	struct region_set rest = *set;

	while (rest.count > max) {
		unsigned smallest = 0;

		for (unsigned i = 1; i < rest.count; i++) {
			if (rest.regions[i].size < rest.regions[smallest].size)
				smallest = i;
		}
		delete_at(&rest, smallest);
	}
	memcpy(out, rest.regions, rest.count * sizeof(out[0]));
	return rest.count;
}
