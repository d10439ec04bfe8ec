/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole of discovery in order, and what is neither memory nor hart nor serial port. */
#include "platform/discover.h"

#include <libfdt.h>
#include <string.h>

#include "hyp/config/tree_check.h"
#include "hyp/log.h"
#include "platform/tree.h"

#define TREE_SIZE_MAX MIB(16) /* a sanity check only; trees of large machines have some 100 KiB */

const char *discover_check_tree(const void *fdt)
{
	if (fdt == NULL)
		return "is missing: the firmware passed none";
	if (!is_aligned((u64)(uintptr_t)fdt, 8))
		return "does not start at a multiple of 8";
	if (fdt_check_header(fdt) != 0)
		return "is broken: its header makes no sense";
	if (fdt_totalsize(fdt) > TREE_SIZE_MAX)
		return "is larger than 16 MiB";
	/* libfdt's own check takes any time, or for ever, with trees made so. */
	return tree_check(fdt, fdt_totalsize(fdt));
}

/* The initial RAM disk of /chosen is the VM bundle. Its being in RAM is checked here, as it is
 * mapped with the RAM; what is in it is none of the platform's business. */
static void discover_bundle(const void *fdt, int chosen, struct discovered *out)
{
	u64 start, end;

	if (fdt_getprop(fdt, chosen, "linux,initrd-start", NULL) == NULL)
		return;
	if (!tree_number(fdt, chosen, "linux,initrd-start", &start) ||
	    !tree_number(fdt, chosen, "linux,initrd-end", &end) || end <= start) {
		log_error("device tree: /chosen: linux,initrd-start and linux,initrd-end make no "
			  "sense; there is no VM bundle");
		return;
	}
	if (!region_contains(&out->memory, start, end - start)) {
		log_error("device tree: /chosen: the initrd at 0x%llx to 0x%llx is not in RAM; "
			  "there is no VM bundle",
			  (unsigned long long)start, (unsigned long long)end);
		return;
	}
	if (region_meets(&out->no_map, start, end - start)) {
		log_error("device tree: /chosen: the initrd at 0x%llx to 0x%llx is in memory that "
			  "must not be mapped; there is no VM bundle",
			  (unsigned long long)start, (unsigned long long)end);
		return;
	}
	out->has_bundle = true;
	out->bundle_base = start;
	out->bundle_size = end - start;
}

static u64 read_seed(const void *fdt, int chosen, const char *name)
{
	int length;
	const u8 *bytes = fdt_getprop(fdt, chosen, name, &length);
	u64 seed = 0;

	for (int i = 0; bytes != NULL && i < length; i++)
		seed = (seed << 8 | seed >> 56) ^ bytes[i];
	return seed;
}

enum status discover(const void *fdt, const struct uart_driver *const *drivers, u64 boot_id,
		     struct discovered *out)
{
	int chosen = fdt_path_offset(fdt, "/chosen");
	enum status status;

	memset(out, 0, sizeof(*out));
	tree_begin();
	discover_uart(fdt, chosen, drivers, out);
	status = discover_memory(fdt, out);
	if (status == STATUS_OK)
		status = discover_harts(fdt, boot_id, out);
	if (status != STATUS_OK)
		return status;
	discover_contexts(fdt, out);
	if (chosen >= 0) {
		discover_bundle(fdt, chosen, out);
		out->seed =
			read_seed(fdt, chosen, "rng-seed") ^ read_seed(fdt, chosen, "kaslr-seed");
	}
	return STATUS_OK;
}
