/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the device tree says about the machine. All of it is a claim: harts and extensions are tried
 * before they are believed (probe.h), and numbers are checked before they are used.
 *
 * Nothing here touches a CSR or a device, so that the host tests can run it on trees of their own.
 */
#pragma once

#include "hyp/hw.h"
#include "hyp/status.h"
#include "hyp/types.h"
#include "platform/region.h"
#include "platform/uart.h"

struct discovered_hart {
	u64 id;
	int node;	  /* in the tree, for isalist_read() */
	u32 controller;	  /* phandle of its own interrupt controller, 0 for none */
	int plic_context; /* its S-mode context at the PLIC, -1 for none */
};

struct discovered_plic {
	u64 base;
	u64 size;
	u32 source_count; /* sources are 1 to source_count */
};

struct discovered {
	struct region_set memory;   /* what the tree calls RAM */
	struct region_set reserved; /* parts of it that are not ours to use */
	struct region_set no_map;   /* parts of RAM that must not even be mapped */

	struct discovered_hart harts[HW_HART_MAX];
	unsigned hart_count;
	u64 timebase_hz;

	bool has_bundle;
	u64 bundle_base, bundle_size;

	bool has_uart;
	struct uart uart;
	bool has_plic; /* the UART's interrupt goes to this one */
	int plic_node;
	struct discovered_plic plic;

	u64 seed; /* unpredictable if the loader left a seed */
};

/* Says whether there is a tree at all that libfdt can walk without leaving it. NULL if so, else
 * what is wrong with it: "the device tree" and this make a sentence. */
const char *discover_check_tree(const void *fdt);

/* Fills the result from a tree that passed. Each part prints a line for what it cannot use and goes
 * on, or returns an error after the line that says why the machine cannot be started. boot_id is
 * the hart that will be among those found in any case, if the tree has it. */
enum status discover(const void *fdt, const struct uart_driver *const *drivers, u64 boot_id,
		     struct discovered *out) MUST_CHECK;

/* The parts of discover(), each in a file of its own. */
enum status discover_memory(const void *fdt, struct discovered *out) MUST_CHECK;
enum status discover_harts(const void *fdt, u64 boot_id, struct discovered *out) MUST_CHECK;
void discover_uart(const void *fdt, int chosen, const struct uart_driver *const *drivers,
		   struct discovered *out);
void discover_contexts(const void *fdt, struct discovered *out);
