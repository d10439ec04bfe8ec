/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all harts in use have in common: hw_machine() as hyp/ will see it. The boot hart fills it in
 * once all harts have probed themselves; constant afterwards.
 */
#include "platform/machine.h"

#include <string.h>

#include "hyp/log.h"
#include "platform/hostsbi.h"
#include "platform/isalist.h"
#include "platform/tree.h"

struct hw_machine machine;

static struct isalist isa;

/* Names to be struck off when the feature did not pass. */
static const struct {
	u32 feature;
	const char *name;
} feature_names[] = {
	{HW_FEATURE_SSTC, "sstc"},
	{HW_FEATURE_SVPBMT, "svpbmt"},
	{HW_FEATURE_SVADU, "svadu"},
	{HW_FEATURE_ZICBOM, "zicbom"},
	{HW_FEATURE_ZICBOZ, "zicboz"},
	{HW_FEATURE_SMSTATEEN, "smstateen"},
	{HW_FEATURE_SMSTATEEN, "ssstateen"},
	{HW_FEATURE_F, "f"},
	{HW_FEATURE_D, "d"},
	{HW_FEATURE_V, "v"},
	{HW_FEATURE_SVINVAL, "svinval"},
	{HW_FEATURE_SVNAPOT, "svnapot"},
};

const struct hw_machine *hw_machine(void)
{
	return &machine;
}

/* A value that must be the same everywhere for the feature to be of use. */
static unsigned agree(unsigned ours, unsigned theirs, enum hw_feature feature)
{
	if (ours != theirs)
		machine.features &= ~(u32)feature;
	return ours;
}

static unsigned cbom_block_size(const void *fdt, const struct hart *hart)
{
	u32 size;

	if (!tree_u32(fdt, hart->node, "riscv,cbom-block-size", &size) ||
	    (size & (size - 1)) != 0 || size > PAGE_SIZE)
		return 0;
	return size;
}

static void intersect(const void *fdt, struct hart *const *harts, unsigned count)
{
	const struct probe_result *first = &harts[0]->probe;
	unsigned vs_modes = first->vs_modes;

	machine.features = first->features;
	machine.gstage_modes = first->gstage_modes;
	machine.vmid_bits = first->vmid_bits;
	machine.vlenb = first->vlenb;
	machine.cboz_block_size = first->cboz_block_size;
	machine.cbom_block_size = cbom_block_size(fdt, harts[0]);
	machine.hedeleg = first->hedeleg;
	machine.hideleg = first->hideleg;
	for (unsigned i = 1; i < count; i++) {
		const struct probe_result *other = &harts[i]->probe;

		machine.features &= other->features;
		machine.gstage_modes &= other->gstage_modes;
		if (other->vmid_bits < machine.vmid_bits)
			machine.vmid_bits = other->vmid_bits;
		agree(machine.vlenb, other->vlenb, HW_FEATURE_V);
		agree(machine.cboz_block_size, other->cboz_block_size, HW_FEATURE_ZICBOZ);
		agree(machine.cbom_block_size, cbom_block_size(fdt, harts[i]), HW_FEATURE_ZICBOM);
		machine.hedeleg &= other->hedeleg;
		machine.hideleg &= other->hideleg;
		vs_modes &= other->vs_modes;
	}
	machine.mmu_type = vs_modes & 1U << 10	? "riscv,sv57"
			   : vs_modes & 1U << 9 ? "riscv,sv48"
						: "riscv,sv39";
}

static void name_isa(const void *fdt, struct hart *const *harts, unsigned count)
{
	static struct isalist other;

	isalist_init(&isa);
	isalist_read(&isa, fdt, harts[0]->node);
	for (unsigned i = 1; i < count; i++) {
		if (isalist_is_same(fdt, harts[i]->node, harts[0]->node))
			continue;
		isalist_init(&other);
		isalist_read(&other, fdt, harts[i]->node);
		isalist_intersect(&isa, &other);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(feature_names); i++) {
		if ((machine.features & feature_names[i].feature) == 0)
			isalist_remove(&isa, feature_names[i].name);
	}
	machine.isa_names = isa.names;
}

void machine_describe(const void *fdt, struct hart *const *harts, unsigned count)
{
	machine.hart_count = count;
	for (unsigned i = 0; i < count; i++)
		machine.hart_id[i] = harts[i]->id;
	intersect(fdt, harts, count);
	if (machine.cbom_block_size == 0)
		machine.features &= ~(u32)HW_FEATURE_ZICBOM;
	if (!hw_has(HW_FEATURE_ZICBOM))
		machine.cbom_block_size = 0;
	if (!hw_has(HW_FEATURE_ZICBOZ))
		machine.cboz_block_size = 0;
	if (!hw_has(HW_FEATURE_V))
		machine.vlenb = 0;
	name_isa(fdt, harts, count);
	machine.mvendorid = hostsbi_mvendorid();
	machine.marchid = hostsbi_marchid();
	machine.mimpid = hostsbi_mimpid();
}
