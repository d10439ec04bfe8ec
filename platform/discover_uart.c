/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which serial port is the operator's, and how its interrupt reaches a hart. The PLIC is looked at
 * only as far as the port needs it.
 */
#include "platform/discover.h"

#include <libfdt.h>
#include <string.h>

#include "hyp/csr.h"
#include "hyp/log.h"
#include "platform/plic.h"
#include "platform/tree.h"

#define REG_SHIFT_MAX 12

/* Ports that turn out useless before the search ends: for each the tree is walked from its
 * beginning. */
#define PORT_TRIES_MAX 64

static const struct uart_driver *find_driver(const void *fdt, int node,
					     const struct uart_driver *const *drivers)
{
	for (; *drivers != NULL; drivers++) {
		for (const char *const *name = (*drivers)->compatible; *name != NULL; name++) {
			if (fdt_node_check_compatible(fdt, node, *name) == 0)
				return *drivers;
		}
	}
	return NULL;
}

static u32 property(const void *fdt, int node, const char *name, u32 missing)
{
	u32 value;

	return tree_u32(fdt, node, name, &value) ? value : missing;
}

/* Trees in the field are careless about the size of plain byte registers and may give 1, so there
 * the page that holds the first is taken to hold the others. */
static bool registers_fit(const struct uart *uart, unsigned count)
{
	u64 span = ((count - 1ULL) << uart->reg_shift) + uart->reg_width;

	return count == 0 || span <= uart->size ||
	       (uart->reg_shift == 0 && span <= PAGE_SIZE - uart->base % PAGE_SIZE);
}

static bool read_uart(const void *fdt, int node, unsigned register_count, struct uart *uart)
{
	u32 offset = property(fdt, node, "reg-offset", 0);
	u64 clock_hz;

	if (tree_reg(fdt, node, 0, &uart->base, &uart->size) != STATUS_OK)
		return false;
	region_clip(&uart->base, &uart->size);
	uart->reg_shift = property(fdt, node, "reg-shift", 0);
	uart->reg_width = property(fdt, node, "reg-io-width", 1);
	if (uart->reg_shift > REG_SHIFT_MAX || offset >= uart->size ||
	    (uart->reg_width != 1 && uart->reg_width != 2 && uart->reg_width != 4))
		return false;
	uart->base += offset;
	uart->size -= offset;
	/* Page 0 stays unmapped for the sake of null pointers. */
	if (uart->base < PAGE_SIZE || !is_aligned(uart->base, uart->reg_width) ||
	    !is_aligned(1ULL << uart->reg_shift, uart->reg_width) ||
	    !registers_fit(uart, register_count))
		return false;
	uart->clock_hz = tree_number(fdt, node, "clock-frequency", &clock_hz) ? clock_hz : 0;
	uart->speed = property(fdt, node, "current-speed", 0);
	return true;
}

/* The number of the hart's S-mode context: contexts are the entries of "interrupts-extended", each
 * a hart's controller and the interrupt to raise there. */
static int find_context(const void *fdt, int plic, u32 controller,
			const struct discovered_plic *desc)
{
	int length;
	const fdt32_t *cells = fdt_getprop(fdt, plic, "interrupts-extended", &length);

	if (cells == NULL || controller == 0)
		return -1;
	for (int i = 0; i < length / 8; i++) {
		const fdt32_t *pair = cells + 2 * (s64)i;

		if (fdt32_ld(pair) == controller && fdt32_ld(pair + 1) == IRQ_S_EXT &&
		    plic_has_context(desc->size, i))
			return i;
	}
	return -1;
}

static bool read_plic(const void *fdt, int node, struct discovered_plic *plic)
{
	u32 count;

	if (fdt_node_check_compatible(fdt, node, "sifive,plic-1.0.0") != 0 &&
	    fdt_node_check_compatible(fdt, node, "riscv,plic0") != 0)
		return false;
	if (tree_reg(fdt, node, 0, &plic->base, &plic->size) != STATUS_OK)
		return false;
	region_clip(&plic->base, &plic->size);
	count = property(fdt, node, "riscv,ndev", PLIC_SOURCE_MAX);
	plic->source_count = count < PLIC_SOURCE_MAX ? count : PLIC_SOURCE_MAX;
	return plic->base >= PAGE_SIZE && is_aligned(plic->base, PAGE_SIZE) &&
	       plic_has_context(plic->size, 0);
}

/* Without a usable interrupt the port is polled, so nothing here is an error. */
static void connect_interrupt(const void *fdt, int node, struct discovered *out)
{
	int controller;
	u32 number;

	if (tree_interrupt(fdt, node, &controller, &number) != STATUS_OK ||
	    !read_plic(fdt, controller, &out->plic) || number == 0 ||
	    number > out->plic.source_count)
		return;
	out->has_plic = true;
	out->uart.interrupt = number;
	out->plic_node = controller;
}

static bool try_node(const void *fdt, int node, const struct uart_driver *const *drivers,
		     struct discovered *out)
{
	const struct uart_driver *driver = find_driver(fdt, node, drivers);

	if (driver == NULL || !tree_is_okay(fdt, node))
		return false;
	if (!read_uart(fdt, node, driver->register_count, &out->uart)) {
		if (tree_may_complain())
			log_error("device tree: %s: its registers cannot be used as described",
				  tree_path(fdt, node));
		return false;
	}
	out->uart.driver = driver;
	out->has_uart = true;
	connect_interrupt(fdt, node, out);
	return true;
}

/* /chosen/stdout-path: a path or an alias, and options behind a colon. */
static int find_stdout(const void *fdt, int chosen)
{
	const char *path = fdt_stringlist_get(fdt, chosen, "stdout-path", 0, NULL);

	if (path == NULL)
		return -1;
	/* libfdt 1.6 follows an alias of an alias, and one of itself for ever. */
	if (*path != '/') {
		const char *target = fdt_get_alias_namelen(fdt, path, (int)strcspn(path, "/:"));

		if (target == NULL || *target != '/')
			return -1;
	}
	return fdt_path_offset_namelen(fdt, path, (int)strcspn(path, ":"));
}

void discover_uart(const void *fdt, int chosen, const struct uart_driver *const *drivers,
		   struct discovered *out)
{
	unsigned tries = 0;
	int node;

	/* Some other port may be wired to anything. The firmware knows the one that was named. */
	if (chosen >= 0 && fdt_getprop(fdt, chosen, "stdout-path", NULL) != NULL) {
		node = find_stdout(fdt, chosen);
		if (node < 0 || !try_node(fdt, node, drivers, out))
			log_info("device tree: /chosen: stdout-path leads to no port that can be "
				 "driven; the firmware's console is used");
		return;
	}
	for (node = fdt_next_node(fdt, -1, NULL); node >= 0 && tries < PORT_TRIES_MAX;
	     node = fdt_next_node(fdt, node, NULL)) {
		if (find_driver(fdt, node, drivers) == NULL || !tree_is_okay(fdt, node))
			continue;
		if (try_node(fdt, node, drivers, out))
			return;
		tries++;
	}
}

void discover_contexts(const void *fdt, struct discovered *out)
{
	for (unsigned i = 0; out->has_plic && i < out->hart_count; i++)
		out->harts[i].plic_context =
			find_context(fdt, out->plic_node, out->harts[i].controller, &out->plic);
}
