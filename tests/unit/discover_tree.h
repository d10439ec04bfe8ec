/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of discovery: the part of platform/ that reads device trees and touches no hardware
 * (the host's build makes a library of hyp/ only, so each test compiles it itself), and a tree of a
 * small machine, in which a test changes what it is about.
 */
#pragma once

#include "tests/fake/fake_hw.h"
#include "tests/unit/discover_sources.h"

#define TREE_SIZE KIB(64)

static const char *const port_names[] = {"test,port", NULL};
static const char *const other_names[] = {"test,other-port", NULL};
static const struct uart_driver port = {.compatible = port_names, .register_count = 8};
static const struct uart_driver other_port = {.compatible = other_names, .register_count = 8};
static const struct uart_driver *const drivers[] = {&port, &other_port, NULL};

static void *tree;
static struct discovered found;

static inline int at(const char *path)
{
	int node = fdt_path_offset(tree, path);

	assert_true(node >= 0);
	return node;
}

static inline void add(const char *parent, const char *name)
{
	assert_true(fdt_add_subnode(tree, at(parent), name) >= 0);
}

static inline void set_string(const char *path, const char *name, const char *value)
{
	assert_int_equal(fdt_setprop_string(tree, at(path), name, value), 0);
}

static inline void set_cells(const char *path, const char *name, unsigned count, const u32 *cells)
{
	assert_int_equal(fdt_setprop(tree, at(path), name, NULL, 0), 0);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(fdt_appendprop_u32(tree, at(path), name, cells[i]), 0);
}

#define SET(path, name, ...)                                                    \
	set_cells(path, name, sizeof((const u32[]){__VA_ARGS__}) / sizeof(u32), \
		  (const u32[]){__VA_ARGS__})

static inline void remove_property(const char *path, const char *name)
{
	assert_int_equal(fdt_delprop(tree, at(path), name), 0);
}

static inline void add_memory(const char *name, u32 base_high, u32 base, u32 size_high, u32 size)
{
	char path[32];

	snprintf(path, sizeof(path), "/%s", name);
	add("/", name);
	set_string(path, "device_type", "memory");
	SET(path, "reg", base_high, base, size_high, size);
}

static inline void add_cpu(u32 id, u32 phandle)
{
	char name[16], path[40];

	snprintf(name, sizeof(name), "cpu@%x", id);
	snprintf(path, sizeof(path), "/cpus/%s", name);
	add("/cpus", name);
	set_string(path, "device_type", "cpu");
	SET(path, "reg", id);
	add(path, "interrupt-controller");
	strcat(path, "/interrupt-controller");
	set_string(path, "compatible", "riscv,cpu-intc");
	SET(path, "#interrupt-cells", 1);
	SET(path, "phandle", phandle);
}

static inline void add_devices(void)
{
	add("/", "soc");
	SET("/soc", "#address-cells", 1);
	SET("/soc", "#size-cells", 1);
	SET("/soc", "interrupt-parent", 20);
	assert_int_equal(fdt_setprop(tree, at("/soc"), "ranges", NULL, 0), 0);
	add("/soc", "plic@c000000");
	set_string("/soc/plic@c000000", "compatible", "riscv,plic0");
	SET("/soc/plic@c000000", "phandle", 20);
	SET("/soc/plic@c000000", "#interrupt-cells", 1);
	SET("/soc/plic@c000000", "reg", 0xc000000, 0x600000);
	SET("/soc/plic@c000000", "riscv,ndev", 50);
	SET("/soc/plic@c000000", "interrupts-extended", 10, 11, 10, 9, 12, 11, 12, 9);
	add("/soc", "serial@10000000");
	set_string("/soc/serial@10000000", "compatible", "test,port");
	SET("/soc/serial@10000000", "reg", 0x10000000, 0x100);
	SET("/soc/serial@10000000", "interrupts", 7);
}

/* Harts 0 and 5, 1 GiB at 2 GiB, one port behind a PLIC. */
static inline int set_up(void **state)
{
	(void)state;
	fake_start(NULL);
	tree = test_calloc(1, TREE_SIZE);
	assert_int_equal(fdt_create_empty_tree(tree, TREE_SIZE), 0);
	SET("/", "#address-cells", 2);
	SET("/", "#size-cells", 2);
	add_devices();
	add("/", "chosen");
	set_string("/chosen", "stdout-path", "/soc/serial@10000000");
	add("/", "cpus");
	SET("/cpus", "#address-cells", 1);
	SET("/cpus", "#size-cells", 0);
	SET("/cpus", "timebase-frequency", 10000000);
	add_cpu(5, 12);
	add_cpu(0, 10);
	add_memory("memory@80000000", 0, 0x80000000, 0, 0x40000000);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	test_free(tree);
	return 0;
}

static inline enum status look(void)
{
	assert_null(discover_check_tree(tree));
	fake_console_clear();
	return discover(tree, drivers, 0, &found);
}

static inline void assert_said(const char *text)
{
	if (strstr(fake_console_output(), text) == NULL)
		fail_msg("'%s' is not in: %s", text, fake_console_output());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
