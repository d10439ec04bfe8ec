/* SPDX-License-Identifier: BSD-2-Clause */
/* The harts under /cpus (Devicetree Specification, "/cpus Node Properties"; the RISC-V binding). */
#include "platform/discover.h"

#include <libfdt.h>
#include <string.h>

#include "hyp/log.h"
#include "platform/tree.h"

/* The hart's own controller, to which PLICs refer; a child node of it. */
static u32 find_controller(const void *fdt, int cpu)
{
	int node;

	fdt_for_each_subnode(node, fdt, cpu)
	{
		if (fdt_node_check_compatible(fdt, node, "riscv,cpu-intc") == 0)
			return fdt_get_phandle(fdt, node);
	}
	return 0;
}

static bool is_known(const struct discovered *out, u64 id)
{
	for (unsigned i = 0; i < out->hart_count; i++) {
		if (out->harts[i].id == id)
			return true;
	}
	return false;
}

static void add_hart(const void *fdt, int node, u64 boot_id, struct discovered *out)
{
	struct discovered_hart *hart;
	u64 id, size;

	if (tree_reg(fdt, node, 0, &id, &size) != STATUS_OK) {
		if (tree_may_complain())
			log_error("device tree: %s: reg makes no sense; this hart is not used",
				  tree_path(fdt, node));
		return;
	}
	if (is_known(out, id)) {
		if (tree_may_complain())
			log_error(
				"device tree: %s: there is another hart %llu; this one is not used",
				tree_path(fdt, node), (unsigned long long)id);
		return;
	}
	if (out->hart_count == HW_HART_MAX) {
		u64 spare = id == boot_id ? out->harts[--out->hart_count].id : id;

		if (tree_may_complain())
			log_info("hart %llu is one more than the %u that can be used",
				 (unsigned long long)spare, HW_HART_MAX);
		if (spare == id)
			return;
	}
	hart = &out->harts[out->hart_count++];
	hart->id = id;
	hart->node = node;
	hart->controller = find_controller(fdt, node);
	hart->plic_context = -1;
}

/* The frequency of the time CSR, once for all harts or in each of them. */
static bool find_timebase(const void *fdt, int cpus, struct discovered *out)
{
	bool found = tree_number(fdt, cpus, "timebase-frequency", &out->timebase_hz);

	for (unsigned i = 0; !found && i < out->hart_count; i++)
		found = tree_number(fdt, out->harts[i].node, "timebase-frequency",
				    &out->timebase_hz);
	return found && out->timebase_hz != 0;
}

enum status discover_harts(const void *fdt, u64 boot_id, struct discovered *out)
{
	int cpus = fdt_path_offset(fdt, "/cpus");
	int node;

	if (cpus < 0) {
		log_error("device tree: there is no node /cpus");
		return STATUS_NOT_FOUND;
	}
	fdt_for_each_subnode(node, fdt, cpus)
	{
		if (!tree_has_string(fdt, node, "device_type", "cpu") || !tree_is_okay(fdt, node))
			continue;
		tree_note_child(fdt, cpus, node);
		add_hart(fdt, node, boot_id, out);
	}
	if (!find_timebase(fdt, cpus, out)) {
		log_error("device tree: /cpus: there is no timebase-frequency");
		return STATUS_NOT_FOUND;
	}
	return STATUS_OK;
}
