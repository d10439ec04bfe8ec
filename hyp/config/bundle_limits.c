/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VM may have of the harts: from the bundle's words (hart ids, microseconds) to the
 * scheduler's (indexes, ticks), and whether all VMs' wishes go together. No state but the parser's.
 */
#include "hyp/config/bundle_internal.h"

#include "hyp/hw.h"

#define SHARES_MAX    10000
#define PERIOD_MIN    100 /* microseconds */
#define PERIOD_MAX    10000000
#define QUOTA_PER_CPU 100 /* percent */

static bool check_range(struct bundle_parser *parser, const struct bundle_property *property,
			u32 value, u32 least, u32 most)
{
	if (value < least || value > most)
		return bundle_fail(parser, "%s = %lu is not between %lu and %lu", property->name,
				   (unsigned long)value, (unsigned long)least, (unsigned long)most);
	return true;
}

bool bundle_check_shares(struct bundle_parser *parser, const struct bundle_property *property,
			 const void *object)
{
	const struct bundle_vm_node *node = object;

	return check_range(parser, property, node->vm.limits.shares, 1, SHARES_MAX);
}

bool bundle_check_budget(struct bundle_parser *parser, const struct bundle_property *property,
			 const void *object)
{
	const struct bundle_vm_node *node = object;

	return check_range(parser, property, node->rt_budget, 1, PERIOD_MAX);
}

bool bundle_check_period(struct bundle_parser *parser, const struct bundle_property *property,
			 const void *object)
{
	const struct bundle_vm_node *node = object;

	return check_range(parser, property, node->rt_period, PERIOD_MIN, PERIOD_MAX);
}

u64 bundle_ticks(u64 microseconds)
{
	u64 whole = hw_machine()->timebase_hz / 1000000, rest = hw_machine()->timebase_hz % 1000000;

	/* The timebase is the board's word: any number of 64 bits. */
	if (whole && microseconds > UINT64_MAX / 2 / whole)
		return UINT64_MAX / 2;
	return max_u64(1, microseconds * whole + microseconds * rest / 1000000);
}

static u64 harts_in_use(void)
{
	unsigned count = hw_machine()->hart_count;

	return count == 64 ? UINT64_MAX : BIT(count) - 1;
}

static bool find_hart(u64 id, unsigned *index)
{
	for (*index = 0; *index < hw_machine()->hart_count; ++*index)
		if (hw_machine()->hart_id[*index] == id)
			return true;
	return false;
}

static void set_harts(struct bundle_parser *parser, struct bundle_vm_node *node)
{
	u64 *harts = &node->vm.limits.harts;

	if (node->harts.count > HW_HART_MAX) {
		(void)bundle_fail(parser, "harts has %lu ids, more than %lu",
				  (unsigned long)node->harts.count, (unsigned long)HW_HART_MAX);
		return;
	}
	for (u32 i = 0; i < node->harts.count; i++) {
		unsigned long id = bundle_cell(&node->harts, i);
		unsigned index;

		if (!find_hart(id, &index))
			(void)bundle_fail(parser, "harts: no hart in use has the id %lu", id);
		else if (*harts & BIT(index))
			(void)bundle_fail(parser, "harts: hart %lu is given twice", id);
		else
			*harts |= BIT(index);
	}
}

static void set_real_time(struct bundle_parser *parser, struct bundle_vm_node *node)
{
	struct sched_limits *limits = &node->vm.limits;

	if (!node->rt_budget && !node->rt_period)
		return;
	if (!node->rt_budget)
		(void)bundle_fail(parser, "rt-period needs rt-budget, the time in each period");
	else if (!node->rt_period)
		(void)bundle_fail(parser, "rt-budget needs rt-period, how often there is so much");
	else if (node->rt_budget > node->rt_period)
		(void)bundle_fail(parser, "rt-budget = %lu is more than rt-period = %lu",
				  (unsigned long)node->rt_budget, (unsigned long)node->rt_period);
	if (limits->quota)
		(void)bundle_fail(parser, "quota does not go with rt-budget: a cap could withhold "
					  "the time that the budget promises");
	limits->rt_budget = bundle_ticks(node->rt_budget);
	limits->rt_period = bundle_ticks(node->rt_period);
}

void bundle_set_limits(struct bundle_parser *parser, struct bundle_vm_node *node)
{
	struct sched_limits *limits = &node->vm.limits;
	u32 cpus = node->vm.cpus;

	if (limits->quota > QUOTA_PER_CPU * cpus)
		(void)bundle_fail(parser, "quota = %lu is more than %lu, 100 for each of its cpus",
				  (unsigned long)limits->quota,
				  (unsigned long)(QUOTA_PER_CPU * cpus));
	if (limits->dedicated && node->harts.count == 0)
		(void)bundle_fail(parser, "dedicated needs harts, which says what is dedicated");
	else if (limits->dedicated && node->harts.count < cpus)
		(void)bundle_fail(parser,
				  "dedicated: harts has fewer ids (%lu) than cpus says (%lu)",
				  (unsigned long)node->harts.count, (unsigned long)cpus);
	set_harts(parser, node);
	set_real_time(parser, node);
}

/* ------------------------------------------------------------------------------------------------
 * Between VMs.
 */

/* Who has which hart for itself. */
struct dedication {
	u64 harts;
	const char *owner[HW_HART_MAX];
};

static unsigned long first_hart_id(u64 harts)
{
	return hw_machine()->hart_id[lowest_bit(harts)];
}

static bool dedicate(struct bundle_parser *parser, const struct bundle_vm *vm,
		     struct dedication *dedication)
{
	u64 harts = vm->limits.harts, twice = harts & dedication->harts;

	if (twice)
		return bundle_fail(parser, "harts: hart %lu is dedicated to the VM \"%s\" already",
				   first_hart_id(twice), dedication->owner[lowest_bit(twice)]);
	for (unsigned i = 0; i < HW_HART_MAX; i++)
		if (harts & BIT(i))
			dedication->owner[i] = vm->name;
	dedication->harts |= harts;
	return true;
}

/* A VM that shares its harts has those of them that nobody has for himself. */
static bool check_left(struct bundle_parser *parser, struct bundle_vm *vm,
		       const struct dedication *dedication)
{
	u64 *harts = &vm->limits.harts, lost = *harts & dedication->harts;

	if (*harts == 0 && (harts_in_use() & ~dedication->harts) == 0)
		return bundle_fail(parser,
				   "no hart is left for it: each is dedicated to another VM");
	if (*harts && *harts == lost)
		return bundle_fail(parser, "harts: each of them is dedicated to another VM");
	if (lost)
		bundle_report(parser, BUNDLE_WARNING,
			      "harts: hart %lu is not used, it is dedicated to the VM \"%s\"",
			      first_hart_id(lost), dedication->owner[lowest_bit(lost)]);
	*harts &= ~lost;
	return true;
}

void bundle_share_harts(struct bundle_parser *parser)
{
	struct dedication dedication = {0};

	for (u32 round = 0; round < 2; round++) {
		for (u32 i = 0; i < parser->vm_names.count; i++) {
			struct bundle_vm *vm = &parser->bundle->vms[i];
			struct bundle_record *record = &parser->records[i];

			if (!record->usable || vm->limits.dedicated != (round == 0))
				continue;
			parser->node = vm->name;
			record->usable = round == 0 ? dedicate(parser, vm, &dedication)
						    : check_left(parser, vm, &dedication);
		}
	}
	parser->node = NULL;
}
