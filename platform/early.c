/* SPDX-License-Identifier: BSD-2-Clause */
/* RAM at boot: the regions that are free, from which stacks and page tables are cut. It belongs to
 * the boot hart, so there is no lock. */
#include "platform/early.h"

#include "hyp/log.h"

static struct region_set free_set;
static u64 preferred_from;

void early_init(const struct region_set *free_ram, u64 image_end)
{
	free_set = *free_ram;
	preferred_from = image_end;
}

void *early_allocate(u64 size, u64 alignment)
{
	u64 base;

	if (!region_find(&free_set, preferred_from, size, alignment, &base) &&
	    !region_find(&free_set, 0, size, alignment, &base))
		return NULL;
	region_remove(&free_set, base, size);
	return (void *)base;
}

static u64 total(const struct hw_region *regions, unsigned count)
{
	u64 sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += regions[i].size;
	return sum;
}

unsigned early_finish(u64 limit, struct hw_region *out, unsigned max)
{
	u64 all = total(free_set.regions, free_set.count);
	unsigned count;
	u64 unused;

	region_remove(&free_set, limit, REGION_LIMIT - limit);
	count = region_copy_largest(&free_set, out, max);
	unused = all - total(out, count);
	if (unused != 0)
		log_info("%llu KiB of RAM stay unused: out of reach, or in too many pieces",
			 (unsigned long long)(unused >> 10));
	return count;
}
